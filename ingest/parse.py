"""Reading files side by side, each PDF in a process of its own with a limit on its memory and time."""

import multiprocessing
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from types import FrameType

from ingest.errors import Trouble, UnreadableDocument
from ingest.loaders import Source, read

SECONDS, BYTES = 120, 2 << 30


def parsed(files: Mapping[str, Path]) -> Iterator[tuple[str, Source | Trouble]]:
    """Each file's lines, or why there are none; in the order given."""
    pdfs = [path for path in files.values() if path.suffix.lower() == ".pdf"]
    if not pdfs:
        yield from ((source, _read(path)) for source, path in files.items())
        return
    # A fresh interpreter for each worker: a fork would share onnxruntime's and Chroma's threads.
    workers = ProcessPoolExecutor(min(2, len(pdfs)), multiprocessing.get_context("spawn"), _limit)
    with workers:
        waiting = {path: workers.submit(_read_in_time, path) for path in pdfs}
        for source, path in files.items():
            yield source, _result(waiting[path], path) if path in waiting else _read(path)


def _result(future: Future[Source | Trouble], path: Path) -> Source | Trouble:
    try:
        return future.result()
    except BrokenProcessPool:
        return _too_much(path)


def _read_in_time(path: Path) -> Source | Trouble:
    signal.alarm(SECONDS)
    try:
        return _read(path)
    finally:
        signal.alarm(0)


def _read(path: Path) -> Source | Trouble:
    try:
        return read(path)
    except Trouble as trouble:
        return trouble
    except (MemoryError, TimeoutError):
        return _too_much(path)
    except OSError as error:
        return UnreadableDocument(
            f"{path.name} cannot be read ({error.strerror}).", str(path), "Check its permissions."
        )


def _too_much(path: Path) -> UnreadableDocument:
    return UnreadableDocument(
        f"Reading {path.name} took more than {SECONDS} s or {BYTES >> 30} GB.", str(path), "Split it, or save it anew."
    )


def _limit() -> None:
    """In a worker: how much memory a broken or hostile file may take, and what happens when its time is up."""
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    signal.signal(signal.SIGALRM, _out_of_time)


def _out_of_time(signum: int, frame: FrameType | None) -> None:
    raise TimeoutError
