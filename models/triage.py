"""Message -> parts, by the small model where it is asked; where it fails, the embedded triage has decided already."""

import json
import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import lru_cache
from typing import Annotated, Any, NoReturn, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from ingest.labels import Label
from ingest.words import terms
from models import prompts
from models.asking import Asking, Outcome, TriageSeen
from models.embedded.intents import OTHER, Examples
from models.embedded.parts import LEAD, LONGEST
from models.embedded.places import place_in
from models.embedded.triage import By, Heard
from models.embedded.writer import EMPTY
from models.model import Model, Schema
from models.model import whole as all_of
from privacy.content import Message
from privacy.failures import ModelFailed

# Of evals/company's tuned half the embedded triage hears 31 of 121 questions with less confidence: 15 of its 17 wrong
# intents, 20 of the 25 questions that it hears or splits wrongly. Up to .75 there are 5 more, and 2 of them wrong; then
# few are. (tests/test_triage.py, test_what_the_cascade_asks_holds_nearly_all_that_the_embedded_triage_mishears)
SURE = 0.7
ALONE = 0.5
"""The confidence of an intent that only the small model sees: as many say so as say otherwise. Not measured yet."""
PATIENCE = 1.8
"""Seconds to wait for the first piece of an answer, as something else can decide."""
MOST = 8
"""Parts."""
OUTPUT_AT_MOST = 20_000
"""Characters; a message of the longest kind, every letter escaped, needs fewer."""


# The two triages ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Part:
    """One intent of a message, as the small model sees it."""

    text: str
    """As it stands in the message, whatever the model made of it."""
    intent: str
    score: float
    place: str | None


class Embedded(Protocol):
    async def read(self, message: str, earlier: Sequence[str] = (), whole: bool = False) -> list[Heard]: ...

    def place(self, reply: str) -> str | None: ...

    def topic(self, message: str) -> str: ...


class SmallTriage:
    """The small model decides, checked and repaired once; where it cannot, the embedded triage does."""

    def __init__(
        self,
        model: Model,
        embedded: Embedded,
        intents: Mapping[str, str],
        examples: Examples,
        with_place: frozenset[str],
        *,
        patience: float = PATIENCE,
    ) -> None:
        self._model, self._embedded, self._with_place, self._patience = model, embedded, with_place, patience
        described = {**intents, OTHER: intents.get(OTHER, "everything else")}
        self._names = {name.casefold(): name for name in described}
        self._schema = schema([*described])
        self._instructions = prompts.triage_instructions(described, few(examples, described))

    async def read(
        self, message: str, earlier: Sequence[str] = (), whole: bool = False, *, asking: Asking, label: Label = "public"
    ) -> list[Heard]:
        """The parts of a message, in order, or all of it as one; `earlier` are the thread's questions before it."""
        heard = await self._embedded.read(message, earlier, whole)
        return heard if whole else await self.read_again(heard, message, earlier, asking=asking, label=label)

    def place(self, reply: str) -> str | None:
        return self._embedded.place(reply)

    def topic(self, message: str) -> str:
        return self._embedded.topic(message)

    async def read_again(
        self, heard: list[Heard], message: str, earlier: Sequence[str], *, asking: Asking, label: Label
    ) -> list[Heard]:
        """What the small model makes of a message that the embedded triage has heard already."""
        if len(message) > LONGEST or not _words(message):  # a text to be read, or nothing to read
            return heard
        earlier, began = earlier[-2:], time.perf_counter()
        parts: list[Part] = []
        try:
            outcome, parts = await self._decided(message, earlier, asking, label)
        except NotValid:
            outcome = "invalid"
        except ModelFailed as failed:
            outcome = "failed"
            if failed.kind != "forbidden":  # what may not be read by it is no surprise
                asking.note(f"{failed.what}, so the embedded classifier decided what is asked.")
        read = (
            self._as_heard(parts, heard, message, earlier) if parts else [replace(one, by=BY[outcome]) for one in heard]
        )
        agreed = [one.intent for one in read] == [one.intent for one in heard] if parts else None
        asking.triage.append(TriageSeen(outcome, agreed, round(1000 * (time.perf_counter() - began), 1)))
        return read

    async def _decided(
        self, message: str, earlier: Sequence[str], asking: Asking, label: Label
    ) -> tuple[Outcome, list[Part]]:
        messages = prompts.triage(self._instructions, message, earlier, label)
        output = await self._output(messages, asking)
        try:
            return "valid", parts_of(output, message, self._names)
        except NotValid as why:
            messages += prompts.triage_again(output, str(why), label)
        return "repaired", parts_of(await self._output(messages, asking), message, self._names)

    async def _output(self, messages: Sequence[Message], asking: Asking) -> str:
        return await all_of(
            self._model.stream(messages, asking, "triage", schema=self._schema, patience=self._patience)
        )

    def _as_heard(
        self, parts: Sequence[Part], heard: Sequence[Heard], message: str, earlier: Sequence[str]
    ) -> list[Heard]:
        if len(parts) > 1:
            return [self._one(part, part.text, part.text, heard, [message, *earlier]) for part in parts]
        # Of one part nothing is left out, and what a follow-up leaves unsaid is the embedded triage's to add.
        search = heard[0].search if len(heard) == 1 else message.strip()
        return [self._one(parts[0], message.strip(), search, heard, [message, *earlier])]

    def _one(self, part: Part, text: str, search: str, heard: Sequence[Heard], said: Sequence[str]) -> Heard:
        agreeing = [one.confidence for one in heard if one.intent == part.intent]
        confidence = max(SURE, *agreeing) if agreeing else ALONE
        place = self._place(part, text, search, said) if part.intent in self._with_place else None
        return Heard(text, search, part.intent, confidence, part.score, place, "small")

    def _place(self, part: Part, text: str, search: str, said: Sequence[str]) -> str | None:
        """Named in the part itself, by the model's choice or as the embedded triage finds it; else said before."""
        return self._named(part, [text]) or place_in(text) or self._named(part, said) or place_in(search)

    def _named(self, part: Part, said: Sequence[str]) -> str | None:
        """The model's place, where the asker named it."""
        named = _as_said(part.place, said) if part.place else None
        return self._embedded.place(named) if named else None


