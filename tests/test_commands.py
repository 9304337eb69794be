"""The commands through their front door: what they print, in which form, with which exit code."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from apps.settings import ROOT
from tests.conftest import Command

MATCH = "How much does the company match on my 401k?"


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_a_question_is_answered_with_its_page_and_nothing_leaves_the_machine(run: Command, company: list[str]) -> None:
    done = run("ask", MATCH, *company)
    answer, _, source, _, how = done.out.splitlines()
    assert done.code == 0
    assert "100% of the first 4%" in answer
    assert source.startswith("[1] summary-plan.pdf, page 6: “")
    assert "nothing left this machine" in how


def test_ask_gives_the_whole_reply_as_json(run: Command, company: list[str]) -> None:
    reply = json.loads(run("ask", MATCH, "--json", *company).out)
    assert [*reply] == [
        "id", "thread", "question", "answer", "route", "intent", "score", "waiting", "parts", "citations", "tools",
        "receipt", "usage", "notices", "path", "ms", "boxes",
    ]  # fmt: skip
    assert (reply["route"], reply["intent"], reply["waiting"]) == ("documents", "401k", None)
    assert {(c["collection"], c["source"], c["page"]) for c in reply["citations"]} >= {("401k", "summary-plan.pdf", 6)}
    assert reply["receipt"]["sent"] is False
    assert reply["receipt"]["all_large_tokens"] > 100


def test_every_quote_stands_on_the_page_it_cites(run: Command, company: list[str]) -> None:
    from pypdf import PdfReader

    questions = [
        MATCH,
        "When am I fully vested?",
        "What is the family deductible of the PPO?",
        "How do HSA accounts work?",
    ]
    batch = "\n".join(json.dumps({"question": question}) for question in questions)
    for reply in lines(run("ask", "--batch", "-", *company, stdin=batch).out):
        for cited in reply["citations"]:
            if cited["source"].endswith(".pdf"):
                file = ROOT / "corpora" / cited["collection"] / cited["source"]
                page = PdfReader(file).pages[cited["page"] - 1].extract_text()
                assert "".join(cited["quote"].split()) in "".join(page.split())


def test_a_batch_is_answered_line_by_line_and_a_bad_line_harms_no_other(run: Command, company: list[str]) -> None:
    batch = "\n".join(
        [
            '{"id": 1, "question": "what is 12 * 12"}',
            "not json",
            '{"id": 3, "question": ""}',
            '{"id": 4, "question": "hello"}',
            '{"id": 5, "question": "hello", "collection": "legal"}',
            '{"id": 6, "question": 7}',
            "[]",
            json.dumps({"id": 8, "question": "x" * 32_001}),
            '{"id": 9, "question": "payday?", "thread": 5}',
        ]
    )
    done = run("ask", "--batch", "-", *company, stdin=batch)
    replies = lines(done.out)
    assert done.code == 1
    assert [reply["id"] for reply in replies] == [1, None, 3, 4, 5, 6, None, 8, 9]
    assert [index for index, reply in enumerate(replies) if "error" not in reply] == [0, 3]
    assert replies[0]["answer"] == "12 × 12 = 144"
    assert replies[4]["error"] == {
        "what": "There is no such collection.",
        "value": "legal",
        "do": "Name one of 401k, benefits, restricted, public.",
    }
    assert "tandem summarize" in replies[7]["error"]["do"]
    assert all([*reply["error"]] == ["what", "value", "do"] for reply in replies if "error" in reply)


def test_triage_shows_the_parts_of_a_message_without_an_index(run: Command, tmp_path: Path) -> None:
    message = "Will it rain in Bergen tomorrow, and how many vacation days do I get?"
    told = json.loads(run("triage", message, "--json").out)
    assert [(part["intent"], part["place"]) for part in told["parts"]] == [("weather", "Bergen"), ("benefits", None)]
    assert (told["intent"], [*told]) == ("weather", ["id", "parts", "intent", "score", "ms"])
    assert not (tmp_path / "data").exists()


def test_search_without_an_index_says_what_to_run(run: Command) -> None:
    done = run("search", "vesting")
    assert done.code == 2
    assert "There is no index yet" in done.err
    assert "tandem ingest" in done.err


def test_search_gives_passages_best_first(run: Command, company: list[str]) -> None:
    told = json.loads(run("search", "vesting schedule", "-k", "3", "--json", *company).out)
    first = told["passages"][0]
    assert [*first] == ["collection", "source", "page", "pages", "score", "heading", "text"]
    assert (first["source"], len(told["passages"])) == ("summary-plan.pdf", 3)
    scores = [passage["score"] for passage in told["passages"]]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["ask", ""], 2, "The question is empty"),
        (["ask", " \x1b[31m\x07 "], 2, "The question is empty"),
        (["ask", "x" * 32_001], 2, "The question has 32,001 characters; at most 32,000 can be asked at once"),
        (
            ["ask", "hello", "--collection", "legal"],
            2,
            "There is no such collection (legal). Name one of 401k, benefits, restricted, public.",
        ),
        (["ingest", "no/such/file.pdf", "--collection", "a"], 1, "There is no such file or folder (no/such/file.pdf)"),
        (["ingest", "README.md"], 2, "It is not said which collection that belongs to (README.md)"),
        (["ingest", "README.md", "--collection", "../up"], 1, "That is no name for a collection (../up)"),
        (["forget", "nothing.pdf"], 2, "There is no such document in the index (nothing.pdf)"),
        (["search", "x", "-k", "0"], 2, ""),
        (["ask", "hello", "--config", "no.toml"], 2, "There is no such settings file (no.toml)"),
        (["eval", "no/such/set"], 1, "no/such/set"),
        (["ask"], 2, ""),
        (["fly"], 2, "invalid choice: 'fly'"),
    ],
)
def test_bad_input_says_what_is_wrong_and_what_to_do(run: Command, arguments: list[str], code: int, said: str) -> None:
    done = run(*arguments)
    assert (done.code, "Traceback" in done.err) == (code, False)
    assert said in done.err


def test_a_data_folder_that_cannot_be_written_is_named(run: Command, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    done = run("ask", "hello", "--data", tmp_path / "file")
    assert done.code == 1
    assert "The data folder cannot be written to" in done.err
    assert str(tmp_path / "file") in done.err
    assert "Choose another with --data." in done.err


def test_a_damaged_index_is_named_with_its_remedy(run: Command, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nThe safe opens at nine.\n")
    run("ingest", tmp_path / "note.md", "--collection", "office")
    for file in (tmp_path / "data").glob("index.sqlite*"):
        file.unlink()
    (tmp_path / "data" / "index.sqlite").write_bytes(b"this is not a database, but it is long enough" * 40)
    for command in (["search", "safe"], ["documents"], ["ask", "when does the safe open"]):
        done = run(*command)
        assert done.code == 1
        assert "Delete" in done.err or "delete" in done.err
    assert "index" in run("doctor").out


def test_a_conversation_goes_on_in_the_next_command(run: Command, company: list[str]) -> None:
    asked = json.loads(run("ask", "what is the weather like", "--thread", "holiday", "--json", *company).out)
    assert asked["waiting"] == {"question": "For which place?", "choices": []}
    replied = json.loads(run("ask", MATCH, "--thread", "holiday", "--json", *company).out)
    assert "was dropped" in replied["notices"][0]


def test_the_graph_is_drawn_as_mermaid_and_for_a_terminal(run: Command) -> None:
    assert "documents\\3aretrieve" in run("graph").out
    assert "| triage |" in run("graph", "--ascii").out


def test_doctor_finds_nothing_wrong_with_a_fresh_installation(run: Command, company: list[str]) -> None:
    told = json.loads(run("doctor", "--json", *company).out)["findings"]
    assert {finding["name"]: finding["ok"] for finding in told} == dict.fromkeys(
        ["python", "packages", "sqlite", "encoder", "tokens", "small model", "large model", "embedder", "index"], True
    )


@pytest.mark.parametrize(
    "command",
    ["chat", "ask", "triage", "search", "ingest", "documents", "forget", "serve", "eval", "graph", "doctor"],
)
def test_every_command_has_help_with_an_example(run: Command, command: str) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert f"example: tandem {command}" in done.out


def test_data_and_config_may_stand_before_the_command(run: Command, company: list[str]) -> None:
    assert "summary-plan.pdf" in run(*company, "documents").out


@pytest.mark.slow
def test_two_first_questions_at_once_both_get_an_answer(cache: Path, tmp_path: Path) -> None:
    """The second process waits while the first makes the encoder and the index."""
    command = [sys.executable, "-m", "apps.cli", "ask", MATCH, "--data", str(tmp_path / "data")]
    environment = {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PATH": ""}
    both = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate(timeout=300)
        assert (process.returncode, "100% of the first 4%" in out) == (0, True), err


def test_damaged_conversations_are_named_with_their_remedy(run: Command, tmp_path: Path) -> None:
    (tmp_path / "note.md").write_text("# Note\n\nThe safe opens at nine.\n")
    run("ingest", tmp_path / "note.md", "--collection", "office")
    (tmp_path / "data" / "threads.sqlite").write_bytes(b"this is not a database, but it is long enough" * 40)
    done = run("ask", "when does the safe open")
    assert done.code == 1
    assert "The conversations cannot be opened" in done.err
    assert "threads.sqlite" in done.err


def test_a_follow_up_is_read_with_the_question_before_it(run: Command, company: list[str]) -> None:
    thread = ["--thread", "sick", "--json", *company]
    first = json.loads(run("ask", "How many hours of paid sick time do I get?", *thread).out)
    second = json.loads(run("ask", "and for part-timers?", *thread).out)
    other = json.loads(run("ask", "what about parental leave?", *thread).out)
    assert "56 hours" in first["answer"]
    assert "28 hours" in second["answer"]
    assert "parental leave" in other["answer"]


def test_a_year_that_the_passage_contradicts_is_not_answered(run: Command, tmp_path: Path) -> None:
    (tmp_path / "budget.md").write_text("# Travel\n\nThe travel budget is 900 dollars for each employee in 2026.\n")
    (tmp_path / "picnic.md").write_text("# Picnic\n\nThe next company picnic is in June 2027, by the river.\n")
    for name in ("budget.md", "picnic.md"):
        run("ingest", tmp_path / name, "--collection", "office")
    asked = ("ask", "--collection", "office", "--json")
    told = json.loads(run(*asked, "What is the travel budget in 2026?").out)
    refused = json.loads(run(*asked, "What is the travel budget in 2027?").out)
    assert "900 dollars" in told["answer"]
    assert refused["parts"][0]["abstained"]
