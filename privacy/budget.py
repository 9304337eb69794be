"""What remote models may cost in a month: the most that a call can cost is set aside before it goes."""

import asyncio
import sqlite3
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from privacy.failures import overspent, uncounted, unpriced
from privacy.ledger import Ledger, month_of
from privacy.prices import NANO, Price
from privacy.toll import Sending


@dataclass(frozen=True)
class Spent:
    """What counts for a month."""

    month: str
    nano: int
    open: int
    """Calls of which it is not known what they cost: the most that they can is counted."""
    open_nano: int


class Budget:
    """A Toll. Without a limit it only counts, and a call goes all the same where it cannot."""

    def __init__(
        self,
        ledger: Ledger,
        prices: Mapping[str, Price],
        usd: float | None = None,
        file: Path = Path("prices.toml"),
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`file` is where the prices are from."""
        self._ledger, self._prices, self._file, self._clock = ledger, prices, file, clock
        self._usd = usd

    async def paid(self, sending: Sending) -> str | None:
        return await asyncio.to_thread(self.reserve, sending)

    async def cost(self, call: str, input: int, output: int) -> None:
        await asyncio.to_thread(self.settle, call, input, output)

    def reserve(self, sending: Sending) -> str | None:
        most = self._most(sending)
        if most is None:
            return None
        try:
            with self._ledger.writing() as connection:
                month = month_of(self._clock())
                self._check(counted(connection, month), most, sending.to)
                return self._add(connection, uuid.uuid4().hex, "reserved", month, sending.to, most)
        except (sqlite3.Error, OSError) as error:
            if self._usd is None:
                return None
            raise uncounted(sending.to, str(self._ledger.path), str(error)) from None

    def check(self, sending: Sending) -> None:
        """Whether it could be reserved now; a ModelFailed where it could not."""
        most = self._most(sending)
        if most is not None and self._usd is not None:
            before = 0
            if self._ledger.exists:
                with self._ledger.reading() as connection:
                    before = counted(connection, month_of(self._clock()))
            self._check(before, most, sending.to)

    def _most(self, sending: Sending) -> int | None:
        """What it can cost; None where nobody knows, and nobody asks."""
        price = self._prices.get(sending.to)
        if price is None and self._usd is not None:
            raise unpriced(sending.to, str(self._file))
        return price.cost(sending.input, sending.output) if price else None

    def _check(self, before: int, most: int, name: str) -> None:
        if self._usd is not None and before + most > round(self._usd * NANO):
            raise overspent(name, self._usd)

    def settle(self, call: str, input: int, output: int) -> None:
        """For the month in which it was reserved. Where this fails, what was reserved is what counts."""
        try:
            with self._ledger.writing() as connection:
                month, model, most = connection.execute(
                    "SELECT month, model, nano FROM spending WHERE call = ? AND kind = 'reserved'", (call,)
                ).fetchone()
                price = self._prices[model]
                self._add(connection, call, "ended", month, model, price.cost(input, output) - most)
        except (sqlite3.Error, OSError):
            pass

    def _add(self, connection: sqlite3.Connection, call: str, kind: str, month: str, model: str, nano: int) -> str:
        """Each line has the month's sum, so that a month of many calls is not added up for every one."""
        connection.execute(
            "INSERT INTO spending (call, kind, at, month, model, nano, total) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (call, kind, self._clock(), month, model, nano, counted(connection, month) + nano),
        )
        return call


def counted(connection: sqlite3.Connection, month: str) -> int:
    """Billionths of a dollar."""
    row = connection.execute("SELECT total FROM spending WHERE month = ? ORDER BY id DESC LIMIT 1", (month,)).fetchone()
    return int(row[0]) if row else 0


def spent(connection: sqlite3.Connection, month: str) -> Spent:
    number, nano = connection.execute(
        "SELECT count(*), coalesce(sum(nano), 0) FROM spending AS one WHERE month = ? AND kind = 'reserved'"
        " AND NOT EXISTS (SELECT 1 FROM spending WHERE call = one.call AND kind = 'ended')",
        (month,),
    ).fetchone()
    return Spent(month, counted(connection, month), number, nano)
