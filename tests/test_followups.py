"""Follow-ups: what stands alone, what leans on the thread, and what it is searched for then."""

import asyncio
import tomllib
from pathlib import Path

import pytest

from evals.cases import HALVES
from evals.followups import NEW, read
from models.embedded.difficulty import Difficulty
from models.embedded.encoder import Encoder
from models.embedded.followups import Kind, kind, written_out
from models.embedded.intents import Examples, Intents
from models.embedded.triage import EmbeddedTriage, Heard

ROOT = Path(__file__).parents[1]
SHIPPED: Examples = tomllib.loads((ROOT / "intents.toml").read_text("utf-8"))
MATCH = "What does the company match for full-timers?"


@pytest.fixture(scope="module")
def triage(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedTriage:
    intents = Intents.fitted(SHIPPED, encoder, tmp_path_factory.mktemp("triage"))
    return EmbeddedTriage(encoder, intents, Difficulty.shipped(), frozenset({"weather"}))


def heard(triage: EmbeddedTriage, message: str, *earlier: str) -> Heard:
    [one] = asyncio.run(triage.read(message, earlier))
    return one


# By rule --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("No, I meant the old policy", "corrects"),
        ("sorry, dental", "corrects"),
        ("Not the PPO, the EPO.", "corrects"),
        ("for managers, I mean", "corrects"),
        ("what if he has retired", "adds"),
        ("Even when I'm abroad?", "adds"),
        ("if I quit?", "adds"),
        ("And for my husband?", "replaces"),
        ("how about tomorrow", "replaces"),
        ("in Bergen?", "replaces"),
        ("Part-timers?", "replaces"),
        ("Why not?", "asks on"),
        ("Is that taxable?", "asks on"),
        ("which one is cheaper", "asks on"),
        ("How many do I get?", "asks on"),
        ("Do I need a receipt?", "asks on"),
        ("Who gets the rest?", "asks on"),
    ],
)
def test_a_follow_up_is_known_by_its_form(message: str, expected: Kind) -> None:
    assert kind(message) == expected


@pytest.mark.parametrize(
    "message",
    [
        "What time is it?",
        "Is it raining in Oslo?",
        "If it snows, is the office closed?",
        "Is it possible to work from Spain?",
        "My W-2 is wrong, who fixes that?",
        "How do I add my wife to my insurance, and what does it cost?",
        "When is payday?",
        "Are there lockers in the warehouse?",
        "Actually, what is the match?",
        "And how does the commuter benefit pay for parking garages?",
        "parental leave length",
        "I'm part-time",
        "Yes",
        "thanks!",
        "",
    ],
)
def test_what_has_a_subject_of_its_own_stands_alone(message: str) -> None:
    assert kind(message) is None


@pytest.mark.parametrize(
    ("message", "earlier", "alone"),
    [
        ("and for part-timers?", [MATCH], f"{MATCH} and for part-timers?"),
        ("no, 2027", ["Is May 1 a holiday in 2026?"], "Is May 1 a holiday in 2027?"),
        ("no, I meant the Gold plan", ["What does the Silver plan cost?"], "What does the Gold plan cost?"),
        ("Not lenses, frames.", ["How often are lenses paid?"], "How often are frames paid?"),
        ("why?", ["Is it open?", MATCH, "and for interns?"], f"{MATCH} and for interns? why?"),
        ("why?", ["Is it open?", MATCH, "Thanks!"], f"{MATCH} why?"),
        ("why?", ["and for interns?"], "and for interns? why?"),
    ],
)
def test_a_follow_up_is_put_together_with_what_it_leans_on(message: str, earlier: list[str], alone: str) -> None:
    assert written_out(message, earlier) == alone


def test_a_follow_up_has_the_intent_of_its_thread(triage: EmbeddedTriage) -> None:
    asked, message = "How much of my pay may I put into the 401(k)?", "what if I'm part-time?"
    one = heard(triage, message, asked)
    assert (one.text, one.search, one.intent) == (message, f"{asked} {message}", "401k")


def test_a_follow_up_about_the_weather_keeps_to_it(triage: EmbeddedTriage) -> None:
    one = heard(triage, "And in Bergen?", "What is the weather in Oslo tomorrow?")
    assert (one.intent, one.place) == ("weather", "Bergen")


def test_a_new_subject_is_not_dragged_back(triage: EmbeddedTriage) -> None:
    for message in ("And the weather in Bergen?", "How many floating holidays do we have?", "is it snowing in Oslo"):
        assert heard(triage, message, MATCH).search == message


def test_nothing_is_leant_on_where_nothing_was_said(triage: EmbeddedTriage) -> None:
    assert heard(triage, "and for part-timers?").search == "and for part-timers?"


def test_the_pairs_are_whole_and_name_documents_that_there_are() -> None:
    pairs = read(ROOT / "evals" / "followups")
    leaning = [pair for pair in pairs if pair.kind != NEW]
    documents = {file.name for folder in ("401k", "benefits") for file in (ROOT / "corpora" / folder).iterdir()}
    assert len({pair.id for pair in pairs}) == len(pairs)
    assert min(sum(pair.half == half for pair in leaning) for half in HALVES) >= 40
    assert all(pair.before and pair.sources and pair.alone != pair.question for pair in leaning)
    assert {place.source for pair in pairs for place in pair.sources} <= documents
