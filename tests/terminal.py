"""Someone at a terminal: a program runs at a pseudo-terminal, and what it shows is read at the other side."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import MappingProxyType

from apps.settings import ROOT

READY = "\x1b[?2004h"
"""prompt_toolkit listens; pasting is bracketed from here."""
CTRL_C, CTRL_D, TAB, UP = "\x03", "\x04", "\t", "\x1b[A"
OWN_TERMINAL = "import os; os.close(os.open(os.ttyname(0), os.O_RDWR))"
"""Makes it the one whose Ctrl-C a program gets."""


class Typist:
    """Sits at the other side."""

    def __init__(self, side: int) -> None:
        self._side = side
        self._seen = ""

    def types(self, keys: str) -> None:
        os.write(self._side, keys.encode())

    def sees(self, words: str) -> str:
        """Everything up to those words, escapes and all; they are waited for."""
        end, poll = time.monotonic() + 30, select.poll()
        poll.register(self._side, select.POLLIN)
        while words not in self._seen:
            ready = poll.poll(1000 * max(0.0, end - time.monotonic()))  # select knows no file above the 1024th
            assert ready, f"no {words!r} in {self._seen!r}"
            self._seen += os.read(self._side, 65536).decode("utf-8", "replace")
        before, _, self._seen = self._seen.partition(words)
        return before


@contextmanager
def at_a_terminal(
    code: str, arguments: Sequence[str] = (), environ: Mapping[str, str] = MappingProxyType({})
) -> Iterator[Typist]:
    """Python code that runs at a terminal of its own."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
    child = subprocess.Popen(
        [sys.executable, "-c", f"{OWN_TERMINAL}; {code}", *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm", "PROMPT_TOOLKIT_NO_CPR": "1", "NO_COLOR": "1", **environ},
    )
    os.close(theirs)
    try:
        yield Typist(ours)
        child.wait(30)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        os.close(ours)
