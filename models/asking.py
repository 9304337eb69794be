"""One question on its way: until when its model calls may take, and what each of them did."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from privacy.content import Text

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


@dataclass
class Asking:
    """Handed to every model call of a question: they share its time, and leave their trace here."""

    until: float = field(default_factory=lambda: time.monotonic() + SECONDS)
    calls: list[Call] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What the user should know of how the models fared, in the order in which it happened."""

    @property
    def left(self) -> float:
        """Seconds."""
        return max(0.0, self.until - time.monotonic())

    def note(self, notice: str) -> None:
        if notice not in self.notices:
            self.notices.append(notice)
