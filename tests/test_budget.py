"""[budget]: what is spent, or set aside, is never more than it; several processes together."""

import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.settings import ROOT, read
from apps.wiring import Parts, Places
from graphs.reply import Reply
from privacy.budget import Budget, Spent, spent
from privacy.content import Message, Text
from privacy.failures import ModelFailed
from privacy.ledger import FILE, Ledger, month_of
from privacy.prices import NANO, Price
from privacy.toll import Sending, sending
from tests.conftest import Command, Tandem
from tests.large import LARGE, VESTED, copied, data, far
from tests.openai_wire import OpenAI
from tests.server_running import running
from tests.wire import asks_for_text, cuts, fails, says

__all__ = ["copied", "data", "far"]

PRICES = {"one": Price(2.5, 10.0, "2026-01-01"), "free": Price(0, 0, "2026-01-01")}
NOON = 1_800_000_000.0
NOT_COVERED = (
    "What is left of this month's budget of ${usd} does not cover asking openai:gpt-4o, so the documents' own words"
    " answer. Raise [budget] usd_per_month, or wait for the next month."
)


@dataclass
class Clock:
    now: float = NOON

    def __call__(self) -> float:
        return self.now


def of(input: int, output: int, to: str = "one") -> Sending:
    return Sending(to, [], input, output)


def now(ledger: Ledger, at: float = NOON) -> Spent:
    with ledger.reading() as connection:
        return spent(connection, month_of(at))


# The arithmetic -------------------------------------------------------------------------------------------------------

TOKENS = st.integers(0, 200_000)


@dataclass
class Books:
    """What the file should say: for each call its month and what counts for it."""

    limit: int
    counts: dict[str, tuple[str, int]] = field(default_factory=dict)
    open: dict[str, Sending] = field(default_factory=dict)

    def total(self, month: str) -> int:
        return sum(nano for in_month, nano in self.counts.values() if in_month == month)


@settings(deadline=None, max_examples=60)
@given(
    st.floats(0, 3),
    st.lists(
        st.one_of(
            st.tuples(st.just("reserve"), TOKENS, TOKENS),
            st.tuples(st.just("settle"), st.floats(0, 1), st.floats(0, 1)),
            st.tuples(st.just("pass time"), st.integers(1, 20), st.just(0)),
        ),
        max_size=30,
    ),
)
def test_what_counts_is_what_was_set_aside_until_it_is_known_and_never_over_the_limit(
    usd: float, steps: Sequence[tuple[str, Any, Any]]
) -> None:
    clock, books = Clock(), Books(round(usd * NANO))
    with TemporaryDirectory() as folder:
        ledger = Ledger(Path(folder) / FILE)
        budget = Budget(ledger, PRICES, usd, clock=clock)
        for kind, one, other in steps:
            month = month_of(clock.now)
            if kind == "pass time":
                clock.now += one * 86_400
            elif kind == "reserve":
                most = 2500 * one + 10_000 * other
                fits = books.total(month) + most <= books.limit
                if fits:
                    call = str(budget.reserve(of(one, other)))
                    books.counts[call], books.open[call] = (month, most), of(one, other)
                else:
                    with pytest.raises(ModelFailed, match="does not cover asking one"):
                        budget.reserve(of(one, other))
            elif books.open:
                call, asked = books.open.popitem()
                taken, given = int(asked.input * one), int(asked.output * other)
                budget.settle(call, taken, given)
                books.counts[call] = (books.counts[call][0], 2500 * taken + 10_000 * given)
            for month in {month_of(clock.now), *(month for month, _ in books.counts.values())}:
                assert books.total(month) <= books.limit
        if books.counts:
            for month in {month for month, _ in books.counts.values()}:
                left = [call for call in books.open if books.counts[call][0] == month]
                with ledger.reading() as connection:
                    assert spent(connection, month) == Spent(
                        month, books.total(month), len(left), sum(books.counts[call][1] for call in left)
                    )


