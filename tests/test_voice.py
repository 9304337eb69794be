"""A language model as the graph knows it: what it is told, what is cut, and what of its words may be said."""

import asyncio
import time
from collections.abc import Sequence
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from ingest.evidence import Passage
from ingest.labels import Label
from ingest.split import Sentence
from models.asking import Asking
from models.found import Citation, Draft
from models.prompts import DECLINED
from models.resilience import Endpoints
from models.voice import Question, Said, Voice, size
from privacy.failures import ModelFailed
from privacy.gate import WRITES, Endpoint, Gate
from tests.ollama_wire import Ollama, cuts_the_prompt, ollama
from tests.openai_wire import OpenAI, openai
from tests.wire import Behaviour, Request, cuts, fails, half, instead, says

Shown = list[str | None]


def passage(text: str, number: int = 1, label: str = "internal") -> Passage:
    stands = [Sentence(f"{one.rstrip('.')}.", number) for one in text.split(". ")]
    return Passage("401k", f"plan-{number}.pdf", "Plan", label, (), [number], "Match", text, 1.0, stands)


MATCH = passage("They match 4% of pay. Vesting takes 3 years.")
LOAN = passage("A loan is up to $50,000.", 2)
MATCHED = Citation("401k", "plan-1.pdf", 1, "They match 4% of pay.")
LENT = Citation("401k", "plan-2.pdf", 2, "A loan is up to $50,000.")


def near(server: Ollama, context: int = 8192) -> Endpoint:
    return Endpoint("ollama:phi4-mini", "ollama", "phi4-mini", server.url, context)


def far(*servers: OpenAI) -> list[Endpoint]:
    return [
        Endpoint(f"far-{n}", "openai", "gpt", f"{server.url}/v1", 32_768, SecretStr("k"))
        for n, server in enumerate(servers, 1)
    ]


def voice(*endpoints: Endpoint, kind: Literal["small", "large"] = "small") -> Voice:
    return Voice(Endpoints([Gate().door(one) for one in endpoints], size, 5.0), kind, "quote documents", 5.0)


def write(
    *endpoints: Endpoint,
    question: str = "What is the match?",
    passages: Sequence[Passage] = (MATCH, LOAN),
    earlier: Sequence[Said] = (),
) -> tuple[Draft | str, Shown, list[str]]:
    """The draft or which failure it was, what was shown meanwhile, and what the user is told."""
    asking, shown = Asking(time.monotonic() + 10), Shown()

    async def written() -> Draft | str:
        used = voice(*endpoints)
        try:
            return await used.write(Question(question, earlier), passages, asking, shown.append)
        except ModelFailed as failed:
            return f"({failed.kind}: {failed.what})"
        finally:
            await used._model.close()

    return asyncio.run(written()), shown, asking.notices


def standing(shown: Shown) -> str:
    """What is on the screen in the end."""
    began = max((n for n, piece in enumerate(shown) if piece is None), default=-1) + 1
    return "".join(piece or "" for piece in shown[began:])


def answered(behaviour: Behaviour, **asked: Any) -> tuple[Draft | str, Shown, list[str]]:
    with ollama() as server:
        server.always(behaviour)
        return write(near(server), **asked)


# What is said ---------------------------------------------------------------------------------------------------------


def test_an_answer_is_shown_as_it_comes_and_cites_the_passages() -> None:
    draft, shown, notices = answered(says("A loan is up to $50,000 [2]. They match 4% [1].", each=0.01))
    assert draft == Draft("A loan is up to $50,000 [1]. They match 4% [2].", [LENT, MATCHED])
    assert ("".join(map(str, shown)), len(shown) > 8, notices) == (draft.text, True, [])


def test_citations_of_no_passage_are_removed_and_the_user_is_told() -> None:
    told = "ollama:phi4-mini cited passages that there are not; those citations were removed."
    assert answered(says("They match 4% [1][7]."))[::2] == (Draft("They match 4% [1].", [MATCHED]), [told])


def test_a_draft_with_a_figure_of_its_own_ends_before_it_and_is_withdrawn() -> None:
    draft, shown, _ = answered(says("They match 4% [1], and more precisely 4.25% [1].", each=0.01))
    assert draft == Draft("They match 4% [1], and more precisely", [MATCHED], "unsupported")
    assert (shown[-1], "25" in "".join(piece or "" for piece in shown)) == (None, False)


