"""An index keeps to its embedder, goes to another whole or not at all, and answers all the while."""

import asyncio
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core.embeddings import Embeddings
from langchain_ollama import OllamaEmbeddings

from apps.moving import move
from apps.settings import ROOT, read
from apps.wiring import Parts, Places
from ingest.errors import IndexUnusable, Trouble
from ingest.evidence import Vectors
from ingest.folder import these
from ingest.index import Index
from ingest.retriever import Retriever
from ingest.spaces import EMBEDDED, Moved
from ingest.vectors import VectorStore
from ingest.writer import Move, Writer
from models.asking import Asking
from models.embedded.encoder import Encoder
from models.embedded.finder import EmbeddedFinder
from models.found import Found
from models.nomic import BATCH, Nomic, is_nomic
from privacy.failures import ModelFailed
from privacy.gate import Endpoint
from tests.ollama_wire import VECTOR_FAULTS, Ollama, ollama
from tests.wire import Behaviour, Embeds, Exchange, Fails, hangs, once, vector

NAME = "ollama:nomic-embed-text"
SAID = {
    "garage.md": "# Parking\n\nThe garage opens at six. A permit costs 40 dollars a month.\n",
    "canteen.md": "# Lunch\n\nThe canteen serves lunch from noon to two. Soup is free on Fridays.\n",
    "badges.md": "# Badges\n\nA lost badge is replaced at the front desk. The second one costs 15 dollars.\n",
}
QUESTIONS = ["What does a parking permit cost?", "When is lunch served?", "Who replaces a lost badge?"]
NAN = Embeds(spoil=lambda vectors: [[math.nan, *each[1:]] for each in vectors])


def client(url: str) -> OllamaEmbeddings:
    limits = httpx.Limits(max_keepalive_connections=0)
    kept: dict[str, Any] = {"timeout": 5, "follow_redirects": False, "trust_env": False, "verify": False}
    return OllamaEmbeddings(model="nomic-embed-text", base_url=url, client_kwargs={**kept, "limits": limits})


def nomic(url: str, patience: float = 2.0, seconds: float = 5.0) -> Nomic:
    return Nomic(Endpoint(NAME, "ollama", "nomic-embed-text", url), lambda: client(url), patience, seconds)


@dataclass
class Office:
    """An index, and the embedder that it may ask."""

    data: Path
    encoder: Encoder
    embedder: Nomic | None = None
    wanted: str = EMBEDDED
    index: Index = field(init=False)
    writer: Writer = field(init=False)
    finder: EmbeddedFinder = field(init=False)

    def __post_init__(self) -> None:
        self.index = Index(self.data)
        self.writer = Writer(self.index, self.encoder, self._named, lambda: self.wanted)
        self.finder = EmbeddedFinder(self.encoder, Retriever(self.index), self._named)

    def _named(self, name: str) -> Nomic:
        if self.embedder is None or name != NAME:
            raise Trouble("That embedder is not connected.", name, "Connect it.")
        return self.embedder

    def ingest(self, said: dict[str, str], into: str = "office") -> list[tuple[str, str]]:
        folder = self.data.parent / "files"
        folder.mkdir(exist_ok=True)
        for name, text in said.items():
            (folder / name).write_text(text, "utf-8")
        done = self.writer.ingest(these({name: folder / name for name in said}, into))
        return [(one.source, one.status) for one in done]

    def find(self, question: str, asking: Asking | None = None) -> Found:
        return asyncio.run(self.finder.find(question, ["office"], None, asking))

    def answers(self) -> list[tuple[str, list[str]]]:
        """Each question's quotation, and the texts of the passages, best first; nobody may have failed."""
        asking = Asking()
        found = [self.find(question, asking) for question in QUESTIONS]
        assert asking.notices == []
        return [(one.text, [passage.text for passage in one.evidence.passages]) for one in found]

    def held(self) -> list[str]:
        """What Chroma has."""
        return sorted(held.name for held in VectorStore(self.data / "chroma").open().list_collections())


@pytest.fixture
def server() -> Iterator[Ollama]:
    with ollama() as running:
        yield running


