"""Cases -> rows: each question asked and searched for, and its answer scored."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from evals.cases import Case
from evals.metrics import Place, figures_recall, first_hit, precision, recall, token_f1
from graphs.reply import Reply
from ingest.errors import Trouble
from models.found import Found

Scores = dict[str, float]
Progress = Callable[[int], None]
"""Told how many questions are done."""


class Asked(Protocol):
    """The assistant that is measured."""

    async def ask(self, case: Case) -> Reply:
        """A case with a thread goes on with that conversation."""
        ...

    async def find(self, case: Case, earlier: Sequence[str]) -> Found:
        """What a search alone gives; `earlier` are the thread's questions before it."""
        ...


@dataclass(frozen=True)
class Searched:
    """What a search gave."""

    places: Sequence[Place]
    """Where its passages start, best first."""
    answered: bool
    confidence: float


@dataclass(frozen=True)
class Row:
    """A case, asked."""

    case: Case
    reply: Reply | None
    searched: Searched | None
    scores: Scores
    trouble: Trouble | None = None


async def asked(
    cases: Sequence[Case], assistant: Asked, score_above: float, progress: Progress = lambda *_: None
) -> list[Row]:
    """Each case in order, one at a time, so that its time is its own."""
    rows: list[Row] = []
    earlier: dict[str, list[str]] = defaultdict(list)
    for done, case in enumerate(cases, 1):
        before = earlier[case.thread] if case.thread else []
        rows.append(await _row(case, assistant, [*before], score_above))
        before.append(case.question)
        progress(done)
    return rows


async def searched(
    cases: Sequence[Case], assistant: Asked, progress: Progress = lambda *_: None
) -> list[tuple[Case, Searched]]:
    """Only looked for in the documents."""
    found = []
    for done, case in enumerate(cases, 1):
        found.append((case, _seen(await assistant.find(case, []))))
        progress(done)
    return found


async def _row(case: Case, assistant: Asked, earlier: Sequence[str], score_above: float) -> Row:
    try:
        # Asked first: what a search leaves in memory would make the answer's time look better.
        reply = await assistant.ask(case)
        seen = _seen(await assistant.find(case, earlier))
    except Trouble as trouble:
        return Row(case, None, None, {}, trouble)
    return Row(case, reply, seen, scored(case, reply, seen, score_above))


def _seen(found: Found) -> Searched:
    places = [(passage.source, passage.page) for passage in found.evidence.passages]
    return Searched(places, found.answered, found.confidence)


# One row's scores, each only where the case says what is right ---------------------------------------------------


def scored(case: Case, reply: Reply, seen: Searched, score_above: float) -> Scores:
    return {
        **_routing(case, reply, score_above),
        **_retrieval(case, seen),
        **_citations(case, reply),
        **_answer(case, reply),
        **_refusal(case, reply),
    }


def abstained(reply: Reply) -> bool:
    """Whether no part of it is an answer."""
    return all(part["abstained"] for part in reply["parts"])


def _routing(case: Case, reply: Reply, score_above: float) -> Scores:
    scores: Scores = {}
    if case.route is not None:
        scores["route"] = float(case.route in {reply["route"], *(part["route"] for part in reply["parts"])})
    if case.intent is not None:
        scores["intent"] = float(case.intent == reply["intent"])
    if case.complex is not None:
        hardest = max(part["score"] for part in reply["parts"])
        scores["complexity"] = float((hardest > score_above) == case.complex)
    return scores


def _retrieval(case: Case, seen: Searched) -> Scores:
    if not case.sources or case.answerable is False:
        return {}
    rank = first_hit(seen.places, case.sources)
    return {
        "hit_at_1": float(rank == 1),
        "hit_at_5": float(rank is not None and rank <= 5),
        "mrr_at_10": 1 / rank if rank else 0.0,
    }


def _citations(case: Case, reply: Reply) -> Scores:
    if not case.sources or case.answerable is False:
        return {}
    cited = [(citation["source"], citation["page"]) for citation in reply["citations"]]
    right = precision(cited, case.sources)
    return {
        **({} if right is None else {"citation_precision": right}),
        "citation_recall": recall(cited, case.sources),
    }


def _answer(case: Case, reply: Reply) -> Scores:
    """A refusal is no answer, whatever words it shares with one."""
    if case.answer is None or case.answerable is False:
        return {}
    text = "" if abstained(reply) else reply["answer"]
    exact = figures_recall(text, case.answer)
    return {"answer_f1": token_f1(text, case.answer), **({} if exact is None else {"figures_recall": exact})}


def _refusal(case: Case, reply: Reply) -> Scores:
    if case.answerable is None:
        return {}
    return {"false_refusals" if case.answerable else "correct_refusals": float(abstained(reply))}
