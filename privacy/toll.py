"""What a call that would leave this machine has to pass: it is let go, or it is not made."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from privacy.content import Message

AROUND = 16
"""Tokens at the most that a provider puts around a message, and around all of them."""


@dataclass(frozen=True)
class Sending:
    """A call that is about to go to a remote model."""

    to: str
    """The model, as people name it."""
    messages: Sequence[Message]
    input: int
    """Tokens at the most: no tokenizer makes more of a text than it has bytes."""
    output: int


def sending(to: str, messages: Sequence[Message], schema: Mapping[str, Any] | None, writes: int) -> Sending:
    said = [message.text for message in messages] + ([json.dumps(schema)] if schema else [])
    size = sum(len(text.encode("utf-8", "replace")) + AROUND for text in said)
    return Sending(to, messages, size + AROUND, writes)


class Toll(Protocol):
    async def paid(self, sending: Sending) -> str | None:
        """Before it goes: what it is called in the books, if anything; a ModelFailed where it may not go."""
        ...

    async def cost(self, call: str, input: int, output: int) -> None:
        """It is over, and this is what the provider counted; nobody says so of a call of which nobody knows."""
        ...


class Free:
    """Lets everything go."""

    async def paid(self, sending: Sending) -> str | None:
        return None

    async def cost(self, call: str, input: int, output: int) -> None:
        pass
