"""The real clients against the two servers: what works in life works here, and what fails there fails here."""

import asyncio
import json
import math
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx2
import ollama as ollama_client
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_ollama import ChatOllama, OllamaEmbeddings
from langchain_openai import AzureChatOpenAI, ChatOpenAI, OpenAIEmbeddings
from pydantic import SecretStr

from tests import ollama_wire, openai_wire
from tests.ollama_wire import Ollama, ollama
from tests.openai_wire import OpenAI, openai
from tests.wire import (
    Fails,
    Wire,
    asks_for_json,
    asks_for_text,
    embeds,
    hangs,
    never_ends,
    once,
    redirects,
    refused,
    says,
    says_json,
)

SCHEMA = {"title": "Triage", "type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
TIMEOUT = 0.4
"""Of a client's single read."""
PLAIN: dict[str, Any] = {"verify": False}  # There is no TLS here, and reading the certificates takes 30 ms a client.
GOES_ON = "goes on"


@asynccontextmanager
async def chat_ollama(server: Ollama, **settings: Any) -> AsyncIterator[ChatOllama]:
    client = {"timeout": settings.pop("timeout", 5), **PLAIN}
    model = ChatOllama(model="phi4-mini", base_url=server.url, client_kwargs=client, **settings)
    try:
        yield model
    finally:
        await model._async_client._client.aclose()
        model._client._client.close()


@asynccontextmanager
async def chat_openai(server: OpenAI, **settings: Any) -> AsyncIterator[ChatOpenAI]:
    async with httpx2.AsyncClient(**PLAIN) as http:
        yield ChatOpenAI(
            **{
                "model": "gpt-4o",
                "base_url": f"{server.url}/v1",
                "api_key": SecretStr("sk-right"),
                "max_retries": 0,
                "stream_usage": True,
                "http_async_client": http,
                **settings,
            }
        )


@contextmanager
def embeddings(server: Ollama) -> Iterator[OllamaEmbeddings]:
    client = {"timeout": TIMEOUT, **PLAIN}
    model = OllamaEmbeddings(model="nomic-embed-text", base_url=server.url, client_kwargs=client)
    assert model._client
    with model._client:
        yield model


async def spoken(model: BaseChatModel) -> tuple[str, dict[str, Any], Any]:
    """All text, how it ended, and the tokens it took."""
    text, ended, usage = "", {}, None
    async for chunk in model.astream("Say something."):
        text += str(chunk.text)
        ended.update(chunk.response_metadata)
        usage = chunk.usage_metadata or usage
    return text, ended, usage and (usage["input_tokens"], usage["output_tokens"])


# Ollama


def test_ollama_speaks_in_pieces_and_counts_tokens() -> None:
    async def talk(server: Ollama) -> Any:
        async with chat_ollama(server, num_ctx=8192) as model:
            text, ended, usage = await spoken(model)
        return text, ended["done"], ended["done_reason"], usage

    with ollama() as server:
        server.then(says("Two weeks.", usage=(31, 4), thinking="Hm."))
        assert asyncio.run(talk(server)) == ("Two weeks.", True, "stop", (31, 4))
    [request] = server.seen
    assert (request.path, request.model, request.prompt) == ("/api/chat", "phi4-mini", "Say something.")
    assert (request.body["options"]["num_ctx"], request.body["stream"]) == (8192, True)


def test_ollama_follows_a_schema_and_triage_and_writing_are_told_apart() -> None:
    async def talk(server: Ollama) -> Any:
        async with chat_ollama(server) as model:
            return await model.with_structured_output(SCHEMA).ainvoke("Rate."), (await model.ainvoke("Write.")).text

    with ollama() as server:
        server.when(asks_for_json, says_json({"score": 7}))
        server.when(asks_for_text, says("A text."))
        assert asyncio.run(talk(server)) == ({"score": 7}, "A text.")
    assert [request.schema is not None for request in server.seen] == [True, False]


def test_ollama_embeds_so_that_nearness_means_something() -> None:
    with ollama() as server, embeddings(server) as model:
        near, same, far = model.embed_documents(["vacation days per year", "days of vacation", "weather in Oslo"])
        server.then(embeds(lambda text: [float(len(text)), 1.0]))
        assert model.embed_query("four") == [4.0, 1.0]
    assert (len(near), round(_dot(near, near), 3)) == (768, 1.0)
    assert _dot(near, same) > 0.5 > 0.2 > _dot(near, far)


def test_ollama_lists_shows_and_pulls_models() -> None:
    with ollama(models=["qwen3:4b"], context=40_960) as server, ollama_client.Client(server.url) as client:
        pulled = [(line.status, line.completed) for line in client.pull("phi4-mini", stream=True)]
        assert [model.model for model in client.list().models] == ["qwen3:4b", "phi4-mini:latest"]
        assert client.show("phi4-mini").modelinfo == {"general.architecture": "phi4", "phi4.context_length": 40_960}
        assert list(client.ps().models) == []
        with pytest.raises(ollama_client.ResponseError, match=r"model 'nope' not found \(status code: 404\)"):
            client.show("nope")
        with pytest.raises(ollama_client.ResponseError, match="file does not exist"):
            list(client.pull("missing", stream=True))
        server.management(Fails("down"))
        with pytest.raises(ollama_client.ResponseError, match="server busy"):
            client.list()
    assert (pulled[0], pulled[2], pulled[-1]) == (
        ("pulling manifest", None),
        ("pulling aeda25e63ebd", 500_000_000),
        ("success", None),
    )


def test_ollama_cuts_a_prompt_in_silence() -> None:
    async def read(server: Ollama, **settings: Any) -> Any:
        async with chat_ollama(server, **settings) as model:
            return (await model.ainvoke("word " * 3000)).usage_metadata["input_tokens"]  # type: ignore[index]

    with ollama(context=2048) as server:
        assert asyncio.run(read(server, num_ctx=8192)) == 2048
    with ollama() as server:
        assert [asyncio.run(read(server, num_ctx=size)) for size in (None, 8192)] == [4000, 4000]
        assert asyncio.run(read(server, num_ctx=1024)) == 1024
        server.always(ollama_wire.cuts_the_prompt(to=512))
        assert asyncio.run(read(server, num_ctx=8192)) == 512


# OpenAI and Azure


def test_openai_speaks_in_pieces_and_gives_its_usage_when_asked() -> None:
    async def talk(server: OpenAI, **settings: Any) -> Any:
        async with chat_openai(server, **settings) as model:
            text, ended, usage = await spoken(model)
        return text, ended["finish_reason"], usage

    with openai(key="sk-right") as server:
        server.always(says("Two weeks.", usage=(31, 4)))
        assert asyncio.run(talk(server)) == ("Two weeks.", "stop", (31, 4))
        assert asyncio.run(talk(server, stream_usage=False)) == ("Two weeks.", "stop", None)
        assert asyncio.run(talk(server, disable_streaming=True)) == ("Two weeks.", "stop", (31, 4))
        with pytest.raises(Exception, match="Incorrect API key provided: sk-wr"):
            asyncio.run(talk(server, api_key=SecretStr("sk-wrong")))
    assert {request.path for request in server.seen} == {"/v1/chat/completions"}


def test_openai_follows_a_schema() -> None:
    async def talk(server: OpenAI) -> Any:
        async with chat_openai(server) as model:
            return await model.with_structured_output(SCHEMA).ainvoke("Rate.")

    with openai() as server:
        server.when(asks_for_json, says_json({"score": 7}))
        assert asyncio.run(talk(server)) == {"score": 7}
    assert server.seen[0].schema == {name: SCHEMA[name] for name in ("type", "properties", "required")}


@pytest.mark.parametrize("packed", [True, False])
def test_openai_embeds(packed: bool) -> None:
    with openai(key="sk-right") as server, httpx2.Client(**PLAIN) as http:
        model = OpenAIEmbeddings(
            model="text-embedding-3-small",
            base_url=f"{server.url}/v1",
            api_key=SecretStr("sk-right"),
            http_client=http,
            check_embedding_ctx_length=False,
            model_kwargs={} if packed else {"encoding_format": "float"},
        )
        server.always(embeds(lambda text: [float(len(text)), 0.5]))
        assert model.embed_documents(["a", "bcd"]) == [[1.0, 0.5], [3.0, 0.5]]


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"api_key": SecretStr("right")}, ("api-key", "right")),
        ({"azure_ad_token_provider": lambda: "right"}, ("authorization", "Bearer right")),
    ],
)
def test_azure_takes_a_key_or_a_token(given: dict[str, Any], header: tuple[str, str]) -> None:
    async def talk(server: OpenAI) -> Any:
        async with httpx2.AsyncClient(**PLAIN) as http:
            model = AzureChatOpenAI(
                azure_endpoint=server.url,
                azure_deployment="writer",
                api_version="2024-10-21",
                http_async_client=http,
                **given,
            )
            return await spoken(model)

    with openai(key="right") as server:
        text, ended, _ = asyncio.run(talk(server))
    [request] = server.seen
    assert (text, ended["finish_reason"]) == ("Hello from the model.", "stop")
    assert (request.path, request.query) == (
        "/openai/deployments/writer/chat/completions",
        "api-version=2024-10-21",
    )
    assert request.headers[header[0]] == header[1]


