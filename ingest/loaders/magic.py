"""A file's first bytes -> what it really is, when it is not what its name says."""

from pathlib import Path

from ingest.errors import UnreadableDocument

BINARY = {
    b"%PDF-": "a PDF",
    b"PK\x03\x04": "a zip archive",
    b"PK\x05\x06": "an empty zip archive",
    b"\xd0\xcf\x11\xe0": "an old Office file (.doc, .xls or .ppt), or one that is locked with a password",
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"II*\0": "a TIFF picture",
    b"MM\0*": "a TIFF picture",
    b"RIFF": "a media file",
    b"ID3": "a sound file",
    b"OggS": "a media file",
    b"MZ": "a program",
    b"\x7fELF": "a program",
    b"\xca\xfe\xba\xbe": "a program",
    b"\x1f\x8b": "a gzip archive",
    b"BZh": "a bzip2 archive",
    b"\xfd7zXZ": "an xz archive",
    b"7z\xbc\xaf": "a 7-Zip archive",
    b"Rar!": "a RAR archive",
    b"SQLite format 3\0": "a database",
    b"wOF": "a font",
    b"\0asm": "a program",
}
TEXTUAL = {b"%PDF-": "a PDF", b"{\\rtf": "an RTF file", b"%!PS": "a PostScript file"}
"""What begins with letters, so that a look for binary bytes may miss it."""
WEB = (b"<!doctype html", b"<html")


def named(head: bytes, known: dict[bytes, str]) -> str | None:
    return next((name for start, name in known.items() if head.startswith(start)), None)


def is_web_page(head: bytes) -> bool:
    return head.removeprefix(b"\xef\xbb\xbf").lstrip().lower().startswith(WEB)


def impostor(path: Path, name: str) -> UnreadableDocument:
    kind = path.suffix.lower().lstrip(".")
    return UnreadableDocument(
        f"{path.name} is {name}; it only is called .{kind}.", str(path), "Give it its right name, or convert it."
    )
