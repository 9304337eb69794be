import io
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from apps.offer import offer, offer_once
from apps.settings import Settings, read
from apps.wiring import Places
from models.ollama import Ollama, look
from tests.ollama_wire import ollama
from tests.terminal import CTRL_C, CTRL_D, Typist, at_a_terminal
from tests.wire import Exchange, cuts

QUESTION = "Ollama runs here but has no model. Pull phi4-mini (2.5 GB) so that answers are written and not only quoted?"


@dataclass(frozen=True)
class Standing:
    """What stands for the parts."""

    settings: Settings
    places: Places
    ollama: Ollama | None


def standing(url: str, data: Path, small: str = "auto") -> Standing:
    return Standing(read({}, given={"models.small": small}), Places(data, data), look(url, 5))


# Elsewhere than at a terminal


@pytest.mark.parametrize(
    ("models", "small", "told"),
    [
        ([], "auto", "tandem: Ollama runs here but has no model. Run: ollama pull phi4-mini\n"),
        (["nomic-embed-text"], "auto", "tandem: Ollama runs here but has no model. Run: ollama pull phi4-mini\n"),
        (
            ["codellama:7b"],
            "auto",
            "tandem: Ollama runs here but has none of the models that are picked without being named. "
            "Run: ollama pull phi4-mini\n",
        ),
        (["phi4-mini"], "auto", ""),
        ([], "embedded", ""),
    ],
)
def test_elsewhere_than_at_a_terminal_it_is_only_said_what_to_run(
    models: Sequence[str], small: str, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ollama(models) as server:
        parts, out = standing(server.url, tmp_path, small), io.StringIO()
        assert offer_once(parts, io.StringIO("y\n"), out) is False
        assert offer(parts, io.StringIO("y\n"), out) is False
        assert server.asked("/api/pull") == []
    assert (out.getvalue(), capsys.readouterr().err) == ("", told)
    assert [*tmp_path.iterdir()] == []


def test_without_an_ollama_nothing_is_offered(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parts = standing("http://127.0.0.1:9", tmp_path)
    assert (offer_once(parts, sys.stdin, io.StringIO()), capsys.readouterr().err) == (False, "")


# At a terminal


def chat_and_doctor(url: str, data: str) -> None:
    """What the child process of the tests below does: it starts a chat, and a doctor after it."""
    print(f"chat: {offer_once(standing(url, Path(data)), sys.stdin, sys.stdout)}.")
    print(f"doctor: {offer(standing(url, Path(data)), sys.stdin, sys.stdout)}.")


def started(url: str, data: Path) -> AbstractContextManager[Typist]:
    code = "import sys; from tests.test_offer import chat_and_doctor; chat_and_doctor(*sys.argv[1:])"
    return at_a_terminal(code, [url, str(data)])


def test_a_yes_pulls_with_a_bar_and_nothing_more_is_asked(tmp_path: Path) -> None:
    with ollama([]) as server:
        server.pull_seconds = 0.3
        with started(server.url, tmp_path) as typist:
            typist.sees(f"{QUESTION} [y/N] ")
            typist.types("y\r")
            typist.sees("1.0/2.0 GB")
            shown = typist.sees("phi4-mini is there.")
            typist.sees("chat: True.")
            typist.sees("doctor: False.")
        assert server.models == ["phi4-mini:latest"]
    bar = ("phi4-mini: pulling", "━", "2.0/2.0 GB", "GB/s", "0:00:0", "writing manifest")
    assert [each for each in bar if each not in shown] == []


@pytest.mark.parametrize("answer", ["\r", "yesterday\r", CTRL_D], ids=["Enter", "another word", "Ctrl-D"])
def test_anything_but_a_yes_pulls_nothing(answer: str, tmp_path: Path) -> None:
    with ollama([]) as server, started(server.url, tmp_path) as typist:
        for left in ("chat: False.", "doctor: False."):
            typist.sees(QUESTION)
            typist.types(answer)
            typist.sees(left)
        assert server.asked("/api/pull") == []


def test_after_a_no_only_the_doctor_asks_again(tmp_path: Path) -> None:
    with ollama([]) as server:
        with started(server.url, tmp_path) as typist:
            for left in ("chat: False.", "doctor: False."):
                typist.sees(QUESTION)
                typist.types("n\r")
                typist.sees(left)
        with started(server.url, tmp_path) as typist:
            assert QUESTION not in typist.sees("chat: False.")
            typist.sees(QUESTION)
            typist.types("no\r")
            typist.sees("doctor: False.")
        assert server.asked("/api/pull") == []
    assert [file.name for file in tmp_path.iterdir()] == ["offered"]


async def breaks_off(exchange: Exchange) -> None:
    await (cuts() if exchange.request.path == "/api/pull" else exchange.wire.manage)(exchange)


def test_a_pull_that_breaks_off_is_one_line_and_the_chat_goes_on(tmp_path: Path) -> None:
    with ollama([]) as server:
        server.management(breaks_off)
        with started(server.url, tmp_path) as typist:
            typist.sees(QUESTION)
            typist.types("y\r")
            told = typist.sees("chat: False.")
            typist.sees(QUESTION)
            typist.types("YES\r")
            typist.sees("doctor: False.")
    assert "tandem: Ollama broke off while it pulled the model (phi4-mini). Run it again:" in told
    assert [*tmp_path.iterdir()] == []


def test_ctrl_c_stops_a_pull_within_a_second_and_the_chat_goes_on(tmp_path: Path) -> None:
    with ollama([]) as server:
        server.pull_seconds = 600
        with started(server.url, tmp_path) as typist:
            typist.sees(QUESTION)
            typist.types("y\r")
            typist.sees("pulling manifest")
            typist.types(CTRL_C)
            assert server.asked("/api/pull")[0].left.wait(1)
            typist.sees("Stopped; what is already there is kept. Run: ollama pull phi4-mini")
            typist.sees("chat: False.")
            typist.sees(QUESTION)
            typist.types("n\r")
            typist.sees("doctor: False.")
