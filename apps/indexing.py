"""Folders -> the index, with a progress bar where somebody watches."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from apps.show import plain, said
from apps.wiring import Parts
from ingest.index import Index, Ingested, files_in
from ingest.labels import Label, strictest


def index_configured(parts: Parts) -> None:
    """When the data folder has no index at all, make it from the configured collections; another process waits."""
    if Index.made(parts.places.data):
        return
    for collection in parts.settings.collections:
        folder = parts.settings.folder(collection)
        outcomes = ingest(parts, files_in(folder), collection.name)
        for outcome in outcomes:
            if outcome.trouble is not None:
                print(f"tandem: {outcome.source}: {said(outcome.trouble)}", file=sys.stderr)


def ingest(parts: Parts, files: Mapping[str, Path], collection: str, label: Label | None = None) -> list[Ingested]:
    """Under the strictest of the labels that the settings and the user give."""
    configured = [c.label for c in parts.settings.collections if c.name == collection]
    given: Iterable[Label] = [*configured, *([label] if label else [])]
    with watched(f"Indexing {collection}") as told:

        def progress(one: Ingested, done: int, of: int) -> None:
            told(f"{one.source} {one.status}", done, of)

        return parts.index.ingest(files, collection, strictest(given), progress)


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
