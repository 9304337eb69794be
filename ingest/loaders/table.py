"""A table's rows, or a file of comma separated values -> lines that each say what is in which column."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, groupby, islice
from pathlib import Path

from ingest.errors import UnreadableDocument
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.text import in_one_line, text_of

Row = Sequence[str]

SEPARATORS = ",;\t|"


def read(path: Path) -> Source:
    """A row is a passage with its header."""
    found = text_of(path)
    csv.field_size_limit(max(1 << 17, len(found.text) + 1))
    text, separator = _separated(found.text, "\t" if path.suffix.lower() == ".tsv" else None)
    try:
        lines, notes = _lines(text, separator)
    except csv.Error as error:
        raise UnreadableDocument(
            f"{path.name} is not a table that can be read ({error}).", str(path), "Save it as CSV in UTF-8."
        ) from error
    return Source(title_from(path), lines, [*found.notes, *notes])


def _separated(text: str, usual: str | None) -> tuple[str, str]:
    """The text and what stands between its cells; some programs say so in the first line."""
    if said := re.match(r"\s*\"?sep=(.)\"?[ \t]*\n", text):
        return text[said.end() :], said[1]
    sample = [*islice(io.StringIO(text, newline=""), SAMPLE)]
    return text, max(SEPARATORS, key=lambda separator: (*_consistency(sample, separator), separator == usual))


def _consistency(sample: Sequence[str], separator: str) -> tuple[bool, float, int]:
    """How much a separator makes of the lines a table: whether it parts anything, how evenly, into how much."""
    widths = Counter(len(row) for row in csv.reader(sample, delimiter=separator) if any(row))
    if not widths:
        return False, 0.0, 0
    width, rows = max(widths.items(), key=lambda item: (item[1], item[0]))
    return width > 1, round(rows / widths.total(), 1), width


CELL_LINES = 200


class _Unclosed(Exception):
    """A quotation mark has taken hundreds of lines into one cell."""


def _lines(text: str, separator: str) -> tuple[list[Line], list[str]]:
    """A mark that is never closed would take the rest of the file into one cell: then all of them are text."""
    try:
        return [*table_lines(_quoted_rows(text, separator), 1, record=True)], []
    except _Unclosed:
        bare = csv.reader(io.StringIO(text), delimiter=separator, quoting=csv.QUOTE_NONE)
        notes = ["A quotation mark is not closed; the marks were read as part of the text."]
        return [*table_lines(bare, 1, record=True)], notes


def _quoted_rows(text: str, separator: str) -> Iterator[Row]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=separator, skipinitialspace=True)
    before = 0
    for row in rows:
        if rows.line_num - before > CELL_LINES:
            raise _Unclosed
        before = rows.line_num
        yield row


SAMPLE = 200
"""Rows that are looked at to find out what the first ones are."""


def table_lines(rows: Iterable[Row], page: int, *, record: bool = False, headers: int | None = None) -> Iterator[Line]:
    """Each row with the names of its columns; `headers` is how many rows hold them, where that is known."""
    names: Row = ()
    cleaned = ([in_one_line(cell) for cell in row] for row in rows)
    for place, (_, block) in enumerate(_between_empty(cleaned)):
        sample = [*islice(block, SAMPLE)]
        above = _preamble(sample) if record else 0
        yield from (Line(next(filter(None, row)), page, ends=True) for row in sample[:above])
        names, height = _headed(sample[above:], names, headers if place == 0 else None, record=record)
        header = [*sample[above : above + height]]
        for row in chain(sample[above + height :], block):
            if row not in header:  # printed lists repeat it
                yield Line(row_text(names, row), page, ends=True, table=True, record=record)


def _between_empty(rows: Iterable[Row]) -> Iterator[tuple[bool, Iterator[Row]]]:
    """Runs of rows with something in them."""
    return ((filled, block) for filled, block in groupby(rows, any) if filled)


def row_text(names: Row, cells: Row) -> str:
    """`Plan: Choice PPO; Tier: Employee`; a cell of a column without a name stands alone, an empty one not at all."""
    if not any(names) and len(cells) == 2 and all(cells):
        return f"{cells[0].rstrip(':')}: {cells[1]}"
    said = [(names[place] if place < len(names) else "", cell) for place, cell in enumerate(cells) if cell]
    alone = len(said) == 1 and cells[0] and len(names) > 2  # a heading within the table
    return "; ".join(cell if not name or alone else f"{name}: {cell}" for name, cell in said)


def _preamble(block: Sequence[Row]) -> int:
    """How many rows stand above a table: those with one cell, where later ones have more."""
    widest = max(sum(map(bool, row)) for row in block)
    return next(n for n, row in enumerate(block) if widest == 1 or sum(map(bool, row)) > 1 or _heads_second(row))


def _heads_second(row: Row) -> bool:
    """Of two columns, the first needs no name."""
    return len(row) == 2 and not row[0]


def _headed(block: Sequence[Row], before: Row, known: int | None, *, record: bool) -> tuple[Row, int]:
    """The names of the columns, and how many rows hold them; after an empty row they may go on holding."""
    height = _header_height(block, certain=bool(before) or not record) if known is None else known
    if 0 < height < len(block):
        return _names(block[:height]), height
    return (before if any(before) and len(block[0]) <= len(before) else ()), 0


def _names(rows: Sequence[Row]) -> Row:
    """One name for each column; a name above several columns holds for all of them."""
    width = max(map(len, rows))
    upper = [_carried(row) for row in rows[:-1]]
    columns = [[row[place] if place < len(row) else "" for row in (*upper, rows[-1])] for place in range(width)]
    return [" ".join(dict.fromkeys(name.rstrip(": ") for name in column if name)) for column in columns]


def _carried(row: Row) -> Row:
    carried, last = [], ""
    for cell in row:
        last = cell or last
        carried.append(last)
    return carried


def header_height(rows: Sequence[Row]) -> int:
    """How many rows of a document's table name its columns."""
    return _header_height([[in_one_line(cell) for cell in row] for row in rows[:SAMPLE]], certain=True)