def test_a_prompt_that_is_too_long_is_refused_by_openai() -> None:
    async def talk(server: OpenAI) -> None:
        async with chat_openai(server) as model:
            await model.ainvoke("word " * 100)

    with openai(context=50) as server, pytest.raises(Exception, match="maximum context length is 50 tokens"):
        asyncio.run(talk(server))


# What a test can say and see


def test_a_script_is_followed_in_order_and_a_rule_goes_before_it() -> None:
    with ollama() as server, embeddings(server) as model:
        server.then(Fails("busy"), embeds(lambda text: [1.0]))
        server.always(embeds(lambda text: [2.0]))
        server.when(lambda request: "rule" in request.prompt, embeds(lambda text: [3.0]))
        with pytest.raises(ollama_client.ResponseError):
            model.embed_query("first")
        asked = ["a rule", "second", "third", "fourth"]
        assert [model.embed_query(text) for text in asked] == [[3.0], [1.0], [2.0], [2.0]]
        server.forget()
        assert len(model.embed_query("fifth")) == 768
    assert [request.texts for request in server.asked("/api/embed")][1] == ["a rule"]


def test_a_client_that_hangs_up_is_seen_to() -> None:
    async def talk(server: Ollama) -> None:
        async with chat_ollama(server) as model, asyncio.timeout(0.3):
            await model.ainvoke("Go on.")

    with ollama() as server:
        server.always(never_ends(0.01))
        with pytest.raises(TimeoutError):
            asyncio.run(talk(server))
        [request] = server.wait(1)
        assert request.left.wait(1)
    assert request.closed is not None
    assert 0.2 < request.closed - request.came < 1
    assert request.answered is None


