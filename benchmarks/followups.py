"""`python -m benchmarks.followups`: follow-ups in their threads beside the same questions written out."""

import argparse
import asyncio
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from apps.settings import ROOT, read
from apps.wiring import Parts, Places, cache_folder
from evals import cases, followups
from evals.followups import NEW, Pair, Seen

SET = ROOT / "evals" / "followups"
COMPANY = ROOT / "evals" / "company"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how follow-ups are searched for.")
    parser.add_argument("--data", type=Path, default=ROOT / ".tandem", help="an index of the sample company")
    parser.add_argument("--half", choices=cases.HALVES, help="only this half")
    parser.add_argument("--misses", action="store_true", help="name what went wrong in the tuned half")
    given = parser.parse_args()
    parts = Parts(read(), Places(given.data, cache_folder()))
    pairs = [pair for pair in [*followups.read(SET), *_unrelated()] if given.half in (None, pair.half)]
    found = asyncio.run(followups.seen(pairs, parts.embedded_triage, parts.finder, parts.searched()))
    print("\n".join(_lines(found)))
    if given.misses:
        print("\n".join(_misses(found)))


def _unrelated() -> list[Pair]:
    """The company's own questions, each after one that has nothing to do with it."""
    asked = [one for one in cases.read(COMPANY) if one.kind in ("plain", "typed", "far", "near", "complex", "both")]
    halves = [[one for one in asked if one.half == half] for half in cases.HALVES]
    return [
        Pair(f"{one.id} after {other.id}", NEW, half, [other.question], one.question, one.question, ())
        for half, ones in zip(cases.HALVES, halves, strict=True)
        for one, other in zip(ones, [*ones[len(ones) // 2 :], *ones[: len(ones) // 2]], strict=True)
        if not {place.source for place in one.sources} & {place.source for place in other.sources}
    ]


def _lines(found: Sequence[Seen]) -> Iterator[str]:
    for half in cases.HALVES:
        here = [one for one in found if one.pair.half == half]
        for name, figure in followups.figures(here).items():
            told = f"{figure.value:.3f} ({figure.low:.3f} – {figure.high:.3f}, n = {figure.n})"
            yield f"{half:10} {name:30} {told}"
        for kind, ones in followups.by_kind([one for one in here if one.pair.kind != NEW]).items():
            own, alone = sum(one.found for one in ones), sum(one.found_alone for one in ones)
            yield f"{half:10}   {kind:28} {own} in their threads, {alone} written out, of {len(ones)}"


def _misses(found: Sequence[Seen]) -> Iterator[str]:
    for one in (one for one in found if one.pair.half == "tuned"):
        if one.rewritten if one.pair.kind == NEW else one.found < one.found_alone:
            yield f"{one.pair.id}: {' / '.join(one.pair.before)} > {one.pair.question}\n    searched: {one.search}"


if __name__ == "__main__":
    main()
