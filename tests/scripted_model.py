"""A model that says what it is told to, and remembers what it was asked."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from models.asking import Asking, Role
from models.model import Schema
from privacy.content import Message
from privacy.failures import ModelFailed


@dataclass(frozen=True)
class Request:
    """One call of the model."""

    messages: Sequence[Message]
    role: Role
    schema: Schema | None
    patience: float | None


@dataclass
class ScriptedModel:
    """Its answers in order, a ModelFailed among them where a call is to fail; one call more is an IndexError."""

    answers: list[str | ModelFailed] = field(default_factory=list)
    asked: list[Request] = field(default_factory=list)
    name: str = "scripted"
    context: int = 4096

    async def stream(
        self,
        messages: Sequence[Message],
        asking: Asking,
        role: Role,
        *,
        schema: Schema | None = None,
        patience: float | None = None,
    ) -> AsyncIterator[str]:
        self.asked.append(Request([*messages], role, schema, patience))
        answer = self.answers.pop(0)
        if isinstance(answer, ModelFailed):
            raise answer
        middle = len(answer) // 2
        yield answer[:middle]
        yield answer[middle:]
