"""What people are told of an ingest: line by line, at real terminals, and at the end."""

import io
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from apps.progress import Display, cells, in_the_middle, ingesting, summary
from apps.show import Line, plain
from ingest.errors import UnreadableDocument
from ingest.plan import Look, Step
from ingest.writer import Ingested
from tests.terminal import CTRL_C, Typist, at_a_terminal

LOCKED = UnreadableDocument("old.pdf is locked with a password.", "/docs/old.pdf", "Save it without one.")
HOSTILE = "\x1b]0;owned\x07\x1b[2Jplans/\u202egnp.\u2066exe\r\n\x9b31m" + "ü" * 40 + "年金" * 60 + "/summary-plan.pdf"


One = Ingested


def steps(*files: tuple[str, int]) -> list[Step]:
    """Files to be read, with their sizes."""
    return [Step("added", name, Path(name), look=Look("", "", size)) for name, size in files]


# Line by line


def test_elsewhere_than_on_a_terminal_a_file_is_a_line() -> None:
    out = io.StringIO()
    with ingesting("401k", out) as told:
        told.begins(steps(*((f"{n}.md", 9) for n in range(1_006))))
        for one in (
            One("summary-plan.pdf", "added", 40, 12),
            One("faq.md", "replaced", 1, 1),
            One("fees.md", "renamed", 9, 3),
            One("gone.md", "removed"),
            One("same.md", "unchanged"),
            One("old.pdf", "failed", trouble=LOCKED),
            One(HOSTILE, "skipped"),
        ):
            told.done(one)
    assert out.getvalue() == (
        "401k: summary-plan.pdf added, 12 pages, 40 passages (1/1,006)\n"
        "401k: faq.md replaced, 1 page, 1 passage (2/1,006)\n"
        "401k: fees.md renamed, 3 pages, 9 passages (3/1,006)\n"
        "401k: gone.md removed (4/1,006)\n"
        "401k: same.md unchanged (5/1,006)\n"
        "401k: old.pdf not read: old.pdf is locked with a password (/docs/old.pdf). Save it without one. (6/1,006)\n"
        f"401k: plans/gnp.exe {'ü' * 40}{'年金' * 60}/summary-plan.pdf skipped (7/1,006)\n"
    )


def test_no_files_are_no_lines() -> None:
    out = io.StringIO()
    with ingesting("401k", out) as told:
        told.begins([])
    assert out.getvalue() == ""


def test_a_terminal_that_cannot_move_its_cursor_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    out = Terminal()
    monkeypatch.setenv("TERM", "dumb")
    with ingesting("401k", out) as told:
        told.begins(steps(("faq.md", 10)))
        told.done(One("faq.md", "unchanged"))
    assert out.getvalue() == "401k: faq.md unchanged (1/1)\n"


# The figures, by a clock that is set


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def display(width: int = 120) -> tuple[Display, Clock]:
    clock = Clock()
    return Display("Indexing 401k", Console(file=io.StringIO(), width=width, markup=False), clock), clock


def drawn(display: Display, width: int = 120) -> list[str]:
    console = Console(file=io.StringIO(), width=width, markup=False, color_system=None)
    with console.capture() as captured:
        console.print(display.shown())
    return [line.rstrip() for line in captured.get().split("\n")]


def test_time_left_is_told_once_it_means_something() -> None:
    shown, clock = display()
    shown.begins(steps(*((f"{n}.pdf", 1_000_000) for n in range(4))))
    figures = [drawn(shown)[1]]
    for n in range(3):
        clock.now = n + 1.0
        shown.done(One(f"{n}.pdf", "added", 90, 30))
        figures.append(drawn(shown)[1])
    assert figures == ["0/4 · 0:00", "1/4 · 0:01", "2/4 · 30 pages/s · 0:02", "3/4 · 0:01 left · 30 pages/s · 0:03"]


def test_files_that_were_unchanged_do_not_make_the_time_left_short_for_long() -> None:
    shown, clock = display()
    small, large = [(f"{n}.md", 100_000) for n in range(1_000)], [(f"{n}.pdf", 1_000_000) for n in range(100)]
    shown.begins(steps(*small, *large))
    drawn(shown)
    for name, _ in small:
        shown.done(One(name, "added", 1))
    for tick in range(8 * 60):
        clock.now = tick / 8
        if tick % 8 == 0:
            shown.done(One(f"{tick // 8}.pdf", "added", 30, 10))
        last = drawn(shown)[1]
    assert last == "1,060/1,100 · 0:41 left · 10 pages/s · 0:59"


