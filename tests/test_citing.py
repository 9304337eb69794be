"""What of a model's words may be shown while they come, whatever pieces they come in."""

import re
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.evidence import Passage
from ingest.split import Sentence
from models.citing import Citing, Unsupported
from models.found import Citation
from models.prompts import DECLINED


def passage(text: str, source: str = "plan.pdf", page: int = 3) -> Passage:
    sentences = [Sentence(f"{one.strip('.')}.", page) for one in text.split(". ")]
    return Passage("401k", source, "Plan", "internal", (), [page], "Match", text, 1.0, sentences)


PASSAGES = [
    passage("The company matches 4% of pay. Vesting takes 3 years."),
    passage("A loan is up to $50,000. Its interest is 8.5 percent.", "loans.pdf", 7),
]
MATCH = Citation("401k", "plan.pdf", 3, "The company matches 4% of pay.")
VESTING = Citation("401k", "plan.pdf", 3, "Vesting takes 3 years.")
LOAN = Citation("401k", "loans.pdf", 7, "A loan is up to $50,000.")


def heard(pieces: Sequence[str], known: set[str] | None = None) -> tuple[str, list[Citation], list[int], bool, str]:
    """What was shown, cited, dropped and declined, and the figure that ended it."""
    citing, shown, figure = Citing(PASSAGES, known or set()), "", ""
    try:
        for piece in pieces:
            shown += citing.feed(piece)
        shown += citing.end()
    except Unsupported as unsupported:
        figure = str(unsupported)
    if not figure:
        assert shown == citing.text
    return shown, citing.citations, citing.dropped, citing.declined, figure


@pytest.mark.parametrize(
    ("said", "shown", "cited"),
    [
        ("They match 4% of pay [1].", "They match 4% of pay [1].", [MATCH]),
        ("A loan is up to $50,000 [2].", "A loan is up to $50,000 [1].", [LOAN]),
        (
            "A loan is up to 50000 [2]. They match 4% of pay [1], and a loan is up to $50,000 [2].",
            "A loan is up to 50000 [1]. They match 4% of pay [2], and a loan is up to $50,000 [1].",
            [LOAN, MATCH],
        ),
        (
            "They match 4% of pay. [1]\nVesting takes 3 years. [1]",
            "They match 4% of pay. [1]\nVesting takes 3 years. [2]",
            [MATCH, VESTING],
        ),
        ("They match 4% of pay[1, 2]", "They match 4% of pay [1] [2]", [MATCH, LOAN]),
        ("They match it [1 ; 1].", "They match it [1] [1].", [MATCH]),
    ],
)
def test_markers_are_numbered_anew_one_for_each_quotation(said: str, shown: str, cited: list[Citation]) -> None:
    assert heard([said]) == (shown, cited, [], False, "")


@pytest.mark.parametrize("marker", ["[9]", "[0]", "[1000]", "[99999]", f"[{'7' * 5000}]", "[3, 12]", "[3]"])
def test_markers_that_name_no_passage_are_removed_and_counted(marker: str) -> None:
    shown, cited, dropped, _, figure = heard([f"They match it {marker} gladly."])
    assert (shown, cited, bool(dropped), figure) == ("They match it gladly.", [], True, "")


@pytest.mark.parametrize(
    "said",
    [
        "They match 5% of pay [1].",
        "They match 40% of pay [1].",
        "A loan is up to $50,001 [2].",
        "Its interest is 8.55 percent [2].",
        "They match 4[9]5 % of pay.",
        "1. They match. 2. Vesting takes 3 years.",
    ],
)
def test_a_figure_that_no_passage_says_is_not_shown_for_a_moment(said: str) -> None:
    for pieces in ([said], list(said)):
        shown, _, _, _, figure = heard(pieces)
        assert figure
        assert figure not in shown


def test_a_figure_of_the_question_may_be_repeated_and_a_lists_numbers_are_none() -> None:
    said = "1. They match 4% of pay [1].\n2. Of 7 percent they match 4%.\n  3) Vesting takes 3 years [1]."
    assert heard(list(said), known={"7"})[4] == ""


@pytest.mark.parametrize(
    "said",
    [
        DECLINED,
        f"{DECLINED}.",
        f"**{DECLINED}**",
        f"_{DECLINED}_",
        f'"{DECLINED.lower()}"',
        f"They match 4% [1]. {DECLINED}",
        f"{DECLINED}, for they match 99 percent [1].",
        DECLINED.replace(" ", "\n "),
    ],
)
def test_the_words_that_decline_are_never_shown(said: str) -> None:
    for pieces in ([said], list(said)):
        shown, _, _, declined, _ = heard(pieces)
        assert declined
        assert not {*DECLINED.split()} & {*re.findall(r"\w+", shown.upper())}


def test_words_that_only_begin_as_if_they_declined_are_shown() -> None:
    for said in ("Not in the plan.", "I can", "It is not", "No", "not in the passage"):
        assert heard(list(said)) == (said, [], [], False, "")


def test_words_are_shown_as_soon_as_they_are_settled() -> None:
    citing = Citing(PASSAGES, set())
    given = ["They", " match", " 4", "%", " of", " pay", " [", "1", "]", "."]
    assert [citing.feed(piece) for piece in given] == ["They", " match", " ", "4%", " of", " pay", "", "", " [1]", "."]


SAID = [
    "They match",
    "of pay",
    "(",
    ".",
    ",",
    ";",
    "é",
    "$",
    "%",
    " ",
    "\n",
    "\t",
    "NOT IN",
    " THE PASSAGES",
    "not",
    " in the",
]
COUNTED = ["4", "50,000", "8.5", "1", "2", "3", "9", "0", "[1]", "[2]", " [9]", "[", "]", " [1, 2]", "1. ", "\n2) "]
WORDS = st.sampled_from([*SAID, *COUNTED])


@given(st.lists(WORDS, max_size=14).map("".join), st.lists(st.integers(0, 80), max_size=12))
def test_the_pieces_that_a_text_comes_in_make_no_difference(said: str, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(said)]
    pieces = [said[start:end] for start, end in pairwise(places)]
    whole, split, letters = heard([said]), heard(pieces), heard(list(said))
    *_, declined, figure = whole
    if declined or figure:  # then it ends, with more or less shown before; where it holds both, by either
        assert all(told[3] or told[4] for told in (split, letters))
    else:
        assert split == letters == whole


@pytest.mark.parametrize(
    "piece", [" " * 99_999 + "x", "\n" * 99_999 + "x", "[" * 99_999, "4," * 50_000, "[1," * 33_333]
)
def test_what_goes_on_for_ever_is_read_in_no_time(piece: str) -> None:
    heard([piece])
