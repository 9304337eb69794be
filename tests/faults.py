"""What a model can do wrong in each role, and what its user then reads; `python -m tests.faults` prints it."""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests import malformed, ollama_wire, openai_wire
from tests.ollama_wire import VECTOR_FAULTS
from tests.wire import (
    Behaviour,
    Exchange,
    Fails,
    Predicate,
    Says,
    altered,
    asks_for_json,
    asks_for_text,
    asks_for_vectors,
    hangs,
    instead,
    once,
)

SMALL, LARGE, EMBEDDER = "ollama:phi4-mini:latest", "openai:gpt-4o", "ollama:nomic-embed-text"


# What goes wrong ------------------------------------------------------------------------------------------------------


async def stalls(exchange: Exchange) -> None:
    """One piece, and nothing more."""
    rendered = exchange.rendered
    exchange.start(media=rendered.media)
    exchange.chunk(rendered.pieces[0])
    await hangs(exchange)


async def floods(exchange: Exchange) -> None:
    """Ten megabytes, whatever limit was set."""
    unlimited = replace(exchange.request, body={"model": exchange.request.model, "stream": True})
    rendered = exchange.wire.render(unlimited, Says("and so on, " * 6_000, pieces=1))
    exchange.start(media=rendered.media)
    exchange.chunk(*rendered.pieces * 160, rendered.ending)
    exchange.end()


OURS: dict[str, Behaviour] = {
    "slow to begin": instead(first=0.2),
    "stops in the middle": stalls,
    "10 MB past its limit": floods,
    "429 for a moment": once(Fails("busy", retry_after=0)),
    "500 once": once(Fails("broken")),
}

EMBEDDING = {"429 for a moment": OURS["429 for a moment"]}

WRITING: dict[str, Behaviour] = {
    "cites what is not there": altered(lambda said, text: replace(said, text=text.replace("[1]", "[1][9]"))),
    "cites nothing": altered(lambda said, text: replace(said, text=text.replace(" [1]", ""))),
    "another figure": altered(lambda said, text: replace(said, text=text.replace("of pay", "or 77% of pay"))),
    "length after a sentence": altered(lambda said, text: replace(said, text=f"{text} And then", reason="length")),
}


def sorts(change: Callable[[dict[str, Any]], Any]) -> Behaviour:
    """The right triage, with its only part changed."""

    def changed(said: Says, text: str) -> Says:
        [part] = json.loads(text)["parts"]
        return replace(said, text=json.dumps({"parts": [change(part)]}))

    return altered(changed)


def without(name: str) -> Behaviour:
    return sorts(lambda part: {key: value for key, value in part.items() if key != name})


