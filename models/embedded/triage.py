"""Message -> parts with intent, difficulty and place: the triage that is always there."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.labels import Label
from models.asking import Asking
from models.embedded.difficulty import Difficulty
from models.embedded.encoder import Encoder
from models.embedded.followups import Kind, kind, refers, written_out
from models.embedded.intents import Guess, Intents
from models.embedded.parts import parts
from models.embedded.places import place_in

# The evaluation of follow-ups (`python -m benchmarks.followups`) is flat around each.
SURE, SURER, SUREST = 0.7, 0.9, 0.95
"""The confidence from which a follow-up has an intent of its own; where it says `it`; and within the same intent."""

By = Literal["embedded", "small", "embedded, after an invalid answer", "embedded, after a failure"]


@dataclass(frozen=True)
class Heard:
    """One intent of a message."""

    text: str
    search: str
    """With what a follow-up leaves unsaid."""
    intent: str
    confidence: float
    score: float
    place: str | None
    by: By = "embedded"
    """Who decided it; where the small model was to, and could not, this says why not."""


class EmbeddedTriage:
    def __init__(self, encoder: Encoder, intents: Intents, difficulty: Difficulty, with_place: frozenset[str]) -> None:
        self._encoder, self._intents, self._difficulty, self._with_place = encoder, intents, difficulty, with_place

    async def read(
        self,
        message: str,
        earlier: Sequence[str] = (),
        whole: bool = False,
        *,
        asking: Asking | None = None,
        label: Label = "public",
    ) -> list[Heard]:
        """The parts of a message, in order, or all of it as one; `earlier` are the thread's questions before it.

        Nothing is asked of a model and nothing leaves, so `asking` and `label` change nothing here.
        """
        if earlier and (leaning := kind(message)):
            return [self._leaning(message, leaning, earlier)]
        if whole:
            return [self._heard(message, message, self._guesses([message])[0])]
        found = parts(message, self._guesses)
        if len(found) == 1:  # the documents may know a word that triage has left out
            return [self._heard(found[0].text, message.strip(), found[0].guess)]
        return [self._heard(part.text, part.text, part.guess) for part in found]

    def place(self, reply: str) -> str | None:
        return place_in(reply, reply=True)

    def topic(self, message: str) -> str:
        return self._intents.guess(self._encoder.query(message)).topic

    def _leaning(self, message: str, leaning: Kind, earlier: Sequence[str]) -> Heard:
        """A follow-up is read with the question before it, unless it names a subject of its own."""
        both = written_out(message, earlier)
        own, joint, before = self._guesses([message, both, both.removesuffix(message).strip() or message])
        if own.intent in ("other", "smalltalk"):
            return self._heard(message, both, joint)
        alone = leaning in ("replaces", "asks on") and (
            (own.intent != joint.intent and own.confidence >= (SURER if refers(message) else SURE))
            or (leaning == "replaces" and own.topic != before.topic and own.confidence >= SUREST)
        )
        return self._heard(message, message if alone else both, own if alone else joint)

    def _heard(self, text: str, search: str, guess: Guess) -> Heard:
        score = self._difficulty.score(text, self._encoder.query(text))
        place = (place_in(text) or place_in(search)) if guess.intent in self._with_place else None
        return Heard(text, search, guess.intent, round(guess.confidence, 4), score, place)

    def _guesses(self, texts: Sequence[str]) -> list[Guess]:
        """Each on its own: a quantised vector depends a little on what it is batched with."""
        return [self._intents.guess(self._encoder.query(text)) for text in texts]
