"""A PDF's page -> what is printed on it, in reading order, and how much of it is pictures."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby, pairwise
from typing import Any

Matrix = Sequence[float]
STRAIGHT: Matrix = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)


@dataclass(frozen=True)
class Run:
    """What is printed in one go; its place is where it begins, for a reader who turns the page until it is upright."""

    text: str
    x: float
    y: float
    size: float
    bold: bool
    legible: bool = True


@dataclass(frozen=True)
class Printed:
    """A line as printed: its text, its place, and the font size and weight most of it is in."""

    text: str
    page: int
    size: float
    bold: bool
    x: float = 0.0
    y: float = 0.0
    cells: Sequence[float] = ()
    """Where its cells begin, when wide gaps part it."""
    row: bool = False
    """The lines next to it have cells, too."""


@dataclass(frozen=True)
class Picture:
    name: object
    """The same for the same picture on another page."""
    share: float
    """Of the page that it covers."""


@dataclass(frozen=True)
class Sheet:
    """All that a page shows."""

    lines: Sequence[Printed] = ()
    pictures: Sequence[Picture] = ()
    drawn: int = 0
    """Strokes and fills; not counted where there is nothing but words."""
    legible: bool = True


def sheet(page: Any, number: int) -> Sheet:
    seen = _seen(page, closely=entry(entry(page, "/Resources"), "/XObject") is not None)
    if not any(run.text.strip() for run in seen.runs):
        seen = _seen(page, closely=True)
        if not seen.pictures and not seen.drawn and _is_damaged(page):
            raise ValueError("its content is damaged")
    if not _is_legible(seen.runs):
        return Sheet(pictures=seen.pictures, drawn=seen.drawn, legible=False)
    lines = _with_whole_words([line for runs in _lines(seen.runs) for line in _printed_line(runs, number)])
    return Sheet([*_with_tables([*_with_rows(lines)])], seen.pictures, seen.drawn)


def _seen(page: Any, *, closely: bool) -> "_Seen":
    """To look at every operator takes a tenth longer: not where there is nothing but words."""
    seen = _Seen(page)
    if closely:
        page.extract_text(
            visitor_text=seen.text,
            visitor_operand_before=seen.before_operator,
            visitor_operand_after=seen.after_operator,
        )
    else:
        page.extract_text(visitor_text=seen.text)
    return seen


def _is_damaged(page: Any) -> bool:
    """pypdf takes a content that it cannot unpack for an empty one."""
    contents = entry(page, "/Contents")
    stored = [entry(contents, place) for place in range(len(contents))] if isinstance(contents, list) else [contents]
    unpacked = page.get_contents()
    empty = unpacked is None or not unpacked.get_data().strip()
    return empty and any(getattr(stream, "_data", b"").strip() for stream in stored)


@dataclass
class _Seen:
    """What has been met on a page so far; a form inside it is drawn with a matrix of its own."""

    page: Any
    runs: list[Run] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    drawn: int = 0
    inside: list[tuple[Any, Matrix]] = field(default_factory=list)
    next: tuple[Any, Matrix] | None = None
    """pypdf still hands out the text in front of a form after it has announced the form."""

    def text(self, text: str, cm: Matrix, tm: Matrix, font: Any, size: float) -> None:
        if text:
            self.runs.append(_run(text, _product(tm, self._placed(cm)), font or {}, size or 0.0))

    def before_operator(self, operator: bytes, operands: Any, cm: Matrix, _: Matrix) -> None:
        if self.next:
            self.inside.append(self.next)
            self.next = None
        if operator == b"Do" and operands:
            self._announced(operands[0], cm)
        elif operator == b"INLINE IMAGE":
            self._pictured(id(operands), _number(operands, "/W"), _number(operands, "/H"), self._placed(cm))
        elif operator in PAINTS:
            self.drawn += 1

    def after_operator(self, operator: bytes, operands: Any, *_: Matrix) -> None:
        if operator == b"Do" and operands:
            if self.next:
                self.next = None
            elif self.inside:
                self.inside.pop()

    def _placed(self, cm: Matrix) -> Matrix:
        return _product(cm, self.inside[-1][1]) if self.inside else cm

    def _announced(self, name: str, cm: Matrix) -> None:
        holder = self.inside[-1][0] if self.inside else self.page
        drawn = entry(entry(entry(holder, "/Resources"), "/XObject"), name) or {}
        place = self._placed(cm)
        self.next = (holder, place)
        if entry(drawn, "/Subtype") == "/Image":
            place_in_file = getattr(drawn, "indirect_reference", None)
            name_of_it = place_in_file.idnum if place_in_file else id(drawn)
            self._pictured(name_of_it, _number(drawn, "/Width"), _number(drawn, "/Height"), place)
        else:
            own = entry(drawn, "/Matrix") or STRAIGHT
            resources = drawn if entry(drawn, "/Resources") else holder
            self.next = (resources, _product([float(value) for value in own], place))

    def _pictured(self, name: object, width: float, height: float, place: Matrix) -> None:
        if min(width, height) >= FEWEST_PIXELS:
            self.pictures.append(Picture(name, _share(place, self.page.cropbox)))


PAINTS = frozenset({b"f", b"F", b"f*", b"S", b"s", b"B", b"B*", b"b", b"b*", b"sh"})
FEWEST_PIXELS = 24
"""A picture with fewer in height or width is a line, a shade or a mark: it holds no text."""


def entry(holder: Any, key: Any) -> Any:
    """What a dictionary or an array of the file holds there, wherever it is stored; None when it holds nothing."""
    inside: Any = holder[key] if isinstance(holder, list) else holder.get(key) if hasattr(holder, "get") else None
    return inside.get_object() if hasattr(inside, "get_object") else inside


def _number(holder: Any, name: str) -> float:
    """An inline image spells its settings in two ways, and holds them one level deeper."""
    settings = holder.get("settings", holder)
    value = settings.get(name, settings.get({"/W": "/Width", "/H": "/Height"}.get(name, name), 0))
    return float(value) if isinstance(value, int | float) else 0.0


def _product(first: Matrix, then: Matrix) -> Matrix:
    a, b, c, d, e, f = first
    g, h, i, j, k, m = then
    return (a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j, e * g + f * i + k, e * h + f * j + m)


def _share(place: Matrix, box: Any) -> float:
    """How much of the page's box the unit square covers that is drawn there."""
    a, b, c, d, e, f = place
    across = _overlap((e, e + a, e + c, e + a + c), float(box.left), float(box.right))
    down = _overlap((f, f + b, f + d, f + b + d), float(box.bottom), float(box.top))
    return across * down


