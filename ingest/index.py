"""Files -> passages that can be searched: vectors in Chroma, words and sections in SQLite, one writer at a time."""

import hashlib
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from filelock import FileLock, Timeout

from ingest.errors import IndexUnusable, Trouble, UnreadableDocument
from ingest.evidence import Vector, Vectors
from ingest.loaders import Source, kinds
from ingest.parse import parsed
from ingest.spaces import COMPOSED, EMBEDDED, Embedders, Flat, Moved, Space, no_embedders
from ingest.split import Section, is_superseded, sections, wide_spans
from ingest.store import DocumentRow, PassageRow, SectionRow, Store
from ingest.vectors import VectorStore
from ingest.words import terms


class Encoder(Protocol):
    """What turns text into unit vectors."""

    @property
    def name(self) -> str: ...

    def encode(self, texts: Sequence[str]) -> Vectors: ...


@dataclass(frozen=True)
class Ingested:
    """What became of one file."""

    source: str
    status: Literal["added", "replaced", "unchanged", "failed"]
    passages: int = 0
    trouble: Trouble | None = None


Progress = Callable[[Ingested, int, int], None]
"""Told of each file when it is done, with how many are, of how many."""


@dataclass(frozen=True)
class Move:
    """What a move did."""

    before: str
    """The embedder that was asked until then."""
    after: str
    passages: int
    made: int
    """Of them, those whose vectors were not there yet."""


Moving = Callable[[str, int, int], None]
"""Told in which document it is, how many passages are done, and of how many."""
AT_ONCE = 128
"""Passages that an interrupted move makes again at most."""


