"""A local stand-in for OpenAI and for Azure OpenAI: server-sent events, usage when asked for, and their refusals.

Whatever is asked under `/openai/` is answered as Azure does: filter results with every choice, its own errors.
"""

import base64
from collections.abc import Awaitable, Iterable
from typing import Any

import numpy as np

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
    half,
    instead,
    sends,
    tokens,
    whole,
    within,
)

MODELS = ("gpt-4o", "gpt-4o-mini", "text-embedding-3-small")
SAFE = {kind: {"filtered": False, "severity": "safe"} for kind in ("hate", "self_harm", "sexual", "violence")}
FILTERED = {**SAFE, "violence": {"filtered": True, "severity": "medium"}}
JAILBREAK = {"jailbreak": {"filtered": False, "detected": False}}


def empty_choices(exchange: Exchange) -> Awaitable[None]:
    request = exchange.request
    told = {**_head(request), "choices": []}
    ending = [b"data: [DONE]\n\n"] if request.body.get("stream") else []
    return sends(lambda answer: [exchange.wire.frame(request, told), *ending])(exchange)


def _without_done(answer: Rendered) -> list[bytes]:
    return [*answer.pieces, answer.ending.replace(b"data: [DONE]\n\n", b"")]


FAULTS: dict[str, Behaviour] = {
    **CONNECTION_FAULTS,
    **TEXT_FAULTS,
    "400 content filter": Fails("filtered"),
    "content filter in the stream": half("content_filter"),
    "refusal": instead(text="", refusal="I'm sorry, I can't help with that."),
    "empty choices": empty_choices,
    "finished without [DONE]": sends(_without_done),
}

__all__ = ["FAULTS", "VECTOR_FAULTS", "OpenAI", "openai"]


def openai(
    key: str | None = None, models: Iterable[str] = MODELS, context: int = 128_000, size: int = 1536
) -> "OpenAI":
    """`with openai() as server`; a `key` (or an Entra token) makes it refuse every other.

    Any model's name is answered to: `models` is only what `/models` lists.
    """
    return OpenAI(key, models, context, size)


