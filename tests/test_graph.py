"""What the state machine does with a question: whole replies of the real graph around scripted parts."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from apps.settings import ROOT
from graphs import words
from graphs.assistant import assistant
from graphs.context import ToolFailed
from graphs.conversation import Conversation
from graphs.reply import Reply
from models.found import Citation, Draft
from tests.scripted import Script, conversation, found, heard

MATCH = "Brightwater matches 100% of the first 4% of pay."


def ask(talk: Conversation, *questions: str, **asked: Any) -> list[Reply]:
    async def one_by_one() -> list[Reply]:
        return [await talk.ask(question, **asked) for question in questions]

    return asyncio.run(one_by_one())


def test_a_question_the_documents_answer_is_quoted_and_cited() -> None:
    script = Script({"match?": [heard("match?", "401k", 2.5)]}, {"match?": found(MATCH)})
    [reply] = ask(conversation(script), "match?", thread="t")
    assert [*reply["ms"]] == ["total", *reply["path"]]
    reply["ms"] = {}
    for box in reply["boxes"]:
        box["ms"] = None
    none = {"input": 0, "output": 0}
    assert reply == {
        "id": None,
        "thread": "t",
        "question": "match?",
        "answer": f"{MATCH} [1]",
        "route": "documents",
        "intent": "401k",
        "score": 2.5,
        "waiting": None,
        "parts": [
            {
                "question": "match?",
                "intent": "401k",
                "score": 2.5,
                "confidence": 0.9,
                "route": "documents",
                "writer": "embedded",
                "model": "scripted",
                "grounded": True,
                "escalated": False,
                "abstained": False,
                "reason": words.QUOTED,
            }
        ],
        "citations": [{"n": 1, "collection": "401k", "source": "plan.pdf", "page": 3, "quote": MATCH}],
        "tools": [],
        "receipt": {
            "id": None, "sent": False, "to": None, "tokens": 0, "output_tokens": 0, "cost_usd": 0.0, "costs": [],
            "prices_as_of": None, "services": [], "masked": {}, "passages": [],
            "all_large_tokens": 20, "all_large_cost_usd": 0.000125, "estimated": False,
        },
        "usage": {"small": {"input": 0, "output": 0}, "large": {"input": 0, "output": 0}},
        "notices": [],
        "path": ["triage", "documents:retrieve", "documents:draft", "documents:check", "compose"],
        "ms": {},
        "boxes": [
            {"box": "triage", "part": 0, "decided": "401k: documents", "ms": None, "tokens": none, "figures": {
                "by": "embedded", "confidence": 0.9, "difficulty": 2.5, "difficulty limit": 5.0,
                "tokens": 1, "tokens limit": 4096}},
            {"box": "documents:retrieve", "part": 0, "decided": "simple", "ms": None, "tokens": none, "figures": {
                "answered": True, "confidence": 0.9, "passages": 1, "best": 1.0, "strictest found": "internal",
                "difficulty": 2.5, "difficulty limit": 5.0}},
            {"box": "documents:draft", "part": 0, "decided": "written", "ms": None, "tokens": none, "figures": {
                "model": "scripted", "words": 10, "citations": 1}},
            {"box": "documents:check", "part": 0, "decided": "grounded", "ms": None, "tokens": none, "figures": {
                "writer": "embedded", "words": 10, "citations": 1}},
            {"box": "compose", "part": None, "decided": "answered", "ms": None, "tokens": none, "figures": {
                "parts": 1, "citations": 1}},
        ],
    }  # fmt: skip
    assert ("find", "match?", "401k", "benefits") in script.asked


def steps(script: Script, question: str, **asked: Any) -> Sequence[str]:
    return ask(conversation(script), question, **asked)[0]["path"]


def test_a_question_the_documents_do_not_answer_is_refused() -> None:
    script = Script({"pets?": [heard("pets?", "benefits")]}, {"pets?": found(MATCH, answered=False, unknown=["pets"])})
    [reply] = ask(conversation(script), "pets?")
    assert reply["path"] == ["triage", "documents:retrieve", "documents:abstain", "compose"]
    assert reply["parts"][0]["abstained"]
    assert reply["citations"] == []
    assert reply["answer"] == "The documents do not say: “pets” is not mentioned in the collections 401k, benefits."


def test_a_word_that_no_document_knows_is_named_under_the_answer() -> None:
    script = Script({"dad leave?": [heard("dad leave?", "benefits")]}, {"dad leave?": found(MATCH, unknown=["dad"])})
    [reply] = ask(conversation(script), "dad leave?")
    assert (reply["answer"], reply["notices"]) == (f"{MATCH} [1]", [words.beside(["dad"])])


def test_a_draft_that_its_pages_do_not_bear_out_is_not_said() -> None:
    for draft in (
        Draft("Brightwater matches 200% [1]", [Citation("401k", "plan.pdf", 3, MATCH)]),
        Draft(f"{MATCH} [1]", [Citation("401k", "plan.pdf", 4, MATCH)]),
        Draft("It matches well.", []),
    ):
        script = Script({"match?": [heard("match?", "401k")]}, {"match?": found(MATCH)}, draft=draft)
        assert steps(script, "match?") == [
            "triage", "documents:retrieve", "documents:draft", "documents:check", "documents:abstain", "compose"
        ]  # fmt: skip


def test_a_hard_question_without_a_large_model_gets_the_local_answer_and_is_told_so() -> None:
    script = Script({"compare": [heard("compare", "401k", 8.0)]}, {"compare": found(MATCH)})
    [reply] = ask(conversation(script), "compare")
    assert (reply["answer"], reply["notices"]) == (f"{MATCH} [1]", [words.HARD])


def test_a_general_question_is_declined_with_what_would_answer_it() -> None:
    [reply] = ask(conversation(Script()), "What is the speed of light?")
    assert (reply["route"], reply["parts"][0]["abstained"]) == ("large", True)
    assert "large model" in reply["answer"]
    assert reply["path"] == ["triage", "large", "compose"]


def test_a_question_of_no_intent_that_the_documents_answer_is_answered_from_them() -> None:
    script = Script({}, {"garage?": found(MATCH)})
    [reply] = ask(conversation(script), "garage?")
    assert (reply["intent"], reply["route"], reply["answer"]) == ("other", "documents", f"{MATCH} [1]")


def test_two_intents_are_answered_in_their_order_with_their_citations_numbered_through() -> None:
    both = [heard("match?", "401k"), heard("2+2", "calculator"), heard("vesting?", "401k")]
    script = Script(
        {"both": both}, {"match?": found(MATCH), "vesting?": found("You are vested after 3 years.", page=5)}
    )
    [reply] = ask(conversation(script), "both")
    assert reply["answer"] == f"{MATCH} [1]\n\n4\n\nYou are vested after 3 years. [2]"
    assert [(c["n"], c["page"]) for c in reply["citations"]] == [(1, 3), (2, 5)]
    assert [part["route"] for part in reply["parts"]] == ["documents", "calculator", "documents"]


def test_a_weather_question_without_a_place_asks_back_and_goes_on_with_the_reply() -> None:
    script = Script({"weather?": [heard("weather?", "weather")], "oslo": [heard("oslo", "other")]})
    asked, answered = ask(conversation(script), "weather?", "oslo", thread="t")
    assert (asked["route"], asked["answer"]) == ("ask_back", "For which place?")
    assert asked["waiting"] == {"question": "For which place?", "choices": []}
    assert (answered["route"], answered["answer"], answered["waiting"]) == ("weather", "Mild in Oslo.", None)


def test_what_was_answered_beside_a_question_that_waits_is_kept() -> None:
    both = [heard("match?", "401k"), heard("weather?", "weather")]
    script = Script({"both": both, "oslo": [heard("oslo", "other")]}, {"match?": found(MATCH)})
    _, answered = ask(conversation(script), "both", "oslo", thread="t")
    assert answered["answer"] == f"{MATCH} [1]\n\nMild in Oslo."
    assert [call[1] for call in script.asked if call[0] == "find"] == ["match?"]


def test_a_plainly_new_question_is_no_reply_and_the_old_one_is_dropped() -> None:
    script = Script(
        {"weather?": [heard("weather?", "weather")], "match?": [heard("match?", "401k")]}, {"match?": found(MATCH)}
    )
    _, answered, after = ask(conversation(script), "weather?", "match?", "match?", thread="t")
    assert (answered["answer"], answered["notices"]) == (f"{MATCH} [1]", [words.DROPPED])
    assert after["notices"] == []


def test_a_tool_that_fails_says_why() -> None:
    script = Script({"2/0": [heard("2/0", "calculator")]}, tools={"calculator": ToolFailed("That divides by zero.")})
    [reply] = ask(conversation(script), "2/0")
    assert (reply["answer"], reply["parts"][0]["grounded"]) == ("That divides by zero.", False)


def test_a_pinned_collection_is_searched_whatever_the_intent() -> None:
    script = Script({"2+2": [heard("2+2", "calculator")]}, {"2+2": found(MATCH)})
    [reply] = ask(conversation(script), "2+2", collection="benefits")
    assert reply["route"] == "documents"
    assert ("find", "2+2", "benefits") in script.asked


def test_each_question_of_a_thread_starts_with_no_answers_and_knows_the_questions_before() -> None:
    script = Script({"match?": [heard("match?", "401k")]}, {"match?": found(MATCH)})
    first, second = ask(conversation(script), "match?", "match?", thread="t")
    assert first["answer"] == second["answer"]
    assert [call for call in script.asked if call[0] == "triage"] == [
        ("triage", "match?"),
        ("triage", "match?", "match?"),
    ]


def test_threads_do_not_know_each_other() -> None:
    script = Script()
    talk = conversation(script)
    ask(talk, "one", thread="a")
    ask(talk, "two", thread="b")
    assert ("triage", "two") in script.asked


def test_two_runs_on_one_thread_lose_no_turn() -> None:
    script = Script()
    talk = conversation(script)

    async def at_once() -> None:
        await asyncio.gather(*(talk.ask(f"q{n}", thread="t") for n in range(8)))
        await talk.ask("last", thread="t")

    asyncio.run(at_once())
    *_, last = (call for call in script.asked if call[0] == "triage")
    assert len(last) == 2 + 6  # the message, and as many turns as a thread keeps


def test_the_readme_shows_the_graph_as_it_is() -> None:
    drawn = assistant(["calculator", "weather"]).get_graph(xray=True).draw_mermaid(with_styles=False)
    assert drawn.strip() in Path(ROOT / "README.md").read_text("utf-8")
