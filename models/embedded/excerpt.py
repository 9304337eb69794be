"""Sentences of a section, each with how likely it tells a fact -> as few of them as can stand alone."""

import re
from collections.abc import Sequence

from ingest.evidence import Vector

# Chosen on benchmarks/underlined and the tuned half of evals/company, and flat around each.
MOST = 75  # words; up to 90 one more figure in thirty is there, at half a point of F1
LEAST = 8  # words; a shorter line is a heading, or half a sentence
AS_LIKELY = 0.08  # from here on several share the answer, or which of them has it cannot be told
BESIDE = 0.25

LEANS = re.compile(
    r"(?i)^\W*(?:however|but|this|that|these|those|it|its|they|their|them|he|she|in (?:this|that|these|those) case|then"
    r"|such|so|therefore|thus|otherwise|instead|also|both|neither|either|unless|except|without|only|after that"
    r"|the (?:same|rest|other|excess|exception)|if (?:so|not))\b"
)
"""A sentence that means nothing without the one before, or takes something back from it."""


def excerpt(likely: Vector, texts: Sequence[str]) -> tuple[int, int]:
    """From the first to behind the last of the sentences that are as likely as the best, with what leans on them."""
    best = int(likely.argmax())
    start, end = best, best + 1
    for place in (-likely).argsort(kind="stable").tolist():
        if likely[best] - likely[place] < (BESIDE if abs(place - best) == 1 else AS_LIKELY):
            start, end = _wider(texts, (start, end), (min(start, place), max(end, place + 1)))
    while end < len(texts) and _is_open(texts[start:end], texts[end]):
        end += 1
    return _upright(texts, start, end)


def _is_open(texts: Sequence[str], following: str) -> bool:
    """A question wants its answer; a few words want more, though not the next question."""
    return texts[-1].endswith("?") or (_size(texts) < LEAST and not following.endswith("?"))


def _upright(texts: Sequence[str], start: int, end: int) -> tuple[int, int]:
    """With what its first sentence leans on, and what leans on its last: conditions and exceptions."""
    while start > 0 and LEANS.match(texts[start]) and _size(texts[start - 1 : end]) <= MOST:
        start -= 1
    while end < len(texts) and LEANS.match(texts[end]) and _size(texts[start : end + 1]) <= MOST:
        end += 1
    return start, end


def _wider(texts: Sequence[str], span: tuple[int, int], wider: tuple[int, int]) -> tuple[int, int]:
    return wider if _size(texts[slice(*wider)]) <= MOST else span


def _size(texts: Sequence[str]) -> int:
    return sum(len(text.split()) for text in texts)
