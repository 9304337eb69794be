"""A model that runs in Tandem's own process, from files on this machine: nothing is fetched, no code of theirs is run.

LangChain's HuggingFacePipeline does not do: as a chat model it has no asynchronous streaming, cannot be stopped, counts
no tokens, and leaves its caller waiting for a minute when generation fails. Decoding is never constrained to a schema:
who needs JSON parses what comes, and asks again.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel
from langchain_core.language_models.chat_models import agenerate_from_stream, generate_from_stream
from langchain_core.messages import AIMessageChunk, BaseMessage, convert_to_openai_messages
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import ChatGenerationChunk, ChatResult
from pydantic import Field

from privacy.failures import ModelFailed

INCOMPLETE = "�"
"""What a decoder makes of a character whose last bytes are still to come."""

Say = Callable[[ChatGenerationChunk], None]


def load(name: str, *, temperature: float = 0.0, max_new_tokens: int = 1024) -> "InProcess":
    """`name` is a folder, or a model in Hugging Face's cache: `microsoft/Phi-3-mini-4k-instruct`.

    Its weights are read when it is first asked, and once, however often it is loaded.
    """
    if not all(find_spec(package) for package in ("torch", "transformers")):
        raise _missing(
            name, "needs packages that are not installed", "Install them: .venv/bin/pip install -e '.[transformers]'"
        )
    return InProcess(resident=_resident(name), temperature=temperature, max_new_tokens=max_new_tokens)


class InProcess(BaseChatModel):
    """Streams what it writes as it is written; who stops listening stops it."""

    resident: "Resident" = Field(exclude=True, repr=False)
    temperature: float
    max_new_tokens: int

    @property
    def context(self) -> int:
        """How many tokens it reads and writes in one call."""
        return self.resident.context

    @property
    def _llm_type(self) -> str:
        return "transformers"

    @property
    def _identifying_params(self) -> dict[str, Any]:
        return {"model": self.resident.name, "temperature": self.temperature, "max_new_tokens": self.max_new_tokens}

    def _asked(self, messages: Sequence[BaseMessage], stop: Sequence[str] | None, say: Say) -> "Asked":
        if stop:
            raise NotImplementedError("A model in this process ends where it wants to: it takes no stop sequences.")
        return Asked(messages, self.temperature, self.max_new_tokens, say)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        said: list[ChatGenerationChunk] = []
        asked = self._asked(messages, stop, said.append)
        try:
            self.resident.ask(asked).result()
        finally:
            asked.gone.set()
        return generate_from_stream(iter(said))

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        return await agenerate_from_stream(self._astream(messages, stop))

    async def _astream(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> AsyncIterator[ChatGenerationChunk]:
        said: asyncio.Queue[ChatGenerationChunk | None] = asyncio.Queue()
        loop = asyncio.get_running_loop()

        def say(chunk: ChatGenerationChunk | None) -> None:
            with suppress(RuntimeError):  # the loop has closed: nobody listens any more
                loop.call_soon_threadsafe(said.put_nowait, chunk)

        asked = self._asked(messages, stop, say)
        answer = self.resident.ask(asked)
        answer.add_done_callback(lambda _: say(None))
        try:
            while chunk := await said.get():
                yield chunk
            answer.result()
        finally:
            asked.gone.set()


@dataclass(frozen=True)
class Asked:
    """One question to the model, and whom to say the answer to."""

    messages: Sequence[BaseMessage]
    temperature: float
    max_new_tokens: int
    say: Say
    gone: Event = field(default_factory=Event)
    """Set when nobody waits for the answer any more."""


class Gone(Exception):
    """Nobody waits for the answer any more."""


@dataclass(frozen=True)
class Weights:
    """A model in memory: transformers' objects."""

    tokenizer: Any
    network: Any
    ends: frozenset[int]
    """The tokens that end an answer."""


