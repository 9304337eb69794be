"""What is there and what the index holds -> what is to be done, document by document."""

import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ingest.errors import Trouble, UnreadableDocument
from ingest.folder import Found, Listing, NotOurs, OutOfReach, out_of_reach
from ingest.labels import UNSAID, Access
from ingest.store import DocumentRow

Kind = Literal["added", "replaced", "renamed", "unchanged", "removed", "failed", "skipped"]


@dataclass(frozen=True)
class Look:
    """A file as it is at the moment."""

    content: str
    """The digest of its bytes."""
    stat: str
    """What cannot stay the same when they change; empty when they have changed so lately that it could."""
    size: int = 0


@dataclass(frozen=True)
class Step:
    """What is to be done about one document, as people are told when it is done."""

    kind: Kind
    source: str
    path: Path
    access: Access = UNSAID
    look: Look = Look("", "")
    before: DocumentRow | None = None
    """What the index holds of it, which goes when the step is done."""
    trouble: Trouble | None = None
    origin: str = ""

    @property
    def is_read(self) -> bool:
        return self.kind in ("added", "replaced", "renamed")


Print = Callable[[Access, Look], str]
"""What must be the same for a document to stay as it is."""


def planned(listing: Listing, rows: Sequence[DocumentRow], print_of: Print) -> list[Step]:
    """First what goes, then each file."""
    held = {row.source: row for row in rows}
    looks = {file.source: _looked(file, held.get(file.source)) for file in listing.files}
    gone = [row for row in rows if row.source not in looks and _is_gone(row, listing)]
    steps = []
    for file in listing.files:
        step = _step(file, looks[file.source], held.get(file.source), listing)
        steps.append(_renamed(step, gone) if step.kind == "added" else _kept(step, print_of))
    return [*(Step("removed", row.source, Path(row.path), before=row) for row in gone), *steps]


def _step(file: Found, look: Look | Trouble, row: DocumentRow | None, listing: Listing) -> Step:
    if isinstance(look, Look):
        kind: Kind = "replaced" if row else "added"
        trouble = _taken(file, row, look, listing) if row else None
        step = Step(kind, file.source, file.path, file.access, look, row, origin=file.origin)
        return replace(step, kind="failed", before=None, trouble=trouble) if trouble else step
    kind = "skipped" if isinstance(look, NotOurs) else "failed"
    return Step(kind, file.source, file.path, before=None if isinstance(look, OutOfReach) else row, trouble=look)


def _renamed(step: Step, gone: list[DocumentRow]) -> Step:
    """What is gone under another name, and has the same bytes, is the same document."""
    for row in gone:
        if row.content == step.look.content:
            gone.remove(row)
            return replace(step, kind="renamed", before=row)
    return step


def _kept(step: Step, print_of: Print) -> Step:
    same = step.kind == "replaced" and step.before and print_of(step.access, step.look) == step.before.fingerprint
    return replace(step, kind="unchanged") if same else step


def _is_gone(row: DocumentRow, listing: Listing) -> bool:
    """It came from where we looked, and is there no more."""
    around = [Path(row.path), *Path(row.path).parents]
    hidden = (file.path for file in listing.files if isinstance(file.trouble, OutOfReach))
    return listing.within in around and not any(path in around for path in hidden)


def _taken(file: Found, row: DocumentRow, look: Look, listing: Listing) -> Trouble | None:
    """Two files of one name would take each other's place for ever."""
    elsewhere = listing.within is not None and listing.within not in (Path(row.path), *Path(row.path).parents)
    if not elsewhere or look.content == row.content or not Path(row.path).is_file():
        return None
    do = f"Ingest the folder that holds both, name another --collection, or run: tandem forget {row.source}"
    return UnreadableDocument(f"{row.collection} holds another {row.source} already.", row.path, do)


# A file ---------------------------------------------------------------------------------------------------------------

LATELY = 2.0
"""Seconds in which two changes may have the same time, with room for slow clocks of file systems."""


def _looked(file: Found, row: DocumentRow | None) -> Look | Trouble:
    """A file whose stat is the same is the same: no clock can be set back to hide a change from `ctime`."""
    if file.trouble:
        return file.trouble
    try:
        stat = file.path.stat()
        known = f"{stat.st_size}:{stat.st_mtime_ns}:{stat.st_ctime_ns}:{stat.st_ino}"
        if row is not None and row.seen == known and row.path == str(file.path):
            return Look(row.content, known, stat.st_size)
        with file.path.open("rb") as opened:
            content = hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        return out_of_reach(file.path, error)
    return Look(content, known if time.time() - stat.st_ctime > LATELY else "", stat.st_size)
