"""A question as typed -> the question as meant: typos mended with the documents' own words."""

import re
from collections.abc import Iterator, Set
from string import ascii_lowercase

from ingest.evidence import Statistics
from ingest.words import terms


def mended(question: str, statistics: Statistics, words: Set[str]) -> str:
    """Two words in one are parted, one slip is mended; only in words the documents do not know, never in names."""

    def mend(match: re.Match[str]) -> str:
        typed = match[0].lower()
        name = match[0][0].isupper() and match.start() > 0
        if name or not terms(typed) or _held(typed, statistics):
            return match[0]
        return _apart(typed, statistics) or (typed not in words and _corrected(typed, statistics, words)) or match[0]

    return re.sub(r"[^\W\d_]{5,}", mend, question)


def _apart(word: str, statistics: Statistics) -> str:
    """`pay day`, where the documents know both and not `payday`."""
    halves = [(word[:place], word[place:]) for place in range(3, len(word) - 2)]
    held = {half: min(_held(half[0], statistics), _held(half[1], statistics)) for half in halves}
    best = max(held, key=lambda half: held[half], default=("", ""))
    return " ".join(best) if held.get(best) else ""


def _corrected(word: str, statistics: Statistics, words: Set[str]) -> str:
    near = max((w for w in _one_slip_from(word) if w in words), key=lambda w: _held(w, statistics), default="")
    return near if near and _held(near, statistics) else ""


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
