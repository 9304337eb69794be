"""A local stand-in for Ollama: its NDJSON, its errors and its silence about a prompt it has cut.

What it keeps to was read in ollama/ollama (server/routes.go, server/sched.go): a stream's headers come with its first
piece, vectors have unit length, a model that is not there is a 404, `options.num_ctx` is 4096 unless told.
"""

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Iterable
from typing import Any

from tests.wire import (
    CONNECTION_FAULTS,
    TEXT_FAULTS,
    VECTOR_FAULTS,
    Behaviour,
    Exchange,
    Fails,
    Failure,
    Rendered,
    Request,
    Says,
    Wire,
    as_json,
    instead,
    sends,
    tokens,
    whole,
    within,
)

MODELS = ("phi4-mini:latest", "qwen3:4b", "nomic-embed-text:latest")
NUM_CTX = 4096
CREATED = "2026-01-01T00:00:00.000000Z"


def cuts_the_prompt(to: int = 2048) -> Behaviour:
    """Read no more than that of what it was sent, and told nobody."""

    async def behave(exchange: Exchange) -> None:
        spoken = tokens(exchange.ordinary.to(exchange.request))
        await instead(usage=(min(to, tokens(exchange.request.prompt)), spoken))(exchange)

    return behave


def without_message(exchange: Exchange) -> Awaitable[None]:
    """What an OpenAI server's empty choices are here."""
    frame = as_json({"model": exchange.request.model, "created_at": CREATED, "done": True, "done_reason": "stop"})
    return sends(lambda answer: [frame + b"\n"])(exchange)


FAULTS: dict[str, Behaviour] = {
    **CONNECTION_FAULTS,
    **TEXT_FAULTS,
    "no message": without_message,
    "only loaded": instead(text="", reason="load"),
    "cuts the prompt": cuts_the_prompt(to=5),
}

__all__ = ["FAULTS", "VECTOR_FAULTS", "Ollama", "cuts_the_prompt", "ollama"]


def ollama(models: Iterable[str] = MODELS, context: int = 32_768, version: str = "0.12.6", size: int = 768) -> "Ollama":
    """`with ollama() as server`; `context` is what its models were trained for."""
    return Ollama(models, context, version, size)


