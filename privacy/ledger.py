"""The file of receipts: what was answered, what left for it, and what that cost; lines are added and never changed."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from weakref import finalize

from ingest.errors import Trouble

FILE = "receipts.sqlite"
VERSION = 1
PATIENCE = 5.0
"""Seconds to wait for another process that writes."""

TABLES = {
    "receipts": """
        id INTEGER PRIMARY KEY AUTOINCREMENT, at REAL NOT NULL, month TEXT NOT NULL, thread TEXT NOT NULL, asked TEXT,
        outcome TEXT NOT NULL, sent INTEGER NOT NULL, receipt TEXT NOT NULL, path TEXT NOT NULL""",
    "costs": """
        receipt INTEGER NOT NULL REFERENCES receipts (id), at REAL NOT NULL, month TEXT NOT NULL, model TEXT NOT NULL,
        input INTEGER NOT NULL, output INTEGER NOT NULL, nano INTEGER""",
    "spending": """
        id INTEGER PRIMARY KEY AUTOINCREMENT, call TEXT NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('reserved', 'ended')),
        at REAL NOT NULL, month TEXT NOT NULL, model TEXT NOT NULL, nano INTEGER NOT NULL, total INTEGER NOT NULL,
        UNIQUE (call, kind)""",
}
INDEXES = """
CREATE INDEX receipts_at ON receipts (at);
CREATE INDEX receipts_thread ON receipts (thread, id);
CREATE INDEX costs_at ON costs (at);
CREATE INDEX spending_month ON spending (month, id);
"""


def month_of(at: float) -> str:
    """`2026-11`, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m")


class Ledger:
    """Where the file is. Who writes waits for whoever else does, in this process and in others."""

    def __init__(self, path: Path, patience: float = PATIENCE) -> None:
        self.path, self._patience = path, patience
        self._lock = Lock()
        # It stays open between two lines: SQLite tidies up when the last one is closed, ten times a line's time.
        self._open: sqlite3.Connection | None = None

    @property
    def exists(self) -> bool:
        return self.path.exists()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Alone from the first look to the last line; all of it is kept, or none."""
        with self._lock:
            try:
                connection = self._connected()
                connection.execute("BEGIN IMMEDIATE")
                try:
                    yield connection
                    connection.execute("COMMIT")
                except BaseException:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
                    raise
            except sqlite3.Error:
                self._disconnect()  # the next one may find another file there
                raise

    def close(self) -> None:
        """Until the next line."""
        with self._lock:
            self._disconnect()

    def _connected(self) -> sqlite3.Connection:
        if self._open is None:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._open = sqlite3.connect(self.path, self._patience, isolation_level=None, check_same_thread=False)
            finalize(self, self._open.close)
            _make(self._open, self._patience)
        return self._open

    def _disconnect(self) -> None:
        if self._open is not None:
            self._open.close()
            self._open = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """One moment of it; a Trouble where it cannot be read."""
        try:
            with closing(sqlite3.connect(self.path, self._patience, isolation_level=None)) as connection:
                _make(connection, self._patience)
                connection.row_factory = sqlite3.Row
                connection.execute("BEGIN")
                yield connection
        except sqlite3.Error as error:
            do = "If the file is damaged, move it away: only receipts are in it, and what the month has cost so far."
            raise Trouble(f"The receipts cannot be read ({error}).", str(self.path), do) from error


def _make(connection: sqlite3.Connection, patience: float) -> None:
    if _version(connection) == 0:
        _set_journal(connection, time.monotonic() + patience)
        connection.execute("BEGIN IMMEDIATE")
        if _version(connection) == 0:  # nobody else has made it meanwhile
            for statement in _schema():
                connection.execute(statement)
        connection.execute("COMMIT")
    if (found := _version(connection)) != VERSION:
        raise sqlite3.DatabaseError(f"it has version {found}, and this Tandem knows {VERSION}")


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _set_journal(connection: sqlite3.Connection, until: float) -> None:
    """SQLite does not wait here for another process that does the same."""
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)


def _schema() -> Iterator[str]:
    for table, columns in TABLES.items():
        yield f"CREATE TABLE {table} ({columns})"
        for change in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_keeps_on_{change} BEFORE {change} ON {table}"
                f" BEGIN SELECT RAISE(ABORT, 'a line of {table} is never changed'); END"
            )
    yield from filter(None, map(str.strip, INDEXES.split(";")))
    yield f"PRAGMA user_version = {VERSION}"
