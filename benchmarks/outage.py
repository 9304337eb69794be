"""How long until an answer when Ollama is down or hangs: the embedded model's, with a notice that says why.

python -m benchmarks.outage [--questions 100] [--cold 5]

All questions are ones that the small model answers from the documents while it is well. Each is asked in a conversation
just opened, whose breaker has learned nothing yet, and then all of them in one. A question's time begins when its
conversation is open; that of a cold `tandem ask` when its process starts.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from apps.indexing import index_configured
from apps.settings import ROOT, read
from apps.wiring import Parts, Places, cache_folder
from benchmarks.figure import Figure
from benchmarks.overhead import sentence
from evals import cases
from graphs.conversation import Conversation
from graphs.reply import Reply
from tests.ollama_wire import Ollama, ollama
from tests.wire import hangs, says

GOAL = "p99 <= 2.5 s"

Trouble = Callable[[Ollama], AbstractContextManager[None]]


@contextmanager
def closed(server: Ollama) -> Iterator[None]:
    """Nobody listens at the port."""
    with server.refuse():
        yield


@contextmanager
def hung(server: Ollama) -> Iterator[None]:
    """Whatever is asked, it accepts and never answers."""
    server.management(hangs)
    with server.suffers(hangs):
        yield
    server.management(None)


@contextmanager
def mute(server: Ollama) -> Iterator[None]:
    """It lists its models, and none of them ever says a word."""
    with server.suffers(hangs):
        yield


@dataclass(frozen=True)
class Outage:
    name: str
    trouble: Trouble
    early: bool
    """Whether it has begun when the conversation is opened."""

    def before(self, server: Ollama) -> AbstractContextManager[None]:
        return self.trouble(server) if self.early else nullcontext()

    def after(self, server: Ollama) -> AbstractContextManager[None]:
        return nullcontext() if self.early else self.trouble(server)


OUTAGES = (
    Outage("port closed before the start", closed, early=True),
    Outage("port closed after the start", closed, early=False),
    Outage("hung before the start", hung, early=True),
    Outage("hung after the start", hung, early=False),
    Outage("only /api/chat hangs", mute, early=True),
)


@dataclass(frozen=True)
class Bench:
    """Tandem with an Ollama that can be made to fail."""

    server: Ollama
    data: Path

    def parts(self) -> Parts:
        settings = read({}, given={"models.small": "ollama:phi4-mini", "models.embedder": "embedded"})
        return Parts(settings, Places(self.data, cache_folder()), {"OLLAMA_HOST": self.server.url})

    async def questions(self, count: int) -> list[str]:
        """Ones that the small model answers from the documents."""
        found: list[str] = []
        async with self.parts().conversation() as conversation:
            for case in cases.read(ROOT / "evals" / "company"):
                reply = await conversation.ask(case.question)
                if [(part["route"], part["writer"]) for part in reply["parts"]] == [("documents", "small")]:
                    found.append(case.question)
                if len(found) == count:
                    break
        return found

    async def apart(self, outage: Outage, questions: Sequence[str]) -> list[float]:
        """Each in a conversation of its own."""
        times = []
        for question in questions:
            with outage.before(self.server):
                async with self.parts().conversation() as conversation:
                    with outage.after(self.server):
                        times.append(await timed(conversation, question))
        return times

    async def together(self, outage: Outage, questions: Sequence[str]) -> list[float]:
        with outage.before(self.server):
            async with self.parts().conversation() as conversation:
                with outage.after(self.server):
                    return [await timed(conversation, question) for question in questions]

    def cold(self, outage: Outage, questions: Sequence[str]) -> list[float]:
        with outage.trouble(self.server):
            return [self._asked(question) for question in questions]

    def _asked(self, question: str) -> float:
        environment = {
            **os.environ, "OLLAMA_HOST": self.server.url,
            "TANDEM_MODELS__SMALL": "ollama:phi4-mini", "TANDEM_MODELS__LARGE": "none",
        }  # fmt: skip
        command = [sys.executable, "-m", "apps.cli", "ask", question, "--data", str(self.data), "--json"]
        began = time.perf_counter()
        done = subprocess.run(  # noqa: S603
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True
        )
        took = time.perf_counter() - began
        check(json.loads(done.stdout))
        return took


async def timed(conversation: Conversation, question: str) -> float:
    began = time.perf_counter()
    reply = await conversation.ask(question)
    took = time.perf_counter() - began
    check(reply)
    return took


def check(reply: Reply) -> None:
    """A fast answer counts only if it is one, and says what happened."""
    writers = {part["writer"] for part in reply["parts"]}
    if writers != {"embedded"} or not any("ollama:phi4-mini" in notice for notice in reply["notices"]):
        raise SystemExit(f"No clear answer: {json.dumps(reply, ensure_ascii=False)}")


def figure(name: str, times: Sequence[float]) -> Figure:
    p50, p99 = np.percentile(times, (50, 99))
    return Figure(name, f"{p50:.2f} / {p99:.2f} / {max(times):.2f} s (n = {len(times)})", GOAL)


def figures(bench: Bench, count: int, cold: int, only: str) -> Iterator[Figure]:
    """p50 / p99 / max."""
    questions = asyncio.run(bench.questions(count))
    for outage in (one for one in OUTAGES if only in one.name):
        yield figure(f"{outage.name}, conversations just opened", asyncio.run(bench.apart(outage, questions)))
        yield figure(f"{outage.name}, in one conversation", asyncio.run(bench.together(outage, questions)))
        if outage.early:
            yield figure(f"{outage.name}, cold `tandem ask`", bench.cold(outage, questions[:cold]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how long an answer takes when Ollama is down or hangs.")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--cold", type=int, default=5)
    parser.add_argument("--only", default="", help="the outages that have this in their name")
    parser.add_argument("--data", type=Path, help="a data folder with the sample company's documents")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as made, ollama() as server:
        server.always(says(sentence))
        bench = Bench(server, given.data or Path(made))
        index_configured(bench.parts())
        for one in figures(bench, given.questions, given.cold, given.only):
            print(f"| {one.name} | {one.told} | {one.goal} |", flush=True)


if __name__ == "__main__":
    main()
