"""Lines -> sections of sentences -> passages, each knowing the pages it stands on."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from itertools import accumulate, groupby, pairwise
from typing import Literal

from ingest.loaders import Line, Source


@dataclass(frozen=True)
class Sentence:
    text: str
    page: int
    """Where it starts, 1-based."""
    turn: int | None = None
    """Where in the text the next page begins, when it runs over a page break."""
    record: bool = False
    """It is a passage of its own."""

    @property
    def pages(self) -> list[int]:
        return [self.page] if self.turn is None else [self.page, self.page + 1]

    def on(self, page: int) -> str:
        """The words that stand on that page."""
        if self.turn is None:
            return self.text if page == self.page else ""
        return (self.text[: self.turn] if page == self.page else self.text[self.turn :]).strip()


@dataclass(frozen=True)
class Section:
    heading: str
    sentences: Sequence[Sentence]
    parent: str = ""
    """The heading above its own."""

    @property
    def name(self) -> str:
        return f"{self.parent}: {self.heading}" if self.parent else self.heading


def sections(source: Source) -> list[Section]:
    """The document in pieces that each stand under one heading; a table is a piece of its own."""
    found: list[Section] = []
    said: list[str] = []
    above: list[Line] = []  # the headings that hold now, a lower one under a higher one
    titles = {line.text for line in source.lines if line.level == 1}
    for kind, group in groupby(source.lines, _kind):
        lines = [*group]
        if kind == "heading":
            for line in lines:
                above = [*(higher for higher in above if higher.level < line.level), line]
            said += [line.text for line in lines]
        elif (sentences := [*_sentences([*_without_echo(lines, said)])]) and not _is_boilerplate(sentences, found):
            found.append(Section(above[-1].text if above else "", sentences, _parent(above, titles)))
    return found


def _kind(line: Line) -> Literal["heading", "table", "text"]:
    return "heading" if line.heading else "table" if line.table else "text"


def _parent(above: Sequence[Line], titles: AbstractSet[str]) -> str:
    """A document's only title goes without saying."""
    higher = [line.text for line in above[:-1] if line.level > 1 or len(titles) > 1]
    return higher[-1] if higher else ""


def _without_echo(body: Sequence[Line], headings: Sequence[str]) -> Iterator[Line]:
    """Some documents print the headings again as the first line of the body, and tables of contents print them all."""
    said = set(_words(" ".join(headings[-8:])))
    for place, line in enumerate(body):
        words = _words(line.text)
        echo = place < 2 and words and set(words) <= said and line.text[-1] not in ".;"
        if not echo and not re.search(r"(\.\s?){4,}\s*\d+$", line.text):
            yield line


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


LEGAL = re.compile(
    r"(?i)all rights reserved|no (representations or )?warranties|intentionally (left )?blank|©|copyright \d"
)


def _is_boilerplate(sentences: Sequence[Sentence], before: Sequence[Section]) -> bool:
    """A notice of rights in front of everything else answers no question."""
    text = " ".join(sentence.text for sentence in sentences)
    return not before and len(text.split()) < 150 and LEGAL.search(text) is not None


PAST = re.compile(
    r"(?i)\b(superseded|no longer (in force|in effect|valid|applies)|(was|been|is) replaced (on|by)|withdrawn on)\b"
)


def is_superseded(found: Sequence[Section]) -> bool:
    """Whether the document begins by saying that another has taken its place."""
    return any(PAST.search(sentence.text) for section in found[:1] for sentence in section.sentences[:3])


ENDS = re.compile(r"(?<=[.!?])[\"'”’)\]]*\s+(?=[\"'“‘(\[•]*[A-Z0-9•¹²³])|(?<=\S)\s+(?=•\s)")
ABBREVIATED = re.compile(
    r"(?i)(?:\b(?:e\.g|i\.e|etc|vs|no|mr|mrs|ms|dr|jr|sr|st|inc|ltd|co|corp|u\.s|approx|sec|fig|p|pp)|\b[A-Z])\.$"
)
ITEM = re.compile(r"^(•|[-–*o▪●○✓]\s|\(?\d{1,2}[.)]\s|\(?[a-z][.)]\s)")


