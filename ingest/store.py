"""The index's tables: which documents there are, what their sections say, and which words their passages hold.

SQLite is what is true: a document is in the index when its row is committed here. Vectors in Chroma that no row
names are never shown.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ingest.errors import IndexUnusable
from ingest.evidence import Vectors
from ingest.split import Section, Sentence
from ingest.words import terms

SCHEMA = """
CREATE TABLE IF NOT EXISTS documents (
    id INTEGER PRIMARY KEY, collection TEXT NOT NULL, source TEXT NOT NULL, title TEXT NOT NULL, label TEXT NOT NULL,
    fingerprint TEXT NOT NULL, pages INTEGER NOT NULL, superseded INTEGER NOT NULL, UNIQUE (collection, source));
CREATE TABLE IF NOT EXISTS sections (
    id INTEGER PRIMARY KEY, document INTEGER NOT NULL REFERENCES documents ON DELETE CASCADE,
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
VERSION = "2"


@dataclass(frozen=True)
class DocumentRow:
    collection: str
    source: str
    title: str
    label: str
    fingerprint: str
    pages: int
    superseded: bool = False
    """It says itself that it is no longer in force."""
    passages: int = 0


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
                "If it is damaged, delete its folder and ingest again; check that the folder can be written to.",
            ) from error
        self.remember("version", VERSION, once=True)
        if self.recall("version") != VERSION:
            raise IndexUnusable(
                "The index was made by another version of Tandem.", str(path), "Delete its folder and ingest again."
            )

    def close(self) -> None:
        self._connection.close()

    # What was asked ---------------------------------------------------------------------------------------------------

    def _rows(self, query: str, *values: Any) -> list[tuple[Any, ...]]:
        with self._lock:
            try:
                return self._connection.execute(query, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise IndexUnusable(
                    f"The index is damaged ({error}).", str(self.path), "Delete its folder and ingest again."
                ) from error

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
            "SELECT d.collection, d.source, d.title, d.label, d.fingerprint, d.pages, d.superseded,"
            " (SELECT count(*) FROM passages p WHERE p.document = d.id) FROM documents d"
            " WHERE ? IS NULL OR collection = ? ORDER BY collection, source",
            collection,
            collection,
        )
        return [DocumentRow(*row) for row in rows]

    def collections(self) -> list[str]:
        return [row[0] for row in self._rows("SELECT DISTINCT collection FROM documents ORDER BY collection")]

    def labels(self) -> set[str]:
        """Those that any document has."""
        return {row[0] for row in self._rows("SELECT DISTINCT label FROM documents")}

    def document(self, number: int) -> DocumentRow:
        rows = self._rows(
            "SELECT collection, source, title, label, fingerprint, pages, superseded FROM documents WHERE id = ?",
            number,
        )
        return DocumentRow(*rows[0])

    def numbers(self, collection: str) -> list[int]:
        """Its documents', by their sources."""
        return [n for (n,) in self._rows("SELECT id FROM documents WHERE collection = ? ORDER BY source", collection)]

    def fingerprint(self, collection: str, source: str) -> str | None:
        rows = self._rows("SELECT fingerprint FROM documents WHERE collection = ? AND source = ?", collection, source)
        return str(rows[0][0]) if rows else None

    def passages(self, ids: Sequence[str]) -> dict[str, PassageRow]:
        """Those of the ids that the index knows."""
        marks = ", ".join("?" * len(ids))
        rows = self._rows(f"SELECT id, document, start, stop FROM passages WHERE id IN ({marks})", *ids)  # noqa: S608
        return {row[0]: PassageRow(*row) for row in rows}

    def passages_of(self, document: int) -> list[PassageRow]:
        query = "SELECT id, document, start, stop FROM passages WHERE document = ? ORDER BY start"
        return [PassageRow(*row) for row in self._rows(query, document)]

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

    def put(
        self,
        row: DocumentRow,
        found: Sequence[tuple[int, Section, Vectors]],
        passages: Sequence[tuple[str, int, int, Sequence[str]]],
    ) -> None:
        """A document with its sections (first sentence, section, vectors) and passages (id, start, stop, terms)."""
        self.drop(row.collection, row.source)
        self._rows(
            "INSERT INTO documents (collection, source, title, label, fingerprint, pages, superseded)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            row.collection,
            row.source,
            row.title,
            row.label,
            row.fingerprint,
            row.pages,
            row.superseded,
        )
        document = self._rows("SELECT last_insert_rowid()")[0][0]
        self._connection.executemany(
            "INSERT INTO sections (document, first, heading, sentences, vectors) VALUES (?, ?, ?, ?, ?)",
            ((document, first, s.name, _written(s), v.astype(np.float16).tobytes()) for first, s, v in found),
        )
        for name, start, stop, held in passages:
            number = self._connection.execute(
                "INSERT INTO passages (id, document, start, stop) VALUES (?, ?, ?, ?)", (name, document, start, stop)
            ).lastrowid
            self._connection.execute("INSERT INTO words (rowid, terms) VALUES (?, ?)", (number, " ".join(held)))

    def drop(self, collection: str, source: str) -> None:
        self._rows(
            "DELETE FROM words WHERE rowid IN (SELECT p.number FROM passages p JOIN documents d ON d.id = p.document"
            " WHERE d.collection = ? AND d.source = ?)",
            collection,
            source,
        )
        self._rows("DELETE FROM documents WHERE collection = ? AND source = ?", collection, source)


def _written(section: Section) -> str:
    return json.dumps([[s.text, s.page, s.turn, terms(s.text)] for s in section.sentences], ensure_ascii=False)


def _section(row: tuple[Any, ...]) -> SectionRow:
    document, first, heading, sentences, vectors = row
    fields = json.loads(sentences)
    rows = np.frombuffer(vectors, np.float16).reshape(len(fields) + 1, -1).astype(np.float32)
    read = [Sentence(text, page, turn) for text, page, turn, _ in fields]
    return SectionRow(document, first, heading, read, [words for *_, words in fields], rows)