def test_a_figure_of_the_question_may_be_said_again() -> None:
    draft, _, _ = answered(says("Of 7% they match 4% [1]."), question="What is the match of 7%?")
    assert draft == Draft("Of 7% they match 4% [1].", [MATCHED])


@pytest.mark.parametrize("said", [DECLINED, f"{DECLINED}.", f"Sorry: {DECLINED.lower()}."])
def test_a_decline_is_never_shown(said: str) -> None:
    draft, shown, _ = answered(says(said, each=0.005))
    assert isinstance(draft, Draft)
    assert (draft.flaw, draft.citations, standing(shown)) == ("declined", [], "")
    assert "PASSAGES" not in "".join(piece or "" for piece in shown).upper()


@given(st.lists(st.integers(1, 60), max_size=12))
def test_the_pieces_of_a_stream_change_nothing(cuts_at: list[int]) -> None:
    from models.citing import Citing

    text = "A loan is up to $50,000 [2]. They match 4% of pay [1], [9]."
    citing, shown = Citing([MATCH, LOAN], set()), ""
    for start, end in zip([0, *sorted(cuts_at)], [*sorted(cuts_at), len(text)], strict=True):
        shown += citing.feed(text[start:end])
    assert shown + citing.end() == "A loan is up to $50,000 [1]. They match 4% of pay [2],."


# Answers that are none ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "draft"),
    [
        (says(""), "(empty: far-1 answered nothing)"),
        (half("content_filter"), "(filtered: The content filter of far-1 stopped the answer)"),
        (fails("filtered"), "(filtered: The content filter of far-1 stopped the answer)"),
        (instead(text="", refusal="I can't help with that."), "(refused: far-1 declines to answer)"),
        (fails("too long"), "(too long: The question is too long for far-1)"),
        (cuts(), "(cut: The answer of far-1 broke off)"),
    ],
)
def test_what_is_no_answer_has_a_sentence_of_its_own_and_nothing_of_it_stands(behaviour: Behaviour, draft: str) -> None:
    with openai() as server:
        server.always(says("They match 4% of pay [1], which is a good deal for all of us."))
        server.then(behaviour)
        told, shown, _ = write(*far(server))
    assert (told, standing(shown)) == (draft, "")


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("They match 4% [1]. A loan is up to $50", "They match 4% [1]."),
        ("They match 4%. [1] Vesting takes 3 ye", "They match 4%. [1]"),
        ("They match 4% [1]. A loan [2] is up", "They match 4% [1]."),
    ],
)
def test_of_an_answer_cut_at_its_length_the_whole_sentences_are_kept(said: str, kept: str) -> None:
    draft, _, notices = answered(says(said, reason="length"))
    assert draft == Draft(kept, [MATCHED])
    assert notices == ["The answer of ollama:phi4-mini was cut at 1,024 tokens; its whole sentences are shown."]


def test_of_an_answer_without_a_whole_sentence_nothing_is_kept() -> None:
    draft, shown, _ = answered(says("They match", reason="length"))
    assert (draft, standing(shown)) == ("(length: The answer of ollama:phi4-mini was cut at 1,024 tokens)", "")


def test_where_one_endpoint_breaks_off_the_next_begins_anew() -> None:
    with openai() as first, openai() as second:
        first.always(says("They match so very much of it all that it breaks off [1]."))
        first.then(cuts())
        second.always(says("They match 4% [1]."))
        draft, shown, notices = write(*far(first, second))
    assert draft == Draft("They match 4% [1].", [MATCHED])
    assert (None in shown, standing(shown)) == (True, "They match 4% [1].")
    assert notices == ["The answer of far-1 broke off, so another model was asked."]


# What it is told ------------------------------------------------------------------------------------------------------


def earlier(turns: int, length: int, label: Label = "internal") -> list[Said]:
    return [Said(f"question {n}?", f"answer {n} " + "word " * length, label) for n in range(turns)]


def heard(server: Ollama) -> Request:
    return next(request for request in reversed(server.seen) if request.path == "/api/chat")