def _sentences(lines: Sequence[Line]) -> Iterator[Sentence]:
    vocabulary = {word for line in lines for word in _words(line.text)}
    for block in _blocks(lines):
        text, turns = _joined(block, vocabulary)
        ends = [] if block[0].table else ENDS.finditer(text)
        starts = [
            0,
            *(match.end() for match in ends if not ABBREVIATED.search(text, max(0, match.start() - 12), match.start())),
        ]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
            for first, last in _pieces(text, start, end):
                if re.search(r"\w", text[first:last]):
                    yield replace(_sentence(text, first, last, block[0].page, turns), record=block[0].record)


def _is_abbreviation(text: str, end: int) -> bool:
    return ABBREVIATED.search(text, max(0, end - 12), end) is not None


LONGEST = 2000
"""Characters: what has no full stop for longer is cut at a word."""


def _pieces(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    while end - start > LONGEST:
        cut = text.rfind(" ", start + LONGEST // 2, start + LONGEST) + 1 or start + LONGEST
        yield start, cut
        start = cut
    yield start, end


def _sentence(text: str, start: int, end: int, page: int, turns: Sequence[int]) -> Sentence:
    stripped = text[start:end].rstrip()
    turned = sum(turn <= start for turn in turns)
    inside = next((turn - start for turn in turns if start < turn < start + len(stripped)), None)
    return Sentence(stripped, page + turned, inside)


def _blocks(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """What runs on from line to line: a paragraph, a list item, a table's row."""
    block: list[Line] = []
    for line in lines:
        apart = block and line.page > block[-1].page + 1
        item = ITEM.match(line.text) and ((block and not _is_open(block[-1])) or not line.text[0].isdigit())
        if block and (apart or item or line.record or (block[-1].ends and not _runs_on(block[-1], line))):
            yield block
            block = []
        block.append(line)
    if block:
        yield block


def _is_open(line: Line) -> bool:
    """In the middle of a sentence, where `31.` is the end of a date and no list item."""
    return not line.ends and line.text[-1] not in ".!?:;"


def _runs_on(before: Line, line: Line) -> bool:
    """A page may break inside a sentence, after a line that looks like a paragraph's last."""
    return line.page != before.page and before.text[-1] not in ".!?:" and line.text[:1].islower()


def _joined(block: Sequence[Line], vocabulary: set[str]) -> tuple[str, list[int]]:
    """The block on one line, and where in it pages begin."""
    pieces, length, turns = [block[0].text], len(block[0].text), []
    for before, line in pairwise(block):
        pieces[-1], between = _joint(pieces[-1], line.text, vocabulary)
        length += len(between) - (len(before.text) - len(pieces[-1]))
        if line.page != before.page:
            turns.append(length)
        pieces += [between, line.text]
        length += len(line.text)
    return "".join(pieces), turns


def _joint(text: str, more: str, vocabulary: set[str]) -> tuple[str, str]:
    """The line as it goes on in the next one, and what stands between the two."""
    broken = re.search(r"(\w+)-$", text)
    if not broken or not more[:1].isalpha():
        return text, " "
    whole = broken[1].lower() + _words(more)[0]
    return (text[:-1] if whole in vocabulary and more[0].islower() else text), ""


def small_spans(sentences: Sequence[Sentence], words: int = 60) -> Iterator[tuple[int, int]]:
    """A section's sentences in runs of about sixty words, end to end."""
    start, held = 0, 0
    for place, sentence in enumerate(sentences):
        size = len(sentence.text.split())
        if held and held + size > words:
            yield start, place
            start, held = place, 0
        held += size
    yield start, len(sentences)


def wide_spans(sentences: Sequence[Sentence], characters: int = 1000) -> Iterator[tuple[int, int]]:
    """A document's sentences in runs of about a thousand characters, each beginning in the middle of the one before.

    They run across headings and page breaks: what a heading announces at the foot of a page is found with it.
    A record stands alone.
    """
    for record, group in groupby(range(len(sentences)), key=lambda place: sentences[place].record):
        places = [*group]
        if record:
            yield from ((place, place + 1) for place in places)
        else:
            first = places[0]
            windows = _windows(sentences[first : places[-1] + 1], characters)
            yield from ((first + start, first + stop) for start, stop in windows)


def _windows(sentences: Sequence[Sentence], characters: int) -> Iterator[tuple[int, int]]:
    ends = [0, *accumulate(len(sentence.text) + 1 for sentence in sentences)]
    start = 0
    while start < len(sentences):
        end = max(start + 1, bisect_right(ends, ends[start] + characters) - 1)
        yield start, end
        if end == len(sentences):
            break
        middle = (ends[start] + ends[end]) / 2
        start = max(start + 1, bisect_right(ends, middle) - 1)
