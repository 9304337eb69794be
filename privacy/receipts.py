"""A receipt for every answer, kept for good: to whom which passages went, and at what cost; no word of any text."""

import asyncio
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from ingest.errors import Trouble
from privacy.ledger import Ledger, month_of

Outcome = Literal["answered", "waiting", "stopped"]
"""`stopped`: nobody got an answer, by Ctrl-C or by a failure, and something had left this machine all the same."""


@dataclass(frozen=True)
class Cost:
    """What one remote model was sent for one answer, and what it gave."""

    model: str
    input: int
    output: int
    nano: int | None
    """Billionths of a dollar; None where its price is not known."""


@dataclass(frozen=True)
class Kept:
    """What is written down of one answer."""

    thread: str
    asked: str | None
    """The `id` that its asker gave the question."""
    outcome: Outcome
    receipt: Mapping[str, Any]
    """As the reply carries it."""
    costs: Sequence[Cost]
    path: Sequence[str]
    """The boxes that it went through."""


class Receipts:
    """Writes in a thread of its own, one after the other."""

    def __init__(self, ledger: Ledger, clock: Callable[[], float] = time.time) -> None:
        self._ledger, self._clock = ledger, clock
        self._thread = ThreadPoolExecutor(1, "receipts")

    async def keep(self, kept: Kept) -> int:
        """The receipt's number, once it is kept; whoever stops waiting for it does not stop it."""
        try:
            return await asyncio.shield(asyncio.wrap_future(self._thread.submit(self._insert, kept)))
        except (sqlite3.Error, RuntimeError) as error:  # RuntimeError: it was closed meanwhile
            what = f"The receipt of this answer could not be kept ({error})."
            raise Trouble(what, str(self._ledger.path), f"See whether {self._ledger.path} can be written.") from error

    def keep_late(self, kept: Kept) -> None:
        """Where nobody can wait for it: the question was stopped."""
        with suppress(RuntimeError):
            self._thread.submit(self._insert, kept)

    def close(self) -> None:
        self._thread.shutdown()

    def _insert(self, kept: Kept) -> int:
        at = self._clock()
        month = month_of(at)
        with self._ledger.writing() as connection:
            row = (at, month, kept.thread, kept.asked, kept.outcome, bool(kept.receipt["sent"]))
            number = connection.execute(
                "INSERT INTO receipts (at, month, thread, asked, outcome, sent, receipt, path)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, json.dumps(kept.receipt), json.dumps([*kept.path])),
            ).lastrowid
            connection.executemany(
                "INSERT INTO costs (receipt, at, month, model, input, output, nano) VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(number, at, month, cost.model, cost.input, cost.output, cost.nano) for cost in kept.costs],
            )
        return int(number or 0)


# Reading --------------------------------------------------------------------------------------------------------------


def listed(connection: sqlite3.Connection, since: float) -> Iterator[dict[str, Any]]:
    """Oldest first."""
    rows = connection.execute(
        "SELECT id, at, thread, asked, outcome, receipt, path FROM receipts WHERE at >= ? ORDER BY id", (since,)
    )
    for row in rows:
        yield {
            "id": row["id"],
            "at": datetime.fromtimestamp(row["at"], UTC).isoformat(timespec="seconds"),
            "thread": row["thread"],
            "asked": row["asked"],
            "outcome": row["outcome"],
            "path": json.loads(row["path"]),
            "receipt": {**json.loads(row["receipt"]), "id": row["id"]},
        }


def by_month(connection: sqlite3.Connection, since: float) -> list[dict[str, Any]]:
    answers = connection.execute(
        "SELECT month, count(*) AS answers, sum(sent) AS sent FROM receipts WHERE at >= ? GROUP BY month", (since,)
    )
    costs = {row["month"]: row for row in _summed(connection, "month", since)}
    return [{**dict(row), **_sums(costs.get(row["month"]))} for row in answers]


def by_model(connection: sqlite3.Connection, since: float) -> list[dict[str, Any]]:
    return [
        {"model": row["model"], "answers": row["answers"], **_sums(row)} for row in _summed(connection, "model", since)
    ]


def last_path(connection: sqlite3.Connection, thread: str) -> list[str] | None:
    """The boxes of the thread's last answer."""
    row = connection.execute(
        "SELECT path FROM receipts WHERE thread = ? AND outcome != 'stopped' ORDER BY id DESC LIMIT 1", (thread,)
    ).fetchone()
    return None if row is None else json.loads(row["path"])


def _summed(connection: sqlite3.Connection, by: Literal["month", "model"], since: float) -> list[sqlite3.Row]:
    return connection.execute(
        f"SELECT {by}, count(DISTINCT receipt) AS answers, sum(input) AS input, sum(output) AS output,"  # noqa: S608
        " coalesce(sum(nano), 0) AS nano, sum(nano IS NULL) AS unpriced FROM costs WHERE at >= ?"
        f" GROUP BY {by} ORDER BY {by}",
        (since,),
    ).fetchall()


def _sums(row: sqlite3.Row | None) -> dict[str, Any]:
    """`usd` is what is known; of `unpriced` sendings nobody knows what they cost."""
    if row is None:
        return {"input": 0, "output": 0, "usd": 0.0, "unpriced": 0}
    return {"input": row["input"], "output": row["output"], "usd": row["nano"] / 1e9, "unpriced": row["unpriced"]}
