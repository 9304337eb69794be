"""Question and quotation -> whether the documents answer it, how surely, and which of its words they do not know."""

import json
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import astuple, dataclass
from functools import cache
from math import exp
from pathlib import Path
from typing import Protocol, Self

import numpy as np

from ingest.evidence import Reading, Statistics, Vector
from ingest.words import terms
from models.embedded.message import Message, heard
from models.embedded.writer import EMPTY, Quotation, rarity

SHIPPED = Path(__file__).with_name("answerable.json")

# What speaks against an answer whatever else is found. benchmarks/fit_answerable.py prints what each refuses and costs.
VETO = 5.0  # an unknown word that is written like a name, a year that is not there, or a number that no document has
COMPARED = 0.25  # of that, where it may be compared with one that is there: `are 11 characters enough?`
OWN_CASE = 0.4  # of the doubts of missing words, where they may be of the asker's own life
FEW = 5  # In a longer question words tell a story besides: each of them weighs less.
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
class Signs:
    """What of a question and its quotation says whether the documents answer; each weighs what `Weights` says."""

    likeness: float
    """Cosine of the question with the quotation or its likest sentence."""
    unknown: float
    """Rarity share of the asked words that no document knows."""
    relief: float
    """How much nearer the documents come to the question without them."""
    scattered: float
    """Rarity share of the known words that no single section that was found has together."""
    elsewhere: float
    """Rarity share of the known words that are not in the quotation's section."""


@dataclass(frozen=True)
class Weights(Signs):
    """A logistic regression of `Signs`; what `benchmarks/fit_answerable.py` found out, kept in `answerable.json`."""

    bias: float

    @classmethod
    def read(cls, path: Path) -> Self:
        return cls(**json.loads(path.read_text("utf-8")))

    @classmethod
    @cache
    def shipped(cls) -> Self:
        return cls.read(SHIPPED)

    def evidence(self, signs: Signs) -> float:
        *weights, bias = astuple(self)
        total: float = bias + sum(weight * sign for weight, sign in zip(weights, astuple(signs), strict=True))
        return total


@dataclass(frozen=True)
class _Word:
    """A word or number of the question that says what it is about."""

    typed: str
    term: str
    rarity: float
    known: bool
    looks_like_name: bool
    asked: bool
    """In a clause that asks, or, in one that tells, right behind a name that the documents know: `HSA Zenith`."""

    @property
    def is_number(self) -> bool:
        return self.term[0].isdigit()


@dataclass(frozen=True)
class Looked:
    """A question and what was found for it, held side by side."""

    signs: Signs
    veto: float
    """What names, years and numbers take away that are not there."""
    unknown: list[str]
    missing: str | None
    """The year or number that is not there."""


def judge(
    question: str,
    query: Vector,
    quotation: Quotation | None,
    readings: Sequence[Reading],
    statistics: Statistics,
    encoder: Encoder,
) -> Verdict:
    """Words see what vectors are blind to: another plan, another year, a benefit that does not exist."""
    if quotation is None:
        strangers = [word.typed for word in _words(question, heard(question), statistics) if not word.known]
        return Verdict(False, 0.0, [*dict.fromkeys(strangers)], "Nothing was found in the documents.")
    looked = look(question, query, quotation, readings, statistics, encoder)
    confidence = 1 / (1 + exp(looked.veto - Weights.shipped().evidence(looked.signs)))
    answered = confidence >= ENOUGH
    return Verdict(answered, confidence, looked.unknown, _reason(answered, looked.unknown, looked.missing))


