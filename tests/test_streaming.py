"""An answer on its way: read while the model writes it, and given up, model and all, by whoever stops listening."""

import asyncio
import io
import json
import logging
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager, closing, contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest
from langchain_core.messages import AIMessageChunk, HumanMessage
from langserve import RemoteRunnable

from apps.live import watched
from apps.settings import ROOT, read
from apps.wiring import Parts
from graphs.conversation import Conversation, Event, Step, Words
from graphs.reply import Reply
from graphs.words import WHICH_PLACE, WITHDRAWN
from ingest.errors import IndexUnusable
from models.asking import Asking
from models.embedded.triage import Heard
from models.found import Found
from tests.conftest import Tandem
from tests.ollama_wire import Ollama, ollama
from tests.openai_wire import openai
from tests.scripted import Script, conversation, found, heard
from tests.server_running import running, scripted
from tests.terminal import CTRL_C, CTRL_D, READY, Typist, at_a_terminal
from tests.wire import Request, cuts, never_ends, says

MATCH = "How much does the company match on my 401k?"
WRITTEN = "Brightwater matches 100% of the first 4% of pay [1]."
TWO = f"{MATCH} And when is payday?"
TALK = "Hello to you as well, I am Tandem, and I answer from the documents of your company."
INVENTED = "Brightwater matches 77% of it [1]."
PAUSE = 0.04
# The clients of a model do not close what they keep open when their loop ends.
SLOWLY = says(TALK, each=PAUSE)
FOR_EVER = never_ends(0.02)
SOON = 3.0
"""Seconds in which a model is let go."""


Seen = TypeVar("Seen")


@dataclass
class Served:
    """A server over the sample company, with a small model behind it."""

    model: Ollama
    url: str
    loop: asyncio.AbstractEventLoop
    at_rest: set[str] = field(init=False)

    def __post_init__(self) -> None:
        self.at_rest = self.tasks()

    def asked(self, question: str) -> Request:
        """The last request for words that says it, once it is there."""
        return asked(self.model, question)

    def tasks(self) -> set[str]:
        return {task.get_name() for task in asyncio.all_tasks(self.loop)}

    def rests(self) -> None:
        """Waits until it is at nothing."""
        soon(lambda: True if self.tasks() <= self.at_rest else None)


def asked(model: Ollama, question: str) -> Request:
    """The last request for words that says it, once it is there."""

    def says_it(request: Request) -> bool:
        return model.is_model(request) and request.body["messages"][-1]["content"].rstrip().endswith(question)

    return soon(lambda: next((request for request in reversed(model.seen) if says_it(request)), None))


def soon(look: Callable[[], Seen | None]) -> Seen:
    end = time.monotonic() + 10
    while (found := look()) is None:
        assert time.monotonic() < end, "it never came"
        time.sleep(0.005)
    return found


@contextmanager
def serving(tandem: Tandem, model: Ollama, **settings: Any) -> Iterator[Served]:
    loops: list[asyncio.AbstractEventLoop] = []

    @asynccontextmanager
    async def opened() -> AsyncIterator[Conversation]:
        loops.append(asyncio.get_running_loop())
        async with parts.conversation() as conversation:
            yield conversation

    parts = Parts(read({}, given=settings), tandem.parts.places, {"OLLAMA_HOST": model.url})
    with running(opened, parts.searched) as url:
        yield Served(model, url, loops[0])


@pytest.fixture(scope="module")
def one_server(tandem: Tandem) -> Iterator[Served]:
    with ollama() as model, serving(tandem, model) as served:
        yield served


@pytest.fixture
def served(one_server: Served) -> Iterator[Served]:
    yield one_server
    one_server.model.forget()


def to_chat(question: str, thread: str = "") -> dict[str, Any]:
    return {"input": {"messages": [{"role": "user", "content": question}]}, **in_thread(thread)}


def to_assistant(question: str, thread: str = "") -> dict[str, Any]:
    return {"input": {"question": question}, **in_thread(thread)}


def in_thread(thread: str) -> dict[str, Any]:
    return {"config": {"configurable": {"thread_id": thread}}} if thread else {}


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    """The server-sent events, each as soon as it is there."""
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