def test_while_nothing_gets_done_no_time_left_is_made_up() -> None:
    shown, clock = display()
    shown.begins(steps(("a.md", 1_000), ("b.pdf", 1_000)))
    shown.done(One("a.md", "added", 1, 1))
    for tick in range(8 * 40):
        clock.now = tick / 8
        last = drawn(shown)[1:3]
    assert last == ["1/2 · 0.0 pages/s · 0:39", "Reading b.pdf"]


@given(st.text(max_size=300), st.integers(20, 200), st.integers(0, 50), st.floats(0, 10**6))
def test_whatever_a_file_is_called_three_lines_are_shown_that_fit(
    source: str, width: int, files: int, elapsed: float
) -> None:
    shown, clock = display(width)
    shown.begins(steps((source, 1000), *((f"{n}.md", 1000) for n in range(files))))
    shown.done(One("a.md", "added", 1, 10**6))
    clock.now = elapsed
    lines = drawn(shown, width)
    assert len(lines) == 4
    assert [line for line in lines if cells(line) >= width or line != plain(line)] == []


@given(st.text(), st.integers(1, 60))
def test_a_long_name_keeps_its_ends(name: str, width: int) -> None:
    short = in_the_middle(name, width)
    head, mark, tail = short.rpartition("…")
    assert cells(short) <= width
    assert short == name or (mark, name.startswith(head), name.endswith(tail)) == ("…", True, True)


def test_a_long_path_is_shortened_in_the_middle() -> None:
    assert in_the_middle("benefits/2026/retirement/summary-plan.pdf", 26) == "benefits/2026…ary-plan.pdf"
    assert in_the_middle("年金年金年金", 8) == "年金…金"


# At a real terminal

INGEST = """
import fcntl, os, struct, sys, termios, time
width, files, seconds = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
os.environ.pop("COLUMNS", None)
fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, width, 0, 0))
from pathlib import Path
from apps.progress import ingesting
from ingest.plan import Look, Step
from ingest.writer import Ingested
print("BEGIN", flush=True)
try:
    with ingesting("Indexing 401k", sys.stderr) as told:
        names = [f"{n}-" + sys.argv[4].encode().decode("unicode_escape") for n in range(files)]
        told.begins([Step("added", name, Path(name), look=Look("", "", 1000)) for name in names])
        for name in names:
            time.sleep(seconds)
            told.done(Ingested(name, "added", 3, 1))
        time.sleep(0.3 if files else 0)
except KeyboardInterrupt:
    print("STOPPED", flush=True)
print("E" + "ND", flush=True)
"""


@contextmanager
def ingest_at_a_terminal(width: int, files: int, seconds: float, name: str) -> Iterator[Typist]:
    escaped = name.encode("unicode_escape").decode()
    with at_a_terminal(f"exec({INGEST!r})", [str(width), str(files), str(seconds), escaped]) as typist:
        typist.sees("BEGIN\r\n")
        yield typist


MOVES = re.compile(r"\x1b\[(?P<count>[?\d;]*)(?P<move>[A-Za-z])|(?P<text>[\r\n]|[^\x1b\r\n]+)")


def screens(written: str) -> Iterator[list[str]]:
    """The rows on the screen each time before they are drawn anew, and at last; by the few moves that rich makes."""
    rows, row, column = [""], 0, 0
    for found in MOVES.finditer(written):
        move, text = found["move"], found["text"]
        if move == "A":
            row -= int(found["count"] or 1)
        elif move == "K":
            yield [*rows]
            rows[row] = ""
        elif text == "\r":
            column = 0
        elif text == "\n":
            row += 1
            rows += [""] * (row + 1 - len(rows))
        elif text:
            rows[row] = rows[row][:column] + text
            column += len(text)
        else:
            assert move in "mhl"
    yield rows


def left_on_the_screen(written: str) -> list[str]:
    *_, last = screens(written)
    return [row for row in last if row]


@pytest.mark.parametrize("width", [40, 120])
@pytest.mark.parametrize("name", ["summary-plan.pdf", HOSTILE], ids=["plain", "hostile"])
def test_a_display_fits_its_terminal_and_is_gone_afterwards(width: int, name: str) -> None:
    with ingest_at_a_terminal(width, 6, 0.2, name) as typist:
        written = typist.sees("END")
    rows = {row.rstrip() for screen in screens(written) for row in screen}
    assert [row for row in rows if cells(row) >= width] == []
    assert [row for row in rows if re.match(r"Reading \d-.*ummary-plan\.pdf$", row)]
    assert [row for row in rows if row.startswith("6/6 · ")]
    assert [row for row in rows if re.match(r"Indexing 401k ━", row)]
    assert max(map(len, screens(written))) <= 4
    assert re.findall(r"\x1b\]|\x1b\[2J|[\x9b\u202e\u2066]", written) == []
    assert left_on_the_screen(written) == []