class Index:
    """A data folder's documents. Opening it makes the folder; `Index.made(data)` asks first.

    It keeps to the embedder that it was made with, or moved to, and asks `wanted` for a name only when it is made.
    """

    def __init__(
        self,
        data: Path,
        encoder: Encoder,
        embedders: Embedders = no_embedders,
        wanted: Callable[[], str] = lambda: EMBEDDED,
    ) -> None:
        self._data, self._encoder, self._embedders, self._wanted = data, encoder, embedders, wanted
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_folder(data, error) from error
        self.store = Store(data / "index.sqlite")
        self._generation = self.store.generation
        self.edition = 0
        """Goes up when what was remembered of the index may be wrong."""
        self._vectors = VectorStore(data / "chroma")
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

    # Writing ----------------------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, wait: float = 600) -> Iterator[None]:
        """The data folder's one writer; another process waits."""
        try:
            with FileLock(self._data / "writer.lock", timeout=wait):
                self.refresh()
                self._check_encoder()
                yield
        except Timeout:
            raise IndexUnusable(
                "Another process is writing to the index.", str(self._data), "Wait until it is done, then try again."
            ) from None
        except OSError as error:
            raise _no_folder(self._data, error) from error

    def ingest(
        self, files: Mapping[str, Path], collection: str, label: str, progress: Progress = lambda *_: None
    ) -> list[Ingested]:
        """Each file under its source name: all of it or nothing, and nothing when it has not changed."""
        _check_name(collection)
        with self.writing():
            prints = {source: self._fingerprint(path, label) for source, path in files.items()}
            changed = {s: p for s, p in files.items() if prints[s] != self.store.fingerprint(collection, s)}
            space = self._space_for(changed)
            self._sweep(collection, space)
            done = [Ingested(source, "unchanged") for source in files if source not in changed]
            for number, one in enumerate(done, 1):
                progress(one, number, len(files))
            for source, result in parsed(changed):
                one = self._put(space, collection, source, label, prints[source], result)
                done.append(one)
                progress(one, len(done), len(files))
        self.refresh(always=True)
        return sorted(done, key=lambda one: [*files].index(one.source))

    def forget(self, source: str, collection: str | None = None) -> list[DocumentRow]:
        """The documents of that name, gone from every answer when this returns."""
        with self.writing():
            gone = [row for row in self.store.documents(collection) if row.source == source]
            for row in gone:
                before = self.store.passage_ids(row.collection)
                with self.store.change():
                    self.store.drop(row.collection, row.source)
                unnamed = before - self.store.passage_ids(row.collection)
                self._vectors.delete(row.collection, self._space(), unnamed)
        self.refresh(always=True)
        return gone

    def _put(
        self, space: Space, collection: str, source: str, label: str, fingerprint: str, result: Source | Trouble
    ) -> Ingested:
        try:
            if isinstance(result, Trouble):
                raise result
            found = sections(result)
            if not found:
                raise UnreadableDocument("The document holds no sentences.", source, "Check that it has text.")
            pages = max(line.page for line in result.lines)
            row = DocumentRow(collection, source, result.title, label, fingerprint, pages, is_superseded(found))
            flat = self._flat(row, found)
            vectors = self._vectors_of(flat, [*wide_spans(flat.sentences)], space)
        except Trouble as trouble:
            return Ingested(source, "failed", trouble=trouble)
        known = self.store.fingerprint(collection, source) is not None
        self._store_document(row, found, flat, vectors, space)
        return Ingested(source, "replaced" if known else "added", len(vectors))

    def _store_document(
        self, row: DocumentRow, found: Sequence[Section], flat: Flat, vectors: Vectors, space: Space
    ) -> None:
        """Vectors first, then the rows that make them count, then away with the vectors nobody names any more."""
        spans = [*wide_spans(flat.sentences)]
        name = (self._encoder.name, row.collection, row.source, row.title)
        ids = [_digest(*name, *map(str, span), *flat.heads(*span), flat.text(*span)) for span in spans]
        self._vectors.add(row.collection, space, ids, vectors)
        title = terms(title_words(row))
        words = [
            [*title, *(term for head in flat.heads(*span) for term in terms(head)), *terms(flat.text(*span))]
            for span in spans
        ]
        firsts = np.cumsum([0, *(len(section.sentences) for section in found)]).tolist()
        before = self.store.passage_ids(row.collection)
        with self.store.change():
            self.store.put(
                row,
                [
                    (first, section, np.vstack([flat.above[first : first + 1], flat.own[first:after]]))
                    for section, (first, after) in zip(found, pairwise(firsts), strict=True)
                ],
                [(name, *span, held) for name, span, held in zip(ids, spans, words, strict=True)],
            )
        self._vectors.delete(row.collection, space, before - self.store.passage_ids(row.collection))

    def _flat(self, row: DocumentRow, found: Sequence[Section]) -> Flat:
        headings = self._encoder.encode([named(row, section.heading) for section in found])
        sentences = [sentence for section in found for sentence in section.sentences]
        return Flat(
            title_words(row),
            sentences,
            [section.name for section in found for _ in section.sentences],
            self._encoder.encode([sentence.text for sentence in sentences]),
            np.repeat(headings, [len(section.sentences) for section in found], axis=0),
        )

    def _vectors_of(self, flat: Flat, spans: Sequence[tuple[int, int]], space: Space) -> Vectors:
        if space == COMPOSED:
            return np.stack([flat.composed(*span) for span in spans])
        return self._embedders(space.name).documents([flat.titled(*span) for span in spans], space.size)

    def _sweep(self, collection: str, space: Space) -> None:
        """Vectors that a crash left behind, named by no row."""
        unnamed = self._vectors.ids(collection, space) - self.store.passage_ids(collection)
        self._vectors.delete(collection, space, unnamed)

    def _fingerprint(self, path: Path, label: str) -> str:
        try:
            return _digest(self._encoder.name, label, hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            return ""  # parsing will say what is wrong with it

    def _check_encoder(self) -> None:
        made_with = self.store.recall("encoder") or self._encoder.name
        if made_with != self._encoder.name:
            raise IndexUnusable(
                f"The index was made with the encoder {made_with}, and the settings say {self._encoder.name}.",
                str(self._data),
                "Set [models] precision back, or delete the folder and ingest again.",
            )

    # Its space --------------------------------------------------------------------------------------------------------

    def move(self, to: str, progress: Moving = lambda *_: None) -> Move:
        """Give the wide passages vectors of that embedder's; until all are there, the old ones answer."""
        with self.writing():
            before, after = self._space(), self._reached(to)
            made = 0
            if after != before:
                made = self._fill(after, progress)
                self.store.remember("embedder", str(after))
                self.space.cache_clear()
            self._vectors.keep_only(after, self.store.collections())
        self.refresh(always=True)
        return Move(before.name, after.name, self.size(), made)

    def _fill(self, space: Space, progress: Moving) -> int:
        """What an earlier, interrupted move has made is kept."""
        done, made, size = 0, 0, self.store.size()
        for collection in self.store.collections():
            self._sweep(collection, space)
            there = self._vectors.ids(collection, space)
            for number in self.store.numbers(collection):
                rows = self.store.passages_of(number)
                missing = [row for row in rows if row.id not in there]
                done += len(rows) - len(missing)
                for start in range(0, len(missing), AT_ONCE):
                    some = missing[start : start + AT_ONCE]
                    self._vectors.add(collection, space, [row.id for row in some], self._made(number, some, space))
                    done, made = done + len(some), made + len(some)
                    progress(self.store.document(number).source, done, size)
        return made

    def _made(self, number: int, passages: Sequence[PassageRow], space: Space) -> Vectors:
        """A document's passages' vectors, from what SQLite holds of it."""
        document, found = self.store.document(number), self.store.sections(number)
        held = [len(section.sentences) for section in found]
        flat = Flat(
            title_words(document),
            [sentence for section in found for sentence in section.sentences],
            [section.heading for section in found for _ in section.sentences],
            np.vstack([section.vectors[1:] for section in found]),
            np.repeat([section.vectors[0] for section in found], held, axis=0),
        )
        try:
            return self._vectors_of(flat, [(passage.start, passage.stop) for passage in passages], space)
        except Trouble as trouble:
            raise _stopped(document.source, trouble) from trouble

    def _space(self) -> Space:
        return Space.read(self.store.recall("embedder"))

    def _space_for(self, changed: Collection[str]) -> Space:
        """Where documents are put; nothing is begun with an embedder that does not answer."""
        if self.store.recall("encoder") is None:
            space = self._reached(self._wanted())
            with self.store.change():
                self.store.remember("embedder", str(space))
                self.store.remember("encoder", self._encoder.name)
            return space
        space = self._space()
        reached = self._reached(space.name) if changed else space
        if reached != space:
            raise IndexUnusable(
                f"{space.name} gives {reached.size} numbers for a text, and gave {space.size} when the index was made.",
                str(self._data),
                f"Run: tandem embed {space.name}",
            )
        return space

    def _reached(self, name: str) -> Space:
        if name == EMBEDDED:
            return COMPOSED
        return Space(name, self._embedders(name).documents(["Is anybody there?"]).shape[1])

    # Reading ----------------------------------------------------------------------------------------------------------

    def refresh(self, *, always: bool = False) -> None:
        """Another process may have written: what Chroma and this process remember is then stale."""
        generation = self.store.generation
        stale = always or generation != self._generation
        if stale:
            self._generation = generation
            self.edition += 1
            for remembered in (
                self.section, self.sections_under, self.document, self.containing, self.size, self.collections,
                self.space,
            ):  # fmt: skip
                remembered.cache_clear()
            if not always:
                self._vectors.look_again()

    def open(self) -> None:
        """Open the vectors before they are asked for."""
        self._vectors.open()

    def nearest(self, vector: Vector, collections: Sequence[str], limit: int) -> list[tuple[PassageRow, float]]:
        """Passages by cosine, best first, over all the collections."""
        near: dict[str, float] = {}
        with self._staying():
            for collection in {*collections} & {*self.collections()}:
                near |= self._vectors.nearest(collection, self.space(), vector, limit)
        rows = self.store.passages([*near])
        best = sorted(rows.values(), key=lambda row: -near[row.id])[:limit]
        return [(row, near[row.id]) for row in best]

    @contextmanager
    def _staying(self) -> Iterator[None]:
        """Another process may move the index, and take the vectors away, while they are searched."""
        from chromadb.errors import ChromaError

        try:
            yield
        except ChromaError:
            if self._space() == self.space():
                raise
        if self._space() != self.space():
            raise Moved(self._space())

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
            name: len(self.store.passage_ids(name) - self._vectors.ids(name, self._space()))
            for name in self.store.collections()
        }


