"""Triage by the small model: what it says is checked, and where it says nothing right the embedded triage decides."""

import asyncio
import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.asking import Asking, Outcome
from models.embedded.difficulty import Difficulty
from models.embedded.encoder import Encoder
from models.embedded.intents import Examples, Intents
from models.embedded.triage import EmbeddedTriage, Heard
from models.tokens import Tokens
from models.triage import PATIENCE, SURE, Cascade, SmallTriage, few
from privacy.content import Message, Text
from privacy.failures import ModelFailed
from tests.malformed import COMPACT, FIRST, MESSAGE, SECOND, answer, malformed
from tests.scripted_model import Request, ScriptedModel

ROOT = Path(__file__).parents[1]
SHIPPED: Examples = tomllib.loads((ROOT / "intents.toml").read_text("utf-8"))
INTENTS: dict[str, str] = {
    intent["name"]: intent["describe"] for intent in tomllib.loads((ROOT / "tandem.toml").read_text("utf-8"))["intents"]
}

EMBEDDED = [
    Heard("is it raining in Malmö", "is it raining in Malmö", "weather", 0.62, 1.3, "Malmö"),
    Heard("what does the 401k match?", "what does the 401k match?", "401k", 0.91, 2.1, None),
]
SMALL = [
    Heard("is it raining in Malmö", "is it raining in Malmö", "weather", 0.7, 2.0, "Malmö", "small"),
    Heard("what does the 401k match?", "what does the 401k match?", "401k", 0.91, 3.5, None, "small"),
]
NOT_VALID = [replace(one, by="embedded, after an invalid answer") for one in EMBEDDED]
FAILED = [replace(one, by="embedded, after a failure") for one in EMBEDDED]
DOWN = ModelFailed("unreachable", "ollama:phi4-mini cannot be reached at localhost:11434", "ollama:phi4-mini")


@dataclass
class Hears:
    """Stands for the embedded triage."""

    heard: list[Heard] = field(default_factory=lambda: [*EMBEDDED])

    async def read(self, message: str, earlier: Sequence[str] = (), whole: bool = False) -> list[Heard]:
        return self.heard

    def place(self, reply: str) -> str | None:
        return None if reply == "today" else reply.title()

    def topic(self, message: str) -> str:
        return "rain_snow"


@dataclass
class Triaged:
    """One message, and all that came of it."""

    heard: list[Heard]
    model: ScriptedModel
    seen: list[tuple[Outcome, bool | None]]
    notices: list[str]


def triage(
    *answers: str | ModelFailed,
    message: str = MESSAGE,
    earlier: Sequence[str] = (),
    whole: bool = False,
    hears: list[Heard] = EMBEDDED,
    cascade: bool = False,
) -> Triaged:
    model, asking = ScriptedModel([*answers]), Asking()
    embedded = Hears(hears)
    small = SmallTriage(model, embedded, INTENTS, SHIPPED, frozenset({"weather"}))
    asked = Cascade(embedded, small) if cascade else small
    heard = asyncio.run(asked.read(message, earlier, whole, asking=asking, label="internal"))
    return Triaged(heard, model, [(one.outcome, one.agreed) for one in asking.triage], asking.notices)


def one_part(text: str, intent: str, **said: Any) -> str:
    return answer({"text": text, "intent": intent, "score": 2, "place": None, **said})


# What is right --------------------------------------------------------------------------------------------------------


def test_the_small_model_gives_parts_intents_scores_and_places_in_one_call() -> None:
    done = triage(COMPACT)
    assert (done.heard, done.seen, done.notices, len(done.model.asked)) == (SMALL, [("valid", True)], [], 1)


