"""A language model as the graph knows it: it writes from passages, or talks; what it is sent is cut to its context."""

import re
from collections.abc import Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeVar

from ingest.evidence import Passage
from ingest.labels import Label, as_label, strictest
from models.asking import Asking
from models.citing import Citing, Unsupported
from models.figures import figures
from models.found import Draft
from models.prompts import passage_head, talking, writing
from models.resilience import Endpoints
from privacy.content import Message, Text
from privacy.failures import DEAD, ModelFailed
from privacy.gate import WRITES

READ = 5
"""Passages that a writer is given."""
SENTENCES = re.compile(r"(?s).*[.!?](?:\s*\[\d+\])*(?=\s|$)")

Say = Callable[[str | None], None]
"""Shows some of an answer while it is written; None: what was shown does not count, it begins anew."""


class Ear(Protocol):
    """Takes in what a model says, and gives back what of it may be shown already."""

    @property
    def text(self) -> str: ...

    def feed(self, piece: str) -> str: ...

    def end(self) -> str: ...


Hears = TypeVar("Hears", bound=Ear)


@dataclass
class Plain:
    """Takes it as it comes."""

    text: str = field(default="")

    def feed(self, piece: str) -> str:
        self.text += piece
        return piece

    def end(self) -> str:
        return ""


@dataclass(frozen=True)
class Said:
    """An earlier turn of the conversation."""

    question: str
    answer: str
    label: Label


@dataclass(frozen=True)
class Question:
    """What a model is asked, and where that stands."""

    text: str
    earlier: Sequence[Said] = ()

    @property
    def label(self) -> Label:
        """Its asker's own words are public; what the conversation before it has touched binds it."""
        return strictest(["public", *(turn.label for turn in self.earlier)])


class Voice:
    """One of the two models, small or large."""

    def __init__(
        self, model: Endpoints, kind: Literal["small", "large"], abilities: str, patience: float | None
    ) -> None:
        self._model, self._abilities, self._patience = model, abilities, patience
        self.kind: Literal["small", "large"] = kind

    @property
    def name(self) -> str:
        return self._model.name

    async def write(self, question: Question, passages: Sequence[Passage], asking: Asking, say: Say) -> Draft:
        """From the passages and nothing else; their order is their worth."""
        asked, system = _asked(question), Text(writing(), "public", "prompt")
        earlier, passages = self._fitting([system, asked], question.earlier, passages[:READ], asking)
        given = [_given(number, passage) for number, passage in enumerate(passages, 1)]
        messages = [Message("system", [system]), *_turns(earlier), Message("user", [*given, asked])]
        ears: list[Citing] = []

        def listen() -> Citing:
            ears.append(Citing(passages, figures(question.text)))
            return ears[-1]

        try:
            text = await self._answer(messages, asking, listen, say)
        except Unsupported:
            return Draft(ears[-1].text, ears[-1].citations, "unsupported")
        if ears[-1].declined:
            _withdraw(ears[-1], say)
            return Draft(text, [], "declined")
        if ears[-1].dropped:
            asking.note(f"{self.name} cited passages that there are not; those citations were removed.")
        return Draft(text, [c for n, c in enumerate(ears[-1].citations, 1) if f"[{n}]" in text])

    async def talk(self, question: Question, asking: Asking, say: Say) -> str:
        """Without documents: small talk, and what is general knowledge."""
        asked, system = _asked(question), Text(talking(self._abilities), "public", "prompt")
        earlier, _ = self._fitting([system, asked], question.earlier, [], asking)
        return await self._answer(
            [Message("system", [system]), *_turns(earlier), Message("user", [asked])], asking, Plain, say
        )

    async def _answer(self, messages: Sequence[Message], asking: Asking, listen: Callable[[], Hears], say: Say) -> str:
        """As long as there is an endpoint left to ask: what a broken one has said so far does not count."""
        while True:
            ear = listen()
            try:
                pieces = self._model.stream(messages, asking, self.kind, patience=self._patience)
                async with aclosing(pieces):
                    async for piece in pieces:
                        if shown := ear.feed(piece):
                            say(shown)
                if shown := ear.end():
                    say(shown)
                return ear.text.strip()
            except Unsupported:
                _withdraw(ear, say)
                raise
            except ModelFailed as failed:
                whole = SENTENCES.match(ear.text) if failed.kind == "length" else None
                if whole is not None:
                    asking.note(f"{failed.what}; its whole sentences are shown.")
                    return whole[0].strip()
                _withdraw(ear, say)
                if failed.kind not in DEAD or not self._model.has_another(messages, asking):
                    raise
                asking.note(f"{failed.what}, so another model was asked.")

    def _fitting(
        self, always: Sequence[Text], earlier: Sequence[Said], passages: Sequence[Passage], asking: Asking
    ) -> tuple[Sequence[Said], Sequence[Passage]]:
        """What fits into the model's context: first earlier turns go, the oldest first, then the weakest passages."""
        room = self._model.context - WRITES - sum(size(text.text) for text in always)
        turns, sources = [*earlier], [*passages]
        while (turns or sources) and sum(map(_turn_size, turns)) + sum(map(_passage_size, sources)) > room:
            (turns.pop(0) if turns else sources.pop())
        if room < 0 or (passages and not sources):
            raise ModelFailed(
                "too long", f"The question is too long for {self.name}", self.name, "Ask it in fewer words."
            )
        if len(turns) < len(earlier):
            asking.note(
                f"{self.name} was not told of the earliest {len(earlier) - len(turns)} turns: its context is full."
            )
        if len(sources) < len(passages):
            asking.note(f"{self.name} read {len(sources)} of {len(passages)} passages: its context is full.")
        return turns, sources


def _withdraw(ear: Ear, say: Say) -> None:
    if ear.text:
        say(None)


def size(text: str) -> int:
    """Tokens at the most: no tokenizer makes more of a text, within two in a hundred."""
    return len(text.encode("utf-8", "replace")) // 3 + 8


def _turn_size(turn: Said) -> int:
    return size(turn.question) + size(turn.answer)


def _passage_size(passage: Passage) -> int:
    return size(_given(1, passage).text)


def _asked(question: Question) -> Text:
    return Text(question.text, question.label, "question")


def _turns(earlier: Sequence[Said]) -> list[Message]:
    return [
        message
        for turn in earlier
        for message in (
            Message("user", [Text(turn.question, turn.label, "conversation")]),
            Message("assistant", [Text(turn.answer, turn.label, "conversation")]),
        )
        if message.text
    ]


def _given(number: int, passage: Passage) -> Text:
    label = as_label(passage.label)
    origin = f"{passage.collection}/{passage.source}, page {passage.page}"
    return Text(f"{passage_head(number, passage.source, passage.page, passage.heading)}\n{passage.text}", label, origin)
