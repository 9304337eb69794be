"""`tandem serve`: the conversation behind LangServe, as replies at /assistant and as messages at /assistant/chat."""

import asyncio
import logging
import signal
import socket
import warnings
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Annotated, Any, Literal, NotRequired

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
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    RootModel,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WithJsonSchema,
    WrapValidator,
    with_config,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema
from sse_starlette.sse import AppStatus
from starlette.exceptions import HTTPException
from starlette.requests import Request
from typing_extensions import TypedDict

from apps.http import Guard, answered, is_loopback, misshapen, readable, shown
from apps.question import UsageWrong, checked
from apps.show import plain
from graphs.conversation import Conversation, Step
from graphs.reply import Reply
from graphs.state import Turn
from ingest.errors import Trouble

if TYPE_CHECKING:
    from apps.wiring import Parts

Opened = Callable[[], AbstractAsyncContextManager[Conversation]]
Names = Callable[[], Sequence[str]]
Events = AsyncIterator[Step | Reply]

MOST = 100
"""Inputs of a batch."""
LONGEST_THREAD = 200
ENDPOINTS: list[EndpointName] = [
    "invoke", "batch", "stream", "stream_events", "stream_log", "playground",
    "input_schema", "output_schema", "config_schema",
]  # fmt: skip
"""The chat playground needs stream_log."""
SYSTEM_UNUSED = "A system message was sent; Tandem does not follow one."


def app(conversation: Opened, collections: Names) -> FastAPI:
    """The endpoints; the conversation is opened when the server starts, in its own event loop."""

    @asynccontextmanager
    async def running(api: FastAPI) -> AsyncIterator[None]:
        # sse-starlette keeps an event of the first loop it ran in.
        AppStatus.should_exit_event = None
        async with conversation() as api.state.conversation:
            yield

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
    _mount(api, "/assistant/chat", ServedChat(opened), "chat")
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


# What is asked and what is said ---------------------------------------------------------------------------------------


class Inlined(RootModel[Any]):
    """LangServe's playgrounds read the fields at the top of a schema, not behind a reference."""

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler.resolve_ref_schema(handler(schema)), "title": cls.__name__}


def _like(example: str) -> WrapValidator:
    """LangServe answers 500 to some wrong shapes; here each is refused with an example of the right one."""

    def shaped(given: Any, validate: ValidatorFunctionWrapHandler) -> Any:
        try:
            return validate(given)
        except ValidationError as error:
            raise misshapen(error.errors(), f"Send {example} as the input.") from None

    return WrapValidator(shaped)


def _question(collections: Names) -> type[BaseModel]:
    def known(name: str) -> str:
        if name and name not in collections():
            do = f"Name one of {', '.join(collections())}."
            raise UsageWrong("There is no such collection.", shown(name), do)
        return name

    @with_config(ConfigDict(extra="forbid"))
    class Question(TypedDict):
        question: Annotated[str, AfterValidator(checked)]
        # Its schema stays a plain string: the playground shows an empty page for one that may be null.
        collection: NotRequired[Annotated[str, BeforeValidator(lambda name: name or ""), AfterValidator(known)]]

    class TandemQuestion(Inlined):
        root: Annotated[Question, _like('{"question": "…", "collection": "…"}, the collection only to pin it,')]

    return TandemQuestion


class TandemReply(RootModel[Reply]):
    pass


SPEAKERS = {
    **dict.fromkeys(["human", "user", "HumanMessageChunk"], "user"),
    **dict.fromkeys(["ai", "assistant", "AIMessageChunk"], "assistant"),
    **dict.fromkeys(["system", "developer", "SystemMessageChunk"], "system"),
    **dict.fromkeys(["tool", "function", "ToolMessageChunk", "FunctionMessageChunk"], "tool"),
}


