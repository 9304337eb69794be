"""What a search hands on: passages to cite, and the sections they stand in to read."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ingest.labels import Groups
from ingest.split import Sentence

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class Reading:
    """A section as the writer reads it."""

    collection: str
    source: str
    title: str
    heading: str
    label: str
    sentences: Sequence[Sentence]
    terms: Sequence[Sequence[str]]
    """Of each sentence, as `ingest.words.terms` makes them."""
    vectors: Vectors
    """A unit row for each sentence."""
    heading_vector: Vector
    score: float
    """The best among its passages, 0 to 1."""


class Statistics(Protocol):
    """How common a term is in the collections that were searched."""

    @property
    def passages(self) -> int: ...

    def containing(self, term: str) -> int: ...


@dataclass(frozen=True)
class Passage:
    """A piece of a document, with its pages."""

    collection: str
    source: str
    title: str
    label: str
    groups: Groups
    """Who may read it."""
    pages: list[int]
    heading: str
    text: str
    score: float
    sentences: Sequence[Sentence] = ()
    """Its text, each with its page."""

    @property
    def page(self) -> int:
        """Where it starts."""
        return self.pages[0]


@dataclass(frozen=True)
class Evidence:
    """What was found for a question, best first."""

    passages: Sequence[Passage]
    readings: Sequence[Reading]
    statistics: Statistics
