"""What Tandem adds to a model's own time: many askers at once, and a fake model that takes a fixed time to answer.

python -m benchmarks.overhead [--askers 50] [--questions 400] [--delay 1 --delay 2]

The model's servers are a process of their own, and each notes when a request came and when its answer was out. A
question's overhead is its time in Tandem less that: the HTTP client, its parsing and the wait for a turn of the event
loop count as ours. LangChain's clients alone, sent the same messages in the same run, show how much of it is theirs.
"""

import argparse
import asyncio
import os
import random
import re
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Literal, NamedTuple

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from apps.indexing import index_configured
from apps.settings import ROOT, read
from apps.wiring import Parts, Places, cache_folder
from benchmarks.figure import Figure
from evals import cases as company
from models.voice import Question
from tests.ollama_wire import ollama
from tests.openai_wire import openai
from tests.wire import Request, says

GOAL = "< 12 / 29 / 43 ms"
"""LiteLLM's published figures for its proxy, on other hardware."""
WAYS = ("{}", "Hi! {}", "{} Thank you.")
"""In which a question is put, so that there are enough of them without asking one twice."""
TOPICS = (
    "volcanoes", "glaciers", "the violin", "chess", "bridges", "the telescope", "bees", "porcelain", "the tides",
    "cathedrals", "bicycles", "steam engines", "the printing press", "comets", "jazz", "opera", "the compass", "silk",
    "lighthouses", "dinosaurs", "penguins", "the Roman roads", "photography", "windmills", "coral reefs", "the piano",
    "origami", "sundials", "whales", "the alphabet", "chocolate", "tea", "clocks", "ballet", "haiku", "algebra",
)  # fmt: skip
GENERAL = (
    "Tell me about the history of {}.", "Why do people find {} interesting?", "What should a child know about {}?",
    "Who has written about {}?", "Which country is famous for {}?", "How would you explain {} to a child?",
    "What do {} and mathematics have in common?", "Is there a poem about {}?", "What was the first thing known of {}?",
    "Why did {} matter in the Middle Ages?", "What is a common mistake about {}?", "What do museums say about {}?",
    "Compare {} with mountains.", "What is the most beautiful thing about {}?", "Why are there books about {}?",
)  # fmt: skip

Role = Literal["small", "large"]
Messages = list[dict[str, str]]


# The model, in a process of its own -----------------------------------------------------------------------------------


class Seen(NamedTuple):
    """A request, as its server saw it."""

    messages: Messages
    came: float
    answered: float

    @property
    def question(self) -> str:
        return self.messages[-1]["content"].rpartition("\n")[2]


def serve(told: Connection) -> None:
    """Answers with the delay that it is told last; None asks for the requests since."""
    with ollama() as small, openai() as large:
        told.send((small.url, large.url))
        counted = {small: 0, large: 0}
        while (delay := told.recv()) != "stop":
            if delay is None:
                new = [request for wire, count in counted.items() for request in wire.seen[count:]]
                told.send([seen for request in new if (seen := _seen(request))])
            else:
                for wire in counted:
                    wire.always(says(sentence, pieces=1, first=delay))
            counted = {wire: len(wire.seen) for wire in counted}


def _seen(request: Request) -> Seen | None:
    """None where no model was asked."""
    if request.answered is None or "messages" not in request.body:
        return None
    return Seen(request.body["messages"], request.came, request.answered)


def sentence(request: Request) -> str:
    """The first of the first passage, cited, so that it is borne out; without passages any."""
    first = re.search(r"(?ms)^\[1\] [^\n]*\n(.{20,300}?[.!?])(?=\s)", request.prompt)
    return f"{' '.join(first[1].split())} [1]" if first else "That is a long story, and a good one."


@dataclass(frozen=True)
class Fake:
    """The other end of it."""

    small: str
    large: str
    told: Connection

    def takes(self, delay: float) -> None:
        self.told.send(delay)

    def seen(self) -> list[Seen]:
        """Since it was last asked."""
        self.told.send(None)
        requests: list[Seen] = self.told.recv()
        return requests


@contextmanager
def fake_model() -> Iterator[Fake]:
    here, there = get_context("spawn").Pipe()
    process = get_context("spawn").Process(target=serve, args=(there,))
    process.start()
    try:
        small, large = here.recv()
        yield Fake(small, large, here)
    finally:
        here.send("stop")
        process.join()


# Many at once ---------------------------------------------------------------------------------------------------------


class Asked(NamedTuple):
    question: str
    began: float
    ended: float


Ask = Callable[[str], Awaitable[object]]


async def at_once(ask: Ask, questions: Sequence[str], askers: int, delay: float) -> list[Asked]:
    """Each asker puts the next question as soon as it has an answer; they do not all begin at the same moment."""
    left, done, chance = iter(questions), list[Asked](), random.Random(7)  # noqa: S311

    async def asker(starts: float) -> None:
        await asyncio.sleep(starts)
        for question in left:
            began = time.monotonic()
            await ask(question)
            done.append(Asked(question, began, time.monotonic()))

    await asyncio.gather(*(asker(chance.uniform(0, delay)) for _ in range(askers)))
    return done


class Overheads(NamedTuple):
    """Of a run: milliseconds that each question took more than its request."""

    ms: Sequence[float]
    cpu: float
    """Milliseconds of this process's time for a question."""

    @property
    def told(self) -> str:
        p50, p95, p99 = np.percentile(self.ms, (50, 95, 99))
        return f"{p50:.1f} / {p95:.1f} / {p99:.1f} ms (n = {len(self.ms)}, {self.cpu:.1f} ms of processor time each)"


