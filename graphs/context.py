"""What a run may use, handed in as one value; apps/wiring.py builds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from graphs.routing import Policy
from graphs.state import Part, ToolCall
from ingest.evidence import Passage
from ingest.labels import Label
from models.asking import SECONDS, Asking
from models.embedded.triage import Heard
from models.found import Draft, Found
from models.voice import Question, Say


class Triage(Protocol):
    """A message -> its parts, or all of it as one; `earlier` are the thread's questions before it."""

    async def read(
        self, message: str, earlier: Sequence[str] = (), whole: bool = False, *, asking: Asking, label: Label = "public"
    ) -> list[Heard]: ...

    def place(self, reply: str) -> str | None: ...


class Finder(Protocol):
    """A question -> what the documents say of it."""

    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found: ...


class Quoting(Protocol):
    """Evidence -> the documents' own words, cited; always there."""

    @property
    def name(self) -> str: ...

    async def write(self, question: str, found: Found) -> Draft: ...


class Voice(Protocol):
    """A language model: passages -> an answer that cites them, or a question of no documents -> an answer."""

    @property
    def name(self) -> str: ...

    async def write(self, question: Question, passages: Sequence[Passage], asking: Asking, say: Say) -> Draft: ...

    async def talk(self, question: Question, asking: Asking, say: Say) -> str: ...


class SmallTalk(Protocol):
    """Greetings, and what this installation can do; always there."""

    @property
    def name(self) -> str: ...

    async def reply(self, message: str) -> str: ...


class Tool(Protocol):
    """A part -> the sentence to answer with, and what was called for it."""

    async def answer(self, part: Part) -> tuple[str, list[ToolCall]]: ...


class Counter(Protocol):
    """Text -> its length in tokens."""

    @property
    def exact(self) -> bool: ...

    def count(self, text: str) -> int: ...

    def at_most(self, text: str, limit: int) -> int: ...


class ToolFailed(Exception):
    """A tool could not answer; the message is a sentence for the user."""


@dataclass(frozen=True)
class Context:
    triage: Triage
    finder: Finder
    quoting: Quoting
    small_talk: SmallTalk
    tools: Mapping[str, Tool]
    tokens: Counter
    policy: Policy
    small: Voice | None = None
    large: Voice | None = None
    seconds: float = SECONDS
    """A question's time."""
    asking: Asking = field(default_factory=Asking)
    """The question that is being asked; each gets one of its own."""
