"""Every HTTP request: who may send it and how much of it, and what its sender is told when it fails."""

import asyncio
import ipaddress
import json
import logging
import re
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from fastapi.exceptions import RequestValidationError
from langsmith.run_helpers import tracing_context
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from apps.question import UsageWrong
from apps.show import plain
from ingest.errors import Trouble

log = logging.getLogger("tandem.server")

LARGEST = 4 * 2**20
"""Bytes of a request: a batch of the longest questions fits."""
MOST = 100
"""Inputs of a batch."""
PAGES = re.compile(r"(index\.html|favicon\.ico|assets/[\w-]+\.\w+)?")
"""What a playground consists of."""


class Refused(UsageWrong):
    """A request that has its own status."""

    def __init__(self, status: int, what: str, value: str | None, do: str | None) -> None:
        super().__init__(what, value, do)
        self.status = status


class Guard:
    """Around the whole server, so that no exception reaches the connection: it would be cut, and the next call fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        caller, answer = _Caller(receive), _Answer(send)
        try:
            _check_sender(Headers(scope=scope))
            # Whatever the environment says, no question is sent to LangSmith.
            with tracing_context(enabled=False):
                app = self._app(scope, _limited(Headers(scope=scope), caller.read), answer)
                await _while_wanted(asyncio.ensure_future(app), caller, answer)
        except ClientDisconnect:
            log.info("%s: the caller hung up.", shown(f"{scope['method']} {scope['path']}"))
        except Exception as error:
            await answer.fail(error, scope, receive)


async def _while_wanted(app: asyncio.Future[None], caller: "_Caller", answer: "_Answer") -> None:
    """LangServe would go on for a caller that hung up, model and all."""
    gone = asyncio.create_task(caller.gone())
    with suppress(asyncio.CancelledError):  # so the server ends what it has waited for long enough
        await asyncio.wait([app, gone], return_when=asyncio.FIRST_COMPLETED)
    hung_up = gone.done()
    gone.cancel()
    if not answer.ended:
        app.cancel()
    with suppress(asyncio.CancelledError):
        await app
    if hung_up and not answer.ended:
        raise ClientDisconnect
    if not answer.ended:
        raise Refused(503, "This server is being stopped.", None, "Ask again once it runs.")


class _Caller:
    """Sends a request, and then nothing more until it hangs up."""

    def __init__(self, receive: Receive) -> None:
        self._receive, self._read = receive, asyncio.Event()

    async def read(self) -> Message:
        if self._read.is_set():
            await asyncio.Event().wait()  # for what only `gone` hears
        message = await self._receive()
        if not message.get("more_body"):
            self._read.set()
        return message

    async def gone(self) -> None:
        await self._read.wait()
        while (await self._receive())["type"] != "http.disconnect":
            pass


class _Answer:
    """What is sent, without LangServe's own error event: it says nothing, and the exception that follows it does."""

    def __init__(self, send: Send) -> None:
        self._send, self._started, self.ended = send, False, False

    async def __call__(self, message: Message) -> None:
        if message.get("body", b"").startswith(b"event: error\r\n"):
            return
        self._started = True
        self.ended = message["type"] == "http.response.body" and not message.get("more_body")
        await self._send(message)

    async def fail(self, error: Exception, scope: Scope, receive: Receive) -> None:
        status, told = explained(error)
        if not self._started:
            await JSONResponse({"error": told}, status)(scope, receive, self._send)
        elif not self.ended:
            # LangServe's clients read the first two, Tandem's the third.
            event = json.dumps({"status_code": status, "message": _sentence(told), "error": told})
            body = f"event: error\r\ndata: {event}\r\n\r\n".encode()
            await self._send({"type": "http.response.body", "body": body, "more_body": False})


async def answered(request: Request, error: Exception) -> Response:
    """For what FastAPI itself refuses."""
    headers = None
    if isinstance(error, HTTPException):
        where, headers = shown(f"{request.method} {request.url.path}"), error.headers
        error = Refused(error.status_code, f"{error.detail}.", where, "See /openapi.json for what there is.")
    status, told = explained(error)
    return JSONResponse({"error": told}, status, headers)


