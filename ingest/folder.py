"""A path -> the documents that are there: what each is cited by, who may read it, and why it is not read."""

import os
import stat
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ingest.errors import Trouble, UnreadableDocument
from ingest.labels import UNSAID, Access
from ingest.loaders import kinds

SAYS = "tandem.toml"
"""What a folder says of its documents."""


class NotOurs(UnreadableDocument):
    """A file of a kind that Tandem does not read; a folder may well hold some."""


class OutOfReach(UnreadableDocument):
    """Nobody knows what is there now: what was known of it stays."""


@dataclass(frozen=True)
class Found:
    """A file where documents are looked for."""

    source: str
    """The path under the folder that was ingested."""
    path: Path
    access: Access = UNSAID
    trouble: Trouble | None = None
    """Why it is not even opened."""
    origin: str = ""
    """Where it comes from, when that is not where it is."""


@dataclass(frozen=True)
class Listing:
    """What a collection is to hold."""

    collection: str
    files: Sequence[Found]
    within: Path | None = None
    """Documents from under here that are not among the files are gone; None: nothing is said of the others."""
    root: Path | None = None
    """The folder that the sources are counted from."""


def listed(path: Path, collection: str, access: Access = UNSAID, roots: Sequence[Path] = ()) -> Listing:
    """A folder's documents, or the one file. Under one of the roots, sources are counted from there."""
    if not os.path.lexists(path):
        raise Trouble("There is no such file or folder.", str(path), "Check the path.")
    whole = path.resolve()
    around = next((root for root in roots if whole != root and root in whole.parents), None)
    if whole.is_dir():
        root = around or whole
        inherited = _above(whole, access)
        return Listing(collection, [*_under(whole, whole, root, inherited)], whole, root)
    source = whole.relative_to(around).as_posix() if around else path.name
    says = _says(whole.parent)
    found = _found(whole, source, _of_file(says, whole.name, _above(whole.parent, access, says)))
    return Listing(collection, [found], whole, around)


def these(files: Mapping[str, Path], collection: str, access: Access = UNSAID) -> Listing:
    """Just these, by their sources; no other document is touched."""
    return Listing(collection, [_found(path, source, access) for source, path in files.items()])


# A folder -------------------------------------------------------------------------------------------------------------


def _under(folder: Path, top: Path, root: Path, access: Access) -> Iterator[Found]:
    """Depth first, by name. Hidden files and Office's own lock files are nobody's documents."""
    says = _says(folder)
    access = access.also(says.get("label"), says.get("groups"))
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        yield Found(folder.relative_to(root).as_posix(), folder, access, out_of_reach(folder, error))
        return
    for entry in entries:
        if entry.name.startswith((".", "~$")) or entry.name == SAYS:
            continue
        path = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _under(path, top, root, access)
        elif entry.is_symlink():
            yield from _linked(path, top, root, _of_file(says, entry.name, access))
        else:
            yield _found(path, path.relative_to(root).as_posix(), _of_file(says, entry.name, access))


def _linked(path: Path, top: Path, root: Path, access: Access) -> Iterator[Found]:
    """A link to what is in the folder anyway adds nothing; one that leads out of it is not followed."""
    if not path.resolve().is_relative_to(top):
        trouble = UnreadableDocument(
            f"{path.name} is a link that leads out of the folder.", str(path), "Put the file itself there."
        )
        yield Found(path.relative_to(root).as_posix(), path, access, trouble)


def _found(path: Path, source: str, access: Access) -> Found:
    return Found(source, path, access, _refused(path))


def _refused(path: Path) -> Trouble | None:
    try:
        mode = path.stat().st_mode
    except OSError as error:
        return out_of_reach(path, error)
    if not stat.S_ISREG(mode):
        return UnreadableDocument(f"{path.name} is no ordinary file.", str(path), "Put a document there.")
    if path.suffix.lower() not in kinds():
        do = f"Convert it to one of {', '.join(sorted(kinds()))}."
        return NotOurs(f"{path.name} is of a kind that cannot be read.", str(path), do)
    return None


def out_of_reach(path: Path, error: OSError) -> OutOfReach:
    return OutOfReach(f"{path.name} cannot be read ({error.strerror}).", str(path), "Check its permissions.")


# What folders say -----------------------------------------------------------------------------------------------------


def _above(folder: Path, access: Access, own: Mapping[str, Any] | None = None) -> Access:
    """What the folders around it say holds in it too; its own is added where it is gone through."""
    for parent in reversed(folder.parents):
        says = _says(parent)
        access = access.also(says.get("label"), says.get("groups"))
    return access.also(own.get("label"), own.get("groups")) if own else access


def _of_file(says: Mapping[str, Any], name: str, access: Access) -> Access:
    for pattern, of_those in says.get("files", {}).items():
        if fnmatch(name, pattern):
            access = access.also(of_those.get("label"), of_those.get("groups"))
    return access


def _says(folder: Path) -> Mapping[str, Any]:
    """A tandem.toml with nothing but tables holds Tandem's settings, and says nothing of a folder."""
    file = folder / SAYS
    if not file.is_file():
        return {}
    try:
        says = tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Trouble(f"{SAYS} cannot be read ({error}).", str(file), "Mend it: it says who may read what.") from error
    if "files" not in says and all(isinstance(value, dict | list) and name != "groups" for name, value in says.items()):
        return {}
    _check(says, {"label", "groups", "files"}, file)
    for of_those in says.get("files", {}).values():
        _check(of_those, {"label", "groups"}, file)
    return says


def _check(says: object, known: set[str], file: Path) -> None:
    """A misspelt label must not leave a document open."""
    names = says.keys() if isinstance(says, dict) else {str(says)}
    if wrong := sorted(names - known):
        raise Trouble(f"{SAYS} says something unknown.", f"{file}: {wrong[0]}", f"Use {', '.join(sorted(known))}.")
    try:
        UNSAID.also(says.get("label"), says.get("groups"))  # type: ignore[attr-defined]
    except Trouble as trouble:
        raise Trouble(trouble.what, f"{file}: {trouble.value}", trouble.do) from trouble
