"""Whose vectors the wide passages have: composed of their sentences', or made by an embedder that reads them whole."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ingest.errors import IndexUnusable, Trouble
from ingest.evidence import Vector, Vectors
from ingest.split import Sentence

EMBEDDED = "embedded"
HEADING_SHARE = 0.6
"""How much of a heading's vector is in each sentence's under it: of .3, .45, .6 and .9 none was clearly better."""


class Embedder(Protocol):
    """What turns whole passages into unit vectors of one size."""

    @property
    def name(self) -> str:
        """As people name it: `ollama:nomic-embed-text`."""
        ...

    def documents(self, texts: Sequence[str], size: int | None = None) -> Vectors:
        """A row for each text, of that size where it is known; or a Trouble."""
        ...


Embedders = Callable[[str], Embedder]
"""The embedder of that name, or a Trouble that says which there are."""


def no_embedders(name: str) -> Embedder:
    raise Trouble("That embedder is not connected.", name, "Connect it, or run: tandem embed embedded")


@dataclass(frozen=True)
class Space:
    """Vectors of different spaces cannot be compared, though they have the same size."""

    name: str
    """The embedder's; `embedded` when they are composed."""
    size: int = 0
    """Numbers in a vector; 0 when they are composed, since the encoder's name says it."""

    def __str__(self) -> str:
        return f"{self.name}/{self.size}"

    @staticmethod
    def read(written: str | None) -> "Space":
        """An index that says nothing was made when there was only one."""
        name, _, size = (written or str(COMPOSED)).rpartition("/")
        return Space(name, int(size))

    def holding(self, collection: str) -> str:
        """What Chroma calls the collection's vectors in this space."""
        if self == COMPOSED:
            return f"passages-{collection}"
        return f"space-{hashlib.sha256(str(self).encode()).hexdigest()[:12]}-{collection}"


COMPOSED = Space(EMBEDDED)


class Moved(IndexUnusable):
    """The index went to another space between a question's vector and its search: ask with a new one."""

    def __init__(self, space: Space) -> None:
        super().__init__(
            f"The index is searched with {space.name}.", space.name, "Ask with a vector of that embedder's."
        )


@dataclass(frozen=True)
class Wide:
    """What wide passages are searched with beside the question's words."""

    space: Space
    vector: Vector | None
    """None: by the words alone."""


@dataclass(frozen=True)
class Flat:
    """A document's sentences one after the other, each under its heading; a wide passage is a run of them."""

    called: str
    """The document, in words."""
    sentences: Sequence[Sentence]
    headings: Sequence[str]
    """Of each sentence."""
    own: Vectors
    above: Vectors
    """The encoder's row for each sentence, and for the heading it is under."""

    def text(self, start: int, stop: int) -> str:
        return " ".join(sentence.text for sentence in self.sentences[start:stop])

    def heads(self, start: int, stop: int) -> list[str]:
        return [*dict.fromkeys(self.headings[start:stop])]

    def titled(self, start: int, stop: int) -> str:
        """The text under the document's name and its headings, as an embedder reads it."""
        title = ": ".join(filter(None, [self.called, "; ".join(filter(None, self.heads(start, stop)))]))
        return f"{title}\n{self.text(start, stop)}"

    def composed(self, start: int, stop: int) -> Vector:
        sizes = np.array([len(sentence.text.split()) for sentence in self.sentences[start:stop]], np.float32)
        return composed(self.own[start:stop], self.above[start:stop], sizes)


def composed(own: Vectors, headings: Vectors, sizes: Vector) -> Vector:
    """A run of sentences' vector out of theirs and their headings', so that no text goes through the encoder twice."""
    mixed = (own + HEADING_SHARE * headings) * sizes[:, None]
    whole: Vector = mixed.sum(axis=0)
    return whole / max(float(np.linalg.norm(whole)), 1e-9)
