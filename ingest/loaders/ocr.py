"""A page that is a picture -> its lines: PDFium draws it, Tesseract reads it."""

import math
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median
from typing import Any

from ingest.errors import UnreadableDocument
from ingest.loaders.source import Line

DPI = 300
"""What Tesseract's own documentation asks for."""
MOST_PIXELS, LONGEST = 12_000_000, 30_000
"""A Letter page at 300 dpi has 8.4 million; a larger one is drawn coarser. Tesseract refuses a side above 32,767."""
SECONDS = 60
MOST_LANGUAGES = 3
"""Each one takes its time again."""


def found() -> str | None:
    """Where Tesseract is, if it is installed."""
    return shutil.which("tesseract")


def read_page(path: Path, page: int) -> list[Line]:
    program = found()
    if program is None:
        raise UnreadableDocument(
            f"Page {page} of {path.name} is a picture.", str(path), "Install Tesseract (tesseract-ocr), or retype it."
        )
    try:
        return [*_lines([*_words(_read(program, *_drawn(path, page)))], page)]
    except (subprocess.SubprocessError, OSError, RuntimeError, LookupError, ValueError, MemoryError) as error:
        raise UnreadableDocument(
            f"Page {page} of {path.name} is a picture that could not be read ({_cause(error)}).",
            str(path),
            "Scan it anew, straight and at 300 dpi.",
        ) from error


def _cause(error: Exception) -> str:
    return f"more than {SECONDS} s" if isinstance(error, subprocess.TimeoutExpired) else str(error) or "too large"


def _drawn(path: Path, number: int) -> tuple[bytes, int]:
    """The page as an uncompressed grey picture, and its dots per inch."""
    import pypdfium2

    with pypdfium2.PdfDocument(path) as document:
        document.init_forms()
        page = document[number - 1]
        scale = _scale(*page.get_size())
        return _graymap(page.render(scale=scale, grayscale=True)), max(70, round(72 * scale))


def _scale(width: float, height: float) -> float:
    """From points to pixels."""
    by_area = math.sqrt(MOST_PIXELS / max(1.0, width * height))
    return min(DPI / 72, by_area, LONGEST / max(1.0, width, height))


def _graymap(drawn: Any) -> bytes:
    """What Tesseract reads without a library: a line of measures, and a byte for each dot."""
    dots = memoryview(drawn.buffer).cast("B")
    rows = b"".join(dots[start : start + drawn.width] for start in range(0, drawn.stride * drawn.height, drawn.stride))
    return b"P5 %d %d 255\n" % (drawn.width, drawn.height) + rows


def _read(program: str, picture: bytes, dpi: int) -> str:
    """Tesseract's table of words; `--psm 1` turns a page that was scanned sideways."""
    return _ran(program, "-", "-", "-l", _languages(program), "--dpi", str(dpi), "--psm", "1", "tsv", given=picture)


def _languages(program: str) -> str:
    """English first, and what else is installed."""
    listed = _ran(program, "--list-langs").splitlines()[1:]
    known = sorted({name for name in listed if name not in ("osd", "equ") and "/" not in name}, key=_english_first)
    return "+".join(known[:MOST_LANGUAGES]) or "eng"


def _english_first(name: str) -> tuple[bool, str]:
    return name != "eng", name


def _ran(*command: str, given: bytes = b"") -> str:
    # One thread: the reader runs beside others, and Tesseract's threads mostly wait for each other.
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    done = subprocess.run(command, input=given, capture_output=True, timeout=SECONDS, check=True, env=environment)  # noqa: S603
    return done.stdout.decode("utf-8", "replace")


@dataclass(frozen=True)
class _Word:
    text: str
    line: tuple[int, int, int]
    """Its block, paragraph and line."""
    height: int


UNSURE = 30
"""Of 100; below it, what Tesseract reads are specks, rules and pictures."""


def _words(table: str) -> Iterator[_Word]:
    for row in table.splitlines()[1:]:
        cells = row.split("\t")
        if len(cells) == 12 and cells[0] == "5" and cells[11].strip() and float(cells[10]) >= UNSURE:
            block, paragraph, line = map(int, cells[2:5])
            yield _Word(cells[11].strip(), (block, paragraph, line), int(cells[9]))


def _lines(words: Sequence[_Word], page: int) -> Iterator[Line]:
    """A paragraph of one line that is printed larger is a heading."""
    body = median([word.height for word in words]) if words else 0.0
    for _, paragraph in groupby(words, lambda word: word.line[:2]):
        *more, last = ([*line] for _, line in groupby(paragraph, lambda word: word.line))
        for line in more:
            yield Line(_text(line), page)
        larger = _height(last) / body
        yield Line(_text(last), page, 0 if more else _level(_text(last), larger), ends=True)


def _text(line: Sequence[_Word]) -> str:
    return " ".join(word.text for word in line)


def _height(line: Sequence[_Word]) -> float:
    """Of a word in it: a bracket is higher, and a word without a tall or a hanging letter is lower."""
    return median([word.height for word in line])


def _level(text: str, larger: float) -> int:
    """Of a heading by how many times it is larger than most of the page; bold print is not told apart."""
    if len(text.split()) > 16 or text.endswith((".", ",", ";")) or not re.search(r"\w{2}", text):
        return 0
    return 1 if larger >= 1.8 else 2 if larger >= 1.35 else 0
