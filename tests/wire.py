"""A model server on a real socket, scripted per request and to the byte: what the two wire protocols share.

The clients under test are the real ones, so a fault must happen where it happens in life: in the bytes. A fault is
made of the answer that would have been given, so that half of a triage is half of *that* triage.
"""

import asyncio
import json
import math
import re
import socket
import struct
import threading
import time
import zlib
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any, Literal, Self
from urllib.parse import urlsplit

import numpy as np

Headers = dict[str, str]
Failure = Literal["filtered", "too long", "unauthorized", "forbidden", "missing", "busy", "broken", "gateway", "down"]

STATUS: dict[Failure, int] = {
    "filtered": 400, "too long": 400, "unauthorized": 401, "forbidden": 403, "missing": 404,
    "busy": 429, "broken": 500, "gateway": 502, "down": 503,
}  # fmt: skip
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center></body></html>"


@dataclass(eq=False)
class Request:
    method: str
    path: str
    query: str
    headers: Headers
    """Names in small letters."""
    body: Any
    came: float = field(default_factory=time.monotonic)
    answered: float | None = None
    """When the last of its answer went out; None when it never did, as after a hang-up on either side."""
    closed: float | None = None
    """When its client closed the connection; None when it did not, or the server did first."""
    left: threading.Event = field(default_factory=threading.Event, repr=False)
    """Set with `closed`: `request.left.wait(1)` is whether the client hung up within a second."""

    @property
    def model(self) -> str:
        return str(self.body.get("model") or "")

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema that the answer must follow."""
        wanted = self.body.get("format") or self.body.get("response_format") or {}
        if not isinstance(wanted, dict):
            return None
        return wanted.get("json_schema", {}).get("schema") if "json_schema" in wanted else wanted or None

    @property
    def prompt(self) -> str:
        """All that is said to the model, or the texts to be embedded."""
        given = self.body.get("messages") or self.body.get("input") or []
        given = [given] if isinstance(given, str) else given
        return "\n".join(_text(each["content"] if isinstance(each, dict) else each) for each in given)

    @property
    def texts(self) -> list[str]:
        """What is to be embedded."""
        given = self.body.get("input") or []
        return [given] if isinstance(given, str) else list(given)


def _text(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content or [])


def asks_for_json(request: Request) -> bool:
    """Triage, in Tandem."""
    return request.schema is not None


def asks_for_vectors(request: Request) -> bool:
    return "input" in request.body


def asks_for_text(request: Request) -> bool:
    return not asks_for_json(request) and not asks_for_vectors(request)


def tokens(text: str) -> int:
    return math.ceil(len(text.split()) * 4 / 3)


def within(text: str, reason: str, limit: int | None) -> tuple[str, str]:
    """As far as the request lets the model speak, and why it stops there."""
    if not limit or limit < 0 or tokens(text) <= limit:
        return text, reason
    return " ".join(text.split()[: limit * 3 // 4]), "length"


def vector(text: str, size: int) -> list[float]:
    """Unit length, and near to that of a text with the same words."""
    sums = np.zeros(size)
    for word in re.findall(r"\w+", text.lower()) or [text]:
        seed = zlib.crc32(word.encode())
        sums[[seed % size, seed // size % size, seed // size // size % size]] += (1.0, -0.5, 0.25)
    return [float(value) for value in np.round(sums / np.linalg.norm(sums), 6)]


def as_json(told: Any) -> bytes:
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


# What a server does with a request


@dataclass(frozen=True)
class Rendered:
    """An answer's bytes as they go out, piece by piece."""

    media: str
    pieces: list[bytes]
    ending: bytes
    streamed: bool = True

    @property
    def body(self) -> bytes:
        return b"".join([*self.pieces, self.ending])


