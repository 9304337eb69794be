"""Question -> 0 to 10: how hard it is for the small model, from what exams showed and from what is asked at work."""

import math
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]

SHIPPED = Path(__file__).with_name("difficulty.npz")

LONGEST = 4000  # characters measured; a longer question is hard by its length already

PREAMBLE = "This question refers to the following information.\n"
CHOICES = re.compile(r"\n *\(?A[.)] .*\n *\(?B[.)] .*", re.DOTALL)
WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")
NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
MATHS = re.compile(r"[=+*/^<>%$\\×÷≤≥√∫∑π{}]")
QUOTE = re.compile(r"[\"“(]")
CLAUSE = re.compile(
    r"[,;:]|\b(?:and|or|but|which|that|who|whose|when|where|while|because|although|if|since|after|before|until|as)\b"
)
LOGIC = re.compile(
    r"\b(?:if|then|not|no|only|all|every|each|some|any|none|unless|except|least|most|either|neither|both|therefore|thus"
    r"|hence|because|assume|suppose|given|must|cannot|whether|without|than|following|statements?|true|false|correct"
    r"|impl(?:y|ies)|respectively)\b"
)
TASK = re.compile(
    r"\b(?:calculate|compute|find|determine|evaluate|solve|prove|derive|simplify|estimate|compare|contrast|explain"
    r"|analy[sz]e|discuss|design|write|draft|implement|plan|optimi[sz]e|how many|how much|step by step|why|total"
    r"|remaining|average|probability|equation|function|proof|algorithm|program|value)\b"
)
LOOK_UP = re.compile(
    r"\b(?:how (?:many|much|long|often|soon|far|big|old)|what(?:'s|s)?|when(?:'s|s)?|where(?:'s|s)?|who(?:'s|s)?|which"
    r"|name|number|phone|form|date|deadline|email|address|cover(?:s|ed)?|is there|are there|can i|am i)\b"
)
REASON = re.compile(
    r"\b(?:why|explain|reasons?|argue|arguments?|pros|cons|trade-?offs?|steps?|compar\w+|contrast|versus|vs|weigh|better"
    r"|best|worst|worth|should|would|might|could|impact|affect|implications?|consequences?|interact|conflicts?"
    r"|reconcile|recommend|advise|options?|choices?|scenarios?|strateg\w+|risks?|causes?|diagnose|evaluate|assess"
    r"|analy\w+|justify|prove|derive|break-?even)\b"
)
MAKE = re.compile(
    r"\b(?:write|draft|design|plan|build|create|develop|propose|outline|schedule|work out|figure out|calculate|compute"
    r"|estimate|determine|optimi[sz]e|maximi[sz]e|minimi[sz]e|forecast|model|sketch|rewrite|refactor|summari[sz]e|list"
    r"|construct|identify|describe|show|make|find)\b"
)
CONDITION = re.compile(
    r"\b(?:if|whether|assuming|suppose|given|while|each|every|both|either|all|without|against|under|rather|instead"
    r"|between|or)\b"
)
POLITE = re.compile(r"\b(?:hi|hello|hey|thanks?|please|sorry|morning|afternoon|apologies|hope|dear)\b")


# Those that carry over between kinds of questions, those that tell exam questions apart, and those of work.
GENERAL, EXAM, WORK = slice(0, 5), slice(5, 12), slice(12, None)

# Chosen with benchmarks/fit_difficulty.py, which prints the figures.
WRONG = 0.5  # what the exam measures count beside the general ones
TABLE = 3.0  # what the table of gains counts
NARROW, FADE = 0.08, 0.001  # how near a centre must be to count, and how soon none counts
ELSEWHERE, AT_WORK = 0.25, 1.5  # what the examples of work count, for an exam's question and for one of work


@dataclass(frozen=True)
class Learned:
    """What `benchmarks/fit_difficulty.py` found out; kept in `difficulty.npz`."""

    middles: Vector
    """Of each measure, over the questions that it was learned from."""
    spreads: Vector
    wrong: Vector
    """From the exam measures to "the small model is wrong"."""
    centres: Vectors
    """Unit rows: what exam questions are about."""
    gains: Vector
    """What a large model gains around each centre, over what it gains everywhere."""
    scale: Vector
    """Middle and spread of the exam part."""
    work: Vector
    """From a question's vector and its work measures to "hard at work"; the constant last."""
    at_work: Vector
    """From a question's vector to "asked at work", not in an exam; the constant last."""

    @classmethod
    def read(cls, path: Path) -> Self:
        with np.load(path) as arrays:
            return cls(**{field.name: arrays[field.name].astype(np.float32) for field in fields(cls)})

    def write(self, path: Path) -> None:
        np.savez_compressed(path, **{name: rows.astype(np.float16) for name, rows in vars(self).items()})


