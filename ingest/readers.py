"""An order -> its answer: the reader's process, as who gives the orders sees it."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import IO, Any, cast

PROGRAM = "ingest.reader"
PASSED_ON = ("PATH", "LD_LIBRARY_PATH", "TESSDATA_PREFIX")
"""All that a reader sees of the environment: no key is among it."""


class Reader:
    """A process that reads files one after the other; it is started when the first one comes."""

    def __init__(self, program: str = PROGRAM) -> None:
        self._program = program
        self._lock = Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._stopped = False

    def ask(self, order: Mapping[str, object]) -> tuple[bytes, dict[str, Any]] | None:
        """What the child said, and how it ended. A reader that dies over it is started anew, once."""
        for _ in range(2):
            process = self._started()
            if process is None:
                break
            try:
                return _answer(process, order)
            except (OSError, ValueError):
                self._lost(process)
        return None

    def stop(self) -> None:
        """Whatever it is doing."""
        with self._lock:
            self._stopped = True
            process, self._process = self._process, None
        if process:
            _end(process)

    def _started(self) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._process is None and not self._stopped:
                self._process = _start(self._program)
            return self._process

    def _lost(self, process: subprocess.Popen[bytes]) -> None:
        with self._lock:
            if self._process is process:
                self._process = None
        _end(process)


def _start(program: str) -> subprocess.Popen[bytes]:
    environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parent.parent,
        # One thread: a process with more cannot be forked safely, and numpy's would be started by openpyxl.
        env={**environ, "LANG": "C.UTF-8", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
        start_new_session=True,  # a Ctrl-C at the terminal is ours to act on
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(2)
    except subprocess.TimeoutExpired:
        process.kill()
    with suppress(OSError), process:
        pass


def _answer(process: subprocess.Popen[bytes], order: Mapping[str, object]) -> tuple[bytes, dict[str, Any]]:
    orders, answers = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
    orders.write(json.dumps(order).encode() + b"\n")
    orders.flush()
    body = bytearray()
    while size := int.from_bytes(answers.read(4), "big"):
        body += answers.read(size)
    return bytes(body), json.loads(answers.readline())