class Exchange:
    """A request and the means to answer it."""

    def __init__(self, request: Request, wire: "Wire", connection: "Connection", behaviours: "list[Behaviour]") -> None:
        self.request = request
        self.wire = wire
        self.connection = connection
        self.behaviours = behaviours

    async def otherwise(self) -> None:
        """Do what would be done but for the behaviour that asks."""
        await self.behaviours.pop(0)(self)

    @property
    def ordinary(self) -> "Says":
        """The answer that would be given but for a fault."""
        return next((each for each in self.behaviours if isinstance(each, Says)), ORDINARY)

    @property
    def rendered(self) -> Rendered:
        if not asks_for_vectors(self.request):
            return self.wire.render(self.request, self.ordinary)
        embeds = next((each for each in self.behaviours if isinstance(each, Embeds)), Embeds())
        return whole(self.wire.embedded(self.request, embeds.vectors(self)))

    def start(self, status: int = 200, media: str = "application/json", **headers: str) -> None:
        told = {"Content-Type": media, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if "Content-Length" not in told:
            told["Transfer-Encoding"] = "chunked"
        lines = [
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
            *(f"{name}: {value}" for name, value in told.items()),
        ]
        self.send("\r\n".join([*lines, "", ""]).encode())

    def send(self, data: bytes) -> None:
        self.connection.transport.write(data)

    def chunk(self, *pieces: bytes) -> None:
        """All in one write: at fifty at once it is the writes that cost."""
        self.send(b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces if piece))

    def end(self) -> None:
        self.request.answered = time.monotonic()
        self.send(b"0\r\n\r\n")

    def give(self, body: bytes, status: int = 200, media: str = "application/json", **headers: str) -> None:
        self.start(status, media, Content_Length=str(len(body)), **headers)
        self.request.answered = time.monotonic()
        self.send(body)

    async def cut(self, reset: bool = False) -> None:
        """Hang up: with a FIN, or with a RST once the client has read what there was."""
        self.connection.closes = True
        if reset:
            await asyncio.sleep(0.05)
            linger = struct.pack("ii", 1, 0)
            self.connection.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.connection.transport.abort()
        else:
            self.connection.transport.close()


Behaviour = Callable[[Exchange], Awaitable[None]]
Predicate = Callable[[Request], bool]


@dataclass(frozen=True)
class Says:
    """An answer as the model gives one; `pieces` is how many there are, otherwise one for each word."""

    text: str | Callable[[Request], str]
    pieces: int | None = None
    first: float = 0.0
    each: float = 0.0
    usage: tuple[int, int] | None = None
    thinking: str = ""
    reason: str = "stop"
    refusal: str = ""
    tool: tuple[str, str] | None = None
    """A call in place of text: the tool's name and its arguments, as JSON or not."""

    async def __call__(self, exchange: Exchange) -> None:
        if asks_for_vectors(exchange.request):
            return await exchange.otherwise()
        rendered = exchange.wire.render(exchange.request, self)
        await asyncio.sleep(self.first)
        if not rendered.streamed:
            return exchange.give(rendered.body, media=rendered.media)
        exchange.start(media=rendered.media)
        pieces = rendered.pieces
        if self.each:
            for piece in pieces[:-1]:
                exchange.chunk(piece)
                await asyncio.sleep(self.each)
            pieces = pieces[-1:]
        exchange.chunk(*pieces, rendered.ending)
        exchange.end()

    def to(self, request: Request) -> str:
        return self.text if isinstance(self.text, str) else self.text(request)

    def split(self, text: str) -> list[str]:
        if self.pieces is None:
            return re.findall(r"\S+\s*|\s+", text)
        size = max(1, math.ceil(len(text) / self.pieces))
        return [text[start : start + size] for start in range(0, len(text), size)]


def says(text: str | Callable[[Request], str], **how: Any) -> Says:
    return Says(text, **how)


def says_json(told: Any, **how: Any) -> Says:
    return Says(json.dumps(told, ensure_ascii=False), **how)


ORDINARY = Says("Hello from the model.")


