"""The door to every model behind a socket: what is said goes through it with its label, or does not go."""

import asyncio
import ipaddress
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from ingest.errors import Trouble
from ingest.labels import Label
from privacy.content import Message, label_of
from privacy.failures import UNBILLED, ModelFailed, explained, forbidden, of_clients
from privacy.toll import Free, Toll, sending

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessageChunk

Wire = Literal["ollama", "openai", "azure", "here"]
Whom = Literal["none", "private", "any"]
Token = Callable[[], Awaitable[str]]

CONNECT = 2.0
"""Seconds to a connection."""
CLOUD = re.compile(r"(?i)(?:^|[-:/])cloud(?::|$)")
"""In the name of a model that Ollama has run on its makers' machines: `gpt-oss:120b-cloud`, `glm-4.6:cloud`."""
BATCH = 120.0
"""Seconds that a batch of passages may take to be embedded."""
WRITES = 1024
"""Tokens that an answer may have."""


@dataclass(frozen=True)
class Endpoint:
    """Where a model answers."""

    name: str
    """As people name it: `ollama:phi4-mini`."""
    wire: Wire
    model: str
    url: str = ""
    context: int = 8192
    """Tokens of the prompt and the answer together."""
    key: SecretStr | None = None
    token: Token | None = None
    """Gives an Entra token, where Azure asks for one instead of a key."""
    version: str = ""
    """Azure's version of its interface."""
    private: bool = False
    """The company's own, by the settings."""
    elsewhere: bool = False
    """Its server says that it runs on another machine."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc.rpartition("@")[2].lower() or "this process"

    @property
    def pull(self) -> str:
        """The command that installs it."""
        return f"ollama pull {self.model}" if self.wire == "ollama" else ""

    @property
    def here(self) -> bool:
        """Whether what it reads stays on this machine. What speaks OpenAI's wire may pass everything on."""
        if self.wire == "here":
            return True
        loopback = is_loopback(urlsplit(self.url).hostname or "")
        return self.wire == "ollama" and loopback and not (self.elsewhere or CLOUD.search(self.model))


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Piece:
    """Some of an answer, and what the provider said with it."""

    text: str
    done: str | None = None
    """Why it ends here, in the provider's word."""
    input: int = 0
    output: int = 0


def untraced() -> None:
    """A tracing key in the environment is no leave to send what is asked, and read for it, to a tracing service."""
    from langsmith import configure

    configure(enabled=False)


def load(wire: Wire) -> None:
    """Its client's code, which takes longer to load than most questions to answer."""
    if wire == "ollama":
        import langchain_ollama  # noqa: F401
    elif wire != "here":
        import langchain_openai  # noqa: F401


class Gate:
    """Opens doors, under the settings of one installation."""

    def __init__(self, internal_to: Whom = "any", toll: Toll | None = None) -> None:
        """`toll` is what each call that leaves this machine has to pass."""
        self._internal_to, self._toll = internal_to, toll or Free()
        untraced()

    def door(self, endpoint: Endpoint, process: "Callable[[], BaseChatModel] | None" = None) -> "Door":
        """`process` loads a model that runs in this process."""
        return Door(endpoint, self._internal_to, process, self._toll)

    def embeddings(self, endpoint: Endpoint) -> "Embeddings":
        """Only on this machine: whatever is ingested goes there, restricted documents too."""
        if not endpoint.here:
            what = "Documents are only embedded on this machine, since restricted ones may not leave it"
            raise Trouble(
                f"{what}.", endpoint.name, "Set [models] embedder to embedded, or OLLAMA_HOST to this machine."
            )
        import httpx
        from langchain_ollama import OllamaEmbeddings

        # It says nothing until a batch is done. Each call may have an event loop of its own: no connection outlives it.
        once = httpx.Limits(max_keepalive_connections=0)
        return OllamaEmbeddings(
            model=endpoint.model, base_url=endpoint.url, client_kwargs={**_local(BATCH), "limits": once}
        )


