"""The door to every model: what may go through it, where it leads, and that restricted text never leaves."""

import asyncio
import json
import random
import re
import shutil
import ssl
import subprocess
import threading
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, get_args

import httpx
import langsmith
import pytest
from langsmith.utils import get_env_var, tracing_is_enabled
from pydantic import SecretStr

from apps.indexing import index_configured
from apps.settings import read
from apps.wiring import Parts, Places
from graphs.reply import Reply
from graphs.state import Turn
from ingest.labels import LABELS, Label
from models.embedded.encoder import Encoder
from models.model import whole
from models.ollama import look
from models.resilience import Endpoints
from models.voice import Voice
from privacy.content import Message, Text
from privacy.failures import ModelFailed
from privacy.gate import Door, Endpoint, Gate, Whom
from tests.conftest import Command
from tests.ollama_wire import Ollama, ollama
from tests.openai_wire import OpenAI, openai
from tests.scripted import POLICY, Script, conversation, found, heard
from tests.server_running import running
from tests.wire import Behaviour, Exchange, Request, asks_for_json, cuts, fails, half, instead, redirects, says

KEY = SecretStr("k")

HERE = Endpoint("near", "ollama", "phi4-mini", "http://127.0.0.1:11434")
FAR = Endpoint("far", "openai", "gpt", "https://far.example/v1", key=KEY)
PRIVATE = replace(FAR, private=True)


def said(label: Label, text: str = "why?", origin: str = "question") -> list[Message]:
    return [Message("system", [Text("Answer.", "public", "prompt")]), Message("user", [Text(text, label, origin)])]


# What may go through --------------------------------------------------------------------------------------------------

EVERY = frozenset(LABELS)
ADMITTED: dict[tuple[str, Whom], frozenset[Label]] = {
    ("here", "none"): EVERY,
    ("here", "private"): EVERY,
    ("here", "any"): EVERY,
    ("private", "none"): frozenset({"public"}),
    ("private", "private"): frozenset({"public", "internal"}),
    ("private", "any"): frozenset({"public", "internal"}),
    ("far", "none"): frozenset({"public"}),
    ("far", "private"): frozenset({"public"}),
    ("far", "any"): frozenset({"public", "internal"}),
}


@pytest.mark.parametrize("internal_to", get_args(Whom))
@pytest.mark.parametrize("reach", ["here", "private", "far"])
def test_restricted_text_never_leaves_internal_text_as_the_settings_say_and_public_text_always(
    reach: str, internal_to: Whom
) -> None:
    door = Gate(internal_to).door({"here": HERE, "private": PRIVATE, "far": FAR}[reach])
    assert {label for label in LABELS if door.admits(label)} == ADMITTED[reach, internal_to]


@pytest.mark.parametrize(
    ("endpoint", "here"),
    [
        (HERE, True),
        (replace(HERE, url="http://localhost:11434"), True),
        (replace(HERE, url="http://[::1]:11434"), True),
        (replace(HERE, url="http://127.8.8.8:1"), True),
        (replace(HERE, url="http://10.0.0.7:11434"), False),
        (replace(HERE, url="http://127.0.0.1.evil.com"), False),
        (replace(HERE, url="http://localhost.evil.com"), False),
        (replace(HERE, url="http://127.0.0.1@evil.com"), False),
        (replace(HERE, url="http://127.1"), False),
        (replace(HERE, url=""), False),
        (replace(HERE, model="gpt-oss:120b-cloud"), False),
        (replace(HERE, model="GPT-OSS:120B-Cloud"), False),
        (replace(HERE, model="glm-4.6:cloud"), False),
        (replace(HERE, model="own/deepseek-cloud:latest"), False),
        (replace(HERE, model="cloudy:7b"), True),
        (replace(HERE, elsewhere=True), False),
        (replace(HERE, private=True, url="http://10.0.0.7:11434"), False),
        (replace(HERE, wire="openai"), False),
        (Endpoint("own", "here", "own"), True),
    ],
)
def test_here_is_what_reads_on_this_machine_and_passes_nothing_on(endpoint: Endpoint, here: bool) -> None:
    assert endpoint.here is here
    assert Gate().door(endpoint).admits("restricted") is here