class Resident:
    """One model, in a thread of its own: it is read there once, and answers there, one at a time."""

    def __init__(self, place: str, folder: Path, context: int) -> None:
        self.place, self.folder, self.context = place, folder, context
        self.name = _named(place)
        self._weights: Weights | None = None
        self._thread = ThreadPoolExecutor(1, self.name)

    def ask(self, asked: Asked) -> Future[None]:
        return self._thread.submit(self._answer, asked)

    def _answer(self, asked: Asked) -> None:
        if self._weights is None:
            self._weights = _read(self.place, self.folder)
        weights = self._weights
        prompt = _prompt(self.name, weights.tokenizer, asked.messages)
        room = min(asked.max_new_tokens, self.context - len(prompt))
        if room <= 0:
            raise ModelFailed(
                "too long",
                f"The question is too long for {self.name}: {len(prompt):,} tokens, and it reads {self.context:,}",
                self.name,
                "Ask it in fewer words.",
            )
        answer = Answer(weights, asked.say)
        self._write(weights, prompt, room, asked, answer)
        if not asked.gone.is_set():
            asked.say(_last(self.name, len(prompt), answer))

    def _write(self, weights: Weights, prompt: list[int], room: int, asked: Asked, answer: "Answer") -> None:
        import torch

        sampling = {"do_sample": True, "temperature": asked.temperature} if asked.temperature else {"do_sample": False}
        tokens = torch.tensor([prompt])
        try:
            with _stopped_by(asked.gone, weights.network), suppress(Gone):
                weights.network.generate(
                    input_ids=tokens,
                    attention_mask=torch.ones_like(tokens),
                    max_new_tokens=room,
                    eos_token_id=sorted(weights.ends),
                    pad_token_id=min(weights.ends),
                    num_beams=1,
                    streamer=answer,
                    **sampling,
                )
        except (RuntimeError, IndexError, MemoryError) as error:  # torch has no narrower ones
            raise ModelFailed(
                "down",
                f"{self.name} broke off with an error of its own: {_first_line(error)}",
                self.name,
                "Free some memory, or use a smaller model.",
            ) from error