@pytest.fixture
def office(tmp_path: Path, encoder: Encoder, server: Ollama) -> Office:
    """Ingested with the embedded encoder; Ollama is there."""
    made = Office(tmp_path / "data", encoder, nomic(server.url))
    made.ingest(SAID)
    return made


@pytest.fixture(scope="module")
def moved(tmp_path_factory: pytest.TempPathFactory, encoder: Encoder) -> Path:
    """The data folder of an index whose embedder is Ollama's; it is only read."""
    data = tmp_path_factory.mktemp("moved") / "data"
    with ollama() as server:
        made = Office(data, encoder, nomic(server.url), wanted=NAME)
        made.ingest(SAID)
        made.answers()  # what is loaded for the first answer is no test's time
    return data


def on_the_way(do: Callable[[], object], where: str = "") -> Behaviour:
    """Before a request with that word in it is answered."""

    async def behave(exchange: Exchange) -> None:
        if where in exchange.request.prompt:
            await asyncio.to_thread(do)
        await exchange.otherwise()

    return behave


def texts(server: Ollama) -> list[str]:
    return [text for request in server.asked("/api/embed") for text in request.texts]


# On the wire ----------------------------------------------------------------------------------------------------------


def test_documents_and_questions_go_out_under_their_prefixes_in_batches(server: Ollama) -> None:
    embedder = nomic(server.url)
    said = [f"Rule {number} is about subject {number}." for number in range(2 * BATCH + 6)]
    rows = embedder.documents(said)
    row = asyncio.run(embedder.query("Which rule is about subject 7?", 768, Asking()))
    assert [len(request.texts) for request in server.asked("/api/embed")] == [BATCH, BATCH, 6, 1]
    assert texts(server) == [f"search_document: {text}" for text in said] + [
        "search_query: Which rule is about subject 7?"
    ]
    assert np.allclose(np.linalg.norm([*rows, row], axis=1), 1, atol=1e-6)
    assert ([*rows.shape, *row.shape], {rows.dtype, row.dtype}) == ([70, 768, 768], {np.dtype(np.float32)})


def test_a_passage_is_embedded_under_its_documents_name_and_heading(office: Office, server: Ollama) -> None:
    office.writer.move(NAME)
    garage = "garage: Parking\nThe garage opens at six. A permit costs 40 dollars a month."
    assert f"search_document: {garage}" in texts(server)


def test_what_fails_once_is_tried_again(server: Ollama) -> None:
    server.always(once(NAN))
    assert nomic(server.url).documents(["The garage opens at six."]).shape == (1, 768)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("model", "is_one"),
    [
        ("nomic-embed-text", True),
        ("nomic-embed-text:v1.5", True),
        ("hf.co/nomic-ai/nomic-embed-text-v1.5-GGUF:Q8_0", True),
        ("mxbai-embed-large", False),
    ],
)
def test_only_models_that_know_the_prefixes_are_given_them(model: str, is_one: bool) -> None:
    assert is_nomic(model) == is_one


def test_half_a_character_is_no_obstacle(server: Ollama) -> None:
    nomic(server.url).documents(["half a \ud83d smile"])
    assert texts(server) == ["search_document: half a ? smile"]


# Which embedder an index has ------------------------------------------------------------------------------------------


def test_a_new_index_takes_the_embedder_that_is_wanted_and_keeps_it(
    tmp_path: Path, encoder: Encoder, server: Ollama
) -> None:
    Office(tmp_path / "data", encoder, nomic(server.url), wanted=NAME).ingest(SAID)
    later = Office(tmp_path / "data", encoder, nomic(server.url), wanted=EMBEDDED)
    later.ingest({"pool.md": "# Pool\n\nThe pool opens at seven.\n"})
    assert str(later.index.space()) == f"{NAME}/768"
    assert "search_document: pool: Pool\nThe pool opens at seven." in texts(server)
    assert later.index.vectors_missing() == {"office": 0}