def test_one_restricted_text_among_public_ones_is_enough_to_keep_them_all() -> None:
    texts = [Text("a", "public", "prompt"), Text("b", "restricted", "secret/plan.md, page 1"), Text("c", "public", "x")]
    with openai() as server, pytest.raises(ModelFailed) as failed:
        through(Gate().door(replace(FAR, url=f"{server.url}/v1")), [Message("user", texts)])
    assert server.seen == []
    assert (failed.value.kind, failed.value.what) == ("forbidden", "Restricted text may not be sent to far")


def test_documents_are_embedded_on_this_machine_only() -> None:
    with pytest.raises(Exception, match="Documents are only embedded on this machine"):
        Gate().embeddings(replace(HERE, url="http://10.0.0.7:11434"))


def through(door: Door, messages: Sequence[Message]) -> str:
    async def sent() -> str:
        async def texts() -> Any:
            async for piece in door.stream(messages, None):
                yield piece.text

        try:
            return await whole(texts())
        finally:
            await door.close()

    return asyncio.run(sent())


# Where it leads -------------------------------------------------------------------------------------------------------


def doors(url: str) -> list[Door]:
    endpoints = [
        replace(HERE, url=url),
        replace(FAR, url=f"{url}/v1"),
        replace(FAR, wire="azure", url=url, version="2024-10-21"),
    ]
    return [Gate().door(endpoint) for endpoint in endpoints]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_nobody_is_followed_to_another_host(status: int) -> None:
    with ollama() as first, openai() as second:
        sends_on = redirects(second.url.replace("127.0.0.1", "localhost"), status)
        first.always(sends_on)
        first.management(sends_on)
        failures = []
        for door in doors(first.url):
            with pytest.raises(ModelFailed) as failed:
                through(door, said("public"))
            failures.append(failed.value.kind)
        with pytest.raises(Exception, match=str(status)):
            Gate().embeddings(replace(HERE, url=first.url)).embed_documents(["a secret"])
        assert look(first.url) is None
        assert (len(first.seen) >= 5, second.seen) == (True, [])
    assert failures == ["garbage"] * 3 if status != 303 else failures


PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]


def test_what_is_on_this_machine_is_not_asked_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with ollama() as near, openai() as proxy:
        for variable in PROXIES:
            monkeypatch.setenv(variable, proxy.url)
        for door in doors(near.url)[:1]:
            assert through(door, said("restricted")) == "Hello from the model."
        assert Gate().embeddings(replace(HERE, url=near.url)).embed_query("a secret")
        assert look(near.url) is not None
        with openai() as beside:
            assert [through(door, said("public")) for door in doors(beside.url)[1:]] == ["Hello from the model."] * 2
        assert proxy.seen == []
        # What is far away is: so the variables are heeded, and the proxy would have seen the rest.
        through(Gate().door(replace(FAR, url="http://far.example/v1")), said("public"))
        assert [request.path for request in proxy.seen] == ["/v1/chat/completions"]


@contextmanager
def behind_an_own_certificate(folder: Path) -> Iterator[str]:
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", *subject]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run([*made, *files], check=True, capture_output=True)

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(404)
            self.end_headers()

        def log_message(self, *told: object) -> None:
            pass

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    server = HTTPServer(("127.0.0.1", 0), Answers)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.handle_error = lambda *told: None  # type: ignore[method-assign]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate with openssl")
def test_a_certificate_that_nobody_vouches_for_is_refused_in_plain_words(tmp_path: Path) -> None:
    told = []
    with behind_an_own_certificate(tmp_path) as url:
        for door in doors(url):
            with pytest.raises(ModelFailed) as failed:
                through(door, said("public"))
            told.append((failed.value.kind, failed.value.what))
    host = url.removeprefix("https://")
    assert told == [
        ("unreachable", f"There is no secure connection to {name} at {host}") for name in ("near", "far", "far")
    ]


