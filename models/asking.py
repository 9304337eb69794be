"""One question on its way: until when its model calls may take, and what each of them did."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from models.found import Found
from privacy.content import Text
from privacy.failures import ModelFailed

Role = Literal["triage", "small", "large", "embed"]
SECONDS = 60.0


@dataclass(frozen=True)
class Call:
    """One request to one model."""

    role: Role
    model: str
    """As people name it: `ollama:phi4-mini`."""
    remote: bool
    ms: float
    first_ms: float | None = None
    """Until the first piece of its answer; None when there was none."""
    failure: str | None = None
    """The kind of failure, a word; None when it answered."""
    input: int = 0
    output: int = 0
    """Tokens, as the provider counts them; an estimate where it does not."""
    sent: Sequence[Text] = ()
    """What it was given."""


Outcome = Literal["valid", "repaired", "invalid", "failed"]


@dataclass(frozen=True)
class TriageSeen:
    """How the small model fared with one message."""

    outcome: Outcome
    agreed: bool | None
    """Whether its intents are the embedded triage's; None when it named none."""
    ms: float


@dataclass
class Asking:
    """Handed to every model call of a question: they share its time, and leave their trace here."""

    until: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    calls: list[Call] = field(default_factory=list)
    triage: list[TriageSeen] = field(default_factory=list)
    found: dict[tuple[str | None, ...], Found] = field(default_factory=dict)
    """What was looked for already, by the words, the collections and the favoured one."""
    notices: list[str] = field(default_factory=list)
    """What the user should know of how the models fared, in the order in which it happened."""

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.monotonic())

    given_up: dict[str, ModelFailed] = field(default_factory=dict)
    """Endpoints that this question does not try again, and why."""

    def answered(self, role: Role) -> str | None:
        """The model of that role that has just answered; of several endpoints it may be any."""
        return next((call.model for call in reversed(self.calls) if call.role == role and not call.failure), None)

    def note(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)
