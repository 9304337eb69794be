"""Follow-ups in their threads -> how well they are searched for, beside the same questions written out."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from evals.cases import Wanted
from evals.metrics import RESAMPLES, SEED, Figure, Place, first_hit, share
from ingest.evidence import Evidence
from models.asking import Asking
from models.embedded.triage import Heard

PAIRS = "pairs.jsonl"
NEW = "new"
"""The kind of those that stand alone, after a turn about something else."""
DEEPEST = 3


@dataclass(frozen=True)
class Pair:
    """A message within its thread, and what it asks, written out."""

    id: str
    kind: str
    half: str
    before: Sequence[str]
    question: str
    alone: str
    sources: Sequence[Wanted]


@dataclass(frozen=True)
class Seen:
    """What became of a pair."""

    pair: Pair
    search: str
    found: bool
    """Whether a page that answers is among the first that the follow-up finds in its thread."""
    found_alone: bool
    """And of the same question written out."""

    @property
    def rewritten(self) -> bool:
        return self.search != self.pair.question


class Triage(Protocol):
    async def read(self, message: str, earlier: Sequence[str] = (), *, asking: Asking) -> list[Heard]: ...


class Search(Protocol):
    async def search(self, question: str, collections: Sequence[str], k: int = 10) -> Evidence: ...


def read(folder: Path) -> list[Pair]:
    lines = (folder / PAIRS).read_text("utf-8").splitlines()
    return [_pair(json.loads(line)) for line in lines]


def _pair(line: Mapping[str, Any]) -> Pair:
    return Pair(**{**line, "sources": [Wanted(**one) for one in line["sources"]]})


async def seen(pairs: Sequence[Pair], triage: Triage, finder: Search, collections: Sequence[str]) -> list[Seen]:
    found = []
    for pair in pairs:
        heard = await triage.read(pair.question, pair.before, asking=Asking())
        search = heard[0].search if len(heard) == 1 else pair.question
        own, alone = [await _found(text, pair, finder, collections) for text in (search, pair.alone)]
        found.append(Seen(pair, search, own, alone))
    return found


async def _found(question: str, pair: Pair, finder: Search, collections: Sequence[str]) -> bool:
    evidence = await finder.search(question, collections)
    places: list[Place] = [(passage.source, passage.page) for passage in evidence.passages]
    return first_hit(places, pair.sources, DEEPEST) is not None


def figures(found: Sequence[Seen]) -> dict[str, Figure]:
    """What there is to say of them, follow-ups and new subjects apart."""
    leaning, new = [one for one in found if one.pair.kind != NEW], [one for one in found if one.pair.kind == NEW]
    said: dict[str, Figure] = {}
    if leaning:
        said["hit@3, in its thread"] = share([one.found for one in leaning])
        said["hit@3, written out"] = share([one.found_alone for one in leaning])
        said["in its thread / written out"] = _relative(leaning)
    if new:
        said["new subjects dragged back"] = share([one.rewritten for one in new])
    return said


def _relative(found: Sequence[Seen]) -> Figure:
    """How many are found in their threads for each that is found written out; pairs are drawn anew."""
    hits = np.array([[one.found, one.found_alone] for one in found], float)
    drawn = hits[np.random.default_rng(SEED).integers(0, len(hits), (RESAMPLES, len(hits)))].sum(axis=1)
    low, high = np.percentile(drawn[:, 0] / np.maximum(drawn[:, 1], 1), [2.5, 97.5])
    own, alone = hits.sum(axis=0)
    return Figure(float(own / max(alone, 1)), float(low), float(high), len(found))


def by_kind(found: Sequence[Seen]) -> dict[str, list[Seen]]:
    kinds: dict[str, list[Seen]] = defaultdict(list)
    for one in found:
        kinds[one.pair.kind].append(one)
    return dict(kinds)
