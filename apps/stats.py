"""How the models fared: a row for each of their calls in the data folder, and what `tandem stats` makes of them.

Its JSON, with times in milliseconds:

    {"since": "2026-11-20T09:00:00+00:00", "until": "2026-11-20T17:30:00+00:00",
     "models": [{"role": "small", "model": "ollama:phi4-mini", "remote": false,
                 "calls": 12, "answered": 11, "failures": {"silent": 1},
                 "first_ms": {"p50": 310.0, "p95": 900.0}, "ms": {"p50": 1200.0, "p95": 2400.0},
                 "tokens": {"input": 9000, "output": 700}}],
     "triage": {"asked": 9, "valid": 7, "repaired": 1, "invalid": 0, "failed": 1, "compared": 8, "agreed": 7,
                "ms": {"p50": 350.0, "p95": 800.0}}}

`first_ms` is until the first piece of an answer, `ms` until the last, of the calls that answered. After an `invalid` or
`failed` triage the embedded classifier decided; `agreed` of the `compared` others have the intents that it hears.
"""

import math
import sqlite3
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from typing_extensions import TypedDict

from apps.show import Line, one_line
from ingest.errors import Trouble
from models.asking import Asking

FILE = "stats.sqlite"
KEPT = 90 * 86_400.0
"""Seconds."""
MOST = 100_000
"""Rows of each table."""
WAITING = 10_000
"""Questions that are remembered while the file cannot be written to."""
PATIENCE = 1.0
"""Seconds to wait for another process that writes."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, role TEXT NOT NULL, model TEXT NOT NULL, remote INTEGER NOT NULL,
    failure TEXT, ms REAL NOT NULL, first_ms REAL, input INTEGER NOT NULL, output INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS triage (
    id INTEGER PRIMARY KEY, at REAL NOT NULL, outcome TEXT NOT NULL, agreed INTEGER, ms REAL NOT NULL);
CREATE INDEX IF NOT EXISTS calls_at ON calls (at);
CREATE INDEX IF NOT EXISTS triage_at ON triage (at);
"""
OLD = tuple(
    statement
    for table in ("calls", "triage")
    for statement in (
        f"DELETE FROM {table} WHERE at < :since",  # noqa: S608
        f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - :most",  # noqa: S608
    )
)

Row = tuple[Any, ...]


# Writing --------------------------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    """What is kept of a question: nothing of its words, nor of any passage's or answer's."""

    calls: Sequence[Row]
    triage: Sequence[Row]


