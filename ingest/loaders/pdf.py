"""A PDF -> lines: what is printed larger or bolder is a heading, what is printed on every page is not text."""

import logging
import re
import struct
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ingest.errors import UnreadableDocument
from ingest.loaders.pdf_notes import attached, written_on
from ingest.loaders.pdf_page import Printed, Sheet, clean, sheet
from ingest.loaders.source import Line, Source, title_from, usual_width

MOST_STEPS, MOST_BYTES = 600_000, 40_000_000
"""A page of 600,000 drawing steps takes pypdf two seconds; the densest page of our evaluation sets has 6,028."""


def read(path: Path) -> Source:
    from pypdf import apply_configuration

    # What pypdf remarks on is not for a reader; what was lost is said in the notes.
    logging.getLogger("pypdf").setLevel(logging.CRITICAL)
    file = BytesIO(path.read_bytes())
    limits = apply_configuration(stream_parsing_work_maximum_count=MOST_STEPS, zlib_maximum_output_length=MOST_BYTES)
    with _refused_by_name(path), limits:
        return _source(_opened(file, path), path)


def _source(reader: Any, path: Path) -> Source:
    _refuse_if_repeated(reader, path)
    pages = [_page(page, number) for number, page in enumerate(reader.pages, 1)]
    if not pages:
        raise UnreadableDocument(f"{path.name} has no pages.", str(path), "Save it again from where it was made.")
    broken = [page for page in pages if page.why]
    _refuse_if_all(broken, len(pages), path)
    printed = _without_running_heads([page.sheet.lines for page in pages])
    lines = sorted([*_with_headings(printed), *(line for page in pages for line in page.written)], key=_page_of)
    pictures = _pictures(pages, printed)
    notes = [*_unread(broken), *_unread_pictures(pages, pictures), *_unread_files(reader)]
    return Source(_printed_title(printed) or _named(reader) or title_from(path), lines, notes, pictures)


REPEATED = 50


def _refuse_if_repeated(reader: Any, path: Path) -> None:
    """A page may be listed again and again, which costs the writer nothing and the reader its time."""
    listed = Counter(page.indirect_reference and page.indirect_reference.idnum for page in reader.pages)
    [(_, times)] = listed.most_common(1) or [(None, 0)]
    if times > REPEATED:
        raise UnreadableDocument(f"{path.name} lists one page {times:,} times.", str(path), "Save it again.")


NOTHING = Sheet()


@dataclass(frozen=True)
class _Page:
    number: int
    sheet: Sheet = NOTHING
    written: Sequence[Line] = ()
    why: str = ""
    """Why it could not be read."""


def _page(page: Any, number: int) -> _Page:
    try:
        return _Page(number, sheet(page, number), written_on(page, number))
    except _broken() as error:
        return _Page(number, why=_cause(error))


def _page_of(line: Line) -> int:
    return line.page


def _opened(file: BytesIO, path: Path) -> Any:
    """The document; pypdf finds out itself whether it opens without a password."""
    from pypdf import PdfReader
    from pypdf.errors import DependencyError

    try:
        reader = PdfReader(file)
        locked = reader.is_encrypted and not reader.decrypt("")
    except (DependencyError, NotImplementedError) as error:
        raise UnreadableDocument(
            f"{path.name} is locked in a way that cannot be opened ({_cause(error)}).",
            str(path),
            "Save it without protection.",
        ) from error
    if locked:
        raise UnreadableDocument(f"{path.name} is locked with a password.", str(path), "Save it without one.")
    return reader


@contextmanager
def _refused_by_name(path: Path) -> Iterator[None]:
    try:
        yield
    except _broken() as error:
        raise UnreadableDocument(
            f"{path.name} is not a PDF that can be read ({_cause(error)}).",
            str(path),
            "Open and save it again, or convert it.",
        ) from error


def _broken() -> tuple[type[Exception], ...]:
    """What pypdf raises for a file that is not as it should be: it leaves to its caller what Python says about it."""
    from pypdf.errors import DependencyError, PyPdfError

    by_python = (LookupError, ValueError, TypeError, AttributeError, ArithmeticError, AssertionError, EOFError, OSError)
    by_its_stack = (RuntimeError, MemoryError, struct.error, zlib.error)
    return (PyPdfError, DependencyError, *by_python, *by_its_stack)


def _cause(error: Exception) -> str:
    return clean(str(error))[:120].rstrip(".") or type(error).__name__


def _named(reader: Any) -> str:
    """The title that the file was given; not one of its pages depends on it."""
    try:
        return clean((reader.metadata and reader.metadata.title) or "")
    except _broken():
        return ""


def _refuse_if_all(broken: Sequence[_Page], pages: int, path: Path) -> None:
    if len(broken) == pages:
        raise UnreadableDocument(
            f"No page of {path.name} could be read ({broken[0].why}).", str(path), "Save it again, or convert it."
        )


FEW = 25
"""Words that a scan may have beside it: a stamp, a number, a title."""
LARGE, LARGER = 1 / 6, 1 / 4
"""Of a page: so much of it in one picture, or in several, may hold a table; the table of costs of a guide has 0.17."""


