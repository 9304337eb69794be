"""The place in a weather question."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.embedded.places import place_in


@pytest.mark.parametrize(
    ("question", "place"),
    [
        ("Will it snow in Duluth tomorrow?", "Duluth"),
        ("rain in new york today", "New York"),
        ("weather Wroclaw Sunday", "Wroclaw"),
        ("Gdańsk weather", "Gdańsk"),
        ("is it windy in gdansk", "Gdansk"),
        ("how cold is it in Springfield, Massachusetts right now", "Springfield, Massachusetts"),
        ("austin tx forecast", "Austin, TX"),
        ("umbrella in Eugene Oregon?", "Eugene, Oregon"),
        ("Is Split sunny?", "Split"),
        ("weather in nice on friday", "Nice"),
        ("fog at Upper Slaughter this evening", "Upper Slaughter"),
        ("any wind in hebden bridge", "Hebden Bridge"),
        ("What's London's weather like?", "London"),
        ("I'm flying from Leeds to Porto, what's it like there", "Porto"),
        ("Hi Georgia, is it wet in Lyon?", "Lyon"),
        ("Halifax in Canada, is it snowing", "Halifax, Canada"),
    ],
)
def test_a_place_is_found_as_it_was_written(question: str, place: str) -> None:
    assert place_in(question) == place


@pytest.mark.parametrize(
    "question",
    [
        "will it rain tomorrow",
        "is it nice outside",
        "do I need a coat",
        "weather in the morning",
        "rain in May?",
        "is it warm enough for shorts at the beach",
        "temperature in Fahrenheit please",
        "how is the weather in my city",
        "",
        "?!",
        "🌧",
    ],
)
def test_a_question_without_a_place(question: str) -> None:
    assert place_in(question) is None


def test_a_reply_is_a_place_as_it_was_typed() -> None:
    assert [place_in(said, reply=True) for said in ("bath", "hebden bridge", "in Oslo, please", "tomorrow")] == [
        "Bath",
        "Hebden Bridge",
        "Oslo",
        None,
    ]


@given(st.text(max_size=300))
def test_any_text_has_a_place_of_its_own_words_or_none(text: str) -> None:
    place = place_in(text)
    assert place is None or place.strip()
