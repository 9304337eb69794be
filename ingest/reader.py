"""Orders on a pipe -> documents: a process that reads every file in a child with limits on memory, time and output."""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

from ingest.errors import Trouble
from ingest.loaders import LOADERS, Source, read

OUTPUT = 64 << 20
"""Bytes that a child may hand back."""
OPEN_FILES = 64
NO_MEMORY = 3
"""How a child ends that ran out of it."""
END = (0).to_bytes(4, "big")
"""No more pieces: how the child ended comes next."""


def main() -> None:
    """Read what is ordered, until the one who orders is gone: the pipe closes then, also after kill -9."""
    signal.signal(signal.SIGTERM, _leave)
    _system()  # found once, before the forks
    orders, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)  # a library that prints must not be taken for an answer
    try:
        for order in orders:
            _served(json.loads(order), orders, answers)
    except BrokenPipeError:
        os._exit(0)  # nobody is left to hear it


def _leave(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit()


def _served(order: Mapping[str, Any], orders: BinaryIO, answers: BinaryIO) -> None:
    _import_for("ocr" if "page" in order else Path(order["path"]).suffix.lower())
    began, reader, memory = time.monotonic(), os.getpid(), _memory()
    pipe, childs = os.pipe()
    child = os.fork()
    if child == 0:
        _read_in_child(order, childs, reader, memory)
    try:
        os.setpgid(child, child)
        os.close(childs)
        over = _relayed(pipe, answers, orders, began + order["wall"])
    finally:
        os.killpg(child, signal.SIGKILL)  # and what it has started, such as Tesseract
        _, status, used = os.wait4(child, 0)
        os.close(pipe)
    ended = {
        "over": over or _over(status),
        "failed": status != 0,
        "seconds": used.ru_utime + used.ru_stime,
        "bytes": used.ru_maxrss * (1 if sys.platform == "darwin" else 1024),
    }
    answers.write(END + json.dumps(ended).encode() + b"\n")
    answers.flush()


def _relayed(pipe: int, answers: BinaryIO, orders: BinaryIO, end: float) -> str | None:
    """Hand on what the child says, piece by piece; the limit it went over, if it did."""
    handed_on = 0
    while True:
        ready, _, _ = select.select([pipe, orders.fileno()], [], [], max(0.0, end - time.monotonic()))
        if orders.fileno() in ready:  # nothing is ordered before the answer is complete: it was closed
            sys.exit()
        if not ready:
            return "time"
        piece = os.read(pipe, 1 << 16)
        handed_on += len(piece)
        if not piece or handed_on > OUTPUT:
            return "output" if piece else None
        answers.write(len(piece).to_bytes(4, "big") + piece)


def _over(status: int) -> str | None:
    if os.WIFSIGNALED(status):
        return "time" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGALRM) else None
    return "memory" if os.WEXITSTATUS(status) == NO_MEMORY else None


def _import_for(kind: str) -> None:
    """What a kind's loader will want, once and before the forks; a kind that is missing costs time and nothing else."""
    match kind:
        case ".pdf":
            import pypdf  # noqa: F401
        case ".docx":
            import docx  # noqa: F401
        case ".pptx":
            import pptx  # noqa: F401
        case ".xlsx":
            import openpyxl  # noqa: F401
        case ".html" | ".htm" | ".eml":
            import email  # noqa: F401

            import lxml.html  # noqa: F401
        case ".md" | ".markdown" | ".txt" | ".text":
            import yaml  # noqa: F401
        case "ocr":
            import pypdfium2  # noqa: F401


def _read_in_child(order: Mapping[str, Any], answer: int, reader: int, memory: int) -> NoReturn:
    """Never returns to the reader's code, whatever is raised: that would be a second reader."""
    code = 1
    try:
        os.closerange(3, answer)
        os.closerange(answer + 1, 4 * OPEN_FILES)
        _end_with(reader)
        _confine(order, memory)
        with os.fdopen(answer, "wb", closefd=False) as pipe:  # it closes when this process has ended
            pipe.write(_answer(order))
        code = 0
    except MemoryError:
        code = NO_MEMORY
    finally:
        os._exit(code)


def _confine(order: Mapping[str, Any], memory: int) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.dup2(0, 2)  # libraries grumble about odd documents
    signal.alarm(order["wall"] + 1)
    seconds = order["seconds"]
    limits = [
        (resource.RLIMIT_CPU, seconds, seconds + 1),
        (resource.RLIMIT_FSIZE, 0, 0),
        (resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES),
        (resource.RLIMIT_CORE, 0, 0),
        (resource.RLIMIT_AS, memory + order["bytes"], memory + order["bytes"]),
    ]
    for limit, soft, hard in limits:
        with suppress(ValueError):  # a limit that this system lets nobody set
            resource.setrlimit(limit, (soft, hard))


@cache
def _system() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def _end_with(reader: int) -> None:
    """Where the system can do that, a child does not outlive a reader that is killed."""
    if sys.platform == "linux":
        _system().prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
        if os.getppid() != reader:
            os._exit(1)


def _memory() -> int:
    """Address space that this process has already, most of it the libraries'."""
    try:
        return int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
    except OSError:
        return 1 << 40


def _answer(order: Mapping[str, Any]) -> bytes:
    path = Path(order["path"])
    try:
        message = _message(
            _page(path, order["page"]) if "page" in order else LOADERS.get(path.suffix.lower(), read)(path)
        )
    except RecursionError:
        message = {"trouble": [f"{path.name} is nested too deeply to be read.", "Save it anew, or convert it."]}
    except OSError as error:
        message = {"trouble": [f"{path.name} cannot be read ({error.strerror or error}).", "Check its permissions."]}
    except Trouble as trouble:
        message = {"trouble": [trouble.what, trouble.do]}
    # Half a character, as broken UTF-16 leaves them, could not be stored.
    return json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")


def _page(path: Path, page: int) -> Source:
    from ingest.loaders.ocr import read_page

    return Source("", read_page(path, page))


def _message(source: Source) -> dict[str, Any]:
    return {
        **vars(source),
        "lines": [[line.text.replace("\0", ""), *[*vars(line).values()][1:]] for line in source.lines],
    }


if __name__ == "__main__":
    main()
