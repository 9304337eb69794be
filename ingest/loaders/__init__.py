"""A file -> its lines, each with its page and whether it is a heading: one small loader for each kind."""

from collections.abc import Callable
from pathlib import Path

from ingest.errors import UnreadableDocument
from ingest.loaders import markdown, pdf, plain
from ingest.loaders.source import Line, Source

__all__ = ["LOADERS", "Line", "Source", "kinds", "read"]

LOADERS: dict[str, Callable[[Path], Source]] = {
    ".pdf": pdf.read,
    ".md": markdown.read,
    ".markdown": markdown.read,
    ".txt": plain.read,
}
"""By the end of a file's name. A loader imports its library when it is called."""


def read(path: Path) -> Source:
    """The file's lines; a file of an unknown kind, or one without text, is an error and never an empty success."""
    loader = LOADERS.get(path.suffix.lower())
    if loader is None:
        raise UnreadableDocument(
            f"{path.name} is of a kind that cannot be read.", str(path), f"Convert it to {', '.join(LOADERS)}."
        )
    source = loader(path)
    if not any(line.text.strip() for line in source.lines if not line.heading):
        raise UnreadableDocument(
            f"No text was found in {path.name}; it may be a scan.", str(path), "Run it through OCR first."
        )
    return source


def kinds() -> frozenset[str]:
    return frozenset(LOADERS)
