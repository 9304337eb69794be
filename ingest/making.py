"""A document as read -> its sections, passages and vectors; texts whose vectors are known are not embedded again."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import Protocol

import numpy as np

from ingest.evidence import Vector, Vectors
from ingest.spaces import COMPOSED, EMBEDDED, Embedders, Flat, Space
from ingest.split import Section, wide_spans
from ingest.store import DocumentRow, NewPassage, NewSection, SectionRow
from ingest.words import terms

AT_ONCE = 128
"""Passages that an interrupted move makes again at most."""

Known = Mapping[str, Vector]
"""Texts with the encoder's vectors."""


class Encoder(Protocol):
    """What turns text into unit vectors."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Vectors: ...


class Span(Protocol):
    """It is a document's sentences `start:stop`."""

    @property
    def start(self) -> int: ...
    @property
    def stop(self) -> int: ...


@dataclass(frozen=True)
class Made:
    """All that is stored of a document."""

    row: DocumentRow
    sections: Sequence[NewSection]
    passages: Sequence[NewPassage]
    flat: Flat
    embedded: int

    @property
    def ids(self) -> list[str]:
        return [passage.id for passage in self.passages]


class Maker:
    """Asks the encoder and the embedders for what is not known."""

    def __init__(self, encoder: Encoder, embedders: Embedders) -> None:
        self._encoder, self._embedders = encoder, embedders

    def made(self, row: DocumentRow, found: Sequence[Section], known: Known) -> Made:
        said = [sentence.text for section in found for sentence in section.sentences]
        heads = {_heading(row, section.name): row.named(section.name) for section in found}
        new = {**self._encoded(heads, known), **self._encoded({text: text for text in said}, known)}
        vectors = {**known, **new}
        flat = Flat(
            row.called,
            [sentence for section in found for sentence in section.sentences],
            [section.name for section in found for _ in section.sentences],
            np.stack([vectors[text] for text in said]),
            np.stack([vectors[_heading(row, section.name)] for section in found for _ in section.sentences]),
        )
        return Made(row, [*_sections(found, flat)], [*_passages(self._encoder.name, row, flat)], flat, len(new))

    def _encoded(self, texts: Mapping[str, str], known: Known) -> Known:
        """By their keys, the texts' vectors."""
        new = [key for key in texts if key not in known]
        return dict(zip(new, self._encoder.encode([texts[key] for key in new]), strict=True)) if new else {}

    def known(self, documents: Iterable[tuple[DocumentRow, Sequence[SectionRow]]]) -> Known:
        vectors: dict[str, Vector] = {}
        for row, found in documents:
            for section in found:
                vectors[_heading(row, section.heading)] = section.vectors[0]
                vectors.update(zip((sentence.text for sentence in section.sentences), section.vectors[1:], strict=True))
        return vectors

    def again(self, row: DocumentRow, found: Sequence[SectionRow]) -> Flat:
        """A document's sentences with their vectors, from what SQLite holds of it."""
        sizes = [len(section.sentences) for section in found]
        return Flat(
            row.called,
            [sentence for section in found for sentence in section.sentences],
            [section.heading for section in found for _ in section.sentences],
            np.vstack([section.vectors[1:] for section in found]),
            np.repeat([section.vectors[0] for section in found], sizes, axis=0),
        )

    def vectors(self, flat: Flat, spans: Sequence[Span], space: Space) -> Vectors:
        """Of the wide passages."""
        if not spans:
            return np.zeros((0, space.size), np.float32)
        if space == COMPOSED:
            return np.stack([flat.composed(span.start, span.stop) for span in spans])
        texts = [flat.titled(span.start, span.stop) for span in spans]
        return self._embedders(space.name).documents(texts, space.size)

    def reached(self, name: str) -> Space:
        """An embedder's space, once it has answered."""
        if name == EMBEDDED:
            return COMPOSED
        return Space(name, self._embedders(name).documents(["Is anybody there?"]).shape[1])


def _heading(row: DocumentRow, name: str) -> str:
    """The key of a heading's vector, which no sentence can have; under no heading, the title stands for it."""
    return f"{row.called}\0{name or row.title}"


def _sections(found: Sequence[Section], flat: Flat) -> Iterator[NewSection]:
    firsts = accumulate((len(section.sentences) for section in found), initial=0)
    for section, (first, after) in zip(found, pairwise(firsts), strict=True):
        yield NewSection(first, section, np.vstack([flat.above[first : first + 1], flat.own[first:after]]))


def _passages(encoder: str, row: DocumentRow, flat: Flat) -> Iterator[NewPassage]:
    """A passage has the same id wherever in its document it stands, so that it is known when the document changes."""
    seen: Counter[tuple[str, ...]] = Counter()
    title = terms(row.called)
    for start, stop in wide_spans(flat.sentences):
        says = (*flat.heads(start, stop), flat.text(start, stop))
        seen[says] += 1
        name = _digest(encoder, row.collection, row.source, row.title, str(seen[says]), *says)
        words = [*title, *(term for text in says for term in terms(text))]
        yield NewPassage(name, start, stop, words)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
