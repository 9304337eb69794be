"""What callers of `tandem serve` can rely on, through a real socket; and each trap of LangServe, kept shut."""

import asyncio
import json
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import langsmith.utils
import pytest
from langchain_core.messages import AIMessage, AIMessageChunk, HumanMessage
from langchain_core.runnables import RunnableConfig
from langserve import RemoteRunnable

from apps.http import LARGEST
from apps.server import app, serve
from apps.settings import ROOT
from apps.wiring import Places
from graphs import words
from graphs.reply import Reply
from ingest.errors import IndexUnusable, Trouble
from models.asking import Asking
from models.found import Found
from tests.conftest import Tandem
from tests.scripted import NOTHING, Script, conversation, found, heard
from tests.server_running import running, scripted

MATCH = "Brightwater matches 100% of the first 4% of pay."
ANSWER = f"{MATCH} [1]"
REAL = "How much does the company match on my 401k?"
CITED = {"n": 1, "collection": "401k", "source": "plan.pdf", "page": 3, "quote": MATCH}


def company() -> Script:
    return Script(
        {
            "match?": [heard("match?", "401k", 2.5)],
            "weather?": [heard("weather?", "weather")],
            "hello": [heard("hello", "smalltalk")],
        },
        {"match?": found(MATCH)},
    )


@contextmanager
def serving(script: Script | None = None) -> Iterator[httpx.Client]:
    with running(scripted(conversation(script or company()))) as url, httpx.Client(base_url=url, timeout=20) as client:
        yield client


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    """For what leaves no trace in the server."""
    with serving() as client:
        yield client


@contextmanager
def remote(client: httpx.Client, path: str) -> Iterator[RemoteRunnable[Any, Any]]:
    runnable: RemoteRunnable[Any, Any] = RemoteRunnable(f"{client.base_url}{path}", timeout=20)
    yield runnable
    runnable.sync_client.close()


def asked(question: str, **more: str) -> dict[str, Any]:
    return {"input": {"question": question, **more}}


def said(*messages: Any, thread: str | None = None) -> dict[str, Any]:
    config = {"config": {"configurable": {"thread_id": thread}}} if thread else {}
    return {"input": {"messages": [*messages]}, **config}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def ai(content: str) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def events(response: httpx.Response) -> list[tuple[str, Any]]:
    """The server-sent events of a whole response."""
    blocks = [block.split("\r\n") for block in response.text.split("\r\n\r\n") if block.strip("\r\n")]
    lines = [dict(line.split(": ", 1) for line in block) for block in blocks if not block[0].startswith(":")]
    return [(line["event"], json.loads(line["data"]) if "data" in line else None) for line in lines]


def error_of(response: httpx.Response) -> dict[str, Any]:
    """Without its id, which is new each time."""
    error: dict[str, Any] = response.json()["error"]
    assert len(error.pop("id")) == 12
    return error


def timeless(reply: Any) -> Any:
    return {**reply, "ms": {}, "boxes": [], "thread": "…", "receipt": {**reply["receipt"], "id": None}}


def direct(question: str) -> Reply:
    reply = asyncio.run(conversation(company()).ask(question))
    return json.loads(json.dumps(timeless(reply)))  # type: ignore[no-any-return]


# The contract ---------------------------------------------------------------------------------------------------------


def test_a_question_over_http_gets_the_reply_of_ask(client: httpx.Client) -> None:
    invoked = client.post("/assistant/invoke", json=asked("match?")).json()
    batched = client.post("/assistant/batch", json={"inputs": [asked("match?")["input"], asked("hello")["input"]]})
    streamed = events(client.post("/assistant/stream", json=asked("match?")))
    assert timeless(invoked["output"]) == direct("match?")
    assert [timeless(reply) for reply in batched.json()["output"]] == [direct("match?"), direct("hello")]
    assert [name for name, _ in streamed] == ["metadata", "data", "end"]
    assert timeless(streamed[1][1]) == direct("match?")