@dataclass(frozen=True)
class Embeds:
    """A vector for each text; `spoil` changes what is sent."""

    function: Callable[[str], Sequence[float]] | None = None
    spoil: Callable[[list[Any]], list[Any]] = list

    async def __call__(self, exchange: Exchange) -> None:
        if not asks_for_vectors(exchange.request):
            return await exchange.otherwise()
        exchange.give(exchange.wire.embedded(exchange.request, self.vectors(exchange)))

    def vectors(self, exchange: Exchange) -> list[Any]:
        function = self.function or (lambda text: vector(text, exchange.wire.size))
        return self.spoil([list(function(text)) for text in exchange.request.texts])


embeds = Embeds


@dataclass(frozen=True)
class Fails:
    """Refused with the provider's own words."""

    kind: Failure
    retry_after: int | None = None

    async def __call__(self, exchange: Exchange) -> None:
        later = {} if self.retry_after is None else {"Retry_After": str(self.retry_after)}
        if self.kind == "gateway":
            return exchange.give(HTML, 502, "text/html", **later)
        exchange.give(as_json(exchange.wire.failure(exchange.request, self.kind)), STATUS[self.kind], **later)


fails = Fails


def once(behaviour: Behaviour) -> Behaviour:
    """This the first time on a server, then what would be done without it."""

    async def behave(exchange: Exchange) -> None:
        exchange.wire.done[behave] += 1
        await (behaviour(exchange) if exchange.wire.done[behave] == 1 else exchange.otherwise())

    return behave


# Faults of the connection: for every request


async def refused(exchange: Exchange) -> None:
    """Nobody listens at the port: `suffers` closes it, and a request that is already in is reset."""
    await exchange.cut(reset=True)


async def hangs(exchange: Exchange) -> None:
    await asyncio.Event().wait()


async def only_headers(exchange: Exchange) -> None:
    exchange.start(media=exchange.rendered.media)
    await hangs(exchange)


def drips(seconds: float) -> Behaviour:
    """The right answer, a byte at a time."""

    async def behave(exchange: Exchange) -> None:
        rendered = exchange.rendered
        exchange.start(media=rendered.media)
        for byte in rendered.body:
            exchange.chunk(bytes([byte]))
            await asyncio.sleep(seconds)
        exchange.end()

    return behave


def never_ends(seconds: float) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        rendered = exchange.rendered
        exchange.start(media=rendered.media)
        while True:
            exchange.chunk(rendered.pieces[-1])
            await asyncio.sleep(seconds)

    return behave


def gives(body: bytes, media: str = "application/json", status: int = 200, **headers: str) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        exchange.give(body, status, media, **headers)

    return behave


def redirects(to: str = "http://localhost:1", status: int = 302) -> Behaviour:
    async def behave(exchange: Exchange) -> None:
        exchange.give(b"", status, Location=to + exchange.request.path)

    return behave


def claims_length(times: float) -> Behaviour:
    """A Content-Length that is so many times the right one; then it hangs up."""

    async def behave(exchange: Exchange) -> None:
        rendered = exchange.rendered
        exchange.start(media=rendered.media, Content_Length=str(int(len(rendered.body) * times)))
        exchange.send(rendered.body)
        await exchange.cut()

    return behave


def sends(alter: Callable[[Rendered], Sequence[bytes]]) -> Behaviour:
    """Other bytes than the answer's, and a clean end."""

    async def behave(exchange: Exchange) -> None:
        rendered = exchange.rendered
        exchange.start(media=rendered.media)
        exchange.chunk(*alter(rendered))
        exchange.end()

    return behave


