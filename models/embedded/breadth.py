"""Question -> whether it asks for one fact, which a sentence tells, or for a subject, which takes a paragraph."""

import re
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log1p
from pathlib import Path

import numpy as np

from ingest.evidence import Vector

SHIPPED = Path(__file__).with_name("breadth.npz")
# A subject cut down to a sentence loses more than a fact with a paragraph around it: when in doubt, all of it.
# benchmarks/fit_breadth.py prints what either limit does.
SURE = 0.4
# Of the vector beside the form. Two sets that neither was fitted on were told apart with an AUROC of .996 by both, .964
# by the form alone, .988 by the vector alone.
MEANING = 6.0

FORM = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^(?:\W*\w+[,:.;!]+)*\W*(?:can|could|may|do|does|did|is|are|am|was|were|will|would|must|should|has|have)\b",
        r"\bhow (?:much|many|often|long|far|old|big|high|late|early|soon|fast|heavy)\b",
        r"\b(?:when|until|by)\b",
        r"\b(?:who|whom|where|which)\b",
        r"\b(?:i|i'm|my|me|we|our|us)\b",
        r"\bhow (?:do|does|is|are|can|should|did|was|were)\b",
        r"\bwhat (?:is|are|does|do|should|must|can|kinds?|types?|other)\b",
        r"\b(?:why|explain|describe|tell|give|summarize|compare)\b",
        r"\band\b",
        r"[,;.]\s",
        r"\b(?:a|an)\b",
        r"\d",
        r"\?\s*$",
    )
]
"""How a question is put, whatever it is about."""


@dataclass(frozen=True)
class Breadth:
    """A regression over the form of a question and its vector; benchmarks/fit_breadth.py fits it."""

    middles: Vector
    spreads: Vector
    of_form: Vector
    of_meaning: Vector
    bias: float

    @classmethod
    @lru_cache(maxsize=1)
    def shipped(cls) -> "Breadth":
        with np.load(SHIPPED) as held:
            return cls(**{name: held[name] for name in held.files if name != "bias"}, bias=float(held["bias"]))

    def asks_for_a_subject(self, question: str, vector: Vector) -> bool:
        return self.share(question, vector) >= SURE

    def share(self, question: str, vector: Vector) -> float:
        """Near 1 for `How does the plan work?`, near 0 for `How much is it?`."""
        form = (form_of(question) - self.middles) / self.spreads
        return 1 / (1 + exp(-float(form @ self.of_form + vector @ self.of_meaning) - self.bias))

    def write(self, file: Path) -> None:
        np.savez(file, **vars(self))


def form_of(question: str) -> Vector:
    return np.array([log1p(len(question.split())), *(log1p(len(kind.findall(question))) for kind in FORM)], np.float32)
