"""Files -> what is in them: two readers side by side, and no file is opened in this process."""

import json
import stat
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import chain, groupby
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from ingest.errors import Trouble, UnreadableDocument
from ingest.loaders import Line, Source
from ingest.reader import OUTPUT
from ingest.readers import PROGRAM, Reader

AT_ONCE, AHEAD = 2, 4
"""Files that are read, and documents that are read before they are asked for."""
MB = 1 << 20
LARGEST = 100 * MB
SECONDS = 4
SECONDS_A_MB = {".pdf": 20.0, ".docx": 8.0, ".pptx": 8.0, ".xlsx": 8.0}
OTHERS_A_MB = 1.5
"""Of processor time: dense documents took 15 (PDF), 5 (the ones that are archives) and 0.6 (text) of them a MB here."""
WALL = 3
"""The clock on the wall may show that many times more."""
BYTES, BYTES_A_BYTE = 232 * MB, 3
"""At least, and by size, beyond the 30 to 60 MB that the reader has; 15 MB of text took 160, of Markdown all of it."""
PICTURE = {"seconds": 30, "wall": 30, "bytes": 1024 * MB}
"""What reading the words of one picture of a page may take."""
SAVE_ANEW = "Open and save it again, or convert it."


@dataclass(frozen=True)
class Reading:
    """What came of one file, and what its children took: seconds of processor time, and bytes of memory at most."""

    source: str
    result: Source | Trouble
    seconds: float = 0.0
    bytes: int = 0


def parsed(files: Mapping[str, Path], ocr: bool = False) -> Iterator[tuple[str, Source | Trouble]]:
    """Each file's lines, or why there are none; in the order given."""
    with closing(readings(files, ocr)) as done:
        for reading in done:
            yield reading.source, reading.result


def readings(files: Mapping[str, Path], ocr: bool = False, program: str = PROGRAM) -> Generator[Reading]:
    """Reading goes a few documents ahead of who takes them; closing this ends at once what runs."""
    readers = [Reader(program) for _ in range(AT_ONCE)]
    idle: SimpleQueue[Reader] = SimpleQueue()
    for reader in readers:
        idle.put(reader)
    waiting: deque[Future[Reading]] = deque()
    threads = ThreadPoolExecutor(AT_ONCE)
    try:
        for source, path in files.items():
            if len(waiting) == AHEAD:
                yield waiting.popleft().result()
            waiting.append(threads.submit(_read_by_one_of, idle, source, path, ocr))
        while waiting:
            yield waiting.popleft().result()
    finally:
        for reader in readers:
            reader.stop()
        threads.shutdown(cancel_futures=True)


def _read_by_one_of(idle: SimpleQueue[Reader], source: str, path: Path, ocr: bool) -> Reading:
    reader = idle.get()
    try:
        return _Document(reader, path).read(source, ocr)
    finally:
        idle.put(reader)


