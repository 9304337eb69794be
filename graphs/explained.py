"""The boxes that a question went through: what each decided, on which figures, in which time, with which tokens."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypedDict

from graphs.routing import Policy
from graphs.state import Answer, Part
from ingest.labels import as_label, strictest
from models.asking import Call
from models.found import Draft, Found

Figure = str | float | bool | None


class Box(TypedDict):
    """A row of `tandem ask --explain`; `triage` has one for each part."""

    box: str
    part: int | None
    """Which part of the question; null where it is all of them."""
    decided: str
    figures: dict[str, Figure]
    ms: float | None
    """Null where an earlier row has it."""
    tokens: dict[str, int]


@dataclass
class Work:
    """One box at work."""

    name: str
    inside: tuple[str, ...]
    """The subgraph that it is in, told apart from others of its kind."""
    given: Mapping[str, Any]
    began: float = field(default_factory=time.perf_counter)
    ms: float = 0.0
    made: Mapping[str, Any] = field(default_factory=dict)
    waits: bool = False


@dataclass
class Works:
    """LangGraph's tasks, as they begin and end."""

    _begun: dict[str, Work] = field(default_factory=dict)
    done: list[Work] = field(default_factory=list)

    def see(self, inside: Sequence[str], task: Mapping[str, Any]) -> None:
        if "input" in task:
            given = task["input"] if isinstance(task["input"], dict) else {}
            within = inside[0].partition(":")[0] + ":" if inside else ""
            self._begun[task["id"]] = Work(within + task["name"], tuple(inside), given)
        elif (work := self._begun.get(task["id"])) is not None and work not in self.done:
            work.ms = 1000 * (time.perf_counter() - work.began)
            work.made = task["result"] if isinstance(task["result"], dict) else {}
            work.waits = bool(task["interrupts"])
            self.done.append(work)

    def boxes(self, names: Sequence[str], policy: Policy, calls: Sequence[Call]) -> list[Box]:
        """`names` are those of the path: a subgraph is no box of its own."""
        shown = [work for work in self.done if work.name in names]
        return [row for work in shown for row in _rows(work, self._after(work), policy, calls)]

    def times(self, names: Sequence[str]) -> dict[str, float]:
        """In ms; of a box that worked on several parts, all of it."""
        shown = [work for work in self.done if work.name in names]
        return {name: round(sum(w.ms for w in shown if w.name == name), 1) for name in dict.fromkeys(names)}

    def _after(self, work: Work) -> str | None:
        """The next box in the same subgraph, which is where the arrow led."""
        later = [one.name for one in self._begun.values() if one.inside == work.inside and one.began > work.began]
        return later[0].rpartition(":")[2] if later and work.inside else None


def _rows(work: Work, after: str | None, policy: Policy, calls: Sequence[Call]) -> Iterator[Box]:
    if work.name == "triage":
        for number, part in enumerate(work.made.get("parts", [])):
            own = [call for call in calls if call.role == "triage"] if number == 0 else []
            yield _row(work, number, f"{part['intent']}: {part['route']}", _of_triage(part, policy), own, number == 0)
        return
    part = work.given.get("part") if work.name != "compose" else None
    decided, figures = _decided(work, after, policy)
    yield _row(work, part["number"] if part else None, decided, figures, _own(work.name, part, calls))


def _row(
    work: Work, part: int | None, decided: str, figures: dict[str, Figure], calls: Sequence[Call], first: bool = True
) -> Box:
    tokens = {"input": sum(call.input for call in calls), "output": sum(call.output for call in calls)}
    ms = round(work.ms, 1) if first else None
    return Box(box=work.name, part=part, decided=decided, figures=figures, ms=ms, tokens=tokens)


def _of_triage(part: Part, policy: Policy) -> dict[str, Figure]:
    return {
        "by": part["by"],
        "confidence": round(part["confidence"], 2),
        "difficulty": round(part["score"], 1),
        "difficulty limit": policy.score_above,
        "tokens": part["tokens"],
        "tokens limit": policy.tokens_above,
    }


ARROWS = {"abstain": "nothing", "draft": "simple", "ask_large": "complex"}
"""From `retrieve`, as the diagram calls them."""


def _decided(work: Work, after: str | None, policy: Policy) -> tuple[str, dict[str, Figure]]:
    box, made = work.name.rpartition(":")[2], work.made
    if work.waits:
        return "waits for your reply", {}
    if box == "retrieve" and isinstance(found := made.get("found"), Found):
        return ARROWS.get(after or "", after or "done"), _of_evidence(found, work.given["part"], policy)
    if "draft" in made:
        return _of_draft(made)
    if box == "check":
        figures: dict[str, Figure] = {"writer": work.given.get("by")}
        draft = work.given.get("draft")
        return str(made.get("verdict", "done")), {**figures, **(_of_words(draft) if draft else {})}
    if box == "compose":
        answers = work.given.get("answers", [])
        return "answered", {"parts": len(answers), "citations": len(made.get("citations", []))}
    if box == "ask_back" and "part" in made:
        return f"goes on with {made['part']['place']}", {}
    return _of_answer(made["answers"][0]) if made.get("answers") else ("done", {})


def _of_evidence(found: Found, part: Part, policy: Policy) -> dict[str, Figure]:
    passages = found.evidence.passages
    return {
        "answered": found.answered,
        "confidence": round(float(found.confidence), 2),
        "passages": len(passages),
        "best": round(float(passages[0].score), 2) if passages else None,
        "strictest found": strictest(as_label(label) for label in found.labels) if passages else None,
        "difficulty": round(part["score"], 1),
        "difficulty limit": policy.score_above,
    }


def _of_draft(made: Mapping[str, Any]) -> tuple[str, dict[str, Figure]]:
    draft = made["draft"]
    if draft is None:
        return "failed", {"model": made.get("model")}
    flaw: dict[str, Figure] = {"flaw": draft.flaw} if draft.flaw else {}
    return "written", {"model": made.get("model"), **_of_words(draft), **flaw}


def _of_words(draft: Draft) -> dict[str, Figure]:
    return {"words": len(draft.text.split()), "citations": len(draft.citations)}


def _of_answer(answer: Answer) -> tuple[str, dict[str, Figure]]:
    decided = "abstained" if answer["abstained"] else "answered"
    return decided, {"model": answer["model"]} if answer["model"] else {}


ROLES = {"draft": {"small"}, "ask_large": {"large"}, "small": {"small"}, "large": {"large", "small"}}


def _own(name: str, part: Part | None, calls: Sequence[Call]) -> list[Call]:
    """The calls of a box: those of its role that were sent the part's question."""
    roles = ROLES.get(name.rpartition(":")[2], set())
    asked = {part["question"], part["search"]} if part else set()
    return [
        call
        for call in calls
        if call.role in roles and any(text.origin == "question" and text.text in asked for text in call.sent)
    ]