def test_a_closed_port_opens_again() -> None:
    with ollama() as server, embeddings(server) as model:
        with server.suffers(refused), pytest.raises(ConnectionError):
            model.embed_query("now")
        assert len(model.embed_query("later")) == 768


def test_a_rate_limit_of_a_second_passes() -> None:
    async def talk(server: OpenAI) -> Any:
        async with chat_openai(server, max_retries=1) as model:
            return (await model.ainvoke("Go on.")).text

    with openai() as server, server.suffers(once(Fails("busy", retry_after=1))):
        assert asyncio.run(talk(server)) == "Hello from the model."
    first, second = server.seen
    assert 0.9 < second.came - first.came < 1.5


def test_a_redirect_takes_the_prompt_to_another_server() -> None:
    with ollama() as there, ollama() as here, embeddings(here) as model:
        here.always(redirects(there.url, 307))
        model.embed_query("a secret")
        assert [request.texts for request in there.seen] == [["a secret"]]


def test_a_mistake_in_a_behaviour_fails_the_test() -> None:
    def ask() -> None:
        with ollama() as server, embeddings(server) as model:
            server.always(embeds(lambda text: [1 / 0]))
            with pytest.raises(Exception, match="disconnected"):
                model.embed_query("x")

    with pytest.raises(ZeroDivisionError):
        ask()


def test_fifty_at_once_take_no_longer_than_one() -> None:
    async def talk(server: Ollama) -> float:
        async with chat_ollama(server) as model:
            await model.ainvoke("Warm up.")
            began = time.monotonic()
            await asyncio.gather(*(model.ainvoke("Go on.") for _ in range(50)))
            return time.monotonic() - began

    with ollama() as server:
        server.always(says("Yes.", first=0.5))
        assert asyncio.run(talk(server)) < 10  # one after the other, they would take 25
    waits = [request.answered - request.came for request in server.seen if request.answered]
    assert len(waits) == 51
    assert max(waits) < 5