def title_words(row: DocumentRow) -> str:
    """What a document is called: its file's name, in words."""
    return re.sub(r"[^\w']+|_", " ", Path(row.source).stem).strip() or row.title


def named(row: DocumentRow, heading: str) -> str:
    """`Document: Heading`, which says what a section is about better than the heading alone."""
    return f"{title_words(row)}: {heading or row.title}"


def files_in(path: Path) -> dict[str, Path]:
    """The files to ingest under a path, by the name they are cited with; hidden ones and links out of it are not."""
    if path.is_file():
        return {path.name: path}
    if not path.is_dir():
        raise Trouble("There is no such file or folder.", str(path), "Check the path.")
    root = path.resolve()
    return {
        file.relative_to(path).as_posix(): file
        for file in sorted(path.rglob("*"))
        if file.is_file()
        and file.suffix.lower() in kinds()
        and not any(part.startswith(".") for part in file.relative_to(path).parts)
        and file.resolve().is_relative_to(root)
    }


def _check_name(collection: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][\w.-]{0,60}[A-Za-z0-9]|[A-Za-z0-9]", collection):
        raise Trouble("That is no name for a collection.", collection, "Use letters, digits, - and _.")


def _stopped(source: str, trouble: Trouble) -> Trouble:
    what = f"The move stopped at {source}: {trouble.what.rstrip('.')}."
    return Trouble(what, trouble.value, "The index answers as before. Run the same command again to go on from there.")


def _no_folder(data: Path, error: OSError) -> IndexUnusable:
    return IndexUnusable(
        f"The data folder cannot be written to ({error.strerror}).", str(data), "Choose another with --data."
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