class Recorder:
    """Writes in a thread of its own: no question waits for it, and none fails with it.

    What cannot be written now is tried again with the next question, and when it is closed.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.time, most: int = MOST, patience: float = PATIENCE
    ) -> None:
        self._path, self._clock, self._most, self._patience = path, clock, most, patience
        self._waiting: deque[Asked] = deque(maxlen=WAITING)
        self._thread = ThreadPoolExecutor(1, "stats")
        self._connection: sqlite3.Connection | None = None

    def record(self, asking: Asking) -> None:
        """To be called once a question is done, also when it failed or was stopped."""
        if asking.calls or asking.triage:
            self._waiting.append(_asked(asking, self._clock()))
            with suppress(RuntimeError):  # closed: an answer that nobody waited for has ended late
                self._thread.submit(self._write)

    def close(self) -> None:
        """Within twice its patience, whoever holds the file."""
        self._thread.shutdown(cancel_futures=True)
        self._write()
        self._disconnect()

    def _write(self) -> None:
        asked = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if not asked:
            return
        try:
            self._insert(asked)
        except sqlite3.Error:
            self._waiting.extendleft(reversed(asked))
            self._disconnect()

    def _insert(self, asked: Sequence[Asked]) -> None:
        with self._connected() as connection:
            connection.executemany(
                "INSERT INTO calls (at, role, model, remote, failure, ms, first_ms, input, output)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [row for one in asked for row in one.calls],
            )
            connection.executemany(
                "INSERT INTO triage (at, outcome, agreed, ms) VALUES (?, ?, ?, ?)",
                [row for one in asked for row in one.triage],
            )
            for statement in OLD:
                connection.execute(statement, {"since": self._clock() - KEPT, "most": self._most})

    def _connected(self) -> sqlite3.Connection:
        if self._connection is None:
            # It is closed by another thread than the one that writes, after that one has ended.
            self._connection = sqlite3.connect(self._path, self._patience, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode = WAL")
            self._connection.execute("PRAGMA synchronous = NORMAL")
            self._connection.executescript(SCHEMA)
        return self._connection

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _asked(asking: Asking, at: float) -> Asked:
    return Asked(
        [
            (at, call.role, call.model, call.remote, call.failure, call.ms, call.first_ms, call.input, call.output)
            for call in asking.calls
        ],
        [(at, seen.outcome, seen.agreed, seen.ms) for seen in asking.triage],
    )


# What it says ---------------------------------------------------------------------------------------------------------


class Times(TypedDict):
    p50: float | None
    p95: float | None


class ModelFared(TypedDict):
    role: str
    model: str
    remote: bool
    calls: int
    answered: int
    failures: dict[str, int]
    first_ms: Times
    ms: Times
    tokens: dict[str, int]


class TriageFared(TypedDict):
    asked: int
    valid: int
    repaired: int
    invalid: int
    failed: int
    compared: int
    agreed: int
    ms: Times


class Report(TypedDict):
    since: str | None
    until: str | None
    models: list[ModelFared]
    triage: TriageFared


def report(path: Path) -> Report:
    """Of all that is kept; a file that is not there has nothing in it, and is not made."""
    calls, triage = _rows(path) if path.exists() else ([], [])
    times = [row[0] for row in [*calls, *triage]]
    by_model: dict[tuple[str, str, int], list[Row]] = {}
    for _, role, model, remote, *rest in calls:
        by_model.setdefault((role, model, remote), []).append(tuple(rest))
    return Report(
        since=_moment(min(times)) if times else None,
        until=_moment(max(times)) if times else None,
        models=[_model(*who, rows) for who, rows in sorted(by_model.items())],
        triage=_triage(triage),
    )


def _rows(path: Path) -> tuple[list[Row], list[Row]]:
    try:
        with closing(sqlite3.connect(path, PATIENCE)) as connection:
            connection.executescript(SCHEMA)
            calls = "SELECT at, role, model, remote, failure, ms, first_ms, input, output FROM calls"
            triage = "SELECT at, outcome, agreed, ms FROM triage"
            return connection.execute(calls).fetchall(), connection.execute(triage).fetchall()
    except sqlite3.Error as error:
        raise Trouble(
            f"How the models fared cannot be read ({error}).",
            str(path),
            "If the file is damaged, delete it: nothing else is in it.",
        ) from error


def _model(role: str, model: str, remote: int, rows: Sequence[Row]) -> ModelFared:
    failures = Counter(failure for failure, *_ in rows if failure)
    answered = [row for row in rows if row[0] is None]
    return ModelFared(
        role=role,
        model=model,
        remote=bool(remote),
        calls=len(rows),
        answered=len(answered),
        failures=dict(failures.most_common()),
        first_ms=_times(first for _, _, first, _, _ in answered),
        ms=_times(ms for _, ms, *_ in answered),
        tokens={"input": sum(row[3] for row in rows), "output": sum(row[4] for row in rows)},
    )


def _triage(rows: Sequence[Row]) -> TriageFared:
    outcomes = Counter(outcome for _, outcome, _, _ in rows)
    agreed = [bool(agreed) for _, _, agreed, _ in rows if agreed is not None]
    return TriageFared(
        asked=len(rows),
        valid=outcomes["valid"],
        repaired=outcomes["repaired"],
        invalid=outcomes["invalid"],
        failed=outcomes["failed"],
        compared=len(agreed),
        agreed=sum(agreed),
        ms=_times(ms for *_, ms in rows),
    )


def _times(values: Iterable[float | None]) -> Times:
    """The value that so many of a hundred do not exceed."""
    known = sorted(value for value in values if value is not None)

    def at(share: float) -> float | None:
        return known[math.ceil(share * len(known)) - 1] if known else None

    return Times(p50=at(0.50), p95=at(0.95))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


# How it is shown ------------------------------------------------------------------------------------------------------

HEADINGS = ("role", "model", "calls", "answered", "first piece", "whole answer", "tokens in", "out", "failures")


def lines(report: Report) -> list[Line]:
    """A table of the models, and how triage by the small model went; times are p50 / p95."""
    if not report["models"] and not report["triage"]["asked"]:
        return [Line("No model has been asked yet.")]
    when = Line(f"{report['since']} to {report['until']}; times are p50 / p95.")
    return [when, *_table([HEADINGS, *map(_cells, report["models"])]), *_triage_lines(report["triage"])]


def _cells(fared: ModelFared) -> Sequence[str]:
    tokens, failures = fared["tokens"], fared["failures"]
    return (
        fared["role"],
        one_line(fared["model"]),
        f"{fared['calls']:,}",
        f"{fared['answered']:,}",
        _told(fared["first_ms"]),
        _told(fared["ms"]),
        f"{tokens['input']:,}",
        f"{tokens['output']:,}",
        ", ".join(f"{kind} {count:,}" for kind, count in failures.items()) or "none",
    )


def _table(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield Line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _triage_lines(fared: TriageFared) -> Iterator[Line]:
    if not fared["asked"]:
        return
    fell_back = fared["invalid"] + fared["failed"]
    yield Line(
        f"Triage by the small model: {fared['asked']:,} asked, {_share(fared['valid'], fared['asked'])} valid at once,"
        f" {fared['repaired']:,} repaired, {fell_back:,} left to the embedded classifier"
        f" ({fared['invalid']:,} invalid, {fared['failed']:,} failed); {_told(fared['ms'])}."
    )
    if fared["compared"]:
        yield Line(f"It agreed with the embedded classifier on {_share(fared['agreed'], fared['compared'])}.")


def _share(count: int, of: int) -> str:
    return f"{count:,} of {of:,} ({count / of:.0%})"


def _told(times: Times) -> str:
    return "-" if times["p50"] is None or times["p95"] is None else f"{_time(times['p50'])} / {_time(times['p95'])}"


def _time(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"
