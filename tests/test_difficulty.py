import tomllib
from pathlib import Path

import numpy as np
import pytest

from models.embedded import difficulty
from models.embedded.difficulty import Difficulty, measures
from models.embedded.encoder import Encoder

LOOK_UPS = [
    "Good morning, I hope you had a lovely weekend! I'm still finding my way around since I joined in the spring, so "
    "forgive me if this is obvious. Could you please tell me how many vacation days I get in my first year?",
    "Thank you for sorting out my parking pass so quickly the other day, that was a great help. While I have you, my "
    "dentist would like to know something I can never remember: what is the phone number of our dental insurance?",
    "When is payday?",
    "Where do I find my W-2?",
]
PROBLEMS = [
    "Compare the two medical plans for a family of five, step by step",
    "Roth or traditional at my salary, and why?",
    "Work out my match if I stop contributing in August",
    "I earn $84,000, put in five percent, and the company matches half of the first six. Would I have more at 65 if I "
    "paid off my loan first, given a six percent return, and what would have to change for the answer to be different?",
]
EXAM = "A train goes 120 km in 2 hours. Which of the following is its speed?"
CHOICES = "\nA. 30 km/h\nB. 60 km/h\nC. 90 km/h\nD. 240 km/h\nAnswer:"


@pytest.fixture(scope="module")
def shipped() -> Difficulty:
    return Difficulty.shipped()


def score(shipped: Difficulty, encoder: Encoder, question: str) -> float:
    return shipped.score(question, encoder.query(question))


@pytest.mark.parametrize("question", LOOK_UPS)
def test_a_look_up_is_easy_however_wordy(shipped: Difficulty, encoder: Encoder, question: str) -> None:
    assert score(shipped, encoder, question) <= 5


@pytest.mark.parametrize("question", PROBLEMS)
def test_what_has_to_be_thought_through_is_hard_however_short(
    shipped: Difficulty, encoder: Encoder, question: str
) -> None:
    assert score(shipped, encoder, question) > 5


def test_length_does_not_pass_for_difficulty(shipped: Difficulty, encoder: Encoder) -> None:
    assert score(shipped, encoder, LOOK_UPS[0]) < score(shipped, encoder, PROBLEMS[1])


def test_an_exam_problem_is_harder_than_a_fact(shipped: Difficulty, encoder: Encoder) -> None:
    problem = (
        "Suppose that f(x) = x^3 - 6x^2 + 9x. If f is restricted to the interval [0, 4], at how many points does it "
        "take its largest value, and which of these are not critical points?"
    )
    assert score(shipped, encoder, "What is the capital of France?") < score(shipped, encoder, problem)


def test_the_choices_of_an_exam_question_are_not_measured() -> None:
    np.testing.assert_array_equal(measures(EXAM + CHOICES), measures(EXAM))


def test_a_list_of_steps_is_measured() -> None:
    assert measures("Explain:\nA. Why if sales rise, costs fall")[0] > measures("Explain:")[0]


@pytest.mark.parametrize("question", ["", "?", "\n\n", "401", "為什麼", "why " * 8000, CHOICES])
def test_any_text_has_a_score_of_two_decimals(shipped: Difficulty, encoder: Encoder, question: str) -> None:
    found = score(shipped, encoder, question)
    assert 0 <= found <= 10
    assert found == round(found, 2)


def test_the_shipped_coefficients_fit_the_shipped_examples(shipped: Difficulty, encoder: Encoder) -> None:
    """When this fails after a change to workplace.toml, run benchmarks/fit_difficulty.py."""
    written = tomllib.loads(Path(difficulty.__file__).with_name("workplace.toml").read_text())
    some = {kind: [q for questions in by_topic.values() for q in questions[::8]] for kind, by_topic in written.items()}
    right = [score(shipped, encoder, question) <= 5 for question in some["easy"]]
    right += [score(shipped, encoder, question) > 5 for question in some["hard"]]
    assert np.mean(right) >= 0.93
