"""A file -> its lines, each with its page and whether it is a heading: one small loader for each kind."""

from collections.abc import Callable
from pathlib import Path

from ingest.errors import UnreadableDocument
from ingest.loaders import mail, markdown, pdf, plain, sheet, slides, table, transcript, web, word
from ingest.loaders.source import Line, Source

__all__ = ["LOADERS", "Line", "Source", "kinds", "read", "remedy"]

LOADERS: dict[str, Callable[[Path], Source]] = {
    ".pdf": pdf.read,
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".txt": plain.read,
    ".text": plain.read,
    ".docx": word.read,
    ".pptx": slides.read,
    ".xlsx": sheet.read,
    ".csv": table.read,
    ".tsv": table.read,
    ".html": web.read,
    ".htm": web.read,
    ".eml": mail.read,
    ".vtt": transcript.read,
    ".srt": transcript.read,
}
"""By the end of a file's name. A loader imports its library when it is called."""
BETTER = {
    ".doc": ".docx",
    ".docm": ".docx",
    ".dot": ".docx",
    ".dotx": ".docx",
    ".rtf": ".docx",
    ".odt": ".docx",
    ".pages": ".docx",
    ".xls": ".xlsx",
    ".xlsm": ".xlsx",
    ".xlsb": ".xlsx",
    ".ods": ".xlsx",
    ".numbers": ".xlsx",
    ".ppt": ".pptx",
    ".pptm": ".pptx",
    ".odp": ".pptx",
    ".key": ".pptx",
    ".msg": ".eml",
}
"""What the program that made it saves it as."""


def read(path: Path) -> Source:
    """The file's lines; a file of an unknown kind, or one without text, is an error and never an empty success."""
    kind = path.suffix.lower()
    loader = LOADERS.get(kind)
    if loader is None:
        raise UnreadableDocument(f"{path.name} is of a kind that cannot be read.", str(path), remedy(kind))
    source = loader(path)
    if not any(line.text.strip() for line in source.lines if not line.heading):
        raise UnreadableDocument(
            f"No text was found in {path.name}; it may be a scan.", str(path), "Run it through OCR first."
        )
    return source


def remedy(kind: str) -> str:
    """What to do with a file of a kind that cannot be read."""
    return f"Save it as {BETTER[kind]}." if kind in BETTER else f"Convert it to {', '.join(LOADERS)}."


def kinds() -> frozenset[str]:
    return frozenset(LOADERS)
