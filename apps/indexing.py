"""Paths and addresses -> the index: what is listed, what is said of it, and what came of it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from apps.progress import ingesting
from apps.question import UsageWrong
from apps.settings import Settings
from apps.show import plain, said
from apps.wiring import Parts
from ingest.folder import Listing, listed
from ingest.index import Index
from ingest.labels import UNSAID, Access
from ingest.lock import GRACE
from ingest.writer import Ingested

PATIENT = 600.0
"""Seconds that a process which only wants to read waits for the one that makes the index."""


UNFINISHED = "unfinished"
"""The fact that an index of the configured collections was begun, until it is whole."""


def index_configured(parts: Parts) -> None:
    """When the data folder has no index at all, make it from the configured collections; another process waits.

    So does what a process has begun that did not live to finish it.
    """
    if Index.made(parts.places.data) and not parts.index.store.recall(UNFINISHED):
        return
    parts.index.store.remember(UNFINISHED, "yes")
    for collection in parts.settings.collections:
        outcomes = ingest(parts, listing(parts, parts.settings.folder(collection), collection.name), PATIENT)
        for outcome in outcomes:
            if outcome.trouble is not None:
                print(f"tandem: {outcome.source}: {said(outcome.trouble)}", file=sys.stderr)
    parts.index.store.remember(UNFINISHED, "")


def listing(parts: Parts, path: Path, name: str | None = None, label: str | None = None) -> Listing:
    """What is to be indexed there, each file with all that the settings and the user say of it."""
    collection = name or _collection_of(path, parts.settings)
    known = parts.index.store.roots(collection) if Index.made(parts.places.data) else []
    roots = [*_folders(parts.settings, collection), *map(Path, sorted(known, key=len))]
    found = listed(path, collection, said_of(parts.settings, collection, label), roots)
    return replace(found, files=[replace(f, access=_around(parts.settings, f.path, f.access)) for f in found.files])


def said_of(settings: Settings, collection: str, label: str | None = None) -> Access:
    """Of a collection's documents; of the labels that the settings and the user give, the strictest holds."""
    access = UNSAID.also(label)
    for configured in settings.collections:
        if configured.name == collection:
            access = access.also(configured.label, configured.groups)
    return access


def _around(settings: Settings, path: Path, access: Access) -> Access:
    """A configured folder's label holds in it, whichever collection its files are put in."""
    for configured in settings.collections:
        if settings.folder(configured).resolve() in path.parents:
            access = access.also(configured.label, configured.groups)
    return access


def _folders(settings: Settings, collection: str) -> list[Path]:
    return [settings.folder(one).resolve() for one in settings.collections if one.name == collection]


def _collection_of(path: Path, settings: Settings) -> str:
    whole = path.resolve()
    for collection in settings.collections:
        folder = settings.folder(collection).resolve()
        if whole == folder or folder in whole.parents:
            return collection.name
    raise UsageWrong("It is not said which collection that belongs to.", str(path), "Add --collection NAME.")


def ingest(parts: Parts, found: Listing, wait: float = GRACE) -> list[Ingested]:
    with ingesting(found.collection, sys.stderr) as told:
        return parts.writer.ingest(found, told, wait)


Told = Callable[[str, int, int], None]
"""What is done, and how much is, of how much."""


@contextmanager
def watched(title: str) -> Iterator[Told]:
    """A bar on a terminal; elsewhere a line for each thing done."""
    if not sys.stderr.isatty():
        yield lambda one, done, of: print(f"{title}: {plain(one)} ({done}/{of})", file=sys.stderr)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)
        yield lambda one, done, of: bar.update(task, completed=done, total=of)