def _header_height(sample: Sequence[Row], *, certain: bool) -> int:
    """How many rows at the top name the columns: mostly one, two where the upper spans several columns, or none."""
    if len(sample) < 2:
        return 0
    if len(sample) > 2 and _spans(sample[0]) and _header(sample[1], sample[2:]) == "sure":
        return 2 if _header(sample[0], sample[2:]) else 1
    found = _header(sample[0], sample[1:])
    return int(found == "sure" or (found == "maybe" and len(sample[0]) > (2 if certain else 1)))


def _spans(row: Row) -> bool:
    return "" in row[1:] or len({*row}) < len(row)


def _header(first: Row, below: Sequence[Row]) -> str:
    """Whether a row names columns: nothing in it is a value, and nothing in it comes again further down."""
    below = [row for row in below if row != first]
    few = sum(map(bool, first)) < min(2, len(first)) and not _heads_second(first)
    if few or not below or any(_is_long(cell) for cell in first):
        return ""
    columns = [[row[place] for row in below if place < len(row) and row[place]] for place in range(len(first))]
    years = any(map(re.compile(r"[^\W\d]").search, first)) or not first[0]
    if any(
        (is_value(cell) and not (years and _is_year(cell))) or cell in column
        for cell, column in zip(first, columns, strict=True)
        if cell
    ):
        return ""
    return "sure" if any(_differs(cell, column) for cell, column in zip(first, columns, strict=True)) else "maybe"


def _differs(cell: str, column: Sequence[str]) -> bool:
    """A column of values, or of long texts, under a short name."""
    return bool(cell and column) and 2 * sum(is_value(c) or _is_long(c) for c in column) >= len(column)


def _is_long(cell: str) -> bool:
    return len(cell) > 60


def _is_year(cell: str) -> bool:
    return re.fullmatch(r"(19|20)\d\d", cell) is not None


VALUE = re.compile(
    r"(?i)(?=.*\d)[\d\s.,:/$€£¥%()+\-−–'’]+(usd|eur|gbp|chf|h|hrs?|days?|%|am|pm)?"
    r"|(usd|eur|gbp|chf)\s?[\d.,]+|\d{1,2}[- ][a-z]{3}[- ]\d{2,4}|\S+@\S+\.\w+|https?://\S+"
)


def is_value(cell: str) -> bool:
    """A number, an amount, a date, an address: what is in a table, not what a column is called."""
    return VALUE.fullmatch(cell) is not None