def test_a_pinned_collection_is_the_only_one_searched() -> None:
    script = company()
    with serving(script) as client:
        client.post("/assistant/invoke", json=asked("match?", collection="benefits"))
        client.post("/assistant/invoke", json=asked("match?", collection=""))
    assert [call for call in script.asked if call[0] == "find"] == [
        ("find", "match?", "benefits"),
        ("find", "match?", "401k", "benefits"),
    ]


def test_a_chat_gets_one_message_that_carries_citations_parts_and_receipt(client: httpx.Client) -> None:
    output = client.post("/assistant/chat/invoke", json=said(user("match?"))).json()["output"]
    reply = direct("match?")
    output["response_metadata"]["thread"] = "…"
    assert (output["type"], output["content"]) == ("ai", ANSWER)
    assert output["response_metadata"] == {
        key: reply[key] for key in ("citations", "parts", "receipt", "thread", "notices", "waiting")
    }


def test_a_streamed_chat_is_the_answer_in_pieces_and_the_metadata_on_the_last(client: httpx.Client) -> None:
    streamed = events(client.post("/assistant/chat/stream", json=said(user("match?"))))
    assert [name for name, _ in streamed] == ["metadata", "data", "data", "end"]
    pieces = [data for name, data in streamed if name == "data"]
    assert {piece["type"] for piece in pieces} == {"AIMessageChunk"}
    assert "".join(piece["content"] for piece in pieces) == ANSWER
    assert [piece["response_metadata"] != {} for piece in pieces] == [False, True]
    assert pieces[-1]["response_metadata"]["citations"] == [CITED]


def test_the_python_client_has_whole_replies_from_the_assistant(client: httpx.Client) -> None:
    with remote(client, "/assistant") as assistant:
        replies = [
            assistant.invoke({"question": "match?"}),
            *assistant.batch([{"question": "match?"}, {"question": "match?"}]),
            *assistant.stream({"question": "match?"}),
        ]
    assert [timeless(reply) for reply in replies] == [direct("match?")] * 4


def test_the_python_client_has_messages_from_the_chat(client: httpx.Client) -> None:
    messages = {"messages": [HumanMessage("hello"), AIMessage("You said hello"), HumanMessage("match?")]}
    with remote(client, "/assistant/chat") as chat:
        whole = [chat.invoke(messages), *chat.batch([messages])]
        pieces = [*chat.stream(messages)]
    assert [(type(message), message.content) for message in whole] == [(AIMessage, ANSWER)] * 2
    assert [type(piece) for piece in pieces] == [AIMessageChunk] * 2
    joined = pieces[0] + pieces[1]
    assert joined.content == ANSWER
    assert joined.response_metadata["citations"] == whole[0].response_metadata["citations"] == [CITED]


def test_the_python_client_has_the_steps_as_events(client: httpx.Client) -> None:
    async def seen(chat: RemoteRunnable[Any, Any]) -> list[tuple[str, Any]]:
        kept = []
        async for event in chat.astream_events({"messages": [HumanMessage("match?")]}, version="v2"):
            data = event["data"]
            told = data.get("chunk", data.get("output", data.get("input", data)))
            kept.append((event["event"], told if isinstance(told, dict) else told.content))
        await chat.async_client.aclose()
        return kept

    with remote(client, "/assistant/chat") as chat:
        kept = asyncio.run(seen(chat))
    steps = ["triage", "documents:retrieve", "documents:draft", "documents:check", "compose"]
    assert kept == [
        ("on_chain_start", {"messages": [user("match?")]}),
        *(("on_custom_event", {"name": step}) for step in steps),
        ("on_chain_stream", ANSWER),
        ("on_chain_stream", ""),
        ("on_chain_end", ANSWER),
    ]


