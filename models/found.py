"""What was found for a question: the evidence, the words that answer it best, and whether they do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.evidence import Evidence


@dataclass(frozen=True)
class Citation:
    collection: str
    source: str
    page: int
    """Where the quote stands."""
    quote: str


@dataclass(frozen=True)
class Found:
    evidence: Evidence
    text: str
    """The quotation that answers best; empty when nothing fits at all."""
    citations: Sequence[Citation]
    answered: bool
    confidence: float
    unknown: Sequence[str]
    """The question's words that the documents do not know."""

    @property
    def labels(self) -> list[str]:
        return [passage.label for passage in self.evidence.passages]


@dataclass(frozen=True)
class Draft:
    """What a writer made of the evidence; `[1]` in its text is the first citation."""

    text: str
    citations: Sequence[Citation]
    flaw: Literal["declined", "unsupported"] | None = None
    """The writer found no answer in the passages, or began to say a figure that none of them says."""
