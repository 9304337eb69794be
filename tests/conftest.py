"""What many tests stand on: the real encoder, the sample company in an index, and no way out to the network."""

import asyncio
import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import io
import ipaddress
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from chromadb.api.shared_system_client import SharedSystemClient

from apps.cli import main
from apps.settings import read
from apps.wiring import Parts, Places
from graphs.reply import Reply
from models.embedded.encoder import Encoder


@pytest.fixture(scope="session")
def way_out() -> Iterator[list[str]]:
    """Loopback only: what else was tried to be reached, by name or by address."""
    tried: list[str] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
            tried.append(str(address))
            raise ConnectionRefusedError(f"a test tried to reach {address}")
        connect(self, address)

    def looked_up(host: Any, *rest: Any, **more: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else host
        if name and not _is_loopback(name):
            tried.append(name)
            raise socket.gaierror(socket.EAI_NONAME, f"a test tried to reach {name}")
        return look_up(host, *rest, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        patch.setattr(socket, "getaddrinfo", looked_up)
        yield tried


@pytest.fixture(autouse=True)
def no_way_out(way_out: list[str]) -> Iterator[None]:
    """Fails a test that reaches for a real provider, also where the error is taken for an outage."""
    way_out.clear()
    yield
    assert way_out == []


@pytest.fixture
def tries_others(way_out: list[str]) -> Iterator[None]:
    """For a test whose point is a name that leads nowhere."""
    yield
    way_out.clear()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stands for the user's cache folder; the encoder is built in it once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def encoder(cache: Path) -> Encoder:
    return Encoder(cache / "tandem")


NO_MODELS = {"OLLAMA_HOST": "127.0.0.1:9"}
"""An environment with no key, and an Ollama's address where nothing answers."""


@dataclass(frozen=True)
class Tandem:
    """The real thing over the sample company's documents."""

    parts: Parts

    def ask(self, *questions: str, collection: str | None = None, thread: str | None = None) -> list[Reply]:
        """The replies, one after the other; in one thread when it is named."""

        async def talk() -> list[Reply]:
            async with self.parts.conversation() as conversation:
                return [await conversation.ask(question, thread, collection) for question in questions]

        return asyncio.run(talk())


@pytest.fixture(scope="session")
def tandem(cache: Path, encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Tandem:
    from apps.indexing import index_configured

    parts = Parts(read({}), Places(tmp_path_factory.mktemp("company"), cache / "tandem"), NO_MODELS)
    index_configured(parts)
    return Tandem(parts)


@dataclass(frozen=True)
class Ran:
    """What a command did."""

    code: int
    out: str
    err: str


Command = Callable[..., Ran]


@pytest.fixture
def run(cache: Path, encoder: Encoder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Command]:
    """`tandem …` in this process, with a data folder of its own unless --data says otherwise."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("OLLAMA_HOST", "127.0.0.1:9")  # where nothing answers, whatever the developer runs

    def run(*arguments: str | Path, stdin: str = "") -> Ran:
        out, err = io.StringIO(), io.StringIO()
        given = [str(argument) for argument in arguments]
        if "--data" not in given:
            given += ["--data", str(tmp_path / "data")]
        with monkeypatch.context() as streams:
            streams.setattr(sys, "stdout", out)
            streams.setattr(sys, "stderr", err)
            streams.setattr(sys, "stdin", io.StringIO(stdin))
            try:
                code = main(given)
            except SystemExit as stopped:  # argparse's own errors
                code = int(stopped.code or 0)
        return Ran(code, out.getvalue(), err.getvalue())

    yield run
    # Chroma keeps a client open for each folder that this process has ever seen, with all its files.
    SharedSystemClient.clear_system_cache()


@pytest.fixture
def company(tandem: Tandem) -> list[str]:
    """Arguments that make a command use the sample company's index."""
    return ["--data", str(tandem.parts.places.data)]