class Door:
    """One model, and the only way to it; who holds it can say something, and nothing else."""

    def __init__(
        self, endpoint: Endpoint, internal_to: Whom, process: "Callable[[], BaseChatModel] | None", toll: Toll
    ) -> None:
        self.endpoint = endpoint
        self._internal_to, self._process, self._toll = internal_to, process, toll
        # A client's connections belong to the event loop that opened them.
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, BaseChatModel] = WeakKeyDictionary()

    def admits(self, label: Label) -> bool:
        """Restricted text never leaves this machine, public may, internal as the settings say."""
        if self.endpoint.here or label == "public":
            return True
        return label == "internal" and (
            self._internal_to == "any" or (self._internal_to == "private" and self.endpoint.private)
        )

    async def stream(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> AsyncGenerator[Piece]:
        """The answer, piece by piece; what is wrong with it, or with the way to it, is a ModelFailed."""
        label = label_of(messages)
        if not self.admits(label):
            raise forbidden(label, self.endpoint.name)
        pieces = self._said(messages, schema) if self.endpoint.here else self._paid(messages, schema)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def _paid(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> AsyncGenerator[Piece]:
        """After the toll. Of a call that ends in any other way nobody knows what it cost: the most is what counts."""
        call = await self._toll.paid(sending(self.endpoint.name, messages, schema, WRITES))
        input = output = 0
        try:
            async with aclosing(self._said(messages, schema)) as pieces:
                async for piece in pieces:
                    input, output = piece.input or input, piece.output or output
                    yield piece
        except ModelFailed as failed:
            if call and failed.kind in UNBILLED:
                await self._toll.cost(call, 0, 0)
            raise
        if call and (input or output):
            await self._toll.cost(call, input, output)

    async def _said(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> AsyncGenerator[Piece]:
        said = [(message.speaker, message.text) for message in messages]
        try:
            async with aclosing(self._client(schema).astream(said)) as chunks:
                async for chunk in chunks:
                    yield _piece(chunk)
        except (Trouble, asyncio.CancelledError, GeneratorExit):  # before the clients' errors are looked up
            raise
        except of_clients() as error:
            # Its text may repeat what was sent, or the key: neither is to be printed with what it becomes here.
            raise explained(error, self.endpoint.name, self.endpoint.host, self.endpoint.pull) from None

    async def close(self) -> None:
        """Hang up, for this event loop: LangChain's clients never do."""
        client: Any = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None and self.endpoint.wire == "ollama":
            await client._async_client.close()
        elif client is not None and self.endpoint.wire != "here":
            await client.http_async_client.aclose()

    def _client(self, schema: Mapping[str, Any] | None) -> Any:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:
            self._clients[loop] = self._process() if self._process else _client(self.endpoint)
        client = self._clients[loop]
        if schema is None or self.endpoint.wire == "here":
            return client
        if self.endpoint.wire == "ollama":
            return client.bind(format=schema)
        named = {"name": "answer", "schema": schema, "strict": True}
        return client.bind(response_format={"type": "json_schema", "json_schema": named})


def _piece(chunk: "AIMessageChunk") -> Piece:
    told, usage = chunk.response_metadata, chunk.usage_metadata
    refusal = chunk.additional_kwargs.get("refusal")
    done = told.get("done_reason") or ("stop" if told.get("done") else None) or told.get("finish_reason")
    return Piece(
        text=refusal or chunk.text,
        done="refusal" if refusal else done,
        input=usage["input_tokens"] if usage else 0,
        output=usage["output_tokens"] if usage else 0,
    )


# Clients --------------------------------------------------------------------------------------------------------------


def _client(endpoint: Endpoint) -> "BaseChatModel":
    return {"ollama": _ollama, "openai": _openai, "azure": _azure}[endpoint.wire](endpoint)


def _ollama(endpoint: Endpoint) -> "BaseChatModel":
    from langchain_ollama import ChatOllama

    # Its warnings are for who wrote the client; they would stand in the middle of a chat.
    logging.getLogger("langchain_ollama").setLevel(logging.ERROR)
    return ChatOllama(
        model=endpoint.model,
        base_url=endpoint.url,
        temperature=0,
        num_ctx=endpoint.context,  # one size for all calls: for another, Ollama loads the model anew
        num_predict=WRITES,
        async_client_kwargs=_local() if endpoint.here else {"timeout": _timeout(), "follow_redirects": False},
    )


def _local(quiet: float | None = None) -> dict[str, Any]:
    """A proxy is another machine, and so is whatever a redirect leads to."""
    return {"timeout": _timeout(quiet), "follow_redirects": False, "trust_env": False}


def _timeout(quiet: float | None = None) -> Any:
    """To connect; how long an answer may take is for models/resilience.py to say."""
    import httpx

    return httpx.Timeout(quiet, connect=CONNECT)


def _openai(endpoint: Endpoint) -> "BaseChatModel":
    from langchain_openai import ChatOpenAI

    hearing = _that_hears_refusals(ChatOpenAI)
    client: BaseChatModel = hearing(
        model=endpoint.model, base_url=endpoint.url, api_key=_key(endpoint), **_common(endpoint)
    )
    return client


def _azure(endpoint: Endpoint) -> "BaseChatModel":
    from langchain_openai import AzureChatOpenAI

    client: BaseChatModel = _that_hears_refusals(AzureChatOpenAI)(
        azure_deployment=endpoint.model,
        azure_endpoint=endpoint.url,
        api_version=endpoint.version,
        api_key=None if endpoint.token else _key(endpoint),
        azure_ad_async_token_provider=endpoint.token,
        azure_ad_token=None,  # else one in the environment would go before the key
        **_common(endpoint),
    )
    return client


@cache
def _that_hears_refusals(client: Any) -> Any:
    """LangChain drops a refusal that is streamed, and what is left is an empty answer."""

    class Hears(client):  # type: ignore[misc]
        def _convert_chunk_to_generation_chunk(self, chunk: dict[str, Any], *rest: Any) -> Any:
            made = super()._convert_chunk_to_generation_chunk(chunk, *rest)
            for choice in chunk.get("choices") or []:
                if made is not None and (refusal := (choice["delta"] or {}).get("refusal")):
                    made.message.additional_kwargs["refusal"] = refusal
            return made

    return Hears


def _common(endpoint: Endpoint) -> dict[str, Any]:
    import httpx2
    from openai import DefaultAsyncHttpxClient

    loopback = is_loopback(urlsplit(endpoint.url).hostname or "")
    return {
        "max_completion_tokens": WRITES,
        "max_retries": 0,  # models/resilience.py knows how much time is left
        "stream_usage": True,
        "stream_chunk_timeout": None,  # so does it how long to wait
        "use_responses_api": False,  # for some names LangChain would take another way, which few servers know
        "openai_proxy": None,  # LangChain's own variable for one; HTTPS_PROXY is heeded
        "http_async_client": DefaultAsyncHttpxClient(
            timeout=httpx2.Timeout(None, connect=CONNECT), follow_redirects=False, trust_env=not loopback
        ),
    }


def _key(endpoint: Endpoint) -> SecretStr:
    if endpoint.key is None:
        raise ModelFailed(
            "unauthorized", f"There is no key for {endpoint.name}", endpoint.name, "Set it: tandem doctor says where."
        )
    return endpoint.key
