"""How fast: one warm question, an ingest, a cold start; each beside what it is compared with, in turns."""

import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from apps.settings import ROOT, read
from apps.wiring import Parts, Places
from benchmarks.figure import Figure
from ingest.folder import listed
from models.embedded.encoder import Encoder

QUESTION = "How much does the company match on my 401k?"
IMPORTS = "import chromadb, langgraph.graph, langgraph.checkpoint.sqlite.aio"


def warm(documents: Path, questions: Sequence[str], cache: Path) -> Figure:
    """The median over the questions of one `ask` in process, over that of a bare embed and Chroma query."""
    from benchmarks import baseline

    with tempfile.TemporaryDirectory() as data:
        parts = Parts(read({}), Places(Path(data) / "tandem", cache))
        parts.writer.ingest(listed(documents, "bench"))
        bare = baseline.ingest(documents, Path(data) / "bare", Uncached(cache))

        async def measure() -> tuple[list[float], list[float]]:
            ours, theirs = [], []
            async with parts.conversation() as conversation:
                for number, question in enumerate(questions):
                    began = time.perf_counter()
                    await conversation.ask(question, collection="bench")
                    between = time.perf_counter()
                    bare.similarity_search(question, k=10)
                    if number >= len(questions) // 2:  # the first half warms both up
                        ours.append(between - began)
                        theirs.append(time.perf_counter() - between)
            return ours, theirs

        ours, theirs = (1000 * statistics.median(times) for times in asyncio.run(measure()))
    return Figure(
        "one warm ask / bare embed + Chroma query", f"{ours:.1f} ms / {theirs:.1f} ms = {ours / theirs:.1f}x", "<= 5x"
    )


class Uncached(Encoder):
    """The same encoder, for the other side; it must embed each query anew."""

    def embed_query(self, text: str) -> list[float]:
        row: list[float] = self.encode([text])[0].tolist()
        return row


def ingest(documents: Path, cache: Path, rounds: int = 3) -> Figure:
    """Both from files to a searchable index, in turns."""
    from benchmarks import baseline

    encoder, found = Uncached(cache), listed(documents, "bench")
    found = replace(found, files=[file for file in found.files if file.path.suffix == ".pdf"])
    ours, theirs = [], []
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as data:
            parts = Parts(read({}), Places(Path(data) / "tandem", cache))
            _ = parts.encoder
            ours.append(_timed(partial(parts.writer.ingest, found)))
            theirs.append(_timed(partial(baseline.ingest, documents, Path(data) / "bare", encoder)))
    ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
    told = f"{statistics.median(ours):.1f} s / {statistics.median(theirs):.1f} s = {ratio:.2f}x"
    return Figure("ingest / LangChain default", told, "<= 1.0x")


def cold(cache: Path, rounds: int = 5) -> list[Figure]:
    """`tandem ask` as a process, over the imports that it cannot avoid; and the most memory it held."""
    with tempfile.TemporaryDirectory() as data:
        command = [sys.executable, "-m", "apps.cli", "ask", QUESTION, "--data", data]
        environment = {**os.environ, "XDG_CACHE_HOME": str(cache.parent)}
        _run(command, environment)  # indexes
        asks, imports = [], []
        for _ in range(rounds):
            asks.append(_timed(lambda: _run(command, environment)))
            imports.append(_timed(lambda: _run([sys.executable, "-c", IMPORTS], environment)))
        peak = _peak(command, environment)
    ratio = statistics.median(a / b for a, b in zip(asks, imports, strict=True))
    told = f"{statistics.median(asks):.2f} s / {statistics.median(imports):.2f} s = {ratio:.2f}x"
    return [
        Figure("tandem ask, cold / its imports", told, "<= 1.4x"),
        Figure("peak memory of tandem ask", f"{peak:.0f} MB", "< 500 MB"),
    ]


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _run(command: Sequence[str], environment: dict[str, str]) -> None:
    subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)  # noqa: S603


def _peak(command: Sequence[str], environment: dict[str, str]) -> float:
    """In a process of its own, whose only child is the command: the children's peak is the largest there was."""
    code = (
        "import json, resource, subprocess, sys; subprocess.run(json.loads(sys.argv[1]), capture_output=True);"
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", code, json.dumps([*command])],
        cwd=ROOT, env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    return int(done.stdout) / 1024


def encoders(cache: Path) -> list[Figure]:
    """Sentences a second, and what each encoder adds to a process's memory."""
    return [_encoder(cache, precision) for precision in ("fp32", "int8")]


ENCODING = """
import pathlib, resource, sys, time
from models.embedded.encoder import Encoder

def held():
    return int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize() / 2**20

before = held()
encoder = Encoder(pathlib.Path(sys.argv[1]), sys.argv[2])
lines = pathlib.Path("corpora/benefits/perks.md").read_text().splitlines()
texts = [line for line in lines if len(line) > 40] * 8
encoder.encode(texts[:32])
began = time.perf_counter()
encoder.encode(texts)
print(len(texts) / (time.perf_counter() - began), held() - before)
"""


def _encoder(cache: Path, precision: str) -> Figure:
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", ENCODING, str(cache), precision], cwd=ROOT, check=True, capture_output=True, text=True
    )
    speed, memory = map(float, done.stdout.split())
    return Figure(f"encoder {precision}", f"{speed:.0f} sentences/s, {memory:.0f} MB", "")
