"""A model to talk to, whatever serves it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Protocol

from models.asking import Asking, Role
from privacy.content import Message

Schema = Mapping[str, Any]
"""JSON Schema that the answer must follow."""


class Model(Protocol):
    @property
    def name(self) -> str:
        """As people name it: `ollama:phi4-mini`."""
        ...

    @property
    def context(self) -> int:
        """How many tokens it reads and writes in one call."""
        ...

    def stream(
        self,
        messages: Sequence[Message],
        asking: Asking,
        role: Role,
        *,
        schema: Schema | None = None,
        patience: float | None = None,
    ) -> AsyncIterator[str]:
        """The answer, piece by piece; raises ModelFailed when it is none, or does not end as an answer ends.

        `patience` is how many seconds it may take to its first piece, where something else can answer instead.
        """
        ...


async def whole(pieces: AsyncIterator[str]) -> str:
    return "".join([piece async for piece in pieces])