def look(
    question: str,
    query: Vector,
    quotation: Quotation,
    readings: Sequence[Reading],
    statistics: Statistics,
    encoder: Encoder,
) -> Looked:
    """What is measured before it is weighed."""
    message = heard(question)
    words = _words(question, message, statistics)
    asked = [word for word in words if word.asked]
    strange = [word for word in asked if not word.known and not _is_shorthand(word, encoder)]
    known = [word for word in words if word.known and not word.is_number]
    here, each = _said([quotation.reading]), [_said([reading]) for reading in readings]
    own = OWN_CASE if message.own_case else 1.0
    strict = min(1.0, FEW / max(1, len({word.term for word in asked}))) ** 2
    year = _missing_year(message.asked, asked, message.own_case, here, set().union(*each))
    number = next((word.typed for word in asked if NUMERAL.fullmatch(word.term) and not word.known), None)
    named = any(word.looks_like_name and not word.known for word in asked)
    compared = COMPARED if message.yes_or_no else 1.0
    return Looked(
        Signs(
            likeness=quotation.likeness,
            unknown=own * strict * _share(strange, words),
            relief=own * _relief(question, query, words, strange, readings, encoder),
            scattered=own * min(_absent(known, said) for said in each),
            elsewhere=own * _absent(known, here),
        ),
        VETO * (named + (year is not None) + compared * (number is not None)),
        [*dict.fromkeys(word.typed for word in words if not word.known)],
        year or number,
    )


def _words(question: str, message: Message, statistics: Statistics) -> list[_Word]:
    found = [*re.finditer(r"[^\W_](?:[\w'’.,()-]*\w)?\)?", question)]
    capitals = sum(match[0][0].isupper() for match in found)
    shouted = capitals > 2 and 4 * capitals > 3 * len(found)
    asked, words = set(terms(message.asked)), list[_Word]()
    for match in found:
        before = question[: match.start()]
        begins = re.search(r"(^|[.?!:]\s+|\n)\W*$", before) is not None
        name = match[0][0].isupper() and not begins and not shouted
        behind = name and _ends_with_name(before, words)
        for term in terms(match[0]):
            if term not in SAYS_NOTHING:
                held = statistics.containing(term) > 0
                words.append(_Word(match[0], term, rarity(term, statistics), held, name, behind or term in asked))
    return words


def _ends_with_name(before: str, words: Sequence[_Word]) -> bool:
    return bool(words) and words[-1].looks_like_name and words[-1].known and before.endswith(words[-1].typed + " ")


def _is_shorthand(word: _Word, encoder: Encoder) -> bool:
    """A number, or what is typed in haste, such as `yrs`: no English word that the documents could do without."""
    return word.is_number or (len(word.typed) <= 4 and word.typed.islower() and word.typed not in encoder.words)


def _share(some: Sequence[_Word], words: Sequence[_Word]) -> float:
    rarities: Mapping[str, float] = {word.term: word.rarity for word in words}
    return sum(rarities[term] for term in {word.term for word in some}) / max(sum(rarities.values()), 1e-6)


def _absent(words: Sequence[_Word], said: AbstractSet[str]) -> float:
    return _share([word for word in words if word.term not in said], words)


def _missing_year(
    asked: str, words: Sequence[_Word], own_case: bool, here: AbstractSet[str], anywhere: AbstractSet[str]
) -> str | None:
    """A year that the quotation's section contradicts or that nobody knows; not one of the asker's own life."""
    for word in words:
        if YEAR_SAID.fullmatch(word.term):
            other_year = word.term not in here and any(YEAR_SAID.fullmatch(term) for term in here)
            born = re.search(rf"(?i)\b(born|since|from)\W+(\w+\W+)?{word.term}", asked) is not None
            if not born and (other_year or (not word.known if own_case else word.term not in anywhere)):
                return word.typed
    return None


YEAR_SAID = re.compile(r"(19|20)\d\d")
NUMERAL = re.compile(r"(?!(?:19|20)\d\d$)\d[\d.]+")
"""Small numbers are how people count."""


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


def _reason(answered: bool, unknown: Sequence[str], missing: str | None) -> str:
    if answered:
        return "The documents answer this."
    if unknown:
        return f"The documents do not mention {' or '.join(f'“{word}”' for word in unknown)}."
    if missing is not None:
        return f"The documents do not say anything about {missing} here."
    return "Nothing in the documents comes near enough to the question."