def cuts(reset: bool = False, within: bytes = b"") -> Behaviour:
    """Hangs up in mid-chunk; `within` is a character of several bytes that it breaks."""

    async def behave(exchange: Exchange) -> None:
        rendered = exchange.rendered
        exchange.start(media=rendered.media)
        exchange.chunk(*rendered.pieces[:-1])
        last = rendered.pieces[-1]
        sent = last[: len(last) // 2] + within[:1]
        exchange.send(b"%x\r\n%b" % (len(last) + len(within), sent))
        await exchange.cut(reset)

    return behave


def breaks_off(exchange: Exchange) -> Awaitable[None]:
    """The provider's error in mid-stream."""
    wire, request = exchange.wire, exchange.request
    error = wire.frame(request, wire.failure(request, "broken"))
    return sends(lambda answer: [*answer.pieces[:1], error])(exchange)


def another_shape(exchange: Exchange) -> Awaitable[None]:
    frame = exchange.wire.frame(exchange.request, {"result": "ok", "output": ["?"]})
    return sends(lambda answer: [frame])(exchange)


CONNECTION_FAULTS: dict[str, Behaviour] = {
    "refused": refused,
    "accepts and never answers": hangs,
    "headers and then nothing": only_headers,
    "one byte at a time": drips(0.2),
    "429": Fails("busy"),
    "429 for a second": once(Fails("busy", retry_after=1)),
    "429 for an hour": Fails("busy", retry_after=3600),
    "500": Fails("broken"),
    "502 with a page": Fails("gateway"),
    "503": Fails("down"),
    "401": Fails("unauthorized"),
    "403": Fails("forbidden"),
    "404 model missing": Fails("missing"),
    "400 too long": Fails("too long"),
    "truncated JSON": sends(lambda answer: [*answer.pieces[:-1], answer.pieces[-1][: len(answer.pieces[-1]) // 2]]),
    "garbage": sends(lambda answer: [*answer.pieces[:1], b"\x00\xff\xfe{]\x80garbage\n\n"]),
    "a page with 200": gives(HTML.replace(b"502 Bad Gateway", b"Sign in"), "text/html"),
    "JSON of another shape": another_shape,
    "cut in mid-chunk": cuts(),
    "reset in mid-chunk": cuts(reset=True),
    "cut within a character": cuts(within="é".encode()),
    "Content-Length too long": claims_length(1.5),
    "Content-Length too short": claims_length(0.5),
    "redirect to another host": redirects(),
    "redirect that keeps the body": redirects(status=307),
    "gzip that is none": gives(b"\x1f\x8b\x08\x00not gzip at all", Content_Encoding="gzip"),
}


# Faults of what is said: for requests to speak


def altered(change: Callable[[Says, str], Says]) -> Behaviour:
    """The right answer, changed; its text is handed in too."""

    async def behave(exchange: Exchange) -> None:
        said = exchange.ordinary
        await change(said, said.to(exchange.request))(exchange)

    return behave


def instead(**changed: Any) -> Behaviour:
    return altered(lambda said, text: replace(said, **changed))


def half(reason: str) -> Behaviour:
    """The first half of the right answer, and why there is no more."""
    return altered(lambda said, text: replace(said, text=text[: len(text) // 2], reason=reason))


def preceded(by: str) -> Behaviour:
    return altered(lambda said, text: replace(said, text=by + text))


async def says_too_much(exchange: Exchange) -> None:
    """Ten megabytes."""
    await Says("0123456789abcde " * 655_360, pieces=160)(exchange)


ESCAPES = "\x1b]0;owned\x07\x1b[2J\x1b[31mred\x1b[0m\x9b31m\r\x08 "
TEXT_FAULTS: dict[str, Behaviour] = {
    "speaks for ever": never_ends(0.05),
    "slow to load": instead(first=1.5),
    "length": half("length"),
    "empty": instead(text=""),
    "only white space": instead(text=" \n\t "),
    "no final marker": sends(lambda answer: answer.pieces),
    "error in mid-stream": breaks_off,
    "a chunk twice": sends(lambda answer: [*answer.pieces, answer.pieces[-1], answer.ending]),
    "10 MB": says_too_much,
    "terminal escapes": preceded(ESCAPES),
    "a tool call instead": instead(text="", tool=("delete_everything", '{"path": "/"')),
    "thinks first": instead(thinking="Let me think about that."),
    "thinks aloud": preceded("<think>Let me think about that.</think>\n\n"),
}

VECTOR_FAULTS: dict[str, Behaviour] = {
    **CONNECTION_FAULTS,
    "NaN": Embeds(spoil=lambda vectors: [[math.nan, *each[1:]] for each in vectors]),
    "infinity as text": Embeds(spoil=lambda vectors: [["Infinity", *each[1:]] for each in vectors]),
    "null": Embeds(spoil=lambda vectors: [None for _ in vectors]),
    "nulls within": Embeds(spoil=lambda vectors: [[None, *each[1:]] for each in vectors]),
    "wrong size": Embeds(spoil=lambda vectors: [each[:10] for each in vectors]),
    "too few vectors": Embeds(spoil=lambda vectors: vectors[:-1]),
    "empty vectors": Embeds(spoil=lambda vectors: [[] for _ in vectors]),
    "all zero": Embeds(spoil=lambda vectors: [[0.0] * len(each) for each in vectors]),
}


def whole(body: bytes) -> Rendered:
    """An answer that does not come in pieces is cut in two, so that there is something to break."""
    middle = len(body) // 2
    return Rendered("application/json", [body[:middle]], body[middle:], streamed=False)


# The server


class Wire(ABC):
    """A server in a thread of its own: `with … as server`."""

    url: str
    size: int
    """How long its vectors are, unless told otherwise."""

    def __init__(self) -> None:
        self.done: Counter[Behaviour] = Counter()
        self.connections: set[Connection] = set()
        self.mistakes: list[BaseException] = []
        """What a behaviour raised: the test is wrong, and leaving the server says so."""
        self._seen: list[Request] = []
        self._rules: list[tuple[Predicate, Behaviour]] = []
        self._next: deque[Behaviour] = deque()
        self._always: Behaviour = ORDINARY
        self._management: Behaviour | None = None
        self._lock = threading.Lock()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._port = 0

    # What a test says to it

    def then(self, *behaviours: Behaviour) -> None:
        """What the next requests to a model get, in order."""
        with self._lock:
            self._next.extend(behaviours)

    def always(self, behaviour: Behaviour) -> None:
        """What every further request to a model gets."""
        with self._lock:
            self._always = behaviour

    def when(self, predicate: Predicate, behaviour: Behaviour) -> None:
        """What requests like these get; the newest rule goes first, and all rules before `then` and `always`."""
        with self._lock:
            self._rules.insert(0, (predicate, behaviour))

    def management(self, behaviour: Behaviour | None) -> None:
        """What requests get that are not to a model; None is the truth."""
        self._management = behaviour

    def forget(self) -> None:
        """Do as an untold server does; what was seen stays."""
        with self._lock:
            self._rules, self._always, self._management = [], ORDINARY, None
            self._next.clear()
            self.done.clear()

    @contextmanager
    def suffers(self, fault: Behaviour, predicate: Predicate = lambda request: True) -> Iterator[None]:
        """Meanwhile, requests like these get the fault; a port is closed for all of them."""
        if fault is refused:
            with self.refuse():
                yield
            return
        rule = (predicate, fault)
        self.done.pop(fault, None)
        self.when(*rule)
        try:
            yield
        finally:
            with self._lock:
                self._rules.remove(rule)

    @contextmanager
    def refuse(self) -> Iterator[None]:
        """Meanwhile, nobody listens at the port."""
        self._wait(self._shut())
        try:
            yield
        finally:
            self._wait(self._open())

    @property
    def seen(self) -> list[Request]:
        """Every request so far, in order."""
        return list(self._seen)

    def asked(self, path: str) -> list[Request]:
        return [request for request in self.seen if request.path == path]

    def wait(self, count: int, seconds: float = 5.0) -> list[Request]:
        """All requests, once there are so many."""
        end = time.monotonic() + seconds
        while len(self._seen) < count and time.monotonic() < end:
            time.sleep(0.005)
        assert len(self._seen) >= count, f"{len(self._seen)} of {count} requests came in {seconds} s"
        return self.seen

    # What a protocol says

    @abstractmethod
    def is_model(self, request: Request) -> bool:
        """Whether a model answers it."""

    @abstractmethod
    def objection(self, request: Request) -> Behaviour | None:
        """What the provider finds wrong with it before any model does."""

    @abstractmethod
    def manage(self, exchange: Exchange) -> Awaitable[None]:
        """Answer truthfully what is not for a model."""

    @abstractmethod
    def render(self, request: Request, said: Says) -> Rendered: ...

    @abstractmethod
    def embedded(self, request: Request, vectors: list[Any]) -> bytes: ...

    @abstractmethod
    def frame(self, request: Request, told: dict[str, Any]) -> bytes:
        """Anything as a piece of an answer."""

    @abstractmethod
    def failure(self, request: Request, kind: Failure) -> dict[str, Any]:
        """The provider's own words."""

    # How it runs

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        self.url = f"http://127.0.0.1:{self._port}"
        return self

    def __exit__(self, *raised: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()
        if self.mistakes and raised[0] is None:
            raise self.mistakes[0]

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        await self._open()
        self._ready.set()
        await self._stop.wait()
        await self._shut()

    async def _open(self) -> None:
        self._server = await self._loop.create_server(
            lambda: Connection(self), "127.0.0.1", self._port, backlog=512, reuse_address=True
        )
        self._port = self._server.sockets[0].getsockname()[1]

    async def _shut(self) -> None:
        self._server.close()
        for connection in list(self.connections):
            connection.closes = True
            connection.transport.abort()
        await asyncio.sleep(0)  # The connections are lost in the loop's next round.

    def _wait(self, work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def answer(self, request: Request, connection: "Connection") -> None:
        self._seen.append(request)
        exchange = Exchange(request, self, connection, [])
        if objection := self.objection(request):
            return await objection(exchange)
        if not self.is_model(request):
            return await (self._management or self.manage)(exchange)
        exchange.behaviours = self._chosen(request)
        await exchange.otherwise()

    def _chosen(self, request: Request) -> list[Behaviour]:
        with self._lock:
            chosen = [behaviour for predicate, behaviour in self._rules if predicate(request)]
            if not chosen and self._next:
                chosen.append(self._next.popleft())
        return [*chosen, self._always, ORDINARY, Embeds()]


class Connection(asyncio.Protocol):
    """One client's requests, one after the other."""

    transport: asyncio.Transport

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.closes = False
        """Whether it is the server that hangs up."""
        self._received = bytearray()
        self._requests: list[Request] = []
        self._answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.wire.connections.add(self)

    def data_received(self, data: bytes) -> None:
        self._received += data
        self._proceed()

    def eof_received(self) -> None:
        self.transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self.wire.connections.discard(self)
        if self._answering:
            self._answering.cancel()
        if not self.closes:
            for request in self._requests:
                request.closed = time.monotonic()
                request.left.set()

    def _proceed(self) -> None:
        if self._answering is None and (request := self._request()):
            self._requests.append(request)
            self._answering = asyncio.get_running_loop().create_task(self.wire.answer(request, self))
            self._answering.add_done_callback(self._answered)

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._answering = None
        if task.cancelled():
            return
        if mistake := task.exception():
            self.wire.mistakes.append(mistake)
            self.closes = True
            self.transport.abort()
            return
        self._proceed()

    def _request(self) -> Request | None:
        """The next request, once all of it is there."""
        head, found, rest = bytes(self._received).partition(b"\r\n\r\n")
        if not found:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", 0))
        if len(rest) < length:
            return None
        self._received = bytearray(rest[length:])
        method, target, _ = first.split(" ")
        url = urlsplit(target)
        return Request(method, url.path, url.query, headers, json.loads(rest[:length] or b"{}"))
