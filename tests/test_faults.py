"""The fault matrix: whatever a model does wrong, in any role, its user gets an answer in time and a plain sentence.

A cell is a fault in a role, `write-cut in mid-chunk`, through the real assistant and the real clients to a socket.
`python -m tests.test_faults` counts the cells and prints what a user reads in each.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest

from apps.settings import read
from apps.wiring import Parts, Places
from graphs.conversation import Conversation
from graphs.nodes import REMEMBERED
from graphs.reply import Reply
from ingest.errors import Trouble
from ingest.index import Index
from models.embedded.encoder import Encoder
from models.nomic import Nomic
from models.ollama import look
from models.resilience import WINDOW
from privacy.failures import AGAIN
from privacy.gate import Gate
from tests import malformed, ollama_wire, openai_wire
from tests.ollama_wire import VECTOR_FAULTS, Ollama, ollama
from tests.openai_wire import OpenAI, openai
from tests.wire import (
    Behaviour,
    Exchange,
    Fails,
    Predicate,
    Request,
    Says,
    altered,
    asks_for_json,
    asks_for_text,
    asks_for_vectors,
    hangs,
    instead,
    once,
    says,
)

DOCUMENTS = {
    (
        "401k",
        "match.md",
    ): "# Match\n\nThe company matches 100% of the first 4% of pay. The 401k vests after three years.\n",
    (
        "benefits",
        "vacation.md",
    ): "# Vacation\n\nEmployees get 15 days of vacation a year. Unused ones lapse in March.\n",
    ("benefits", "dental.md"): "# Dental care\n\nThe dental plan pays 80% of a filling. A cleaning is free.\n",
}
FIRST, NEXT = "How much does the company match on my 401k?", "How many days of vacation do I get?"
QUOTED = {
    FIRST: "The company matches 100% of the first 4% of pay. The 401k vests after three years. [1]",
    NEXT: "Employees get 15 days of vacation a year. Unused ones lapse in March. [1]",
}
WRITTEN = {FIRST: "In short, all of the first 4% of pay [1].", NEXT: "In short, you get 15 days a year [1]."}
SCORE = 3.3
"""What the small model makes of every question; the embedded triage makes something else of it."""

SMALL, LARGE, EMBEDDER = "ollama:phi4-mini:latest", "openai:gpt-4o", "ollama:nomic-embed-text"
PATIENCE, DEADLINE, SOON, SLACK = 1.0, 8.0, 1.2, 2.0
"""Seconds: to a first piece and between two; for a question; for one that is never done; of a busy machine."""


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
    ("{name} cannot be reached at {host}", "See whether its server runs.", "refused"),
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
     "empty", "only white space", "a tool call instead", "refusal"),
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


@dataclass(frozen=True)
class Office:
    """Three documents, and the servers of a small model and of two large ones."""

    near: Ollama
    far: OpenAI
    other: OpenAI
    parts: Parts
    """To be borrowed from: they were never asked anything."""
    embedded: Parts
    """The same, with vectors of Ollama's."""

    def opened(self, given: Mapping[str, Any], fault: str) -> Parts:
        """As after a start: nobody has failed yet."""
        seconds = {
            "models.patience": PATIENCE,
            "models.quiet": PATIENCE,
            "models.deadline": SOON if fault in ENDLESS else DEADLINE,
        }
        environ = {"OLLAMA_HOST": self.near.url, "OPENAI_API_KEY": "sk-right", "OPENAI_BASE_URL": f"{self.far.url}/v1"}
        large = {"models.large": [LARGE, self.next_name]} if given.get("models.large") == "two" else {}
        lent = self.embedded if given.get("models.embedder") == EMBEDDER else self.parts
        parts = Parts(read({}, given={**seconds, **given, **large}), lent.places, environ)
        parts.encoder, parts.index, parts.tokens = lent.encoder, lent.index, lent.tokens
        parts.embedded_triage, parts.ollama = lent.embedded_triage, lent.ollama
        return parts

    @property
    def next_name(self) -> str:
        return f"{self.other.url}/v1#gpt-4o"

    def asked(self) -> list[Request]:
        """To write."""
        everything = [*self.near.seen, *self.far.seen, *self.other.seen]
        return [request for request in everything if "messages" in request.body and asks_for_text(request)]


