"""`tandem ingest --watch`: folders are followed, and what changes in them is in the answers a moment later."""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from apps.settings import ROOT
from apps.show import plain, said
from apps.wiring import Parts
from ingest.errors import Trouble
from ingest.folder import Found, Listing, OutOfReach
from ingest.plan import Step
from ingest.writer import Ingested

DONE = 0
QUIET = 1.0
"""Seconds for which a file must not have changed: until then somebody may still be writing it."""
AT_LEAST = 5000
"""Milliseconds after which is looked without being woken: file systems on a network wake nobody."""
Listed = Callable[[], Listing]


def follow(folders: Sequence[Listed], parts: Parts, beside: int | None = None) -> int:
    """Until Ctrl-C, or until the process `beside` ends."""
    from watchfiles import watch

    followers = [Follower(parts, look) for look in folders]
    paths = [path for look in folders if (path := look().within)]
    print(f"Following {', '.join(map(str, paths))}. Ctrl-C ends it.", file=sys.stderr, flush=True)
    for follower in followers:
        follower.catch_up()
    for _ in watch(*paths, debounce=400, yield_on_timeout=True, rust_timeout=AT_LEAST):
        if beside is not None and os.getppid() != beside:
            break
        for follower in followers:
            follower.catch_up()
    return DONE


class Follower:
    """Compares a folder with the index, again and again, and says what is new."""

    def __init__(self, parts: Parts, look: Listed) -> None:
        self._parts, self._look = parts, look
        self._refused: dict[tuple[str, str], Trouble] = {}
        """By source and content, what need not be tried again."""
        self._told = ""

    def catch_up(self) -> None:
        while not self._caught_up():
            time.sleep(QUIET)

    def _caught_up(self) -> bool:
        """Whether no file was being written just then. What is wrong as a whole is said once, and tried again."""
        try:
            found = self._look()
            resting = [_resting(file) for file in found.files]
            self._ingest(replace(found, files=resting))
        except Trouble as trouble:
            self._tell(said(trouble))
            return True
        return resting == [*found.files]

    def _ingest(self, found: Listing) -> None:
        steps = {step.source: step for step in self._parts.writer.plan(found)}
        found = replace(found, files=[self._unless_refused(file, steps[file.source]) for file in found.files])
        if not any(step.is_read or step.kind == "removed" for step in self._parts.writer.plan(found)):
            return
        for one in self._parts.writer.ingest(found):
            step = steps[one.source]
            if one.status == "failed" and one.trouble and not isinstance(one.trouble, OutOfReach):
                self._refused[one.source, step.look.content] = one.trouble
            if one.status not in ("unchanged", "skipped") and step.kind != "failed":
                self._tell(f"{found.collection}/{one.source} {_told(one)}")

    def _unless_refused(self, file: Found, step: Step) -> Found:
        return replace(file, trouble=file.trouble or self._refused.get((file.source, step.look.content)))

    def _tell(self, line: str) -> None:
        if line != self._told:
            print(f"{datetime.now():%H:%M:%S} {plain(line)}", file=sys.stderr, flush=True)
        self._told = line


def _told(one: Ingested) -> str:
    if one.trouble:
        return said(one.trouble)
    return f"{one.status}, {one.passages} passages" if one.passages else one.status


def _resting(file: Found) -> Found:
    """A file that has changed this moment is looked at in the next one; until then, what was known of it stays."""
    try:
        changed = file.path.lstat().st_mtime
    except OSError:
        return file
    if file.trouble or not 0 <= time.time() - changed < QUIET:
        return file
    return replace(file, trouble=OutOfReach(f"{file.path.name} is being written.", str(file.path), "Wait a moment."))


@contextmanager
def followed(given: Namespace) -> Iterator[None]:
    """The configured folders, in a process of its own: reading documents must keep nobody waiting for an answer."""
    options = [f"--{name}={value}" for name, value in vars(given).items() if name in ("config", "data")]
    command = [sys.executable, "-m", "apps.cli", "ingest", "--watch", f"--beside={os.getpid()}", *options]
    child = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.DEVNULL)  # noqa: S603
    try:
        yield
    finally:
        child.terminate()
        child.wait()
