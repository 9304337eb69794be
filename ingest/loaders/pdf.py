"""A PDF -> lines: what is printed larger or bolder is a heading, what is printed on every page is not text."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ingest.errors import UnreadableDocument
from ingest.loaders.source import Line, Source, title_from, usual_width


@dataclass(frozen=True)
class _Printed:
    """A line as printed: its text, and the font size and weight most of it is in."""

    text: str
    page: int
    size: float
    bold: bool


def read(path: Path) -> Source:
    from pypdf import PdfReader
    from pypdf.errors import PyPdfError

    try:
        reader = PdfReader(path)
        if reader.is_encrypted and not reader.decrypt(""):
            raise UnreadableDocument(f"{path.name} is locked with a password.", str(path), "Save it without one.")
        pages = [[*_printed_lines(page, number)] for number, page in enumerate(reader.pages, 1)]
        named = reader.metadata.title if reader.metadata else None
    except (PyPdfError, ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise UnreadableDocument(
            f"{path.name} is not a PDF that can be read ({error}).", str(path), "Open and save it again, or convert it."
        ) from error
    printed = _without_running_heads(pages)
    lines = [*_with_headings(printed)]
    return Source(_printed_title(printed) or (named or "").strip() or title_from(path), lines)


def _printed_lines(page: Any, number: int) -> Iterator[_Printed]:
    """pypdf hands out text in runs; a run's end of line ends the line, whatever font it began in."""
    runs: list[tuple[str, float, bool]] = []

    def visit(text: str, cm: list[float], tm: list[float], font: Any, size: float) -> None:
        scale = abs((tm[0] * tm[3] - tm[1] * tm[2]) * (cm[0] * cm[3] - cm[1] * cm[2])) ** 0.5
        runs.append((text, round((size or 0) * scale, 1), "bold" in str((font or {}).get("/BaseFont", "")).lower()))

    page.extract_text(visitor_text=visit)
    line: list[tuple[str, float, bool]] = []
    for text, size, bold in runs:
        first, *rest = text.split("\n")
        line.append((first, size, bold))
        for piece in rest:
            yield from _printed_line(line, number)
            line = [(piece, size, bold)]
    yield from _printed_line(line, number)


def _printed_line(runs: list[tuple[str, float, bool]], page: int) -> Iterator[_Printed]:
    text = re.sub(r"\s+", " ", "".join(text for text, _, _ in runs)).strip()
    if text:
        looks: Counter[tuple[float, bool]] = Counter()
        for piece, size, bold in runs:
            looks[size, bold] += len(piece.strip())
        (size, bold), _ = looks.most_common(1)[0]
        yield _Printed(text, page, size, bold)


EDGE = 3  # how many lines from a page's top or bottom may be a running head


def _without_running_heads(pages: Sequence[list[_Printed]]) -> list[_Printed]:
    """Drop what is printed at the edge of page after page, page numbers counting as equal."""
    edges = [{_shape(line.text) for line in (*page[:EDGE], *page[-EDGE:])} for page in pages]
    seen = Counter(shape for edge in edges for shape in edge)
    enough = max(2, min(4, len(pages) // 2))
    return [
        line
        for page in pages
        for place, line in enumerate(page)
        if not (
            min(place, len(page) - 1 - place) < EDGE
            and (
                (seen[_shape(line.text)] >= enough and not line.text.endswith((".", ":", ";"))) or _is_page_number(line)
            )
        )
    ]


def _shape(text: str) -> str:
    return re.sub(r"\d+", "0", text)


def _is_page_number(line: _Printed) -> bool:
    return re.fullmatch(r"(?i)(page )?\d{1,4}( (of|/) \d{1,4})?", line.text) is not None


def _body_size(printed: Sequence[_Printed]) -> float:
    sizes: Counter[float] = Counter()
    for line in printed:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _printed_title(printed: Sequence[_Printed]) -> str:
    """The largest print of the first page with any, when it is much larger than the body."""
    first = [line for line in printed if line.page == min(p.page for p in printed)] if printed else []
    largest = max((line.size for line in first), default=0.0)
    if largest < 1.4 * _body_size(printed):
        return ""
    return " ".join(line.text for line in first if line.size == largest)[:120]


def _with_headings(printed: Sequence[_Printed]) -> Iterator[Line]:
    """Larger or bold print is a heading; the larger it is, the higher."""
    body = _body_size(printed)
    width = usual_width([line.text for line in printed if line.size == body])
    styles = [_heading_style(line, printed[n : n + 3], body, width) for n, line in enumerate(printed, 1)]
    levels = {style: level for level, style in enumerate(sorted({*styles} - {NO_STYLE}, reverse=True), 1)}
    for style, group in groupby(zip(printed, styles, strict=True), lambda pair: pair[1]):
        lines = [line for line, _ in group]
        if style == NO_STYLE:
            yield from _body_lines(lines, width)
        else:
            yield from _joined_headings(lines, levels[style], width * min(1.0, body / style[0]))


def _body_lines(lines: Sequence[_Printed], width: float) -> Iterator[Line]:
    """A bold line that is no heading begins a table; a line as wide as the text ends it."""
    table = False
    for line in lines:
        short = len(line.text) < 0.7 * width
        table = (table and short) or (line.bold and _may_be_heading(line))
        yield Line(line.text, line.page, ends=short or table, table=table)


NO_STYLE = (0.0, False)


def _heading_style(line: _Printed, rows: Sequence[_Printed], body: float, width: float) -> tuple[float, bool]:
    """Its size and weight when it is a heading. A bold line above short ones, no larger than they, heads a table."""
    larger = line.size > 1.08 * body
    heads_table = not larger and all(len(row.text) < 0.6 * width and not row.bold for row in rows)
    heads_table = heads_table and any(re.search(r"\d", row.text) for row in rows)
    is_heading = _may_be_heading(line) and (larger or (line.bold and not heads_table))
    return (line.size, line.bold) if is_heading else NO_STYLE


def _may_be_heading(line: _Printed) -> bool:
    few = len(line.text.split()) <= 16 and not line.text.endswith((".", ",", ";"))
    return few and re.search(r"\w", line.text) is not None


def _joined_headings(lines: Sequence[_Printed], level: int, width: float) -> Iterator[Line]:
    """A heading that fills its line runs on in the next one."""
    text, page = lines[0].text, lines[0].page
    for before, line in pairwise(lines):
        if len(before.text) >= 0.8 * width and line.page == page:
            text += " " + line.text
        else:
            yield Line(text, page, level)
            text, page = line.text, line.page
    yield Line(text, page, level)