@dataclass(frozen=True)
class Role:
    server: Literal["near", "far"]
    asks: Predicate
    """Which of the requests get the fault."""
    faults: Mapping[str, Behaviour]
    settings: Mapping[str, Any]
    right: Seen
    """But for the answer, which depends on the question."""
    told: Callable[["Told"], Seen]
    """And when the fault happens."""
    passed_by: frozenset[str] = TRIED_AGAIN
    """Faults after which somebody else answers for a while."""


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
    notices = [f"{told.what}, so the documents were searched by words alone."]
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
        {"models.triage": "small", "models.large": "none"}, Seen("written", "small", sorted_by="small"), while_sorting,
    ),
    "write": Role(
        "near", asks_for_text, {**ollama_wire.FAULTS, **OURS, **WRITING},
        {"models.triage": "embedded", "models.large": "none"}, Seen("written", "small"), while_writing,
    ),
    "large": Role(
        "far", asks_for_text, {**openai_wire.FAULTS, **OURS, **WRITING},
        {"models.triage": "embedded", "routing.mode": "large"}, Seen("written", "large", sent=True), while_large,
    ),
    "large of two": Role(
        "far", asks_for_text, {**openai_wire.FAULTS, **OURS, **WRITING},
        {"models.triage": "embedded", "routing.mode": "large", "models.large": "two"},
        Seen("written", "large", sent=True), while_large_of_two, frozenset(),
    ),
    "embed": Role(
        "near", asks_for_vectors, {**VECTOR_FAULTS, **EMBEDDING},
        {"models.triage": "embedded", "models.large": "none", "models.embedder": EMBEDDER},
        Seen("written", "small"), while_embedding, frozenset(),
    ),
}  # fmt: skip


LATER = {"large of two"}
"""What `make test` leaves to CI: all but its notices is as in `large`."""


# The cells ------------------------------------------------------------------------------------------------------------


def writes(request: Request) -> str:
    return WRITTEN[NEXT if NEXT in _last(request) else FIRST]


def sorts_right(request: Request) -> str:
    message = _last(request).rpartition("Message: ")[2]
    intent = "benefits" if message == NEXT else "401k"
    return json.dumps({"parts": [{"text": message, "intent": intent, "score": SCORE, "place": None}]})


def _last(request: Request) -> str:
    """The question; of a triage that is to be repaired, the message is the one before."""
    said = [str(message["content"]) for message in request.body["messages"] if message["role"] == "user"]
    return said[-2] if said[-1].startswith("That is not valid.") else said[-1]


def indexed(folder: Path, cache: Path, encoder: Encoder, near: Ollama, embedder: str) -> Parts:
    settings = read({}, given={"models.embedder": embedder})
    parts = Parts(settings, Places(folder / "data", cache / "tandem"), {"OLLAMA_HOST": near.url})
    parts.encoder, parts.ollama = encoder, look(near.url, seconds=10)
    for (collection, name), text in DOCUMENTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
        parts.index.ingest({name: folder / name}, collection, "internal")
    return parts


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, cache: Path, encoder: Encoder) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with ExitStack() as running:
        near = running.enter_context(ollama(["phi4-mini:latest", "nomic-embed-text:latest"]))
        far, other = running.enter_context(openai()), running.enter_context(openai())
        for server in (near, far, other):
            server.when(asks_for_text, says(writes))
            server.when(asks_for_json, says(sorts_right))
        lent = [indexed(folder / name, cache, encoder, near, name) for name in ("embedded", EMBEDDER)]
        made = Office(near, far, other, *lent)
        for role in ROLES.values():  # what is loaded for the first question is no cell's time
            asyncio.run(_asked(made, replace(role, faults={"": hangs}, asks=lambda request: False), ""))
        yield made


