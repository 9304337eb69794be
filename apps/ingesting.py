"""`tandem ingest`: folders, files and addresses into the index, and what became of each document."""

import json
import os
import sys
import time
from argparse import Namespace
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from apps import batch
from apps.indexing import ingest, listing, said_of
from apps.progress import summary
from apps.question import UsageWrong
from apps.show import Line, one_line, say
from apps.wiring import Parts
from ingest.folder import Listing, these
from ingest.index import Index
from ingest.plan import Step, planned
from ingest.writer import Ingested

DONE, SOME_FAILED = 0, 1
Outcome = tuple[str, Ingested]
"""A collection, and what became of one document for it."""


def run(parts: Parts, given: Namespace) -> int:
    if given.watch:
        return _follow(parts, given)
    with ExitStack() as stack:
        listings = _listings(parts, given, stack)
        if given.dry_run:
            outcomes = [(found.collection, _would(step)) for found in listings for step in _planned(parts, found)]
            _tell(outcomes, given, 0.0)
            return DONE
        began = time.perf_counter()
        outcomes = [(found.collection, one) for found in listings for one in ingest(parts, found)]
        _tell(outcomes, given, time.perf_counter() - began)
    return SOME_FAILED if any(one.status == "failed" for _, one in outcomes) else DONE


def _follow(parts: Parts, given: Namespace) -> int:
    from apps.following import follow

    if given.beside is not None:
        os.nice(10)  # those who ask come first
    paths = [Path(path) for path in given.path or _configured(parts)]
    for path in paths:
        if not path.is_dir():
            raise UsageWrong("Only folders can be followed.", str(path), "Name a folder, or leave out --watch.")
        listing(parts, path, given.collection, given.label)  # says at once what is wrong with it
    return follow([partial(listing, parts, path, given.collection, given.label) for path in paths], parts, given.beside)


def _configured(parts: Parts) -> list[Path]:
    return [parts.settings.folder(collection) for collection in parts.settings.collections]


def _listings(parts: Parts, given: Namespace, stack: ExitStack) -> list[Listing]:
    """All of them before any is ingested: a slip in the last path must not show after minutes."""
    listings = [
        _fetched(parts, str(path), given, Path(stack.enter_context(TemporaryDirectory())))
        if _is_address(path)
        else listing(parts, Path(path), given.collection, given.label)
        for path in given.path or _configured(parts)
    ]
    for found in listings:
        if not found.files and not _planned(parts, found):
            raise UsageWrong("There are no documents in that folder.", str(found.within), "Add some to it.")
    return listings


def _is_address(path: str | Path) -> bool:
    return str(path).lower().startswith(("http://", "https://"))


def _fetched(parts: Parts, address: str, given: Namespace, into: Path) -> Listing:
    if given.collection is None:
        raise UsageWrong("It is not said which collection that belongs to.", address, "Add --collection NAME.")
    from ingest.fetch import fetched

    page = fetched(address, into, parts.settings.ingest.private_hosts)
    found = these({page.source: page.path}, given.collection, said_of(parts.settings, given.collection, given.label))
    return replace(found, files=[replace(file, origin=page.source) for file in found.files])


# What it would do -----------------------------------------------------------------------------------------------------


def _planned(parts: Parts, found: Listing) -> list[Step]:
    """Looking does not make an index."""
    return parts.writer.plan(found) if Index.made(parts.places.data) else planned(found, [], lambda access, look: "")


def _would(step: Step) -> Ingested:
    before = step.before.source if step.before and step.kind == "renamed" else None
    return Ingested(step.source, step.kind, trouble=step.trouble, before=before)


# What came of it ------------------------------------------------------------------------------------------------------


def _tell(outcomes: Sequence[Outcome], given: Namespace, seconds: float) -> None:
    if given.json:
        print(json.dumps({"documents": [_as_json(*outcome) for outcome in outcomes], "dry_run": given.dry_run}))
        return
    named = [replace(one, source=f"{collection}/{one.source}") for collection, one in outcomes]
    if given.dry_run:
        say([Line(f"{one.status}: {one_line(one.source)}") for one in named if one.status not in QUIET], sys.stdout)
    say(summary(named, None if given.dry_run else seconds), sys.stdout)


QUIET = ("unchanged", "failed", "skipped")
"""What a plan does not list; the summary names those that are not read."""


def _as_json(collection: str, one: Ingested) -> dict[str, Any]:
    return {
        "collection": collection,
        "source": one.source,
        "status": one.status,
        "passages": one.passages,
        "pages": one.pages,
        "before": one.before,
        "embedded": one.embedded,
        "notes": [*one.notes],
        "error": batch.as_error(one.trouble) if one.trouble else None,
    }