def _pictures(pages: Sequence[_Page], printed: Sequence[Printed]) -> list[int]:
    words = Counter[int]()
    for line in printed:
        words[line.page] += len(line.text.split())
    seen = _without_backgrounds(pages)
    return [page.number for page in pages if _is_picture(page.sheet, seen[page.number], words[page.number])]


def _is_picture(seen: Sheet, shares: Sequence[float], words: int) -> bool:
    if words < 5:
        return not seen.legible or sum(shares) > 0.05 or seen.drawn > 50
    return words < FEW and sum(shares) > 0.5


def _without_backgrounds(pages: Sequence[_Page]) -> dict[int, list[float]]:
    """How much of each page its pictures cover; what stands behind the text of most pages is none."""
    on = Counter(name for page in pages for name in {picture.name for picture in page.sheet.pictures})
    often = {name for name, times in on.items() if times > max(2, len(pages) / 2)}
    return {
        page.number: [picture.share for picture in page.sheet.pictures if picture.name not in often] for page in pages
    }


def _unread(broken: Sequence[_Page]) -> Iterator[str]:
    if broken:
        yield f"{_numbers([page.number for page in broken])} could not be read ({broken[0].why})."


def _unread_pictures(pages: Sequence[_Page], pictures: Sequence[int]) -> Iterator[str]:
    shares = _without_backgrounds(pages)
    large = [n for n, on in shares.items() if n not in pictures and (max(on, default=0) > LARGE or sum(on) > LARGER)]
    if len(large) == 1:
        yield f"Page {large[0]} holds a picture whose words were not read."
    elif large:
        yield f"{_numbers(large)} hold pictures whose words were not read."


def _unread_files(reader: Any) -> Iterator[str]:
    try:
        names = attached(reader)
    except _broken():
        return
    if names:
        yield f"What is attached to it was not read: {_listed(names)}."


def _numbers(pages: Sequence[int]) -> str:
    return f"Page{'s' * (len(pages) > 1)} {_listed([str(page) for page in pages])}"


def _listed(names: Sequence[str]) -> str:
    """The first ten, and how many more."""
    shown, more = [*names[:10]], len(names) - 10
    *most, last = [*shown, f"{more} more"] if more > 0 else shown
    return f"{', '.join(most)} and {last}" if most else last


EDGE = 3  # how many lines from a page's top or bottom may be a running head


def _without_running_heads(pages: Sequence[Sequence[Printed]]) -> list[Printed]:
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


def _is_page_number(line: Printed) -> bool:
    return re.fullmatch(r"(?i)(page )?\d{1,4}( (of|/) \d{1,4})?", line.text) is not None


def _body_size(printed: Sequence[Printed]) -> float:
    sizes: Counter[float] = Counter()
    for line in printed:
        sizes[line.size] += len(line.text)
    return sizes.most_common(1)[0][0] if sizes else 0.0


def _printed_title(printed: Sequence[Printed]) -> str:
    """The largest print of the first page with any, when it is much larger than the body."""
    first = [line for line in printed if line.page == printed[0].page]
    largest = max((line.size for line in first), default=0.0)
    if largest < 1.4 * _body_size(printed):
        return ""
    return " ".join(line.text for line in first if line.size == largest)[:120]


def _with_headings(printed: Sequence[Printed]) -> Iterator[Line]:
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


def _body_lines(lines: Sequence[Printed], width: float) -> Iterator[Line]:
    """A bold line that is no heading begins a table; a line as wide as the text ends it."""
    table = False
    for line in lines:
        short = len(line.text) < 0.7 * width
        table = line.row or (table and short) or (line.bold and _may_be_heading(line))
        yield Line(line.text, line.page, ends=short or table, table=table)


NO_STYLE = (0.0, False)


def _heading_style(line: Printed, rows: Sequence[Printed], body: float, width: float) -> tuple[float, bool]:
    """Its size and weight when it is a heading. A bold line above short ones, no larger than they, heads a table."""
    larger = line.size > 1.08 * body
    heads_table = not larger and all(len(row.text) < 0.6 * width and not row.bold for row in rows)
    heads_table = heads_table and any(re.search(r"\d", row.text) for row in rows)
    is_heading = not line.row and _may_be_heading(line) and (larger or (line.bold and not heads_table))
    return (line.size, line.bold) if is_heading else NO_STYLE


def _may_be_heading(line: Printed) -> bool:
    few = len(line.text.split()) <= 16 and not line.text.endswith((".", ",", ";"))
    return few and re.search(r"\w", line.text) is not None


def _joined_headings(lines: Sequence[Printed], level: int, width: float) -> Iterator[Line]:
    """A heading that fills its line runs on in the next one."""
    text, page = lines[0].text, lines[0].page
    for before, line in pairwise(lines):
        if len(before.text) >= 0.8 * width and line.page == page:
            text += " " + line.text
        else:
            yield Line(text, page, level)
            text, page = line.text, line.page
    yield Line(text, page, level)
