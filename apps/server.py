"""`tandem serve`: the conversation behind LangServe, as replies at /assistant and as messages at /assistant/chat."""

import asyncio
import logging
import os
import signal
import socket
import warnings
from abc import abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

import uvicorn
from fastapi import Depends, FastAPI
from fastapi.exceptions import RequestValidationError
from langchain_core._api import LangChainDeprecationWarning
from langchain_core.callbacks import AsyncCallbackManagerForChainRun, adispatch_custom_event
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.runnables import ConfigurableFieldSpec, Runnable, RunnableConfig
from langchain_core.runnables.config import patch_config, var_child_runnable_config
from langserve import add_routes
from langserve.server import EndpointName
from pydantic import BaseModel
from sse_starlette.sse import AppStatus
from starlette.exceptions import HTTPException
from starlette.requests import Request

from apps.http import Guard, answered, is_loopback, log, readable, shown
from apps.messages import (
    Messages,
    Names,
    TandemMessage,
    TandemMessages,
    TandemReply,
    last_of_user,
    metadata_of,
    question_shape,
    turns_of,
)
from apps.question import UsageWrong
from apps.show import plain
from graphs.conversation import Conversation, Event, Step, Words
from graphs.reply import Reply
from graphs.words import WITHDRAWN
from ingest.errors import Trouble
from ingest.labels import Label

if TYPE_CHECKING:
    from apps.wiring import Parts

Opened = Callable[[], AbstractAsyncContextManager[Conversation]]
Events = AsyncGenerator[Event]

LONGEST_THREAD = 200
ENDPOINTS: list[EndpointName] = [
    "invoke", "batch", "stream", "stream_events", "stream_log", "playground",
    "input_schema", "output_schema", "config_schema", "config_hashes",
]  # fmt: skip
"""The playgrounds need stream_log and config_hashes."""


def app(conversation: Opened, collections: Names, strictest: Callable[[], Label] = lambda: "restricted") -> FastAPI:
    """The endpoints; the conversation is opened when the server starts, in its own event loop.

    `strictest` is the label of what a client repeats of earlier answers: nobody knows what they were drawn from.
    """

    @asynccontextmanager
    async def running(api: FastAPI) -> AsyncIterator[None]:
        # sse-starlette keeps an event of the first loop it ran in, for the whole process.
        AppStatus.should_exit_event = None
        async with conversation() as api.state.conversation:
            yield
        AppStatus.should_exit_event = None

    api = FastAPI(title="Tandem", lifespan=running, docs_url=None, redoc_url=None)
    api.add_middleware(Guard)
    api.add_exception_handler(HTTPException, answered)
    api.add_exception_handler(RequestValidationError, answered)

    @api.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    def opened() -> Conversation:
        talks: Conversation = api.state.conversation
        return talks

    _mount(api, "/assistant", ServedAssistant(opened, collections), "default")
    _mount(api, "/assistant/chat", ServedChat(opened, strictest), "chat")
    return api


def _mount(api: FastAPI, path: str, runnable: Runnable[Any, Any], playground: Literal["default", "chat"]) -> None:
    add_routes(
        api,
        runnable,
        path=path,
        enabled_endpoints=ENDPOINTS,
        playground_type=playground,
        per_req_config_modifier=_with_a_thread,
        dependencies=[Depends(readable)],
    )


def _with_a_thread(config: dict[str, Any], request: Request) -> dict[str, Any]:
    thread = config.get("configurable", {}).get("thread_id", "")
    if len(thread) > LONGEST_THREAD or plain(thread) != thread:
        do = f"Use up to {LONGEST_THREAD} characters, none of them a control character."
        raise UsageWrong("That is no name for a thread.", shown(thread), do)
    return config


# What is served -------------------------------------------------------------------------------------------------------


