"""`tandem embed NAME`: the index's passages go to another embedder, and the old one answers until all are there."""

import json
import sys
import time
from typing import TextIO

from apps.indexing import watched
from apps.question import UsageWrong
from apps.show import plain
from apps.wiring import Parts
from ingest.index import Index
from ingest.writer import Move

DONE = 0


def move(parts: Parts, to: str, *, as_json: bool = False, out: TextIO | None = None) -> int:
    """Run again after an interruption, it goes on from there."""
    if not Index.made(parts.places.data):
        do = "It is made with [models] embedder. Run: tandem ingest PATH --collection C, or: tandem chat"
        raise UsageWrong("There is no index to move yet.", str(parts.places.data), do)
    began = time.perf_counter()
    with watched(f"Embedding with {to}") as told:
        moved = parts.writer.move(to, told)
    seconds = time.perf_counter() - began
    print(_as_json(moved, seconds) if as_json else plain(_summary(moved, seconds)), file=out or sys.stdout)
    return DONE


def _summary(moved: Move, seconds: float) -> str:
    if moved.before == moved.after and not moved.made:
        return f"The index is searched with {moved.after} already: {moved.passages} passages."
    kept = moved.passages - moved.made
    return (
        f"Moved {moved.passages} passages from {moved.before} to {moved.after} in {seconds:.1f} s"
        f" ({moved.made / seconds:,.0f} a second{f'; {kept} were there from before' if kept else ''})."
    )


def _as_json(moved: Move, seconds: float) -> str:
    return json.dumps(
        {
            "from": moved.before,
            "to": moved.after,
            "passages": moved.passages,
            "embedded": moved.made,
            "seconds": round(seconds, 3),
        }
    )