def explained(error: BaseException) -> tuple[int, dict[str, str | None]]:
    """The status, and what its sender is told; the log has more, under the same id."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    name = uuid.uuid4().hex[:12]
    status, what, value, do = _explained(error, name)
    if isinstance(error, Refused) or status < 500:
        log.info("%s: %d %s", name, status, what)
    else:
        log.error("%s: %d %s", name, status, what, exc_info=error)
    return status, {"what": what, "value": value, "do": do, "id": name}


def _explained(error: BaseException, name: str) -> tuple[int, str, str | None, str | None]:
    if isinstance(error, RequestValidationError):
        error = misshapen(
            error.errors(), 'Send {"input": …, "config": {"configurable": {"thread_id": "…"}}}; a batch has "inputs".'
        )
    if isinstance(error, Trouble):
        status = error.status if isinstance(error, Refused) else 422 if isinstance(error, UsageWrong) else 503
        return status, error.what, error.value, error.do
    do = f"Try again. If it fails again, whoever runs this server finds {name} in its log."
    return 500, "Something went wrong here.", None, do


def misshapen(errors: Sequence[Any], do: str) -> UsageWrong:
    """The first thing that is wrong with a request's shape, of what pydantic found."""
    first: Any = errors[0]
    if not isinstance(first, Mapping):
        return UsageWrong(f"{first}.", None, do)
    where = ".".join(str(part) for part in first["loc"]) or "The request"
    wrong = {
        "missing": "is missing",
        "extra_forbidden": "is not known",
        "dict_type": "should be an object",
        "model_type": "should be an object",
    }.get(first["type"], f"is not right: {first['msg'].removeprefix('Value error, ')}")
    # What has an unknown shape may be deep or long, so only plain values are repeated.
    given = first.get("input")
    value = shown(given if isinstance(given, str) else json.dumps(given)) if _is_plain(given) else None
    return UsageWrong(f"{where} {wrong}.", value, do)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | bool | float) or (isinstance(value, int) and abs(value) < 10**20)


def shown(value: str) -> str:
    return plain(value[:80])


def _sentence(told: Mapping[str, str | None]) -> str:
    value = f" ({told['value']})" if told["value"] else ""
    return f"{(told['what'] or '').rstrip('.')}{value}. {told['do'] or ''} [{told['id']}]"


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _check_sender(headers: Headers) -> None:
    """Only this machine: another site's page in its browser may neither ask, nor name itself 127.0.0.1 and read."""
    for name in ("host", "origin"):
        given = headers.get(name)
        if given is not None and not _is_here(given):
            do = "Call it as 127.0.0.1 or localhost, from this machine."
            raise Refused(403, f"This server answers its own machine only; the {name} header is another's.", given, do)


def _is_here(address: str) -> bool:
    try:
        return is_loopback(urlsplit(address if "//" in address else f"//{address}").hostname or "")
    except ValueError:
        return False


def _limited(headers: Headers, receive: Receive) -> Receive:
    """No more than is allowed, whether or not the sender says how much it will be."""
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length[:20]) > LARGEST:
        raise _too_large(length[:20])
    received = 0

    async def some() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > LARGEST:
            raise _too_large(f"more than {LARGEST}")
        return message

    return some


def _too_large(size: str) -> Refused:
    return Refused(413, "The request is too large.", f"{size} bytes", f"Send at most {LARGEST} bytes at once.")


async def readable(request: Request) -> None:
    """Refuse what LangServe would stumble over: a body that cannot be read, a page that is none."""
    if not PAGES.fullmatch(request.path_params.get("file_path", "")):
        raise HTTPException(404)
    if request.method == "POST":
        try:
            body = await request.json()  # it is kept, and read from there
        except (ValueError, RecursionError):
            raise UsageWrong("The request is not JSON.", None, "Send one JSON object, in UTF-8.") from None
        if isinstance(body, dict):
            _check_inputs(body.get("inputs", []))
            if body.get("config", {}) is None:
                del body["config"]


def _check_inputs(inputs: Any) -> None:
    if not isinstance(inputs, list):
        raise UsageWrong("The inputs of a batch should be a list.", None, 'Send {"inputs": […]}.')
    if len(inputs) > MOST:
        raise UsageWrong("The batch is too long.", f"{len(inputs)} inputs", f"Send at most {MOST} at once.")
