"""Answers beside what is known of the right ones -> figures, each with its 95% interval."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import islice
from math import sqrt
from string import punctuation

import numpy as np
from numpy.typing import NDArray

from evals.cases import Wanted

Numbers = NDArray[np.float64]
Place = tuple[str, int]
"""A source and a page."""
Group = tuple[Sequence[float], Sequence[float]]
"""The confidences of answerable questions, and of unanswerable ones that were made from them."""

SEED, RESAMPLES = 20, 2000
Z = 1.959964  # a normal distribution's 97.5th percentile


@dataclass(frozen=True)
class Figure:
    """A measured value, between what it might as well have been with other questions."""

    value: float
    low: float
    high: float
    n: int


# One answer -----------------------------------------------------------------------------------------------------------


def token_f1(answer: str, reference: str) -> float:
    """The words that both have: 1 for the same words, 0 for none; SQuAD's measure."""
    given, right = Counter(tokens(answer)), Counter(tokens(reference))
    if not given or not right:
        return float(given == right)
    return 2 * (given & right).total() / (given.total() + right.total())


def tokens(text: str) -> list[str]:
    """Lower-case words without punctuation, articles and the `[n]` of citations."""
    kept = (character for character in unmarked(text).lower() if not _is_punctuation(character))
    return [word for word in "".join(kept).split() if word not in ("a", "an", "the")]


def unmarked(text: str) -> str:
    """Without the markers of its citations."""
    return re.sub(r"\s*\[\d+\]", "", text)


def length(text: str) -> int:
    """In words, as a reader counts them."""
    return len(unmarked(text).split())


def _is_punctuation(character: str) -> bool:
    return character in punctuation or unicodedata.category(character).startswith("P")


def figures_recall(answer: str, reference: str) -> float | None:
    """The share of the reference's numbers that stand in the answer; None when it has none."""
    right = numbers(reference)
    return len(right & numbers(answer)) / len(right) if right else None


def numbers(text: str) -> set[Decimal]:
    """Amounts, shares, counts and years; not the numbers in names such as 401(k), W-2 and 1st."""
    found = re.findall(
        r"(?<![\w.])(?<!\d,)(?<![A-Za-z]-)(\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)(?![\w]|[.,]\d|\([a-z]\))",
        unmarked(text),
    )
    return {Decimal(one.replace(",", "")) for one in found}


def first_hit(found: Sequence[Place], wanted: Sequence[Wanted], deepest: int = 10) -> int | None:
    """The rank of the first place that is wanted, from 1."""
    ranks = (rank for rank, place in enumerate(islice(found, deepest), 1) if any(one.is_at(*place) for one in wanted))
    return next(ranks, None)


def precision(cited: Sequence[Place], wanted: Sequence[Wanted]) -> float | None:
    """The share of the cited places that are wanted; None when nothing is cited."""
    places = {*cited}
    return sum(any(one.is_at(*place) for one in wanted) for place in places) / len(places) if places else None


def recall(cited: Sequence[Place], wanted: Sequence[Wanted]) -> float:
    """The share of the wanted places that are cited."""
    different = {*wanted}
    return sum(any(one.is_at(*place) for place in cited) for one in different) / len(different)


# Many answers ---------------------------------------------------------------------------------------------------------


def share(flags: Sequence[float]) -> Figure:
    """How many are 1 and not 0, with Wilson's interval."""
    n, value = len(flags), sum(flags) / len(flags)
    middle = (value + Z * Z / (2 * n)) / (1 + Z * Z / n)
    reach = Z * sqrt(value * (1 - value) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)
    return Figure(value, max(0.0, middle - reach), min(1.0, middle + reach), n)


def balanced(*classes: Sequence[float]) -> Figure:
    """The mean of what is right in each class, so that the larger one does not decide."""
    shares = [share(flags) for flags in classes if flags]
    value, low, high = (sum(getattr(s, name) for s in shares) / len(shares) for name in ("value", "low", "high"))
    return Figure(value, low, high, sum(s.n for s in shares))


def mean(values: Sequence[float]) -> Figure:
    return _resampled(lambda drawn: drawn.mean(axis=1), values)


def percentile(values: Sequence[float], percent: float) -> Figure:
    return _resampled(lambda drawn: np.percentile(drawn, percent, axis=1), values)


def separation(groups: Sequence[Group]) -> Figure:
    """The AUROC of the confidences: how well they tell answerable from not. Whole groups are drawn anew."""
    answerable, owners = _flat([yes for yes, _ in groups])
    unanswerable, others = _flat([no for _, no in groups])
    random = np.random.default_rng(SEED)
    counts = random.multinomial(len(groups), np.full(len(groups), 1 / len(groups)), RESAMPLES)
    drawn = [auroc(np.repeat(answerable, c[owners]), np.repeat(unanswerable, c[others])) for c in counts]
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return Figure(auroc(answerable, unanswerable), float(low), float(high), len(answerable) + len(unanswerable))


def _flat(groups: Sequence[Sequence[float]]) -> tuple[Numbers, NDArray[np.intp]]:
    """All their values, and of each the number of its group."""
    owners = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    return np.array([value for group in groups for value in group]), owners


def auroc(higher: Sequence[float] | Numbers, lower: Sequence[float] | Numbers) -> float:
    """How often one of the first is above one of the second, a tie counting half; no number when one is empty."""
    if not len(higher) or not len(lower):
        return float("nan")
    below = np.sort(np.asarray(lower, np.float64))
    above = np.asarray(higher, np.float64)
    beaten = np.searchsorted(below, above, "left") + np.searchsorted(below, above, "right")
    return float(beaten.mean() / 2 / len(below))


def _resampled(statistic: Callable[[Numbers], Numbers], values: Sequence[float]) -> Figure:
    """The statistic, with the interval that questions drawn anew from these would give; the same each time."""
    array = np.asarray(values, np.float64)
    drawn = np.random.default_rng(SEED).choice(array, (RESAMPLES, len(array)))
    low, high = np.percentile(statistic(drawn), [2.5, 97.5])
    return Figure(float(statistic(array[None])[0]), float(low), float(high), len(array))
