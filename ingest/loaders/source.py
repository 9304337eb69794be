"""What a loader makes of a file: its title, and its lines in reading order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Line:
    text: str
    page: int
    level: int = 0
    """Of a heading, 1 is the highest; 0 is no heading."""
    ends: bool = False
    """Nothing runs on from here: a paragraph, list item or table row ends."""
    table: bool = False
    """It is a row of a table."""
    record: bool = False
    """It says all by itself, as a row with its column names does: a passage of its own."""

    @property
    def heading(self) -> bool:
        return self.level > 0


@dataclass(frozen=True)
class Source:
    """A file as read."""

    title: str
    lines: Sequence[Line]
    notes: Sequence[str] = ()
    """What its owner should know, one sentence each: what was replaced, left out or could not be read."""
    pictures: Sequence[int] = ()
    """Pages that are a picture for the most part, so that their words are not among the lines."""
    label: str | None = None
    """What the file itself says, as it says it."""
    groups: Sequence[str] = ()


def title_from(path: Path) -> str:
    """A file's name in words."""
    return re.sub(r"[_\-\s]+", " ", path.stem).strip()


def usual_width(lines: Sequence[str]) -> float:
    """How long the lines of running text are."""
    widths = sorted(map(len, lines))
    return float(widths[int(0.8 * (len(widths) - 1))]) if widths else 0.0