class Ollama(Wire):
    def __init__(self, models: Iterable[str], context: int, version: str, size: int) -> None:
        super().__init__()
        self.models = list(models)
        self.context = context
        self.version = version
        self.size = size
        self.loaded: list[str] = []
        self.pull_seconds = 0.0
        """Between two lines of a pull's progress."""

    def has(self, model: str) -> bool:
        return _tagged(model) in map(_tagged, self.models)

    def is_model(self, request: Request) -> bool:
        return request.path in ("/api/chat", "/api/embed")

    def objection(self, request: Request) -> Behaviour | None:
        if self.is_model(request) and not self.has(request.model):
            return Fails("missing")
        return None

    def reads(self, request: Request) -> int:
        """How many tokens of the prompt the model gets to see."""
        wanted = (request.body.get("options") or {}).get("num_ctx") or NUM_CTX
        return min(tokens(request.prompt), wanted, self.context)

    def render(self, request: Request, said: Says) -> Rendered:
        text, reason = within(said.to(request), said.reason, (request.body.get("options") or {}).get("num_predict"))
        read, spoken = said.usage or (self.reads(request), tokens(text))
        self.loaded = [*{*self.loaded, request.model}]
        ending = {
            **_line(request, {"role": "assistant", "content": ""}),
            "done": True,
            "done_reason": reason,
            "total_duration": 1_200_000,
            "load_duration": 200_000,
            "prompt_eval_count": read,
            "prompt_eval_duration": 400_000,
            "eval_count": spoken,
            "eval_duration": 600_000,
        }
        pieces: list[dict[str, Any]] = [{"content": piece} for piece in said.split(text)]
        if said.thinking:
            pieces.insert(0, {"content": "", "thinking": said.thinking})
        if said.tool:
            pieces.append({"content": "", "tool_calls": [_call(*said.tool)]})
        if request.body.get("stream") is False:
            extra = {"thinking": said.thinking} if said.thinking else {}
            return whole(as_json({**ending, "message": {"role": "assistant", "content": text, **extra}}))
        lines = [_line(request, {"role": "assistant", **piece}) for piece in pieces]
        return Rendered("application/x-ndjson", [as_json(line) + b"\n" for line in lines], as_json(ending) + b"\n")

    def embedded(self, request: Request, vectors: list[Any]) -> bytes:
        self.loaded = [*{*self.loaded, request.model}]
        told = {"model": request.model, "embeddings": vectors, "total_duration": 1_000_000, "load_duration": 200_000}
        return as_json({**told, "prompt_eval_count": tokens(request.prompt)})

    def frame(self, request: Request, told: dict[str, Any]) -> bytes:
        return as_json(told) + b"\n"

    def failure(self, request: Request, kind: Failure) -> dict[str, Any]:
        told: dict[Failure, str] = {
            "filtered": "filtered",
            "too long": "the input length exceeds the context length",
            "unauthorized": "unauthorized",
            "forbidden": "this model requires a subscription, upgrade for access: https://ollama.com/upgrade",
            "missing": f"model '{request.model}' not found",
            "busy": "you have reached your session usage limit, please wait or upgrade to continue",
            "broken": "llama runner process has terminated: signal: killed",
            "down": "server busy, please try again.  maximum pending requests exceeded",
        }
        return {"error": told[kind]}

    # What is not for a model

    async def manage(self, exchange: Exchange) -> None:
        request = exchange.request
        match request.method, request.path:
            case "GET", "/api/tags":
                exchange.give(as_json({"models": [_installed(model) for model in self.models]}))
            case "GET", "/api/ps":
                exchange.give(as_json({"models": [self._running(model) for model in self.loaded]}))
            case "GET", "/api/version":
                exchange.give(as_json({"version": self.version}))
            case "POST", "/api/show" if self.has(request.model):
                exchange.give(as_json(self._shown(request.model)))
            case "POST", "/api/show":
                exchange.give(as_json(self.failure(request, "missing")), 404)
            case "POST", "/api/pull":
                await self._pull(exchange)
            case "GET" | "HEAD", "/":
                exchange.give(b"Ollama is running" if request.method == "GET" else b"", media="text/plain")
            case _:
                exchange.give(b"404 page not found", 404, "text/plain")

    def _running(self, model: str) -> dict[str, Any]:
        row = {**_installed(model), "expires_at": "2026-01-01T00:05:00Z", "size_vram": 0}
        del row["modified_at"]
        return {**row, "context_length": min(NUM_CTX, self.context)}

    def _shown(self, model: str) -> dict[str, Any]:
        embeds = "embed" in model
        family = "nomic-bert" if embeds else _family(model)
        return {
            "modelfile": f"FROM {model}\n",
            "template": "{{ .Prompt }}",
            "details": _details(model),
            "model_info": {"general.architecture": family, f"{family}.context_length": self.context},
            "capabilities": ["embedding"] if embeds else ["completion", "tools"],
            "modified_at": CREATED,
        }

    async def _pull(self, exchange: Exchange) -> None:
        """A name with "missing" in it is one that the registry does not know."""
        model = exchange.request.model
        layer = {"status": "pulling aeda25e63ebd", "digest": f"sha256:{_digest(model)}", "total": 2_000_000_000}
        lines: list[dict[str, Any]] = [{"status": "pulling manifest"}]
        if "missing" in model:
            lines.append({"error": "pull model manifest: file does not exist"})
        else:
            lines += [layer, *({**layer, "completed": 500_000_000 * quarter} for quarter in (1, 2, 3, 4))]
            lines += [{"status": each} for each in ("verifying sha256 digest", "writing manifest", "success")]
        exchange.start(media="application/x-ndjson")
        for line in lines:
            exchange.chunk(as_json(line) + b"\n")
            await asyncio.sleep(self.pull_seconds)
        if "missing" not in model and not self.has(model):
            self.models.append(_tagged(model))
        exchange.end()


def _tagged(model: str) -> str:
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _family(model: str) -> str:
    return model.rpartition("/")[2].partition(":")[0].partition("-")[0]


def _digest(model: str) -> str:
    return hashlib.sha256(model.encode()).hexdigest()


def _details(model: str) -> dict[str, Any]:
    family = _family(model)
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family],
        "parameter_size": "3.8B",
        "quantization_level": "Q4_K_M",
    }


def _installed(model: str) -> dict[str, Any]:
    name = _tagged(model)
    row = {"name": name, "model": name, "modified_at": CREATED, "size": 2_491_876_774, "digest": _digest(name)}
    return {**row, "details": _details(name)}


def _line(request: Request, message: dict[str, Any]) -> dict[str, Any]:
    return {"model": request.model, "created_at": CREATED, "message": message, "done": False}


def _call(name: str, arguments: str) -> dict[str, Any]:
    """Ollama parses the arguments itself: what is no JSON arrives as an object without sense."""
    try:
        given = json.loads(arguments)
    except ValueError:
        given = {"": arguments}
    return {"function": {"name": name, "arguments": given}}