def _overlap(corners: Sequence[float], low: float, high: float) -> float:
    """The part of the stretch from low to high that lies between the corners."""
    length = abs(high - low)
    shown = min(max(corners), max(low, high)) - max(min(corners), min(low, high))
    return max(0.0, shown) / length if length else 0.0


def _run(text: str, place: Matrix, font: Any, size: float) -> Run:
    a, b, c, d, e, f = place
    x, y = (e, f) if d > 1e-6 else (-e, -f) if d < -1e-6 else (f, -e) if b > 0 else (-f, e)
    scale = abs(a * d - b * c) ** 0.5
    bold = "bold" in str(font.get("/BaseFont", "")).lower()
    return Run(text, x, y, round(size * scale, 1), bold, not _is_without_letters(font))


def _is_without_letters(font: Any) -> bool:
    """Its codes are numbers of shapes, and nothing says which letters they are."""
    coded = font.get("/Subtype") == "/Type0" and str(font.get("/Encoding", "")).startswith("/Identity")
    return coded and "/ToUnicode" not in font


ILLEGIBLE = re.compile(r"\(cid:\d+\)|[\x00-\x08\x0e-\x1f\x7f-\x9f\ud800-\udfff\ue000-\uf8ff\ufffd]")
BULLETS = str.maketrans(dict.fromkeys("\uf0a7\uf0b7\uf0a8\uf0d8\uf06e\uf076\uf0fc", "•"))
"""As Word prints them, in the fonts Symbol and Wingdings."""


def _is_legible(runs: Sequence[Run]) -> bool:
    """Whether most of what is printed is letters and not the numbers of shapes."""
    printed = sum(len(run.text.strip()) for run in runs)
    illegible = sum(
        len("".join(ILLEGIBLE.findall(run.text.translate(BULLETS)))) if run.legible else len(run.text.strip())
        for run in runs
    )
    return illegible <= printed / 2


def _lines(runs: Iterable[Run]) -> Iterator[list[Run]]:
    """pypdf hands out text in runs; a run's end of line ends the line, whatever font it began in."""
    line: list[Run] = []
    for run in runs:
        first, *rest = run.text.split("\n")
        line.append(replace(run, text=first) if rest else run)
        for piece in rest:
            yield line
            line = [replace(run, text=piece)]
    yield line


LIGATURES = str.maketrans({"ﬀ": "ff", "ﬁ": "fi", "ﬂ": "fl", "ﬃ": "ffi", "ﬄ": "ffl", "ﬅ": "st", "ﬆ": "st"})
INVISIBLE = re.compile("[\u200b\u2060\ufeff]|\u00ad(?!$)")


