"""What is asked over HTTP and what is said: shapes that are checked as they are read."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal, NotRequired

from langchain_core.messages import AIMessage
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
from typing_extensions import TypedDict

from apps.http import misshapen, shown
from apps.question import UsageWrong, checked
from graphs.reply import Reply
from graphs.state import Turn
from graphs.words import WITHDRAWN
from ingest.labels import Label

Names = Callable[[], Sequence[str]]

SYSTEM_UNUSED = "A system message was sent; Tandem does not follow one."


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


def question_shape(collections: Names) -> type[BaseModel]:
    def known(name: str) -> str:
        if name and name not in collections():
            do = f"Name one of {', '.join(collections())}."
            raise UsageWrong("There is no such collection.", shown(name), do)
        return name

    @with_config(ConfigDict(extra="forbid"))
    class Question(TypedDict):
        question: Annotated[str, AfterValidator(checked)]
        # Its schema stays a plain string: the playground shows an empty page for one that may be null.
        collection: NotRequired[Annotated[str, BeforeValidator(_or_empty), AfterValidator(known)]]

    class TandemQuestion(Inlined):
        root: Annotated[Question, _like('{"question": "…", "collection": "…"}, the collection only to pin it,')]

    return TandemQuestion


def _or_empty(name: Any) -> Any:
    return "" if name is None else name


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
    texts: list[Any] = ["" if content is None else content]
    if isinstance(content, list):
        texts = [block.get("text") if isinstance(block, dict) else block for block in content]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("the content of a message is text; images and files are not read")
    return "\n".join(texts)


def _with_a_question(messages: list["Message"]) -> list["Message"]:
    for message in messages:
        if message["role"] == "user" and message["content"].strip():
            message["content"] = checked(message["content"], "message")
    if not any(message["role"] == "user" for message in messages):
        raise UsageWrong("There is no message from the user.", None, "Send one with the role user, or the type human.")
    checked(last_of_user(messages)[1], "message")
    return messages


def last_of_user(messages: Sequence["Message"]) -> tuple[int, str]:
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


def metadata_of(asked: Messages, reply: Reply) -> dict[str, Any]:
    ignored = any(message["role"] == "system" for message in asked["messages"])
    return {
        "citations": reply["citations"],
        "parts": reply["parts"],
        "receipt": reply["receipt"],
        "thread": reply["thread"],
        "notices": [*reply["notices"], *([SYSTEM_UNUSED] if ignored else [])],
        "waiting": reply["waiting"],
    }


def turns_of(messages: Sequence[Message], label: Label) -> list[Turn]:
    """Each message of the user with what was answered to it, which may have been drawn from anything here."""
    turns: list[Turn] = []
    for message in messages:
        if message["role"] == "user":
            turns.append(Turn(question=message["content"], answer="", intent="", label="public"))
        elif message["role"] == "assistant" and turns:
            before = turns[-1]
            said = message["content"].rpartition(WITHDRAWN)[2]
            answer = f"{before['answer']}\n\n{said.strip()}".strip()
            turns[-1] = Turn(question=before["question"], answer=answer, intent="", label=label)
    return turns
