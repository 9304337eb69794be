"""Question -> evidence: the passages that fit it, best first, and the sections they stand in."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

import numpy as np

from ingest.evidence import Evidence, Passage, Reading, Vector
from ingest.index import Index
from ingest.spaces import COMPOSED, Moved, Space, Wide, composed
from ingest.split import small_spans
from ingest.store import DocumentRow, SectionRow
from ingest.words import terms

# Chosen with `tandem eval` on northwind-dev, all of it in sight; SUPERSEDED on evals/company.
CANDIDATES = 20
"""How many passages vectors and words each put forward."""
DENSE = 0.5
"""The share of the vectors' score beside the words', both over their best."""
NAMED = 0.05
"""For a document that the question calls by its name."""
FAVOURED = 0.05
"""For the collection that triage expects the answer in."""
SUPERSEDED = 0.3
"""Off for a document no longer in force, unless the question is about another time."""
THEN = re.compile(
    r"(?i)\b((19|20)\d\d|old|older|former|formerly|previous|previously|earlier|used to|back then|was|were)\b"
)
SECTIONS = 12
"""How many sections are handed on to be read."""


@dataclass(frozen=True)
class _Small:
    """About sixty words of a section: its vector and terms find what a wide passage waters down."""

    start: int
    stop: int
    vector: Vector
    counts: Mapping[str, int]
    size: int


@dataclass(frozen=True)
class _Candidate:
    """A run of a document's sentences, `start:stop`, and how well it fits."""

    document: int
    start: int
    stop: int
    score: float

    def overlaps(self, document: int, start: int, stop: int) -> bool:
        return self.document == document and self.start < stop and start < self.stop


