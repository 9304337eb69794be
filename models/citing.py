"""A model's words as they come -> words that may be shown: markers that name a passage, figures that stand there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from ingest.evidence import Passage
from ingest.words import terms
from models.figures import figures
from models.found import Citation
from models.prompts import DECLINED

MARKER = re.compile(r"(?<!\s)\s*\[(\d+(?:\s*[,;]\s*\d+)*)\]")
DECLINES = re.compile(r"\s+".join(DECLINED.split()), re.IGNORECASE)
SENTENCE = re.compile(r"(?<=[.!?:])\s+|\n")
CLAIM = 1_000
"""Characters before a marker at most that it stands for."""
RUN = re.compile(r"[\d.,]")
LAST = re.compile(r"(?:\n[^\S\n]*|(?<![\d.,])[\d.,]*)\Z")
"""The beginning of a line, or of a figure, at the end of what was said."""


def _begun(words: str) -> str:
    """The pattern of the words' beginnings, however long."""
    first, rest = r"\s+" if words[0] == " " else words[0], words[1:]
    return f"{first}(?:{_begun(rest)})?" if rest else first


# In the order of its lines: a marker, the white space before one, a figure or a list's number, the words that decline.
UNDECIDED = re.compile(
    rf"""(?xi)(?:
        (?<!\s)\s*\[[\d\s,;]*
      | (?<!\s)\s+
      | (?<![\d.,])[\d.,]*\d[\d.,]*\)?
      | {_begun(DECLINED)}
    )\Z"""
)
"""What the next piece may still make another thing of."""


class Unsupported(Exception):
    """A figure that no passage says; its text is the figure."""


@dataclass
class Citing:
    """Fed a draft piece by piece; gives back what of it is settled."""

    passages: Sequence[Passage]
    known: set[str]
    """Figures that may be said besides the passages': the question's own."""
    text: str = ""
    citations: list[Citation] = field(default_factory=list)
    dropped: list[int] = field(default_factory=list)
    """Markers that named no passage."""
    declined: bool = False
    _held: str = ""
    _sentence: str = ""
    _end: str = "\n"

    def __post_init__(self) -> None:
        self._allowed = self.known.union(*(figures(passage.text) for passage in self.passages))

    def feed(self, piece: str) -> str:
        self._held += piece
        if self._declines():
            return ""
        undecided = UNDECIDED.search(self._held)
        return self._settle(undecided.start() if undecided else len(self._held))

    def end(self) -> str:
        return "" if self._declines() else self._settle(len(self._held))

    def _declines(self) -> bool:
        # Its beginnings are held back, so that all of it is in there.
        self.declined = self.declined or DECLINES.search(self._held) is not None
        return self.declined

    def _settle(self, upto: int) -> str:
        said, self._held = self._held[:upto], self._held[upto:]
        before, after = len(self.text), 0
        for marker in MARKER.finditer(said):
            self._say(said[after : marker.start()], marker[0])
            self.text += self._cite(marker[1])
            after = marker.end()
        self._say(said[after:], self._held)
        return self.text[before:]

    def _say(self, words: str, then: str) -> None:
        # A figure goes on behind a marker that was dropped; a list's number is one by where its line begins and the
        # space behind it.
        before = self._end if self._end.startswith("\n") or RUN.match(words) else ""
        space = then[:1] if then[:1].isspace() else ""
        for figure in sorted(figures(f"-{before}{words}{space}") - self._allowed):
            raise Unsupported(figure)
        self.text += words
        self._end = "".join(LAST.findall(self._end + words))
        self._sentence = SENTENCE.split((self._sentence + words)[-CLAIM:])[-1]

    def _cite(self, numbers: str) -> str:
        """The markers in our own count, one for each quotation."""
        out = ""
        for number in (int(digits[:4]) for digits in re.findall(r"\d+", numbers)):
            if not 1 <= number <= len(self.passages):
                self.dropped.append(number)
                continue
            citation = quoted(self._sentence, self.passages[number - 1])
            if citation not in self.citations:
                self.citations.append(citation)
            out += f" [{self.citations.index(citation) + 1}]"
        self._end = "" if out else self._end
        return out


def quoted(claim: str, passage: Passage) -> Citation:
    """The passage's sentence that says most of what the claim says, and the page where it stands."""
    asked, counted = set(terms(claim)), figures(claim)

    def borne_out(text: str) -> tuple[int, float]:
        held = set(terms(text))
        return len(figures(text) & counted), len(held & asked) / (len(held) + 5)

    places = [(sentence.on(page), page) for sentence in passage.sentences for page in sentence.pages]
    quote, page = max(((text, page) for text, page in places if text), key=lambda place: borne_out(place[0]))
    return Citation(passage.collection, passage.source, page, quote)
