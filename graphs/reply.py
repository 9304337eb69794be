"""What a run of the graph gives back: the JSON of `tandem ask --json`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from typing_extensions import TypedDict

from graphs import words
from graphs.state import Answer, Cited, Part, State, ToolCall, Waiting
from models.asking import Call, Role
from privacy.content import Text


class PartReply(TypedDict):
    question: str
    intent: str
    score: float
    confidence: float
    route: str
    writer: str | None
    model: str | None
    grounded: bool
    escalated: bool
    abstained: bool
    reason: str


class Receipt(TypedDict):
    """What left this machine for the answer, and what it would have cost to send everything."""

    sent: bool
    to: str | None
    tokens: int
    cost_usd: float
    masked: dict[str, int]
    passages: list[dict[str, Any]]
    all_large_tokens: int
    all_large_cost_usd: float
    estimated: bool
    """Whether the two before it are estimates, because tiktoken's table is not loaded."""


class Reply(TypedDict):
    id: str | None
    thread: str
    question: str
    answer: str
    route: str
    intent: str
    score: float
    waiting: Waiting | None
    parts: list[PartReply]
    citations: list[Cited]
    tools: list[ToolCall]
    receipt: Receipt
    usage: dict[str, dict[str, int]]
    notices: list[str]
    path: list[str]
    ms: dict[str, float]


Prices = tuple[float, float]
"""USD per million tokens: input, output."""


def reply(
    state: State,
    waiting: Waiting | None,
    thread: str,
    path: Sequence[str],
    ms: float,
    calls: Sequence[Call],
    prices: Prices,
    exact: bool,
    notices: Sequence[str],
) -> Reply:
    answers = sorted(state.get("answers", []), key=lambda answer: answer["part"]["number"])
    parts = [_part(answer) for answer in answers] if waiting is None else [_unanswered(part) for part in state["parts"]]
    first = parts[0]
    return Reply(
        id=None,
        thread=thread,
        question=state["question"],
        answer=waiting["question"] if waiting else state["answer"],
        route="ask_back" if waiting else first["route"],
        intent=first["intent"],
        score=first["score"],
        waiting=waiting,
        parts=parts,
        citations=[] if waiting else state["citations"],
        tools=[call for answer in answers for call in answer["tools"]],
        receipt=_receipt(answers, calls, prices, exact),
        usage={"small": _usage(calls, "triage", "small"), "large": _usage(calls, "large")},
        notices=[*notices, *([] if waiting else state["notices"])],
        path=[*path],
        ms={"total": round(ms, 1)},
    )


def _part(answer: Answer) -> PartReply:
    return {
        **_unanswered(answer["part"]),
        "writer": answer["writer"],
        "model": answer["model"],
        "grounded": answer["grounded"],
        "escalated": answer["escalated"],
        "abstained": answer["abstained"],
        "reason": words.because(answer["reason"], answer["part"]["by"]),
    }


def _unanswered(part: Part) -> PartReply:
    return PartReply(
        question=part["question"],
        intent=part["intent"],
        score=part["score"],
        confidence=part["confidence"],
        route=part["route"],
        writer=None,
        model=None,
        grounded=False,
        escalated=False,
        abstained=False,
        reason="It waits for your reply." if part["route"] == "ask_back" else "",
    )


def _receipt(answers: Sequence[Answer], calls: Sequence[Call], prices: Prices, exact: bool) -> Receipt:
    left = [call for call in calls if call.remote and call.sent]
    taken, given = (sum(answer["would"][way] for answer in answers) for way in ("input", "output"))
    return Receipt(
        sent=bool(left),
        to=", ".join(dict.fromkeys(call.model for call in left)) or None,
        tokens=sum(call.input for call in left),
        cost_usd=_cost(sum(call.input for call in left), sum(call.output for call in left), prices),
        masked={},
        passages=[*_passages(text for call in left for text in call.sent)],
        all_large_tokens=taken + given,
        all_large_cost_usd=_cost(taken, given, prices),
        estimated=not exact,
    )


def _cost(taken: int, given: int, prices: Prices) -> float:
    return round((taken * prices[0] + given * prices[1]) / 1e6, 6)


def _passages(sent: Iterable[Text]) -> Iterator[dict[str, Any]]:
    """Those among what was sent, each once."""
    for text in dict.fromkeys(sent):
        place, comma, page = text.origin.rpartition(", page ")
        if comma:
            collection, _, source = place.partition("/")
            yield {"collection": collection, "source": source, "page": int(page), "label": text.label}


def _usage(calls: Sequence[Call], *roles: Role) -> dict[str, int]:
    asked = [call for call in calls if call.role in roles]
    return {"input": sum(call.input for call in asked), "output": sum(call.output for call in asked)}
