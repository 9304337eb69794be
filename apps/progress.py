"""An ingest -> what people are told of it: how far it is and how long it takes, and at the end what came of it."""

import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from threading import Lock
from typing import TYPE_CHECKING, TextIO

from apps.show import Line, one_line, said, screen
from ingest.plan import Step
from ingest.writer import Ingested, Told

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

STATUSES = {
    "added": "added",
    "replaced": "replaced",
    "renamed": "renamed",
    "removed": "removed",
    "unchanged": "unchanged",
    "failed": "not read",
}
"""What became of a document, in the order and the words of the summary; what is skipped is no document."""
NAMED = 3
"""So many of a sort are named; of more the number is told."""


@contextmanager
def ingesting(title: str, out: TextIO) -> Iterator[Told]:
    """On a terminal a display that is gone afterwards; elsewhere a line for each file."""
    console = screen(out) if out.isatty() else None
    if console is None or console.is_dumb_terminal:
        yield Lines(title, out)
        return
    from rich.live import Live

    display = Display(title, console)
    with Live(console=console, get_renderable=display.shown, refresh_per_second=PER_SECOND, transient=True):
        yield display


# Elsewhere than on a terminal ----------------------------------------------------------------------------------------


class Lines:
    def __init__(self, title: str, out: TextIO) -> None:
        self._title, self._out, self._files, self._done = one_line(title), out, 0, 0

    def begins(self, steps: Sequence[Step]) -> None:
        self._files = len(steps)

    def done(self, one: Ingested) -> None:
        self._done += 1
        counted = [_count(one.pages, "page"), _count(one.passages, "passage")] if one.passages else []
        outcome = ", ".join([STATUSES.get(one.status, one.status), *counted])
        outcome += f": {said(one.trouble)}" if one.trouble else ""
        self._out.write(f"{self._title}: {one_line(one.source)} {outcome} ({self._done:,}/{self._files:,})\n")
        self._out.flush()


# On a terminal -------------------------------------------------------------------------------------------------------

PER_SECOND = 8
"""Often enough to look alive; the work pays for it (tests/test_progress.py says how much)."""
WINDOW = 30
"""Seconds that the time left is told from: files that were unchanged go by in no time, and say nothing of the rest."""
FIRST = 3.0
"""Seconds before that means anything."""


