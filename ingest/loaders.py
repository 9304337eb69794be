"""File -> lines of text, each with its page and whether it is a heading."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from ingest.errors import UnreadableDocument


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

    @property
    def heading(self) -> bool:
        return self.level > 0


@dataclass(frozen=True)
class Source:
    """A file as read: what it calls itself, and its lines in reading order."""

    title: str
    lines: Sequence[Line]


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


# PDF ------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Printed:
    """A line as printed: its text, and the font size and weight most of it is in."""

    text: str
    page: int
    size: float
    bold: bool


def _pdf(path: Path) -> Source:
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
    return Source(_printed_title(printed) or (named or "").strip() or _title_from(path), lines)


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
    width = _usual_width([line.text for line in printed if line.size == body])
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


def _usual_width(lines: Sequence[str]) -> float:
    widths = sorted(map(len, lines))
    return float(widths[int(0.8 * (len(widths) - 1))]) if widths else 0.0


# Markdown and plain text ----------------------------------------------------------------------------------------------


def _markdown(path: Path) -> Source:
    lines = [*_markdown_lines(_text_of(path).splitlines())]
    title = next((line.text for line in lines if line.heading), _title_from(path))
    return Source(title, lines)


def _markdown_lines(raw: Sequence[str]) -> Iterator[Line]:
    for this, following in pairwise([*raw, ""]):
        text = this.strip()
        if re.fullmatch(r"[\s|:=*_-]*", text):  # blank lines, rules and a table's ruler
            continue
        if heading := re.match(r"(#{1,6})\s+(.*?)\s*#*$", text):
            yield Line(_unmarked(heading[2]), 1, level=len(heading[1]))
        elif re.fullmatch(r"\s*(=+|-{3,})\s*", following) and not text.startswith("|"):
            yield Line(_unmarked(text), 1, level=1 if "=" in following else 2)
        else:
            row = text.startswith("|")
            ends = not following.strip() or re.match(r"\s*([-*+|>#]|\d+[.)])\s?", following) is not None
            yield Line(_unmarked(text.strip("|").strip()), 1, ends=ends or row, table=row)


def _unmarked(text: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)  # links keep their words
    text = re.sub(r"(\*\*|__|`)(\S(?:.*?\S)?)\1", r"\2", text)
    text = re.sub(r"(?<!\w)([*_])(\S(?:.*?\S)?)\1(?!\w)", r"\2", text)
    return re.sub(r"^[-*+]\s+", "• ", text)


def _plain(path: Path) -> Source:
    lines = [*_plain_lines(_text_of(path))]
    return Source(_title_from(path), lines)


def _plain_lines(text: str) -> Iterator[Line]:
    """A form feed starts a page; a short line between blank ones, without a full stop, is a heading."""
    for number, page in enumerate(text.split("\f"), 1):
        raw = ["", *page.splitlines(), ""]
        width = _usual_width([line.strip() for line in raw if line.strip()])
        for before, this, after in zip(raw, raw[1:], raw[2:], strict=False):
            line = this.strip()
            alone = not before.strip() and not after.strip()
            if line:
                heading = alone and len(line.split()) <= 12 and line[-1] not in ".,;:!?" and line[0].isalnum()
                yield Line(line, number, level=int(heading), ends=not after.strip() or len(line) < 0.6 * width)


def _text_of(path: Path) -> str:
    raw = path.read_bytes()
    if b"\0" in raw[:4096] and not raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableDocument(f"{path.name} is not text.", str(path), "Save it as text in UTF-8.")
    for encoding in ("utf-16" if raw.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig", "cp1252"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UnreadableDocument(f"The encoding of {path.name} is not known.", str(path), "Save it as text in UTF-8.")


def _title_from(path: Path) -> str:
    return re.sub(r"[_\-\s]+", " ", path.stem).strip()


LOADERS: dict[str, Callable[[Path], Source]] = {
    ".pdf": _pdf,
    ".md": _markdown,
    ".markdown": _markdown,
    ".txt": _plain,
}