@dataclass
class Asked:
    """One thread: while the fault lasts, and then."""

    replies: list[Reply] = field(default_factory=list)
    seconds: float = 0.0
    remembered: Sequence[str] = ()
    """What the last writer was told of the conversation before."""
    tasks: int = 0
    """That were left behind."""


async def _asked(office: Office, role: Role, fault: str) -> Asked:
    asked, server, thread = Asked(), getattr(office, role.server), uuid4().hex
    async with office.opened(role.settings, fault).conversation() as conversation:
        with server.suffers(role.faults[fault], role.asks):
            began = time.monotonic()
            asked.replies.append(await conversation.ask(FIRST, thread))
            asked.seconds = time.monotonic() - began
        asked.replies += await _until_well(conversation, thread, role.right.writer)
        asked.remembered = _earlier(max(office.asked(), key=lambda request: request.came))
    asked.tasks = len(asyncio.all_tasks()) - 1
    return asked


async def _until_well(conversation: Conversation, thread: str, writer: str) -> list[Reply]:
    """The next questions; an endpoint that is passed by is tried after a few."""
    replies = [await conversation.ask(NEXT, thread)]
    while len(replies) < WINDOW and replies[-1]["parts"][0]["writer"] != writer:
        await asyncio.sleep(AGAIN / 6)
        replies.append(await conversation.ask(NEXT, thread))
    return replies


def _earlier(request: Request) -> list[str]:
    """But for the instructions, and the question with its passages."""
    return [str(message["content"]) for message in request.body["messages"][1:-1]]


def seen(reply: Reply) -> Seen:
    [part] = reply["parts"]
    whole = {text: kind for kind, texts in (("written", WRITTEN), ("quoted", QUOTED)) for text in texts.values()}
    invalid, failed = "triage was not valid", "could not be asked what it is about"
    by = "embedded, after an invalid answer" if invalid in part["reason"] else "embedded"
    by = "embedded, after a failure" if failed in part["reason"] else by
    answer = reply["answer"].replace(" [1]. [1].", " [1].")  # a chunk that came twice
    return Seen(
        whole.get(answer, answer),
        str(part["writer"]),
        reply["notices"],
        "small" if part["score"] == SCORE else by,
        reply["receipt"]["sent"],
    )


def told_of(office: Office, role: Role, fault: str) -> Told:
    server = getattr(office, role.server)
    return role_told(role, fault, server.url.removeprefix("http://"), office.next_name)


def role_told(role: Role, fault: str, host: str, next_name: str) -> Told:
    if role.told is while_embedding:
        return Told(fault, EMBEDDER, host, next_name, {**TOLD, **OF_VECTORS})
    if role.server == "near":
        return Told(fault, SMALL, host, next_name, TOLD)
    return Told(fault, LARGE, host, next_name, {**TOLD, **OF_OPENAI})


# While documents are ingested -----------------------------------------------------------------------------------------


BATCHED = 1.3
"""Seconds for a batch of documents: long enough for what says that it is well again after one."""


@dataclass(frozen=True)
class Shelf:
    """An index with vectors of Ollama's."""

    near: Ollama
    index: Index
    folder: Path

    def put(self, *names: str) -> list[tuple[str, str]]:
        """What became of each document; or why none was begun."""
        files = {name: self.folder / name for name in names}
        for name, path in files.items():
            path.write_text(f"# Rules\n\nThe rules of {name} are kept at the desk.\n", "utf-8")
        try:
            done = self.index.ingest(files, "rules", "internal")
        except Trouble as trouble:
            return [("", _sentence(trouble))]
        return [(one.source, _sentence(one.trouble) if one.trouble else one.status) for one in done]


def _sentence(trouble: Trouble) -> str:
    return f"{trouble.what.rstrip('.')}. {trouble.do}"