SORTING: dict[str, Behaviour] = {
    "unknown intent": sorts(lambda part: {**part, "intent": "retirement"}),
    "two intents in one": sorts(lambda part: {**part, "intent": "401k, benefits"}),
    "no intent": without("intent"),
    "no score": without("score"),
    "score 11": sorts(lambda part: {**part, "score": 11}),
    "score below 0": sorts(lambda part: {**part, "score": -1}),
    "score high": sorts(lambda part: {**part, "score": "high"}),
    "score NaN": sorts(lambda part: {**part, "score": float("nan")}),
    "score null": sorts(lambda part: {**part, "score": None}),
    "another name": sorts(lambda part: {**part, "confidence": 1}),
    "invented words": sorts(lambda part: {**part, "text": "How much does the company pay into my pension?"}),
    "words left out": sorts(lambda part: {**part, "text": " ".join(part["text"].split()[:3])}),
    "a part of nothing": sorts(lambda part: None),
    "no parts": instead(text='{"parts": []}'),
    "half of the JSON": altered(lambda said, text: replace(said, text=text[: len(text) // 2])),
    "twice": altered(lambda said, text: replace(said, text=text + text)),
    "of another message": instead(text=malformed.COMPACT),
    "prose": instead(text="This is about the 401k, and I would give it a 3."),
    "nested without end": instead(text='{"parts": ' + "[" * 900),
}


# What a user reads of it ----------------------------------------------------------------------------------------------

LOADING = "It may be loading: ask again, or give it more [models] patience."
LASTING = "Ask again in a minute; if it lasts, see its server's log."


def by_fault(*rows: Sequence[str]) -> dict[str, tuple[str, str]]:
    """What happened, and what to do."""
    return {fault: (what, do) for what, do, *faults in rows for fault in faults}


TOLD = by_fault(
    ("{name} cannot be reached at {host}", "Start it: ollama serve", "refused"),
    ("{name} did not answer in time at {host}", LOADING,
     "accepts and never answers", "headers and then nothing", "one byte at a time", "slow to load"),
    ("{name} stopped in the middle of its answer", "Ask again.", "stops in the middle"),
    ("{name} was not done in the question's time", "Set [models] deadline higher.", "speaks for ever"),
    ("{name} is asked too often", "Ask again in a minute.", "429"),
    ("{name} is asked too often", "Ask again in 1 s.", "429 for a second"),
    ("{name} is asked too often", "Ask again in 60 min.", "429 for an hour"),
    ("{name} answers with error 500", LASTING, "500"),
    ("{name} answers with error 502", LASTING, "502 with a page"),
    ("{name} answers with error 503", LASTING, "503"),
    ("{name} broke off with an error of its own", LASTING, "error in mid-stream"),
    ("{name} refuses access at {host}", "Check its key and its rights.", "401", "403"),
    ("There is no {name} at {host}", "Run: ollama pull phi4-mini:latest", "404 model missing"),
    ("The question is too long for {name}", "Ask it in fewer words.", "400 too long"),
    ("{name} did not read all that it was sent", "Give it a longer context, or set [models] context lower.",
     "cuts the prompt"),
    ("{host} does not answer as {name} should", "Check the address.",
     "truncated JSON", "garbage", "a page with 200", "JSON of another shape", "gzip that is none", "no message",
     "only loaded", "Content-Length too short", "empty choices"),
    ("{host} sends {name} elsewhere, and that is not followed", "Check the address.",
     "redirect to another host", "redirect that keeps the body"),
    ("The answer of {name} broke off", "Ask again.",
     "cut in mid-chunk", "reset in mid-chunk", "cut within a character", "Content-Length too long", "no final marker"),
    ("{name} does not stop talking", "See what answers there.", "10 MB past its limit"),
    ("The answer of {name} was cut at 1,024 tokens", "Ask for less at once.", "length"),
    ("{name} answered nothing", "Ask it in other words.",
     "empty", "only white space", "a tool call instead"),
    ("{name} declines to answer", "Ask it in other words.", "refusal"),
    ("The content filter of {name} stopped the answer", "Ask it in other words.",
     "400 content filter", "content filter in the stream"),
)  # fmt: skip

OF_VECTORS = by_fault(
    ("There is no {name} at {host}", "Run: ollama pull nomic-embed-text", "404 model missing"),
    ("{host} does not answer as {name} should", "Check the address.", "null", "nulls within"),
    ("{name} gave a vector that points nowhere", "See its server's log.", "NaN", "infinity as text", "all zero"),
    ("{name} gave a vector of 10 numbers, and earlier ones of 768", "See its server's log.", "wrong size"),
    ("{name} gave not one vector for each text", "See its server's log.", "too few vectors", "empty vectors"),
)
OF_OPENAI = by_fault(
    ("{name} cannot be reached at {host}", "See whether its server runs.", "refused"),
    ("There is no {name} at {host}", "Check its name.", "404 model missing"),
    ("The answer of {name} broke off", "Ask again.", "truncated JSON", "Content-Length too short"),
)
"""Where that wire, or its client, breaks in another way."""

HARMLESS = {
    "slow to begin", "429 for a moment", "500 once", "a chunk twice", "thinks first", "thinks aloud",
    "finished without [DONE]",
}  # fmt: skip
NOT_BORNE_OUT = {"10 MB", "terminal escapes", "cites nothing", "another figure"}
ENDLESS = {"speaks for ever"}
LIVES = {
    "400 too long", "cuts the prompt", "length", "empty", "only white space", "a tool call instead", "refusal",
    "400 content filter", "content filter in the stream",
} | ENDLESS  # fmt: skip
"""The endpoint is well: the question, or this answer, is what it cannot do."""
TRIED_AGAIN = frozenset({"429", "500", "502 with a page", "503"})
"""In vain, which is twice in a row: for a while the endpoint is passed by."""


# The roles ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Seen:
    """What its user sees of an answer."""

    answer: str
    writer: str
    notices: list[str] = field(default_factory=list)
    sorted_by: str = "embedded"
    sent: bool = False
    """Whether anything left this machine."""
    grounded: bool = True


@dataclass(frozen=True)
class Role:
    server: Literal["near", "far"]
    asks: Predicate
    """Which of the requests get the fault."""
    faults: Mapping[str, Behaviour]
    settings: Mapping[str, Any]
    right: Seen
    """Without a fault."""
    during: Callable[["Told"], Seen]
    """The fault."""
    passed_by: frozenset[str] = TRIED_AGAIN
    """Faults after which somebody else answers for a while."""
    large: int = 0
    """How many large models there are."""


@dataclass(frozen=True)
class Told:
    """A cell's own words."""

    fault: str
    name: str
    host: str
    next_name: str
    sentences: Mapping[str, tuple[str, str]]

    @property
    def what(self) -> str:
        return self.sentences[self.fault][0].format(name=self.name, host=self.host)

    def so(self, instead: str) -> str:
        return f"{self.what}, so {instead}. {self.sentences[self.fault][1]}"

    @property
    def sentence(self) -> str:
        return f"{self.what}. {self.sentences[self.fault][1]}"

    @property
    def not_borne_out(self) -> str:
        return f"The draft of {self.name} was not borne out by its pages, so the documents' own words answer."

    @property
    def beside(self) -> list[str]:
        """Of an answer that can be shown."""
        if self.fault == "cites what is not there":
            return [f"{self.name} cited passages that there are not; those citations were removed."]
        if self.fault == "length after a sentence":
            return [f"The answer of {self.name} was cut at 1,024 tokens; its whole sentences are shown."]
        return []


def while_sorting(told: Told) -> Seen:
    """The embedded classifier decides; a dead model is not asked to write either."""
    if told.fault in HARMLESS | {"terminal escapes", "invalid once"} and told.fault != "a chunk twice":
        return Seen("written", "small", sorted_by="small")
    if told.fault in {*SORTING, "a chunk twice"}:
        return Seen("written", "small", sorted_by="embedded, after an invalid answer")
    if told.fault == "10 MB":  # a server that keeps to the limit it was given
        told = replace(told, fault="length")
    notices = [f"{told.what}, so the embedded classifier decided what is asked."]
    if told.fault in ENDLESS:
        late = (
            f"There was no time left for {told.name}, so the documents' own words answer. Set [models] deadline higher."
        )
        return Seen("quoted", "embedded", [*notices, late], "embedded, after a failure")
    if told.fault in LIVES:
        return Seen("written", "small", notices, "embedded, after a failure")
    notices.append(told.so("the documents' own words answer"))
    return Seen("quoted", "embedded", notices, "embedded, after a failure")


def while_writing(told: Told) -> Seen:
    """The documents' own words answer."""
    if told.fault in HARMLESS or told.beside:
        return Seen("written", "small", told.beside)
    if told.fault in NOT_BORNE_OUT:
        return Seen("quoted", "embedded", [told.not_borne_out])
    return Seen("quoted", "embedded", [told.so("the documents' own words answer")])


def while_large(told: Told) -> Seen:
    """The small model answers; where nothing was reached, nothing left."""
    sent = told.fault != "refused"
    if told.fault in HARMLESS | {"Content-Length too long"} or told.beside:
        return Seen("written", "large", told.beside, sent=sent)
    if told.fault in NOT_BORNE_OUT:
        return Seen("quoted", "embedded", [told.not_borne_out], sent=sent)
    if told.fault in ENDLESS:
        return Seen("quoted", "embedded", [told.so("the documents' own words answer")], sent=sent)
    return Seen("written", "small", [told.so("the small model answers")], sent=sent)


def while_embedding(told: Told) -> Seen:
    """The question's words find the passages."""
    if told.fault in HARMLESS:
        return Seen("written", "small")
    notices = [told.so("the documents were searched by words alone")]
    if told.fault == "refused":  # all of that Ollama
        notices.append(replace(told, name=SMALL).so("the documents' own words answer"))
        return Seen("quoted", "embedded", notices)
    return Seen("written", "small", notices)


MIDWAY = {
    "truncated JSON", "garbage", "cut in mid-chunk", "reset in mid-chunk", "cut within a character", "no final marker",
    "Content-Length too short", "error in mid-stream", "stops in the middle", "10 MB past its limit",
}  # fmt: skip
"""After it has begun to answer."""


def while_large_of_two(told: Told) -> Seen:
    """The other large model answers, where the fault is the endpoint's own."""
    alone = while_large(told)
    if alone.writer != "small" or told.fault in LIVES:
        return alone
    asked = "another model" if told.fault in MIDWAY else told.next_name
    return Seen("written", "large", [f"{told.what}, so {asked} was asked."], sent=True)


ROLES = {
    "triage": Role(
        "near", asks_for_json, {**ollama_wire.FAULTS, **OURS, **SORTING, "invalid once": once(SORTING["score 11"])},
        {"models.triage": "small"}, Seen("written", "small", sorted_by="small"), while_sorting,
    ),
    "write": Role(
        "near", asks_for_text, {**ollama_wire.FAULTS, **OURS, **WRITING},
        {"models.triage": "embedded"}, Seen("written", "small"), while_writing,
    ),
    "large": Role(
        "far", asks_for_text, {**openai_wire.FAULTS, **OURS, **WRITING},
        {"models.triage": "embedded", "routing.mode": "large"}, Seen("written", "large", sent=True), while_large,
        large=1,
    ),
    "large of two": Role(
        "far", asks_for_text, {**openai_wire.FAULTS, **OURS, **WRITING},
        {"models.triage": "embedded", "routing.mode": "large"}, Seen("written", "large", sent=True), while_large_of_two,
        frozenset(), large=2,
    ),
    "embed": Role(
        "near", asks_for_vectors, {**VECTOR_FAULTS, **EMBEDDING},
        {"models.triage": "embedded", "models.embedder": EMBEDDER},
        Seen("written", "small"), while_embedding, frozenset(),
    ),
}  # fmt: skip


def while_ingesting(told: Told) -> tuple[str, str]:
    """Why nothing was begun; and, where only one document gets no vectors, why it was left out."""
    if told.fault == "429 for a second":  # and well in time
        return "added", "added"
    if told.fault == "wrong size":  # of a short text the first ten numbers are zeros
        return replace(told, fault="all zero").sentence, told.sentence
    return told.sentence, told.sentence


def told_of(role: Role, fault: str, host: str, next_name: str = "") -> Told:
    if role.during is while_embedding:
        return Told(fault, EMBEDDER, host, next_name, {**TOLD, **OF_VECTORS})
    if role.server == "near":
        return Told(fault, SMALL, host, next_name, TOLD)
    return Told(fault, LARGE, host, next_name, {**TOLD, **OF_OPENAI})


CELLS = [(role, fault) for role, has in ROLES.items() for fault in has.faults]


def counted() -> str:
    count = {**Counter(role for role, _ in CELLS), "ingest": len(VECTOR_FAULTS)}
    return f"fault matrix: {sum(count.values())} cells: {', '.join(f'{role} {n}' for role, n in count.items())}"


if __name__ == "__main__":
    for name, fault in CELLS:
        seen = ROLES[name].during(told_of(ROLES[name], fault, "HOST", "another model"))
        print(f"{name}-{fault}: {' '.join(seen.notices) or '(nothing)'}")
    print(counted())
