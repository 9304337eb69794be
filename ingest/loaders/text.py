"""A file's bytes -> text, in the encoding that it is in."""

from pathlib import Path

from ingest.errors import UnreadableDocument


def text_of(path: Path) -> str:
    raw = path.read_bytes()
    if b"\0" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableDocument(f"{path.name} is not text.", str(path), "Save it as text in UTF-8.")
    for encoding in ("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableDocument(f"The encoding of {path.name} is not known.", str(path), "Save it as text in UTF-8.")
