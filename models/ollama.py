"""What an Ollama has, which of its models to pick, and how one is pulled; all that it is told is a model's name."""

import ipaddress
import json
import re
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import httpx

from ingest.errors import Trouble
from models.errors import ModelUnavailable
from privacy.gate import is_loopback

PORT = 11434
PORTS = {"http": 80, "https": 443}
"""Where a scheme is given, as Ollama itself reads OLLAMA_HOST."""
SECONDS = 0.4
SHOW_SECONDS = 2.0
CONNECT_SECONDS = 2.0
PULL_SILENCE = 300.0
"""Seconds: the digest of many gigabytes is verified without a word, and whoever waits can press Ctrl-C."""
LARGEST_ANSWER = 4_194_304  # bytes; a model takes about 400 in the list

# Small models that follow instructions, the best first. The order is a judgement from what their makers publish, and
# has not been measured. qwen3 thinks before it writes: late.
PREFERENCE = (
    *("phi4-mini", "qwen3:4b-instruct", "llama3.2:3b", "gemma3:4b", "qwen2.5:7b", "qwen2.5:3b", "granite3.3:8b"),
    *("phi3.5", "phi3:mini", "phi3:3.8b", "mistral:7b", "llama3.1:8b", "gemma2:9b", "qwen3:4b", "qwen3:8b"),
    *("gemma2:2b", "granite3.3:2b", "llama3.2:1b", "qwen2.5:1.5b", "gemma3:1b"),
)
LATEST = {
    **{"llama3.2": "3b", "gemma3": "4b", "qwen2.5": "7b", "granite3.3": "8b", "phi3": "mini", "mistral": "7b"},
    **{"llama3.1": "8b", "gemma2": "9b", "qwen3": "8b"},
}
"""What the tag `latest` stands for in Ollama's library."""
UNTAUGHT = re.compile(r"(?:^|-)(?:base|text|thinking)(?:-|$)")
"""Tags of variants that complete a text, or think at length, where an answer is wanted."""
EMBEDDING = re.compile(r"embed|minilm|(?:^|/)bge|(?:^|/)gte|(?:^|/)e5|paraphrase")

AGAIN = "Run it again: what is already there is kept."
REMEDIES = {
    "file does not exist": "Check the name: https://ollama.com/library lists what there is.",
    "newer version of ollama": "Update Ollama: https://ollama.com/download",
    "no space left": f"Make room on the disk. {AGAIN}",
    "no such host": f"Check the network connection. {AGAIN}",
}
"""What to do, by words in which Ollama says what went wrong."""

Request = tuple[str, str, Mapping[str, Any] | None]
"""Method, path and JSON body."""


@dataclass(frozen=True)
class Ollama:
    """One that answered."""

    url: str
    version: str
    """Empty when it does not say."""
    models: Sequence[str]
    """As it lists them, the last changed first."""
    elsewhere: frozenset[str] = frozenset()
    """Those of them that it says run on another machine."""

    @property
    def writers(self) -> list[str]:
        """Those that run where it runs and that can write."""
        return [name for name in self.models if name not in self.elsewhere and writes_here(name)]

    @property
    def preferred(self) -> str | None:
        return preferred(self.writers)


@dataclass(frozen=True)
class Pulled:
    """How far a pull is, all layers that are known by now taken together: neither number ever falls."""

    status: str
    completed: int
    total: int
    """Bytes; 0 until they are known."""


# Where it is ----------------------------------------------------------------------------------------------------------


def address(environ: Mapping[str, str]) -> str:
    """OLLAMA_HOST, in every form that Ollama takes, as the URL to ask."""
    given = environ.get("OLLAMA_HOST", "").strip().strip("\"'").strip()
    scheme, marked, place = given.rpartition("://")
    place = place.rstrip("/")
    if place.count(":") > 1 and not place.startswith("["):
        place = f"[{place}]"  # an IPv6 address as it stands
    try:
        split = urlsplit(f"{scheme or 'http'}://{place}")
        host, port = _host(split.hostname or "127.0.0.1"), split.port
    except ValueError:
        raise _no_address(given) from None
    if split.scheme not in PORTS or split.username is not None or split.query or split.fragment:
        raise _no_address(given)
    default = PORTS[split.scheme] if marked else PORT
    return f"{split.scheme}://{host}:{default if port is None else port}{split.path}"


