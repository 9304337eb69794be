"""What a run of the graph gives back: the JSON of `tandem ask --json`."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from typing_extensions import TypedDict

from graphs import words
from graphs.explained import Box
from graphs.state import Answer, Cited, Part, State, ToolCall, Waiting
from models.asking import Call, Role
from privacy.content import Text
from privacy.failures import UNBILLED
from privacy.prices import Price, dollars
from privacy.receipts import Cost


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


class CostReply(TypedDict):
    """What one model was sent, and what it gave; `usd` is null where its price is not known."""

    model: str
    input: int
    output: int
    usd: float | None


class Receipt(TypedDict):
    """What left this machine for the answer, and what it would have cost to send everything."""

    id: int | None
    """Its number in `tandem receipts`; null where it is not kept."""
    sent: bool
    to: str | None
    tokens: int
    output_tokens: int
    cost_usd: float | None
    """Null where a price is not known."""
    costs: list[CostReply]
    prices_as_of: str | None
    """The oldest day on which one of those prices was looked up."""
    services: list[str]
    """Tools that looked something up elsewhere for it."""
    masked: dict[str, int]
    passages: list[dict[str, Any]]
    all_large_tokens: int
    all_large_cost_usd: float
    estimated: bool
    """Whether the tokens of the two before it are estimates, because tiktoken's table is not loaded."""


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
    """In all, and of each box; of one that worked on several parts, the sum."""
    boxes: list[Box]
    """What each decided, in the order in which they were done."""


Prices = tuple[float, float]
"""USD per million tokens: input, output."""


@dataclass(frozen=True)
class Tariff:
    """What receipts are made out with."""

    all_large: Prices
    """Of the large model that would have been sent everything."""
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By the model's name."""
    services: Collection[str] = ()
    """Tools that look things up elsewhere."""


def reply(
    state: State,
    waiting: Waiting | None,
    thread: str,
    path: Sequence[str],
    ms: dict[str, float],
    calls: Sequence[Call],
    tariff: Tariff,
    exact: bool,
    notices: Sequence[str],
    boxes: Sequence[Box] = (),
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
        receipt=receipt(answers, calls, tariff, exact),
        usage={"small": _usage(calls, "triage", "small"), "large": _usage(calls, "large")},
        notices=[*notices, *([] if waiting else state["notices"])],
        path=[*path],
        ms=ms,
        boxes=[*boxes],
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


def receipt(answers: Sequence[Answer], calls: Sequence[Call], tariff: Tariff, exact: bool) -> Receipt:
    left, costs = _left(calls), costs_of(calls, tariff)
    taken, given = (sum(answer["would"][way] for answer in answers) for way in ("input", "output"))
    known = [tariff.prices[cost.model].as_of for cost in costs if cost.nano is not None]
    boxes = [answer["part"]["route"] for answer in answers]
    return Receipt(
        id=None,
        sent=bool(left),
        to=", ".join(cost.model for cost in costs) or None,
        tokens=sum(cost.input for cost in costs),
        output_tokens=sum(cost.output for cost in costs),
        cost_usd=_usd([cost.nano for cost in costs]),
        costs=[CostReply(model=c.model, input=c.input, output=c.output, usd=_usd([c.nano])) for c in costs],
        prices_as_of=min(known, default=None),
        services=[box for box in dict.fromkeys(boxes) if box in tariff.services],
        masked={},
        passages=[*_passages(text for call in left for text in call.sent)],
        all_large_tokens=taken + given,
        all_large_cost_usd=round((taken * tariff.all_large[0] + given * tariff.all_large[1]) / 1e6, 6),
        estimated=not exact,
    )


def costs_of(calls: Sequence[Call], tariff: Tariff) -> list[Cost]:
    """For each remote model that was sent something, in the order in which they were asked."""
    left = _left(calls)
    return [
        _cost(model, [call for call in left if call.model == model], tariff.prices.get(model))
        for model in dict.fromkeys(call.model for call in left)
    ]


def _left(calls: Sequence[Call]) -> list[Call]:
    return [call for call in calls if call.remote and call.sent]


def _cost(model: str, calls: Sequence[Call], price: Price | None) -> Cost:
    taken, given = _tokens(calls)
    billed = _tokens([call for call in calls if call.failure not in UNBILLED])
    return Cost(model, taken, given, price.cost(*billed) if price else None)


def _tokens(calls: Sequence[Call]) -> tuple[int, int]:
    return sum(call.input for call in calls), sum(call.output for call in calls)


def _usd(nanos: Sequence[int | None]) -> float | None:
    known = [nano for nano in nanos if nano is not None]
    return dollars(sum(known)) if len(known) == len(nanos) else None


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
