"""EML -> lines: who wrote to whom and when, and what; attachments are named and not opened."""

import re
from collections.abc import Iterator, Sequence
from email.message import EmailMessage
from pathlib import Path

from ingest.errors import UnreadableDocument
from ingest.loaders import magic, web
from ingest.loaders.plain import plain_lines
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.text import clean, decoded, encoding_of, in_one_line

PARTS, HEADERS = 500, 1 << 18
NAMED = ("From", "To", "Cc", "Date")
KNOWN = (*NAMED, "Subject", "Received", "MIME-Version", "Message-ID", "Content-Type")


def read(path: Path) -> Source:
    """With the standard library's parser, which takes what real programs send."""
    from email import message_from_bytes, policy

    raw = path.read_bytes()
    if name := magic.named(raw, magic.BINARY):
        raise magic.impostor(path, name)
    if raw.lower().count(b"content-type:") > 10 * PARTS:
        raise _refused(path, f"has more than {10 * PARTS:,} parts")
    if len(re.split(rb"\r?\n\r?\n", raw.lstrip(), maxsplit=1)[0]) > HEADERS:
        raise _refused(path, f"has headers of more than {HEADERS >> 10} kB")
    try:
        message = message_from_bytes(raw.lstrip(b"\xef\xbb\xbf\r\n"), policy=policy.default)
        parts = sum(1 for _ in message.walk())
        if parts > PARTS:
            raise _refused(path, f"has {parts:,} parts, more than {PARTS}")
        if not any(_header(message, name) for name in KNOWN):
            raise _refused(path, "is no e-mail; it only is called so")
        lines, notes = [*_message_lines(message, path, 1)], [*_notes(message)]
    except (RecursionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _refused(path, f"is no e-mail that can be read ({type(error).__name__})") from error
    return Source(_subject(message) or title_from(path), lines, notes)


def _refused(path: Path, why: str) -> UnreadableDocument:
    return UnreadableDocument(f"{path.name} {why}.", str(path), "Save it anew from the mail program, as EML or HTML.")


def _header(message: EmailMessage, name: str) -> str:
    """The header's words; one that is malformed stands as it was sent."""
    try:
        value = message.get(name)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        value = next((value for key, value in message.raw_items() if key.lower() == name.lower()), None)
    return in_one_line(clean(str(value or "")))


def _subject(message: EmailMessage) -> str:
    return _header(message, "Subject")


def _message_lines(message: EmailMessage, path: Path, level: int) -> Iterator[Line]:
    if subject := _subject(message):
        yield Line(subject, 1, level=level)
    yield from (Line(f"{name}: {value}", 1, ends=True) for name in NAMED if (value := _header(message, name)))
    yield from _body(message, path)
    for inner in _enclosed(message):
        yield from _message_lines(inner, path, level + 1)


def _body(message: EmailMessage, path: Path) -> Iterator[Line]:
    """The plain part, or else the one in HTML."""
    parts = [*_own(message)]
    plain = [part for part in parts if part.get_content_type() == "text/plain" and not _is_attached(part)]
    pages = [part for part in parts if part.get_content_type() == "text/html" and not _is_attached(part)]
    lines = [line for part in plain for line in _plain(part)]
    yield from lines or [line for part in pages for line in web.lines_of(web.tree(_text(part), path))]


def _plain(part: EmailMessage) -> Iterator[Line]:
    """A mail's short lines are no headings; of a quoted message the words are kept."""
    text = _unflowed(_text(part)) if str(part.get_param("format", "")).lower() == "flowed" else _text(part)
    said = "\n".join(line.lstrip("> \t") for line in text.split("\n") if line.strip() != "--")
    yield from (Line(line.text, 1, ends=line.ends or line.heading) for line in plain_lines(said))


def _unflowed(text: str) -> str:
    """RFC 3676: a line that ends with a space runs on in the next."""
    return text.replace("\n-- \n", "\n\n").replace(" \n", " ")


def _text(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    raw = payload if isinstance(payload, bytes) else b""
    return decoded(raw, encoding_of(raw, part.get_content_charset())).text


def _own(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts of a message, without those of messages that it encloses."""
    if message.get_content_type() == "message/rfc822":
        return
    if not message.is_multipart():
        yield message
        return
    for part in _within(message):
        yield from _own(part)


def _within(message: EmailMessage) -> Sequence[EmailMessage]:
    payload = message.get_payload()
    return [part for part in payload if isinstance(part, EmailMessage)] if isinstance(payload, list) else []


def _enclosed(message: EmailMessage) -> Iterator[EmailMessage]:
    for part in _within(message):
        if part.get_content_type() == "message/rfc822":
            yield from _within(part)
        elif part.is_multipart():
            yield from _enclosed(part)


def _is_attached(part: EmailMessage) -> bool:
    return part.get_content_disposition() == "attachment"


def _notes(message: EmailMessage) -> Iterator[str]:
    """What was attached, by name; a picture within the text goes without saying."""
    for part in message.walk():
        if part.is_multipart() or not isinstance(part, EmailMessage):
            continue
        text = part.get_content_maintype() == "text" and part.get_content_subtype() in ("plain", "html")
        if _is_attached(part) or (not text and not part.get("Content-ID")):
            name = in_one_line(clean(part.get_filename() or part.get_content_type()))
            yield f"The attachment {name} was not read."