def test_an_index_made_with_the_encoder_stays_with_it_whatever_is_wanted_later(
    office: Office, server: Ollama, encoder: Encoder
) -> None:
    office.index.store._rows("DELETE FROM facts WHERE name = 'embedder'")  # as it was made before there was a choice
    before = office.answers()
    later = Office(office.data, encoder, nomic(server.url), wanted=NAME)
    later.ingest({"pool.md": "# Pool\n\nThe pool opens at seven.\n"})
    assert (later.index.space().name, later.held()) == (EMBEDDED, ["passages-office"])
    assert [text for text, _ in later.answers()] == [text for text, _ in before]
    assert server.seen == []


def test_nothing_is_written_into_an_index_whose_embedder_does_not_answer(
    tmp_path: Path, encoder: Encoder, server: Ollama
) -> None:
    made = Office(tmp_path / "data", encoder, nomic(server.url), wanted=NAME)
    with server.refuse(), pytest.raises(ModelFailed, match="cannot be reached"):
        made.ingest(SAID)
    assert (Index.made(made.data), made.index.store.recall("embedder")) == (False, None)
    made.ingest(SAID)
    with server.refuse(), pytest.raises(ModelFailed, match="cannot be reached"):
        made.ingest({"garage.md": "# Parking\n\nThe garage is closed.\n"})
    assert "A permit costs 40 dollars a month." in made.answers()[0][0]


def test_a_document_that_gets_no_vectors_fails_and_the_rest_is_ingested(
    tmp_path: Path, encoder: Encoder, server: Ollama
) -> None:
    made = Office(tmp_path / "data", encoder, nomic(server.url), wanted=NAME)
    server.when(lambda request: "canteen" in request.prompt, NAN)
    done = made.ingest(SAID)
    assert done == [("garage.md", "added"), ("canteen.md", "failed"), ("badges.md", "added")]
    assert {row.source for row in made.index.store.documents()} == {"garage.md", "badges.md"}
    server.forget()
    assert made.ingest(SAID) == [("garage.md", "unchanged"), ("canteen.md", "added"), ("badges.md", "unchanged")]
    assert made.index.vectors_missing() == {"office": 0}


def test_a_model_that_has_changed_its_size_is_named_with_the_remedy(moved: Path, encoder: Encoder) -> None:
    with ollama(size=512) as other:
        changed = Office(moved, encoder, nomic(other.url))
        with pytest.raises(IndexUnusable) as raised:
            changed.ingest({"pool.md": "# Pool\n\nThe pool opens at seven.\n"})
    told = f"{NAME} gives 512 numbers for a text, and gave 768 when the index was made."
    assert (raised.value.what, raised.value.do) == (told, f"Run: tandem embed {NAME}")


# When it fails --------------------------------------------------------------------------------------------------------


SENTENCES = {
    fault: sentence
    for sentence, faults in {
        f"{NAME} cannot be reached at {{host}}": ["refused"],
        f"{NAME} did not answer in time at {{host}}": [
            "accepts and never answers", "headers and then nothing", "one byte at a time"
        ],
        f"{NAME} is asked too often": ["429", "429 for a second", "429 for an hour"],
        f"{NAME} answers with error 500": ["500"],
        f"{NAME} answers with error 502": ["502 with a page"],
        f"{NAME} answers with error 503": ["503"],
        f"{NAME} refuses access at {{host}}": ["401", "403"],
        f"There is no {NAME} at {{host}}": ["404 model missing"],
        f"The question is too long for {NAME}": ["400 too long"],
        f"The answer of {NAME} broke off": [
            "cut in mid-chunk", "reset in mid-chunk", "cut within a character", "Content-Length too long"
        ],
        f"{{host}} does not answer as {NAME} should": [
            "truncated JSON", "garbage", "a page with 200", "JSON of another shape", "Content-Length too short",
            "gzip that is none", "null", "nulls within",
        ],
        f"{{host}} sends {NAME} elsewhere, and that is not followed": [
            "redirect to another host", "redirect that keeps the body"
        ],
        f"{NAME} gave a vector that points nowhere": ["NaN", "infinity as text", "all zero"],
        f"{NAME} gave a vector of 10 numbers, and earlier ones of 768": ["wrong size"],
        f"{NAME} gave not one vector for each text": ["too few vectors", "empty vectors"],
    }.items()
    for fault in faults
}  # fmt: skip


