"""Each measure says what its definition says."""

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evals.cases import Wanted
from evals.metrics import (
    Group,
    Place,
    auroc,
    balanced,
    figures_recall,
    first_hit,
    length,
    mean,
    numbers,
    percentile,
    precision,
    recall,
    separation,
    share,
    token_f1,
    tokens,
)

PLAN: list[Wanted] = [Wanted("plan.pdf", 3), Wanted("guide.md")]
SURE = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0]), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("The match, vested!", ["match", "vested"]),
        ("A $1,500 deductible [2]", ["1500", "deductible"]),
        ("in-network “care” [1][12].", ["innetwork", "care"]),
        ("an answer — the  end", ["answer", "end"]),
        ("[1]", []),
    ],
)
def test_words_are_compared_without_case_punctuation_articles_and_markers(text: str, kept: list[str]) -> None:
    assert tokens(text) == kept


@pytest.mark.parametrize(
    ("answer", "reference", "f1"),
    [
        ("The match is 5%. [1]", "match is 5%", 1.0),
        ("5% match", "the match", 2 / 3),
        ("pay pay pay", "pay day", 0.4),
        ("nothing of it", "match", 0.0),
        ("", "match", 0.0),
        ("", "", 1.0),
    ],
)
def test_f1_is_the_share_of_words_that_both_have(answer: str, reference: str, f1: float) -> None:
    assert token_f1(answer, reference) == pytest.approx(f1)


@given(st.text(), st.text())
def test_f1_is_symmetric_and_within_0_and_1(one: str, other: str) -> None:
    assert token_f1(one, other) == token_f1(other, one)
    assert 0 <= token_f1(one, other) <= 1
    assert token_f1(one, one) == 1


def test_an_answer_is_as_long_as_its_reader_finds_it() -> None:
    assert length("You get the match. [1][2]") == 4


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("$1,500 and 12.50, then 5% in 2026.", ["1500", "12.5", "5", "2026"]),
        ("your 401(k), a 401k, form W-2, the 1st [3]", []),
        ("a 30-day wait, ages 60–63, 9/12", ["30", "60", "63", "9", "12"]),
        ("1.2.3 and 1,23", []),
        ("$35,750 is 35750", ["35750"]),
    ],
)
def test_numbers_are_amounts_and_not_names(text: str, found: list[str]) -> None:
    assert numbers(text) == {Decimal(one) for one in found}


@pytest.mark.parametrize(
    ("answer", "reference", "share_right"),
    [
        ("50% up to $50,000 [1]", "up to 50%, never more than $50,000, at least $1,000", 2 / 3),
        ("five weeks", "10 weeks", 0.0),
        ("5 weeks", "five weeks", None),
    ],
)
def test_figures_recall_is_of_the_references_numbers(answer: str, reference: str, share_right: float | None) -> None:
    assert figures_recall(answer, reference) == pytest.approx(share_right)


@pytest.mark.parametrize(
    ("found", "rank"),
    [
        ([("plan.pdf", 3)], 1),
        ([("plan.pdf", 4), ("other.pdf", 3), ("guide.md", 9)], 3),
        ([("plan.pdf", 2)], None),
        ([("plan.pdf", 1)] * 10 + [("plan.pdf", 3)], None),
        ([], None),
    ],
)
def test_a_hit_is_a_cited_page_or_any_page_of_a_source_without_one(found: list[Place], rank: int | None) -> None:
    assert first_hit(found, PLAN) == rank


@pytest.mark.parametrize(
    ("cited", "of_cited", "of_wanted"),
    [
        ([("plan.pdf", 3), ("guide.md", 1)], 1.0, 1.0),
        ([("plan.pdf", 3), ("plan.pdf", 3), ("plan.pdf", 4)], 0.5, 0.5),
        ([("guide.md", 1), ("guide.md", 2)], 1.0, 0.5),
        ([("other.pdf", 3)], 0.0, 0.0),
        ([], None, 0.0),
    ],
)
def test_citations_are_right_places_and_all_of_them(
    cited: list[Place], of_cited: float | None, of_wanted: float
) -> None:
    assert (precision(cited, PLAN), recall(cited, PLAN)) == (of_cited, of_wanted)


@given(SURE, SURE)
def test_auroc_is_how_often_one_beats_the_other(higher: list[float], lower: list[float]) -> None:
    wins = sum((one > other) + (one == other) / 2 for one in higher for other in lower)
    assert auroc(higher, lower) == pytest.approx(wins / len(higher) / len(lower))
    assert auroc(higher, lower) + auroc(lower, higher) == pytest.approx(1)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(0, 10, 0.0, 0.2775), (5, 10, 0.2366, 0.7634), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662)],
)
def test_a_shares_interval_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    figure = share([1.0] * right + [0.0] * (n - right))
    assert (figure.value, figure.low, figure.high, figure.n) == pytest.approx((right / n, low, high, n), abs=1e-4)


def test_the_smaller_class_counts_as_much_as_the_larger() -> None:
    assert balanced([1.0] * 2, [1.0] * 49 + [0.0] * 49).value == 0.75
    assert balanced([], [1.0, 0.0]) == share([1.0, 0.0])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40))
def test_a_means_interval_holds_the_mean_and_is_the_same_each_time(values: Sequence[float]) -> None:
    figure = mean(values)
    assert figure == mean(values)
    assert min(values) - 1e-9 <= figure.low <= figure.high <= max(values) + 1e-9
    assert figure.value == pytest.approx(sum(values) / len(values))


def test_a_means_interval_is_as_wide_as_theory_says() -> None:
    figure = mean([0.0, 1.0] * 200)
    assert (figure.low, figure.high) == pytest.approx((0.5 - 1.96 * 0.025, 0.5 + 1.96 * 0.025), abs=0.006)


def test_a_percentile_is_of_the_values() -> None:
    figure = percentile([*map(float, range(101))], 95)
    assert (figure.value, figure.low <= 95 <= figure.high) == (95, True)


def test_near_misses_of_one_question_are_not_independent_of_each_other() -> None:
    apart: list[Group] = [([n / 20], [(n - 5) / 20]) for n in range(20)]
    together: list[Group] = [(yes, [*no] * 10) for yes, no in apart]
    alone, many = separation(apart), separation(together)
    assert (many.value, many.low, many.high) == pytest.approx((alone.value, alone.low, alone.high))
    assert (alone.n, many.n) == (40, 220)