class Served(Runnable[Any, Any]):
    """A conversation as LangServe wants it."""

    def __init__(self, name: str, asked: type[BaseModel], said: type[BaseModel]) -> None:
        # LangServe keeps the models of a whole process by name: two of one name and different shape break both.
        self.name, self._asked, self._said = name, asked, said

    @abstractmethod
    def _run(self, asked: Any, thread: str) -> Events: ...

    @abstractmethod
    def _whole(self, asked: Any, reply: Reply) -> Any: ...

    @abstractmethod
    def _pieces(self, asked: Any, event: Words | Reply, said: str) -> Sequence[Any]:
        """What is streamed for it, after the words that were said before and still count."""

    def get_input_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        return self._asked

    def get_output_schema(self, config: RunnableConfig | None = None) -> type[BaseModel]:
        return self._said

    @property
    def config_specs(self) -> list[ConfigurableFieldSpec]:
        # Without it LangServe drops the thread; were it `str | None`, the playground would show an empty page.
        told = "Goes on with the conversation of this name; without one, nothing is kept."
        return [ConfigurableFieldSpec(id="thread_id", annotation=str, name="Thread", description=told, default="")]

    def invoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        raise NotImplementedError("The server asks with ainvoke.")

    async def ainvoke(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> Any:
        async def whole(asked: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig) -> Any:
            async with aclosing(self._events(asked, run_manager, config)) as events:
                [reply] = [event async for event in events if not isinstance(event, Words)]
            return self._whole(asked, reply)

        return await self._acall_with_config(whole, input, config)

    async def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        async def once() -> AsyncIterator[Any]:
            yield input

        async def pieces(
            inputs: AsyncIterator[Any], run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
        ) -> AsyncIterator[Any]:
            async for asked in inputs:
                said = ""
                async with aclosing(self._events(asked, run_manager, config)) as events:
                    async for event in events:
                        for piece in self._pieces(asked, event, said):
                            yield piece
                        if isinstance(event, Words):
                            said = said + event.text if event.text else ""

        async for piece in self._atransform_stream_with_config(once(), pieces, config):
            yield piece

    def astream_log(self, *args: Any, **kwargs: Any) -> Any:
        # Deprecated in LangChain, and what LangServe's chat playground uses.
        warnings.filterwarnings("ignore", "astream_log is deprecated", LangChainDeprecationWarning)
        return super().astream_log(*args, **kwargs)

    async def _events(
        self, asked: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
    ) -> AsyncGenerator[Words | Reply]:
        """Words as they come, and the reply."""
        steps = patch_config(config, callbacks=run_manager.get_child())
        seen: asyncio.Queue[Words | Reply | None] = asyncio.Queue()
        thread = config.get("configurable", {}).get("thread_id", "")
        run = asyncio.create_task(self._run_apart(asked, thread, steps, seen.put_nowait))
        run.add_done_callback(lambda _: seen.put_nowait(None))
        try:
            while (event := await seen.get()) is not None:
                yield event
            await run  # raises what it raised
        finally:
            # Who hangs up is cancelled over and over, and LangGraph's own tasks would outlive that: once is right.
            run.cancel()

    async def _run_apart(
        self, asked: Any, thread: str, steps: RunnableConfig, see: Callable[[Words | Reply], None]
    ) -> None:
        """Out of sight of LangServe's listeners: what the graph reads is not theirs to stream; its steps are."""
        var_child_runnable_config.set(None)
        async with aclosing(self._run(asked, thread)) as events:
            async for event in events:
                if isinstance(event, Step):
                    await adispatch_custom_event("step", {"name": event.name}, config=steps)
                else:
                    see(event)


class ServedAssistant(Served):
    """A question in, the reply of `tandem ask --json` out."""

    def __init__(self, conversation: Callable[[], Conversation], collections: Names) -> None:
        super().__init__("TandemAssistant", question_shape(collections), TandemReply)
        self._conversation = conversation

    def _run(self, asked: Mapping[str, str], thread: str) -> Events:
        question, collection = asked["question"], asked.get("collection") or None
        if thread:
            return self._conversation().run(question, thread, collection)
        return self._conversation().run_in_passing(question, collection)

    def _whole(self, asked: Any, reply: Reply) -> Reply:
        return reply

    def _pieces(self, asked: Any, event: Words | Reply, said: str) -> list[Reply]:
        return [] if isinstance(event, Words) else [event]


class ServedChat(Served):
    """Messages in, the assistant's next one out."""

    def __init__(self, conversation: Callable[[], Conversation], strictest: Callable[[], Label]) -> None:
        super().__init__("TandemChat", TandemMessages, TandemMessage)
        self._conversation, self._strictest = conversation, strictest

    def _run(self, asked: Messages, thread: str) -> Events:
        last, question = last_of_user(asked["messages"])
        if thread:
            return self._conversation().run(question, thread)
        history = turns_of(asked["messages"][:last], self._strictest())
        return self._conversation().run_in_passing(question, history=history)

    def _whole(self, asked: Messages, reply: Reply) -> AIMessage:
        return AIMessage(reply["answer"], response_metadata=metadata_of(asked, reply))

    def _pieces(self, asked: Messages, event: Words | Reply, said: str) -> list[AIMessageChunk]:
        if isinstance(event, Words):
            text, last = event.text or _withdrawn(said), []
        else:
            text = _rest(said, event["answer"])
            last = [AIMessageChunk(content="", response_metadata=metadata_of(asked, event))]
        return [*([AIMessageChunk(content=text)] if text else []), *last]


def _rest(said: str, answer: str) -> str:
    """What completes the words that were streamed; when they did not become the answer, it is said anew."""
    begun = said.lstrip()
    if answer.startswith(begun):
        return answer[len(begun) :]
    return "" if begun.rstrip() == answer else _withdrawn(said) + answer


def _withdrawn(said: str) -> str:
    """Words cannot be taken back from who has read them, so that is said."""
    return f"\n\n{WITHDRAWN}\n\n" if said.strip() else ""


# The server -----------------------------------------------------------------------------------------------------------


def serve(parts: "Parts", host: str, port: int) -> int:
    """Answer until it is stopped; an exit code."""
    if not is_loopback(host):
        raise UsageWrong(
            "There are no accounts yet, so only this machine may ask.", host, "Serve on it: --host 127.0.0.1"
        )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    log.setLevel(logging.INFO)
    # A service is stopped with SIGTERM, a person's server with Ctrl-C: both close what is open.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _listening(host, port) as listener:
            asyncio.run(_serve(parts, listener))
    except KeyboardInterrupt:
        print("Stopped.")
    return 0


async def _serve(parts: "Parts", listener: socket.socket) -> None:
    async with parts.conversation() as conversation:
        await asyncio.to_thread(parts.warm)
        api = app(lambda: nullcontext(conversation), parts.searched, parts.strictest)
        config = uvicorn.Config(
            api, log_config=None, access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=5
        )
        address = _address(listener)
        print(f"Tandem answers at {address}/assistant; to chat in a browser: {address}/assistant/chat/playground/")
        print(parts.opening())
        print("Ctrl-C stops it.", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listener = socket.create_server((host, port), family=family)
    except OSError as error:
        do = "Stop what listens there, or choose another port: --port 8081"
        raise Trouble(
            f"Nothing can be served there ({os.strerror(error.errno or 0)}).", f"{host}:{port}", do
        ) from error
    # asyncio does so only where a socket names its protocol; without it each answer on a kept connection waits 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
