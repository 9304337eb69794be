"""What a run may use, handed in as one value; apps/wiring.py builds it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from graphs.routing import Policy
from graphs.state import Part, ToolCall, Writer
from models.embedded.triage import Heard
from models.found import Draft, Found


class Triage(Protocol):
    """A message -> its parts, or all of it as one; `earlier` are the thread's questions before it."""

    async def read(self, message: str, earlier: Sequence[str] = (), whole: bool = False) -> list[Heard]: ...

    def place(self, reply: str) -> str | None: ...


class Finder(Protocol):
    """A question -> what the documents say of it."""

    async def find(self, question: str, collections: Sequence[str], favoured: str | None) -> Found: ...


class DocumentWriter(Protocol):
    """Evidence -> an answer that cites it."""

    @property
    def kind(self) -> Writer: ...

    @property
    def name(self) -> str: ...

    async def write(self, question: str, found: Found) -> Draft: ...


class Chat(Protocol):
    """Small talk, and what this installation can do."""

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
    small: DocumentWriter
    chat: Chat
    tools: Mapping[str, Tool]
    tokens: Counter
    policy: Policy
