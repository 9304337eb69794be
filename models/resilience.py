"""One role's endpoints behind one model: how long each may take, whether it is tried again, and who is asked next."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

from ingest.labels import Label
from models.asking import Asking, Call, Role
from models.model import Schema
from privacy.content import Message, label_of, texts
from privacy.failures import DEAD, WITHHELD, ModelFailed, cut, filtered, forbidden, garbage, silent, stopped
from privacy.gate import WRITES, Door, Piece, load

QUIET = 20.0
"""Seconds between two pieces of an answer."""
LONGEST = 100_000
"""Characters; no answer that we ask for is half as long."""
WINDOW = 15
"""Requests over which a breaker looks back."""
TRIES = 4
"""Of those, how many may reach an endpoint that fails."""
OPENS = 2
"""Failures in a row after which it is passed by."""
PAUSE = 4
"""Requests that pass it by before the next try; or as many seconds as REST."""
REST = 30.0
AGAIN = 2
"""Times that one request is tried again at most."""

UNSENT = WITHHELD | {"unreachable", "forbidden"}
"""Failures after which nothing has left."""
LONGER = "Set [models] deadline higher."

Clock = Callable[[], float]


@dataclass
class Breaker:
    """Keeps questions from waiting for an endpoint that is known to be dead."""

    clock: Clock = time.monotonic
    last: ModelFailed | None = None
    """The failure that it keeps from; None while all is well."""
    _tries: deque[int] = field(default_factory=lambda: deque([0], WINDOW))
    """Of each of the last requests, how often it was tried."""
    _in_a_row: int = 0
    _tried_at: float = 0.0
    _not_before: float = 0.0

    def lets(self) -> bool:
        """Whether a new request may try; asked once for each."""
        self._tries.append(0)
        return self.lets_again()

    def lets_again(self) -> bool:
        if self._in_a_row < OPENS:
            return True
        passed_by = next((n for n, tries in enumerate(reversed(self._tries)) if tries), WINDOW) - 1
        rested = passed_by >= PAUSE or self.clock() >= self._tried_at + REST
        return rested and sum(self._tries) < TRIES and self.clock() >= self._not_before

    def trying(self) -> None:
        """Counted as it begins: others that ask meanwhile are not to try the same."""
        self._tries[-1] += 1
        self._tried_at = self.clock()

    def found_dead(self, failed: ModelFailed) -> None:
        """As if it had been tried in vain."""
        self.last, self._in_a_row, self._tries[-1], self._tried_at = failed, OPENS, 1, self.clock()

    def tried(self, failed: ModelFailed | None) -> None:
        """Begun and ended."""
        self.trying()
        self.ended(failed)

    def ended(self, failed: ModelFailed | None) -> None:
        if failed is not None and failed.kind in WITHHELD:
            return
        self._tried_at = self.clock()
        dead = failed is not None and failed.kind in DEAD
        self.last = failed if dead else None
        self._in_a_row = self._in_a_row + 1 if dead else 0
        if failed is not None and failed.kind == "busy" and failed.again_after is not None:
            self._not_before = self.clock() + failed.again_after


class Endpoints:
    """A Model: the endpoints take turns, and where one fails the next answers."""

    def __init__(
        self,
        doors: Sequence[Door],
        count: Callable[[str], int],
        quiet: float = QUIET,
        dead: Mapping[str, ModelFailed] | None = None,
        clock: Clock = time.monotonic,
    ) -> None:
        """`dead` are those that are known not to answer now."""
        self._doors, self._count, self._quiet = [*doors], count, quiet
        self._breakers = {door.endpoint.name: Breaker(clock) for door in doors}
        for name, failed in (dead or {}).items():
            self._breakers[name].found_dead(failed)
        self._turn = -1

    @property
    def name(self) -> str:
        return self._doors[0].endpoint.name

    @property
    def context(self) -> int:
        return min(door.endpoint.context for door in self._doors)

    def admits(self, label: Label) -> bool:
        return any(door.admits(label) for door in self._doors)

    def load(self) -> None:
        """What a first question would have to wait for."""
        for door in self._doors:
            load(door.endpoint.wire)

    async def close(self) -> None:
        for door in self._doors:
            await door.close()

    async def stream(
        self,
        messages: Sequence[Message],
        asking: Asking,
        role: Role,
        *,
        schema: Schema | None = None,
        patience: float | None = None,
    ) -> AsyncGenerator[str]:
        """Once a piece is out, a failure is the asker's to deal with: it may ask again, and the next one answers."""
        if not asking.left:
            raise ModelFailed("late", f"There was no time left for {self.name}", self.name, LONGER)
        doors = self._in_turn(messages, asking)
        for door, after in zip(doors, [*doors[1:], None], strict=True):
            begun = False
            try:
                async with aclosing(self._tried(door, messages, asking, role, schema, patience)) as pieces:
                    async for piece in pieces:
                        begun = True
                        yield piece
                return
            except ModelFailed as failed:
                if failed.kind in DEAD:
                    asking.given_up[door.endpoint.name] = failed
                if begun or after is None or failed.kind not in DEAD | WITHHELD:
                    raise
                asking.note(f"{failed.what}, so {after.endpoint.name} was asked.")

    def has_another(self, messages: Sequence[Message], asking: Asking) -> bool:
        """Whether one is left that this question has not given up, nor questions before it."""
        label = label_of(messages)
        left = [d.endpoint.name for d in self._doors if d.admits(label) and d.endpoint.name not in asking.given_up]
        return any(self._breakers[name].lets_again() for name in left)

    def _in_turn(self, messages: Sequence[Message], asking: Asking) -> list[Door]:
        """Those that may see it and are not known to be dead, beginning with another one each time."""
        label = label_of(messages)
        admitted = [door for door in self._doors if door.admits(label)]
        if not admitted:
            raise forbidden(label, self.name)
        self._turn += 1
        start = self._turn % len(admitted)
        fresh = [door for door in [*admitted[start:], *admitted[:start]] if door.endpoint.name not in asking.given_up]
        alive = [door for door in fresh if self._breakers[door.endpoint.name].lets()]
        if not alive:
            raise self._known_dead(admitted, asking)
        return alive

    def _known_dead(self, doors: Sequence[Door], asking: Asking) -> ModelFailed:
        names = [door.endpoint.name for door in doors]
        lasts = [asking.given_up.get(name) or self._breakers[name].last for name in names]
        last = next((failed for failed in lasts if failed is not None), None)
        what = last.what if last else f"{names[0]} does not answer"
        return ModelFailed("open", what, names[0], (last.do if last else None) or "")

    async def _tried(
        self,
        door: Door,
        messages: Sequence[Message],
        asking: Asking,
        role: Role,
        schema: Schema | None,
        patience: float | None,
    ) -> AsyncGenerator[str]:
        """One endpoint, and again where that can succeed and there is time."""
        breaker = self._breakers[door.endpoint.name]
        first_by = asking.until if patience is None else min(asking.until, time.monotonic() + patience)
        for again in range(AGAIN + 1):
            trace = _Trace(door, role, messages, self._count)
            breaker.trying()
            try:
                async with aclosing(self._paced(door, messages, schema, asking, first_by, trace)) as pieces:
                    async for piece in pieces:
                        yield piece
                breaker.ended(None)
                asking.calls.append(trace.call())
                return
            except ModelFailed as failed:
                breaker.ended(failed)
                asking.calls.append(trace.call(failed))
                wait = failed.again_after
                late = wait is None or time.monotonic() + wait >= first_by
                if trace.begun or late or again == AGAIN or not breaker.lets_again():
                    raise
                await asyncio.sleep(wait or 0.0)
            except (asyncio.CancelledError, GeneratorExit):
                if trace.begun:  # whoever stops listening has heard it
                    breaker.ended(None)
                asking.calls.append(trace.call(cut(door.endpoint.name)))
                raise

    async def _paced(
        self,
        door: Door,
        messages: Sequence[Message],
        schema: Schema | None,
        asking: Asking,
        first_by: float,
        trace: "_Trace",
    ) -> AsyncGenerator[str]:
        """Each piece in its time; an end that is no proper end is a failure."""
        name, host, aside = door.endpoint.name, door.endpoint.host, _Aside()
        async with aclosing(door.stream(messages, schema)) as pieces:
            while True:
                now = time.monotonic()
                by = min(asking.until, now + self._quiet if trace.begun else first_by)
                try:
                    async with asyncio.timeout(max(0.0, by - now)):
                        piece = await anext(pieces)
                except StopAsyncIteration:
                    break
                except TimeoutError:
                    raise _overdue(asking, trace, name, host) from None
                trace.saw(piece)
                if trace.characters > LONGEST:
                    raise ModelFailed("huge", f"{name} does not stop talking", name, "See what answers there.")
                if trace.done != "refusal" and (said := aside.without(piece.text)):
                    trace.said = True
                    yield said
        _check_end(trace, name, host)