class Retriever:
    """Searches an index; what it says of a question depends on nothing but the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._small = lru_cache(maxsize=2048)(self._small_in)
        self._edition = index.edition

    @property
    def passages(self) -> int:
        return self._index.size()

    @property
    def space(self) -> Space:
        """The one that wide passages are searched in."""
        self._refresh()
        return self._index.space()

    def containing(self, term: str) -> int:
        return self._index.containing(term)

    def search(
        self,
        question: str,
        query: Vector,
        collections: Sequence[str],
        k: int = 10,
        favoured: str | None = None,
        wide: Wide | None = None,
    ) -> Evidence:
        """At most k passages in those collections, and the sections to read.

        `query` is the encoder's vector; an index that was moved from it is searched with `wide`, or says where it went.
        """
        with self._index.reading():
            return self._searched(question, query, collections, k, favoured, wide or Wide(COMPOSED, query))

    def _searched(
        self, question: str, query: Vector, collections: Sequence[str], k: int, favoured: str | None, beside: Wide
    ) -> Evidence:
        self._refresh()
        if beside.space != self._index.space():
            raise Moved(self._index.space())
        words = terms(question)
        candidates = self._wide(beside.vector, words, collections)
        sections = {number: row for candidate in candidates for number, row in self._under(candidate)}
        small = self._small_scored(sections, query, words)
        ranked = self._with_names(_together(candidates, small), question, set(words), favoured)
        return Evidence([*islice(self._apart(ranked), k)], self._readings(ranked), self)

    def _refresh(self) -> None:
        self._index.refresh()
        if self._index.edition != self._edition:
            self._edition = self._index.edition
            self._small.cache_clear()

    def _wide(self, vector: Vector | None, words: Sequence[str], collections: Sequence[str]) -> list[_Candidate]:
        """The best by vectors and the best by words; looked for further down, so that each has both scores."""
        near = {} if vector is None else dict(self._index.nearest(vector, collections, 3 * CANDIDATES))
        # A word that most passages hold weighs nothing in BM25 and costs most of its time.
        telling = [word for word in words if self.containing(word) <= self.passages / 2] or words
        worded = dict(self._index.with_words(telling, collections, 6 * CANDIDATES))
        rows = [*dict.fromkeys([*islice(near, CANDIDATES), *islice(worded, CANDIDATES)])]
        dense = 0.0 if vector is None else DENSE
        scores = _mixed([near.get(row, 0.0) for row in rows], [worded.get(row, 0.0) for row in rows], dense)
        return [_Candidate(row.document, row.start, row.stop, s) for row, s in zip(rows, scores, strict=True)]

    def _under(self, candidate: _Candidate) -> list[tuple[int, SectionRow]]:
        return self._index.under(candidate.document, candidate.start, candidate.stop)

    def _small_scored(
        self, sections: Mapping[int, SectionRow], query: Vector, words: Sequence[str]
    ) -> list[_Candidate]:
        found = [(row.document, small) for number, row in sections.items() for small in self._small(number)]
        if not found:
            return []
        near = np.stack([small.vector for _, small in found]) @ query
        weights = {word: self._weight(word) for word in words}
        average = sum(small.size for _, small in found) / len(found)
        scores = _mixed(near.tolist(), [_bm25(small, weights, average) for _, small in found])
        return [_Candidate(d, small.start, small.stop, s) for (d, small), s in zip(found, scores, strict=True)]

    def _weight(self, word: str) -> float:
        held = self.containing(word)
        return math.log(1 + (self.passages - held + 0.5) / (held + 0.5))

    def _small_in(self, number: int) -> list[_Small]:
        row = self._index.section(number)
        heading = [*terms(self._index.document(row.document).called), *terms(row.heading)]
        sizes = np.array([len(sentence.text.split()) for sentence in row.sentences], np.float32)
        above = np.repeat(row.vectors[:1], len(row.sentences), axis=0)
        found = []
        for a, b in small_spans(row.sentences):
            words = [*heading, *(word for sentence in row.terms[a:b] for word in sentence)]
            vector = composed(row.vectors[1 + a : 1 + b], above[a:b], sizes[a:b])
            found.append(_Small(row.first + a, row.first + b, vector, Counter(words), len(words)))
        return found

    def _with_names(
        self, candidates: Sequence[_Candidate], question: str, words: set[str], favoured: str | None
    ) -> list[_Candidate]:
        """Best first, with what a document gains when the question calls it by a name that few others have."""
        documents = {c.document: self._index.document(c.document) for c in candidates}
        called = {number: set(terms(row.called)) for number, row in documents.items()}
        shared = Counter(word for name in called.values() for word in name)
        gain = {
            number: NAMED * min(1.0, sum(1 / shared[word] for word in called[number] & words))
            + FAVOURED * (row.collection == favoured)
            - SUPERSEDED * (row.superseded and not THEN.search(question))
            for number, row in documents.items()
        }
        scored = [_Candidate(c.document, c.start, c.stop, c.score + gain[c.document]) for c in candidates]
        return sorted(scored, key=lambda candidate: -candidate.score)

    def _apart(self, ranked: Iterable[_Candidate]) -> Iterator[Passage]:
        """Of two that begin on the same page and overlap, only the better one."""
        kept: list[tuple[int, _Candidate]] = []
        for candidate in ranked:
            passage = self._passage(candidate)
            again = any(
                passage.page == page and candidate.overlaps(other.document, other.start, other.stop)
                for page, other in kept
            )
            if not again:
                kept.append((passage.page, candidate))
                yield passage

    def _passage(self, candidate: _Candidate) -> Passage:
        document = self._index.document(candidate.document)
        rows = [
            (sentence, row.heading)
            for _, row in self._under(candidate)
            for place, sentence in enumerate(row.sentences, row.first)
            if candidate.start <= place < candidate.stop
        ]
        return Passage(
            document.collection,
            document.source,
            document.title,
            document.label,
            document.groups,
            sorted({page for sentence, _ in rows for page in sentence.pages}),
            rows[0][1],
            " ".join(sentence.text for sentence, _ in rows),
            round(min(1.0, candidate.score), 4),
            [sentence for sentence, _ in rows],
        )

    def _readings(self, ranked: Iterable[_Candidate]) -> list[Reading]:
        best: dict[int, Reading] = {}
        for candidate in ranked:
            for number, row in self._under(candidate):
                if number not in best:
                    best[number] = _reading(self._index.document(row.document), row, candidate.score)
            if len(best) >= SECTIONS:
                break
        return [*best.values()]


def _reading(document: DocumentRow, row: SectionRow, score: float) -> Reading:
    return Reading(
        document.collection,
        document.source,
        document.called,
        row.heading,
        document.label,
        row.sentences,
        row.terms,
        row.vectors[1:],
        row.vectors[0],
        score,
    )


def _together(wide: Sequence[_Candidate], small: Sequence[_Candidate]) -> list[_Candidate]:
    """A wide passage stands with the best small one in it, a small one with the best wide one around it."""
    documents, starts, stops = (np.array([getattr(c, name) for c in small]) for name in ("document", "start", "stop"))
    own = np.array([c.score for c in small])
    around = np.zeros(len(small))
    joint = []
    for passage in wide:
        inside = (documents == passage.document) & (starts < passage.stop) & (passage.start < stops)
        within = float(own[inside].max(initial=0.0))
        around[inside] = np.maximum(around[inside], passage.score)
        joint.append(_Candidate(passage.document, passage.start, passage.stop, (passage.score + within) / 2))
    joint += [
        _Candidate(c.document, c.start, c.stop, (c.score + wider) / 2)
        for c, wider in zip(small, around.tolist(), strict=True)
        if wider
    ]
    return joint


def _bm25(small: _Small, weights: Mapping[str, float], average: float, k: float = 1.2, b: float = 0.75) -> float:
    long = k * (1 - b + b * small.size / average)
    return sum(
        weight * (k + 1) * small.counts[word] / (small.counts[word] + long)
        for word, weight in weights.items()
        if word in small.counts
    )


def _mixed(near: Sequence[float], worded: Sequence[float], dense: float = DENSE) -> list[float]:
    """Both scores, each over its best, in one."""
    nearest, best = max(near, default=0.0) or 1.0, max(worded, default=0.0) or 1.0
    return [dense * n / nearest + (1 - dense) * w / best for n, w in zip(near, worded, strict=True)]