def clean(text: str) -> str:
    """On one line, in letters that words are looked up by; a soft hyphen stays where it breaks a word."""
    legible = ILLEGIBLE.sub("", text.translate(BULLETS)).translate(LIGATURES)
    return INVISIBLE.sub("", re.sub(r"\s+", " ", legible).strip())


def _printed_line(printed: Sequence[Run], page: int) -> Iterator[Printed]:
    runs = [run for place, run in enumerate(printed) if not _is_shadow(run, printed[max(0, place - 8) : place])]
    text = clean("".join(run.text for run in runs))
    if text:
        looks: Counter[tuple[float, bool]] = Counter()
        for run in runs:
            looks[run.size, run.bold] += len(run.text.strip())
        (size, bold), _ = looks.most_common(1)[0]
        inked = [run for run in runs if run.text.strip()]
        yield Printed(text, page, size, bold, inked[0].x, inked[0].y, _cells(inked))


def _with_whole_words(lines: Sequence[Printed]) -> list[Printed]:
    """A word that a soft hyphen breaks stands where it begins; at the end of the page it stays broken."""
    whole = [*lines]
    for place, line in enumerate(whole):
        if line.text.endswith("\u00ad"):
            rest, _, after = whole[place + 1].text.partition(" ") if place + 1 < len(whole) else ("-", "", "")
            whole[place] = replace(line, text=whole[place].text[:-1] + rest)
            whole[place + 1 : place + 2] = [replace(each, text=after) for each in whole[place + 1 : place + 2] if after]
    return whole


def _is_shadow(run: Run, before: Sequence[Run]) -> bool:
    """The same once more in the same place, which some use for bold."""
    near = 0.15 * run.size
    return bool(run.text.strip()) and any(
        run.text == other.text and abs(run.x - other.x) < near and abs(run.y - other.y) < near for other in before
    )


MARK = re.compile(r"[•\-–*o▪●○✓]|\(?\w{1,2}[.)]")


def _cells(runs: Sequence[Run]) -> Sequence[float]:
    """A gap of more than a letter's size parts cells; a letter is about half as wide. A list's mark is no cell."""
    starts: list[float] = []
    end = float("-inf")
    for run in runs:
        if run.x - end > 1.2 * run.size:
            starts.append(run.x)
        end = max(end, run.x + 0.5 * run.size * len(run.text.strip()))
    return starts[1:] if MARK.fullmatch(runs[0].text.strip()) else starts


HIGHEST = 10
"""How many times the size of its letters a row of a table may be high."""


def _with_rows(lines: Sequence[Printed]) -> Iterator[Printed]:
    """A table's row in one line, although cells wrap."""
    rows: list[list[Printed]] = []
    for line in lines:
        if rows and _begins_beside(rows[-1], line):
            row = rows.pop()
            while rows and rows[-1][0].y <= line.y + 0.6 * line.size and _is_near(rows[-1][0], line):
                row = [*rows.pop(), *row]
            rows.append([*row, line])
        elif rows and _runs_on(rows[-1], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return (_joined(row) for row in rows)


def _begins_beside(row: Sequence[Printed], line: Printed) -> bool:
    """Whether it stands higher than the line before, and to the right: a table's next cell."""
    up = line.y - row[-1].y
    return up > 0.5 * line.size and _is_near(row[-1], line) and line.x > min(cell.x for cell in row) + line.size


def _is_near(before: Printed, line: Printed) -> bool:
    """Near enough for the same row, and not a heading over a column."""
    return abs(line.y - before.y) <= HIGHEST * line.size and 0.85 < line.size / (before.size or 1) < 1.18


def _runs_on(row: Sequence[Printed], line: Printed) -> bool:
    """Whether it stands under a cell that is not the row's first."""
    starts = {start for cell in row for start in (cell.x, *cell.cells)}
    under = any(abs(line.x - start) < 2 and start > min(starts) + line.size for start in starts)
    return under and len(line.cells) < 2 and 0 < row[-1].y - line.y <= 2.5 * line.size


def _joined(row: Sequence[Printed]) -> Printed:
    first = row[0]
    if len(row) == 1:
        return first
    starts = sorted(start for cell in row for start in (cell.x, *cell.cells))
    cells = [starts[0], *(after for before, after in pairwise(starts) if after - before > first.size)]
    return replace(first, text=clean(" ".join(cell.text for cell in row)), cells=cells)


def _with_tables(lines: Sequence[Printed]) -> Iterator[Printed]:
    """Lines with cells, one under another, are a table's rows."""
    for parted, group in groupby(lines, lambda line: len(line.cells) > 1):
        rows = [*group]
        table = parted and len(rows) > 1
        yield from (replace(row, row=True) for row in rows) if table else rows