class Difficulty:
    """What exams taught, and the more a question is like one asked at work, what work taught."""

    def __init__(self, learned: Learned) -> None:
        self._learned = learned

    @classmethod
    def shipped(cls) -> Self:
        return cls(Learned.read(SHIPPED))

    def score(self, question: str, vector: Vector) -> float:
        """Two decimals; above 5, a question asked at work is one to think about, not to look up."""
        return round(float(self.scores(measures(question)[None], vector[None])[0]), 2)

    def scores(self, measured: Vectors, vectors: Vectors) -> Vector:
        """The same for many questions, already measured."""
        near = at_work(self._learned, vectors)
        exam, work = exam_part(self._learned, measured, vectors), work_part(self._learned, measured, vectors)
        hard = (1 - near) * exam + (ELSEWHERE + (AT_WORK - ELSEWHERE) * near) * work
        scores: Vector = (10 / (1 + np.exp(-hard))).astype(np.float32)
        return scores


def exam_part(learned: Learned, measured: Vectors, vectors: Vectors) -> Vector:
    """Above 0 for as many exam questions as the small model got wrong."""
    middle, spread = learned.scale
    part: Vector = (raw_exam_part(learned, measured, vectors) - middle) / spread
    return part


def raw_exam_part(learned: Learned, measured: Vectors, vectors: Vectors) -> Vector:
    standard = standardised(learned, measured)
    wrong, gains = standard[:, EXAM] @ learned.wrong, shares(learned.centres, vectors) @ learned.gains
    part: Vector = standard[:, GENERAL].mean(axis=1) + WRONG * wrong + TABLE * gains
    return part


def work_part(learned: Learned, measured: Vectors, vectors: Vectors) -> Vector:
    """Above 0 for what is hard at work."""
    part: Vector = np.hstack([vectors, standardised(learned, measured)[:, WORK]]) @ learned.work[:-1] + learned.work[-1]
    return part


def at_work(learned: Learned, vectors: Vectors) -> Vector:
    """Near 1 for a question asked at work, near 0 for an exam's."""
    near: Vector = 1 / (1 + np.exp(-(vectors @ learned.at_work[:-1] + learned.at_work[-1])))
    return near


def shares(centres: Vectors, vectors: Vectors) -> Vectors:
    """How much of each centre is in a question; far from all of them, little of any."""
    felt = np.exp((vectors @ centres.T - 1) / NARROW)
    parts: Vectors = felt / (felt.sum(axis=1, keepdims=True) + FADE)
    return parts


def standardised(learned: Learned, measured: Vectors) -> Vectors:
    rows: Vectors = ((measured - learned.middles) / learned.spreads).clip(-3, 3)
    return rows


def measures(question: str) -> Vector:
    """What the words alone tell; the choices of an exam question are left out."""
    asked = without_choices(question[:LONGEST])
    lower = asked.lower()
    words = WORD.findall(lower) or [""]
    return np.array([*_general(lower, words), *_exam(asked, words), *_work(lower, words)], np.float32)


def without_choices(question: str) -> str:
    asked = CHOICES.sub("", question).removeprefix(PREAMBLE).strip()
    return asked or question


def _general(lower: str, words: list[str]) -> list[float]:
    return [
        math.log1p(len(words)),
        _count(CLAUSE, lower),
        _count(LOGIC, lower),
        -len(set(words)) / len(words),
        _count(TASK, lower),
    ]


def _exam(asked: str, words: list[str]) -> list[float]:
    characters = max(len(asked), 1)
    return [
        sum(map(str.isdigit, asked)) / characters,
        _count(NUMBER, asked),
        _count(MATHS, asked),
        sum(map(len, words)) / len(words),
        sum(map(str.isupper, asked)) / characters,
        sum(len(word) > 8 for word in words) / len(words),
        _count(QUOTE, asked),
    ]


def _work(lower: str, words: list[str]) -> list[float]:
    return [_count(kind, lower) for kind in (LOOK_UP, REASON, MAKE, CONDITION, POLITE, NUMBER)]


def _count(kind: re.Pattern[str], text: str) -> float:
    """Its logarithm: the tenth comma says less than the first."""
    return math.log1p(sum(1 for _ in kind.finditer(text)))