class OpenAI(Wire):
    def __init__(self, key: str | None, models: Iterable[str], context: int, size: int) -> None:
        super().__init__()
        self.key = key
        self.models = list(models)
        self.context = context
        self.size = size

    def is_model(self, request: Request) -> bool:
        return request.path.endswith(("/chat/completions", "/embeddings"))

    def objection(self, request: Request) -> Behaviour | None:
        if self.key and self.key not in (_bearer(request), request.headers.get("api-key")):
            return Fails("unauthorized")
        if self.is_model(request) and tokens(request.prompt) > self.context:
            return Fails("too long")
        return None

    def render(self, request: Request, said: Says) -> Rendered:
        limit = request.body.get("max_completion_tokens") or request.body.get("max_tokens")
        text, reason = within(said.to(request), said.reason, limit)
        reason = "tool_calls" if said.tool else reason
        usage = _usage(*(said.usage or (tokens(request.prompt), tokens(text or said.refusal))))
        if not request.body.get("stream"):
            message = {"role": "assistant", "content": text if not said.refusal else None, **_extra(said)}
            choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
            return whole(as_json({**_head(request), "choices": [_annotated(request, choice)], "usage": usage}))
        deltas: list[dict[str, Any]] = [{"content": piece} for piece in said.split(text)]
        if extra := _extra(said):
            deltas.insert(0, extra)
        counted = bool((request.body.get("stream_options") or {}).get("include_usage"))
        opening = self._chunk(request, counted, {"role": "assistant", "content": "", "refusal": None})
        if _is_azure(request):
            results = [{"prompt_index": 0, "content_filter_results": {**SAFE, **JAILBREAK}}]
            blank = {"id": "", "object": "", "created": 0, "model": "", "choices": [], "prompt_filter_results": results}
            opening = self.frame(request, blank) + opening
        pieces = [self._chunk(request, counted, delta) for delta in deltas]
        last = self.frame(request, {**_head(request), "choices": [], "usage": usage}) if counted else b""
        ending = self._chunk(request, counted, {}, reason) + last + b"data: [DONE]\n\n"
        return Rendered("text/event-stream", [opening + b"".join(pieces[:1]), *pieces[1:]], ending)

    def _chunk(self, request: Request, counted: bool, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        told = {**_head(request), "choices": [_annotated(request, choice)]}
        return self.frame(request, {**told, "usage": None} if counted else told)

    def embedded(self, request: Request, vectors: list[Any]) -> bytes:
        packed = request.body.get("encoding_format") == "base64"
        rows = [
            {"object": "embedding", "index": index, "embedding": _packed(row) if packed else row}
            for index, row in enumerate(vectors)
        ]
        read = tokens(request.prompt)
        usage = {"prompt_tokens": read, "total_tokens": read}
        return as_json({"object": "list", "data": rows, "model": request.model, "usage": usage})

    def frame(self, request: Request, told: dict[str, Any]) -> bytes:
        return b"data: %b\n\n" % as_json(told) if request.body.get("stream") else as_json(told)

    def failure(self, request: Request, kind: Failure) -> dict[str, Any]:
        if kind == "filtered" or (_is_azure(request) and kind in AZURE):
            return AZURE[kind]
        told: dict[Failure, tuple[str, str, str | None, str | None]] = {
            "too long": (
                f"This model's maximum context length is {self.context} tokens. However, your messages resulted in "
                f"{max(tokens(request.prompt), self.context + 1)} tokens. Please reduce the length of the messages.",
                "invalid_request_error",
                "messages",
                "context_length_exceeded",
            ),
            "unauthorized": (
                f"Incorrect API key provided: {_hidden(_bearer(request))}. You can find your API key at "
                "https://platform.openai.com/account/api-keys.",
                "invalid_request_error",
                None,
                "invalid_api_key",
            ),
            "forbidden": ("Country, region, or territory not supported", "request_forbidden", None,
                          "unsupported_country_region_territory"),
            "missing": (
                f"The model `{request.model}` does not exist or you do not have access to it.",
                "invalid_request_error",
                None,
                "model_not_found",
            ),
            "busy": (
                f"Rate limit reached for {request.model} in organization org-tandem on requests per min (RPM): "
                "Limit 3, Used 3, Requested 1. Please try again in 20s.",
                "requests",
                None,
                "rate_limit_exceeded",
            ),
            "broken": ("The server had an error while processing your request. Sorry about that!", "server_error",
                       None, None),
            "down": ("The engine is currently overloaded, please try again later", "service_unavailable_error",
                     None, "service_unavailable"),
        }  # fmt: skip
        return {"error": dict(zip(("message", "type", "param", "code"), told[kind], strict=True))}

    async def manage(self, exchange: Exchange) -> None:
        request = exchange.request
        if request.method == "GET" and request.path.endswith("/models"):
            rows = [
                {"id": model, "object": "model", "created": 1_715_367_049, "owned_by": "system"}
                for model in self.models
            ]
            return exchange.give(as_json({"object": "list", "data": rows}))
        message = f"Invalid URL ({request.method} {request.path})"
        error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
        exchange.give(as_json({"error": error}), 404)


AZURE: dict[Failure, dict[str, Any]] = {
    "filtered": {
        "error": {
            "message": "The response was filtered due to the prompt triggering Azure OpenAI's content management "
            "policy. Please modify your prompt and retry. To learn more about our content filtering policies please "
            "read our documentation: https://go.microsoft.com/fwlink/?linkid=2198766",
            "type": None,
            "param": "prompt",
            "code": "content_filter",
            "status": 400,
            "innererror": {
                "code": "ResponsibleAIPolicyViolation",
                "content_filter_result": {**FILTERED, **JAILBREAK},
            },
        }
    },
    "unauthorized": {
        "error": {
            "code": "401",
            "message": "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a "
            "valid key for an active subscription and use a correct regional API endpoint for your resource.",
        }
    },
    "missing": {
        "error": {
            "code": "DeploymentNotFound",
            "message": "The API deployment for this resource does not exist. If you created the deployment within "
            "the last 5 minutes, please wait a moment and try again.",
        }
    },
    "busy": {
        "error": {
            "code": "429",
            "message": "Requests to the ChatCompletions_Create Operation under Azure OpenAI API version 2024-10-21 "
            "have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 20 seconds.",
        }
    },
}


def _is_azure(request: Request) -> bool:
    return request.path.startswith("/openai/")


def _annotated(request: Request, choice: dict[str, Any]) -> dict[str, Any]:
    """On Azure every choice says what the filter thought of it."""
    if not _is_azure(request):
        return choice
    return {**choice, "content_filter_results": FILTERED if choice["finish_reason"] == "content_filter" else SAFE}


def _head(request: Request) -> dict[str, Any]:
    kind = "chat.completion.chunk" if request.body.get("stream") else "chat.completion"
    deployment = request.path.partition("/deployments/")[2].partition("/")[0]
    head = {"id": "chatcmpl-Tandem1", "object": kind, "created": 1_767_225_600, "model": request.model or deployment}
    return {**head, "service_tier": "default", "system_fingerprint": "fp_50cad350e4"}


def _extra(said: Says) -> dict[str, Any]:
    """What a message can hold beside its content; `reasoning_content` is how vLLM and DeepSeek think."""
    told: dict[str, Any] = {}
    if said.thinking:
        told["reasoning_content"] = said.thinking
    if said.refusal:
        told["refusal"] = said.refusal
    if said.tool:
        name, arguments = said.tool
        function = {"name": name, "arguments": arguments}
        told["tool_calls"] = [{"index": 0, "id": "call_1", "type": "function", "function": function}]
    return told


def _usage(read: int, spoken: int) -> dict[str, Any]:
    return {
        "prompt_tokens": read,
        "completion_tokens": spoken,
        "total_tokens": read + spoken,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }


def _packed(row: Any) -> Any:
    """As base64, but for what is no vector."""
    if not all(isinstance(value, float) for value in row or [None]):
        return row
    return base64.b64encode(np.array(row, np.float32).tobytes()).decode()


def _bearer(request: Request) -> str:
    return request.headers.get("authorization", "").removeprefix("Bearer ")


def _hidden(key: str) -> str:
    return f"{key[:5]}***{key[-4:]}"