@pytest.fixture(scope="module")
def shelf(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    endpoint = office.embedded.catalog.endpoint(EMBEDDER)
    embedder = Nomic(endpoint, partial(Gate().embeddings, endpoint), seconds=BATCHED)
    index = Index(folder / "data", office.parts.encoder, lambda name: embedder, lambda: EMBEDDER)
    made = Shelf(office.near, index, folder)
    assert made.put("first.md") == [("first.md", "added")]
    return made


def while_ingesting(told: Told) -> tuple[str, str]:
    """Why nothing was begun; and, where only one document gets no vectors, why it was left out."""
    if told.fault == "429 for a second":  # and well in time
        return "added", "added"
    if told.fault == "wrong size":  # of a short text the first ten numbers are zeros
        return replace(told, fault="all zero").sentence, told.sentence
    return told.sentence, told.sentence


@pytest.mark.parametrize("fault", VECTOR_FAULTS)
def test_a_fault_leaves_documents_out_and_the_next_attempt_takes_them_in(fault: str, shelf: Shelf) -> None:
    server, alone, good, bad = shelf.near, f"{fault} alone.md", f"{fault} good.md", f"{fault} bad.md"
    host, began = server.url.removeprefix("http://"), time.monotonic()
    why, why_one = while_ingesting(Told(fault, EMBEDDER, host, "", {**TOLD, **OF_VECTORS}))
    with server.suffers(VECTOR_FAULTS[fault], asks_for_vectors):
        assert shelf.put(alone) == [(alone, "added") if why == "added" else ("", why)]
    with server.suffers(VECTOR_FAULTS[fault], lambda request: bad in request.prompt):
        assert shelf.put(good, bad) == ([("", why)] if fault == "refused" else [(good, "added"), (bad, why_one)])
    assert time.monotonic() - began < 2 * (BATCHED + SLACK)
    statuses = {alone: why, good: why if fault == "refused" else "added", bad: why_one}
    expected = [(name, "unchanged" if status == "added" else "added") for name, status in statuses.items()]
    assert shelf.put(*statuses) == expected
    assert shelf.index.vectors_missing() == {"rules": 0}


CELLS = [(role, fault) for role, has in ROLES.items() for fault in has.faults]


def cell(role: str, fault: str) -> Any:
    return pytest.param(role, fault, id=f"{role}-{fault}", marks=[pytest.mark.slow] if role in LATER else [])


@pytest.mark.parametrize(("name", "fault"), [cell(*each) for each in CELLS])
def test_a_fault_ends_in_time_in_an_answer_and_the_next_one_is_right(name: str, fault: str, office: Office) -> None:
    role = ROLES[name]
    asked = asyncio.run(_asked(office, role, fault))
    during, *after = asked.replies
    expected = role.told(told_of(office, role, fault))
    assert seen(during) == expected
    assert asked.seconds < (SOON if fault in ENDLESS else PATIENCE) + SLACK
    assert [seen(reply) for reply in after] == [replace(expected, sent=False)] * (len(after) - 1) + [role.right]
    assert (len(after) > 1) == (fault in role.passed_by)
    kept = [text for reply in asked.replies[:-1] for text in (reply["question"], reply["answer"])]
    assert asked.remembered == kept[-2 * REMEMBERED :]
    assert asked.tasks == 0


def test_the_matrix_has_as_many_cells_as_was_promised(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{counted()}")
    assert min(len(role.faults) for role in ROLES.values()) >= 30


def counted() -> str:
    count = {**Counter(role for role, _ in CELLS), "ingest": len(VECTOR_FAULTS)}
    return f"fault matrix: {sum(count.values())} cells: {', '.join(f'{role} {n}' for role, n in count.items())}"


if __name__ == "__main__":
    for name, fault in CELLS:
        told = ROLES[name].told(role_told(ROLES[name], fault, "HOST", "another model"))
        print(f"{name}-{fault}: {' '.join(told.notices) or '(nothing)'}")
    print(counted())