def test_it_is_told_the_conversation_the_passages_and_the_question_in_this_order() -> None:
    with ollama() as server:
        server.always(says("They match 4% [1]."))
        write(near(server), earlier=[Said("Hi?", "Hello.", "public")])
        messages = heard(server).body["messages"]
    assert [message["role"] for message in messages] == ["system", "user", "assistant", "user"]
    assert messages[3]["content"] == (
        "[1] plan-1.pdf, page 1: Match\nThey match 4% of pay. Vesting takes 3 years.\n\n"
        "[2] plan-2.pdf, page 2: Match\nA loan is up to $50,000.\n\n"
        "What is the match?"
    )


def test_the_context_is_asked_for_with_every_call_and_is_never_overrun() -> None:
    for context in (2048, 4096, 8192):
        with ollama() as server:
            server.always(says("They match 4% [1]."))
            passages = [passage(f"They match 4% of pay. {'word ' * 300}", n) for n in range(1, 6)]
            write(near(server, context), passages=passages, earlier=earlier(6, 200))
            request = heard(server)
        assert (request.body["options"]["num_ctx"], request.body["options"]["num_predict"]) == (context, WRITES)
        assert size(request.prompt) <= context - WRITES


def test_first_the_oldest_turns_are_cut_then_the_weakest_passages_and_the_user_is_told() -> None:
    passages = [passage(f"They match {n}% of pay. {'word ' * 300}", n) for n in range(1, 6)]
    name = "ollama:phi4-mini"
    seen = []
    for context in (8192, 5200, 4096, 2048):
        with ollama() as server:
            server.always(says("They match 1% [1]."))
            _, _, notices = write(near(server, context), passages=passages, earlier=earlier(4, 200))
            prompt = heard(server).prompt
        turns = [n for n in range(4) if f"question {n}?" in prompt]
        read = [n for n in range(1, 6) if f"plan-{n}.pdf" in prompt]
        seen.append(
            (turns, read, [notice.removeprefix(name).removesuffix(": its context is full.") for notice in notices])
        )
    assert seen == [
        ([0, 1, 2, 3], [1, 2, 3, 4, 5], []),
        ([1, 2, 3], [1, 2, 3, 4, 5], [" was not told of the earliest 1 turns"]),
        ([], [1, 2, 3, 4, 5], [" was not told of the earliest 4 turns"]),
        ([], [1], [" was not told of the earliest 4 turns", " read 1 of 5 passages"]),
    ]


def test_a_question_that_leaves_no_room_is_too_long_and_not_sent() -> None:
    with ollama() as server:
        draft, _, _ = write(near(server, 2048), question="why " * 5000)
        assert (draft, server.asked("/api/chat")) == ("(too long: The question is too long for ollama:phi4-mini)", [])


def test_a_prompt_that_ollama_cut_is_no_answer() -> None:
    with ollama() as server:
        server.always(says("They match 4% [1]."))
        server.then(cuts_the_prompt(to=20))
        draft, shown, _ = write(near(server))
    assert (draft, standing(shown)) == ("(truncated: ollama:phi4-mini did not read all that it was sent)", "")


@pytest.mark.parametrize("label", ["restricted", "secret", "Public", ""])
def test_a_passage_of_a_label_that_is_not_known_is_not_sent(label: str) -> None:
    with openai() as server:
        draft, _, _ = write(*far(server), passages=[MATCH, passage("They match 9%.", 2, label)])
        assert (draft, server.seen) == ("(forbidden: Restricted text may not be sent to far-1)", [])


def test_a_conversation_that_touched_restricted_text_is_not_sent() -> None:
    with openai() as server:
        draft, _, _ = write(*far(server), earlier=earlier(1, 1, "restricted"))
        assert (draft, server.seen) == ("(forbidden: Restricted text may not be sent to far-1)", [])


def test_talk_is_shown_as_it_comes_and_knows_no_documents() -> None:
    asking, shown = Asking(time.monotonic() + 10), Shown()
    with ollama() as server:
        server.always(says("Hello, I can quote documents.", each=0.01))
        used = voice(near(server))

        async def talked() -> str:
            try:
                return await used.talk(Question("Hi?"), asking, shown.append)
            finally:
                await used._model.close()

        assert asyncio.run(talked()) == "Hello, I can quote documents."
        assert "What you can do: quote documents" in heard(server).prompt
    assert ("".join(map(str, shown)), len(shown) > 3) == ("Hello, I can quote documents.", True)
