import tomllib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from models.embedded.encoder import Encoder, Vectors
from models.embedded.intents import Examples, Intents, described

SHIPPED: Examples = tomllib.loads((Path(__file__).parents[1] / "intents.toml").read_text("utf-8"))
SMALL: Examples = {
    "weather": {"rain": ["will it rain tomorrow", "rain in Oslo tonight"], "heat": ["how hot is it today"]},
    "other": {"music": ["play some jazz", "next song"], "lamps": ["turn the lights off"]},
}


class Counting(Encoder):
    """The real encoder, which counts what it is given."""

    def __init__(self, encoder: Encoder) -> None:
        self.__dict__.update(encoder.__dict__)
        self.seen = 0

    def encode(self, texts: Sequence[str]) -> Vectors:
        self.seen += len(texts)
        return super().encode(texts)


@pytest.fixture(scope="module")
def intents(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Intents:
    return Intents.fitted(SHIPPED, encoder, tmp_path_factory.mktemp("intents"))


@pytest.mark.parametrize(
    ("question", "intent"),
    [
        ("does the employer match go up if I save more for retirement?", "401k"),
        ("sign me off for next Wednesday, I'm moving house", "benefits"),
        ("when does this month's salary reach my bank", "benefits"),
        ("need a sweater in Ghent tonight?", "weather"),
        ("what do 19 and 4.5 multiply to", "calculator"),
        ("hi, what are you good for", "smalltalk"),
        ("how much money is in my checking account", "other"),
        ("turn 70 miles into kilometres", "other"),
        ("what time is it in Lagos", "other"),
        ("why is the sky above Mars red", "other"),
    ],
)
def test_a_question_gets_the_intent_that_people_mean(
    intents: Intents, encoder: Encoder, question: str, intent: str
) -> None:
    assert intents.guess(encoder.query(question)).intent == intent


def test_a_question_unlike_every_example_is_other_but_not_firmly(intents: Intents, encoder: Encoder) -> None:
    guess = intents.guess(encoder.query("reset the torque wrench calibration interval"))
    assert (guess.intent, guess.confidence < 0.5) == ("other", True)


def test_a_guess_names_the_topic(intents: Intents, encoder: Encoder) -> None:
    assert intents.guess(encoder.query("how many vacation days do I have left")).topic == "pto_balance"


def test_guesses_are_the_guesses_of_each(intents: Intents, encoder: Encoder) -> None:
    vectors = encoder.encode(["will it rain", "400 / 16", "hello"])
    one_by_one = [intents.guess(vector) for vector in vectors]
    together = intents.guesses(vectors)
    assert [(g.intent, g.topic) for g in together] == [(g.intent, g.topic) for g in one_by_one]
    assert [g.confidence for g in together] == pytest.approx([g.confidence for g in one_by_one], abs=1e-4)


def test_a_fitted_head_is_read_the_next_time(encoder: Encoder, tmp_path: Path) -> None:
    counting, vector = Counting(encoder), encoder.query("is it raining")
    first = Intents.fitted(SMALL, counting, tmp_path).guess(vector)
    second = Intents.fitted(SMALL, counting, tmp_path).guess(vector)
    assert (second, counting.seen) == (first, 6)


def test_one_more_example_fits_the_head_anew(encoder: Encoder, tmp_path: Path) -> None:
    counting = Counting(encoder)
    Intents.fitted(SMALL, counting, tmp_path)
    Intents.fitted({**SMALL, "sums": {"plus": ["2 + 2"]}}, counting, tmp_path)
    assert counting.seen == 6 + 7


@pytest.mark.parametrize("damage", [b"", b"not a head", b"PK\x03\x04half"])
def test_a_corrupt_cache_is_fitted_anew(encoder: Encoder, tmp_path: Path, damage: bytes) -> None:
    vector = encoder.query("is it raining")
    whole = Intents.fitted(SMALL, encoder, tmp_path).guess(vector)
    [kept] = tmp_path.glob("*.npz")
    kept.write_bytes(damage)
    assert Intents.fitted(SMALL, encoder, tmp_path).guess(vector) == whole
    assert len(kept.read_bytes()) > len(damage)


def test_a_cache_that_cannot_be_written_is_done_without(encoder: Encoder, tmp_path: Path) -> None:
    no_folder = tmp_path / "a file"
    no_folder.write_text("")
    intents = Intents.fitted(SMALL, encoder, no_folder)
    assert intents.guess(encoder.query("will it rain in Oslo")).intent == "weather"


def test_an_intent_of_ones_own_needs_only_its_description(encoder: Encoder, tmp_path: Path) -> None:
    examples = described(
        SMALL, {"weather": "rain", "canteen": "what is for lunch today, vegetarian menu, soup of the day"}
    )
    intents = Intents.fitted(examples, encoder, tmp_path)
    assert [intents.guess(encoder.query(q)).intent for q in ("is there soup for lunch", "will it rain tonight")] == [
        "canteen",
        "weather",
    ]


def test_without_examples_of_other_a_far_question_is_still_other(encoder: Encoder, tmp_path: Path) -> None:
    only = {"weather": SMALL["weather"], "sums": {"plus": ["2 + 2", "7 times 8"]}, "empty": {"nothing": []}}
    intents = Intents.fitted(only, encoder, tmp_path)
    assert intents.guess(encoder.query("will it rain")).intent == "weather"


def test_no_example_stands_twice() -> None:
    texts = Counter(
        text.lower().strip(" ?.!") for topics in SHIPPED.values() for texts in topics.values() for text in texts
    )
    assert [text for text, count in texts.items() if count > 1] == []
