"""Vector -> intent: a softmax over the topics of intents.toml, an intent's probability the sum of its topics'."""

import hashlib
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from models.embedded.encoder import Encoder, Vectors

Examples = Mapping[str, Mapping[str, Sequence[str]]]
"""What people ask, by intent and by topic, as intents.toml has it."""

OTHER = "other"

# Chosen on 247 questions written in another voice; on 173 that were not read, macro-F1 is .926 (.888 without the gate).
# All three lie on a plateau: C from 30 to 100, NEAR from .45 to .55 and SURE from .4 to .5 differ by less than .01.
SURE = 0.5
LOOSENESS = 30.0  # scikit-learn's C: how closely the fit follows its examples
STEPS = 60
NEAR, FAR, SLOPE, OTHER_AT_LEAST = 0.5, 0.4, 0.06, 0.2


@dataclass(frozen=True)
class Guess:
    intent: str
    confidence: float
    """The intent's probability; of an `other`, small where it is only what is left."""
    topic: str
    """The likeliest topic of the intent; empty for an `other` without examples."""


class Head(NamedTuple):
    """What is fitted, and kept in the cache."""

    weights: Vectors
    """A column for each topic; the last row is the bias."""
    examples: Vectors
    """The examples' vectors, in the order of their topics."""


class Intents:
    """Vector -> the intent it most likely has, and how likely."""

    def __init__(self, examples: Examples, head: Head) -> None:
        self._head = head
        self._names = list(examples)
        self._topics = [(intent, topic) for intent, by_topic in examples.items() for topic in by_topic]
        self._member = np.array([[intent == name for name in self._names] for intent, _ in self._topics], np.float32)
        counts = [sum(map(len, by_topic.values())) for by_topic in examples.values()]
        self._starts = np.cumsum([0, *counts[:-1]])
        self._other = self._names.index(OTHER) if OTHER in self._names else None

    @classmethod
    def fitted(cls, examples: Examples, encoder: Encoder, cache: Path) -> "Intents":
        """Fitted once, then read from the cache until an example or the encoder changes."""
        examples = _without_gaps(examples)
        kept = cache / f"intents-{_key(examples, encoder)}.npz"
        head = _read(kept)
        if head is None:
            head = _fit(examples, encoder)
            _write(kept, head)
        return cls(examples, head)

    def guess(self, vector: Vectors) -> Guess:
        return self.guesses(vector[None])[0]

    def guesses(self, vectors: Vectors) -> list[Guess]:
        by_topic = _softmax(_with_bias(vectors) @ self._head.weights)
        likeness = np.maximum.reduceat(vectors @ self._head.examples.T, self._starts, axis=1)
        by_intent = by_topic @ self._member * self._gate(likeness)
        by_intent /= by_intent.sum(axis=1, keepdims=True)
        return [self._guess(*rows) for rows in zip(by_topic, by_intent, likeness, strict=True)]

    def _gate(self, likeness: Vectors) -> Vectors:
        """Far from every example of an intent, it is not that one; far from all of them, it is `other`."""
        gate = _rising(likeness, NEAR)
        if self._other is not None:
            gate[:, self._other] = np.maximum(gate[:, self._other], OTHER_AT_LEAST)
        return gate

    def _guess(self, by_topic: Vectors, by_intent: Vectors, likeness: Vectors) -> Guess:
        best = int(by_intent.argmax())
        if by_intent[best] >= SURE and best != self._other:
            return Guess(self._names[best], float(by_intent[best]), self._topic(by_topic, best))
        if self._other is None:
            return Guess(OTHER, 0.0, "")
        # A question unlike any example is `other`, but nothing says so firmly.
        known = _rising(likeness[self._other], FAR)
        return Guess(OTHER, float(by_intent[self._other] * known), self._topic(by_topic, self._other))

    def _topic(self, by_topic: Vectors, intent: int) -> str:
        return self._topics[int((by_topic * self._member[:, intent]).argmax())][1]


def described(examples: Examples, descriptions: Mapping[str, str]) -> Examples:
    """The examples, and the words of its description for an intent that has none."""
    missing = {
        intent: {"description": [phrase.strip() for phrase in description.split(",") if phrase.strip()]}
        for intent, description in descriptions.items()
        if not any(examples.get(intent, {}).values())
    }
    return {**examples, **missing}


def _without_gaps(examples: Examples) -> Examples:
    """Only the topics that have examples, and the intents that have topics."""
    filled = {intent: {topic: texts for topic, texts in topics.items() if texts} for intent, topics in examples.items()}
    return {intent: topics for intent, topics in filled.items() if topics}


def _fit(examples: Examples, encoder: Encoder) -> Head:
    lists = [texts for by_topic in examples.values() for texts in by_topic.values()]
    vectors = encoder.encode([text for texts in lists for text in texts])
    labels = np.repeat(np.arange(len(lists)), [len(texts) for texts in lists])
    return Head(_regression(_with_bias(vectors), labels), vectors)


def _regression(x: Vectors, labels: NDArray[np.intp]) -> Vectors:
    """Softmax weights, every topic with the same say however many examples it has."""
    counts = np.bincount(labels)
    share = (1 / (len(counts) * counts[labels, None])).astype(np.float32)
    truth = np.eye(len(counts), dtype=np.float32)[labels]
    shrink = np.full((x.shape[1], 1), 1 / (LOOSENESS * len(x)), np.float32)
    shrink[-1] = 1e-7  # the bias is free, save for what keeps the steepest curve invertible
    # Nesterov's descent, measured by Böhning's bound on the curvature: 60 steps come closer than 1,000 plain ones.
    step = np.linalg.inv(0.5 * x.T @ (x * share) + np.diagflat(shrink))
    weights = last = np.zeros((x.shape[1], len(counts)), np.float32)
    for n in range(STEPS):
        ahead = weights + np.float32(n / (n + 3)) * (weights - last)
        slope = x.T @ ((_softmax(x @ ahead) - truth) * share) + shrink * ahead
        last, weights = weights, ahead - step @ slope
    return weights


def _softmax(scores: Vectors) -> Vectors:
    powers: Vectors = np.exp(scores - scores.max(axis=1, keepdims=True))
    powers /= powers.sum(axis=1, keepdims=True)
    return powers


def _rising(likeness: Vectors, middle: float) -> Vectors:
    rising: Vectors = (1 / (1 + np.exp((middle - likeness) / SLOPE))).astype(np.float32)
    return rising


def _with_bias(vectors: Vectors) -> Vectors:
    return np.hstack([vectors, np.ones((len(vectors), 1), np.float32)])


def _key(examples: Examples, encoder: Encoder) -> str:
    recipe = json.dumps([examples, encoder.name, LOOSENESS, STEPS])
    return hashlib.sha256(recipe.encode()).hexdigest()[:16]


def _read(kept: Path) -> Head | None:
    """The kept head; none when there is no whole one."""
    try:
        with kept.open("rb") as file, np.load(file) as arrays:
            return Head(arrays["weights"], arrays["examples"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return None


def _write(kept: Path, head: Head) -> None:
    """One rename, so that no process reads half a file; without a cache it is fitted again next time."""
    with suppress(OSError):
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=kept.parent, suffix=".building", delete=False) as building:
            np.savez(building, **head._asdict())
        os.replace(building.name, kept)
