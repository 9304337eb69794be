"""`tandem eval`: a set's lines are asked and scored, and what is wrong with a set is named."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from evals.cases import Case, Wanted, check_sources, read
from evals.metrics import Figure
from evals.report import Report, as_json, below, figures, hardest, text, wrong
from evals.run import Row, Scores, Searched, asked
from graphs.reply import Reply
from ingest.errors import Trouble
from models.found import Found
from tests.conftest import Command
from tests.scripted import NOTHING, Script, conversation, found, heard

MATCH = "Brightwater matches 100% of the first 4% of pay."
PET = "what is the deductible on the pet insurance"


def a_set(folder: Path, *lines: Any, **documents: str) -> Path:
    """questions.jsonl, and a documents folder when there are some."""
    folder.mkdir(exist_ok=True)
    raw = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    (folder / "questions.jsonl").write_text("\n".join(raw), "utf-8")
    for name, said in documents.items():
        (folder / "documents").mkdir(exist_ok=True)
        (folder / "documents" / f"{name}.md").write_text(said, "utf-8")
    return folder


# Reading a set --------------------------------------------------------------------------------------------------------


def test_a_line_says_what_it_says_and_null_says_nothing(tmp_path: Path) -> None:
    lines: Sequence[dict[str, object]] = (
        {"id": 7, "question": "match?", "sources": [{"source": "plan.pdf", "page": 3}, {"source": "b.md"}]},
        {"id": "b", "question": "rain?", "answer": None, "sources": [], "intent": "weather", "complex": False},
        {"id": "c", "question": "in all?", "kind": "complex", "half": "untouched", "derived": ["7,320"]},
    )
    assert read(a_set(tmp_path / "set", lines[0], "", *lines[1:])) == [
        Case("7", "match?", 1, sources=(Wanted("plan.pdf", 3), Wanted("b.md"))),
        Case("b", "rain?", 3, intent="weather", complex=False),
        Case("c", "in all?", 4, kind="complex", half="untouched", derived=("7,320",)),
    ]


@pytest.mark.parametrize(
    ("line", "what", "value", "do"),
    [
        ("{broken", "it is not JSON", "{broken", "Write one object a line."),
        ([1], "it is not an object.", "[1]", 'Write {"id": …, "question": …}.'),
        ({"id": "b"}, '"question" is missing.', '{"id": "b"}', 'Add "question" to the line.'),
        ({"question": "q"}, '"id" is missing.', '{"question": "q"}', 'Add "id" to the line.'),
        ({"id": "b", "question": " "}, '"question" is not text.', '" "', "Give it as a string that is not empty."),
        ({"id": "a", "question": "q"}, 'the "id" is that of line 1, too.', "a", "Change one."),
        ({"id": "b", "question": "q", "anser": "x"}, 'unknown field "anser".', '"x"', "Name it one of id, question, "),
        ({"id": "b", "question": "q", "complex": "no"}, '"complex" is neither true nor false.', '"no"', "Write true"),
        ({"id": "b", "question": "q", "kind": "a\x1b[31m"}, '"kind" is no word.', '"a\\u001b[31m"', "Write one word"),
        ({"id": "b", "question": "q", "half": "both"}, '"half" is neither tuned nor untouched.', '"both"', "Write one"),
        ({"id": "b", "question": "q", "derived": "7"}, '"derived" is not a list.', '"7"', 'Write ["…"].'),
        ({"id": "b", "question": "q", "sources": "plan.pdf"}, '"sources" is not a list.', '"plan.pdf"', "Write [{"),
        ({"id": "b", "question": "q", "sources": [{"page": 1}]}, '"sources" has something', '{"page": 1}', "Write {"),
        (
            {"id": "b", "question": "q", "sources": [{"source": "plan.pdf", "page": 0}]},
            '"sources": that is no "page".',
            "0",
            "Count pages from 1",
        ),
    ],
)
def test_what_is_wrong_with_a_set_is_named(tmp_path: Path, line: Any, what: str, value: str, do: str) -> None:
    folder = a_set(tmp_path / "set", {"id": "a", "question": "fine?"}, line)
    with pytest.raises(Trouble) as raised:
        read(folder)
    trouble = raised.value
    assert trouble.what.startswith(f"{folder / 'questions.jsonl'}, line 2: {what}")
    assert (trouble.value, (trouble.do or "")[: len(do)]) == (value, do)


def test_a_set_without_questions_says_so(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match="The evaluation set has no questions"):
        read(a_set(tmp_path / "set", ""))
    with pytest.raises(Trouble, match="The questions cannot be read"):
        read(tmp_path)


def test_a_set_in_another_encoding_says_in_which_line(tmp_path: Path) -> None:
    (tmp_path / "questions.jsonl").write_bytes(b'{"id": "a", "question": "q"}\n{"id": "b", "question": "caf\xe9"}')
    with pytest.raises(Trouble, match="line 2: it is not in UTF-8"):
        read(tmp_path)


def test_a_source_that_is_not_there_is_named_and_not_scored_as_a_miss(tmp_path: Path) -> None:
    with pytest.raises(Trouble, match='line 4: the "source" is not among the documents') as raised:
        check_sources([Case("a", "q", 4, sources=(Wanted("plan.pfd"),))], {"plan.pdf", "b.md"}, tmp_path)
    assert (raised.value.value, raised.value.do) == ("plan.pfd", "Name one of b.md, plan.pdf, or add the document.")


# Scoring --------------------------------------------------------------------------------------------------------------


@dataclass
class Scripted:
    """The real graph around scripted parts."""

    script: Script
    searched_after: list[tuple[str, ...]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.talk = conversation(self.script)

    async def ask(self, case: Case) -> Reply:
        if case.question == "too long":
            raise Trouble("The question is too long.", "too…", "Shorten it.")
        return await self.talk.ask(case.question, case.thread)

    async def find(self, case: Case, earlier: Sequence[str]) -> Found:
        self.searched_after.append((case.question, *earlier))
        return self.script.documents.get(case.question, NOTHING)


def scores_of(case: Case, script: Script) -> Scores:
    [row] = asyncio.run(asked([case], Scripted(script), 5.0))
    return row.scores


def test_an_answer_is_scored_on_all_that_its_line_says() -> None:
    script = Script({"match?": [heard("match?", "401k", 2.5)]}, {"match?": found(MATCH)})
    case = Case(
        "a", "match?", answer="100% of the first 4%", sources=(Wanted("plan.pdf", 3), Wanted("b.md")),
        answerable=True, intent="401k", complex=True, route="documents",
    )  # fmt: skip
    assert scores_of(case, script) == {
        "route": 1.0,
        "intent": 1.0,
        "complexity": 0.0,
        "hit_at_1": 1.0,
        "hit_at_5": 1.0,
        "mrr_at_10": 1.0,
        "citation_precision": 1.0,
        "citation_recall": 0.5,
        "answer_f1": pytest.approx(2 * 4 / (4 + 8)),
        "figures_recall": 1.0,
        "false_refusals": 0.0,
    }


def test_what_a_line_does_not_say_is_not_scored() -> None:
    script = Script({"match?": [heard("match?", "401k")]}, {"match?": found(MATCH)})
    assert scores_of(Case("a", "match?"), script) == {}


def test_a_refusal_has_no_right_word_and_cites_nothing() -> None:
    script = Script({"match?": [heard("match?", "401k")]})
    case = Case("a", "match?", answer="The documents do not say: 4%", sources=(Wanted("plan.pdf"),), answerable=True)
    assert scores_of(case, script) == {
        "hit_at_1": 0.0,
        "hit_at_5": 0.0,
        "mrr_at_10": 0.0,
        "citation_recall": 0.0,
        "answer_f1": 0.0,
        "figures_recall": 0.0,
        "false_refusals": 1.0,
    }
    assert scores_of(Case("a", "match?", answerable=False), script) == {"correct_refusals": 1.0}


def test_any_part_may_take_the_route() -> None:
    script = Script(
        {"both?": [heard("match?", "401k"), heard("rain in Oslo?", "weather", place="Oslo")]},
        {"match?": found(MATCH)},
        {"weather": "It rains."},
    )
    assert scores_of(Case("a", "both?", route="weather", intent="weather"), script) == {"route": 1.0, "intent": 0.0}
    assert scores_of(Case("a", "both?", route="calculator"), script) == {"route": 0.0}


def test_lines_of_one_thread_are_one_conversation() -> None:
    script = Script({"rain?": [heard("rain?", "weather")]}, tools={"weather": "It rains."})
    assistant = Scripted(script)
    cases = [
        Case("a", "rain?", thread="t", route="ask_back"),
        Case("b", "match?"),
        Case("c", "oslo", thread="t", route="weather"),
    ]
    rows = asyncio.run(asked(cases, assistant, 5.0))
    assert [row.scores for row in rows] == [{"route": 1.0}, {}, {"route": 1.0}]
    assert assistant.searched_after == [("rain?",), ("match?",), ("oslo", "rain?")]


def test_a_question_that_fails_is_named_and_the_rest_goes_on() -> None:
    cases = [Case("a", "too long", answerable=True), Case("b", "match?", answerable=False)]
    rows = asyncio.run(asked(cases, Scripted(Script()), 5.0))
    assert [(row.case.id, wrong(row)) for row in rows] == [("a", ["error"]), ("b", [])]
    assert figures(rows)["correct_refusals"].value == 1


# The report -----------------------------------------------------------------------------------------------------------


def row(name: str, confidence: float = 0.5, answerable: bool | None = None, **scores: float) -> Row:
    return Row(Case(name, "?", answerable=answerable), None, Searched([], True, confidence), scores)


def test_the_hardest_have_most_wrong() -> None:
    rows = [
        row("fine", hit_at_5=1.0, false_refusals=0.0),
        row("refused", hit_at_5=1.0, false_refusals=1.0, answer_f1=0.0),
        row("missed", hit_at_5=0.0, answer_f1=0.4),
        row("missed and worse", hit_at_5=0.0, answer_f1=0.2),
        Row(Case("broken", "?"), None, None, {}, Trouble("It broke.")),
    ]
    assert [row.case.id for row in hardest(rows)] == ["broken", "refused", "missed and worse", "missed"]
    assert [row.case.id for row in hardest([row(f"{n:02}", route=0.0) for n in range(30)])] == [
        f"{n:02}" for n in range(10)
    ]


def test_near_misses_are_pooled_with_the_unanswerable() -> None:
    rows = [row("a", 0.9, True), row("b", 0.4, True), row("c", 0.1, False)]
    misses = [(Case("a-year", "?", made_from="a"), Searched([], n > 0, c)) for n, c in enumerate((0.2, 0.6))]
    measured = figures(rows, misses)
    assert (round(measured["auroc"].value, 4), measured["auroc"].n) == (0.8333, 5)
    assert measured["near_misses_refused"].value == 0.5
    assert figures(rows)["auroc"].value == 1


def test_a_figure_is_held_against_its_floor_and_refusals_against_their_ceiling() -> None:
    measured = {name: Figure(0.5, 0.4, 0.6, 9) for name in ("hit_at_5", "false_refusals")}
    assert below(measured, {"hit_at_5": 0.5, "false_refusals": 0.5}) == {}
    assert below(measured, {"hit_at_5": 0.6, "false_refusals": 0.4}) == {"hit_at_5": 0.5, "false_refusals": 0.5}


def test_the_report_is_a_table_in_plain_text() -> None:
    report = Report("office", [row("a", route=1.0), row("b", route=0.0)], [], [])
    assert text(report).splitlines() == [
        "office: 2 questions",
        "",
        "                     95% interval  n",
        "route right  0.500  0.095 – 0.905  2",
        "",
        "What went worst:",
        "  b: another route",
    ]
    told = as_json(report)
    assert (told["hardest"], told["by_kind"], told["by_half"]) == ([{"id": "b", "wrong": ["route"]}], {}, {})


def test_each_kind_and_each_half_has_figures_of_its_own() -> None:
    rows = [
        Row(Case("a", "?", kind="typed", half="tuned"), None, None, {"hit_at_5": 1.0, "false_refusals": 0.0}),
        Row(Case("b", "?", kind="none", half="untouched"), None, None, {"correct_refusals": 0.0}),
        Row(Case("c", "?", kind="typed", half="untouched"), None, None, {"hit_at_5": 0.0, "false_refusals": 1.0}),
        Row(Case("d", "?"), None, None, {"hit_at_5": 0.0}),
    ]
    report = Report("office", rows, [], [])
    told = as_json(report)
    assert {
        (group, name): (figure["value"], figure["n"])
        for groups in (told["by_kind"], told["by_half"])
        for group, figures in groups.items()
        for name, figure in figures.items()
    } == {
        ("typed", "hit_at_5"): (0.5, 2),
        ("typed", "false_refusals"): (0.5, 2),
        ("none", "correct_refusals"): (0.0, 1),
        ("tuned", "hit_at_5"): (1.0, 1),
        ("tuned", "false_refusals"): (0.0, 1),
        ("untouched", "hit_at_5"): (0.0, 1),
        ("untouched", "false_refusals"): (1.0, 1),
        ("untouched", "correct_refusals"): (0.0, 1),
    }
    assert text(report).splitlines()[7:] == [
        "by kind  hit@5  wrongly refused  rightly refused",
        "typed    0.500            0.500",
        "none                                       0.000",
        "",
        "by half    hit@5  wrongly refused  rightly refused",
        "tuned      1.000            0.000",
        "untouched  0.000            1.000            0.000",
        "",
        "What went worst:",
        "  c: page not found, refused",
        "  b: answered",
        "  d: page not found",
    ]


# The command ----------------------------------------------------------------------------------------------------------

PARKING = "# Parking\n\nThe garage opens at six in the morning. A parking permit costs 40 dollars a month.\n"
CANTEEN = "# Canteen\n\nLunch is served from eleven to two. A lunch costs 9 dollars, and soup costs 4 dollars.\n"
LINES = (
    {"id": "permit", "question": "How much does a parking permit cost?", "answer": "40 dollars a month",
     "sources": [{"source": "parking.md", "page": 1}], "answerable": True},
    {"id": "soup", "question": "What does soup cost?", "sources": [{"source": "canteen.md"}], "answerable": True},
    {"id": "pet", "question": PET, "answerable": False},
)  # fmt: skip


def test_a_set_with_documents_is_asked_of_them_and_never_of_the_users(run: Command, tmp_path: Path) -> None:
    folder = a_set(tmp_path / "My office", *LINES, parking=PARKING, canteen=CANTEEN)
    ran = run("eval", folder, "--json")
    measured = json.loads(ran.out)
    assert (ran.code, measured["set"], measured["questions"]) == (0, "My office", 3)
    assert {name: measured["figures"][name]["value"] for name in ("hit_at_1", "citation_recall", "figures_recall")} == {
        "hit_at_1": 1.0,
        "citation_recall": 1.0,
        "figures_recall": 1.0,
    }
    assert {citation["collection"] for row in measured["rows"] for citation in row["citations"]} == {"My-office"}
    assert not (tmp_path / "data").exists()


def test_the_sets_index_is_kept_until_its_documents_change(run: Command, tmp_path: Path) -> None:
    folder = a_set(tmp_path / "office", *LINES, parking=PARKING, canteen=CANTEEN)
    assert "parking.md added" in run("eval", folder).err
    assert run("eval", folder).err == ""
    a_set(folder, *LINES, parking=PARKING.replace("40", "55"))
    assert "parking.md added" in run("eval", folder).err


def test_rows_are_written_a_line_each_the_near_misses_last(run: Command, tmp_path: Path) -> None:
    folder = a_set(tmp_path / "office", *LINES, parking=PARKING, canteen=CANTEEN)
    ran = run("eval", folder, "--near-misses", "--rows", tmp_path / "rows.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows[:3]] == ["permit", "soup", "pet"]
    assert {row["near_miss"] for row in rows[3:]} == {True}
    assert ran.out.startswith(f"office: 3 questions, {len(rows) - 3} near misses\n")
    assert {"answerable told apart (AUROC)", "near misses, refused"} <= {
        line[:30].strip() for line in ran.out.splitlines()
    }


def test_a_document_that_cannot_be_read_is_named_and_the_rest_is_measured(run: Command, tmp_path: Path) -> None:
    folder = a_set(tmp_path / "office", *LINES, parking=PARKING, canteen=CANTEEN, empty="\n \n")
    ran = run("eval", folder)
    assert (ran.code, "(empty.md)" in ran.err, "page found first" in ran.out) == (1, True, True)


@pytest.mark.parametrize(
    ("lines", "documents", "told"),
    [
        (['{"id": "a"}'], {}, 'line 1: "question" is missing'),
        (
            LINES,
            {"parking": PARKING},
            'line 2: the "source" is not among the documents (canteen.md). Name one of parking',
        ),
        ([{"id": "a", "question": "q"}], {}, "There is no index yet"),
    ],
)
def test_what_is_wrong_is_said_on_one_line(
    run: Command, tmp_path: Path, lines: Sequence[Any], documents: dict[str, str], told: str
) -> None:
    ran = run("eval", a_set(tmp_path / "office", *lines, **documents))
    assert ran.code in (1, 2)
    assert told in ran.err.splitlines()[-1]


def test_no_escape_gets_to_the_terminal_from_a_set(run: Command, tmp_path: Path) -> None:
    line = {"id": "a\x1b[31m", "question": "q \x1b]0;title\x07 parking?", "answerable": False}
    ran = run("eval", a_set(tmp_path / "office", line, parking=PARKING))
    assert "\x1b" not in ran.out + ran.err
