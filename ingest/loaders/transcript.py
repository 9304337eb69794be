"""VTT, SRT -> who said what, and when.

Our own reader: of webvtt-py 0.6 the first refuses a file without its first line and knows one voice a cue, pysubs2 1.8
loses the voices and takes a cue's name for something said, and both drop cues that are timed with a comma in a VTT.
"""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from pathlib import Path

from ingest.errors import UnreadableDocument
from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.text import in_one_line, text_of


@dataclass(frozen=True)
class Turn:
    start: float
    """In seconds from the beginning."""
    speaker: str | None
    text: str


@dataclass(frozen=True)
class _Cue:
    start: float
    end: float
    speaker: str | None
    lines: Sequence[str]

    @property
    def text(self) -> str:
        return " ".join(self.lines)


WINDOW = 300
"""Seconds under one heading."""


def read(path: Path) -> Source:
    found = text_of(path)
    said = _turns(found.text, path)
    return Source(title_from(path), [*_lines(said)], found.notes)


def turns(path: Path) -> list[Turn]:
    """Who said what; consecutive captions of one speaker are one turn."""
    return _turns(text_of(path).text, path)


def _turns(text: str, path: Path) -> list[Turn]:
    cues = [*_cues(text)]
    if not cues and text.strip():
        raise UnreadableDocument(
            f"{path.name} has no line such as 00:01:02.000 --> 00:01:05.000.", str(path), "Name it .txt if it is text."
        )
    return [*_joined([*_without_repeats(cues)])]


def _lines(said: Sequence[Turn]) -> Iterator[Line]:
    for window, within in groupby(said, lambda turn: int(turn.start // WINDOW)):
        minutes = window * WINDOW // 60
        yield Line(f"From {minutes // 60:02}:{minutes % 60:02}:00", 1, level=2)
        for turn in within:
            yield Line(f"{turn.speaker}: {turn.text}" if turn.speaker else turn.text, 1, ends=True)


CLOCK = r"(?:(\d{1,4}):)?(\d{1,3}):(\d{1,2})(?:[.,:](\d{1,3}))?"
TIMING = re.compile(rf"\s*{CLOCK}\s*-{{1,2}}>\s*{CLOCK}")
APART = re.compile(r"(NOTE|STYLE|REGION|WEBVTT)\b(?!:)")


def _cues(text: str) -> Iterator[_Cue]:
    lines = text.split("\n")
    places = [place for place, line in enumerate(lines) if TIMING.match(line)]
    for place, following in pairwise([*places, len(lines)]):
        timing = TIMING.match(lines[place])
        if timing:
            body = _body(lines[place + 1 : following], last=following == len(lines))
            yield from _voices(_seconds(*timing.groups()[:4]), _seconds(*timing.groups()[4:]), body)


def _seconds(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    return int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds) + float(f"0.{fraction or 0}")


def _body(lines: Sequence[str], *, last: bool) -> list[str]:
    """Without the name of the next caption, and what stands between captions."""
    body = [line.strip() for line in lines]
    if not last:
        body = _without_name(body)
    starts = (place for place, line in enumerate(body) if APART.match(line) and not (place and body[place - 1]))
    return [line for line in body[: next(starts, None)] if line]


def _without_name(body: list[str]) -> list[str]:
    """A caption's name stands above its times: after an empty line, or a number by itself."""
    while body and not body[-1]:
        body = body[:-1]
    if len(body) > 1 and (re.fullmatch(r"\d+", body[-1]) or not body[-2]):
        return body[:-1]
    return [] if len(body) == 1 and re.fullmatch(r"\d+", body[0]) else body


VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>")
NAMED = re.compile(r"(?:>>+\s*)?([^\W\d_][\w.'’()/&-]*(?: [\w.'’()/&-]+){0,4}):\s+(?=\S)")


def _voices(start: float, end: float, lines: Sequence[str]) -> Iterator[_Cue]:
    """A caption may have several: `<v Name>`, or lines that begin with a name."""
    speaker: str | None = None
    said: list[str] = []
    for line in lines:
        for name, words in _said(line):
            if name and said:
                yield _Cue(start, end, speaker, said)
                said = []
            speaker = name or speaker
            said += [words] if words else []
    if said:
        yield _Cue(start, end, speaker, said)


def _said(line: str) -> Iterator[tuple[str | None, str]]:
    first, *voices = VOICE.split(line)
    words = _unmarked(first)
    if words and not voices and (named := NAMED.match(words)) and _is_name(named[1]):
        yield named[1], words[named.end() :]
    elif words:
        yield None, words
    for name, more in zip(voices[::2], voices[1::2], strict=True):
        yield _unmarked(name), _unmarked(more)


PARTICLES = {*"de der den da di du la le van von bin ibn of and the".split()}


def _is_name(words: str) -> bool:
    """Each word has a capital letter, where its script has any."""
    return all(not word[0].islower() or word in PARTICLES for word in words.split()) and not words[0].islower()


MARKS = re.compile(r"</?[a-zA-Z][^<>]*>|<[\d:.]+>|</>|\{\\[^{}]*\}")


def _unmarked(text: str) -> str:
    """Without the marks of style, position and time within."""
    text = MARKS.sub("", re.sub(r"\\[Nnh]", " ", text))
    return in_one_line(re.sub(r"[\u200e\u200f\u202a-\u202e]", "", html.unescape(text)))


def _without_repeats(cues: Sequence[_Cue]) -> Iterator[_Cue]:
    """Captions that roll up say each line twice, or a line as it grows."""
    before: _Cue | None = None
    for cue in cues:
        fresh = _fresh(before, cue) if before else cue.lines
        before = cue
        if fresh:
            yield replace(cue, lines=fresh)


APART_BY = 1.0


def _fresh(before: _Cue, cue: _Cue) -> Sequence[str]:
    """What a caption adds to the one before, when it follows at once."""
    if cue.start > before.end + APART_BY or (cue.speaker and cue.speaker != before.speaker):
        return cue.lines
    if cue.text.startswith(before.text) and len(before.text.split()) > 1:
        return [more] if (more := cue.text.removeprefix(before.text).strip()) else []
    shared = next((n for n in range(len(cue.lines), 0, -1) if [*cue.lines[:n]] == [*before.lines[-n:]]), 0)
    return cue.lines[shared:] if len(" ".join(cue.lines[:shared]).split()) > 1 else cue.lines


PAUSE, ENOUGH, TOO_MUCH = 4.0, 60, 120


def _joined(cues: Sequence[_Cue]) -> Iterator[Turn]:
    held: list[_Cue] = []
    for cue in cues:
        if held and not _goes_on(held, cue):
            yield _turn(held)
            held = []
        held.append(cue)
    if held:
        yield _turn(held)


def _turn(cues: Sequence[_Cue]) -> Turn:
    return Turn(cues[0].start, cues[0].speaker, " ".join(cue.text for cue in cues))


def _goes_on(held: Sequence[_Cue], cue: _Cue) -> bool:
    """The same speaker, under the same heading; where nobody is named, up to a pause or the end of a paragraph.

    A caption without a name goes on with the sentence of the speaker before, when there is one to go on with.
    """
    last, speaker = held[-1], held[0].speaker
    within = cue.start <= last.end + PAUSE
    same = cue.speaker == speaker or (cue.speaker is None and within and last.text[-1] not in ".?!")
    if not same or held[0].start // WINDOW != cue.start // WINDOW:
        return False
    words = sum(len(one.text.split()) for one in held)
    ended = words > TOO_MUCH or (words > ENOUGH and last.text[-1] in ".?!")
    return speaker is not None or (within and not ended)
