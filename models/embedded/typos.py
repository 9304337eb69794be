"""A question as typed -> the question as meant: typos mended with the documents' own words."""

import re
from collections.abc import Iterator, Set
from string import ascii_lowercase

from ingest.evidence import Statistics
from ingest.words import terms


def mended(question: str, statistics: Statistics, words: Set[str]) -> str:
    """One slip a word; only a word that neither the documents nor `words` know is a typo, and names are left alone."""

    def meant(match: re.Match[str]) -> str:
        typed = match[0].lower()
        name = match[0][0].isupper() and match.start() > 0
        if name or typed in words or not terms(typed) or _held(typed, statistics):
            return match[0]
        return max((w for w in _one_slip_from(typed) if w in words), key=lambda w: _held(w, statistics), default="")

    def kept(match: re.Match[str]) -> str:
        word = meant(match)
        return word if word and _held(word, statistics) else match[0]

    return re.sub(r"[^\W\d_]{5,}", kept, question)


def _held(word: str, statistics: Statistics) -> int:
    return max((statistics.containing(term) for term in terms(word)), default=0)


def _one_slip_from(word: str) -> Iterator[str]:
    """Every string that one missing, added, swapped or wrong letter makes of it."""
    for place in range(len(word) + 1):
        head, tail = word[:place], word[place:]
        yield from (head + letter + tail for letter in ascii_lowercase)
        if tail:
            yield head + tail[1:]
            yield from (head + letter + tail[1:] for letter in ascii_lowercase)
        if len(tail) > 1:
            yield head + tail[1] + tail[0] + tail[2:]
