"""One writer for a data folder: who it is, and since when."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from ingest.errors import IndexUnusable

GRACE = 1.0
"""Seconds: a process that only tidies up is done by then."""


@contextmanager
def held(data: Path, wait: float = GRACE) -> Iterator[None]:
    """Held by one process at a time, and let go of when that ends, however it ends."""
    who = data / "writer.json"
    try:
        with FileLock(data / "writer.lock", timeout=wait):
            who.write_text(json.dumps({"pid": os.getpid(), "since": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}), "utf-8")
            try:
                yield
            finally:
                who.unlink(missing_ok=True)
    except Timeout:
        do = "Wait until it is done, then try again."
        raise IndexUnusable(f"Another process is writing to the index{_told(who)}.", str(data), do) from None


def _told(who: Path) -> str:
    try:
        writer = json.loads(who.read_text("utf-8"))
        return f": pid {writer['pid']}, since {writer['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""  # it has just begun, or just ended