def _host(given: str) -> str:
    try:
        ip = ipaddress.ip_address(given)
    except ValueError:
        if not re.fullmatch(r"[\w.-]+", given):
            raise
        return given
    if ip.is_unspecified:  # where a server listens; it is asked at its own machine
        return "127.0.0.1" if ip.version == 4 else "[::1]"
    return given if ip.version == 4 else f"[{given}]"


def _no_address(given: str) -> Trouble:
    shown = given.rpartition("@")[2]  # what stands before it may be a password
    return Trouble(
        "OLLAMA_HOST is no address of an Ollama.", shown, "Set it to host:port, as in 127.0.0.1:11434, or unset it."
    )


def here(url: str) -> bool:
    """Whether it is this machine that is asked."""
    return is_loopback(urlsplit(url).hostname or "")


# What it has ----------------------------------------------------------------------------------------------------------


def look(url: str, seconds: float = SECONDS) -> Ollama | None:
    """What is there; None when nothing answers in time, or not as an Ollama does."""
    listed, told = _asked(url, seconds, ("GET", "/api/tags", None), ("GET", "/api/version", None)) or (None, None)
    rows = listed.get("models") if isinstance(listed, dict) else None
    if not isinstance(rows, list):
        return None
    rows = [row for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str)]
    version = told.get("version") if isinstance(told, dict) else None
    return Ollama(
        url,
        version if isinstance(version, str) else "",
        tuple(row["name"] for row in rows),
        frozenset(row["name"] for row in rows if row.get("remote_host")),
    )


def context_of(url: str, name: str, seconds: float = SHOW_SECONDS) -> int | None:
    """How many tokens the model was made for; None when Ollama does not say."""
    (told,) = _asked(url, seconds, ("POST", "/api/show", {"model": name})) or (None,)
    facts = told.get("model_info") if isinstance(told, dict) else None
    lengths = [facts[key] for key in facts if key.endswith(".context_length")] if isinstance(facts, dict) else []
    return next((length for length in lengths if type(length) is int and length > 0), None)


def _asked(url: str, seconds: float, *requests: Request) -> Sequence[Any] | None:
    """The answers, or None when they are not all there in time.

    In a thread: httpx limits each read, not their sum, and the look-up of a host's name not at all.
    """
    answers: SimpleQueue[Sequence[Any] | None] = SimpleQueue()
    until = time.monotonic() + seconds

    def ask() -> None:
        try:
            with _client(url, httpx.Timeout(seconds)) as client:
                answers.put([_answer(client, request, until) for request in requests])
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError):
            answers.put(None)

    Thread(target=ask, daemon=True).start()
    try:
        return answers.get(timeout=seconds)
    except Empty:
        return None


def _answer(client: httpx.Client, request: Request, until: float) -> Any:
    method, path, body = request
    told = b""
    with client.stream(method, path, json=body) as response:
        for piece in response.iter_bytes():
            told += piece
            if len(told) > LARGEST_ANSWER or time.monotonic() > until:
                raise ValueError("too much, or too late")
    return json.loads(told) if response.status_code == 200 else None


def _client(url: str, timeout: httpx.Timeout) -> httpx.Client:
    return httpx.Client(
        base_url=url,
        timeout=timeout,
        headers={"Accept-Encoding": "identity"},
        trust_env=not here(url),  # what is on this machine is not asked through a proxy
        verify=url.startswith("https:"),  # certificates that nobody needs take 40 ms to load
    )


# Which model ----------------------------------------------------------------------------------------------------------


def preferred(models: Iterable[str]) -> str | None:
    """The installed model that stands first in PREFERENCE.

    One that is not in it is never picked: it may be a model for code, one that was not taught to follow instructions,
    or one that this machine takes minutes for. Its owner can name it in the settings.
    """
    installed = [name for name in models if writes_here(name)]
    return next((name for wanted in PREFERENCE for name in installed if _is(name, wanted)), None)