@given(st.text(max_size=200), st.text(max_size=200))
def test_no_tokenizer_makes_more_of_a_prompt_than_is_set_aside(system: str, question: str) -> None:
    messages = [
        Message("system", [Text(system, "public", "prompt")]),
        Message("user", [Text(question, "public", "question")]),
    ]
    size = len(system.encode("utf-8", "replace")) + len(question.encode("utf-8", "replace"))
    made = sending("one", messages, {"type": "object"}, 1024)
    assert made.input >= size + len('{"type": "object"}')
    assert made.output == 1024


def test_a_month_begins_with_nothing_spent_and_a_call_counts_where_it_was_begun(tmp_path: Path) -> None:
    clock, ledger = Clock(), Ledger(tmp_path / FILE)
    budget = Budget(ledger, PRICES, 0.01, clock=clock)
    late = budget.reserve(of(4000, 0))
    with pytest.raises(ModelFailed, match="does not cover"):
        budget.reserve(of(1, 0))
    clock.now += 20 * 86_400
    assert budget.reserve(of(4000, 0))
    assert late
    budget.settle(late, 2000, 0)
    assert [now(ledger), now(ledger, clock.now)] == [
        Spent("2027-01", 5_000_000, 0, 0),
        Spent("2027-02", 10_000_000, 1, 10_000_000),
    ]


def test_a_call_is_not_settled_twice(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FILE)
    budget = Budget(ledger, PRICES, 1.0, clock=Clock())
    call = budget.reserve(of(1000, 100))
    assert call
    budget.settle(call, 1000, 0)
    budget.settle(call, 0, 0)
    assert now(ledger).nano == 2_500_000


def test_a_model_that_costs_nothing_is_asked_however_little_is_left(tmp_path: Path) -> None:
    assert Budget(Ledger(tmp_path / FILE), PRICES, 0.0).reserve(of(10**6, 1024, "free"))


def test_where_nothing_can_be_counted_nothing_leaves_but_without_a_limit(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"no database " * 100)
    ledger = Ledger(tmp_path / FILE)
    assert Budget(ledger, PRICES).reserve(of(1, 1)) is None
    with pytest.raises(ModelFailed) as failed:
        Budget(ledger, PRICES, 5.0).reserve(of(1, 1))
    assert (failed.value.kind, failed.value.what) == (
        "uncounted",
        "What this month has cost cannot be counted (file is not a database), and there is a [budget] for one",
    )


# Through the commands, the chat and HTTP ------------------------------------------------------------------------------


def asked(run: Command, data: Path, *more: str) -> Reply:
    reply: Reply = json.loads(run("ask", VESTED, "--json", "--mode", "large", "--data", data, *more).out)
    return reply


def budget_of(run: Command, data: Path) -> Mapping[str, Any]:
    told: Mapping[str, Any] = json.loads(run("receipts", "--json", "--data", data).out)["budget"]
    return {name: value for name, value in told.items() if name != "month"}


def test_when_it_is_spent_answers_stay_here_and_say_so_once(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "0.04")
    first = asked(run, data)
    assert (first["parts"][0]["writer"], first["notices"]) == ("large", [])
    far.when(asks_for_text, says("It is so.", usage=(15_000, 60)))
    asked(run, data)
    assert (asked(run, data)["receipt"]["sent"], len(far.seen)) == (False, 2)
    last = asked(run, data)
    assert (last["notices"], last["receipt"]["sent"], last["parts"][0]["writer"]) == (
        [NOT_COVERED.format(usd="0.04")], False, "embedded",
    )  # fmt: skip
    assert budget_of(run, data) == {"usd_per_month": 0.04, "counted_usd": 0.04045, "open": 0, "open_usd": 0.0}
    told = run("receipts", "--data", data).out.splitlines()
    assert told[-1].endswith(": $0.0404 of a budget of $0.04 is spent or set aside.")


def test_a_model_without_a_price_is_not_asked_and_the_line_to_add_is_named(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "100")
    monkeypatch.setenv("TANDEM_MODELS__LARGE", "openai:gpt-x")
    assert asked(run, data)["notices"] == [
        "There is a [budget], and no price for openai:gpt-x, so the documents' own words answer. Add to"
        f' {ROOT / "prices.toml"}: [models."openai:gpt-x"] with input and output in USD per million tokens, and as_of.'
    ]
    assert far.seen == []


