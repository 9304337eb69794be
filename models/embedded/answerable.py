"""Question and quotation -> whether the documents answer it, how surely, and which of its words they do not know."""

import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from math import exp
from typing import Protocol

import numpy as np

from ingest.evidence import Reading, Statistics, Vector
from ingest.words import terms
from models.embedded.writer import EMPTY, Quotation, rarity

# Evidence that the documents answer, and what is taken from it. Fitted as a logistic regression and rounded, looking at
# northwind-dev, near misses made by rule, and typed, chatty and unanswerable questions about the sample company.
BIAS = -1.0
LIKE = 7.0  # cosine of the question with the quotation or its likest sentence
MISSING = 9.0  # rarity share of the question's known words that do not stand in what was found
UNKNOWN = 2.5  # rarity share of the words that the documents do not know
RELIEF = 28.0  # how much nearer the documents come to the question without its unknown words
NAME = 6.0  # when an unknown word is written like a name
NUMBER = 6.5  # when a number is not where the quotation stands
FEW = 5  # In a longer message words tell a story besides: each of them weighs less.
ENOUGH = 0.5

# What people ask to have done with an answer; no document needs to say it.
TASK = """
    advice advise best better briefly choose compare comparison compute cons decide draft eight elaborate estimate
    evaluate explanation five four go goes going gone illustrate let lets list nine one outline pick plain plus pros
    put puts recommend recommendation recommended seven simple six step steps suggest suggestion summarize summary
    ten three two understand versus vs walk worth
""".split()
SAYS_NOTHING = EMPTY | {term for word in TASK for term in terms(word)}


class Encoder(Protocol):
    @property
    def words(self) -> AbstractSet[str]: ...

    def query(self, text: str) -> Vector: ...


@dataclass(frozen=True)
class Verdict:
    answered: bool
    confidence: float
    """0 to 1, the higher the more answerable."""
    unknown: list[str]
    """The question's words that are in no document, as typed."""
    reason: str
    """One plain sentence."""


@dataclass(frozen=True)
class _Word:
    """A word or number of the question that says what it is about."""

    typed: str
    term: str
    rarity: float
    known: bool
    looks_like_name: bool


def judge(
    question: str,
    query: Vector,
    quotation: Quotation | None,
    readings: Sequence[Reading],
    statistics: Statistics,
    encoder: Encoder,
) -> Verdict:
    """Words see what vectors are blind to: another plan, another year, a benefit that does not exist."""
    words = _words(question, statistics)
    strange = [word for word in words if not word.known and not _is_shorthand(word, encoder)]
    unknown = [*dict.fromkeys(word.typed for word in words if not word.known)]
    if quotation is None:
        return Verdict(False, 0.0, unknown, "Nothing was found in the documents.")
    number = _missing_number(question, words, quotation.reading, readings)
    strict = min(1.0, FEW / max(1, len({word.term for word in words}))) ** 2
    doubt = (
        MISSING * (1 - _found(words, readings))
        + UNKNOWN * _share(strange, words)
        + RELIEF * _relief(question, query, words, strange, readings, encoder)
    )
    named = any(word.looks_like_name and not word.known for word in words)
    evidence = BIAS + LIKE * quotation.likeness - strict * doubt - NAME * named - NUMBER * (number is not None)
    confidence = 1 / (1 + exp(-evidence))
    answered = confidence >= ENOUGH
    return Verdict(answered, confidence, unknown, _reason(answered, unknown, number))


def _words(question: str, statistics: Statistics) -> list[_Word]:
    found = [*re.finditer(r"[^\W_](?:[\w'’.,()-]*\w)?\)?", question)]
    capitals = sum(match[0][0].isupper() for match in found)
    shouted = capitals > 2 and 2 * capitals > len(found)
    words = []
    for match in found:
        begins = re.search(r"(^|[.?!:]\s+|\n)\W*$", question[: match.start()]) is not None
        name = match[0][0].isupper() and not begins and not shouted
        for term in terms(match[0]):
            if term not in SAYS_NOTHING:
                held = statistics.containing(term) > 0
                words.append(_Word(match[0], term, rarity(term, statistics), held, name))
    return words


def _is_shorthand(word: _Word, encoder: Encoder) -> bool:
    """A number, or what is typed in haste, such as `yrs`: no English word that the documents could do without."""
    return word.term[0].isdigit() or (len(word.typed) <= 4 and word.typed.islower() and word.typed not in encoder.words)


def _share(some: Sequence[_Word], words: Sequence[_Word]) -> float:
    rarities: Mapping[str, float] = {word.term: word.rarity for word in words}
    return sum(rarities[term] for term in {word.term for word in some}) / max(sum(rarities.values()), 1e-6)


def _found(words: Sequence[_Word], readings: Sequence[Reading]) -> float:
    known = [word for word in words if word.known]
    there = _said(readings)
    return _share([word for word in known if word.term in there], known)


def _missing_number(question: str, words: Sequence[_Word], quoted: Reading, readings: Sequence[Reading]) -> str | None:
    """A year that the quotation's section contradicts or nobody knows, or a number that is not in that section.

    Small numbers are how people count. Someone who says `I`, or gives several numbers that are not there, tells a case
    of their own: their age, pay or years.
    """
    own = re.search(r"(?i)\b(i|i['’]m|my|me|we|our)\b", question) is not None
    here, anywhere = _said([quoted]), _said(readings)
    years = [word for word in words if YEAR.fullmatch(word.term)]
    for word in years:
        other_year = word.term not in here and any(YEAR.fullmatch(term) for term in here)
        born = re.search(rf"(?i)\b(born|since|from)\W+(\w+\W+)?{word.term}", question) is not None
        if not born and (other_year or (not word.known if own else word.term not in anywhere)):
            return word.typed
    numbers = [word for word in words if NUMERAL.fullmatch(word.term) and word not in years]
    missing = [word for word in numbers if word.term not in here]
    return missing[0].typed if len(missing) == 1 and not own else None


YEAR = re.compile(r"(19|20)\d\d")
NUMERAL = re.compile(r"\d[\d.]+")


def _said(readings: Sequence[Reading]) -> set[str]:
    """All the terms that stand in them, in their headings or in their titles."""
    said: set[str] = set()
    for reading in readings:
        said.update(terms(reading.heading), terms(reading.title), *reading.terms)
    return said


def _relief(
    question: str,
    query: Vector,
    words: Sequence[_Word],
    strange: Sequence[_Word],
    readings: Sequence[Reading],
    encoder: Encoder,
) -> float:
    """A word for something the documents have by another name helps to find it; a stranger stands in the way."""
    strangers = {word.typed for word in strange}
    if not strangers or len(strange) == len(words):
        return 0.0
    rest = re.sub("|".join(rf"(?<!\w){re.escape(word)}(?!\w)" for word in strangers), " ", question)
    vectors = np.concatenate([reading.vectors for reading in readings])
    relief = float((vectors @ encoder.query(" ".join(rest.split()))).max() - (vectors @ query).max())
    return min(max(relief, 0.0), 0.2)


def _reason(answered: bool, unknown: Sequence[str], number: str | None) -> str:
    if answered:
        return "The documents answer this."
    if unknown:
        return f"The documents do not mention {' or '.join(f'“{word}”' for word in unknown)}."
    if number is not None:
        return f"The documents do not say anything about {number} here."
    return "Nothing in the documents comes near enough to the question."