def test_no_files_leave_nothing_on_the_screen() -> None:
    with ingest_at_a_terminal(80, 0, 0, "") as typist:
        assert left_on_the_screen(typist.sees("END")) == []


def test_ctrl_c_in_the_middle_leaves_the_terminal_as_it_was() -> None:
    with ingest_at_a_terminal(80, 100, 0.1, "summary-plan.pdf") as typist:
        begun = typist.sees("Reading 3-summary-plan.pdf")
        typist.types(CTRL_C)
        written = begun + typist.sees("END")
    assert left_on_the_screen(written.replace("^C", "")) == ["STOPPED"]
    assert re.findall(r"\x1b\[\?25[lh]", written) == ["\x1b[?25l", "\x1b[?25h"]


def test_ten_thousand_files_are_not_slowed() -> None:
    with ingest_at_a_terminal(120, 10_000, 0, "summary-plan.pdf") as typist:
        start = time.monotonic()
        written = typist.sees("END")
        took = time.monotonic() - start
    print(f"10,000 files told and shown in {took:.2f} s, {len(written):,} characters")
    assert "10,000/10,000" in written
    assert took < 20


# At the end


def test_the_summary_tells_all_that_came_of_it() -> None:
    outcomes = [
        *(One(f"{n}.pdf", "added", 100, 60) for n in range(3)),
        One("faq.md", "replaced", 200, 60, notes=("3 characters could not be read and were replaced.",)),
        One("new.md", "renamed", 9, 3, before="old.md"),
        *(One(f"{n}.md", "removed") for n in range(2)),
        *(One(f"{n}.txt", "unchanged", 9, 3, notes=("It has 2\nempty \x1b[1mpages.",) * (n == 7)) for n in range(12)),
        One("locked.pdf", "failed", trouble=LOCKED),
        *(One(f"logo-{n}.PNG", "skipped") for n in range(1_200)),
        One("Makefile", "skipped"),
        One("photos/a.jpg", "skipped"),
        One("photos/b.jpg", "skipped"),
    ]
    assert summary(outcomes, 8.12) == [
        Line(
            "20 documents: 3 added, 1 replaced, 1 renamed (old.md → new.md), 2 removed, 12 unchanged, 1 not read; "
            "240 pages in 8.1 s (30 pages/s)."
        ),
        Line(
            "locked.pdf: old.pdf is locked with a password (/docs/old.pdf). Save it without one.", "red", "Not read: "
        ),
        Line("faq.md: 3 characters could not be read and were replaced.", "yellow", "Note: "),
        Line("7.txt: It has 2 empty pages.", "yellow", "Note: "),
        Line("1,200 .png, 2 .jpg, 1 without an ending: of a kind that is not read.", "dim", "Skipped: "),
    ]


@pytest.mark.parametrize(
    ("outcomes", "seconds", "lines"),
    [
        ([One("a.md", "added")], None, [Line("1 document: 1 added.")]),
        ([], 0.0, [Line("0 documents; took 0.0 s.")]),
        ([One("a.md", "unchanged", 3, 1)], 0.04, [Line("1 document: 1 unchanged; took 0.0 s.")]),
        ([One("a.md", "added", 3, 1)], 0.04, [Line("1 document: 1 added; 1 page in 0.0 s.")]),
        ([One("a.pdf", "added", 3, 4)], 8.0, [Line("1 document: 1 added; 4 pages in 8.0 s (0.5 pages/s).")]),
        (
            [One("a.zip", "skipped"), One("b/\x1b[1mc\n.zip", "skipped")],
            0.2,
            [
                Line("0 documents; took 0.2 s."),
                Line("a.zip, b/c .zip: of a kind that is not read.", "dim", "Skipped: "),
            ],
        ),
        (
            [One(f"n{n}", "renamed", before=f"o{n}") for n in range(5)],
            0.2,
            [Line("5 documents: 5 renamed (o0 → n0, o1 → n1, o2 → n2, 2 more); took 0.2 s.")],
        ),
    ],
)
def test_a_summary_says_no_more_than_there_is(outcomes: list[One], seconds: float | None, lines: list[Line]) -> None:
    assert summary(outcomes, seconds) == lines