def test_the_next_of_two_large_models_is_asked_where_the_first_is_not_covered(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "0.015")
    monkeypatch.setenv("TANDEM_MODELS__LARGE", json.dumps([LARGE, "openai:gpt-4o-mini"]))
    reply = asked(run, data)
    assert (reply["receipt"]["to"], reply["notices"]) == (
        "openai:gpt-4o-mini",
        ["What is left of this month's budget of $0.01 does not cover asking openai:gpt-4o, so openai:gpt-4o-mini was"
         " asked."],
    )  # fmt: skip


def test_a_remote_small_model_passes_the_same_door(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "0")
    monkeypatch.setenv("TANDEM_MODELS__SMALL", "openai:gpt-4o-mini")
    monkeypatch.setenv("TANDEM_MODELS__TRIAGE", "small")
    reply = json.loads(run("ask", VESTED, "--json", "--data", data).out)
    assert (reply["parts"][0]["writer"], far.seen) == ("embedded", [])
    sentence = "What is left of this month's budget of $0.00 does not cover asking openai:gpt-4o-mini, so "
    assert [notice[: len(sentence)] for notice in reply["notices"]] == [sentence, sentence]
    run("triage", VESTED, "--data", data)
    assert far.seen == []


@pytest.mark.parametrize(
    ("fault", "open"), [(fails("unauthorized"), 0), (fails("busy"), 0), (fails("broken"), 2), (cuts(), 1)]
)
def test_what_failed_before_any_work_was_done_costs_nothing_and_the_rest_counts_with_the_most(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch, fault: Any, open: int
) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "5")
    far.when(asks_for_text, fault)
    assert (asked(run, data)["receipt"]["cost_usd"] == 0) == (open == 0)
    told = budget_of(run, data)
    assert (told["open"], told["counted_usd"], told["open_usd"] > 0.01) == (open, told["open_usd"], open > 0)