class Answer:
    """Takes the tokens as `generate` makes them, and says each piece as soon as its characters are whole."""

    def __init__(self, weights: Weights, say: Say) -> None:
        self._weights, self._say = weights, say
        self._said = 0
        self._prompt_seen = False
        self.tokens: list[int] = []

    @property
    def ended(self) -> bool:
        return bool(self.tokens) and self.tokens[-1] in self._weights.ends

    def put(self, tokens: Any) -> None:
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        self.tokens += tokens.tolist()
        text = self._text
        if not text.endswith(INCOMPLETE):
            self._say_up_to(text)

    def end(self) -> None:
        self._say_up_to(self._text.rstrip(INCOMPLETE))

    @property
    def _text(self) -> str:
        spoken = self.tokens[:-1] if self.ended else self.tokens
        # All of it each time, since a token's text depends on those before it: 0.1 s for an answer of 1,000 tokens.
        text = self._weights.tokenizer.decode(spoken, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return str(text)

    def _say_up_to(self, text: str) -> None:
        if piece := text[self._said :]:
            self._said = len(text)
            self._say(ChatGenerationChunk(message=AIMessageChunk(content=piece)))


def _last(name: str, read: int, answer: Answer) -> ChatGenerationChunk:
    written = len(answer.tokens)
    return ChatGenerationChunk(
        message=AIMessageChunk(
            content="",
            usage_metadata=UsageMetadata(input_tokens=read, output_tokens=written, total_tokens=read + written),
            response_metadata={"model_name": name, "finish_reason": "stop" if answer.ended else "length"},
            chunk_position="last",
        )
    )


@contextmanager
def _stopped_by(gone: Event, network: Any) -> Iterator[None]:
    """Looks before every layer, not after every token: reading a long prompt is one token, and takes a minute."""

    def look(*_: object) -> None:
        if gone.is_set():
            raise Gone

    hooks = [layer.register_forward_pre_hook(look) for layer in network.modules()]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _prompt(name: str, tokenizer: Any, messages: Sequence[BaseMessage]) -> list[int]:
    """The conversation in the model's own form."""
    control = [token for token in tokenizer.get_added_vocab() if len(token.strip()) > 1]
    turns = [
        {"role": turn["role"], "content": _as_data(turn["content"], control)}
        for turn in convert_to_openai_messages(messages, text_format="string")
    ]
    rendered = _rendered(tokenizer, turns) or _rendered(tokenizer, _without_system(turns))
    if rendered is None:
        raise ModelFailed(
            "rejected", f"The chat template of {name} does not take all that is said", name, "Use another model."
        )
    return list(tokenizer(rendered, add_special_tokens=False)["input_ids"])


def _as_data(text: str, control: Sequence[str]) -> str:
    """Text cannot end its own turn: a control token in it (`<|end|>`) is taken apart (`< |end|>`)."""
    if not control:
        return text
    return re.sub("|".join(map(re.escape, control)), lambda found: f"{found[0][0]} {found[0][1:]}", text)


def _rendered(tokenizer: Any, turns: Sequence[dict[str, str]]) -> str | None:
    """None when the template refuses a turn, or drops one without a word, as Phi-3's first one did with `system`."""
    from jinja2 import TemplateError

    try:
        rendered = str(tokenizer.apply_chat_template(list(turns), tokenize=False, add_generation_prompt=True))
    except TemplateError:
        return None
    return rendered if all(turn["content"].strip() in rendered for turn in turns) else None


def _without_system(turns: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """What the system says stands at the head of what the user says first."""
    system = [turn["content"] for turn in turns if turn["role"] == "system"]
    first, *others = [turn for turn in turns if turn["role"] != "system"] or [{"role": "user", "content": ""}]
    return [{**first, "content": "\n\n".join([*system, first["content"]])}, *others]


@cache
def _resident(place: str) -> Resident:
    """Of each model there is one in a process, whoever asks for it."""
    folder = _folder(place)
    return Resident(place, folder, _context(place, folder))


def _folder(place: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    folder = Path(place).expanduser()
    if folder.is_dir():
        return folder
    try:
        return Path(snapshot_download(place, local_files_only=True))
    except LocalEntryNotFoundError as error:
        raise _missing(
            place, "is not in Hugging Face's cache on this machine", f"Fetch it: .venv/bin/hf download {place}"
        ) from error
    except HFValidationError as error:
        raise _missing(
            place, "names no folder, and no model of Hugging Face's", "Name a folder that is there, or owner/name."
        ) from error


def _context(place: str, folder: Path) -> int:
    try:
        config = json.loads((folder / "config.json").read_text("utf-8"))
        return int(config.get("text_config", config)["max_position_embeddings"])
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _damaged(place, "config.json does not say how many tokens it reads") from error


def _read(place: str, folder: Path) -> Weights:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    here = {"local_files_only": True, "trust_remote_code": False}
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **here)
        network, report = transformers.AutoModelForCausalLM.from_pretrained(
            folder, use_safetensors=True, dtype="auto", output_loading_info=True, **here
        )
    except Exception as error:  # of damaged files seven classes were seen; tokenizers itself raises this one, bare
        raise _damaged(place, _first_line(error)) from error
    if report["missing_keys"]:  # transformers would make them up, at random
        raise _damaged(place, f"no weights for {min(report['missing_keys'])}")
    if not tokenizer.chat_template:
        raise _damaged(place, "no chat template, so it is not a model to talk to")
    ends = _ends(tokenizer, network)
    if not ends:
        raise _damaged(place, "no token that ends an answer")
    return Weights(tokenizer, network, ends)


def _ends(tokenizer: Any, network: Any) -> frozenset[int]:
    """Phi-3 ends its turns with another token than its texts: both count."""
    configured = network.generation_config.eos_token_id
    ends = configured if isinstance(configured, list) else [configured]
    return frozenset(end for end in [*ends, tokenizer.eos_token_id] if end is not None)


def _named(place: str) -> str:
    return f"transformers:{place}"


def _damaged(place: str, why: str) -> ModelFailed:
    return _missing(place, f"cannot be used as it is stored: {why}", _again(place))


def _missing(place: str, why: str, do: str) -> ModelFailed:
    return ModelFailed("missing", f"{_named(place)} {why}", _named(place), do)


def _again(place: str) -> str:
    if Path(place).expanduser().is_dir():
        return "Save it there again: config.json, tokenizer.json with a chat template, and weights as .safetensors."
    return f"Fetch it again: .venv/bin/hf download --force-download {place}"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
