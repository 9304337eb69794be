"""Questions to the graph, one at a time in each thread: run it, resume it, and say what came of it."""

import asyncio
import time
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Protocol
from weakref import WeakValueDictionary

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.types import Command, Interrupt

from graphs import words
from graphs.assistant import Assistant
from graphs.context import Context
from graphs.explained import Works
from graphs.reply import Reply, Tariff, costs_of, receipt, reply
from graphs.state import State, Turn, Waiting
from graphs.threads import Held
from ingest.errors import Trouble
from models.asking import Asking
from privacy.receipts import Kept


@dataclass(frozen=True)
class Step:
    """A box has done its work."""

    name: str


@dataclass(frozen=True)
class Words:
    """Some of the first part's answer, as it is written; None: what came so far does not count."""

    text: str | None


@dataclass
class Run:
    """What a run of the graph has shown so far."""

    state: State = field(default_factory=lambda: State())
    path: list[str] = field(default_factory=list)
    works: Works = field(default_factory=Works)
    waiting: Waiting | None = None

    def see(self, inside: Sequence[str], mode: str, chunk: dict[str, Any]) -> "Sequence[Step | Words]":
        """Boxes in a subgraph are called `documents:draft`; the subgraph itself is no step of its own."""
        if mode == "tasks":
            self.works.see(inside, chunk)
            return []
        if mode == "custom":
            return [Words(chunk["text"])] if chunk["part"] == 0 else []
        if mode == "values":
            if not inside:
                self.state = State(**chunk)  # type: ignore[typeddict-item]
            return []
        within = inside[0].partition(":")[0] + ":" if inside else ""
        if "__metadata__" in chunk:  # done before the question waited, and handed in again
            return []
        names = [within + name for name in chunk if not name.startswith("__")]
        new = [name for name in names if not any(step.startswith(f"{name}:") for step in self.path)]
        self.path += new
        if not inside and (asked := chunk.get("__interrupt__")):
            self.waiting = asked[0].value
            self.path.append("ask_back")
        return [Step(name) for name in new]


Event = Step | Words | Reply


class Keeper(Protocol):
    """Keeps the receipts."""

    async def keep(self, kept: Kept) -> int: ...

    def keep_late(self, kept: Kept) -> None: ...


@dataclass
class Journal:
    """One question, until its receipt is kept."""

    thread: str
    asked: str | None
    """The `id` that its asker gave it."""
    asking: Asking
    done: bool = False