def _said(message: Any) -> Any:
    """A message of LangChain's `type` form or OpenAI's `role` form, without what is not used."""
    if not isinstance(message, dict):
        raise ValueError("a message is an object")
    kind = message.get("type")
    speaker = message.get("role") if kind in (None, "message", "chat", "ChatMessageChunk") else kind
    if not isinstance(speaker, str) or speaker not in SPEAKERS:
        raise ValueError("a message has a type (human, ai, system) or a role (user, assistant, system)")
    return {"role": SPEAKERS[speaker], "content": _text(message.get("content"))}


def _text(content: Any) -> Any:
    blocks = content if isinstance(content, list) else [content or ""]
    texts: list[Any] = [block.get("text") if isinstance(block, dict) else block for block in blocks]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("the content of a message is text; images and files are not read")
    return "\n".join(texts)


def _with_a_question(messages: list["Message"]) -> list["Message"]:
    for message in messages:
        if message["role"] == "user" and message["content"].strip():
            message["content"] = checked(message["content"], "message")
    if not any(message["role"] == "user" for message in messages):
        raise UsageWrong("There is no message from the user.", None, "Send one with the role user, or the type human.")
    checked(_last_of_user(messages)[1], "message")
    return messages


def _last_of_user(messages: Sequence["Message"]) -> tuple[int, str]:
    return max((n, message["content"]) for n, message in enumerate(messages) if message["role"] == "user")


class Message(TypedDict):
    role: Literal["user", "assistant", "system", "tool"]
    content: str


EITHER_FORM = {
    "title": "Message",
    "type": "object",
    "description": "LangChain's form with a type, or OpenAI's with a role.",
    "properties": {
        "type": {"type": "string", "enum": ["human", "ai", "system", "tool"]},
        "role": {"type": "string", "enum": ["user", "assistant", "system", "developer", "tool"]},
        "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
    },
    "required": ["content"],
}


class Messages(TypedDict):
    messages: Annotated[
        list[Annotated[Message, BeforeValidator(_said), WithJsonSchema(EITHER_FORM)]], AfterValidator(_with_a_question)
    ]


class TandemMessages(Inlined):
    root: Annotated[Messages, _like('{"messages": [{"role": "user", "content": "…"}]}')]


class TandemMessage(RootModel[AIMessage]):
    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        # The chat playground looks for an alternative whose type is an enumeration with `ai`, as pydantic once wrote.
        message = handler.resolve_ref_schema(handler(schema))
        kind = {**message["properties"]["type"], "enum": ["ai"]}
        return {"title": cls.__name__, "oneOf": [{**message, "properties": {**message["properties"], "type": kind}}]}


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
    def _pieces(self, asked: Any, reply: Reply) -> Sequence[Any]: ...

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
            return self._whole(asked, await self._reply(asked, run_manager, config))

        return await self._acall_with_config(whole, input, config)

    async def abatch(
        self,
        inputs: list[Any],
        config: RunnableConfig | list[RunnableConfig] | None = None,
        *,
        return_exceptions: bool = False,
        **kwargs: Any,
    ) -> list[Any]:
        if len(inputs) > MOST:
            raise UsageWrong("The batch is too long.", f"{len(inputs)} inputs", f"Send at most {MOST} at once.")
        return await super().abatch(inputs, config, return_exceptions=return_exceptions, **kwargs)

    async def astream(self, input: Any, config: RunnableConfig | None = None, **kwargs: Any) -> AsyncIterator[Any]:
        async def once() -> AsyncIterator[Any]:
            yield input

        async def pieces(
            inputs: AsyncIterator[Any], run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig
        ) -> AsyncIterator[Any]:
            async for asked in inputs:
                for piece in self._pieces(asked, await self._reply(asked, run_manager, config)):
                    yield piece

        async for piece in self._atransform_stream_with_config(once(), pieces, config):
            yield piece

    def astream_log(self, *args: Any, **kwargs: Any) -> Any:
        # Deprecated in LangChain, and what LangServe's chat playground uses.
        warnings.filterwarnings("ignore", "astream_log is deprecated", LangChainDeprecationWarning)
        return super().astream_log(*args, **kwargs)

    async def _reply(self, asked: Any, run_manager: AsyncCallbackManagerForChainRun, config: RunnableConfig) -> Reply:
        """The graph runs apart from LangServe's listeners: what it reads is not theirs to stream; its steps are."""
        var_child_runnable_config.set(None)
        steps = patch_config(config, callbacks=run_manager.get_child())
        reply: Reply | None = None
        async for event in self._run(asked, config.get("configurable", {}).get("thread_id", "")):
            if isinstance(event, Step):
                await adispatch_custom_event("step", {"name": event.name}, config=steps)
            else:
                reply = event
        if reply is None:
            raise RuntimeError("the run ended without a reply")
        return reply


