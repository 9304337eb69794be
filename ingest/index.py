"""An index, as it is searched: vectors in Chroma, words and sections in SQLite, which says what there is."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from ingest.errors import IndexUnusable
from ingest.evidence import Vector
from ingest.spaces import Moved, Space
from ingest.store import PassageRow, SectionRow, Store
from ingest.vectors import VectorStore


class Index:
    """A data folder's documents. Opening it makes the folder; `Index.made(data)` asks first."""

    def __init__(self, data: Path) -> None:
        self.data = data
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise no_folder(data, error) from error
        self.store = Store(data / "index.sqlite")
        self._generation = self.store.generation
        self.edition = 0
        """Goes up when what was remembered of the index may be wrong."""
        self.vectors = VectorStore(data / "chroma")
        self.section = lru_cache(maxsize=2048)(self.store.section)
        self.sections_under = lru_cache(maxsize=20_000)(self.store.sections_under)
        self.document = lru_cache(maxsize=4096)(self.store.document)
        self.containing = lru_cache(maxsize=50_000)(self.store.containing)
        self.size = lru_cache(maxsize=1)(self.store.size)
        self.collections = lru_cache(maxsize=1)(self.store.collections)
        self.space = lru_cache(maxsize=1)(self._space)

    @staticmethod
    def made(data: Path) -> bool:
        """Whether something was ever ingested there."""
        return (data / "index.sqlite").is_file() and (data / "chroma").is_dir()

    def _space(self) -> Space:
        return Space.read(self.store.recall("embedder"))

    # A search ---------------------------------------------------------------------------------------------------------

    @contextmanager
    def reading(self) -> Iterator[None]:
        """One moment of the index, however long a search takes and whatever another process writes meanwhile.

        Chroma knows no moments: when the index was moved and its vectors are gone, the search has to begin anew.
        """
        from chromadb.errors import ChromaError

        try:
            with self.store.reading():
                self.refresh()
                searched = self.space()
                yield
        except ChromaError:
            if self._space() == searched:
                raise
        if self._space() != searched:
            raise Moved(self._space())

    def refresh(self, *, always: bool = False) -> None:
        """Another process may have written: what Chroma and this process remember is then stale."""
        generation = self.store.generation
        others = generation != self._generation
        if always or others:
            self._generation = generation
            self.edition += 1
            for remembered in (
                self.section, self.sections_under, self.document, self.containing, self.size, self.collections,
                self.space,
            ):  # fmt: skip
                remembered.cache_clear()
            if others:  # who has only written itself sees that
                self.vectors.look_again()

    def open(self) -> None:
        """Open the vectors before they are asked for."""
        self.vectors.open()

    def nearest(self, vector: Vector, collections: Sequence[str], limit: int) -> list[tuple[PassageRow, float]]:
        """Passages by cosine, best first, over all the collections."""
        near: dict[str, float] = {}
        for collection in {*collections} & {*self.collections()}:
            near |= self.vectors.nearest(collection, self.space(), vector, limit)
        rows = self.store.passages([*near])
        best = sorted(rows.values(), key=lambda row: -near[row.id])[:limit]
        return [(row, near[row.id]) for row in best]

    def with_words(
        self, words: Sequence[str], collections: Sequence[str], limit: int
    ) -> list[tuple[PassageRow, float]]:
        return self.store.with_words(words, collections, limit)

    def under(self, document: int, start: int, stop: int) -> list[tuple[int, SectionRow]]:
        """The sections, with their numbers, that have any of the document's sentences `start:stop`."""
        return [(number, self.section(number)) for number in self.sections_under(document, start, stop)]

    def vectors_missing(self) -> dict[str, int]:
        """By collection, how many passages have no vector: not 0 means damaged."""
        return {
            name: len(self.store.passage_ids(name) - self.vectors.ids(name, self._space()))
            for name in self.store.collections()
        }


def no_folder(data: Path, error: OSError) -> IndexUnusable:
    return IndexUnusable(
        f"The data folder cannot be written to ({error.strerror}).", str(data), "Choose another with --data."
    )
