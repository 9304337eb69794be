"""How a running server fares while its folder grows by 50 MB, and what an ingest of unchanged files costs.

python -m benchmarks.ingest [--megabytes 50] [--unchanged DIR]

`tandem serve --watch` follows a folder. Documents made up here are put into it, PDFs with pictures for the most part,
and until all are in the index the server's health is asked every 20 ms, and a question every second.
"""

import argparse
import os
import random
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import httpx
import numpy as np

from apps.settings import ROOT, read
from apps.wiring import Parts, Places, cache_folder
from benchmarks.figure import Figure
from ingest.folder import listed

WORDS = (ROOT / "README.md").read_text("utf-8").split()
SETTINGS = """
[[intents]]
name = "other"
kind = "chat"
[[intents]]
name = "smalltalk"
kind = "chat"
[[collections]]
name = "grown"
path = "documents"
"""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure a server while its folder grows.")
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--unchanged", type=Path, metavar="DIR", help="documents to ingest twice")
    given = parser.parse_args()
    for figure in [*unchanged(given.unchanged or ROOT / "corpora" / "benefits"), *grown(given.megabytes)]:
        print(f"{figure.name:<58} {figure.told:<44} {figure.goal}", flush=True)


# Unchanged ------------------------------------------------------------------------------------------------------------


def unchanged(folder: Path, rounds: int = 5) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as data:
        parts = Parts(read({}), Places(Path(data), cache_folder()))
        parts.writer.ingest(listed(folder, "bench"))
        times = []
        for _ in range(rounds):
            began = time.perf_counter()
            done = parts.writer.ingest(listed(folder, "bench"))
            times.append(time.perf_counter() - began)
    told = f"{1000 * statistics.median(times):.0f} ms for {len(done)} documents"
    yield Figure("unchanged documents, ingested again in process", told, "< 1 s")


# Grown ----------------------------------------------------------------------------------------------------------------


def grown(megabytes: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as there:
        folder = Path(there)
        (folder / "documents").mkdir()
        (folder / "documents" / "first.md").write_text("# First\n\nThe lamps come from the depot.\n", "utf-8")
        (folder / "mine.toml").write_text(SETTINGS, "utf-8")
        with served(folder) as url:
            quiet = Asker(url)
            with quiet.asking():
                time.sleep(5)
            busy = Asker(url)
            began = time.perf_counter()
            with busy.asking():
                size = sum(made(folder / "documents", megabytes))
                files = len([*(folder / "documents").iterdir()])
                wait_for(folder / "data" / "index.sqlite", files)
            seconds = time.perf_counter() - began
    yield Figure("health, p50 / p99 / longest, nothing else to do", quiet.told(), "")
    yield Figure(f"health while {size >> 20} MB, {files} files, are taken in", busy.told(), "p99 < 100 ms")
    yield Figure("    which took", f"{seconds:.0f} s", "")
    yield Figure("a question, p50 / longest, meanwhile", busy.told_of_questions(), "")


@contextmanager
def served(folder: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "apps.cli", "serve", "--watch", f"--port={port}"]
    options = [f"--config={folder / 'mine.toml'}", f"--data={folder / 'data'}"]
    server = subprocess.Popen([*command, *options], cwd=ROOT, stderr=subprocess.DEVNULL)  # noqa: S603
    url = f"http://127.0.0.1:{port}"
    try:
        while server.poll() is None:
            with suppress(httpx.HTTPError):
                httpx.get(f"{url}/health", timeout=5)
                break
            time.sleep(0.1)
        yield url
    finally:
        server.terminate()
        server.wait()


class Asker:
    """Asks for the server's health and, now and then, a question; keeps how long each took."""

    def __init__(self, url: str) -> None:
        self._url = url
        self.health: list[float] = []
        self.questions: list[float] = []

    @contextmanager
    def asking(self) -> Iterator[None]:
        over = threading.Event()
        threads = [
            threading.Thread(target=self._ask, args=(over, "GET", "/health", None, 0.02, self.health)),
            threading.Thread(
                target=self._ask,
                args=(
                    over,
                    "POST",
                    "/assistant/invoke",
                    {"input": {"question": "Who has the lamps?"}},
                    1.0,
                    self.questions,
                ),
            ),
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            over.set()
            for thread in threads:
                thread.join()

    def _ask(
        self, over: threading.Event, method: str, path: str, body: object, every: float, times: list[float]
    ) -> None:
        with httpx.Client(base_url=self._url, timeout=60) as client:
            while not over.wait(every):
                began = time.perf_counter()
                client.request(method, path, json=body).raise_for_status()
                times.append(1000 * (time.perf_counter() - began))

    def told(self) -> str:
        p50, p99 = np.percentile(self.health, [50, 99])
        return f"{p50:.1f} / {p99:.1f} / {max(self.health):.0f} ms of {len(self.health):,}"

    def told_of_questions(self) -> str:
        return f"{statistics.median(self.questions):.0f} / {max(self.questions):.0f} ms of {len(self.questions)}"


def wait_for(index: Path, files: int) -> None:
    """Until that many documents are in it."""
    while True:
        with sqlite3.connect(index, timeout=10) as rows:
            [(there,)] = rows.execute("SELECT count(*) FROM documents")
        rows.close()
        if there >= files:
            return
        time.sleep(0.2)


def made(folder: Path, megabytes: int) -> Iterator[int]:
    """Documents of about two megabytes, and a few long texts and tables; the bytes of each."""
    rng = random.Random(5)  # noqa: S311
    written = 0
    for number in range(10_000):
        if written >= megabytes << 20:
            break
        kind = number % 10
        file = folder / f"document-{number}{'.md' if kind == 3 else '.csv' if kind == 6 else '.pdf'}"
        content = text(rng, 40) if kind == 3 else table(rng, 300) if kind == 6 else pdf(rng, 6)
        hidden = folder / f".{file.name}"
        hidden.write_bytes(content)
        hidden.rename(file)
        written += len(content)
        yield len(content)


def text(rng: random.Random, sections: int) -> bytes:
    return "\n\n".join(f"## Section {n}\n\n{sentences(rng, 12)}" for n in range(sections)).encode()


def table(rng: random.Random, rows: int) -> bytes:
    lines = [
        f"{n},{' '.join(rng.choices(['north', 'south', 'west'], k=3))},{rng.randrange(10_000)}" for n in range(rows)
    ]
    return "\n".join(["Number,Site,Amount", *lines]).encode()


def pdf(rng: random.Random, pages: int) -> bytes:
    from fpdf import FPDF
    from PIL import Image

    document = FPDF()
    for page in range(pages):
        document.add_page()
        document.set_font("helvetica", size=11)
        document.multi_cell(
            0, 6, f"Page {page} of this document. {sentences(rng, 15)}".encode("ascii", "ignore").decode()
        )
        noise = np.frombuffer(rng.randbytes(3 * 340 * 340), np.uint8).reshape(340, 340, 3)
        picture = BytesIO()
        Image.fromarray(noise).save(picture, "PNG")
        document.image(picture, w=30)
    return bytes(document.output())


def sentences(rng: random.Random, number: int) -> str:
    return " ".join(" ".join(rng.choices(WORDS, k=14)).strip(".") + "." for _ in range(number))


if __name__ == "__main__":
    main()