class ServedAssistant(Served):
    """A question in, the reply of `tandem ask --json` out."""

    def __init__(self, conversation: Callable[[], Conversation], collections: Names) -> None:
        super().__init__("TandemAssistant", _question(collections), TandemReply)
        self._conversation = conversation

    def _run(self, asked: Mapping[str, str], thread: str) -> Events:
        question, collection = asked["question"], asked.get("collection") or None
        if thread:
            return self._conversation().run(question, thread, collection)
        return self._conversation().run_in_passing(question, collection)

    def _whole(self, asked: Any, reply: Reply) -> Reply:
        return reply

    def _pieces(self, asked: Any, reply: Reply) -> list[Reply]:
        return [reply]


class ServedChat(Served):
    """Messages in, the assistant's next one out."""

    def __init__(self, conversation: Callable[[], Conversation]) -> None:
        super().__init__("TandemChat", TandemMessages, TandemMessage)
        self._conversation = conversation

    def _run(self, asked: Messages, thread: str) -> Events:
        last, question = _last_of_user(asked["messages"])
        if thread:
            return self._conversation().run(question, thread)
        return self._conversation().run_in_passing(question, history=_turns(asked["messages"][:last]))

    def _whole(self, asked: Messages, reply: Reply) -> AIMessage:
        return AIMessage(reply["answer"], response_metadata=_metadata(asked, reply))

    def _pieces(self, asked: Messages, reply: Reply) -> list[AIMessageChunk]:
        return [
            AIMessageChunk(content=reply["answer"]),
            AIMessageChunk(content="", response_metadata=_metadata(asked, reply)),
        ]


def _metadata(asked: Messages, reply: Reply) -> dict[str, Any]:
    ignored = any(message["role"] == "system" for message in asked["messages"])
    return {
        "citations": reply["citations"],
        "parts": reply["parts"],
        "receipt": reply["receipt"],
        "thread": reply["thread"],
        "notices": [*reply["notices"], *([SYSTEM_UNUSED] if ignored else [])],
        "waiting": reply["waiting"],
    }


def _turns(messages: Sequence[Message]) -> list[Turn]:
    """Each message of the user with what was answered to it."""
    turns: list[Turn] = []
    for message in messages:
        if message["role"] == "user":
            turns.append(Turn(question=message["content"], answer="", intent=""))
        elif message["role"] == "assistant" and turns:
            turns[-1]["answer"] = f"{turns[-1]['answer']}\n\n{message['content']}".strip()
    return turns


# The server -----------------------------------------------------------------------------------------------------------


def serve(parts: "Parts", host: str, port: int) -> int:
    """Answer until it is stopped; an exit code."""
    if not is_loopback(host):
        raise UsageWrong(
            "There are no accounts yet, so only this machine may ask.", host, "Serve on it: --host 127.0.0.1"
        )
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    for noisy in ("uvicorn", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
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
        api = app(lambda: nullcontext(conversation), parts.searched)
        config = uvicorn.Config(
            api, log_config=None, access_log=False, server_header=False, ws="none", timeout_graceful_shutdown=5
        )
        address = _address(listener)
        print(f"Tandem answers at {address}/assistant; to chat in a browser: {address}/assistant/chat/playground/")
        print("Ctrl-C stops it.", flush=True)
        await uvicorn.Server(config).serve(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        do = "Stop what listens there, or choose another port: --port 8081"
        raise Trouble(f"Nothing can be served there ({error.strerror}).", f"{host}:{port}", do) from error


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