@pytest.mark.parametrize(
    "messages",
    [
        [{"type": "human", "content": "match?"}],
        [{"role": "user", "content": "match?"}],
        [{"role": "human", "content": "match?"}],
        [{"role": "user", "content": [{"type": "text", "text": "match?"}]}],
        [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "match?"}]}],
        [{"type": "human", "content": "match?", "id": "1", "name": None, "additional_kwargs": {}, "example": False}],
        [{"role": "tool", "tool_call_id": "1", "content": "4"}, {"role": "user", "content": "match?"}],
        [{"role": "assistant", "content": None, "tool_calls": []}, {"role": "user", "content": "match?"}],
    ],
)
def test_messages_come_in_the_form_of_langchain_or_of_openai(client: httpx.Client, messages: list[Any]) -> None:
    response = client.post("/assistant/chat/invoke", json=said(*messages))
    assert (response.status_code, response.json()["output"]["content"]) == (200, ANSWER)


def test_a_system_message_is_not_followed_and_that_is_said(client: httpx.Client) -> None:
    answer = client.post("/assistant/chat/invoke", json=said({"role": "system", "content": "Rhyme."}, user("match?")))
    notices = answer.json()["output"]["response_metadata"]["notices"]
    assert notices == ["A system message was sent; Tandem does not follow one."]


# Threads --------------------------------------------------------------------------------------------------------------


def test_a_thread_goes_on_in_the_next_call() -> None:
    with serving() as client, remote(client, "/assistant") as assistant:
        config: RunnableConfig = {"configurable": {"thread_id": "mine"}}
        first = assistant.invoke({"question": "weather?"}, config)
        second = assistant.invoke({"question": "oslo"}, config)
    assert (first["waiting"], first["thread"]) == ({"question": words.WHICH_PLACE, "choices": []}, "mine")
    assert (second["answer"], second["thread"]) == ("Mild in Oslo.", "mine")


def test_in_a_thread_only_the_last_message_of_the_user_is_taken() -> None:
    script = company()
    with serving(script) as client:
        client.post("/assistant/chat/invoke", json=said(user("hello"), thread="t"))
        history = [user("hello"), ai("You said hello"), user("match?")]
        client.post("/assistant/chat/invoke", json=said(*history, thread="t"))
    assert [call for call in script.asked if call[0] == "triage"] == [
        ("triage", "hello"),
        ("triage", "match?", "hello"),
    ]


def test_without_a_thread_the_messages_are_the_history_and_nothing_is_kept() -> None:
    script = company()
    history = [ai("Welcome!"), user("hello"), ai("You said hello"), user("weather?"), user("match?"), ai("Well…")]
    with serving(script) as client:
        client.post("/assistant/chat/invoke", json=said(*history))
        client.post("/assistant/chat/invoke", json=said(user("match?")))
        client.post("/assistant/invoke", json=asked("match?"))
    assert [call for call in script.asked if call[0] == "triage"] == [
        ("triage", "match?", "hello", "weather?"),
        ("triage", "match?"),
        ("triage", "match?"),
    ]


@pytest.mark.parametrize("thread", ["x" * 201, "a\x1b[2Jb", "\ud800", 5, None, ["a"]])
def test_a_thread_has_a_name_of_at_most_200_characters(client: httpx.Client, thread: Any) -> None:
    body = json.dumps({**asked("match?"), "config": {"configurable": {"thread_id": thread}}})
    statuses = {client.post(f"/assistant/{end}", content=body).status_code for end in ("invoke", "stream")}
    assert statuses == {422}


# What is refused ------------------------------------------------------------------------------------------------------

LIKE_A_QUESTION = 'Send {"question": "…", "collection": "…"}, the collection only to pin it, as the input.'
LIKE_MESSAGES = 'Send {"messages": [{"role": "user", "content": "…"}]} as the input.'
NOT_TEXT = "messages.0 is not right: the content of a message is text; images and files are not read."
NO_SPEAKER = "messages.0 is not right: a message has a type (human, ai, system) or a role (user, assistant, system)."