# Read while it is written ---------------------------------------------------------------------------------------------


def test_a_chats_words_come_while_the_model_writes_them(served: Served) -> None:
    served.model.always(SLOWLY)
    unfinished = []
    pieces = []
    with httpx.stream("POST", f"{served.url}/assistant/chat/stream", json=to_chat("hello")) as response:
        for name, data in events(response):
            if name == "data":
                pieces.append(data)
                unfinished.append(served.asked("hello").answered is None)
    invoked = httpx.post(f"{served.url}/assistant/chat/invoke", json=to_chat("hello")).json()["output"]
    words = len(TALK.split())
    assert "".join(piece["content"] for piece in pieces) == TALK == invoked["content"]
    assert [piece["response_metadata"] != {} for piece in pieces] == [False] * words + [True]
    assert unfinished[: words - 1] == [True] * (words - 1)
    streamed, whole = pieces[-1]["response_metadata"], invoked["response_metadata"]
    for told in (streamed, whole):
        told["thread"], told["receipt"]["id"] = "…", None
    assert streamed == whole


def test_the_python_client_has_the_words_while_the_model_writes_them(served: Served) -> None:
    served.model.always(SLOWLY)
    chat: RemoteRunnable[Any, Any] = RemoteRunnable(f"{served.url}/assistant/chat")
    pieces = chat.stream({"messages": [HumanMessage("hello")]})
    first = next(pieces)
    was_writing = served.asked("hello").answered is None
    joined = sum(pieces, start=first)
    chat.sync_client.close()
    assert (type(first), first.content, was_writing) == (AIMessageChunk, "Hello ", True)
    assert (joined.content, joined.response_metadata["parts"][0]["writer"]) == (TALK, "small")


@pytest.mark.parametrize(
    ("end", "words_of"),
    [
        ("stream_events", lambda event: [event["data"]["chunk"]] if event["event"] == "on_chain_stream" else []),
        (
            "stream_log",
            lambda log: [op["value"] for op in log["ops"] if op["path"] == "/streamed_output/-"],
        ),
    ],
)
def test_a_playground_has_the_words_while_the_model_writes_them(
    served: Served, end: str, words_of: Callable[[Any], list[dict[str, Any]]]
) -> None:
    served.model.always(SLOWLY)
    told: list[str] = []
    unfinished = []
    with httpx.stream("POST", f"{served.url}/assistant/chat/{end}", json=to_chat("hello")) as response:
        for name, data in events(response):
            for piece in words_of(data) if name == "data" else []:
                told.append(piece["content"])
                unfinished.append(served.asked("hello").answered is None)
    assert "".join(told) == TALK
    assert unfinished[:10] == [True] * 10


def test_a_cited_answer_comes_while_the_model_writes_it(served: Served) -> None:
    served.model.always(says(WRITTEN, each=PAUSE))
    with httpx.stream("POST", f"{served.url}/assistant/chat/stream", json=to_chat(MATCH)) as response:
        told = [data for name, data in events(response) if name == "data"]
    assert "".join(piece["content"] for piece in told) == WRITTEN
    assert len(told) > 5
    assert [cited["n"] for cited in told[-1]["response_metadata"]["citations"]] == [1]


# Words that do not become the answer ----------------------------------------------------------------------------------


def test_a_draft_that_the_pages_do_not_bear_out_is_withdrawn_before_the_answer(served: Served) -> None:
    served.model.always(says(INVENTED))
    with httpx.stream("POST", f"{served.url}/assistant/chat/stream", json=to_chat(MATCH)) as response:
        told = [data for name, data in events(response) if name == "data"]
    answer = httpx.post(f"{served.url}/assistant/chat/invoke", json=to_chat(MATCH)).json()["output"]["content"]
    text = "".join(piece["content"] for piece in told)
    assert text == f"Brightwater matches\n\n{WITHDRAWN}\n\n{answer}"
    assert "77" not in text
    assert told[-1]["response_metadata"]["notices"] == [
        "The draft of ollama:phi4-mini:latest was not borne out by its pages, so the documents' own words answer."
    ]