@pytest.mark.parametrize(
    "output",
    [
        f"```json\n{COMPACT}\n```",
        f"Here is the JSON:\n{COMPACT}\nI hope this helps!",
        f"\ufeff{COMPACT}\n\n",
        json.dumps(json.loads(COMPACT), indent=4),
        answer(SECOND, FIRST),
        answer({**FIRST, "intent": " Weather"}, {**SECOND, "intent": "401K"}),
        answer({**FIRST, "score": "2"}, {**SECOND, "score": " 3.50 "}),
        answer({**FIRST, "score": 2.0}, {**SECOND, "score": 3.5000001}),
        answer({**FIRST, "text": "Is it raining in Malmö?"}, {**SECOND, "text": "What does the 401(k) match"}),
        answer({**FIRST, "text": "is it rainning in Malmo,"}, {**SECOND, "text": "and what does the 401k match?"}),
        answer({**FIRST, "place": "malmö"}, {**SECOND, "place": "today"}),
        answer({key: FIRST[key] for key in ("text", "intent", "score")}, SECOND),
    ],
)
def test_habits_of_small_models_change_nothing(output: str) -> None:
    heard = triage(output).heard
    assert [replace(one, text=one.text.removeprefix("and ")) for one in heard] == [
        SMALL[0],
        replace(SMALL[1], search=heard[1].search),
    ]


def test_the_words_of_a_part_are_the_askers_own_marks_and_slips_included() -> None:
    message = "do we sponser visas, and $1,250.50 - (3 + 4) * 17%?"
    said = answer(
        {"text": "Do we sponsor visas?", "intent": "benefits", "score": 2, "place": None},
        {"text": "1,250.50 + 3 * 4 / 17", "intent": "calculator", "score": 1, "place": None},
    )
    assert [one.text for one in triage(said, message=message).heard] == [
        "do we sponser visas",
        "$1,250.50 - (3 + 4) * 17%?",
    ]


def test_a_word_is_itself_before_it_is_another_with_a_slip() -> None:
    message = "am I vested, and was it tested?"
    parts = [{"text": text, "intent": "401k", "score": 2, "place": None} for text in ("was it tested", "am I vested")]
    assert [one.text for one in triage(answer(*parts), message=message).heard] == ["am I vested", "was it tested?"]
    tested = {"text": "tested", "intent": "other", "score": 2, "place": None}
    rest = [{**tested, "text": "am I vested"}, {**tested, "text": "and was it"}]
    assert triage(answer(tested, *rest), message=message).heard[2].text == "tested?"


@pytest.mark.parametrize("changed", ["do I not 10000 miles?", "do I note 10001 miles?", "do I note 10000 meals?"])
def test_short_words_numbers_and_other_words_are_no_slips(changed: str) -> None:
    said = one_part(changed, "other")
    assert triage(said, said, message="do I note 10000 miles?").heard == NOT_VALID


def test_one_part_is_the_whole_message() -> None:
    message = " Good morning! how many vacation days do I get, please? Thanks "
    done = triage(one_part("how many vacation days do I get", "benefits"), message=message)
    whole = message.strip()
    assert done.heard == [Heard(whole, whole, "benefits", 0.5, 2.0, None, "small")]


def test_confidence_is_ours_by_who_else_says_so() -> None:
    unsure = [replace(EMBEDDED[0], intent="other"), EMBEDDED[1]]
    done = triage(COMPACT, hears=unsure)
    assert ([one.confidence for one in done.heard], done.seen) == ([0.5, 0.91], [("valid", False)])


@pytest.mark.parametrize(
    ("message", "place", "heard"),
    [
        ("is it raining in Malmö", "MALMÖ", "Malmö"),
        ("is it raining in Malmö", "Oslo", "Malmö"),
        ("is it raining in Malmö", "Lund", "Malmö"),
        ("is it raining in Malmö", None, "Malmö"),
        ("is it raining there today", "Lund", "Lund"),
        ("is it raining there today", "today", None),
        ("is it raining there today", "Oslo", None),
        ("is it raining there today", "\x1b[31mLund", None),
    ],
)
def test_a_place_is_one_that_the_asker_named(message: str, place: str | None, heard: str | None) -> None:
    done = triage(one_part(message, "weather", place=place), message=message, earlier=["how far is it to Lund?"])
    assert [one.place for one in done.heard] == [heard]