@pytest.mark.parametrize(
    ("given", "what", "value", "do"),
    [
        ({"question": " "}, "The question is empty.", "' '", "Type what you want to know."),
        (
            {"question": "x" * 32_001},
            "The question has 32,001 characters; at most 32,000 can be asked at once.",
            "x" * 40 + "…",
            "Save a longer text to a file and run: tandem summarize FILE",
        ),
        (
            {"question": "match?", "collection": "pets"},
            "There is no such collection.",
            "pets",
            "Name one of 401k, benefits.",
        ),
        ({"question": "match?", "colection": "401k"}, "colection is not known.", "401k", LIKE_A_QUESTION),
        ({"collection": "401k"}, "question is missing.", None, LIKE_A_QUESTION),
        ({"question": 7}, "question is not right: Input should be a valid string.", "7", LIKE_A_QUESTION),
        ("match?", "The request should be an object.", "match?", LIKE_A_QUESTION),
        (None, "The request should be an object.", "null", LIKE_A_QUESTION),
    ],
)
def test_a_wrong_question_is_refused_in_three_parts(
    client: httpx.Client, given: Any, what: str, value: str, do: str
) -> None:
    ends = ("invoke", "batch", "stream", "stream_events", "stream_log")
    responses = [client.post(f"/assistant/{end}", json={"input": given, "inputs": [given]}) for end in ends]
    refused = (422, {"what": what, "value": value, "do": do})
    assert [(response.status_code, error_of(response)) for response in responses] == [refused] * len(ends)