async def overheads(ask: Ask, questions: Sequence[str], askers: int, delay: float, fake: Fake) -> Overheads:
    fake.takes(0.0)
    await at_once(ask, questions[:askers], askers, 0.0)  # opens the connections
    fake.takes(delay)
    cpu = time.process_time()
    asked = await at_once(ask, questions[askers:], askers, delay)
    cpu = 1000 * (time.process_time() - cpu) / len(asked)
    served = {seen.question: seen.answered - seen.came for seen in fake.seen()}
    return Overheads([1000 * (one.ended - one.began - served[one.question]) for one in asked], cpu)


# The questions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """One way through the graph."""

    name: str
    role: Role
    mode: Literal["small", "large"]
    box: str
    candidates: Sequence[str]


def cases() -> list[Case]:
    general = [template.format(topic) for topic, template in product(TOPICS, GENERAL)]
    asked = [case.question for case in company.read(ROOT / "evals" / "company")]
    documents = [way.format(question) for way, question in product(WAYS, asked)]
    return [
        Case("general question, large model (ChatOpenAI)", "large", "large", "large", general),
        Case("general question, small model (ChatOllama)", "small", "small", "small", general),
        Case("documents question, small model (ChatOllama)", "small", "small", "documents:draft", documents),
    ]


def parts_for(case: Case, fake: Fake, data: Path) -> Parts:
    """The embedded triage, so that a question is one request; and nobody gives the model up for its delay."""
    environ = {"OLLAMA_HOST": fake.small, "OPENAI_API_KEY": "sk-none", "OPENAI_BASE_URL": f"{fake.large}/v1"}
    given = {
        "models.triage": "embedded",
        "models.embedder": "embedded",
        "models.patience": 30.0,
        "routing.mode": case.mode,
    }
    return Parts(read({}, given=given), Places(data, cache_folder()), environ)


async def chosen(case: Case, fake: Fake, data: Path, count: int) -> dict[str, Messages]:
    """Questions that go through that box, are answered there, and ask the model once; and what it is sent."""
    fake.takes(0.0)
    good = []
    async with parts_for(case, fake, data).conversation() as conversation:
        for question in random.Random(7).sample(case.candidates, len(case.candidates)):  # noqa: S311
            reply = await conversation.ask_in_passing(question)
            (part, *others) = reply["parts"]
            if case.box in reply["path"] and part["writer"] == case.role and not others and not reply["notices"]:
                good.append(question)
            if len(good) == count:
                break
    seen = fake.seen()
    once = Counter(one.question for one in seen)
    sent = {one.question: one.messages for one in seen}
    return {question: sent[question] for question in good if once[question] == 1}


# The figures ----------------------------------------------------------------------------------------------------------


async def measured(
    case: Case, fake: Fake, data: Path, askers: int, count: int, delays: Sequence[float]
) -> list[Figure]:
    sent = await chosen(case, fake, data, count + askers)
    figures = []
    for delay in delays:
        parts = parts_for(case, fake, data)  # which remember no question
        async with parts.conversation() as conversation:
            ways = {case.name: conversation.ask_in_passing, "the client alone": alone(case.role, fake, sent)}
            if case.box != "documents:draft":
                ways["the voice alone"] = talking(parts, case.role)
            for name, ask in ways.items():
                took = await overheads(ask, [*sent], askers, delay, fake)
                goal = "" if name == "the client alone" else GOAL
                figures.append(Figure(f"{name}, {askers} at once, {delay:g} s", took.told, goal))
    return figures


def talking(parts: Parts, role: Role) -> Ask:
    """The prompt, the gate, the deadline, the breaker: what a proxy does; neither triage nor search nor graph."""
    voice = parts.small if role == "small" else parts.large
    assert voice is not None  # noqa: S101

    async def ask(question: str) -> None:
        await voice.talk(Question(question), parts.asking(), lambda text: None)

    return ask


def alone(role: Role, fake: Fake, sent: dict[str, Messages]) -> Ask:
    """LangChain's client, as anybody would use it."""
    from langchain_ollama import ChatOllama
    from langchain_openai import ChatOpenAI

    client: Any
    if role == "small":
        client = ChatOllama(model="phi4-mini", base_url=fake.small)
    else:
        client = ChatOpenAI(model="gpt-4o", base_url=f"{fake.large}/v1", api_key="sk-none", stream_usage=True)  # type: ignore[arg-type]

    async def ask(question: str) -> None:
        async for _ in client.astream(sent[question]):
            pass

    return ask


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what Tandem adds to a model's own time.")
    parser.add_argument("--askers", type=int, default=50)
    parser.add_argument("--questions", type=int, default=400)
    parser.add_argument("--delay", type=float, action="append", help="seconds; several times for several")
    parser.add_argument("--data", type=Path, help="a data folder with the sample company's documents")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, fake_model() as fake:
        data = given.data or Path(made)
        index_configured(parts_for(cases()[0], fake, data))

        async def measure() -> None:  # in one event loop: ChatOpenAI keeps its connections for another one, too
            for case in cases():
                for figure in await measured(
                    case, fake, data, given.askers, given.questions, given.delay or [1.0, 2.0]
                ):
                    print(f"| {figure.name} | {figure.told} | {figure.goal} |", flush=True)

        asyncio.run(measure())
    print(f"{os.cpu_count()} cores, load average over 5 minutes {os.getloadavg()[1]:.1f}")


if __name__ == "__main__":
    main()
