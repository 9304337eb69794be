"""Files -> passages that can be searched: vectors in Chroma, words and sections in SQLite, one writer at a time."""

import hashlib
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from filelock import FileLock, Timeout

from ingest.errors import IndexUnusable, Trouble, UnreadableDocument
from ingest.evidence import Vector, Vectors
from ingest.loaders import Source, kinds
from ingest.parse import parsed
from ingest.split import Section, is_superseded, sections, wide_spans
from ingest.store import DocumentRow, PassageRow, SectionRow, Store
from ingest.words import terms

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection

HEADING_SHARE = 0.6
"""How much of a heading's vector is in each sentence's under it: of .3, .45, .6 and .9 none was clearly better."""
CHROMA_BATCH = 2000


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


class Index:
    """A data folder's documents. Opening it makes the folder; `Index.made(data)` asks first."""

    def __init__(self, data: Path, encoder: Encoder) -> None:
        self._data, self._encoder = data, encoder
        try:
            data.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _no_folder(data, error) from error
        self.store = Store(data / "index.sqlite")
        self._generation = self.store.generation
        self._client: ClientAPI | None = None
        self._collections: dict[str, Collection] = {}
        self.section = lru_cache(maxsize=2048)(self.store.section)
        self.sections_under = lru_cache(maxsize=20_000)(self.store.sections_under)
        self.document = lru_cache(maxsize=4096)(self.store.document)
        self.containing = lru_cache(maxsize=50_000)(self.store.containing)
        self.size = lru_cache(maxsize=1)(self.store.size)
        self.collections = lru_cache(maxsize=1)(self.store.collections)
        self._remembered = (
            self.section, self.sections_under, self.document, self.containing, self.size, self.collections
        )  # fmt: skip

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
            self._sweep(collection)
            prints = {source: self._fingerprint(path, label) for source, path in files.items()}
            changed = {s: p for s, p in files.items() if prints[s] != self.store.fingerprint(collection, s)}
            done = [Ingested(source, "unchanged") for source in files if source not in changed]
            for number, one in enumerate(done, 1):
                progress(one, number, len(files))
            for source, result in parsed(changed):
                one = self._put(collection, source, label, prints[source], result)
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
                self._delete(row.collection, before - self.store.passage_ids(row.collection))
        self.refresh(always=True)
        return gone

    def _put(self, collection: str, source: str, label: str, fingerprint: str, result: Source | Trouble) -> Ingested:
        try:
            if isinstance(result, Trouble):
                raise result
            found = sections(result)
            if not found:
                raise UnreadableDocument("The document holds no sentences.", source, "Check that it has text.")
        except Trouble as trouble:
            return Ingested(source, "failed", trouble=trouble)
        known = self.store.fingerprint(collection, source) is not None
        pages = max(line.page for line in result.lines)
        row = DocumentRow(collection, source, result.title, label, fingerprint, pages, is_superseded(found))
        passages = self._store_document(row, found)
        return Ingested(source, "replaced" if known else "added", passages)

    def _store_document(self, row: DocumentRow, found: Sequence[Section]) -> int:
        """Vectors first, then the rows that make them count, then away with the vectors nobody names any more."""
        headings = self._encoder.encode([named(row, section.heading) for section in found])
        own = self._encoder.encode([sentence.text for section in found for sentence in section.sentences])
        firsts = np.cumsum([0, *(len(section.sentences) for section in found)]).tolist()
        flat = [(sentence, section.name) for section in found for sentence in section.sentences]
        spans = [*wide_spans([sentence for sentence, _ in flat])]
        texts = [" ".join(sentence.text for sentence, _ in flat[start:stop]) for start, stop in spans]
        above = [[*dict.fromkeys(heading for _, heading in flat[start:stop])] for start, stop in spans]
        ids = [
            _digest(self._encoder.name, row.collection, row.source, row.title, *map(str, span), *heads, text)
            for span, heads, text in zip(spans, above, texts, strict=True)
        ]
        under = np.repeat(headings, [len(section.sentences) for section in found], axis=0)
        sizes = np.array([len(sentence.text.split()) for sentence, _ in flat], np.float32)
        self._add(row.collection, ids, [composed(own[a:b], under[a:b], sizes[a:b]) for a, b in spans])
        words = [
            [*terms(title_words(row)), *(term for head in heads for term in terms(head)), *terms(text)]
            for heads, text in zip(above, texts, strict=True)
        ]
        before = self.store.passage_ids(row.collection)
        with self.store.change():
            self.store.put(
                row,
                [
                    (first, section, np.vstack([headings[n : n + 1], own[first : first + len(section.sentences)]]))
                    for n, (first, section) in enumerate(zip(firsts, found, strict=False))
                ],
                [(name, *span, held) for name, span, held in zip(ids, spans, words, strict=True)],
            )
        self._delete(row.collection, before - self.store.passage_ids(row.collection))
        return len(spans)

    def _add(self, collection: str, ids: Sequence[str], vectors: Sequence[Vector]) -> None:
        chroma = self._chroma(collection)
        for start in range(0, len(ids), CHROMA_BATCH):
            batch = slice(start, start + CHROMA_BATCH)
            chroma.add(ids=[*ids[batch]], embeddings=np.stack(vectors[batch]))

    def _delete(self, collection: str, ids: set[str]) -> None:
        if ids:
            self._chroma(collection).delete(ids=sorted(ids))

    def _sweep(self, collection: str) -> None:
        """Vectors that a crash left behind, named by no row."""
        self._delete(
            collection, set(self._chroma(collection).get(include=[])["ids"]) - self.store.passage_ids(collection)
        )

    def _fingerprint(self, path: Path, label: str) -> str:
        try:
            return _digest(self._encoder.name, label, hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            return ""  # parsing will say what is wrong with it

    def _check_encoder(self) -> None:
        self.store.remember("encoder", self._encoder.name, once=True)
        made_with = self.store.recall("encoder")
        if made_with != self._encoder.name:
            raise IndexUnusable(
                f"The index was made with the encoder {made_with}, and the settings say {self._encoder.name}.",
                str(self._data),
                "Set [models] precision back, or delete the folder and ingest again.",
            )

    # Reading ----------------------------------------------------------------------------------------------------------

    def refresh(self, *, always: bool = False) -> bool:
        """Another process may have written: what Chroma and this process remember is then stale."""
        generation = self.store.generation
        stale = always or generation != self._generation
        if stale:
            self._generation = generation
            for remembered in (
                self.section,
                self.sections_under,
                self.document,
                self.containing,
                self.size,
                self.collections,
            ):
                remembered.cache_clear()
            self._collections.clear()
            if not always and self._client is not None:
                from chromadb.api.shared_system_client import SharedSystemClient

                SharedSystemClient.clear_system_cache()
                self._client = None
        return stale

    def open(self) -> None:
        """Open the vectors before they are asked for."""
        self._opened()

    def nearest(self, vector: Vector, collections: Sequence[str], limit: int) -> list[tuple[PassageRow, float]]:
        """Passages by cosine, best first, over all the collections."""
        near: dict[str, float] = {}
        for collection in {*collections} & {*self.collections()}:
            result = self._chroma(collection).query(
                query_embeddings=vector[None], n_results=limit, include=["distances"]
            )
            distances = (result["distances"] or [[]])[0]
            near |= {name: 1 - distance for name, distance in zip(result["ids"][0], distances, strict=True)}
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
            name: len(self.store.passage_ids(name) - set(self._chroma(name).get(include=[])["ids"]))
            for name in self.store.collections()
        }

    def _chroma(self, collection: str) -> "Collection":
        if collection not in self._collections:
            self._collections[collection] = self._opened().get_or_create_collection(
                f"passages-{collection}", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
            )
        return self._collections[collection]

    def _opened(self) -> "ClientAPI":
        if self._client is None:
            import chromadb
            from chromadb.config import Settings

            logging.getLogger("chromadb").setLevel(logging.ERROR)
            try:
                self._client = chromadb.PersistentClient(
                    str(self._data / "chroma"), settings=Settings(anonymized_telemetry=False)
                )
            except Exception as error:  # chromadb raises what its Rust core and its migrations raise
                raise IndexUnusable(
                    f"The vectors cannot be opened ({error}).",
                    str(self._data / "chroma"),
                    "If they are damaged, delete the data folder and ingest again.",
                ) from error
        return self._client


def composed(own: Vectors, headings: Vectors, sizes: Vector) -> Vector:
    """A run of sentences' vector out of theirs and their headings', so that no text goes through the encoder twice."""
    mixed = (own + HEADING_SHARE * headings) * sizes[:, None]
    whole: Vector = mixed.sum(axis=0)
    return whole / max(float(np.linalg.norm(whole)), 1e-9)


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


def _no_folder(data: Path, error: OSError) -> IndexUnusable:
    return IndexUnusable(
        f"The data folder cannot be written to ({error.strerror}).", str(data), "Choose another with --data."
    )


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "replace")).hexdigest()[:32]