@pytest.mark.parametrize(
    ("messages", "what"),
    [
        ([], "There is no message from the user."),
        ([ai("match?")], "There is no message from the user."),
        ([user("")], "The message is empty."),
        (
            [user("x" * 32_001), user("match?")],
            "The message has 32,001 characters; at most 32,000 can be asked at once.",
        ),
        ("match?", "messages is not right: Input should be a valid list."),
        (["match?"], "messages.0 is not right: a message is an object."),
        ([{"content": "match?"}], NO_SPEAKER),
        ([{"role": "wizard", "content": "match?"}], NO_SPEAKER),
        ([{"role": ["user"], "content": "match?"}], NO_SPEAKER),
        ([user({"text": "match?"})], NOT_TEXT),
        ([user([[["match?"]]])], NOT_TEXT),
        ([user([{"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}}])], NOT_TEXT),
    ],
)
def test_wrong_messages_are_refused(client: httpx.Client, messages: Any, what: str) -> None:
    response = client.post("/assistant/chat/invoke", json={"input": {"messages": messages}})
    assert (response.status_code, error_of(response)["what"]) == (422, what)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"\xff\xfe", b"[" * 100_000, b"1" * 5000, b"[]", b"null",
        b'{"input": NaN}', b'{"inputs": null}', b'{"inputs": 5}',
        b'{"input": {"question": "match?"}, "config": []}', b'{"input": {"question": "match?"}, "config": "x"}',
    ],
)  # fmt: skip
def test_what_is_no_request_is_refused_and_never_breaks_the_server(client: httpx.Client, body: bytes) -> None:
    for end in ("invoke", "batch", "stream_log"):
        response = client.post(f"/assistant/{end}", content=body)
        assert (response.status_code, {*error_of(response)}) == (422, {"what", "value", "do"})
    assert client.get("/health").json() == {"status": "ok"}


def test_a_config_may_be_null_like_one_left_out(client: httpx.Client) -> None:
    one = client.post("/assistant/invoke", json={**asked("match?"), "config": None})
    batch = client.post("/assistant/batch", json={"inputs": [asked("match?")["input"]], "config": None})
    assert (one.status_code, batch.status_code) == (200, 200)


def test_a_batch_has_at_most_100_inputs(client: httpx.Client) -> None:
    most = client.post("/assistant/batch", json={"inputs": [asked("match?")["input"]] * 100})
    more = client.post("/assistant/batch", json={"inputs": [asked("match?")["input"]] * 101})
    none = client.post("/assistant/batch", json={"inputs": []})
    assert (most.status_code, len(most.json()["output"]), none.json()["output"]) == (200, 100, [])
    assert (more.status_code, error_of(more)) == (
        422,
        {"what": "The batch is too long.", "value": "101 inputs", "do": "Send at most 100 at once."},
    )


def test_a_large_body_is_refused_whether_or_not_its_length_is_told(client: httpx.Client) -> None:
    piece = b" " * 2**20
    told = client.post("/assistant/invoke", content=piece * 20)
    chunked = client.post("/assistant/invoke", content=(piece for _ in range(20)))
    assert client.post("/assistant/invoke", json=asked("match?")).status_code == 200
    do = f"Send at most {LARGEST} bytes at once."
    assert (told.status_code, error_of(told)["do"]) == (chunked.status_code, error_of(chunked)["do"]) == (413, do)


def test_an_unknown_address_and_a_wrong_method_are_refused_in_three_parts(client: httpx.Client) -> None:
    do = "See /openapi.json for what there is."
    missing, wrong = client.get("/assistent"), client.get("/assistant/invoke")
    assert (missing.status_code, error_of(missing)) == (
        404,
        {"what": "Not Found.", "value": "GET /assistent", "do": do},
    )
    assert (wrong.status_code, error_of(wrong)) == (
        405,
        {"what": "Method Not Allowed.", "value": "GET /assistant/invoke", "do": do},
    )


@pytest.mark.parametrize("header", [{"host": "evil.example"}, {"origin": "https://evil.example"}, {"origin": "null"}])
def test_another_sites_page_in_a_browser_here_can_neither_ask_nor_read(header: dict[str, str]) -> None:
    script = company()
    with serving(script) as client:
        response = client.post("/assistant/invoke", json=asked("match?"), headers=header)
        own = client.post("/assistant/invoke", json=asked("hello"), headers={"origin": "http://localhost:8080"})
    assert (response.status_code, own.status_code) == (403, 200)
    assert [call for call in script.asked if call[0] == "triage"] == [("triage", "hello")]


# When it fails --------------------------------------------------------------------------------------------------------


class Broken(Script):
    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        if question == "boom":
            raise ValueError("the password is hunter2")
        if question == "trouble":
            raise IndexUnusable("The index is damaged.", "benefits", "Run: tandem ingest")
        return found(MATCH)


def test_a_failure_is_told_with_an_id_that_the_log_has_and_without_internals(caplog: pytest.LogCaptureFixture) -> None:
    with serving(Broken()) as client, caplog.at_level(logging.INFO, "tandem.server"):
        response = client.post("/assistant/invoke", json=asked("boom"))
        # The same connection goes on.
        after = client.post("/assistant/invoke", json=asked("match?"))
    name = response.json()["error"]["id"]
    assert (response.status_code, error_of(response)) == (
        500,
        {
            "what": "Something went wrong here.",
            "value": None,
            "do": f"Try again. If it fails again, whoever runs this server finds {name} in its log.",
        },
    )
    [logged] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert name in logged.getMessage()
    assert logged.exc_info is not None
    assert "hunter2" in str(logged.exc_info[1])
    assert "hunter2" not in response.text
    assert after.json()["output"]["answer"] == ANSWER


@pytest.mark.parametrize("end", ["stream", "stream_events", "stream_log"])
def test_a_stream_that_fails_ends_with_an_error_event_and_the_connection_goes_on(end: str) -> None:
    with serving(Broken()) as client:
        seen = events(client.post(f"/assistant/chat/{end}", json=said(user("boom"))))
        after = events(client.post(f"/assistant/chat/{end}", json=said(user("match?"))))
    name, told = seen[-1]
    assert [event for event, _ in seen].count("error") == 1
    assert (name, told["status_code"], told["error"]["what"]) == ("error", 500, "Something went wrong here.")
    assert told["error"]["id"] in told["message"]
    assert "hunter2" not in json.dumps(seen)
    assert after[-1] == ("end", None)


def test_the_python_client_gets_a_failures_sentence_and_its_next_call_works() -> None:
    with serving(Broken()) as client, remote(client, "/assistant/chat") as chat:
        with pytest.raises(httpx.HTTPStatusError, match=r"The index is damaged \(benefits\)\. Run: tandem ingest"):
            list(chat.stream({"messages": [user("trouble")]}))
        with pytest.raises(httpx.HTTPStatusError, match="503"):
            chat.invoke({"messages": [user("trouble")]})
        assert chat.invoke({"messages": [user("match?")]}).content == ANSWER


def test_trouble_on_this_side_is_told_in_its_three_parts() -> None:
    with serving(Broken()) as client:
        response = client.post("/assistant/invoke", json=asked("trouble"))
    told = {"what": "The index is damaged.", "value": "benefits", "do": "Run: tandem ingest"}
    assert (response.status_code, error_of(response)) == (503, told)


@dataclass
class Waiting(Script):
    """Searches for `slow` without end."""

    began: threading.Event = field(default_factory=threading.Event)
    ended: threading.Event = field(default_factory=threading.Event)

    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        if question == "slow":
            self.began.set()
            try:
                await asyncio.sleep(60)
            finally:
                self.ended.set()
        return NOTHING


def test_a_caller_that_hangs_up_stops_the_run_and_frees_its_thread() -> None:
    script = Waiting()
    with serving(script) as client:
        with client.stream("POST", "/assistant/chat/stream", json=said(user("slow"), thread="t")):
            assert script.began.wait(10)
        assert script.ended.wait(2)
        after = client.post("/assistant/chat/invoke", json=said(user("hello"), thread="t"))
    assert after.status_code == 200


# Many at once ---------------------------------------------------------------------------------------------------------


class Numbered(Script):
    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        await asyncio.sleep(0.02)
        return found(f"It is {question}.")


def test_fifty_callers_at_once_each_get_their_own_answer() -> None:
    async def all_at_once(url: str) -> list[str]:
        async with httpx.AsyncClient(base_url=url, timeout=30) as client:

            async def ask(n: int) -> str:
                if n % 2:
                    response = await client.post("/assistant/invoke", json=asked(f"q{n}"))
                    return str(response.json()["output"]["answer"])
                response = await client.post("/assistant/chat/stream", json=said(user(f"q{n}"), thread=f"t{n}"))
                return "".join(data["content"] for name, data in events(response) if name == "data")

            return await asyncio.gather(*map(ask, range(50)))

    with serving(Numbered()) as client:
        answers = asyncio.run(all_at_once(str(client.base_url)))
    assert answers == [f"It is q{n}. [1]" for n in range(50)]


def test_questions_at_once_in_one_thread_all_stay_in_it() -> None:
    script = Numbered()
    with serving(script) as client:
        inputs = [asked(f"q{n}")["input"] for n in range(5)]
        config = {"configurable": {"thread_id": "shared"}}
        client.post("/assistant/batch", json={"inputs": inputs, "config": config})
        client.post("/assistant/invoke", json={**asked("last"), "config": config})
    [last] = [call for call in script.asked if call[:2] == ("triage", "last")]
    assert sorted(last[2:]) == ["q0", "q1", "q2", "q3", "q4"]


# Traps of LangServe ---------------------------------------------------------------------------------------------------


def test_the_schemas_say_what_is_asked_and_what_is_said(client: httpx.Client) -> None:
    schemas = {path: client.get(f"/assistant{path}_schema").json() for path in ("/input", "/output", "/config")}
    chat = {path: client.get(f"/assistant/chat{path}_schema").json() for path in ("/input", "/output")}
    assert client.get("/openapi.json").status_code == 200
    question = schemas["/input"]
    assert {name: kind["type"] for name, kind in question["properties"].items()} == {
        "question": "string",
        "collection": "string",
    }
    assert question["required"] == ["question"]
    assert schemas["/output"]["$defs"]["Reply"]["required"] == [*Reply.__annotations__]
    # A thread that may be null would show an empty playground.
    thread = schemas["/config"]["$defs"]["Configurable"]["properties"]["thread_id"]
    assert (thread["type"], thread["default"]) == ("string", "")
    # What the chat playground looks for before it opens.
    assert {name: kind["type"] for name, kind in chat["/input"]["properties"].items()} == {"messages": "array"}
    assert chat["/output"]["oneOf"][0]["properties"]["type"]["enum"] == ["ai"]


def test_only_these_addresses_exist() -> None:
    api = app(scripted(conversation(company())), list)
    ends = [
        "batch",
        "config_schema",
        "input_schema",
        "invoke",
        "output_schema",
        "stream",
        "stream_events",
        "stream_log",
    ]
    mounted = [
        f"/assistant{chat}{shared}/{end}"
        for chat in ("", "/chat")
        for shared in ("", "/c/{config_hash}")
        for end in [*ends, "playground/{file_path:path}"]
    ]
    assert sorted({route.path for route in api.routes}) == sorted(["/health", "/openapi.json", *mounted])  # type: ignore[attr-defined]


def test_two_servers_in_one_process_do_not_share_their_shapes() -> None:
    def collections() -> list[str]:
        return ["pets"]

    with serving() as client, running(scripted(conversation(company())), collections) as other:
        first = client.post("/assistant/invoke", json=asked("match?", collection="401k"))
        second = httpx.post(f"{other}/assistant/invoke", json=asked("match?", collection="401k"))
    assert (first.status_code, second.status_code) == (200, 422)
    assert error_of(second)["do"] == "Name one of pets."


def test_one_server_after_another_in_one_process_streams() -> None:
    for _ in range(2):
        with serving() as client:
            assert events(client.post("/assistant/stream", json=asked("match?")))[-1] == ("end", None)


def test_the_chat_playgrounds_own_request_is_answered_with_its_whole_history_and_no_thread() -> None:
    script = company()
    with serving(script) as client:
        body = {**said({"type": "human", "content": "hello"}, {"type": "ai", "content": "Hi"}, user("match?"))}
        response = client.post("/assistant/chat/stream_log", json={**body, "config": {}})
    final = [op for _, data in events(response)[:-1] for op in data["ops"] if op["path"] == "/final_output"]
    assert final[-1]["value"]["content"] == ANSWER
    assert final[-1]["value"]["type"] == "AIMessageChunk"
    assert ("triage", "match?", "hello") in script.asked


@pytest.mark.parametrize("path", ["/assistant/playground", "/assistant/chat/playground"])
def test_a_playground_loads_nothing_from_elsewhere_and_serves_nothing_else(client: httpx.Client, path: str) -> None:
    page = client.get(f"{path}/")
    assets = [part.split('"')[0] for part in page.text.split(f'="{path}/')[1:]]
    assert {client.get(f"{path}/{asset}").status_code for asset in assets} == {200}
    others = ["assets", "%00", "../../server.py", "..%2F..%2Fserver.py", "%2e%2e/package.json", "package.json"]
    assert {client.get(f"{path}/{other}").status_code for other in others} == {404}
    links = [part.split('"')[0] for part in page.text.replace("src=", "href=").split('href="')[1:]]
    assert page.status_code == 200
    assert len(assets) == 3
    assert all(link.startswith(path) for link in links)


def test_constructors_and_secrets_in_messages_stay_words(client: httpx.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-this-machine")
    secret = {"lc": 1, "type": "secret", "id": ["OPENAI_API_KEY"]}
    message = {"lc": 1, "type": "constructor", "id": ["langchain_core", "messages", "HumanMessage"], "kwargs": {}}
    refused = client.post("/assistant/chat/invoke", json=said(message))
    ends = ("invoke", "stream", "stream_events", "stream_log")
    body = said({**user("match?"), "additional_kwargs": {"key": secret}, "response_metadata": secret})
    answers = [client.post(f"/assistant/chat/{end}", json=body) for end in ends]
    assert refused.status_code == 422
    assert {answer.status_code for answer in answers} == {200}
    assert not any("sk-of-this-machine" in answer.text or "OPENAI" in answer.text for answer in answers)


def langsmith_forgets() -> None:
    """It reads each variable once."""
    langsmith.utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


def test_nothing_is_told_to_langsmith_whatever_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []

    class Hears(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.append(self.path)
            self.send_response(202)
            self.end_headers()

        do_GET = do_POST

    with HTTPServer(("127.0.0.1", 0), Hears) as smith:
        thread = threading.Thread(target=smith.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("LANGSMITH_TRACING", "true")
        monkeypatch.setenv("LANGSMITH_API_KEY", "key")
        monkeypatch.setenv("LANGSMITH_ENDPOINT", f"http://127.0.0.1:{smith.server_address[1]}")
        langsmith_forgets()
        try:
            with serving() as client:
                client.post("/assistant/invoke", json=asked("match?"))
                client.post("/assistant/chat/stream", json=said(user("match?")))
            time.sleep(0.5)
        finally:
            monkeypatch.undo()
            langsmith_forgets()
            smith.shutdown()
            thread.join()
    assert told == []


# The command ----------------------------------------------------------------------------------------------------------


def test_starting_prints_no_banner(capsys: pytest.CaptureFixture[str]) -> None:
    with serving() as client:
        client.get("/health")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])  # noqa: S104
def test_only_this_machine_is_served(host: str, tandem: Tandem) -> None:
    with pytest.raises(Trouble) as refused:
        serve(tandem.parts, host, 0)
    assert (refused.value.what, refused.value.value, refused.value.do) == (
        "There are no accounts yet, so only this machine may ask.",
        host,
        "Serve on it: --host 127.0.0.1",
    )


def test_a_port_that_is_taken_is_told_in_a_sentence(tandem: Tandem) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "apps.cli", "serve", "--port", str(port)]
        done = _tandem(tandem, command, stop=False)
    assert done == (
        1,
        "",
        f"tandem: Nothing can be served there (Address already in use) (127.0.0.1:{port})."
        " Stop what listens there, or choose another port: --port 8081\n",
    )


def test_the_real_thing_answers_over_http(tandem: Tandem) -> None:
    """In its own process, with every warning an error, until it is stopped as a service is."""
    command = [sys.executable, "-W", "error", "-m", "apps.cli", "serve", "--port", "0"]
    code, out, err = _tandem(tandem, command, stop=True)
    told = [tandem.parts.opening(), "Ctrl-C stops it.", "Stopped."]
    assert (code, out.splitlines()[1:], err) == (0, told, "")


def _tandem(tandem: Tandem, command: list[str], *, stop: bool) -> tuple[int, str, str]:
    places: Places = tandem.parts.places
    environment = {"XDG_CACHE_HOME": str(places.cache.parent), "PATH": "", "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, "--data", str(places.data)],
        cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    with process:
        assert process.stdout is not None
        try:
            first = process.stdout.readline()
            if stop:
                first += process.stdout.readline() + process.stdout.readline()
                url = first.split()[3].removesuffix("/assistant;")
                answer = httpx.post(f"{url}/assistant/invoke", json=asked(REAL), timeout=60).json()["output"]
                assert answer["citations"]
                assert timeless(answer) == timeless(tandem.ask(REAL)[0])
                process.terminate()
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    return process.returncode, first + out, err