def test_leaving_a_server_that_hangs_takes_no_time_and_leaves_no_thread() -> None:
    async def talk(server: Ollama) -> None:
        async with chat_ollama(server) as model:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1):
                    await model.ainvoke("Go on.")

    threads = threading.active_count()
    with ollama() as server:
        server.always(hangs)
        asyncio.run(talk(server))
        began = time.monotonic()
    assert time.monotonic() - began < 2
    assert threading.active_count() == threads


# What each fault does to a client that nobody guards

HELLO = "Hello from the model."
CHAT = {
    "refused": "ConnectError",
    "accepts and never answers": "ReadTimeout",
    "headers and then nothing": "ReadTimeout",
    "one byte at a time": GOES_ON,
    **dict.fromkeys(("429", "429 for a second", "429 for an hour"), "ResponseError 429"),
    "500": "ResponseError 500",
    "502 with a page": "ResponseError 502",
    "503": "ResponseError 503",
    "401": "ResponseError 401",
    "403": "ResponseError 403",
    "404 model missing": "ResponseError 404",
    "400 too long": "ResponseError 400",
    "truncated JSON": "JSONDecodeError",
    "garbage": "JSONDecodeError",
    "a page with 200": "JSONDecodeError",
    "JSON of another shape": "ValidationError",
    "cut in mid-chunk": "RemoteProtocolError",
    "reset in mid-chunk": "ReadError",
    "cut within a character": "RemoteProtocolError",
    "Content-Length too long": "RemoteProtocolError",
    "Content-Length too short": "JSONDecodeError",
    "redirect to another host": "ConnectError",
    "redirect that keeps the body": "ConnectError",
    "gzip that is none": "DecodingError",
    "speaks for ever": GOES_ON,
    "slow to load": "ReadTimeout",
    "length": ("Hello from", "length"),
    "empty": ("", "stop"),
    "only white space": (" \n\t ", "stop"),
    "no final marker": (HELLO, None),  # Nobody but `done` tells it from a whole answer.
    "error in mid-stream": "ResponseError -1",
    "a chunk twice": ("Hello from the model.model.", "stop"),
    "10 MB": (10_485_760, "stop"),
    "terminal escapes": ("\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x9b31m\r\x08 " + HELLO, "stop"),
    "a tool call instead": ("", "stop"),
    "thinks first": (HELLO, "stop"),
    "thinks aloud": ("<think>Let me think about that.</think>\n\n" + HELLO, "stop"),
    "no message": "ValidationError",
    "only loaded": "ValueError",
    "cuts the prompt": (HELLO, "stop"),
}
COMPLETIONS = {
    **{name: CHAT[name] for name in CHAT if name not in ("no message", "only loaded", "cuts the prompt")},
    "refused": "OpenAIConnectionError",
    "accepts and never answers": "OpenAITimeoutError",
    "headers and then nothing": "OpenAITimeoutError",
    **dict.fromkeys(("429", "429 for a second", "429 for an hour"), "OpenAIRateLimitError 429"),
    "500": "OpenAIAPIError 500",
    "502 with a page": "OpenAIAPIError 502",
    "503": "OpenAIAPIError 503",
    "401": "OpenAIAuthenticationError 401",
    "403": "OpenAIPermissionDeniedError 403",
    "404 model missing": "OpenAIModelNotFoundError 404",
    "400 too long": "OpenAIInvalidRequestError 400",
    "truncated JSON": ("Hello from the ", None),  # An event that never ends is no event.
    "garbage": "UnicodeDecodeError",
    "a page with 200": "ValueError",
    "JSON of another shape": ("", None),
    "cut in mid-chunk": "OpenAIConnectionError",
    "reset in mid-chunk": "OpenAIConnectionError",
    "cut within a character": "OpenAIConnectionError",
    "Content-Length too long": (HELLO, "stop"),  # It reads no further than [DONE].
    "Content-Length too short": ("Hello from ", None),
    "redirect to another host": "APIStatusError 302",
    "redirect that keeps the body": "APIStatusError 307",
    "gzip that is none": "OpenAIConnectionError",
    "slow to load": "OpenAITimeoutError",
    "error in mid-stream": "APIError",
    "a tool call instead": ("", "tool_calls"),
    "400 content filter": "OpenAIInvalidRequestError 400",
    "content filter in the stream": ("Hello from", "content_filter"),
    "refusal": ("", "stop"),
    "empty choices": ("", None),
    "finished without [DONE]": (HELLO, "stop"),
}
VECTORS = {
    **{name: CHAT[name] for name in ollama_wire.VECTOR_FAULTS if name in CHAT},
    "refused": "ConnectionError",
    "garbage": "UnicodeDecodeError",
    "redirect to another host": "ConnectionError",
    "redirect that keeps the body": "ConnectionError",
    "NaN": [math.nan, 768, 768],
    "infinity as text": [math.inf, 768, 768],  # The client makes a number of it.
    "null": "ValidationError",
    "nulls within": "ValidationError",
    "wrong size": [10, 10],
    "too few vectors": [768],
    "empty vectors": [0, 0],
    "all zero": [768, 768],
}