@dataclass
class _Aside:
    """What a model thinks aloud before its answer, where its server does not tell the two apart."""

    _held: str | None = ""
    """What may be a thought; None once the answer has begun."""

    def without(self, piece: str) -> str:
        if self._held is None:
            return piece
        self._held += piece
        said = self._held.lstrip()
        if said.startswith("<think>"):
            said = said.partition("</think>")[2].lstrip()
        if "<think>".startswith(said):  # as nothing does
            return ""
        self._held = None
        return said


def _overdue(asking: Asking, trace: "_Trace", name: str, host: str) -> ModelFailed:
    if asking.left > 0:
        return stopped(name) if trace.begun else silent(name, host)
    return ModelFailed("late", f"{name} was not done in the question's time", name, LONGER)


def _check_end(trace: "_Trace", name: str, host: str) -> None:
    if trace.done is None:
        raise cut(name) if trace.written else garbage(name, host)
    if trace.done == "content_filter":
        raise filtered(name)
    if trace.done == "refusal":
        raise ModelFailed("refused", f"{name} declines to answer", name, "Ask it in other words.")
    if trace.lost_some():
        what = f"{name} did not read all that it was sent"
        raise ModelFailed("truncated", what, name, "Give it a longer context, or set [models] context lower.")
    if trace.done == "length":
        raise ModelFailed("length", f"The answer of {name} was cut at {WRITES:,} tokens", name, "Ask for less at once.")
    if not trace.said:
        raise ModelFailed("empty", f"{name} answered nothing", name, "Ask it in other words.")