@pytest.mark.parametrize("fault", VECTOR_FAULTS)
def test_without_its_embedder_an_index_answers_by_words_and_says_so(
    fault: str, moved: Path, encoder: Encoder, server: Ollama
) -> None:
    office = Office(moved, encoder, nomic(server.url, patience=1.0))
    asking, began = Asking(), time.monotonic()
    with server.suffers(VECTOR_FAULTS[fault]):
        found = office.find(QUESTIONS[0], asking)
    assert time.monotonic() - began < 3
    assert found.text == "A permit costs 40 dollars a month."
    told = SENTENCES[fault].format(host=server.url.removeprefix("http://"))
    assert [notice.partition(", so the documents were searched by words alone.")[0] for notice in asking.notices] == [
        told
    ]
    assert office.answers()[0][0] == "A permit costs 40 dollars a month."


def test_an_embedder_that_hangs_is_waited_for_once_in_a_question(moved: Path, encoder: Encoder, server: Ollama) -> None:
    office, asking = Office(moved, encoder, nomic(server.url, patience=0.5)), Asking()
    server.always(hangs)
    office.find(QUESTIONS[0], asking)
    office.find(QUESTIONS[1], asking)
    assert [(call.role, call.model, call.failure) for call in asking.calls] == [("embed", NAME, "silent")]
    office.find(QUESTIONS[1], Asking())
    third = Asking()
    office.find(QUESTIONS[2], third)  # two have failed in a row
    assert (len(server.seen), third.calls, len(third.notices)) == (2, [], 1)


def test_a_question_is_embedded_once(moved: Path, encoder: Encoder, server: Ollama) -> None:
    office = Office(moved, encoder, nomic(server.url))
    assert office.find(QUESTIONS[0]).text == office.find(QUESTIONS[0]).text
    assert texts(server) == [f"search_query: {QUESTIONS[0]}"]


def test_a_question_without_time_left_does_not_ask(moved: Path, encoder: Encoder, server: Ollama) -> None:
    asking = Asking(until=time.monotonic())
    Office(moved, encoder, nomic(server.url)).find(QUESTIONS[0], asking)
    told = f"There was no time left for {NAME}, so the documents were searched by words alone."
    assert (asking.notices, server.seen) == ([told], [])


def test_an_embedder_that_is_not_connected_is_a_notice(moved: Path, encoder: Encoder) -> None:
    asking = Asking()
    assert Office(moved, encoder).find(QUESTIONS[0], asking).text == "A permit costs 40 dollars a month."
    told = "That embedder is not connected, so the documents were searched by words alone. Connect it."
    assert asking.notices == [told]


def test_a_question_whose_index_moves_meanwhile_is_asked_in_the_new_space(office: Office, server: Ollama) -> None:
    before = office.answers()
    office.writer.move(NAME)
    mover = Office(office.data, office.encoder)
    server.always(on_the_way(lambda: None if mover.index.space().name == EMBEDDED else mover.writer.move(EMBEDDED)))
    assert (office.answers(), len(server.asked("/api/embed")) - 4) == (before, 1)


def test_a_vector_of_another_space_is_never_searched_with(moved: Path, encoder: Encoder) -> None:
    retriever = Retriever(Index(moved))
    with pytest.raises(Moved):
        retriever.search(QUESTIONS[0], encoder.query(QUESTIONS[0]), ["office"])


ROWS = st.lists(st.lists(st.floats(width=64) | st.integers() | st.none() | st.text(max_size=3), max_size=4), max_size=3)


@settings(deadline=None)
@given(ROWS)
def test_whatever_comes_back_is_unit_vectors_or_a_failure(rows: list[list[Any]]) -> None:
    class Scripted(Embeddings):
        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return rows

        def embed_query(self, text: str) -> list[float]:
            raise NotImplementedError

    embedder = Nomic(Endpoint(NAME, "ollama", "nomic-embed-text"), Scripted)
    refused = None
    try:
        vectors = embedder.documents(["a", "b"])
    except ModelFailed as failed:
        refused = failed.kind
    else:
        assert vectors.shape == (2, len(rows[0]))
        assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    assert refused in ("vectors", None)


