"""A receipt for every answer: what left this machine, to whom, at what cost; kept for good, without a word of text."""

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest

from apps.settings import read
from apps.wiring import Parts, Places
from graphs.reply import Reply
from ingest.errors import Trouble
from privacy.ledger import FILE, Ledger
from privacy.receipts import Cost, Kept, Receipts, by_model, by_month, last_path, listed
from tests.conftest import NO_MODELS, Command, Tandem
from tests.large import LARGE, VESTED, copied, data, far
from tests.openai_wire import OpenAI
from tests.server_running import running
from tests.wire import asks_for_text, hangs

__all__ = ["copied", "data", "far"]

NOON = 1_800_000_000.0
"""Of 2027-01-15, at 8 o'clock."""


def receipts(run: Command, data: Path, *more: str) -> Any:
    return json.loads(run("receipts", "--json", "--data", data, *more).out)


def test_an_answer_that_stayed_here_says_so_and_has_a_number(run: Command, data: Path) -> None:
    first, second = (json.loads(run("ask", VESTED, "--json", "--data", data).out) for _ in range(2))
    assert [first["receipt"]["id"], second["receipt"]["id"]] == [1, 2]
    assert {**first["receipt"], "all_large_tokens": 0, "all_large_cost_usd": 0.0} == {
        "id": 1, "sent": False, "to": None, "tokens": 0, "output_tokens": 0, "cost_usd": 0.0, "costs": [],
        "prices_as_of": None, "services": [], "masked": {}, "passages": [], "all_large_tokens": 0,
        "all_large_cost_usd": 0.0, "estimated": True,
    }  # fmt: skip
    found = receipts(run, data)
    assert [row["receipt"] for row in found["receipts"]] == [first["receipt"], second["receipt"]]
    assert [(row["thread"], row["outcome"], row["path"]) for row in found["receipts"]] == [
        (reply["thread"], "answered", reply["path"]) for reply in (first, second)
    ]
    assert [{**row, "month": ""} for row in found["months"]] == [
        {"month": "", "answers": 2, "sent": 0, "input": 0, "output": 0, "usd": 0.0, "unpriced": 0}
    ]
    assert found["models"] == []


def test_what_was_sent_is_told_by_model_with_its_passages_and_its_price(run: Command, data: Path, far: OpenAI) -> None:
    reply = json.loads(run("ask", VESTED, "--json", "--mode", "large", "--data", data).out)
    made = reply["receipt"]
    assert {name: made[name] for name in ("sent", "to", "tokens", "output_tokens", "cost_usd", "costs")} == {
        "sent": True, "to": LARGE, "tokens": 700, "output_tokens": 60, "cost_usd": 0.00235,
        "costs": [{"model": LARGE, "input": 700, "output": 60, "usd": 0.00235}],
    }  # fmt: skip
    assert made["prices_as_of"] == "2024-10-02"
    assert {"collection": "401k", "source": "summary-plan.pdf", "page": 8, "label": "internal"} in made["passages"]
    found = receipts(run, data)
    [month], [model] = found["months"], found["models"]
    assert {**month, "month": ""} == {
        "month": "", "answers": 1, "sent": 1, "input": 700, "output": 60, "usd": 0.00235, "unpriced": 0,
    }  # fmt: skip
    assert model == {"model": LARGE, "answers": 1, "input": 700, "output": 60, "usd": 0.00235, "unpriced": 0}