class Conversation:
    """The assistant as its users meet it: a question and a thread in, steps and a reply out."""

    def __init__(
        self,
        kept: Assistant,
        passing: Assistant,
        context: Context,
        collections: Callable[[], Sequence[str]],
        tariff: Tariff,
        record: Callable[[Asking], None] = lambda asking: None,
        receipts: Keeper | None = None,
    ) -> None:
        if not isinstance(kept.checkpointer, BaseCheckpointSaver):
            raise TypeError("a kept graph has somewhere to keep its threads")
        self._kept, self._threads, self._passing, self._context = kept, kept.checkpointer, passing, context
        self._collections, self._tariff, self._record, self._receipts = collections, tariff, record, receipts
        # LangGraph lets two runs on one thread lose a turn.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def ask(
        self, question: str, thread: str | None = None, collection: str | None = None, name: str | None = None
    ) -> Reply:
        """The reply; the thread is kept, and goes on when it is named again. The receipt has the question's name."""
        return await _last(self.run(question, thread, collection, name))

    async def ask_in_passing(self, question: str, collection: str | None = None, history: Sequence[Turn] = ()) -> Reply:
        """The reply in a thread that is thrown away."""
        return await _last(self.run_in_passing(question, collection, history))

    async def run(
        self, question: str, thread: str | None = None, collection: str | None = None, name: str | None = None
    ) -> AsyncGenerator[Event]:
        """Steps as they are done, then the reply; the thread has it before it is told, and nothing if it never is."""
        new, thread = thread is None, thread or uuid.uuid4().hex
        lock = self._locks.setdefault(thread, asyncio.Lock())
        async with lock:
            with self._journal(thread, name) as journal:
                held = Held(self._threads)
                # Closed with this one, so that the next question waits until it has ended.
                async with aclosing(self._turn(question, thread, new, collection, journal.asking, held)) as events:
                    async for event in events:
                        if not isinstance(event, Step | Words):
                            await held.keep()
                            event = await self._with_receipt(event, journal)
                        yield event

    async def rehearse(self, question: str, thread: str | None = None, collection: str | None = None) -> Reply:
        """What would come of the question; nothing of it is kept, in no thread and in no receipt."""
        asking, held = Asking(time.monotonic() + self._context.seconds), Held(self._threads)
        named = thread or uuid.uuid4().hex
        return await _last(self._turn(question, named, thread is None, collection, asking, held))

    async def _turn(
        self, question: str, thread: str, new: bool, collection: str | None, asking: Asking, held: Held
    ) -> AsyncGenerator[Event]:
        """The thread's next question, or the reply that its last one waits for."""
        waiting = None if new else await self._waiting(thread)
        replies = waiting is not None and not await self._is_new(question, asking)
        asked: Any = Command(resume=question) if replies else self._asked(question, collection)
        notices = [words.DROPPED] if waiting is not None and not replies else []
        graph = self._kept.copy({"checkpointer": held})
        async with aclosing(self._run(graph, asked, question, thread, asking, notices)) as events:
            async for event in events:
                yield event

    async def run_in_passing(
        self, question: str, collection: str | None = None, history: Sequence[Turn] = ()
    ) -> AsyncGenerator[Event]:
        thread = uuid.uuid4().hex
        try:
            with self._journal(thread) as journal:
                asking = journal.asking
                asked: Any = {**self._asked(question, collection), "turns": [*history]}
                if history and history[-1]["answer"] == words.WHICH_PLACE and not await self._is_new(question, asking):
                    # What waits is lost with each thread, so the question that waited is asked again before its reply.
                    *earlier, before = history
                    waited = {**self._asked(before["question"], collection), "turns": earlier}
                    again = await _last(self._run(self._passing, waited, before["question"], thread, asking))
                    asked = Command(resume=question) if again["waiting"] else asked
                async with aclosing(self._run(self._passing, asked, question, thread, asking)) as events:
                    async for event in events:
                        yield event if isinstance(event, Step | Words) else await self._with_receipt(event, journal)
        finally:
            saver = self._passing.checkpointer
            if isinstance(saver, InMemorySaver):
                saver.delete_thread(thread)

    def _asked(self, question: str, collection: str | None) -> State:
        return State(
            question=question,
            collections=[collection] if collection else [*self._collections()],
            pinned=collection is not None,
        )

    async def _run(
        self, graph: Assistant, asked: Any, question: str, thread: str, asking: Asking, notices: Sequence[str] = ()
    ) -> AsyncGenerator[Event]:
        began, run = time.perf_counter(), Run()
        events: Any = graph.astream(
            asked,
            {"configurable": {"thread_id": thread}},
            context=replace(self._context, asking=asking),
            stream_mode=["updates", "values", "custom", "tasks"],
            subgraphs=True,
            durability="exit",
        )
        event: Any
        async with aclosing(events):
            async for event in events:
                for seen in run.see(*event):
                    yield seen
        ms = 1000 * (time.perf_counter() - began)
        state: State = {**run.state, "question": question}
        told = [*notices, *asking.notices]
        exact = self._context.tokens.exact
        boxes = run.works.boxes(run.path, self._context.policy, asking.calls)
        times = {"total": round(ms, 1), **run.works.times(run.path)}
        yield reply(state, run.waiting, thread, run.path, times, asking.calls, self._tariff, exact, told, boxes)

    @contextmanager
    def _journal(self, thread: str, name: str | None = None) -> Iterator[Journal]:
        """Recorded when the question is done, also when it was stopped or has failed."""
        journal = Journal(thread, name, Asking(time.monotonic() + self._context.seconds))
        try:
            yield journal
        finally:
            self._record(journal.asking)
            left = costs_of(journal.asking.calls, self._tariff)
            if left and not journal.done and self._receipts:
                calls, exact = journal.asking.calls, self._context.tokens.exact
                made = receipt([], calls, self._tariff, exact)
                self._receipts.keep_late(Kept(thread, name, "stopped", made, left, []))

    async def _with_receipt(self, reply: Reply, journal: Journal) -> Reply:
        """Kept before the answer is told, and said with it when it cannot be."""
        journal.done = True
        if self._receipts is None:
            return reply
        outcome: Literal["waiting", "answered"] = "waiting" if reply["waiting"] else "answered"
        left = costs_of(journal.asking.calls, self._tariff)
        kept = Kept(journal.thread, journal.asked, outcome, reply["receipt"], left, reply["path"])
        try:
            number = await self._receipts.keep(kept)
        except Trouble as trouble:
            return {**reply, "notices": [*reply["notices"], f"{trouble.what} {trouble.do or ''}".strip()]}
        return {**reply, "receipt": {**reply["receipt"], "id": number}}

    async def _waiting(self, thread: str) -> Interrupt | None:
        snapshot = await self._kept.aget_state({"configurable": {"thread_id": thread}})
        return snapshot.interrupts[0] if snapshot.interrupts else None

    async def _is_new(self, message: str, asking: Asking) -> bool:
        """Whether a message that might be the awaited reply is plainly a question of its own."""
        # In a conversation that is not looked at here: it counts as the strictest.
        heard = await self._context.triage.read(message, asking=asking, label="restricted")
        other_business = heard[0].intent not in ("weather", "smalltalk", "other")
        return other_business or len(heard) > 1 or (message.rstrip().endswith("?") and len(message.split()) > 3)


async def _last(events: AsyncIterator[Event]) -> Reply:
    reply: Event | None = None
    async for event in events:
        reply = event
    if reply is None or isinstance(reply, Step | Words):
        raise RuntimeError("the run ended without a reply")
    return reply
