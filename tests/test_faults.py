"""The fault matrix: whatever a model does wrong, in any role, its user gets an answer in time and a plain sentence.

A cell is a fault in a role, `write-cut in mid-chunk`, through the real assistant and the real clients to a socket.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from apps.settings import read
from apps.wiring import Parts, Places
from graphs.conversation import Conversation
from graphs.nodes import REMEMBERED
from graphs.reply import Reply
from ingest.errors import Trouble
from ingest.folder import these
from ingest.index import Index
from ingest.writer import Writer
from models.embedded.encoder import Encoder
from models.nomic import Nomic
from models.ollama import look
from models.resilience import WINDOW
from privacy.failures import AGAIN
from privacy.gate import Gate
from tests.faults import CELLS, EMBEDDER, ENDLESS, LARGE, ROLES, Role, Seen, counted, told_of, while_ingesting
from tests.ollama_wire import VECTOR_FAULTS, Ollama, ollama
from tests.openai_wire import OpenAI, openai
from tests.wire import Request, asks_for_json, asks_for_text, asks_for_vectors, hangs, says

DOCUMENTS = {
    "401k/match.md": "# Match\n\nThe company matches 100% of the first 4% of pay. The 401k vests after three years.\n",
    "benefits/vacation.md": "# Vacation\n\nEmployees get 15 days of vacation a year. Unused ones lapse in March.\n",
    "benefits/dental.md": "# Dental care\n\nThe dental plan pays 80% of a filling. A cleaning is free.\n",
}
FIRST, NEXT = "How much does the company match on my 401k?", "How many days of vacation do I get?"
QUOTED = {
    FIRST: "The company matches 100% of the first 4% of pay. The 401k vests after three years. [1]",
    NEXT: "Employees get 15 days of vacation a year. [1]",
}
WRITTEN = {FIRST: "In short, all of the first 4% of pay [1].", NEXT: "In short, you get 15 days a year [1]."}
SCORE = 3.3
"""What the small model makes of every question; the embedded triage makes something else of it."""

PATIENCE, DEADLINE, SOON, SLACK = 1.0, 8.0, 1.2, 2.0
"""Seconds: to a first piece and between two; for a question; for one that is never done; of a busy machine."""
BATCHED = 1.3
"""For a batch of documents: long enough for what says that it is well again after one."""
LATER = {"large of two"}
"""What `make test` leaves to CI: all but its notices is as in `large`."""


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

    def opened(self, role: Role, fault: str) -> Parts:
        """As after a start: nobody has failed yet."""
        settings = {
            "models.patience": PATIENCE,
            "models.quiet": PATIENCE,
            "models.deadline": SOON if fault in ENDLESS else DEADLINE,
            **role.settings,
            "models.large": [LARGE, self.other_name][: role.large] or "none",
        }
        environ = {"OLLAMA_HOST": self.near.url, "OPENAI_API_KEY": "sk-right", "OPENAI_BASE_URL": f"{self.far.url}/v1"}
        lent = self.embedded if settings.get("models.embedder") == EMBEDDER else self.parts
        parts = Parts(read({}, given=settings), lent.places, environ)
        parts.encoder, parts.index, parts.tokens = lent.encoder, lent.index, lent.tokens
        parts.embedded_triage, parts.ollama = lent.embedded_triage, lent.ollama
        return parts

    def server(self, role: Role) -> Ollama | OpenAI:
        return self.near if role.server == "near" else self.far

    @property
    def other_name(self) -> str:
        return f"{self.other.url}/v1#gpt-4o"

    @property
    def last_writing(self) -> Request:
        everything = [*self.near.seen, *self.far.seen, *self.other.seen]
        writing = [request for request in everything if "messages" in request.body and asks_for_text(request)]
        return max(writing, key=lambda request: request.came)

    def hung_up(self) -> bool:
        """Whether no server has a connection left, soon after the last question."""
        until, servers = time.monotonic() + SLACK, (self.near, self.far, self.other)
        while any(server.connections for server in servers) and time.monotonic() < until:
            time.sleep(0.005)
        return not any(server.connections for server in servers)


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory, cache: Path, encoder: Encoder) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    with ExitStack() as running:
        near = running.enter_context(ollama(["phi4-mini:latest", "nomic-embed-text:latest"]))
        far, other = running.enter_context(openai()), running.enter_context(openai())
        for server in (near, far, other):
            server.when(asks_for_text, says(writes))
            server.when(asks_for_json, says(sorts))
        lent = [indexed(folder / name, cache, encoder, near, name) for name in ("embedded", EMBEDDER)]
        made = Office(near, far, other, *lent)
        for role in ROLES.values():  # what is loaded for the first question is no cell's time
            asyncio.run(_asked(made, replace(role, faults={"": hangs}, asks=lambda request: False), ""))
        yield made


def indexed(folder: Path, cache: Path, encoder: Encoder, near: Ollama, embedder: str) -> Parts:
    settings = read({}, given={"models.embedder": embedder})
    parts = Parts(settings, Places(folder / "data", cache / "tandem"), {"OLLAMA_HOST": near.url})
    parts.encoder, parts.ollama = encoder, look(near.url, seconds=10)
    for name, text in DOCUMENTS.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
        parts.writer.ingest(these({file.name: file}, file.parent.name))
    return parts


def writes(request: Request) -> str:
    return WRITTEN[NEXT if NEXT in _last(request) else FIRST]


def sorts(request: Request) -> str:
    message = _last(request).rpartition("Message: ")[2]
    intent = "benefits" if message == NEXT else "401k"
    return json.dumps({"parts": [{"text": message, "intent": intent, "score": SCORE, "place": None}]})


def _last(request: Request) -> str:
    """The question; of a triage that is to be repaired, the message is the one before."""
    said = [str(message["content"]) for message in request.body["messages"] if message["role"] == "user"]
    return said[-2] if said[-1].startswith("That is not valid.") else said[-1]


# While a question is asked --------------------------------------------------------------------------------------------


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
    asked, thread = Asked(), uuid4().hex
    async with office.opened(role, fault).conversation() as conversation:
        with office.server(role).suffers(role.faults[fault], role.asks):
            began = time.monotonic()
            asked.replies.append(await conversation.ask(FIRST, thread))
            asked.seconds = time.monotonic() - began
        asked.replies += await _until_well(conversation, thread, role.right.writer)
        # But for the instructions, and the question with its passages.
        asked.remembered = [str(message["content"]) for message in office.last_writing.body["messages"][1:-1]]
    asked.tasks = len(asyncio.all_tasks()) - 1
    return asked


async def _until_well(conversation: Conversation, thread: str, writer: str) -> list[Reply]:
    """The next questions; an endpoint that is passed by is tried after a few, and a busy one not at once."""
    replies = [await conversation.ask(NEXT, thread)]
    while len(replies) < WINDOW and replies[-1]["parts"][0]["writer"] != writer:
        await asyncio.sleep(AGAIN if len(replies) == 1 else 0)
        replies.append(await conversation.ask(NEXT, thread))
    return replies


def seen(reply: Reply) -> Seen:
    [part] = reply["parts"]
    answer = reply["answer"].replace(" [1]. [1].", " [1].")  # a chunk that came twice
    known = {WRITTEN[reply["question"]]: "written", QUOTED[reply["question"]]: "quoted"}
    return Seen(
        known.get(answer, answer),
        str(part["writer"]),
        reply["notices"],
        "small" if part["score"] == SCORE else _sorted_by(part["reason"]),
        reply["receipt"]["sent"],
        part["grounded"],
    )


def _sorted_by(reason: str) -> str:
    after = {
        "the small model's triage was not valid, so the embedded classifier decided.": ", after an invalid answer",
        "the small model could not be asked what it is about, so the embedded one decided.": ", after a failure",
    }
    return "embedded" + after.get(reason.partition("; ")[2], "")


def cell(role: str, fault: str) -> Any:
    return pytest.param(role, fault, id=f"{role}-{fault}", marks=[pytest.mark.slow] if role in LATER else [])


@pytest.mark.parametrize(("name", "fault"), [cell(*each) for each in CELLS])
def test_a_fault_ends_in_time_in_an_answer_and_the_next_one_is_right(name: str, fault: str, office: Office) -> None:
    role = ROLES[name]
    asked = asyncio.run(_asked(office, role, fault))
    during, *after = asked.replies
    expected = role.during(told_of(role, fault, _host(office.server(role)), office.other_name))
    assert seen(during) == expected
    assert asked.seconds < (SOON if fault in ENDLESS else PATIENCE) + SLACK
    assert [seen(reply) for reply in after] == [replace(expected, sent=False)] * (len(after) - 1) + [role.right]
    assert (len(after) > 1) == (fault in role.passed_by)
    kept = [text for reply in asked.replies[:-1] for text in (reply["question"], reply["answer"])]
    assert asked.remembered == kept[-2 * REMEMBERED :]
    assert (asked.tasks, office.hung_up()) == (0, True)


def test_the_matrix_has_thirty_faults_in_every_role(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"\n{counted()}")
    assert [name for name, role in ROLES.items() if len(role.faults) < 30] == []


def _host(server: Ollama | OpenAI) -> str:
    return server.url.removeprefix("http://")


# While documents are ingested -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shelf:
    """An index with vectors of Ollama's."""

    near: Ollama
    index: Index
    writer: Writer
    folder: Path

    def put(self, *names: str) -> Mapping[str, str]:
        """What became of each document; or, of all of them, why none was begun."""
        files = {name: self.folder / name for name in names}
        for name, path in files.items():
            path.write_text(f"# Rules\n\nThe rules of {name} are kept at the desk.\n", "utf-8")
        try:
            done = self.writer.ingest(these(files, "rules"))
        except Trouble as trouble:
            return {"all": _sentence(trouble)}
        return {one.source: _sentence(one.trouble) if one.trouble else one.status for one in done}