def test_what_a_client_says_of_its_failure_is_not_printed_with_it() -> None:
    async def repeats(exchange: Exchange) -> None:
        exchange.give(json.dumps({"error": {"message": exchange.request.prompt}}).encode(), 400)

    with openai() as server, ollama() as near:
        server.always(repeats)
        near.always(repeats)
        for door in (*doors(server.url)[1:], *doors(near.url)[:1]):
            word = f"zephyr{len(server.seen)}"
            with pytest.raises(ModelFailed) as failed:
                through(door, said("public", word))
            assert word not in "".join(traceback.format_exception(failed.value))


def _forgets() -> None:
    """LangSmith remembers what it once read in the environment."""
    get_env_var.cache_clear()  # type: ignore[attr-defined]


def test_a_tracing_key_in_the_environment_traces_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("LANGSMITH_TRACING", "LANGCHAIN_TRACING_V2", "LANGSMITH_TRACING_V2"):
        monkeypatch.setenv(variable, "true")
    _forgets()
    langsmith.configure(enabled=None)
    try:
        before = tracing_is_enabled()
        Gate()
        assert (before, tracing_is_enabled()) == (True, False)
    finally:
        _forgets()


# The whole assistant --------------------------------------------------------------------------------------------------

PUBLIC = """\
# Careers at Larkspur

Candidates read that the yearly bonus is about ten percent, says pubquill.
The match of the savings plan is up to four percent, says publark.
New colleagues get fifteen days of vacation, says pubfinch.
"""
INTERNAL = """\
# Handbook of Larkspur

The yearly bonus of an employee is eight percent of salary, says inkquill.
The savings plan matches four percent of pay each month, says inklark.
An employee has twenty days of vacation and carries five over, says inkfinch.
"""
RESTRICTED = """\
# Executive pay at Larkspur

The yearly bonus of an executive is sixty percent of salary, says hushquill.
The deferred plan of executives matches nine percent of pay, says hushlark.
An executive has forty days of vacation and is paid for the rest, says hushfinch.
The severance of an executive is three years of salary, says hushwren.
"""
PARKING = """\
# Parking on level {0}

Employees park their cars on level {0} for {0} dollars a month, says inkpark.
"""
VISITING = """\
# Visitors at entrance {0}

Visitors of Larkspur are let in at entrance {0} from {0} o'clock on, says pubpark.
"""
COLLECTIONS = {
    "open": ("public", [PUBLIC, *map(VISITING.format, range(1, 8))]),
    "inner": ("internal", [INTERNAL, *map(PARKING.format, range(1, 8))]),
    "secret": ("restricted", [RESTRICTED]),
}
MARKED = re.compile(r"\b(?:pub|ink|hush)(?:quill|lark|finch|wren|park)\b")
"""Words that stand in the documents of one label only."""


@dataclass(frozen=True)
class Larkspur:
    """A small company with documents of each label, and its settings."""

    config: Path
    places: Places
    encoder: Encoder

    def parts(self, near: Ollama, far: OpenAI, **given: Any) -> Parts:
        environ = {"OLLAMA_HOST": near.url, "OPENAI_API_KEY": "k", "OPENAI_BASE_URL": f"{far.url}/v1"}
        quick = {"models.patience": 2.0, "models.quiet": 2.0, "models.deadline": 10.0, "models.embedder": "embedded"}
        parts = Parts(read({}, self.config, {**quick, **given}), self.places, environ)
        parts.encoder = self.encoder
        return parts