# The move -------------------------------------------------------------------------------------------------------------


def test_there_and_back_gives_the_same_answers(office: Office) -> None:
    before = office.answers()
    assert office.writer.move(NAME) == Move(EMBEDDED, NAME, 3, 3)
    there = office.answers()
    assert [text for text, _ in there] == [text for text, _ in before]
    assert office.writer.move(EMBEDDED) == Move(NAME, EMBEDDED, 3, 3)
    assert office.answers() == before
    assert (office.held(), office.index.vectors_missing()) == (["passages-office"], {"office": 0})


def test_a_move_to_where_the_index_is_does_nothing(office: Office) -> None:
    office.writer.move(NAME)
    held = office.held()
    assert office.writer.move(NAME) == Move(NAME, NAME, 3, 0)
    assert office.held() == held


def test_a_move_stops_at_a_document_without_vectors_and_goes_on_from_there(office: Office, server: Ollama) -> None:
    before = office.answers()
    server.when(lambda request: "canteen" in request.prompt, NAN)
    with pytest.raises(Trouble) as raised:
        office.writer.move(NAME)
    assert raised.value.what == f"The move stopped at canteen.md: {NAME} gave a vector that points nowhere."
    assert (office.index.space().name, office.answers()) == (EMBEDDED, before)
    server.forget()
    office.ingest({"badges.md": "# Badges\n\nBadges are gone.\n"})  # what changes meanwhile is moved as it is then
    assert office.writer.move(NAME) == Move(EMBEDDED, NAME, 3, 3)
    assert office.find("Are badges gone?").text == "Badges are gone."
    named = office.index.store.passage_ids("office")
    assert VectorStore(office.data / "chroma").ids("office", office.index.space()) == named


def test_what_a_crash_leaves_after_the_switch_is_cleared_away(
    office: Office, monkeypatch: pytest.MonkeyPatch, encoder: Encoder
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(VectorStore, "keep_only", crash)
        with pytest.raises(KeyboardInterrupt):
            office.writer.move(NAME)
    assert office.answers()[0][0] == "A permit costs 40 dollars a month."
    assert (office.index.space().name, len(office.held())) == (NAME, 2)
    assert office.writer.move(NAME) == Move(NAME, NAME, 3, 0)
    assert len(office.held()) == 1


MOVER = """
import sys
from pathlib import Path
from ingest.index import Index
from ingest.writer import Writer
from tests.test_embedders import NAME, nomic

class Named:
    name = sys.argv[3]

print(Writer(Index(Path(sys.argv[1])), Named(), lambda name: nomic(sys.argv[2])).move(NAME).made)
"""


def mover(office: Office, server: Ollama) -> "subprocess.Popen[str]":
    """Another process that moves the index."""
    command = [sys.executable, "-c", MOVER, str(office.data), server.url, office.encoder.name]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)


def test_the_old_index_answers_while_another_process_moves_it(office: Office, server: Ollama) -> None:
    before, halfway, go_on = office.answers(), threading.Event(), threading.Event()

    def wait() -> None:
        halfway.set()
        go_on.wait(20)

    server.always(on_the_way(wait, "canteen"))
    with mover(office, server) as moving:
        assert halfway.wait(20)
        assert (office.answers(), office.index.space().name) == (before, EMBEDDED)
        go_on.set()
        seen = []
        while moving.poll() is None:
            seen.append(office.answers())
    seen.append(office.answers())
    assert moving.returncode == 0
    assert office.index.space().name == NAME
    assert all([text for text, _ in answers] == [text for text, _ in before] for answers in seen)
    assert texts(server)[-1].startswith("search_query: ")