def test_an_intent_without_a_place_gets_none() -> None:
    message = "what is the match in Malmö?"
    done = triage(one_part(message, "401k", place="Malmö"), message=message)
    assert [one.place for one in done.heard] == [None]


def test_a_follow_up_is_told_with_the_questions_before_it_and_searched_with_them() -> None:
    message, joint = "And when they leave?", "what is the match for part-timers? And when they leave?"
    embedded = [Heard(message, joint, "benefits", 0.4, 1.0, None)]
    done = triage(
        one_part(message, "401k"),
        message=message,
        earlier=["hello", "what is a Roth account?", "what is the match for part-timers?"],
        hears=embedded,
    )
    assert done.heard == [Heard(message, joint, "401k", 0.5, 2.0, None, "small")]
    assert done.model.asked[0].messages[1].texts == [
        Text(
            "Asked earlier, not to be sorted again:\n- what is a Roth account?\n- what is the match for part-timers?",
            "internal",
            "conversation",
        ),
        Text("Message: And when they leave?", "internal", "question"),
    ]


# What is asked of the model -------------------------------------------------------------------------------------------


def test_the_model_is_asked_with_labels_a_schema_and_little_patience() -> None:
    model = triage(COMPACT).model
    prompt = model.asked[0].messages[0].texts[0]
    part = {
        "type": "object",
        "properties": {
            "text": {"type": "string", "minLength": 1},
            "intent": {"type": "string", "enum": ["401k", "benefits", "weather", "calculator", "smalltalk", "other"]},
            "score": {"type": "number", "minimum": 0, "maximum": 10},
            "place": {"type": ["string", "null"]},
        },
        "required": ["text", "intent", "score", "place"],
        "additionalProperties": False,
    }
    schema = {
        "type": "object",
        "properties": {"parts": {"type": "array", "items": part, "minItems": 1, "maxItems": 8}},
        "required": ["parts"],
        "additionalProperties": False,
    }
    messages = [
        Message("system", [Text(prompt.text, "public", "prompt")]),
        Message("user", [Text(f"Message: {MESSAGE}", "internal", "question")]),
    ]
    assert model.asked == [Request(messages, "triage", schema, PATIENCE)]


def test_the_prompt_is_short_and_its_examples_are_those_of_intents_toml(tmp_path: Path) -> None:
    prompt = triage(COMPACT).model.asked[0].messages[0].text
    chosen = few(SHIPPED, INTENTS)
    assert {name: len(texts) for name, texts in chosen.items()} == dict.fromkeys(INTENTS, 2)
    assert [text for texts in chosen.values() for text in texts if f"“{text}”" not in prompt] == []
    assert Tokens(tmp_path).count(prompt) < 700


def test_intents_of_ones_own_need_no_examples_and_no_other() -> None:
    model = ScriptedModel([one_part("fix my laptop", "IT help"), one_part("fix my laptop", "other")])
    small = SmallTriage(model, Hears(), {"IT help": "computers {and} phones"}, {}, frozenset())
    heard = [asyncio.run(small.read("fix my laptop", asking=Asking())) for _ in range(2)]
    assert [[one.intent for one in parts] for parts in heard] == [["IT help"], ["other"]]
    assert '- "IT help": computers {and} phones\n' in model.asked[0].messages[0].text


# What is not right ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("output", "why"),
    [
        ("It rains.", "There is no JSON object in it."),
        (COMPACT[:-1], "It is not one JSON object: Expecting ',' delimiter: line 1 column 183 (char 182)."),
        (COMPACT * 2, "It is not one JSON object: Extra data: line 1 column 185 (char 184)."),
        (COMPACT.replace(": 2", ": NaN"), "It is not one JSON object: NaN is no number."),
        (
            COMPACT.replace("{", '{"score": 1, ', 2),
            "It is not one JSON object: a name stands twice in the same object.",
        ),
        ('{"parts": []}', "parts: List should have at least 1 item after validation, not 0."),
        (answer({**FIRST, "score": 11}), "parts.0.score: Input should be less than or equal to 10."),
        (answer({**FIRST, "score": -1}), "parts.0.score: Input should be greater than or equal to 0."),
        (answer({**FIRST, "score": "high"}), "parts.0.score: Input should be a valid number."),
        (answer({**FIRST, "score": True}), "parts.0.score: Input should be a valid number."),
        (
            answer({**FIRST, "intent": "pol"}),
            "parts.0.intent: Value error, it must be one of 401k, benefits, weather, calculator, smalltalk, other.",
        ),
        (
            answer({**FIRST, "text": "is it snowing in Malmö"}, SECOND),
            "These words do not stand so in the message, or are in two parts: is it snowing in Malmö",
        ),
        (
            answer(FIRST, SECOND, FIRST),
            "These words do not stand so in the message, or are in two parts: is it raining in Malmö",
        ),
        (answer(FIRST), "These words of the message are in no part: and what does the 401k match?"),
        ("{" * 20_001, "It is far too long."),
        ('{"a":' * 3_000 + "1" + "}" * 3_000, "It is nested too deeply."),
    ],
)
def test_what_is_not_valid_is_repaired_once_with_the_error_shown(output: str, why: str) -> None:
    done = triage(output, COMPACT)
    first, second = (request.messages for request in done.model.asked)
    assert (done.heard, done.seen, done.notices) == (SMALL, [("repaired", True)], [])
    assert second == [
        *first,
        Message("assistant", [Text(output[:2_000], "internal", "conversation")]),
        Message("user", [Text(f"That is not valid. {why} Write the corrected JSON only.", "internal", "conversation")]),
    ]


@pytest.mark.parametrize("output", ["\ud800", '{"\udfff": 1, "parts": []}', answer({**FIRST, "text": "\ud800 snow"})])
def test_half_a_character_is_not_sent_back_to_the_model(output: str) -> None:
    done = triage(output, COMPACT)
    sent = [message.text.encode() for message in done.model.asked[1].messages]
    assert (done.heard, sent[2]) == (SMALL, output.encode("utf-8", "replace"))


def test_every_malformed_answer_ends_in_what_the_embedded_triage_heard() -> None:
    outputs = malformed()
    ended = {output: triage(output, output) for output in outputs}
    wrong = [output[:200] for output, done in ended.items() if done.heard != NOT_VALID]
    seen = [one for done in ended.values() for one in done.seen]
    assert (wrong, seen) == ([], [("invalid", None)] * len(outputs))
    assert len(outputs) >= 500, f"{len(outputs)} malformed answers"


@given(st.text() | st.text(alphabet='{}[]":,0179.-e parts text intent score place weather raining\n\\', max_size=200))
def test_any_text_ends_in_a_valid_triage(output: str) -> None:
    assert triage(output, output).heard == NOT_VALID


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([FIRST["text"], "401k", MESSAGE]),
    lambda inside: st.lists(inside) | st.dictionaries(st.sampled_from([*FIRST, "parts", "more"]), inside),
    max_leaves=8,
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"text": st.sampled_from([FIRST["text"], SECOND["text"], MESSAGE, "raining"]) | VALUES},
            optional={
                "intent": st.sampled_from(["weather", "401k"]) | VALUES,
                "score": st.floats(-1, 11) | VALUES,
                "place": VALUES,
            },
        ),
        max_size=10,
    )
)
def test_any_json_ends_in_parts_that_cover_the_message_with_scores_that_were_given(parts: list[dict[str, Any]]) -> None:
    output = json.dumps({"parts": parts})
    heard = triage(output, output).heard
    if heard != NOT_VALID:
        words = " ".join(one.text for one in heard)
        assert all(word in words for word in ["raining", "Malmö", "401k", "match"])
        assert {one.score for one in heard} <= {round(float(part["score"]), 2) for part in parts}
        assert {one.by for one in heard} == {"small"}


# What fails -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answers", [[DOWN], ["Let me think.", DOWN]])
def test_where_the_model_fails_the_embedded_triage_decides_and_says_so(answers: list[str | ModelFailed]) -> None:
    done = triage(*answers)
    assert (done.heard, done.seen) == (FAILED, [("failed", None)])
    assert done.notices == [
        "ollama:phi4-mini cannot be reached at localhost:11434, so the embedded classifier decided what is asked."
    ]


def test_a_model_that_does_not_admit_the_label_is_a_model_that_fails() -> None:
    model, asking = (
        ScriptedModel([ModelFailed("forbidden", "Restricted text may not be sent to scripted", "scripted")]),
        Asking(),
    )
    small = SmallTriage(model, Hears(), INTENTS, SHIPPED, frozenset({"weather"}))
    heard = asyncio.run(small.read(MESSAGE, ["what is in Schedule B?"], asking=asking, label="restricted"))
    assert (heard, [text.label for text in model.asked[0].messages[1].texts]) == (FAILED, ["restricted", "restricted"])


@pytest.mark.parametrize(("message", "whole"), [(MESSAGE, True), ("?!", False), ("🌧", False), ("word " * 201, False)])
def test_what_there_is_nothing_to_sort_in_is_not_sent(message: str, whole: bool) -> None:
    """Pinned to a collection, without a word, or a text rather than a list of questions."""
    done = triage(message=message, whole=whole)
    assert (done.heard, done.model.asked, done.seen) == (EMBEDDED, [], [])


# The cascade ----------------------------------------------------------------------------------------------------------


def test_the_cascade_asks_only_where_the_embedded_triage_is_not_sure_of_a_part() -> None:
    sure = [replace(one, confidence=0.7) for one in EMBEDDED]
    done = triage(hears=sure, cascade=True)
    assert (done.heard, done.model.asked, done.seen) == (sure, [], [])
    assert triage(COMPACT, cascade=True).heard == SMALL
    assert triage("{", "{", cascade=True).heard == NOT_VALID
    assert triage(whole=True, cascade=True).heard == EMBEDDED


def test_replies_and_topics_are_read_by_the_embedded_triage() -> None:
    small = SmallTriage(ScriptedModel(), Hears(), INTENTS, SHIPPED, frozenset())
    both: list[SmallTriage | Cascade] = [small, Cascade(Hears(), small)]
    assert [(one.place("lund"), one.topic("rain?")) for one in both] == [("Lund", "rain_snow")] * 2


@pytest.fixture(scope="module")
def embedded(encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> EmbeddedTriage:
    intents = Intents.fitted(SHIPPED, encoder, tmp_path_factory.mktemp("triage"))
    return EmbeddedTriage(encoder, intents, Difficulty.shipped(), frozenset({"weather"}))


def test_what_the_cascade_asks_holds_nearly_all_that_the_embedded_triage_mishears(embedded: EmbeddedTriage) -> None:
    """`pytest tests/test_triage.py -k mishears -s` prints the figures that SURE was chosen by."""
    cases = [json.loads(line) for line in (ROOT / "evals/company/questions.jsonl").read_text("utf-8").splitlines()]
    threads: dict[str, list[str]] = {}
    asked = misheard = caught = 0
    tuned = [case for case in cases if case["half"] == "tuned"]
    for case in cases:
        earlier = threads.setdefault(case.get("thread", case["id"]), [])
        heard = asyncio.run(embedded.read(case["question"], [*earlier]))
        earlier.append(case["question"])
        if case in tuned:
            unsure = min(one.confidence for one in heard) < SURE
            wrong = heard[0].intent != case["intent"]
            asked, misheard, caught = asked + unsure, misheard + wrong, caught + (unsure and wrong)
    figures = f"{asked} of {len(tuned)} questions would be asked; {caught} of {misheard} wrong intents are among them"
    print(figures)
    assert (asked <= 0.3 * len(tuned), caught >= 0.8 * misheard) == (True, True), figures