def _is(name: str, wanted: str) -> bool:
    """`phi4-mini:3.8b-q4_K_M` is phi4-mini, and `llama3.2:latest` is llama3.2:3b."""
    (family, tag), (wanted_family, _, wanted_tag) = _named(name), wanted.partition(":")
    tag = LATEST.get(family, tag) if tag == "latest" else tag
    if family != wanted_family or UNTAUGHT.search(tag):
        return False
    return not wanted_tag or tag == wanted_tag or tag.startswith(f"{wanted_tag}-")


def writes_here(name: str) -> bool:
    """Neither a model for embeddings, nor one of Ollama's cloud, which runs on another machine."""
    family, tag = _named(name)
    return not (EMBEDDING.search(family) or tag == "cloud" or tag.endswith("-cloud") or family.endswith("-cloud"))


def has(models: Iterable[str], name: str) -> bool:
    """Whether the model is installed; without a tag its `latest` is meant, as everywhere in Ollama."""
    return _named(name) in map(_named, models)


def _named(name: str) -> tuple[str, str]:
    """Family and tag; a colon before the last slash belongs to a registry's port."""
    folder, slash, last = name.lower().rpartition("/")
    family, _, tag = last.partition(":")
    return f"{folder}{slash}{family}", tag or "latest"


# Pulling one ----------------------------------------------------------------------------------------------------------


def pull(url: str, name: str) -> Generator[Pulled]:
    """How far it is, until the model is there; raises ModelUnavailable when it does not come."""
    layers: dict[str, tuple[int, int]] = {}
    status = ""
    try:
        for told in _pulling(url, name):
            status, layer = str(told.get("status", "")), told.get("digest")
            if isinstance(layer, str):
                layers[layer] = _further(layers.get(layer, (0, 0)), told)
            yield Pulled(status, sum(done for done, _ in layers.values()), sum(total for _, total in layers.values()))
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.InvalidURL) as error:
        raise ModelUnavailable("Ollama cannot be reached.", url, "Start it: ollama serve") from error
    except httpx.TimeoutException as error:
        what = f"Ollama said nothing more for {PULL_SILENCE:.0f} s while it pulled the model."
        raise ModelUnavailable(what, name, AGAIN) from error
    except httpx.HTTPError as error:
        raise _broke_off(name) from error
    if status != "success":
        raise _broke_off(name)


def _pulling(url: str, name: str) -> Iterator[Mapping[str, Any]]:
    """What Ollama says as it pulls, line by line."""
    timeout = httpx.Timeout(PULL_SILENCE, connect=CONNECT_SECONDS)
    asked = {"model": name, "stream": True}
    with _client(url, timeout) as client, client.stream("POST", "/api/pull", json=asked) as response:
        for line in filter(None, response.iter_lines()):
            try:
                told = json.loads(line)
            except (ValueError, RecursionError):
                told = None
            if not isinstance(told, dict) or "error" in told or response.status_code != 200:
                raise _refused(name, told, response.status_code)
            yield told


def _further(known: tuple[int, int], told: Mapping[str, Any]) -> tuple[int, int]:
    """A layer's bytes, completed and total; what is fetched once more does not take the bar back."""
    completed, total = max(known[0], _bytes(told.get("completed"))), max(known[1], _bytes(told.get("total")))
    return min(completed, total), total


def _bytes(told: Any) -> int:
    return told if isinstance(told, int) and told > 0 else 0


def _refused(name: str, told: Any, status: int) -> ModelUnavailable:
    error = str(told.get("error", "")) if isinstance(told, dict) else ""
    words = " ".join(error.split())[:200].rstrip(".") or f"an answer that is none (HTTP {status})"
    do = next((do for words_of, do in REMEDIES.items() if words_of in error.lower()), AGAIN)
    return ModelUnavailable(f"Ollama could not pull the model: {words}.", name, do)


def _broke_off(name: str) -> ModelUnavailable:
    return ModelUnavailable("Ollama broke off while it pulled the model.", name, AGAIN)