def _outcome(error: Exception) -> str:
    status = getattr(error, "status_code", "")
    return f"{type(error).__name__} {status}".strip()


def _patience(expected: Any) -> float:
    """Seconds to wait and see."""
    return 2 * TIMEOUT if expected == GOES_ON else 10


async def _heard(model: BaseChatModel, expected: Any) -> Any:
    try:
        async with asyncio.timeout(_patience(expected)):
            text, ended, _ = await spoken(model)
    except TimeoutError:
        return GOES_ON
    except Exception as error:  # Whatever a client raises is what is asked for here.
        return _outcome(error)
    return (len(text) if len(text) > 1000 else text), ended.get("done_reason", ended.get("finish_reason"))


@pytest.mark.parametrize("name", ollama_wire.FAULTS)
def test_what_a_fault_of_ollama_does_to_its_client(name: str) -> None:
    async def talk(server: Ollama) -> Any:
        async with chat_ollama(server, timeout=TIMEOUT) as model:
            return await _heard(model, CHAT[name])

    with ollama() as server, server.suffers(ollama_wire.FAULTS[name]):
        assert asyncio.run(talk(server)) == CHAT[name]


@pytest.mark.parametrize("name", openai_wire.FAULTS)
def test_what_a_fault_of_openai_does_to_its_client(name: str) -> None:
    async def talk(server: OpenAI) -> Any:
        async with chat_openai(server, timeout=TIMEOUT) as model:
            return await _heard(model, COMPLETIONS[name])

    with openai() as server, server.suffers(openai_wire.FAULTS[name]):
        assert asyncio.run(talk(server)) == COMPLETIONS[name]


@pytest.mark.parametrize("name", ollama_wire.VECTOR_FAULTS)
def test_what_a_fault_of_ollama_does_to_embeddings(name: str) -> None:
    async def embed(model: OllamaEmbeddings) -> Any:
        assert model._async_client
        try:
            async with model._async_client, asyncio.timeout(_patience(VECTORS[name])):
                vectors = await model.aembed_documents(["one", "two"])
        except TimeoutError:
            return GOES_ON
        except Exception as error:  # Whatever a client raises is what is asked for here.
            return _outcome(error)
        odd = [value for value in vectors[0][:1] if not math.isfinite(value)]
        return odd + [len(each) for each in vectors]

    with ollama() as server, embeddings(server) as model, server.suffers(ollama_wire.VECTOR_FAULTS[name]):
        assert str(asyncio.run(embed(model))) == str(VECTORS[name])


def test_azure_has_its_own_words_for_a_filtered_prompt() -> None:
    async def told(server: Wire) -> Any:
        async with httpx2.AsyncClient(**PLAIN) as http:
            path = "/openai/deployments/writer/chat/completions?api-version=2024-10-21"
            return (await http.post(server.url + path, json={"messages": []})).json()

    with openai() as server:
        server.then(Fails("filtered"))
        error = asyncio.run(told(server))["error"]
    assert (error["code"], error["innererror"]["code"]) == ("content_filter", "ResponsibleAIPolicyViolation")
    assert json.dumps(error["innererror"]).count("filtered") == 5


def _dot(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
