"""A file's bytes -> text, in the encoding that it is in, and what had to be replaced."""

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from ingest.errors import UnreadableDocument
from ingest.loaders import magic

MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
WIDE = ("utf-16", "utf-32", "utf16", "utf32", "unicode")
"""What takes a mark, so that without one the declaration is a mistake: letters would become Chinese."""
REPLACED = "\ufffd"


@dataclass(frozen=True)
class Text:
    text: str
    notes: tuple[str, ...] = ()


LINES = 400_000
"""A line costs about a hundredth of a millisecond, however short it is."""


def text_of(path: Path) -> Text:
    """All of a text file, its lines ended by \\n."""
    raw = path.read_bytes()
    if raw.count(b"\n") > LINES:
        raise UnreadableDocument(f"{path.name} has more than {LINES:,} lines.", str(path), "Split it.")
    if name := magic.named(raw, magic.TEXTUAL):
        raise magic.impostor(path, name)
    if magic.is_web_page(raw[:200]):
        raise magic.impostor(path, "a web page")
    return text_in(raw, path)


def text_in(raw: bytes, path: Path, declared: str | None = None) -> Text:
    """The text that those bytes of the file are; bytes that are no text are an error."""
    encoding = _encoding(raw, declared)
    if _is_binary(_narrow(raw[:SAMPLE], encoding)):
        raise _not_text(raw, path)
    return decoded(raw, encoding)


def decoded(raw: bytes, encoding: str) -> Text:
    text = raw.decode(encoding, "replace")
    replaced = text.count(REPLACED) - _held(raw, encoding)
    notes = (f"{_characters(replaced)} could not be decoded and {_were(replaced)} replaced.",) if replaced > 0 else ()
    return Text(clean(text), notes)


def _held(raw: bytes, encoding: str) -> int:
    """How often the sign of a replaced character was in the file already."""
    sign = REPLACED.encode(encoding.removesuffix("-sig"), "ignore")
    return raw.count(sign) if sign else 0


def encoding_of(raw: bytes, declared: str | None = None) -> str:
    """A byte order mark knows best, then what the bytes can be; what a file declares is believed when it fits."""
    return _encoding(raw, declared)


def _encoding(raw: bytes, declared: str | None) -> str:
    marked = next((name for mark, name in MARKS.items() if raw.startswith(mark)), None)
    if marked or (marked := _unmarked_utf16(raw)):
        return marked
    if declared and declared.lower() not in WIDE and _is_known(declared) and _fits(raw, declared):
        return declared
    return "utf-8" if _is_utf8(raw) else "cp1252"


def _unmarked_utf16(raw: bytes) -> str | None:
    """Western text in UTF-16 has a zero for every other byte."""
    sample = raw[:4096]
    half = len(sample) // 2
    even, odd = sample[::2].count(0), sample[1::2].count(0)
    if half < 4 or len(raw) % 2 or max(even, odd) < 0.7 * half or min(even, odd) > 0.05 * half:
        return None
    return "utf-16-le" if odd > even else "utf-16-be"


def _is_known(name: str) -> bool:
    """An encoding of text: `codecs` knows others, such as zip and rot13."""
    try:
        return "a".encode(name).decode(name) == "a"
    except (LookupError, UnicodeError, ValueError):
        return False


def _fits(raw: bytes, name: str) -> bool:
    try:
        raw.decode(name)
    except (UnicodeError, ValueError):
        return False
    return True


def _is_utf8(raw: bytes) -> bool:
    """Also with a few broken bytes: one of them must not turn every accent of the file into two wrong letters."""
    text = raw.decode("utf-8", "replace")
    broken = text.count(REPLACED)
    return broken == 0 or broken < 0.5 * sum(map(len, re.findall(r"[^\x00-\x7f\ufffd]+", text)))


SAMPLE = 1 << 16


def _narrow(sample: bytes, encoding: str) -> bytes:
    """Without the zeros of wide characters, which are not control characters."""
    wide = encoding.startswith(("utf-16", "utf-32"))
    return sample.decode(encoding, "replace").encode("utf-8", "replace") if wide else sample


def _is_binary(sample: bytes) -> bool:
    """More control characters than slip into a text, or any in what begins as no text does."""
    controls = len(sample) - len(sample.translate(None, bytes({*range(32), 127} - {*b"\t\n\v\f\r\x1b\b"})))
    return (magic.named(sample, magic.BINARY) is not None and controls > 0) or controls > max(3, 0.02 * len(sample))


def _not_text(raw: bytes, path: Path) -> UnreadableDocument:
    if name := magic.named(raw, magic.BINARY):
        return magic.impostor(path, name)
    return UnreadableDocument(f"{path.name} is not text.", str(path), "Save it as text in UTF-8.")


def clean(text: str) -> str:
    """Every end of a line is \\n; what no reader can see is not there."""
    text = re.sub(r"\r\n?|[\v\x1c-\x1e\x85\u2028\u2029]", "\n", text)
    return re.sub(r"[\x00-\x08\x0e-\x1b\x1f\x7f-\x84\x86-\x9f\ufeff\u200b\u2060\ud800-\udfff]|\u00ad(?=\w)", "", text)


INVISIBLE = str.maketrans("", "", "\u00ad\u200b\u200e\u200f\u2060\ufeff\0")


def in_one_line(text: str) -> str:
    return " ".join(text.translate(INVISIBLE).split())


def _characters(count: int) -> str:
    return "1 character" if count == 1 else f"{count:,} characters"


def _were(count: int) -> str:
    return "was" if count == 1 else "were"
