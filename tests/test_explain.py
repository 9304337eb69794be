"""How an answer came about: each box, what it decided and on which figures, its time, its tokens, and the way drawn."""

import json
import re
from pathlib import Path

import pytest

from graphs.reply import Reply
from models.found import Draft
from tests.conftest import Command
from tests.large import LARGE, VESTED, copied, data, far
from tests.openai_wire import OpenAI
from tests.scripted import NOTHING, Script, conversation, found, heard
from tests.test_graph import MATCH, ask

__all__ = ["copied", "data", "far"]


def boxes(reply: Reply, *names: str) -> list[tuple[object, ...]]:
    return [tuple(box[name] for name in ("box", "part", *names)) for box in reply["boxes"]]  # type: ignore[literal-required]


def test_each_box_says_what_it_decided_and_what_it_asked_of_a_model(run: Command, data: Path, far: OpenAI) -> None:
    reply: Reply = json.loads(run("ask", VESTED, "--json", "--mode", "large", "--data", data).out)
    none = {"input": 0, "output": 0}
    assert boxes(reply, "decided", "tokens") == [
        ("triage", 0, "401k: documents", none),
        ("documents:retrieve", 0, "complex", none),
        ("documents:ask_large", 0, "written", {"input": 700, "output": 60}),
        ("documents:check", 0, "grounded", none),
        ("compose", None, "answered", none),
    ]
    assert reply["boxes"][2]["figures"]["model"] == LARGE
    assert [*reply["ms"]] == ["total", *reply["path"]]
    assert 0 < sum(reply["ms"][name] for name in reply["path"]) <= 1.05 * reply["ms"]["total"]


def test_every_part_has_rows_of_its_own() -> None:
    script = Script(
        {"two?": [heard("match?", "401k"), heard("pets?", "benefits")]}, {"match?": found(MATCH), "pets?": NOTHING}
    )
    [reply] = ask(conversation(script), "two?")
    rows = boxes(reply, "decided")
    assert rows[:2] == [("triage", 0, "401k: documents"), ("triage", 1, "benefits: documents")]
    assert sorted(rows[2:-1]) == [
        ("documents:abstain", 1, "abstained"),
        ("documents:check", 0, "grounded"),
        ("documents:draft", 0, "written"),
        ("documents:retrieve", 0, "simple"),
        ("documents:retrieve", 1, "nothing"),
    ]
    assert rows[-1] == ("compose", None, "answered")
    assert reply["boxes"][1]["ms"] is None


def test_a_draft_that_was_not_borne_out_is_seen_to_be_so() -> None:
    script = Script({"match?": [heard("match?", "401k")]}, {"match?": found(MATCH)}, draft=Draft("200% [1]", []))
    [reply] = ask(conversation(script), "match?")
    assert boxes(reply, "decided")[2:] == [
        ("documents:draft", 0, "written"),
        ("documents:check", 0, "no answer"),
        ("documents:abstain", 0, "abstained"),
        ("compose", None, "answered"),
    ]


def test_a_reply_goes_on_where_the_question_waited() -> None:
    script = Script({"rain?": [heard("rain?", "weather")]})
    waits, goes_on = ask(conversation(script), "rain?", "oslo", thread="t")
    assert boxes(waits, "decided") == [("triage", 0, "weather: ask_back"), ("ask_back", 0, "waits for your reply")]
    assert boxes(goes_on, "decided") == [
        ("ask_back", 0, "goes on with Oslo"),
        ("weather", 0, "answered"),
        ("compose", None, "answered"),
    ]


def test_ask_explains_when_it_is_told_to(run: Command, data: Path, far: OpenAI) -> None:
    plain = run("ask", VESTED, "--mode", "large", "--data", data).out
    told = run("ask", VESTED, "--explain", "--mode", "large", "--data", data).out
    table = told.partition(f"\n\n{VESTED}\n")[2].splitlines()
    assert "triage" not in plain
    assert [line.split()[:2] for line in table[2:8]] == [
        ["box", "decided"],
        ["triage", "401k:"],
        ["documents:retrieve", "complex"],
        ["documents:ask_large", "written"],
        ["documents:check", "grounded"],
        ["compose", "answered"],
    ]
    assert re.search(r"difficulty [\d.]+ \(limit 5\.0\)", table[3])
    assert re.search(r" 760 +model openai:gpt-4o, ", table[5])
    assert table[8] == "Receipt: 700 tokens sent to openai:gpt-4o, $0.0024"


def test_the_way_of_a_threads_last_answer_is_drawn(run: Command, data: Path) -> None:
    run("ask", "what is 12 * 12", "--thread", "t", "--data", data)
    run("ask", VESTED, "--thread", "t", "--data", data)
    diagram = run("graph", "--data", data).out
    drawn = run("graph", "--thread", "t", "--data", data)
    assert (drawn.code, drawn.out) == (
        0,
        diagram + "\tclassDef taken fill:#ffe08a,stroke:#8a6d00,stroke-width:2px;\n"
        "\tclass __start__,triage,documents\\3aretrieve,documents\\3adraft,documents\\3acheck,compose,"
        "documents\\3a__end__,__end__ taken;\n",
    )
    classed = drawn.out.splitlines()[-1].split()[1].split(",")
    assert [name for name in classed if name not in diagram] == []


@pytest.mark.parametrize("asked", [True, False])
def test_a_conversation_that_is_not_known_is_named(run: Command, data: Path, asked: bool) -> None:
    if asked:
        run("ask", "hello", "--data", data)
    drawn = run("graph", "--thread", "t", "--data", data)
    assert (drawn.code, drawn.out, drawn.err) == (
        2,
        "",
        "tandem: No answer of that conversation is known (t). Name one that `tandem receipts` lists.\n",
    )