@dataclass
class _Trace:
    """What one request showed."""

    door: Door
    role: Role
    messages: Sequence[Message]
    count: Callable[[str], int]
    begun: bool = False
    characters: int = 0
    written: str = ""
    said: bool = False
    """Whether any of that is an answer."""
    done: str | None = None
    input: int = 0
    output: int = 0
    first: float | None = None
    began: float = field(default_factory=time.monotonic)

    def saw(self, piece: Piece) -> None:
        if self.first is None:
            self.first = time.monotonic()
        self.begun = True
        self.characters += len(piece.text)
        self.written += piece.text
        if self.done != "refusal":  # a stream that refuses then stops as any other
            self.done = piece.done or self.done
        self.input, self.output = piece.input or self.input, piece.output or self.output

    def lost_some(self) -> bool:
        """Whether the prompt, by the provider's own count, is shorter than any tokenizer could make it."""
        return 0 < self.input < sum(len(message.text) for message in self.messages) / 8

    def call(self, failed: ModelFailed | None = None) -> Call:
        sent = [] if failed is not None and failed.kind in UNSENT else texts(self.messages)
        return Call(
            role=self.role,
            model=self.door.endpoint.name,
            remote=not self.door.endpoint.here,
            ms=_ms(self.began, time.monotonic()),
            first_ms=None if self.first is None else _ms(self.began, self.first),
            failure=failed.kind if failed else None,
            input=self.input or sum(self.count(text.text) for text in sent),
            output=self.output or self.count(self.written),
            sent=sent,
        )


def _ms(began: float, ended: float) -> float:
    return round(1000 * (ended - began), 1)
