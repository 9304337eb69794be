"""Plain text -> lines."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ingest.loaders.front_matter import front_matter
from ingest.loaders.source import Line, Source, title_from, usual_width
from ingest.loaders.text import text_of


def read(path: Path) -> Source:
    found = text_of(path)
    front, text = front_matter(found.text)
    lines = _with_a_body([*plain_lines(text)])
    return Source(front.title or title_from(path), lines, found.notes, label=front.label, groups=front.groups)


def _with_a_body(lines: list[Line]) -> list[Line]:
    """What is all headings is no heading."""
    return lines if any(not line.heading for line in lines) else [replace(line, level=0, ends=True) for line in lines]


def plain_lines(text: str) -> Iterator[Line]:
    """A form feed starts a page; a short line between blank ones, without a full stop, is a heading."""
    for number, page in enumerate(text.split("\f"), 1):
        raw = ["", *page.splitlines(), ""]
        width = usual_width([line.strip() for line in raw if line.strip()])
        for before, this, after in zip(raw, raw[1:], raw[2:], strict=False):
            line = this.strip()
            alone = not before.strip() and not after.strip()
            if line:
                heading = (
                    alone and len(line.split()) <= 12 and line[-1] not in ".,;:!?。，；：！？" and line[0].isalnum()
                )
                yield Line(line, number, level=int(heading), ends=not after.strip() or len(line) < 0.6 * width)
