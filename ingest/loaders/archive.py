"""An Office file -> the same file, once it is known to be what its name says and no larger than it looks."""

import re
import struct
import zlib
from pathlib import Path
from typing import IO
from zipfile import BadZipFile, ZipFile, ZipInfo

from ingest.errors import UnreadableDocument
from ingest.loaders import magic

ENTRIES = 10_000
INFLATED = 200 << 20
TREE = 40 << 20
"""Of one XML part that is read as a tree, which takes several times its size."""
RATIO, RATIO_FROM = 200, 1 << 20
OLD = b"\xd0\xcf\x11\xe0"
LOCKED = "EncryptedPackage".encode("utf-16-le")


def check(path: Path, main: str) -> None:
    """Whether it may be opened: `main` is the folder that its kind keeps its parts in, such as `word`."""
    with path.open("rb") as file:
        head = file.read(8)
    if head.startswith(OLD):
        raise _old(path)
    if not head.startswith(b"PK"):
        raise _not_one(path, magic.named(head, magic.BINARY) or magic.named(head, magic.TEXTUAL))
    try:
        with ZipFile(path) as archive:
            _check_names(path, archive, main)
            _check_sizes(path, archive)
            _check_parts(path, archive)
    except (BadZipFile, zlib.error, EOFError, NotImplementedError, struct.error, UnicodeError, OSError) as error:
        raise damaged(path, error) from error


def damaged(path: Path, error: Exception) -> UnreadableDocument:
    return UnreadableDocument(
        f"{path.name} is damaged ({type(error).__name__}: {str(error)[:100]}).",
        str(path),
        "Open it in the program that made it, and save it anew.",
    )


def _old(path: Path) -> UnreadableDocument:
    if LOCKED in path.read_bytes():
        return UnreadableDocument(f"{path.name} is locked with a password.", str(path), "Save it without one.")
    kind = path.suffix.lower()
    return UnreadableDocument(
        f"{path.name} is an old Office file; it only is called {kind}.", str(path), f"Save it as {kind}."
    )


def _not_one(path: Path, name: str | None) -> UnreadableDocument:
    kind = path.suffix.lower().lstrip(".")
    if name:
        return magic.impostor(path, name)
    what = f"{path.name} is not a {kind.upper()}; it only is called so."
    return UnreadableDocument(what, str(path), "Give it its right name, or save it anew.")


def _refused(path: Path, why: str) -> UnreadableDocument:
    return UnreadableDocument(f"{path.name} {why}.", str(path), "Save it anew, or split it.")


STRICT = b"purl.oclc.org/ooxml"
HOMES = {
    "word/": "a Word file",
    "ppt/": "a PowerPoint file",
    "xl/": "an Excel file",
    "mimetype": "an OpenDocument file",
}


def _check_names(path: Path, archive: ZipFile, main: str) -> None:
    entries = archive.infolist()
    names = [entry.filename.lower() for entry in entries]
    if len(names) > ENTRIES:
        raise _refused(path, f"has {len(names):,} parts, more than {ENTRIES:,}")
    if "[content_types].xml" not in names or not any(name.startswith(f"{main}/") for name in names):
        really = next((what for home, what in HOMES.items() if any(name.startswith(home) for name in names)), None)
        raise _not_one(path, really)
    if any(entry.flag_bits & 1 for entry in entries):
        raise UnreadableDocument(f"{path.name} is locked with a password.", str(path), "Save it without one.")
    if "_rels/.rels" in names and STRICT in archive.read("_rels/.rels")[:TREE]:
        kind = path.suffix.lower()
        what = f"{path.name} is in the strict form of its kind."
        raise UnreadableDocument(what, str(path), f"Save it as {kind}, and not as Strict Open XML.")
    if len({*names}) < len(names):
        raise _refused(path, "has two parts of one name")


def _check_sizes(path: Path, archive: ZipFile) -> None:
    """By what the archive says of itself; zipfile reads no more than that."""
    entries = archive.infolist()
    if sum(entry.file_size for entry in entries) > INFLATED:
        raise _refused(path, f"would inflate to more than {INFLATED >> 20} MB")
    for entry in entries:
        if entry.file_size > RATIO_FROM and entry.file_size > RATIO * max(1, entry.compress_size):
            raise _refused(path, f"would inflate more than {RATIO} times")
        if _is_xml(entry) and entry.file_size > TREE and not entry.filename.startswith("xl/"):
            raise _refused(path, f"has a part of more than {TREE >> 20} MB")


def _is_xml(entry: ZipInfo) -> bool:
    return entry.filename.lower().endswith((".xml", ".rels", ".vml"))


def _check_parts(path: Path, archive: ZipFile) -> None:
    """No part may define entities, which can name files or grow without end."""
    for entry in archive.infolist():
        if not entry.filename.lower().endswith(WEB):
            with archive.open(entry) as part:
                if _declares(part, _is_xml(entry)):
                    raise _refused(path, "declares XML entities, as no Office program does")


WEB = (".svg", ".htm", ".html", ".xhtml", ".mht")
"""Pictures and pages that are kept as they came: they begin with a DOCTYPE, and nobody here opens them."""
DECLARED = re.compile(rb"<\0?!\0?(D\0?O\0?C\0?T\0?Y\0?P\0?E|E\0?N\0?T\0?I\0?T\0?Y)")
"""In UTF-8 or UTF-16."""


def _declares(part: IO[bytes], is_xml: bool) -> bool:
    before = piece = part.read(1 << 16)
    if not is_xml and not piece.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n").startswith((b"<?xml", b"<\0?\0")):
        return False
    while piece:
        if DECLARED.search(before[-32:] + piece):
            return True
        before, piece = piece, part.read(1 << 20)
    return False