def test_what_a_broken_endpoint_said_is_withdrawn_and_the_next_ones_words_come_as_they_are_written(
    tandem: Tandem,
) -> None:
    with ollama() as model, openai() as first, openai() as second:
        first.then(cuts())
        second.always(SLOWLY)
        large = [f"{first.url}/v1#one", f"{second.url}/v1#two"]
        told, unfinished = [], []
        with (
            serving(tandem, model, **{"models.large": large, "routing.mode": "large"}) as served,
            httpx.stream("POST", f"{served.url}/assistant/chat/stream", json=to_chat("hello")) as response,
        ):
            for name, data in events(response):
                if name == "data":
                    told.append(data)
                    unfinished.append(any(request.answered is None for request in second.seen))
    text = [piece["content"] for piece in told]
    assert text == ["Hello ", "from ", "the ", f"\n\n{WITHDRAWN}\n\n", *words_of(TALK), ""]
    assert unfinished[4:14] == [True] * 10
    assert told[-1]["response_metadata"]["notices"] == [
        f"The answer of {large[0]} broke off, so another model was asked."
    ]


def words_of(text: str) -> list[str]:
    return re.findall(r"\S+\s*", text)


class Told(Conversation):
    """A conversation in which the model's pieces, and what came of them, are given."""

    def __init__(self, pieces: Sequence[str | None], reply: Reply) -> None:
        self._pieces, self._reply = pieces, reply

    async def run_in_passing(self, *asked: Any, **more: Any) -> AsyncGenerator[Event]:
        for piece in self._pieces:
            yield Words(piece)
        yield self._reply


@pytest.mark.parametrize(
    ("pieces", "answer", "read"),
    [
        (["Four ", "percent."], "Four percent.", "Four percent."),
        (["\n Four ", "percent. \n"], "Four percent.", "\n Four percent. \n"),
        (["Four "], "Four percent.\n\nMild in Oslo.", "Four percent.\n\nMild in Oslo."),
        ([], "Four percent.", "Four percent."),
        ([None, "Four ", None], "Four percent.", f"Four \n\n{WITHDRAWN}\n\nFour percent."),
        (["Five", None, "Four ", "percent."], "Four percent.", f"Five\n\n{WITHDRAWN}\n\nFour percent."),
        (["Five", None, None], "Four percent.", f"Five\n\n{WITHDRAWN}\n\nFour percent."),
        ([" \n", None], "Four percent.", " \nFour percent."),
        (["Four percent. And a ca"], "Four percent.", f"Four percent. And a ca\n\n{WITHDRAWN}\n\nFour percent."),
        (["Five."], "Four percent.", f"Five.\n\n{WITHDRAWN}\n\nFour percent."),
    ],
)
def test_what_is_read_ends_with_the_answer_and_nothing_wrong_stands_before_it_unsaid(
    pieces: list[str | None], answer: str, read: str
) -> None:
    reply: Reply = {**asyncio.run(scripted_talk()[1].ask("match?")), "answer": answer}
    with running(scripted(Told(pieces, reply))) as url:
        streamed = httpx.post(f"{url}/assistant/chat/stream", json=to_chat("match?"))
        [*told, last] = [data for name, data in events(streamed) if name == "data"]
    assert "".join(piece["content"] for piece in told) == read
    assert (last["content"], last["response_metadata"]["thread"]) == ("", reply["thread"])


# Given up -------------------------------------------------------------------------------------------------------------

CALLS = {
    "/assistant/chat/stream": to_chat("hello"),
    "/assistant/chat/invoke": to_chat("hello"),
    "/assistant/chat/stream_events": to_chat("hello"),
    "/assistant/chat/stream_log": to_chat("hello"),
    "/assistant/stream": to_assistant("hello"),
    "/assistant/invoke": to_assistant("hello"),
    "/assistant/batch": {"inputs": [{"question": "hello"}]},
}


