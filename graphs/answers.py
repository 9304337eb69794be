"""One part's answer, as each box hands it back."""

from collections.abc import Callable, Sequence
from typing import Any

from langgraph.runtime import Runtime

from graphs.context import Context
from graphs.state import Answer, Answers, Part, PartState, Turn
from ingest.labels import LABELS
from models.voice import Said


def one(part: Part, context: Context, text: str, *, sent: Sequence[str] = (), **known: Any) -> Answers:
    """`sent` is what a large model would have been sent for it besides the question."""
    would = {
        "input": sum(map(context.tokens.count, [part["question"], *sent])),
        "output": context.tokens.count(text),
    }
    empty = Answer(
        part=part, text=text, citations=[], writer=None, model=None, grounded=False, escalated=False,
        abstained=False, reason="", tools=[], notices=[], label="public", would=would,
    )  # fmt: skip
    return {"answers": [{**empty, **known}]}  # type: ignore[typeddict-item]


def said(turns: Sequence[Turn]) -> list[Said]:
    """What was kept without a label counts as restricted."""
    return [Said(turn["question"], turn["answer"], turn.get("label", LABELS[-1])) for turn in turns]


def saying(state: PartState, runtime: Runtime[Context]) -> Callable[[str | None], None]:
    """Shows a part's answer while it is written."""
    number = state["part"]["number"]
    return lambda text: runtime.stream_writer({"part": number, "text": text})
