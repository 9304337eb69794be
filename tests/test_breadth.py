"""How much is asked for: a fact, or a subject."""

import pytest

from models.embedded.breadth import Breadth
from models.embedded.encoder import Encoder


def asks_for_a_subject(question: str, encoder: Encoder) -> bool:
    return Breadth.shipped().asks_for_a_subject(question, encoder.query(question))


@pytest.mark.parametrize(
    "question",
    [
        "How much does a locker cost?",
        "locker price",
        "May I park my camper on the lot over the weekend?",
        "Good morning! I am new here and nobody could tell me: until what time is the library open on Fridays?",
        "My brother-in-law wants to see the workshop on Saturday. Can I let him in?",
    ],
)
def test_a_fact_is_a_fact_however_long_the_question(question: str, encoder: Encoder) -> None:
    assert not asks_for_a_subject(question, encoder)


@pytest.mark.parametrize(
    "question",
    [
        "How does the library work?",
        "library rules overview",
        "What are the duties of a lifeguard and what training is expected?",
        "Describe how chemicals are stored in the workshop.",
        "What should visitors consider before they enter the workshop?",
    ],
)
def test_a_subject_is_a_subject_however_short_the_question(question: str, encoder: Encoder) -> None:
    assert asks_for_a_subject(question, encoder)