@contextmanager
def calling(served: Served, path: str, body: dict[str, Any]) -> Iterator[socket.socket]:
    """A caller that hangs up at the end, whatever has come by then."""
    url = urlsplit(served.url)
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: {len(content)}\r\n\r\n"
    with socket.create_connection((url.hostname, url.port)) as caller:
        caller.sendall(head.encode() + content)
        yield caller


@pytest.fixture
def quiet(served: Served, caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Nothing is left over in the server, and nothing is in its log that someone should look into."""
    yield
    served.rests()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING] == []


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.usefixtures("quiet")
def test_a_caller_that_hangs_up_frees_the_model_within_a_second_and_leaves_no_trace(served: Served, path: str) -> None:
    served.model.always(FOR_EVER)
    before = len(served.model.seen)
    with calling(served, path, {**CALLS[path], **in_thread(path)}):
        [writing] = served.model.wait(before + 1)[before:]
    assert writing.left.wait(SOON)
    served.model.always(says(TALK))
    after = httpx.post(f"{served.url}/assistant/invoke", json=to_assistant("hi there", path)).json()["output"]
    assert (after["answer"], after["notices"]) == (TALK, [])
    assert said_in(served.asked("hi there")) == ["hi there"]


def said_in(request: Request) -> list[str]:
    return [message["content"] for message in request.body["messages"] if message["role"] != "system"]


@pytest.mark.usefixtures("quiet")
def test_all_parts_of_a_question_that_is_given_up_stop(served: Served) -> None:
    served.model.always(FOR_EVER)
    before = len(served.model.seen)
    with calling(served, "/assistant/chat/stream", to_chat(TWO, "two")):
        writing = served.model.wait(before + 2)[before:]
    assert [request.left.wait(SOON) for request in writing] == [True, True]


@pytest.mark.usefixtures("quiet")
def test_a_question_that_is_given_up_while_it_waits_for_its_thread_is_never_asked(served: Served) -> None:
    served.model.always(SLOWLY)
    with calling(served, "/assistant/invoke", to_assistant("hello", "taken")) as first:
        served.asked("hello")
        with calling(served, "/assistant/invoke", to_assistant("hello again", "taken")):
            time.sleep(0.2)
        with calling(served, "/assistant/chat/stream", to_chat("hello once more", "taken")):
            time.sleep(0.2)
        assert b"200 OK" in first.recv(100)
    served.model.always(says("Good bye."))
    after = httpx.post(f"{served.url}/assistant/invoke", json=to_assistant("hi there", "taken")).json()["output"]
    assert after["answer"] == "Good bye."
    assert said_in(served.asked("hi there")) == ["hello", TALK, "hi there"]


@pytest.mark.usefixtures("quiet")
def test_a_caller_that_hangs_up_while_it_sends_is_no_error(served: Served) -> None:
    url = urlsplit(served.url)
    with socket.create_connection((url.hostname, url.port)) as caller:
        caller.sendall(
            f"POST /assistant/invoke HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 99\r\n\r\n{{".encode()
        )
        time.sleep(0.1)
    assert httpx.get(f"{served.url}/health").status_code == 200


@pytest.mark.usefixtures("quiet")
def test_a_python_client_that_stops_listening_frees_the_model(served: Served) -> None:
    served.model.always(FOR_EVER)

    async def first_words() -> str:
        chat: RemoteRunnable[Any, Any] = RemoteRunnable(f"{served.url}/assistant/chat")
        async with aclosing(chat.astream({"messages": [HumanMessage("hello")]})) as pieces:  # type: ignore[type-var]
            first = await anext(pieces)
        await chat.async_client.aclose()
        return str(first.content)

    assert asyncio.run(first_words()) == "model."
    assert served.asked("hello").left.wait(SOON)


# What a thread keeps of it --------------------------------------------------------------------------------------------


@dataclass
class Slow(Script):
    """Never finds what is `slow`, and breaks over what is `damaged`."""

    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        if "slow" in question:
            await asyncio.sleep(60)
        if "damaged" in question:
            raise IndexUnusable("The index is damaged.", "benefits", "Run: tandem ingest")
        return await super().find(question, collections, favoured, asking)


def parts_of(*texts: str) -> list[Heard]:
    intents = {"weather?": "weather", "hello": "smalltalk"}
    return [heard(text, intents.get(text, "401k")) for text in texts]


def scripted_talk() -> tuple[Slow, Conversation]:
    questions = {text: parts_of(text) for text in ("match?", "weather?")}
    joined = {" and ".join(texts): parts_of(*texts) for texts in (("weather?", "slow"), ("hello", "damaged"))}
    script = Slow({**questions, **joined}, {"match?": found("Four percent.")})
    return script, conversation(script)


async def given_up(asking: Awaitable[Reply]) -> None:
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asking, 0.1)


def test_what_a_stopped_question_asked_back_is_not_waited_for() -> None:
    script, talk = scripted_talk()

    async def talked() -> Reply:
        await talk.ask("match?", "t")
        await given_up(talk.ask("weather? and slow", "t"))
        return await talk.ask("match?", "t")

    after = asyncio.run(talked())
    assert (after["answer"], after["notices"]) == ("Four percent. [1]", [])
    assert [asked for asked in script.asked if asked[0] == "triage"][-1] == ("triage", "match?", "match?")


def test_a_reply_that_is_stopped_is_still_waited_for() -> None:
    _, talk = scripted_talk()

    async def talked() -> list[Reply]:
        first = await talk.ask("weather?", "t")
        async with aclosing(talk.run("oslo", "t")) as stopped:
            assert await anext(stopped) == Step("ask_back")
        return [first, await talk.ask("bergen", "t")]

    first, after = asyncio.run(talked())
    assert (first["waiting"], after["answer"]) == ({"question": WHICH_PLACE, "choices": []}, "Mild in Bergen.")


def test_a_question_that_breaks_leaves_nothing_of_the_part_that_was_answered() -> None:
    script, talk = scripted_talk()

    async def talked() -> Reply:
        with pytest.raises(IndexUnusable):
            await talk.ask("hello and damaged", "t")
        return await talk.ask("match?", "t")

    after = asyncio.run(talked())
    assert after["answer"] == "Four percent. [1]"
    assert [asked for asked in script.asked if asked[0] == "triage"][-1] == ("triage", "match?")


@pytest.mark.usefixtures("quiet")
def test_the_file_of_threads_has_nothing_of_a_question_that_was_given_up(served: Served, tandem: Tandem) -> None:
    served.model.always(FOR_EVER)
    with calling(served, "/assistant/chat/stream", to_chat(f"Will it rain tomorrow, and {TWO}", "rain")):
        served.asked(MATCH)
    served.rests()
    with closing(sqlite3.connect(tandem.parts.places.data / "threads.sqlite")) as threads:
        counted = "SELECT (SELECT count(*) FROM {} WHERE thread_id = 'rain')"
        kept = [threads.execute(counted.format(table)).fetchone()[0] for table in ("checkpoints", "writes")]
    assert kept == [0, 0]


# At a terminal --------------------------------------------------------------------------------------------------------

LINES = "\n".join(f"Line {n} of the answer." for n in range(60))


@contextmanager
def tandem_at_a_terminal(tandem: Tandem, *arguments: str) -> Iterator[tuple[Ollama, Typist]]:
    places = tandem.parts.places
    with ollama() as model:
        environ = {"OLLAMA_HOST": model.url, "XDG_CACHE_HOME": str(places.cache.parent)}
        command = "from apps.cli import main; print('left with', main())"
        with at_a_terminal(command, [*arguments, "--data", str(places.data)], environ) as typist:
            yield model, typist


def test_an_answer_is_read_at_the_terminal_while_it_is_written_and_then_stands_there_once(tandem: Tandem) -> None:
    with tandem_at_a_terminal(tandem, "ask", "hello") as (model, typist):
        model.always(says(TALK, each=0.1))
        typist.sees("Hello to you as well, I am")
        assert asked(model, "hello").answered is None
        typist.sees("documents of your company.")
        shown = typist.sees("left with 0")
    last = shown.rpartition("\x1b[2K")[2]  # what is erased is gone
    assert (last.count(TALK), "small (ollama:phi4-mini:latest)" in last) == (1, True)


def test_ctrl_c_ends_an_ask_with_130_and_frees_the_model(tandem: Tandem) -> None:
    with tandem_at_a_terminal(tandem, "ask", "hello") as (model, typist):
        model.always(FOR_EVER)
        typist.sees("model.model.model.")
        typist.types(CTRL_C)
        assert asked(model, "hello").left.wait(SOON)
        assert "Traceback" not in typist.sees("left with 130")


def test_ctrl_c_in_a_chat_frees_the_model_and_the_next_answer_is_right(tandem: Tandem) -> None:
    with tandem_at_a_terminal(tandem, "chat") as (model, typist):
        model.always(FOR_EVER)
        typist.sees(READY)
        typist.types("hello\r")
        typist.sees("model.model.model.")
        typist.types(CTRL_C + CTRL_C)  # the impatient press it twice
        assert asked(model, "hello").left.wait(SOON)
        typist.sees("Stopped.")
        typist.sees(READY)
        model.always(says(TALK))
        typist.types("hi there\r")
        typist.sees("small (ollama:phi4-mini:latest)")
        assert said_in(model.seen[-1]) == ["hi there"]
        typist.sees(READY)
        typist.types(CTRL_D)
        typist.sees("left with 0")


class Screen(io.StringIO):
    """A terminal of 24 lines and 80 columns."""

    def isatty(self) -> bool:
        return True


def watched_at_a_terminal(monkeypatch: pytest.MonkeyPatch, *pieces: str | None) -> str:
    """All that is drawn, each piece for as long as it takes to be drawn."""
    for name, value in {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}.items():
        monkeypatch.setenv(name, value)
    [reply] = asyncio.run(collected(scripted_talk()[1].run("match?")))[-1:]

    async def told() -> AsyncIterator[Event]:
        for piece in pieces:
            yield Words(piece)
            await asyncio.sleep(0.15)
        yield reply

    screen = Screen()
    assert asyncio.run(watched(told(), screen)) == reply
    return screen.getvalue()


async def collected(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


def test_no_escape_code_of_a_model_reaches_the_terminal_though_it_comes_in_two_pieces(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = watched_at_a_terminal(monkeypatch, "one \x1b", "]0;owned", "\x07 two \x1b[3", "1mthree\x9b", "2J four")
    own = re.sub(r"\x1b\[(?:\d*[ABGKm]|\?25[lh])", "", drawn)  # what the spinner draws with
    assert [code for code in own if code < " " and code not in "\r\n"] == []
    assert "one  two three four" in drawn


def test_of_an_answer_longer_than_the_screen_its_end_is_shown_and_what_does_not_count_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    drawn = watched_at_a_terminal(monkeypatch, "A first draft.", None, LINES)
    _, _, last = drawn.partition("A first draft.")
    frames = [set(re.findall(r"Line \d+", frame)) for frame in last.split("\x1b[?25l")[-1].split("\r")]
    longest = max(frames, key=len)
    assert "first draft" not in last.split("Line", 1)[1]
    assert longest == {f"Line {n}" for n in range(38, 60)}


# The server stops -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_server_that_is_stopped_frees_the_model_and_tells_who_listens(tandem: Tandem, how: signal.Signals) -> None:
    places = tandem.parts.places
    with ollama() as model:
        model.always(FOR_EVER)
        environ = {**os.environ, "OLLAMA_HOST": model.url, "XDG_CACHE_HOME": str(places.cache.parent)}
        command = [sys.executable, "-u", "-m", "apps.cli", "serve", "--port", "0", "--data", str(places.data)]
        with subprocess.Popen(
            command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split()[3].removesuffix("/assistant;")
            with httpx.stream("POST", f"{url}/assistant/chat/stream", json=to_chat("hello")) as response:
                told = events(response)
                next(told)
                server.send_signal(how)
                *_, (last, error) = told
            assert asked(model, "hello").left.wait(SOON)
            out, err = server.communicate(timeout=20)
    assert (last, error["error"]["what"]) == ("error", "This server is being stopped.")
    assert (server.returncode, out.splitlines()[-1], "Traceback" in err) == (0, "Stopped.", False)