def test_a_model_without_a_price_has_no_cost_and_never_none_in_silence(
    run: Command, data: Path, far: OpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_MODELS__LARGE", "openai:gpt-x")
    made = json.loads(run("ask", VESTED, "--json", "--mode", "large", "--data", data).out)["receipt"]
    assert (made["cost_usd"], made["costs"], made["prices_as_of"]) == (
        None, [{"model": "openai:gpt-x", "input": 700, "output": 60, "usd": None}], None,
    )  # fmt: skip
    told = run("receipts", "--data", data).out
    assert "700 tokens to openai:gpt-x, at an unknown cost" in told
    assert "openai:gpt-x  1        700        60   $0.0000, and 1 at an unknown cost" in told


def test_no_word_of_a_question_or_an_answer_is_kept(run: Command, data: Path, far: OpenAI) -> None:
    run("ask", f"Zanzibar? {VESTED}", "--mode", "large", "--data", data)
    files = [*data.glob("receipts.sqlite*")]
    kept = b"".join(file.read_bytes() for file in files)
    assert b"Zanzibar" in b"".join(json.dumps(request.body).encode() for request in far.seen)
    assert (b"summary-plan.pdf" in kept, [word for word in (b"Zanzibar", b"vested") if word in kept]) == (True, [])


def test_every_line_of_a_batch_has_a_receipt_with_its_id(run: Command, data: Path) -> None:
    lines = [{"id": "a", "question": "what is 12 * 12"}, {"id": 7, "question": "hello"}, {"question": "hello"}]
    run("ask", "--batch", "-", "--data", data, stdin="\n".join(map(json.dumps, lines)))
    assert [row["asked"] for row in receipts(run, data)["receipts"]] == ["a", "7", None]


def test_people_get_a_list_with_its_sums(run: Command, data: Path, far: OpenAI) -> None:
    run("ask", "hello", "--data", data)
    run("ask", VESTED, "--mode", "large", "--data", data)
    told = run("receipts", "--data", data).out.splitlines()
    assert told[0].startswith("    1  20")
    assert told[0].endswith(" · nothing left this machine")
    assert told[1].endswith(" · 700 tokens to openai:gpt-4o, $0.0024")
    assert told[3].split() == ["month", "answers", "that", "sent", "tokens", "in", "out", "cost"]
    assert told[4].split()[1:] == ["2", "1", "700", "60", "$0.0024"]
    assert told[7].split() == ["openai:gpt-4o", "1", "700", "60", "$0.0024"]


def test_only_those_since_a_day_are_listed_and_a_wrong_day_is_named(run: Command, data: Path) -> None:
    run("ask", "hello", "--data", data)
    assert len(receipts(run, data, "--since", "2020-01-01")["receipts"]) == 1
    assert run("receipts", "--since", "2999-01-01", "--data", data).out == "None since 2999-01-01.\n"
    wrong = run("receipts", "--since", "yesterday", "--data", data)
    assert (wrong.code, wrong.err) == (2, "tandem: That is no date (yesterday). Write it as 2026-11-20.\n")


def test_without_an_answer_there_is_no_receipt_and_no_file_is_made(run: Command, tmp_path: Path) -> None:
    assert run("receipts").out == "There is no receipt yet.\n"
    assert not (tmp_path / "data").exists()


def test_a_chat_shows_the_last_receipt_in_full(run: Command, data: Path, far: OpenAI) -> None:
    told = run("chat", "--mode", "large", "--data", data, stdin=f"/receipt\n{VESTED}\n/receipt\n").out
    assert "> /receipt\nNothing has been answered yet.\n" in told
    full = told.rpartition("> /receipt\n")[2].splitlines()
    assert full[0] == "Receipt 1: 700 tokens went to openai:gpt-4o, 60 came back, $0.0024."
    assert full[1] == "    401k/summary-plan.pdf, page 8 (internal)"
    assert full[-3].startswith("Had a large model been sent everything: about ")
    assert full[-2:] == ["Prices are as of 2024-10-02.", ""]


def test_over_http_every_answer_has_a_receipt(data: Path, tandem: Tandem) -> None:
    parts = Parts(read({}), Places(data, tandem.parts.places.cache), NO_MODELS)
    with running(parts.conversation, parts.searched) as url, httpx.Client(base_url=url, timeout=30) as client:
        for _ in range(2):
            told = client.post("/assistant/invoke", json={"input": {"question": VESTED}}).raise_for_status().json()
        said = {"input": {"messages": [{"role": "user", "content": "hello"}]}}
        chat = client.post("/assistant/chat/invoke", json=said).raise_for_status().json()
    assert told["output"]["receipt"]["id"] == 2
    assert chat["output"]["response_metadata"]["receipt"]["id"] == 3
    with Ledger(data / FILE).reading() as connection:
        assert [row["thread"] for row in listed(connection, 0)][1:] == [
            told["output"]["thread"], chat["output"]["response_metadata"]["thread"],
        ]  # fmt: skip


def test_what_was_sent_for_an_answer_that_was_stopped_has_a_receipt_too(
    data: Path, tandem: Tandem, far: OpenAI
) -> None:
    far.when(asks_for_text, hangs)
    parts = Parts(read({}, given={"routing.mode": "large"}), Places(data, tandem.parts.places.cache))

    async def stop() -> None:
        async with parts.conversation() as conversation:
            asked = asyncio.create_task(conversation.ask(VESTED))
            while not far.seen:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

    asyncio.run(stop())
    with Ledger(data / FILE).reading() as connection:
        [row] = listed(connection, 0)
    assert (row["outcome"], row["receipt"]["sent"], row["receipt"]["to"]) == ("stopped", True, LARGE)
    assert row["receipt"]["tokens"] > 100


def test_an_answer_whose_receipt_cannot_be_kept_says_so(run: Command, data: Path) -> None:
    (data / FILE).write_bytes(b"no database " * 100)
    reply: Reply = json.loads(run("ask", VESTED, "--json", "--data", data).out)
    assert "vested" in reply["answer"]
    assert (reply["receipt"]["id"], reply["notices"]) == (
        None,
        ["The receipt of this answer could not be kept (file is not a database)."
         f" See whether {data / FILE} can be written."],
    )  # fmt: skip
    failed = run("receipts", "--data", data)
    assert (failed.code, failed.err) == (
        1,
        f"tandem: The receipts cannot be read (file is not a database) ({data / FILE}). If the file is damaged, move it"
        " away: only receipts are in it, and what the month has cost so far.\n",
    )


# The file -------------------------------------------------------------------------------------------------------------


def kept(thread: str, *costs: Cost) -> Kept:
    return Kept(thread, None, "answered", {"sent": bool(costs)}, costs, ["triage", "compose"])


def wrote(ledger: Ledger, *all_kept: Kept, at: float = NOON) -> list[int]:
    async def write() -> list[int]:
        receipts = Receipts(ledger, lambda: at)
        try:
            return [*await asyncio.gather(*map(receipts.keep, all_kept))]
        finally:
            receipts.close()

    return asyncio.run(write())


def test_sums_are_by_month_and_by_model_and_say_what_is_not_known(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FILE)
    both = kept("a", Cost("one", 1000, 10, 2_600_000), Cost("other", 5, 1, None))
    assert wrote(ledger, both, kept("b")) == [1, 2]
    assert wrote(ledger, kept("a", Cost("one", 1, 1, 12_500)), at=NOON + 20 * 86_400) == [3]
    with ledger.reading() as connection:
        assert by_month(connection, 0) == [
            {"month": "2027-01", "answers": 2, "sent": 1, "input": 1005, "output": 11, "usd": 0.0026, "unpriced": 1},
            {"month": "2027-02", "answers": 1, "sent": 1, "input": 1, "output": 1, "usd": 0.0000125, "unpriced": 0},
        ]
        assert by_model(connection, 0) == [
            {"model": "one", "answers": 2, "input": 1001, "output": 11, "usd": 0.0026125, "unpriced": 0},
            {"model": "other", "answers": 1, "input": 5, "output": 1, "usd": 0.0, "unpriced": 1},
        ]
        assert [last_path(connection, thread) for thread in ("a", "c")] == [["triage", "compose"], None]


@pytest.mark.parametrize("change", ["UPDATE receipts SET thread = 'x'", "DELETE FROM receipts", "DELETE FROM costs"])
def test_what_is_written_is_never_changed(tmp_path: Path, change: str) -> None:
    ledger = Ledger(tmp_path / FILE)
    wrote(ledger, kept("a", Cost("one", 1, 1, 1)))
    with closing(sqlite3.connect(ledger.path)) as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute(change)


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / FILE)
    wrote(ledger, kept("a"))
    with closing(sqlite3.connect(ledger.path)) as connection:
        connection.execute("PRAGMA user_version = 2")
    with pytest.raises(Trouble, match="it has version 2, and this Tandem knows 1"), Ledger(ledger.path).reading():
        pass
