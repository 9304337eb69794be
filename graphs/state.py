"""What one question carries through the graph: plain values in the thread, found things only inside a branch."""

from typing import Annotated, Any, Literal

from langgraph.channels import UntrackedValue
from typing_extensions import TypedDict

from ingest.labels import Label
from models.embedded.triage import By
from models.found import Draft, Found

Writer = Literal["embedded", "small", "large", "tool"]
Verdict = Literal["grounded", "escalate", "not grounded", "no answer"]
"""Of a draft: it is said, asked of the large model, replaced by the documents' own words, or none is given."""


class Part(TypedDict):
    """One intent of a question."""

    number: int
    question: str
    search: str
    """What to look for in the documents: the question, with what a follow-up leaves unsaid."""
    intent: str
    score: float
    """How hard it is for a small model, 0 to 10."""
    confidence: float
    by: By
    """Who decided all this."""
    place: str | None
    collection: str | None
    """Where its intent expects the answer."""
    in_documents: bool | None
    """For a part of no sure intent: whether the documents answered it when they were tried; None when not tried."""
    tokens: int
    label: Label
    """The strictest of what its conversation has touched so far; a question in itself is its asker's, and public."""
    route: str


class Cited(TypedDict):
    """A citation as the user gets it."""

    n: int
    collection: str
    source: str
    page: int
    quote: str
    """Words that stand on that page."""


class ToolCall(TypedDict):
    name: str
    arguments: dict[str, Any]
    result: dict[str, Any]


class Answer(TypedDict):
    """One part, answered."""

    part: Part
    text: str
    """With `[n]` where it stands on citation n, counted within this answer."""
    citations: list[Cited]
    writer: Writer | None
    model: str | None
    grounded: bool
    escalated: bool
    abstained: bool
    reason: str
    """Why it was answered so, in one sentence."""
    tools: list[ToolCall]
    notices: list[str]
    label: Label
    """The strictest of what it was written from."""
    would: dict[str, int]
    """The tokens, `input` and `output`, had this part been sent to a large model."""


class Turn(TypedDict):
    """An earlier question of the thread."""

    question: str
    answer: str
    intent: str
    label: Label
    """The strictest of what it was written from."""


class Waiting(TypedDict):
    """What is asked back before a part can go on."""

    question: str
    choices: list[str]


def collected(before: list[Answer], new: list[Answer] | None) -> list[Answer]:
    """Branches add their answers; None empties the list when a question starts."""
    return [] if new is None else [*before, *new]


class State(TypedDict, total=False):
    """One question, and the thread it stands in."""

    question: str
    collections: list[str]
    """Those that the asker may read; one, when the asker named it."""
    pinned: bool
    """Whether the asker named it: then its documents answer, whatever the intent."""
    parts: list[Part]
    part: Part
    """The part that the user's reply has completed."""
    answers: Annotated[list[Answer], collected]
    answer: str
    citations: list[Cited]
    notices: list[str]
    turns: list[Turn]


class PartState(TypedDict):
    """What a branch is sent: one part, the collections its asker may read, and the conversation before it."""

    part: Part
    collections: list[str]
    turns: list[Turn]


class DocumentsState(PartState, total=False):
    """One part on its way through the documents; a thread remembers the answer, not all that was read for it."""

    found: Annotated[Found, UntrackedValue]
    draft: Annotated[Draft | None, UntrackedValue]
    """None: the model that should have written it failed."""
    by: Writer
    """Who wrote the draft."""
    model: str
    """And which model that is."""
    escalated: bool
    """Whether the large model was asked; it is asked once."""
    verdict: Verdict
    answers: list[Answer]


class Answers(TypedDict):
    """What a branch hands back."""

    answers: list[Answer]