def test_a_move_that_was_killed_goes_on_where_it_was(office: Office, server: Ollama) -> None:
    before = office.answers()
    with mover(office, server) as moving:
        server.always(on_the_way(lambda: os.kill(moving.pid, signal.SIGKILL), "canteen"))
    assert moving.returncode == -signal.SIGKILL
    assert (office.answers(), office.index.space().name) == (before, EMBEDDED)
    server.forget()
    assert office.writer.move(NAME) == Move(EMBEDDED, NAME, 3, 2)
    assert [text for text in texts(server) if "badge" in text] == [texts(server)[1]]
    assert (office.index.vectors_missing(), len(office.held())) == ({"office": 0}, 1)


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Frail:
    """Words -> vectors, until it crashes."""

    name: str = NAME
    left: int = 1000

    def documents(self, texts: Sequence[str], size: int | None = None) -> Vectors:
        self.left -= 1
        if self.left < 0:
            raise Crash
        return np.stack([vector(text, 32) for text in texts]).astype(np.float32)


WORDS = ["garage", "canteen", "pool", "library"]
STEPS = st.lists(
    st.tuples(st.just("ingest"), st.sampled_from(WORDS), st.integers(1, 3))
    | st.tuples(st.just("forget"), st.sampled_from(WORDS), st.none())
    | st.tuples(st.just("move"), st.sampled_from([NAME, EMBEDDED]), st.integers(0, 6)),
    max_size=8,
)


@pytest.mark.slow
@settings(max_examples=25, deadline=None)
@given(STEPS)
def test_whatever_happens_and_wherever_it_crashes_every_document_has_its_vectors(
    encoder: Encoder, steps: list[tuple[str, str, Any]]
) -> None:
    live: dict[str, int] = {}
    with TemporaryDirectory() as folder:
        data, files = Path(folder) / "data", Path(folder)
        for step, word, number in [("ingest", "badges", 1), *steps]:
            embedder = Frail(left=number if step == "move" else 1000)
            index = Index(data)
            writer = Writer(index, encoder, {NAME: embedder}.__getitem__)  # a process of its own, so to say
            before = index.space().name
            if step == "ingest":
                (files / f"{word}.md").write_text(f"# The {word}\n\nRoom {number} is the {word}.\n")
                writer.ingest(these({f"{word}.md": files / f"{word}.md"}, "office"))
                live[word] = number
            elif step == "forget":
                writer.forget(f"{word}.md")
                live.pop(word, None)
            else:
                with suppress(Crash):
                    writer.move(word)
                assert index.space().name in (before, word)
            assert {row.source for row in index.store.documents()} == {f"{word}.md" for word in live}
            assert not any(index.vectors_missing().values())
            index.store.close()
        last = Index(data)
        Writer(last, encoder, lambda name: Frail()).move(EMBEDDED)
        query = encoder.query("Which room is the badges?")
        found = Retriever(last).search("Which room is the badges?", query, ["office"])
        assert len(found.passages) == len(live)
        assert len(VectorStore(data / "chroma").open().list_collections()) == 1
        last.store.close()


# The command ----------------------------------------------------------------------------------------------------------


def test_the_command_says_what_it_did(office: Office, cache: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = Parts(read({}), Places(office.data, cache / "tandem"))
    parts.index, parts.writer = office.index, office.writer
    assert move(parts, NAME) == 0
    moved = capsys.readouterr()
    assert move(parts, NAME) == 0
    again = capsys.readouterr().out
    assert move(parts, EMBEDDED, as_json=True) == 0
    back = json.loads(capsys.readouterr().out)
    assert moved.out.startswith(f"Moved 3 passages from {EMBEDDED} to {NAME} in ")
    assert moved.err.splitlines()[-1] == f"Embedding with {NAME}: garage.md (3/3)"
    assert again == f"The index is searched with {NAME} already: 3 passages.\n"
    assert {**back, "seconds": 0} == {"from": NAME, "to": EMBEDDED, "passages": 3, "embedded": 3, "seconds": 0}


def test_without_an_index_the_command_says_how_to_make_one(tmp_path: Path, cache: Path) -> None:
    with pytest.raises(Trouble, match="There is no index to move yet"):
        move(Parts(read({}), Places(tmp_path / "none", cache / "tandem")), NAME)


def test_a_model_that_is_not_installed_is_named_with_its_remedy(office: Office, server: Ollama) -> None:
    server.always(Fails("missing"))
    with pytest.raises(ModelFailed) as raised:
        office.writer.move(NAME)
    assert (raised.value.kind, raised.value.do) == ("missing", "Run: ollama pull nomic-embed-text")
