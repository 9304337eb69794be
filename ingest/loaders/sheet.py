"""XLSX -> lines: a sheet is a page, a row says what is in which column, as the sheet shows it."""

import re
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ingest.loaders import archive
from ingest.loaders.shown import shown
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.table import table_lines


def read(path: Path) -> Source:
    """With openpyxl, which streams rows and knows the formulas' last values."""
    import warnings
    from xml.etree.ElementTree import ParseError
    from zipfile import BadZipFile

    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    archive.check(path, "xl")
    try:
        with warnings.catch_warnings(action="ignore"):  # extensions that it leaves out, such as slicers
            book = load_workbook(path, read_only=True, data_only=True, keep_links=False)
            with closing(book):
                lines, notes = _book(book)
    except (InvalidFileException, BadZipFile, ParseError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise archive.damaged(path, error) from error
    except (IndexError, SyntaxError, RecursionError, OverflowError, AssertionError) as error:
        raise archive.damaged(path, error) from error
    return Source((book.properties.title or "").strip() or title_from(path), lines, notes)


def _book(book: Any) -> tuple[list[Line], list[str]]:
    lines: list[Line] = []
    notes: list[str] = []
    for number, sheet in enumerate(book.worksheets, 1):
        if sheet.sheet_state != "visible":
            notes.append(f"The sheet {sheet.title} is hidden and was not read.")
            continue
        scan = _scanned(sheet)
        rows = [*table_lines(_rows(sheet, scan.merged), number, record=True)]
        lines += [Line(sheet.title, number, level=1), *rows] if rows else []
        if scan.uncounted:
            notes.append(_uncounted(sheet.title, scan.uncounted))
    return lines, notes


def _uncounted(title: str, cells: int) -> str:
    formulas = "1 formula has no value" if cells == 1 else f"{cells:,} formulas have no value"
    return f"In the sheet {title}, {formulas} yet; open the file in a spreadsheet program and save it."


def _rows(sheet: Any, merged: dict[tuple[int, int], int]) -> Iterator[list[str]]:
    """A cell merged over several rows stands in each of them: a row must say all by itself."""
    sheet.reset_dimensions()  # what it declares may be a million empty rows
    held: dict[int, tuple[int, str]] = {}
    for number, cells in enumerate(sheet.iter_rows(), 1):
        row = [shown(cell.value, cell.number_format) for cell in cells] if cells else []
        for column, (last, text) in held.items():
            if number <= last and column <= len(row) and any(row):
                row[column - 1] = row[column - 1] or text
        for column, text in enumerate(row, 1):
            if merged and text and (last := merged.get((number, column), 0)):
                held[column] = last, text
        yield row


@dataclass
class _Scan:
    """What openpyxl does not tell of a sheet that it streams."""

    merged: dict[tuple[int, int], int] = field(default_factory=dict)
    """Where a cell begins that is merged with those below it, and the last row that it reaches."""
    uncounted: int = 0
    """Formulas whose value no program has computed."""


PIECE = 1 << 20
UNCOUNTED = re.compile(rb"<f(?:\s[^>]*)?(?:/>|>[^<]*</f>)\s*(?:<v\s*/>|<v>\s*</v>)?\s*</c>")
MERGED = re.compile(rb'<(?:\w+:)?mergeCell\s[^>]*?ref="([A-Z]{1,3})(\d{1,7}):([A-Z]{1,3})(\d{1,7})"')


def _scanned(sheet: Any) -> _Scan:
    found = _Scan()
    with sheet._get_source() as part:
        rest = b""
        while piece := part.read(PIECE):
            rest += piece
            cut = max(rest.rfind(b"</c>") + 4, rest.rfind(b"/>") + 2)
            found.uncounted += len(UNCOUNTED.findall(rest[:cut]))
            found.merged |= _merged(rest[:cut])
            rest = rest[cut:]
    return found


def _merged(xml: bytes) -> dict[tuple[int, int], int]:
    from openpyxl.utils import column_index_from_string

    return {
        (int(top), column_index_from_string(left.decode())): int(bottom)
        for left, top, _, bottom in MERGED.findall(xml)
        if int(bottom) > int(top)
    }