def _sentence(trouble: Trouble) -> str:
    return f"{trouble.what.rstrip('.')}. {trouble.do}"


@pytest.fixture(scope="module")
def shelf(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    folder = tmp_path_factory.mktemp("shelf")
    endpoint = office.embedded.catalog.endpoint(EMBEDDER)
    embedder = Nomic(endpoint, partial(Gate().embeddings, endpoint), seconds=BATCHED)
    index = Index(folder / "data")
    writer = Writer(index, office.parts.encoder, lambda name: embedder, lambda: EMBEDDER)
    made = Shelf(office.near, index, writer, folder)
    assert made.put("first.md") == {"first.md": "added"}
    return made


@pytest.mark.parametrize("fault", VECTOR_FAULTS)
def test_a_fault_leaves_documents_out_and_the_next_attempt_takes_them_in(fault: str, shelf: Shelf) -> None:
    alone, good, bad = f"{fault} alone.md", f"{fault} good.md", f"{fault} bad.md"
    why, why_one = while_ingesting(told_of(ROLES["embed"], fault, _host(shelf.near)))
    began = time.monotonic()
    with shelf.near.suffers(VECTOR_FAULTS[fault], asks_for_vectors):
        first = shelf.put(alone)
    with shelf.near.suffers(VECTOR_FAULTS[fault], lambda request: bad in request.prompt):
        second = shelf.put(good, bad)
    assert time.monotonic() - began < 2 * (BATCHED + SLACK)
    assert first == {"all" if why != "added" else alone: why}
    assert second == ({"all": why} if fault == "refused" else {good: "added", bad: why_one})
    there = {name for name, status in {**first, **second}.items() if status == "added"}
    assert shelf.put(alone, good, bad) == {
        name: "unchanged" if name in there else "added" for name in (alone, good, bad)
    }
    assert shelf.index.vectors_missing() == {"rules": 0}