class _Document:
    """A file in the hands of a reader."""

    def __init__(self, reader: Reader, path: Path) -> None:
        self._reader, self._path = reader, path
        self._seconds, self._bytes = 0.0, 0

    def read(self, source: str, ocr: bool) -> Reading:
        result: Source | Trouble
        try:
            result = self._with_pictures(self._read_within(self._limits()), ocr)
            self._require_text(result, ocr)
        except UnreadableDocument as trouble:
            result = trouble
        return Reading(source, result, self._seconds, self._bytes)

    def _limits(self) -> dict[str, int]:
        """By the size of what is there; only a regular file is ever opened."""
        size = _size_of_regular_file(self._path)
        if size > LARGEST:
            raise self._refused(f"is larger than {LARGEST // MB} MB", "Split it.")
        seconds = int(SECONDS + SECONDS_A_MB.get(self._path.suffix.lower(), OTHERS_A_MB) * size / MB)
        return {"seconds": seconds, "wall": WALL * seconds, "bytes": max(BYTES, BYTES_A_BYTE * size)}

    def _with_pictures(self, source: Source, ocr: bool) -> Source:
        """With the words of the pages that are pictures, where they can be had, and a note about them."""
        if not source.pictures:
            return source
        if missing := _missing_for_pictures(ocr):
            note = _pages(source.pictures, "a picture and was not read.", "pictures and were not read.")
            return replace(source, notes=[*source.notes, f"{note} {missing}"])
        words = {page: self._words_of(page) for page in source.pictures}
        lines = sorted(chain(source.lines, *words.values()), key=lambda line: line.page)
        return replace(source, lines=lines, notes=[*source.notes, *_notes(words)])

    def _words_of(self, page: int) -> Sequence[Line]:
        try:
            return self._read_within({"page": page, **PICTURE}).lines
        except UnreadableDocument:
            return []

    def _require_text(self, source: Source, ocr: bool) -> None:
        """A document without text is an error, and never an empty success."""
        if any(line.text.strip() for line in source.lines if not line.heading):
            return
        if source.pictures and (missing := _missing_for_pictures(ocr)):
            raise self._refused("is a scan: its pages are pictures", missing)
        scan = "; it may be a scan" if self._path.suffix.lower() == ".pdf" else ""
        raise UnreadableDocument(
            f"No text was found in {self._path.name}{scan}.", str(self._path), "Run it through OCR first."
        )

    def _read_within(self, order: Mapping[str, int]) -> Source:
        answer = self._reader.ask({"path": str(self._path.absolute()), **order})
        if answer is None:
            raise self._crashed()
        body, ended = answer
        self._seconds += ended["seconds"]
        self._bytes = max(self._bytes, ended["bytes"])
        if ended["over"]:
            raise self._over(ended["over"], order)
        if ended["failed"]:
            raise self._crashed()
        return self._received(body)

    def _received(self, body: bytes) -> Source:
        """A child that a document has taken over may say anything."""
        try:
            message = json.loads(body)
            if "trouble" not in message:
                return _source(message)
            what, do = map(str, message["trouble"])
        except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
            raise self._crashed() from error
        raise UnreadableDocument(what, str(self._path), do)

    def _over(self, limit: str, order: Mapping[str, int]) -> UnreadableDocument:
        took = {
            "time": f"took more than {order['seconds']} s to read",
            "memory": f"took more than {order['bytes'] // MB} MB to read",
            "output": f"holds more than {OUTPUT // MB} MB of text",
        }
        return self._refused(took[limit], "Split it, or save it anew.")

    def _crashed(self) -> UnreadableDocument:
        return self._refused("made its reader crash", SAVE_ANEW)

    def _refused(self, what: str, do: str) -> UnreadableDocument:
        return UnreadableDocument(f"{self._path.name} {what}.", str(self._path), do)


KINDS = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}


def _size_of_regular_file(path: Path) -> int:
    """Looked at and not opened: opening a pipe waits for ever, and a device never ends."""
    try:
        found = path.stat()
    except OSError as error:
        do = "Check its permissions." if isinstance(error, PermissionError) else "Check that it is still there."
        raise UnreadableDocument(f"{path.name} cannot be read ({error.strerror}).", str(path), do) from error
    if not stat.S_ISREG(found.st_mode):
        kind = KINDS.get(stat.S_IFMT(found.st_mode), "a device")
        raise UnreadableDocument(f"{path.name} is {kind} and no document.", str(path), "Take it out of the folder.")
    return found.st_size


def _source(message: Mapping[str, Any]) -> Source:
    """As a reader sends it, each field turned into what it has to be."""
    label = message["label"]
    return Source(
        str(message["title"]),
        [Line(str(text), int(page), int(level), *map(bool, marks)) for text, page, level, *marks in message["lines"]],
        [str(note) for note in message["notes"]],
        [int(page) for page in message["pictures"]],
        None if label is None else str(label),
        [str(group) for group in message["groups"]],
    )


def _missing_for_pictures(ocr: bool) -> str | None:
    """What has to be done before pictures can be read."""
    from ingest.loaders.ocr import found

    if found() is None:
        return "Install Tesseract to have them read."
    return None if ocr else "Turn OCR on to have them read."


def _notes(words: Mapping[int, Sequence[Line]]) -> Iterator[str]:
    """What became of pages that are pictures."""
    if read := [page for page in words if words[page]]:
        yield _pages(read, "a picture; its words were read by OCR.", "pictures; their words were read by OCR.")
    if unread := [page for page in words if not words[page]]:
        yield _pages(unread, "a picture, and OCR found no words in it.", "pictures, and OCR found no words in them.")


def _pages(pages: Sequence[int], one: str, many: str) -> str:
    """Pages 3, 7 and 9 to 12 are …"""
    if len(pages) == 1:
        return f"Page {pages[0]} is {one}"
    *before, last = _runs(pages)
    return f"Pages {', '.join(before) + ' and ' if before else ''}{last} are {many}"


def _runs(pages: Sequence[int]) -> Iterator[str]:
    for _, run in groupby(enumerate(pages), lambda place: place[1] - place[0]):
        first, *rest = [page for _, page in run]
        yield from map(str, (first, *rest)) if len(rest) < 2 else [f"{first} to {rest[-1]}"]