def test_a_server_that_is_not_there_costs_nothing(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    asked(run, data)
    assert budget_of(run, data) == {"usd_per_month": None, "counted_usd": 0.0, "open": 0, "open_usd": 0.0}


def test_a_crash_leaves_the_most_that_its_call_can_have_cost(run: Command, data: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from privacy.budget import Budget;"
        "from privacy.ledger import Ledger; from privacy.prices import Price; from privacy.toll import Sending;"
        "Budget(Ledger(Path(sys.argv[1])), {'m': Price(2.5, 10, '')}, 5.0).reserve(Sending('m', [], 4000, 1024));"
        "os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(data / FILE)], cwd=ROOT).returncode == 9
    assert budget_of(run, data) == {
        "usd_per_month": None, "counted_usd": 0.02024, "open": 1, "open_usd": 0.02024,
    }  # fmt: skip
    assert run("receipts", "--data", data).out.splitlines()[-1] == (
        "$0.0202 of it for 1 call of which the cost is not known: under way, broken off, or lost with a process that"
        " stopped. The most that they can have cost is counted."
    )


def test_a_chat_says_so_with_its_answer(run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "0")
    told = run("chat", "--mode", "large", "--data", data, stdin=f"{VESTED}\n").out
    assert (told.count(f"Note: {NOT_COVERED.format(usd='0.00')}\n"), far.seen) == (1, [])


def test_over_http_it_is_the_same_and_the_next_month_has_its_own(data: Path, tandem: Tandem, far: OpenAI) -> None:
    given = {"routing.mode": "large", "budget.usd_per_month": 0.02}
    parts, clock = Parts(read({}, given=given), Places(data, tandem.parts.places.cache)), Clock()
    far.when(asks_for_text, says("It is so.", usage=(8000, 0)))
    parts.toll = Budget(parts.ledger, parts.known_prices, 0.02 + 0.02, clock=clock)
    with running(parts.conversation, parts.searched) as url, httpx.Client(base_url=url, timeout=30) as client:

        def sent() -> bool:
            told = client.post("/assistant/invoke", json={"input": {"question": VESTED}}).raise_for_status().json()
            return bool(told["output"]["receipt"]["sent"])

        assert [sent(), sent()] == [True, False]
        clock.now += 20 * 86_400
        assert [sent(), sent()] == [True, False]


def test_what_an_evaluation_costs_counts_where_the_users_own_questions_do(
    run: Command, data: Path, far: OpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over the configured documents, and over those of its own."""
    monkeypatch.setenv("TANDEM_BUDGET__USD_PER_MONTH", "5")
    for name in ("configured", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "questions.jsonl").write_text(json.dumps({"id": "q", "question": VESTED}) + "\n")
    (tmp_path / "own" / "documents").mkdir()
    (tmp_path / "own" / "documents" / "plan.md").write_text("# Vesting\n\nYou are fully vested after four years.\n")
    seen = []
    for name in ("configured", "own"):
        assert run("eval", tmp_path / name, "--mode", "large", "--data", data).code == 0
        seen.append((len(far.seen), budget_of(run, data)["counted_usd"]))
    assert seen == [(1, 0.00235), (2, 0.0047)]
    assert json.loads(run("receipts", "--json", "--data", data).out)["receipts"] == []


# Two processes --------------------------------------------------------------------------------------------------------

ASKS = """
import asyncio, json, sys
from collections import Counter
from pathlib import Path
from apps.settings import read
from apps.wiring import Parts, Places
given = {"routing.mode": "large", "models.deadline": 200.0, "models.quiet": 100.0, "budget.usd_per_month": 0.5}
parts = Parts(read({}, given=given), Places(Path(sys.argv[1]), Path(sys.argv[2])))
async def ask():
    async with parts.conversation() as conversation:
        return await asyncio.gather(*(conversation.ask_in_passing(sys.argv[3]) for _ in range(100)))
replies = asyncio.run(ask())
print(json.dumps(Counter(json.dumps([reply["receipt"]["sent"], reply["notices"]]) for reply in replies)))
"""


def test_two_processes_that_ask_two_hundred_questions_at_once_send_no_more_than_it(
    run: Command, data: Path, tandem: Tandem, far: OpenAI
) -> None:
    far.when(asks_for_text, says("It is so.", usage=(4000, 1024), first=0.05))
    each = 0.02024  # 4,000 tokens at $2.50 a million, and 1,024 at $10
    arguments = [sys.executable, "-c", ASKS, str(data), str(tandem.parts.places.cache), VESTED]
    both = [subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    seen = sum((Counter(json.loads(one.communicate(timeout=280)[0])) for one in both), Counter[str]())
    stayed = json.dumps([False, [NOT_COVERED.format(usd="0.50")]])
    sent = len(far.seen)
    assert (seen.total(), seen[stayed]) == (200, 200 - sent)
    assert 10 <= sent <= 0.5 / each
    told = budget_of(run, data)
    assert (round(told["counted_usd"] / each, 6), told["open"]) == (sent, 0)
    found = json.loads(run("receipts", "--json", "--data", data).out)
    assert [(row["answers"], row["sent"]) for row in found["months"]] == [(200, sent)]
    assert found["models"][0]["usd"] == pytest.approx(sent * each)


def test_only_one_place_builds_a_gate_and_it_hands_in_the_toll() -> None:
    builds = {
        str(file.relative_to(ROOT)): file.read_text("utf-8").count("Gate(")
        for folder in ("apps", "evals", "graphs", "models", "privacy", "ingest")
        for file in (ROOT / folder).rglob("*.py")
        if "Gate(" in file.read_text("utf-8")
    }
    # The second one there embeds, which is on this machine or not at all.
    assert builds == {"apps/models.py": 2}
    text = (ROOT / "apps" / "models.py").read_text("utf-8")
    assert ("Gate(self.settings.privacy.internal_to, self.toll)" in text, "Gate().embeddings" in text) == (True, True)
    assert asyncio.iscoroutinefunction(Budget.paid)