class Display:
    """Holds how far the work is; it is drawn in a thread of its own, and telling it costs the work next to nothing."""

    def __init__(self, title: str, console: "Console", clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._console, self._clock = one_line(title), console, clock
        self._files = self._bytes = 0
        self._done_files = self._done_bytes = self._pages = 0
        self._left: dict[str, int] = {}
        """What is still to be read, in the order in which it is, each with its bytes."""
        self._lock = Lock()
        self._start = clock()
        self._drawn: deque[tuple[float, int]] = deque(maxlen=WINDOW * PER_SECOND)
        """When it was drawn, and the bytes that were done then."""

    def begins(self, steps: Sequence[Step]) -> None:
        with self._lock:
            self._files = len(steps)
            self._left = {step.source: step.look.size for step in steps if step.is_read}
            self._bytes = sum(self._left.values())

    def done(self, one: Ingested) -> None:
        with self._lock:
            self._done_files += 1
            self._done_bytes += self._left.pop(one.source, 0)
            self._pages += one.pages

    def shown(self) -> "RenderableType":
        """Three lines that fit: the title and a bar, the figures, what is being read."""
        from rich.console import Group
        from rich.text import Text

        width = self._console.width - 1
        title = in_the_middle(self._title, width // 2)
        figures = " · ".join(fitting(self._figures(), width, " · "))
        lines = [Text(line, no_wrap=True, overflow="crop") for line in (figures, self._being_read(width))]
        return Group(self._bar(title, width), *lines)

    def _bar(self, title: str, width: int) -> "RenderableType":
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        length = min(max(width - cells(title) - 1, 4), 60)
        row.add_row(Text(title), ProgressBar(max(self._bytes, 1), self._done_bytes, width=length))
        return row

    def _figures(self) -> list[str]:
        """The ones that matter most first."""
        elapsed, left = self._clock() - self._start, self._time_left()
        return [
            f"{self._done_files:,}/{self._files:,}",
            *([f"{_minutes(left)} left"] if left is not None else []),
            *([f"{_rate(self._pages / elapsed)} pages/s"] if self._pages and elapsed > 1 else []),
            _minutes(elapsed),
        ]

    def _time_left(self) -> float | None:
        """By the bytes of the last half minute; None until it means something."""
        now = self._clock()
        self._drawn.append((now, self._done_bytes))
        then, before = self._drawn[0]
        if now - self._start < FIRST or self._done_bytes == before:
            return None
        return max(self._bytes - self._done_bytes, 0) * (now - then) / (self._done_bytes - before)

    def _being_read(self, width: int) -> str:
        with self._lock:
            first = next(iter(self._left), None)
        return "" if first is None else "Reading " + in_the_middle(one_line(first), max(width - len("Reading "), 1))


def cells(text: str) -> int:
    """How wide it is on a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


def fitting(words: Sequence[str], width: int, between: str) -> list[str]:
    """As many from the first on as fit."""
    kept = [*words]
    while len(kept) > 1 and cells(between.join(kept)) > width:
        kept.pop()
    return kept


def in_the_middle(text: str, width: int) -> str:
    """Shortened there, since a path's beginning and its end tell the most."""
    if cells(text) <= width:
        return text
    head, tail = _first(text, width // 2), _first(text[::-1], (width - 1) // 2)
    return f"{head.rstrip()}…{tail[::-1].lstrip()}"


def _first(text: str, width: int) -> str:
    """What of it is no wider."""
    end, used = 0, 0
    while end < len(text) and (used := used + cells(text[end])) <= width:
        end += 1
    return text[:end]


# At the end ----------------------------------------------------------------------------------------------------------


def summary(outcomes: Sequence[Ingested], seconds: float | None) -> list[Line]:
    """One line on all of them, without a time in a rehearsal; then refusals, notes, and what was skipped."""
    skipped = [one_line(outcome.source) for outcome in outcomes if outcome.status == "skipped"]
    return [
        Line(f"{_documents(outcomes)}{_work(outcomes, seconds)}."),
        *(
            Line(f"{one_line(outcome.source)}: {said(outcome.trouble)}", "red", "Not read: ")
            for outcome in outcomes
            if outcome.trouble is not None and outcome.status != "skipped"
        ),
        *(
            Line(f"{one_line(outcome.source)}: {one_line(note)}", "yellow", "Note: ")
            for outcome in outcomes
            for note in outcome.notes
        ),
        *([Line(f"{_skipped(skipped)}: of a kind that is not read.", "dim", "Skipped: ")] if skipped else []),
    ]


def _documents(outcomes: Sequence[Ingested]) -> str:
    counts = Counter[str](outcome.status for outcome in outcomes if outcome.status != "skipped")
    renamed = [f"{one_line(one.before or '?')} → {one_line(one.source)}" for one in outcomes if one.status == "renamed"]
    parts = [
        f"{counts[status]:,} {word}" + (f" ({_some(renamed)})" if status == "renamed" else "")
        for status, word in STATUSES.items()
        if counts[status]
    ]
    return _count(counts.total(), "document") + (": " if parts else "") + ", ".join(parts)


def _work(outcomes: Sequence[Ingested], seconds: float | None) -> str:
    """Only what was read now is work."""
    if seconds is None:
        return ""
    pages = sum(outcome.pages for outcome in outcomes if outcome.status in ("added", "replaced"))
    if not pages:
        return f"; took {seconds:.1f} s"
    rate = f" ({_rate(pages / seconds)} pages/s)" if seconds >= 0.1 else ""
    return f"; {_count(pages, 'page')} in {seconds:.1f} s{rate}"


def _skipped(sources: Sequence[str]) -> str:
    if len(sources) <= NAMED:
        return ", ".join(sources)
    endings = Counter(PurePath(source).suffix.lower() or "without an ending" for source in sources)
    return ", ".join(f"{number:,} {ending}" for ending, number in endings.most_common())


def _some(names: Sequence[str]) -> str:
    more = [f"{len(names) - NAMED:,} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def _rate(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}"


def _minutes(seconds: float) -> str:
    minutes, second = divmod(int(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