BY: Mapping[Outcome, By] = {"invalid": "embedded, after an invalid answer", "failed": "embedded, after a failure"}


class Cascade:
    """The embedded triage decides where it is sure; elsewhere the small model, which takes a hundred times as long."""

    def __init__(self, embedded: Embedded, small: SmallTriage, sure: float = SURE) -> None:
        self._embedded, self._small, self._sure = embedded, small, sure

    async def read(
        self, message: str, earlier: Sequence[str] = (), whole: bool = False, *, asking: Asking, label: Label = "public"
    ) -> list[Heard]:
        """The parts of a message, in order, or all of it as one; `earlier` are the thread's questions before it."""
        heard = await self._embedded.read(message, earlier, whole)
        if whole or min(one.confidence for one in heard) >= self._sure:
            return heard
        return await self._small.read_again(heard, message, earlier, asking=asking, label=label)

    def place(self, reply: str) -> str | None:
        return self._embedded.place(reply)

    def topic(self, message: str) -> str:
        return self._embedded.topic(message)


# What the small model is asked ----------------------------------------------------------------------------------------


def few(examples: Examples, intents: Iterable[str]) -> dict[str, list[str]]:
    """Two examples of each intent: the first of its first topic and of the one in the middle."""
    topics = {name: [texts for texts in examples.get(name, {}).values() if texts] for name in intents}
    return {
        name: [*dict.fromkeys(lists[place][0] for place in (0, len(lists) // 2))]
        for name, lists in topics.items()
        if lists
    }


def schema(intents: Sequence[str]) -> Schema:
    part = {
        "text": {"type": "string", "minLength": 1},
        "intent": {"type": "string", "enum": [*intents]},
        "score": {"type": "number", "minimum": 0, "maximum": 10},
        "place": {"type": ["string", "null"]},
    }
    parts = {"type": "array", "items": _object(part), "minItems": 1, "maxItems": MOST}
    return _object({"parts": parts})


def _object(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}


# What it answers ------------------------------------------------------------------------------------------------------


class NotValid(Exception):
    """An answer that is no triage of the message; the sentence is for the model that gave it."""


def _number(score: object) -> object:
    """Small models put numbers into quotes."""
    return float(score) if isinstance(score, str) and re.fullmatch(r"\s*\d{1,2}(\.\d{1,20})?\s*", score) else score


class Said(BaseModel):
    """One part as the model wrote it."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    text: str
    intent: str
    score: Annotated[float, BeforeValidator(_number), Field(ge=0, le=10)]
    place: str | None = None

    @field_validator("intent")
    @classmethod
    def known(cls, intent: str, info: ValidationInfo) -> str:
        names: Mapping[str, str] = info.context or {}
        name = names.get(intent.strip().casefold())
        if name is None:
            raise ValueError(f"it must be one of {', '.join(names.values())}")
        return name


class Answer(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)

    parts: list[Said] = Field(min_length=1, max_length=MOST)


def parts_of(output: str, message: str, names: Mapping[str, str]) -> list[Part]:
    """The parts in the order of the message, which they cover; `names` has the intents by their folded names."""
    said = _checked(_object_in(output), names).parts
    words = _words(message)
    taken: set[int] = set()
    placed = []
    for one in said:
        where = _found(one.text, words, taken)
        if where is None:
            raise NotValid(f"These words do not stand so in the message, or are in two parts: {_short(one.text)}")
        taken.update(where)
        placed.append((where, one))
    left_out = next(_left_out(message, words, taken), None)
    if left_out is not None:
        raise NotValid(f"These words of the message are in no part: {_short(left_out)}")
    placed.sort(key=lambda pair: pair[0].start)
    return [Part(_stretch(message, words, where), one.intent, round(one.score, 2), one.place) for where, one in placed]


def _object_in(output: str) -> Any:
    """The one JSON object of an answer, with or without words or a fence around it; what is cut off is not mended."""
    if len(output) > OUTPUT_AT_MOST:
        raise NotValid("It is far too long.")
    start, end = output.find("{"), output.rfind("}") + 1
    if not 0 <= start < end:
        raise NotValid("There is no JSON object in it.")
    try:
        return json.loads(output[start:end], object_pairs_hook=_without_twins, parse_constant=_no_number)
    except RecursionError:
        raise NotValid("It is nested too deeply.") from None
    except ValueError as wrong:
        raise NotValid(f"It is not one JSON object: {_short(str(wrong))}.") from None


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        raise ValueError("a name stands twice in the same object")
    return members


def _no_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _checked(given: Any, names: Mapping[str, str]) -> Answer:
    try:
        return Answer.model_validate(given, context=names)
    except ValidationError as wrong:
        first = wrong.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise NotValid(f"{_short(where)}: {_short(first['msg'])}.") from None


def _short(text: str) -> str:
    return text[:200].encode("utf-8", "replace").decode()


# Its words and the message's ------------------------------------------------------------------------------------------

Words = Sequence[re.Match[str]]

WORD = re.compile(r"\d+|[^\W\d_]+")
OPENING = re.compile(r"(?<!\S)[^\w\s]+\Z")
CLOSING = re.compile(r"[^\w\s]*")


def _words(text: str) -> Words:
    """Runs of letters or of digits, so that `401(k)` and `401k` are the same two."""
    return [*WORD.finditer(text)]


def _found(text: str, words: Words, taken: set[int]) -> range | None:
    """Where the words of a text stand in a row, not taken yet: as they are, else with slips mended by the model."""
    wanted = [word[0].casefold() for word in _words(text)]
    if not wanted:
        return None
    have = [word[0].casefold() for word in words]
    for alike in (str.__eq__, _nearly):
        for start in range(len(have) - len(wanted) + 1):
            row = range(start, start + len(wanted))
            if taken.isdisjoint(row) and all(map(alike, have[start : row.stop], wanted)):
                return row
    return None


def _as_said(text: str, said: Iterable[str]) -> str | None:
    for one in said:
        words = _words(one)
        where = _found(text, words, set())
        if where is not None:
            return one[words[where.start].start() : words[where.stop - 1].end()]
    return None


@lru_cache(maxsize=10_000)
def _nearly(one: str, other: str) -> bool:
    """`sponser`, which is `sponsor`; in short words and numbers every character counts."""
    if one == other:
        return True
    mendable = all(5 <= len(word) <= 30 and word.isalpha() for word in (one, other))
    return mendable and SequenceMatcher(None, one, other, autojunk=False).ratio() >= 0.8


def _stretch(message: str, words: Words, where: range) -> str:
    """From the first word to the last, with the marks that belong to them: `(2 + 3) * 4%?`."""
    first, last = words[where.start].start(), words[where.stop - 1].end()
    opening, closing = OPENING.search(message, 0, first), CLOSING.match(message, last)
    start, end = opening.start() if opening else first, closing.end() if closing else last
    return message[start:end].rstrip(",:;-–—&")


def _left_out(message: str, words: Words, taken: set[int]) -> Iterator[str]:
    """Stretches that no part has and that say something: more than a greeting, or what people ask with."""
    start = 0
    for end in [*sorted(taken), len(words)]:
        if start < end:
            stretch = _stretch(message, words, range(start, end))
            if not EMPTY.issuperset(terms(LEAD.sub("", stretch, count=1))):
                yield stretch
        start = end + 1