@pytest.fixture(scope="module")
def larkspur(encoder: Encoder, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Larkspur:
    home = tmp_path_factory.mktemp("larkspur")
    tables = []
    for name, (label, pages) in COLLECTIONS.items():
        (home / name).mkdir()
        for number, text in enumerate(pages):
            (home / name / f"page-{number}.md").write_text(text)
        tables.append(f'[[collections]]\nname = "{name}"\npath = "{name}"\nlabel = "{label}"\n')
    intents = [("plans", "documents", "inner"), ("smalltalk", "chat", None), ("other", "chat", None)]
    for intent, kind, collection in intents:
        of = f'collection = "{collection}"\n' if collection else ""
        tables.append(f'[[intents]]\nname = "{intent}"\nkind = "{kind}"\n{of}describe = "{intent}"\n')
    (home / "tandem.toml").write_text("\n".join(tables))
    topics = {
        "plans": {"pay": ["what is the bonus", "how much does the plan match", "how many vacation days do I have"]},
        "smalltalk": {"hello": ["hello", "thank you", "good morning"]},
        "other": {"world": ["who wrote Hamlet", "what is the capital of Peru", "explain how tides work"]},
    }
    lines = [
        f"[{name}]\n{topic} = {json.dumps(examples)}" for name, one in topics.items() for topic, examples in one.items()
    ]
    (home / "intents.toml").write_text("\n".join(lines))
    made = Larkspur(home / "tandem.toml", Places(home / "data", cache / "tandem"), encoder)
    with ollama(models=[]) as near, openai() as far:
        index_configured(made.parts(near, far))
        assert far.seen == []
    return made


QUESTIONS = [
    "Compare the entrances where visitors are let in, weigh from when each is open, and argue for one of them.",
    "Where do employees park their cars, and how much is it a month?",
    "Compare the levels where employees park their cars, weigh what each costs, and argue for one of them.",
    "What is the yearly bonus?",
    "What is the yearly bonus of an executive?",
    "How much does the savings plan match?",
    "How much does the deferred plan of executives match?",
    "How many days of vacation does an executive have?",
    "How many days of vacation does an employee have?",
    "What is the severance of an executive?",
    "Compare the bonus of executives with that of employees, weigh what speaks for either, and plan a fairer scheme.",
    "And for executives?",
    "And what about vacation?",
    "Say that again in other words.",
    "Summarize what you told me so far, and explain the reasons in depth.",
    "Hello!",
    "Thank you.",
    "Who wrote Hamlet, and how does its plot compare with that of Macbeth? Argue both sides.",
    "Explain how tides work, step by step, with the forces involved and why there are two a day.",
    "What is the bonus, and who wrote Hamlet?",
]


def _echoes(request: Request) -> str:
    """All that it was told, the last first."""
    return " ".join(reversed(request.prompt.splitlines()))[:2000]


def _cites(request: Request) -> str:
    """The last sentence of what it was given, with a marker."""
    sentences = [line for line in request.prompt.splitlines() if "says" in line]
    return f"{sentences[-1].rstrip('.')} [1]." if sentences else "Because it is so."


ANSWERS: list[Behaviour] = [
    says(_cites), says(_cites), says(_echoes), says("It is 77 percent [1]."), says("NOT IN THE PASSAGES"),
    says("Nobody knows [9]."), says(""), half("length"), half("content_filter"), fails("filtered"),
    instead(refusal="No."), cuts(), fails("broken"),
]  # fmt: skip


def _heard(request: Request) -> str:
    """A triage: all of the message as one part, hard as can be."""
    message = request.prompt.rpartition("Message: ")[2]
    return json.dumps({"parts": [{"text": message, "intent": "other", "score": 9, "place": None}]})


TRIAGES: list[Behaviour] = [says(_heard), says(_echoes), says("{"), fails("broken")]


@dataclass
class Whims:
    """Models that do this or that."""

    chance: random.Random

    async def __call__(self, exchange: Exchange) -> None:
        if asks_for_json(exchange.request):
            await self.chance.choice(TRIAGES)(exchange)
            return
        await self.chance.choice(ANSWERS)(exchange)


def words(requests: Sequence[Request], stem: str) -> set[str]:
    """The marked words of one kind of document among what arrived."""
    found = {word for request in requests for word in MARKED.findall(json.dumps(request.body))}
    return {word for word in found if word.startswith(stem)}


def _told(replies: Sequence[Reply]) -> list[tuple[str, str]]:
    return [(reply["question"], reply["answer"]) for reply in replies]


def talk(parts: Parts, chance: random.Random, rounds: int) -> list[Reply]:
    """Conversations in threads, in passing, and with a history that a client repeats."""

    async def one_by_one() -> list[Reply]:
        replies: list[Reply] = []
        async with parts.conversation() as conversation:
            for _ in range(rounds):
                question, thread = chance.choice(QUESTIONS), chance.choice(["one", "two", "three", None])
                pinned = chance.choice([None, None, None, "open", "inner", "secret"])
                if thread is not None:
                    replies.append(await conversation.ask(question, f"{thread} {id(parts)}", pinned))
                else:
                    repeated = chance.sample(replies, min(len(replies), chance.choice([0, 0, 2])))
                    history = [
                        Turn(question=q, answer=a, intent="other", label="restricted") for q, a in _told(repeated)
                    ]
                    replies.append(await conversation.ask_in_passing(question, pinned, history))
        return replies

    return asyncio.run(one_by_one())


SETTINGS: list[dict[str, Any]] = [
    {"routing.mode": "hybrid"},
    {"routing.mode": "large"},
    {"routing.mode": "hybrid", "privacy.internal_to": "none"},
    {"routing.mode": "large", "privacy.internal_to": "none"},
    {"routing.mode": "large", "privacy.internal_to": "private"},
    {"routing.mode": "hybrid", "privacy.internal_to": "private", "own": True},
    {"routing.mode": "hybrid", "models.triage": "small", "far small": True},
    {"routing.mode": "large", "privacy.internal_to": "none", "models.triage": "small", "far small": True},
]


def _ask_at_random(larkspur: Larkspur, seed: int, rounds: int) -> tuple[list[Reply], list[Request], list[Request]]:
    """The replies, and what arrived near and far."""
    chance, whims = (random.Random(seed + offset) for offset in (0, 1))  # noqa: S311
    given = dict(SETTINGS[seed % len(SETTINGS)])
    with ollama(models=["phi4-mini"]) as near, openai() as far:
        near.always(Whims(whims))
        far.always(Whims(whims))
        host = far.url.removeprefix("http://")
        given["privacy.private"] = [host] if given.pop("own", False) else []
        if given.pop("far small", False):
            given["models.small"] = f"{far.url}/v1#small"
        parts = larkspur.parts(near, far, **given)
        replies = talk(parts, chance, rounds)
        allowed = given.get("privacy.internal_to", "any")
        assert words(far.seen, "hush") == set(), f"seed {seed}"
        if allowed == "none" or (allowed == "private" and not given["privacy.private"]):
            assert words(far.seen, "ink") == set(), f"seed {seed}"
        return replies, near.seen, far.seen


def _runs(larkspur: Larkspur, runs: int, each: int) -> None:
    told = [_ask_at_random(larkspur, seed, each) for seed in range(runs // each)]
    replies, near, far = ([one for some in every for one in some] for every in zip(*told, strict=True))
    assert len(replies) == runs
    # It was near, and much of the rest was far: the test sees what leaves.
    assert words(near, "hush") == {"hushquill", "hushlark", "hushfinch", "hushwren"}
    assert words(far, "ink") >= {"inkpark"}
    assert words(far, "pub") >= {"pubpark"}
    assert sum(reply["receipt"]["sent"] for reply in replies) > runs // 10
    held = [one["source"] for reply in replies for one in reply["receipt"]["passages"] if one["label"] == "restricted"]
    assert held == []


def test_in_320_questions_no_sentence_of_a_restricted_document_leaves(larkspur: Larkspur) -> None:
    _runs(larkspur, 320, 20)


@pytest.mark.slow
def test_in_3200_questions_no_sentence_of_a_restricted_document_leaves(larkspur: Larkspur) -> None:
    _runs(larkspur, 3200, 40)


# The same by every way in ---------------------------------------------------------------------------------------------

SECRETS = [*(question for question in QUESTIONS if "executive" in question), *QUESTIONS[:4]]


@pytest.fixture
def wires(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Ollama, OpenAI]]:
    """Named in the environment, for commands."""
    with ollama(models=["phi4-mini"]) as near, openai() as far:
        near.always(says(_cites))
        far.always(says(_cites))
        monkeypatch.setenv("OLLAMA_HOST", near.url)
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{far.url}/v1")
        monkeypatch.setenv("TANDEM_MODELS__EMBEDDER", "embedded")
        yield near, far


Wires = tuple[Ollama, OpenAI]


def _left(far: OpenAI) -> tuple[set[str], bool]:
    """Restricted words that left, and whether anything did."""
    return words(far.seen, "hush"), bool(words(far.seen, "ink"))


def test_in_a_batch_it_is_the_same(larkspur: Larkspur, run: Command, wires: Wires, tmp_path: Path) -> None:
    lines = [{"id": n, "question": question, "thread": f"t{n % 2}"} for n, question in enumerate(SECRETS)]
    lines += [{"id": 90 + n, "question": question} for n, question in enumerate(SECRETS)]
    (tmp_path / "batch.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    where = ["--config", larkspur.config, "--data", larkspur.places.data, "--mode", "large"]
    done = run("ask", "--batch", tmp_path / "batch.jsonl", *where)
    assert (done.code, len(done.out.splitlines())) == (0, len(lines))
    assert _left(wires[1]) == (set(), True)
    assert words(wires[0].seen, "hush") != set()


def test_in_an_evaluation_it_is_the_same(larkspur: Larkspur, run: Command, wires: Wires, tmp_path: Path) -> None:
    (tmp_path / "set").mkdir()
    cases = [{"id": f"q{n}", "question": question} for n, question in enumerate(SECRETS)]
    (tmp_path / "set" / "questions.jsonl").write_text("".join(json.dumps(case) + "\n" for case in cases))
    where = ["--config", larkspur.config, "--data", larkspur.places.data, "--mode", "large"]
    assert run("eval", tmp_path / "set", *where).code == 0
    assert _left(wires[1]) == (set(), True)


def test_over_http_it_is_the_same(larkspur: Larkspur, wires: Wires) -> None:
    near, far = wires
    parts = larkspur.parts(near, far, **{"routing.mode": "large"})
    with running(parts.conversation, parts.searched) as url, httpx.Client(base_url=url, timeout=30) as client:
        for question in SECRETS:
            client.post("/assistant/invoke", json={"input": {"question": question}}).raise_for_status()
        asked = {"question": "What is the severance of an executive?", "collection": "secret"}
        told = client.post("/assistant/invoke", json={"input": asked}).raise_for_status().json()["output"]["answer"]
        before = len(far.seen)
        history = [("human", SECRETS[0]), ("ai", told), ("human", "Explain that in depth, and compare it with Hamlet.")]
        messages = [{"type": who, "content": text} for who, text in history]
        client.post("/assistant/chat/invoke", json={"input": {"messages": messages}}).raise_for_status()
    assert "hush" in told
    assert _left(far) == (set(), True)
    assert len(far.seen) == before


def test_what_was_quoted_from_beyond_the_passages_that_a_writer_reads_keeps_its_label() -> None:
    """Whoever quotes reads more sections than a model is given passages."""
    secret, other = found("The severance is three years, says hushwren.", label="restricted"), found("Parking is free.")
    quoted = replace(secret, evidence=replace(secret.evidence, passages=[*other.evidence.passages] * 5))
    script = Script({"pay?": [heard("pay?", "401k")], "why?": [heard("why?", "other", 9.0)]}, {"pay?": quoted})
    with openai() as far:
        model = Endpoints([Gate().door(replace(FAR, url=f"{far.url}/v1"))], len)
        policy = replace(POLICY, large_reads=frozenset({"public", "internal"}))
        talking = conversation(script, policy, large=Voice(model, "large", "quote documents", 5.0))

        async def ask() -> list[Reply]:
            try:
                return [await talking.ask(question, "thread") for question in ("pay?", "why?")]
            finally:
                await model.close()

        first, _ = asyncio.run(ask())
        assert "hushwren" in first["answer"]
        assert words(far.seen, "hush") == set()


# The tests themselves -------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("tries_others")
def test_a_real_provider_cannot_be_reached_from_a_test_and_the_try_is_seen(way_out: list[str]) -> None:
    real = Gate().door(replace(FAR, url="https://api.openai.com/v1"))

    async def ask() -> None:
        try:
            async for _ in real.stream([Message("user", [Text("Hello?", "public", "question")])], None):
                pass
        finally:
            await real.close()

    with pytest.raises(ModelFailed) as failed:
        asyncio.run(ask())
    assert (failed.value.kind, way_out) == ("unreachable", ["api.openai.com"])
