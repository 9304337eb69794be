"""The index's tables: which documents there are, what their sections say, and which words their passages hold.

SQLite is what is true: a document is in the index when its row is committed here. Vectors in Chroma that no row
names are never shown.
"""

import json
import re
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import IndexUnusable
from ingest.evidence import Vectors
from ingest.labels import Groups, Label
from ingest.split import Section, Sentence
from ingest.words import terms

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY AUTOINCREMENT, collection TEXT NOT NULL, source TEXT NOT NULL, title TEXT NOT NULL,
    label TEXT NOT NULL, groups TEXT NOT NULL, pages INTEGER NOT NULL, superseded INTEGER NOT NULL,
    fingerprint TEXT NOT NULL, content TEXT NOT NULL, seen TEXT NOT NULL, path TEXT NOT NULL, root TEXT NOT NULL,
    UNIQUE (collection, source));
CREATE TABLE IF NOT EXISTS sections (
    id INTEGER PRIMARY KEY AUTOINCREMENT, document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
    first INTEGER NOT NULL, heading TEXT NOT NULL, sentences TEXT NOT NULL, vectors BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS sections_of ON sections (document, first);
CREATE TABLE IF NOT EXISTS passages (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE,
    document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE, start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE INDEX IF NOT EXISTS passages_of ON passages (document);
CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5 (terms, tokenize = "unicode61 remove_diacritics 0 tokenchars '.'");
CREATE VIRTUAL TABLE IF NOT EXISTS vocabulary USING fts5vocab (words, row);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value TEXT NOT NULL);
"""
VERSION = "3"
AGAIN = "To make it again, delete index.sqlite and the folder chroma beside it, and ingest."


@dataclass(frozen=True)
class DocumentRow:
    collection: str
    source: str
    title: str
    label: Label
    groups: Groups
    pages: int
    superseded: bool
    """It says itself that it is no longer in force."""
    fingerprint: str
    """While this is the same, so is all that the index makes of it."""
    content: str
    """The digest of the file's bytes."""
    seen: str = ""
    """What `plan` saw of the file without opening it."""
    path: str = ""
    root: str = ""
    """Where the file is, and the folder that was ingested; empty when it was the file alone."""
    passages: int = 0

    @property
    def called(self) -> str:
        """Its file's name, in words."""
        return re.sub(r"[^\w']+|_", " ", Path(self.source).stem).strip() or self.title

    @property
    def is_there(self) -> bool:
        """Its file, where it was read from."""
        return Path(self.path).is_file()

    def named(self, heading: str) -> str:
        """`Document: Heading`, which says what a section is about better than the heading alone."""
        return f"{self.called}: {heading or self.title}"


DOCUMENT = "collection, source, title, label, groups, pages, superseded, fingerprint, content, seen, path, root"


@dataclass(frozen=True)
class SectionRow:
    document: int
    first: int
    """The number of its first sentence in the document."""
    heading: str
    sentences: Sequence[Sentence]
    terms: Sequence[Sequence[str]]
    vectors: Vectors
    """The heading's row, then one for each sentence."""


@dataclass(frozen=True)
class PassageRow:
    id: str
    document: int
    start: int
    stop: int
    """It is the document's sentences `start:stop`."""


@dataclass(frozen=True)
class NewPassage:
    id: str
    start: int
    stop: int
    terms: Sequence[str]


@dataclass(frozen=True)
class NewSection:
    first: int
    """The number of its first sentence in the document."""
    section: Section
    vectors: Vectors
    """The heading's row, then one for each sentence."""


class Store:
    """One connection, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self.path = path
        try:
            self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None, timeout=10)
            self._connection.execute("PRAGMA foreign_keys = ON")
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.executescript(SCHEMA)
        except sqlite3.DatabaseError as error:
            raise IndexUnusable(
                f"The index cannot be opened ({error}).",
                str(path),
                f"Check that the folder can be written to. {AGAIN}",
            ) from error
        self.remember("version", VERSION, once=True)
        if self.recall("version") != VERSION:
            raise IndexUnusable("The index was made by another version of Tandem.", str(path), AGAIN)

    def close(self) -> None:
        self._connection.close()

    # What was asked ---------------------------------------------------------------------------------------------------

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise IndexUnusable(f"The index is damaged ({error}).", str(self.path), AGAIN) from error

    @property
    def generation(self) -> int:
        """Changes when another connection has committed; what is remembered from before may be stale then."""
        return int(self._rows("PRAGMA data_version")[0][0])

    def recall(self, name: str) -> str | None:
        rows = self._rows("SELECT value FROM facts WHERE name = ?", name)
        return str(rows[0][0]) if rows else None

    def remember(self, name: str, value: str, *, once: bool = False) -> None:
        self._rows(f"INSERT OR {'IGNORE' if once else 'REPLACE'} INTO facts VALUES (?, ?)", name, value)  # noqa: S608

    def sound(self) -> str:
        """SQLite's own opinion of the file: `ok`, or what is wrong."""
        return str(self._rows("PRAGMA quick_check(1)")[0][0])

    def documents(self, collection: str | None = None) -> list[DocumentRow]:
        rows = self._rows(
            f"SELECT {DOCUMENT}, (SELECT count(*) FROM passages p WHERE p.document = d.id) FROM documents d"  # noqa: S608
            " WHERE ? IS NULL OR collection = ? ORDER BY collection, source",
            collection,
            collection,
        )
        return [_document(row) for row in rows]

    def collections(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT DISTINCT collection FROM documents ORDER BY collection")]

    def labels(self) -> set[str]:
        """Those that any document has."""
        return {row[0] for row in self._rows("SELECT DISTINCT label FROM documents")}

    def document(self, number: int) -> DocumentRow:
        return _document(self._rows(f"SELECT {DOCUMENT} FROM documents WHERE id = ?", number)[0])  # noqa: S608

    def numbers(self, collection: str) -> list[int]:
        """Its documents', by their sources."""
        return [n for (n,) in self._rows("SELECT id FROM documents WHERE collection = ? ORDER BY source", collection)]

    def number(self, collection: str, source: str) -> int | None:
        rows = self._rows("SELECT id FROM documents WHERE collection = ? AND source = ?", collection, source)
        return int(rows[0][0]) if rows else None

    def with_content(self, content: str) -> list[int]:
        """The numbers of the documents whose file has that digest."""
        return [number for (number,) in self._rows("SELECT id FROM documents WHERE content = ?", content)]

    def roots(self, collection: str) -> list[str]:
        """The folders that its documents came from."""
        return [
            root
            for (root,) in self._rows(
                "SELECT DISTINCT root FROM documents WHERE collection = ? AND root <> '' ORDER BY root", collection
            )
        ]

    def passages(self, ids: Sequence[str]) -> dict[str, PassageRow]:
        """Those of the ids that the index knows."""
        marks = ", ".join("?" * len(ids))
        rows = self._rows(f"SELECT id, document, start, stop FROM passages WHERE id IN ({marks})", *ids)  # noqa: S608
        return {row[0]: PassageRow(*row) for row in rows}

    def passages_of(self, document: int) -> list[PassageRow]:
        query = "SELECT id, document, start, stop FROM passages WHERE document = ? ORDER BY start"
        return [PassageRow(*row) for row in self._rows(query, document)]

    def ids(self, collection: str, source: str) -> list[str]:
        """A document's passages'."""
        rows = self._rows(
            "SELECT p.id FROM passages p JOIN documents d ON d.id = p.document WHERE d.collection = ? AND d.source = ?",
            collection,
            source,
        )
        return [name for (name,) in rows]

    def count(self, collection: str) -> int:
        query = "SELECT count(*) FROM passages p JOIN documents d ON d.id = p.document WHERE d.collection = ?"
        return int(self._rows(query, collection)[0][0])

    def passage_ids(self, collection: str) -> set[str]:
        rows = self._rows(
            "SELECT p.id FROM passages p JOIN documents d ON d.id = p.document WHERE d.collection = ?", collection
        )
        return {row[0] for row in rows}

    def sections(self, document: int) -> list[SectionRow]:
        rows = self._rows(
            "SELECT document, first, heading, sentences, vectors FROM sections WHERE document = ? ORDER BY first",
            document,
        )
        return [_section(row) for row in rows]

    def sections_under(self, document: int, start: int, stop: int) -> list[int]:
        """The numbers of the sections that have any of the document's sentences `start:stop`."""
        rows = self._rows(
            "SELECT id FROM sections WHERE document = ? AND first < ? AND first >= coalesce("
            "(SELECT max(first) FROM sections WHERE document = ? AND first <= ?), 0) ORDER BY first",
            document,
            stop,
            document,
            start,
        )
        return [row[0] for row in rows]

    def section(self, number: int) -> SectionRow:
        rows = self._rows("SELECT document, first, heading, sentences, vectors FROM sections WHERE id = ?", number)
        return _section(rows[0])

    def with_words(
        self, words: Sequence[str], collections: Sequence[str], limit: int
    ) -> list[tuple[PassageRow, float]]:
        """Passages with any of the words, by BM25, best first."""
        if not words:
            return []
        marks = ", ".join("?" * len(collections))
        rows = self._rows(
            "SELECT p.id, p.document, p.start, p.stop, -bm25(words) AS score FROM words"  # noqa: S608
            " JOIN passages p ON p.number = words.rowid JOIN documents d ON d.id = p.document"
            f" WHERE words MATCH ? AND d.collection IN ({marks}) ORDER BY score DESC LIMIT ?",
            " OR ".join(f'"{term}"' for term in dict.fromkeys(words)),
            *collections,
            limit,
        )
        return [(PassageRow(*row[:4]), float(row[4])) for row in rows]

    def size(self) -> int:
        return int(self._rows("SELECT count(*) FROM passages")[0][0])

    def containing(self, term: str) -> int:
        rows = self._rows("SELECT doc FROM vocabulary WHERE term = ?", term)
        return int(rows[0][0]) if rows else 0

    @contextmanager
    def reading(self) -> Iterator[None]:
        """All that is asked is answered from one moment, whatever another process commits meanwhile."""
        with self._lock:
            self._rows("BEGIN")
            try:
                self._rows("SELECT 1 FROM facts")  # the moment
                yield
            finally:
                self._rows("COMMIT")

    # What is changed --------------------------------------------------------------------------------------------------

    @contextmanager
    def change(self) -> Iterator[None]:
        """All of it or nothing."""
        with self._lock:
            self._rows("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._rows("ROLLBACK")
                raise
            self._rows("COMMIT")

    def put(self, row: DocumentRow, found: Sequence[NewSection], passages: Sequence[NewPassage]) -> None:
        """A document with all that it holds, in the place of what has its name."""
        self.drop(row.collection, row.source)
        values = (*_values(row),)
        marks = ", ".join("?" * len(values))
        query = f"INSERT INTO documents ({DOCUMENT}) VALUES ({marks}) RETURNING id"  # noqa: S608
        document = self._rows(query, *values)[0][0]
        self._connection.executemany(
            "INSERT INTO sections (document, first, heading, sentences, vectors) VALUES (?, ?, ?, ?, ?)",
            (
                (document, new.first, new.section.name, _written(new.section), new.vectors.astype(np.float16).tobytes())
                for new in found
            ),
        )
        for new in passages:
            number = self._connection.execute(
                "INSERT INTO passages (id, document, start, stop) VALUES (?, ?, ?, ?)",
                (new.id, document, new.start, new.stop),
            ).lastrowid
            self._connection.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (number, " ".join(new.terms)))

    def drop(self, collection: str, source: str) -> None:
        self._rows(
            "DELETE FROM words WHERE rowid IN (SELECT p.number FROM passages p JOIN documents d ON d.id = p.document"
            " WHERE d.collection = ? AND d.source = ?)",
            collection,
            source,
        )
        self._rows("DELETE FROM documents WHERE collection = ? AND source = ?", collection, source)

    def found_at(self, row: DocumentRow) -> None:
        """The same document as before, seen anew."""
        self._rows(
            "UPDATE documents SET seen = ?, path = ?, root = ? WHERE collection = ? AND source = ?",
            *(row.seen, row.path, row.root, row.collection, row.source),
        )


def _document(row: tuple[Any, ...]) -> DocumentRow:
    collection, source, title, label, groups, *rest = row
    return DocumentRow(collection, source, title, label, tuple(map(tuple, json.loads(groups))), *rest)


def _values(row: DocumentRow) -> Iterator[Any]:
    values = asdict(row) | {"groups": json.dumps(row.groups)}
    return (values[name] for name in DOCUMENT.split(", "))


def _written(section: Section) -> str:
    return json.dumps([[s.text, s.page, s.turn, terms(s.text)] for s in section.sentences], ensure_ascii=False)


def _section(row: tuple[Any, ...]) -> SectionRow:
    document, first, heading, sentences, vectors = row
    fields = json.loads(sentences)
    rows = np.frombuffer(vectors, np.float16).reshape(len(fields) + 1, -1).astype(np.float32)
    read = [Sentence(text, page, turn) for text, page, turn, _ in fields]
    return SectionRow(document, first, heading, read, [words for *_, words in fields], rows)
