import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from models.embedded.encoder import Encoder
from models.embedded.intents import Guess, Intents
from models.embedded.parts import parts

Guesser = Callable[[Sequence[str]], list[Guess]]


@pytest.fixture(scope="module")
def guess(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Guesser:
    examples = tomllib.loads((Path(__file__).parents[1] / "intents.toml").read_text("utf-8"))
    intents = Intents.fitted(examples, encoder, tmp_path_factory.mktemp("parts"))
    return lambda texts: intents.guesses(encoder.encode(texts))


@pytest.mark.parametrize(
    ("message", "split"),
    [
        (
            "is it raining in Boston, and what is our 401k match?",
            [("is it raining in Boston", "weather"), ("what is our 401k match?", "401k")],
        ),
        (
            "Hello! how many vacation days are left? Also what's 1,250.50 * 3, please",
            [("how many vacation days are left?", "benefits"), ("what's 1,250.50 * 3, please", "calculator")],
        ),
        (
            "set an alarm for 6 a.m. and tell me tomorrow's forecast for Leeds",
            [("set an alarm for 6 a.m.", "other"), ("tell me tomorrow's forecast for Leeds", "weather")],
        ),
        (
            "1. when is payday?\n2. how much can I borrow from my 401k?",
            [("when is payday?", "benefits"), ("how much can I borrow from my 401k?", "401k")],
        ),
        (
            "weather in Oslo\n15*32",
            [("weather in Oslo", "weather"), ("15*32", "calculator")],
        ),
    ],
)
def test_two_intents_are_two_parts(guess: Guesser, message: str, split: list[tuple[str, str]]) -> None:
    assert [(part.text, part.guess.intent) for part in parts(message, guess)] == split


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        ("are dental and vision included in the premium?", "benefits"),
        ("what is 19,250.75 + 3,480, divided by 2.5", "calculator"),
        ("does Dr. Banerjee take our plan, e.g. for an M.R.I. scan?", "benefits"),
        ("Can I take a loan from the 401k? How much can I take?", "401k"),
        ("buy milk, bread and eggs", "other"),
        ("thanks, bye", "smalltalk"),
        ("what does the health\nplan pay for hearing aids?", "benefits"),
    ],
)
def test_one_intent_stays_one_part(guess: Guesser, message: str, intent: str) -> None:
    assert [(part.text, part.guess.intent) for part in parts(message, guess)] == [(message, intent)]


def test_what_is_told_goes_with_what_is_asked(guess: Guesser) -> None:
    message = "My daughter turned 26 in May. She is a student. Can she stay on my health plan, and is it sunny in Rome?"
    assert [(part.text, part.guess.intent) for part in parts(message, guess)] == [
        ("My daughter turned 26 in May. She is a student. Can she stay on my health plan", "benefits"),
        ("is it sunny in Rome?", "weather"),
    ]


def test_equal_intents_are_one_part_wherever_they_stand(guess: Guesser) -> None:
    message = "how many sick days do I get? is it snowing in Bern? and how is parental leave paid?"
    assert [(part.text, part.guess.intent) for part in parts(message, guess)] == [
        ("how many sick days do I get? and how is parental leave paid?", "benefits"),
        ("is it snowing in Bern?", "weather"),
    ]


def test_a_question_without_a_joint_is_looked_at_once(guess: Guesser) -> None:
    seen: list[Sequence[str]] = []

    def counting(texts: Sequence[str]) -> list[Guess]:
        seen.append(texts)
        return guess(texts)

    parts("how many vacation days do I have left", counting)
    assert seen == [["how many vacation days do I have left"]]


def test_a_long_text_is_read_as_one(guess: Guesser) -> None:
    text = "The office opens at nine. " * 40
    assert [part.text for part in parts(text, guess)] == [text.strip()]


@pytest.mark.parametrize("text", ["", "?", "...", "and", "please, and then", ",,,", "1.", "\n\n"])
def test_a_text_of_marks_and_joints_is_one_part(guess: Guesser, text: str) -> None:
    assert len(parts(text, guess)) == 1


@pytest.mark.parametrize("piece", ["1,", "((", "a.", "and ", "- ", "wh", "\n", "the ", ", and also then "])
def test_the_longest_question_is_split_in_no_time(piece: str) -> None:
    text = (piece * 32_000)[:32_000]
    assert len(parts(text, lambda texts: [Guess("other", 0.9, "")] * len(texts))) == 1
