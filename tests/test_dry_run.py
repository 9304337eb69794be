"""`tandem ask --dry-run` shows what would leave, and nothing leaves."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Command
from tests.large import VESTED, copied, data
from tests.ollama_wire import ollama
from tests.wire import asks_for_text, says

__all__ = ["copied", "data"]

TIDES = "Explain how tides work, step by step, with the forces involved and why there are two a day."


class Listener:
    """An address where whoever comes is seen."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.setblocking(False)
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def was_reached(self) -> bool:
        try:
            self._socket.accept()[0].close()
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    listener = Listener()
    monkeypatch.setenv("OPENAI_API_KEY", "k")
    monkeypatch.setenv("OPENAI_BASE_URL", f"{listener.url}/v1")
    monkeypatch.setenv("TANDEM_TOOLS__WEATHER__GEOCODING_URL", listener.url)
    monkeypatch.setenv("TANDEM_TOOLS__WEATHER__FORECAST_URL", listener.url)
    yield listener
    reached = listener.was_reached()
    listener.close()
    assert not reached


def dry(run: Command, data: Path, question: str, *more: str) -> Any:
    return json.loads(run("ask", "--dry-run", "--json", question, "--data", data, *more).out)


@pytest.mark.usefixtures("elsewhere")
def test_what_would_be_sent_is_shown_whole_with_its_labels_and_what_it_may_cost(run: Command, data: Path) -> None:
    found = dry(run, data, VESTED, "--mode", "large")
    [sending] = found["sendings"]
    texts = sending["texts"]
    assert [*found] == ["id", "question", "dry_run", "sendings", "most_usd", "estimated", "notices"]
    assert (found["question"], found["dry_run"], found["notices"]) == (VESTED, True, [])
    assert (sending["to"], sending["label"], sending["prices_as_of"]) == ("openai:gpt-4o", "internal", "2024-10-02")
    assert [texts[0][name] for name in ("speaker", "origin", "label")] == ["system", "prompt", "public"]
    assert {**texts[-1], "tokens": 0} == {
        "speaker": "user", "origin": "question", "label": "public", "tokens": 0, "text": VESTED,
    }  # fmt: skip
    assert {text["label"] for text in texts[1:-1]} == {"internal"}
    assert "401k/summary-plan.pdf, page 8" in [text["origin"] for text in texts[1:-1]]
    assert sending["tokens"] == sum(text["tokens"] for text in texts) < sending["most"]["input"]
    assert sending["most"]["output"] == 1024
    assert found["most_usd"] == sending["most_usd"] == (2500 * sending["most"]["input"] + 10_000 * 1024) / 1e9


@pytest.mark.usefixtures("elsewhere")
def test_people_read_the_same(run: Command, data: Path) -> None:
    told = run("ask", "--dry-run", VESTED, "--mode", "large", "--data", data)
    lines = told.out.splitlines()
    assert told.code == 0
    assert (lines[0], lines[1], lines[3]) == ("Nothing was sent. This would be:", "", lines[3])
    assert lines[2].startswith("To openai:gpt-4o: about ")
    assert ", at most $0.0" in lines[2]
    assert lines[3].startswith("  prompt (public), about ")
    assert lines[-2].startswith("  question (public), about ")
    assert lines[-1] == f"      {VESTED}"


@pytest.mark.usefixtures("elsewhere")
def test_what_stays_here_would_send_nothing(run: Command, data: Path) -> None:
    assert run("ask", "--dry-run", "What is 12 * 12?", "--data", data).out == "Nothing would be sent.\n"


@pytest.mark.usefixtures("elsewhere")
def test_a_remote_small_model_is_not_asked_to_triage_either(
    run: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_MODELS__SMALL", "openai:gpt-4o-mini")
    monkeypatch.setenv("TANDEM_MODELS__TRIAGE", "small")
    found = dry(run, data, VESTED)
    assert [sending["to"] for sending in found["sendings"]] == ["openai:gpt-4o-mini"] * 2
    assert found["sendings"][0]["texts"][-1]["text"].endswith(VESTED)
    assert found["notices"] == []


@pytest.mark.usefixtures("elsewhere")
def test_the_place_of_a_weather_question_stays_here_too(run: Command, data: Path) -> None:
    [sending] = dry(run, data, "Will it rain in Bergen tomorrow?")["sendings"]
    assert (sending["to"], sending["texts"], sending["most_usd"]) == (
        "the weather service",
        [{"speaker": "user", "origin": "the place", "label": "public", "tokens": sending["tokens"], "text": "Bergen"}],
        0.0,
    )  # fmt: skip


@pytest.mark.usefixtures("elsewhere")
def test_restricted_text_would_not_be_sent(run: Command, data: Path) -> None:
    found = dry(run, data, "What is the salary band of a director?", "--collection", "restricted", "--mode", "large")
    assert (found["sendings"], found["most_usd"]) == ([], 0.0)


@pytest.mark.usefixtures("elsewhere")
def test_what_the_budget_does_not_cover_would_not_be_sent_and_that_is_said(
    run: Command, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "0.001")
    found = dry(run, data, VESTED, "--mode", "large")
    assert found["sendings"] == []
    assert found["notices"][0].startswith("What is left of this month's budget of $0.00 does not cover")


@pytest.mark.usefixtures("elsewhere")
def test_a_model_without_a_price_may_cost_anything(run: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_MODELS__LARGE", "openai:gpt-x")
    found = dry(run, data, VESTED, "--mode", "large")
    assert (found["sendings"][0]["most_usd"], found["most_usd"]) == (None, None)
    assert "at an unknown cost" in run("ask", "--dry-run", VESTED, "--mode", "large", "--data", data).out


@pytest.mark.usefixtures("elsewhere")
def test_a_model_on_this_machine_is_asked(run: Command, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with ollama(models=["phi4-mini"]) as near:
        near.when(asks_for_text, says("NOT IN THE PASSAGES"))
        monkeypatch.setenv("OLLAMA_HOST", near.url)
        monkeypatch.setenv("TANDEM_MODELS__EMBEDDER", "embedded")
        monkeypatch.setenv("TANDEM_MODELS__TRIAGE", "embedded")
        found = dry(run, data, VESTED)
        assert len(near.seen) >= 1
    assert [sending["to"] for sending in found["sendings"]] == ["openai:gpt-4o"]


@pytest.mark.usefixtures("elsewhere")
def test_nothing_of_it_is_kept(run: Command, data: Path) -> None:
    dry(run, data, VESTED, "--mode", "large", "--thread", "t")
    assert json.loads(run("receipts", "--json", "--data", data).out)["receipts"] == []
    assert not (data / "stats.sqlite").exists() or b"gpt-4o" not in (data / "stats.sqlite").read_bytes()
    # A follow-up has nothing to follow.
    [sending] = dry(run, data, TIDES, "--mode", "large", "--thread", "t")["sendings"]
    assert [text["origin"] for text in sending["texts"]] == ["prompt", "question"]


@pytest.mark.usefixtures("elsewhere")
def test_a_batch_is_a_line_for_each(run: Command, data: Path) -> None:
    lines = [{"id": n, "question": question} for n, question in enumerate([VESTED, "hello"])]
    told = run(
        "ask", "--dry-run", "--batch", "-", "--data", data, "--mode", "large", stdin="\n".join(map(json.dumps, lines))
    )
    found = [json.loads(line) for line in told.out.splitlines()]
    assert [(one["id"], len(one["sendings"])) for one in found] == [(0, 1), (1, 1)]
