"""When the documents do not answer: what is asked and what is told, and what speaks for an answer and against one."""

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest

from benchmarks.fit_answerable import (
    WRITTEN,
    Look,
    Section,
    as_written,
    cases,
    confidences,
    indexed,
    table,
    written,
)
from benchmarks.fit_answerable import sections as written_sections
from models.embedded.answerable import ENOUGH, Looked, Weights
from models.embedded.encoder import Encoder
from models.embedded.message import heard

CARD = """# The library's rules

## Cards
A reader's card of the Rosewood library costs $12 a year and is renewed at the desk. Students show their pass.

## Loans
A book may be kept for 21 days and a film for seven. A late book costs 30 cents a day, at most $9.

## Rooms
Groups of up to eight readers may book a study room of the Rosewood library, a week ahead.
"""


@pytest.fixture(scope="module")
def look(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Look:
    folder = tmp_path_factory.mktemp("library")
    (folder / "documents").mkdir()
    (folder / "documents" / "rules.md").write_text(CARD, "utf-8")
    return indexed(encoder, [folder / "documents"], folder / "data")


def looked(look: Look, question: str) -> Looked:
    found = look(question)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("I lost my card. What does a new one cost?", "What does a new one cost?"),
        ("My son is nine, may he borrow films", "may he borrow films"),
        ("What does a book of $1,200 cost?", "What does a book of $1,200 cost?"),
        ("So, how long? Thanks, Ann", "how long?"),
        ("late fee films", "late fee films"),
        ("", ""),
    ],
)
def test_what_is_asked_stands_apart_from_the_story_around_it(text: str, asked: str) -> None:
    assert heard(text).asked == asked


@pytest.mark.parametrize(
    ("text", "own_case", "yes_or_no"),
    [
        ("May I keep a film for ten days?", True, True),
        ("My card is lost. How much is one?", False, False),
        ("And does a card cost more?", False, True),
        ("what do i pay", True, False),
    ],
)
def test_whose_case_it_is_and_whether_yes_is_an_answer_are_heard(text: str, own_case: bool, yes_or_no: bool) -> None:
    message = heard(text)

    assert (message.own_case, message.yes_or_no) == (own_case, yes_or_no)


def test_unknown_words_of_the_askers_own_life_count_less(look: Look) -> None:
    own, anyones = (looked(look, f"What do {who} pay for a late book about llamas?").signs for who in ("I", "readers"))

    assert 0 < own.unknown < anyones.unknown


def test_words_told_before_the_question_are_not_held_against_it(look: Look) -> None:
    plain = looked(look, "How long may a book be kept?")
    told = looked(look, "Our llama Pedro ate all 45 pages of it in Patagonia. How long may a book be kept?")

    assert (told.signs.unknown, told.signs.relief, told.veto) == (0, 0, 0)
    assert plain.veto == 0


@pytest.mark.parametrize(
    "question",
    [
        "What does the Zenith card cost?",
        "I live next door and have the Rosewood Zenith card. What does a late book cost?",
        "What does a card cost in 2031?",
        "What does a late book cost after 77 days?",
    ],
)
def test_a_name_a_year_or_a_number_that_is_nowhere_is_not_answered_for(look: Look, question: str) -> None:
    found = looked(look, question)

    assert Weights.shipped().evidence(found.signs) < found.veto


def test_a_number_that_may_be_compared_with_one_that_is_there_is_answered_for(look: Look) -> None:
    found = looked(look, "May a book be kept for 33 days?")

    assert Weights.shipped().evidence(found.signs) > found.veto > 0


def test_words_that_stand_in_no_one_section_together_are_doubtful(look: Look) -> None:
    together, apart = (
        looked(look, question).signs.scattered
        for question in ("Are study rooms for groups?", "Are study rooms for a late film?")
    )

    assert together == 0 < apart


def test_only_likeness_speaks_for_an_answer() -> None:
    likeness, *others, _ = astuple(Weights.shipped())

    assert likeness > 0
    assert all(weight < 0 for weight in others)


def test_the_shipped_weights_fit_the_written_questions(encoder: Encoder, tmp_path: Path) -> None:
    """When this fails after a change to benchmarks/answerable, run benchmarks/fit_answerable.py."""
    there = [section for path in sorted((WRITTEN / "larkfield").glob("*.md")) for section in written_sections(path)]
    look = indexed(encoder, [written(there, _made(tmp_path / "documents"))], tmp_path / "data")
    rows = table([*cases("larkfield", as_written(_questions(there)), look)])
    refused = confidences(rows, np.array(astuple(Weights.shipped()))) < ENOUGH
    share = {kind: refused[rows.kind == kind].mean() for kind in ("plain", "near", "rule-name")}

    assert share["plain"] < 0.2 < 0.4 < share["near"] < share["rule-name"]


def _questions(there: list[Section]) -> list[tuple[str, str]]:
    return [asked for section in there for asked in section.questions]


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder
