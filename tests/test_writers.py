"""Who answers a part: the small model, the large one, or the documents themselves, by what the evidence says of it."""

import asyncio
from typing import Any

from graphs import words
from graphs.conversation import Conversation, Words
from graphs.reply import Reply
from graphs.routing import Policy
from models.found import Draft
from privacy.failures import ModelFailed, silent
from tests.scripted import POLICY, Script, ScriptedVoice, conversation, found, heard

MATCH = "Brightwater matches 100% of the first 4% of pay."
SMALL, LARGE = "They match 4% of pay. [1]", "It comes to a match of 4%. [1]"
ANY = frozenset({"public", "internal"})
LOADING = "It may be loading: ask again, or give it more [models] patience."


def told(
    score: float = 2.0,
    label: str = "internal",
    small: str | Draft | ModelFailed | None = SMALL,
    large: str | Draft | ModelFailed | None = None,
    **policy: Any,
) -> tuple[Reply, ScriptedVoice, ScriptedVoice]:
    """A question that the documents answer, asked where those models are."""
    script = Script({"match?": [heard("match?", "401k", score)]}, {"match?": found(MATCH, label=label)})
    voices = [ScriptedVoice("small", small or ""), ScriptedVoice("large", large or "")]
    return _ask(talking(script, small, large, voices, **policy), "match?")[0], voices[0], voices[1]


def talking(script: Script, small: object, large: object, voices: list[ScriptedVoice], **policy: Any) -> Conversation:
    reads = ANY if large is not None else frozenset[str]()
    used = {**_fields(POLICY), "small": small is not None, "large_reads": reads, **policy}
    return conversation(
        script,
        Policy(**used),
        small=voices[0] if small is not None else None,
        large=voices[1] if large is not None else None,
    )


def _fields(policy: Policy) -> dict[str, Any]:
    return {name: getattr(policy, name) for name in policy.__dataclass_fields__}


def _ask(talk: Conversation, *questions: str, thread: str | None = None) -> list[Reply]:
    async def one_by_one() -> list[Reply]:
        return [await talk.ask(question, thread) for question in questions]

    return asyncio.run(one_by_one())


def outcome(reply: Reply) -> tuple[str, str | None, bool, list[str]]:
    """The answer, who wrote it, whether the large model did, and what the user was told besides."""
    part = reply["parts"][0]
    return reply["answer"], part["writer"], part["escalated"], reply["notices"]


def boxes(reply: Reply) -> list[str]:
    return [step.removeprefix("documents:") for step in reply["path"][1:-1]]


# Documents ------------------------------------------------------------------------------------------------------------


def test_a_simple_question_is_written_by_the_small_model() -> None:
    reply, small, large = told(large=LARGE)
    assert outcome(reply) == (SMALL, "small", False, [])
    assert boxes(reply) == ["retrieve", "draft", "check"]
    assert (small.asked, large.asked) == ([("match?", MATCH)], [])


def test_a_hard_question_goes_to_the_large_model_with_its_passages() -> None:
    reply, small, large = told(score=8.0, large=LARGE)
    assert outcome(reply) == (LARGE, "large", True, [])
    assert (reply["route"], boxes(reply)) == ("documents", ["retrieve", "ask_large", "check"])
    assert (small.asked, large.asked) == ([], [("match?", MATCH)])


def test_a_hard_question_whose_passages_must_stay_is_answered_here_and_the_user_is_told() -> None:
    reply, _, large = told(score=8.0, label="restricted", large=LARGE)
    assert outcome(reply) == (SMALL, "small", False, [words.MUST_STAY])
    assert large.asked == []


def test_a_draft_that_its_pages_do_not_bear_out_is_asked_of_the_large_model() -> None:
    for flawed in ("They match 7%. [1]", Draft("They match", [], "unsupported"), Draft("", [], "declined")):
        reply, _, _ = told(small=flawed, large=LARGE)
        assert outcome(reply) == (LARGE, "large", True, [])
        assert boxes(reply) == ["retrieve", "draft", "check", "ask_large", "check"]


def test_without_a_large_model_a_flawed_draft_gives_way_to_the_documents_own_words() -> None:
    reply, _, _ = told(small="They match 7%. [1]")
    assert outcome(reply) == (f"{MATCH} [1]", "embedded", False, [words.not_borne_out("small")])
    assert boxes(reply) == ["retrieve", "draft", "check", "quote", "check"]


def test_a_draft_without_a_citation_is_not_said() -> None:
    reply, _, _ = told(small=Draft("They match well.", []))
    assert outcome(reply)[:2] == (f"{MATCH} [1]", "embedded")


def test_the_large_model_is_asked_once() -> None:
    reply, _, large = told(small="They match 7%. [1]", large="It is 9%. [1]")
    assert outcome(reply) == (f"{MATCH} [1]", "embedded", False, [words.not_borne_out("large")])
    assert len(large.asked) == 1


def test_when_no_model_finds_the_answer_in_the_passages_there_is_none() -> None:
    declined = Draft("", [], "declined")
    for large in (declined, None):
        reply, _, _ = told(small=declined, large=large)
        assert (reply["parts"][0]["abstained"], reply["citations"]) == (True, [])


def test_where_the_large_model_fails_the_small_one_answers() -> None:
    reply, _, _ = told(score=8.0, large=silent("large", "far"))
    told_so = f"large did not answer in time at far, so the small model answers. {LOADING}"
    assert outcome(reply) == (SMALL, "small", False, [told_so])


def test_where_both_fail_the_documents_answer() -> None:
    reply, _, _ = told(score=8.0, small=silent("small", "near"), large=silent("large", "far"))
    assert outcome(reply)[:2] == (f"{MATCH} [1]", "embedded")
    assert boxes(reply) == ["retrieve", "ask_large", "draft", "quote", "check"]


def test_the_two_pure_scenarios_ask_one_model_only() -> None:
    only_small, _, never = told(score=9.0, large=LARGE, mode="small")
    only_large, idle, _ = told(score=0.0, large=LARGE, mode="large")
    assert (outcome(only_small), never.asked) == ((SMALL, "small", False, []), [])
    assert (outcome(only_large), idle.asked) == ((LARGE, "large", True, []), [])


# Without documents ----------------------------------------------------------------------------------------------------


def general(score: float, small: object, large: object, *questions: str, script: Script | None = None) -> list[Reply]:
    asked = script or Script({"why?": [heard("why?", "other", score)], "hi": [heard("hi", "smalltalk")]})
    voices = [ScriptedVoice("small", small or ""), ScriptedVoice("large", large or "")]  # type: ignore[arg-type]
    return _ask(talking(asked, small, large, voices), *(questions or ("why?",)), thread="t")


def test_a_general_question_goes_to_the_small_model_and_a_hard_one_to_the_large() -> None:
    assert [outcome(general(score, "Because.", "It follows.")[0]) for score in (2.0, 8.0)] == [
        ("Because.", "small", False, []),
        ("It follows.", "large", True, []),
    ]


def test_small_talk_is_the_small_models_or_at_hand() -> None:
    down = silent("small", "near")
    assert [outcome(general(1.0, small, None, "hi")[0])[:2] for small in ("Hello!", None, down)] == [
        ("Hello!", "small"),
        ("You said hi", "embedded"),
        ("You said hi", "embedded"),
    ]


def test_when_nobody_can_answer_a_general_question_that_is_said() -> None:
    [reply] = general(8.0, silent("small", "near"), silent("large", "far"))
    assert reply["parts"][0]["abstained"]
    assert reply["notices"] == [
        f"large did not answer in time at far, so the small model answers. {LOADING}",
        f"small did not answer in time at near, so nobody can answer this now. {LOADING}",
    ]


def test_a_conversation_that_touched_restricted_text_stays_here() -> None:
    script = Script(
        {"bands?": [heard("bands?", "401k")], "why?": [heard("why?", "other", 8.0)]},
        {"bands?": found(MATCH, label="restricted")},
    )
    before, after = general(8.0, SMALL, "It follows.", "bands?", "why?", script=script)
    assert (outcome(before)[1], outcome(after)[1]) == ("small", "small")
    assert after["route"] == "small"


# While it is written --------------------------------------------------------------------------------------------------


def test_the_first_parts_words_come_as_they_are_written() -> None:
    script = Script({"both": [heard("why?", "other"), heard("hi", "smalltalk")]})
    talk = talking(script, "Because.", None, [ScriptedVoice("small", "Because it is so."), ScriptedVoice("large", "")])

    async def seen() -> list[str | None]:
        return [event.text async for event in talk.run("both") if isinstance(event, Words)]

    assert asyncio.run(seen()) == ["Because ", "it ", "is ", "so. "]
