"""Several endpoints behind one model: how long each may take, whether it is tried again, and who is asked next."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.labels import Label
from models.asking import Asking, Call
from models.model import whole
from models.resilience import LONGEST, TRIES, WINDOW, Breaker, Endpoints
from privacy.content import Message, Text
from privacy.failures import ModelFailed, cut, silent
from privacy.gate import Door, Endpoint, Gate, Piece
from tests.openai_wire import OpenAI, openai
from tests.wire import Behaviour, fails, gives, hangs, never_ends, once, only_headers, says, sends

DOWN = ModelFailed("down", "A answers with error 500", "A", "", 0.01)
Answer = ModelFailed | str | float
"""A failure, words, or seconds of silence."""


@dataclass
class ScriptedDoor:
    """Answers as it is told, the last answer for ever."""

    name: str
    answers: list[Answer | Sequence[Answer]]
    label: Label = "internal"
    tried: int = 0

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.name, "openai", "m", "https://far.example/v1")

    def admits(self, label: Label) -> bool:
        return label == "public" or label == self.label

    async def stream(self, messages: Sequence[Message], schema: Mapping[str, Any] | None) -> AsyncGenerator[Piece]:
        answer = self.answers[min(self.tried, len(self.answers) - 1)]
        self.tried += 1
        for one in [answer] if isinstance(answer, ModelFailed | str | float) else answer:
            if isinstance(one, ModelFailed):
                raise one
            if isinstance(one, float):
                await asyncio.sleep(one)
            else:
                yield Piece(one)
        yield Piece("", "stop", 10, 2)

    async def close(self) -> None:
        pass


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def of(*doors: ScriptedDoor, quiet: float = 5.0, clock: Clock | None = None) -> Endpoints:
    return Endpoints(cast(list[Door], [*doors]), len, quiet, clock=clock or Clock())


def question(label: Label = "public", text: str = "why?") -> list[Message]:
    return [Message("user", [Text(text, label, "question")])]


def ask(model: Endpoints, asking: Asking | None = None, label: Label = "public", patience: float | None = None) -> str:
    """The answer, or which failure it was."""

    async def asked() -> str:
        try:
            return await whole(model.stream(question(label), asking or within(5.0), "large", patience=patience))
        except ModelFailed as failed:
            return f"({failed.kind})"
        finally:
            await model.close()

    return asyncio.run(asked())


def within(seconds: float) -> Asking:
    return Asking(time.monotonic() + seconds)


# The breaker ----------------------------------------------------------------------------------------------------------


@given(
    st.lists(st.tuples(st.sampled_from([0.0, 0.3, 5.0, 31.0, 300.0]), st.integers(1, 3)), min_size=15, max_size=80),
    st.booleans(),
)
def test_a_dead_endpoint_is_tried_at_most_4_times_in_any_15_requests(
    requests: list[tuple[float, int]], found_dead: bool
) -> None:
    clock = Clock()
    breaker, tries = Breaker(clock), []
    if found_dead:
        breaker.found_dead(DOWN)
    for seconds, wants in requests:
        clock.now += seconds
        tried, may = 0, breaker.lets()
        while may and tried < wants:
            breaker.trying()
            clock.now += 0.1
            breaker.ended(DOWN)
            tried, may = tried + 1, breaker.lets_again()
        tries.append(tried)
    assert max(sum(tries[start : start + WINDOW]) for start in range(len(tries))) <= TRIES


def test_a_dead_endpoint_is_tried_now_and_then_and_asked_again_when_it_is_back() -> None:
    door = ScriptedDoor("A", [DOWN])
    model = of(door)
    tries = []
    for _ in range(30):
        before = door.tried
        ask(model)
        tries.append(door.tried - before)
    assert tries == [2, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0]
    door.answers = ["Because."]
    assert [ask(model) for _ in range(3)] == ["Because."] * 3


def test_after_a_rest_it_is_tried_whatever_the_number_of_requests() -> None:
    clock, door = Clock(), ScriptedDoor("A", [DOWN, DOWN, "Because."])
    model = of(door, clock=clock)
    first = [ask(model), ask(model)]
    clock.now += 31
    assert [*first, ask(model)] == ["(down)", "(open)", "Because."]


def test_many_at_once_do_not_all_try_whether_a_dead_endpoint_is_back() -> None:
    clock, door = Clock(), ScriptedDoor("A", [DOWN, DOWN, (0.05, DOWN)])
    model = of(door, clock=clock)
    ask(model)
    clock.now += 31

    async def at_once() -> None:
        asked = (whole(model.stream(question(), within(5.0), "large")) for _ in range(WINDOW))
        assert all(isinstance(one, ModelFailed) for one in await asyncio.gather(*asked, return_exceptions=True))

    before = door.tried
    asyncio.run(at_once())
    assert door.tried - before <= TRIES


def test_whoever_stops_listening_to_an_endpoint_that_is_back_has_heard_it() -> None:
    clock, door = Clock(), ScriptedDoor("A", [DOWN, DOWN, "Because.", "So."])
    model = of(door, clock=clock)
    ask(model)
    clock.now += 31

    async def stop_at_once() -> None:
        async with aclosing(model.stream(question(), within(5.0), "large")) as pieces:
            await anext(pieces)

    asyncio.run(stop_at_once())
    assert ask(model) == "So."


def test_what_fails_for_its_question_only_is_no_dead_endpoint() -> None:
    door = ScriptedDoor("A", [ModelFailed("filtered", "no", "A")])
    model = of(door)
    assert [ask(model) for _ in range(10)] == ["(filtered)"] * 10
    assert door.tried == 10


# Several endpoints ----------------------------------------------------------------------------------------------------


def test_endpoints_take_turns() -> None:
    doors = [ScriptedDoor(name, [name]) for name in "ABC"]
    model = of(*doors)
    assert [ask(model) for _ in range(7)] == [*"ABCABCA"]


def test_where_one_fails_the_next_is_asked_and_the_user_is_told() -> None:
    asking = within(5.0)
    dead = ScriptedDoor("A", [silent("A", "far.example")])
    assert ask(of(dead, ScriptedDoor("B", ["Because."])), asking) == "Because."
    assert asking.notices == [f"{silent('A', 'far.example').what}, so B was asked."]
    assert [(call.model, call.failure) for call in asking.calls] == [("A", "silent"), ("B", None)]


def test_what_a_question_has_given_up_it_does_not_ask_again() -> None:
    asking, dead = within(5.0), ScriptedDoor("A", [silent("A", "far.example")])
    model = of(dead, ScriptedDoor("B", ["Because."]))
    assert [ask(model, asking) for _ in range(4)] == ["Because."] * 4
    assert dead.tried == 1


def test_a_failure_that_another_endpoint_would_share_is_not_sent_on() -> None:
    other = ScriptedDoor("B", ["Because."])
    assert ask(of(ScriptedDoor("A", [ModelFailed("too long", "long", "A")]), other)) == "(too long)"
    assert other.tried == 0


def test_endpoints_that_may_not_see_the_text_are_left_out() -> None:
    public, internal = ScriptedDoor("A", ["A"], label="public"), ScriptedDoor("B", ["B"])
    model = of(public, internal)
    assert [ask(model, label="internal") for _ in range(3)] == ["B"] * 3
    assert ask(model, label="restricted") == "(forbidden)"
    assert public.tried == 0


def test_it_is_known_whether_another_endpoint_is_worth_asking() -> None:
    clock = Clock()
    model = of(ScriptedDoor("A", [DOWN]), ScriptedDoor("B", ["Because.", ("Be", cut("B"))]), clock=clock)
    asked = [model.has_another(question(), within(5.0))]
    ask(model)
    given_up = within(5.0)
    given_up.given_up["B"] = cut("B")
    asked.append(model.has_another(question(), given_up))
    clock.now += 31
    asked.append(model.has_another(question(), given_up))
    assert asked == [True, False, True]


# Trying again ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (DOWN, 2),
        (cut("A", 0.01), 2),
        (ModelFailed("busy", "A is asked too often", "A", "", 0.05), 2),
        (ModelFailed("unauthorized", "A does not accept the key", "A"), 1),
        (ModelFailed("missing", "There is no A", "A"), 1),
        (ModelFailed("busy", "A has no quota left", "A"), 1),
        (ModelFailed("filtered", "no", "A"), 1),
        (ModelFailed("down", "A rests for an hour", "A", "", 3600.0), 1),
        (ModelFailed("down", "A rests for ever", "A", "", math.inf), 1),
    ],
)
def test_only_what_can_succeed_is_tried_again(failure: ModelFailed, tries: int) -> None:
    door = ScriptedDoor("A", [failure])
    began = time.monotonic()
    assert ask(of(door)) == f"({failure.kind})"
    assert (door.tried, time.monotonic() - began < 4) == (tries, True)


def test_what_has_begun_to_answer_is_not_tried_again() -> None:
    door = ScriptedDoor("A", [("Be", DOWN)])
    assert ask(of(door)) == "(down)"
    assert door.tried == 1


def test_a_second_try_that_succeeds_is_an_answer_without_a_notice() -> None:
    asking, door = within(5.0), ScriptedDoor("A", [DOWN, "Because."])
    assert (ask(of(door), asking), asking.notices) == ("Because.", [])


# Time -----------------------------------------------------------------------------------------------------------------


def test_patience_is_until_the_first_piece_and_no_longer() -> None:
    slow_to_begin = ScriptedDoor("A", [(0.5, "Because.")])
    slow_to_end = ScriptedDoor("B", [("Be", 0.5, "cause.")])
    assert ask(of(slow_to_begin), patience=0.1) == "(silent)"
    assert ask(of(slow_to_end), patience=0.1) == "Because."


def test_between_two_pieces_it_may_not_be_quiet_for_long() -> None:
    door = ScriptedDoor("A", [("Be", 0.5, "cause.")])
    assert ask(of(door, quiet=0.1)) == "(silent)"


def test_a_questions_calls_share_its_time() -> None:
    asking, doors = within(0.3), [ScriptedDoor(name, [("Be", 0.2, "cause.")]) for name in "AB"]
    began = time.monotonic()
    assert [ask(of(doors[0]), asking), ask(of(doors[1]), asking)] == [
        "Because.",
        "(late)",
    ]
    assert 0.25 < time.monotonic() - began < 3
    assert ask(of(ScriptedDoor("C", [(0.1, "So.")])), asking) == "(late)"


# A real client against a server ---------------------------------------------------------------------------------------

says_ten_megabytes = sends(lambda answer: answer.pieces * 6_400)


@pytest.fixture(scope="module", autouse=True)
def _loaded() -> None:
    """What the first question loads would be counted as its time."""
    import langchain_openai  # noqa: F401


def served(server: OpenAI, quiet: float = 0.4) -> Endpoints:
    from pydantic import SecretStr

    endpoint = Endpoint("far", "openai", "m", f"{server.url}/v1", key=SecretStr("k"))
    return Endpoints([Gate().door(endpoint)], lambda text: len(text.split()), quiet)


@pytest.mark.parametrize(
    ("given", "least", "most"),
    [(1, 0.95, 1.6), (0, 0.0, 0.5), (3600, 0.0, 0.5)],
)
def test_retry_after_is_honoured_within_the_questions_time_and_not_beyond(
    given: int, least: float, most: float
) -> None:
    with openai() as server:
        server.always(says("Because."))
        server.then(fails("busy", retry_after=given))
        began = time.monotonic()
        answer = ask(served(server), within(3.0))
        took = time.monotonic() - began
    assert answer == ("Because." if given < 3600 else "(busy)")
    assert least <= took <= most


@pytest.mark.parametrize(
    ("after", "answer"),
    [
        ("Fri, 01 Jan 2016 00:00:00 GMT", "Because."),
        ("Fri, 01 Jan 2066 00:00:00 GMT", "(down)"),
        ("inf", "(down)"),
        ("nan", "Because."),
        ("-5", "Because."),
        ("soon", "Because."),
        ("Fri, 01 Jan 2016 00:00:00", "Because."),
    ],
)
def test_retry_after_may_be_a_date_or_nonsense(after: str, answer: str) -> None:
    with openai() as server:
        server.always(says("Because."))
        server.then(gives(b"{}", status=503, Retry_After=after))
        assert ask(served(server), within(3.0)) == answer


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (hangs, "(silent)"),
        (only_headers, "(silent)"),
        (says("on and on and on and on and on and on and on", each=0.1), "(late)"),
        (never_ends(0.05), "(late)"),
    ],
)
def test_what_does_not_end_is_ended(fault: Behaviour, told: str) -> None:
    with openai() as server:
        server.always(fault)
        began = time.monotonic()
        answer = ask(served(server), within(1.0), patience=0.4)
        took = time.monotonic() - began
        assert all(request.left.wait(3) for request in server.seen)
    assert (answer, took < 4) == (told, True)


def test_an_answer_is_never_longer_than_it_may_be() -> None:
    shown = 0

    async def count() -> None:
        nonlocal shown
        model = served(server)
        try:
            async for piece in model.stream(question(), within(5.0), "large"):
                shown += len(piece)
        finally:
            await model.close()

    with openai() as server:
        server.always(says("0123456789abcde " * 100, pieces=1))
        server.then(says_ten_megabytes)
        with pytest.raises(ModelFailed, match="does not stop talking"):
            asyncio.run(count())
    assert shown <= LONGEST


@pytest.mark.parametrize("behaviour", [hangs, only_headers, says("one two three four five six", each=0.2)])
def test_who_is_cancelled_hangs_up_within_a_second(behaviour: Behaviour) -> None:
    asking = within(30.0)

    async def leave() -> None:
        model = served(server, quiet=20.0)
        asked = asyncio.create_task(whole(model.stream(question(), asking, "large")))
        await asyncio.to_thread(server.wait, 1)
        await asyncio.sleep(0.1)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        assert await asyncio.to_thread(server.seen[0].left.wait, 1)
        await model.close()

    with openai() as server:
        server.always(behaviour)
        asyncio.run(leave())
    assert [(call.failure, call.remote) for call in asking.calls] == [("cut", True)]


def test_the_journal_has_every_call_with_what_was_sent() -> None:
    asking = within(5.0)
    with openai() as server:
        server.always(says("Because it is so.", usage=(7, 5)))
        server.then(once(fails("broken")))
        assert ask(served(server), asking) == "Because it is so."
    sent = question()[0].texts
    expected = [("large", "far", True, "down", 1, 0, sent), ("large", "far", True, None, 7, 5, sent)]
    assert [_told(call) for call in asking.calls] == expected
    assert asking.calls[0].first_ms is None
    assert 0 < (asking.calls[1].first_ms or 0) <= asking.calls[1].ms


def _told(call: Call) -> tuple[object, ...]:
    return call.role, call.model, call.remote, call.failure, call.input, call.output, call.sent


def test_what_never_left_is_not_in_the_journal_as_sent() -> None:
    asking = within(5.0)
    endpoint = Endpoint("near", "ollama", "m", "http://127.0.0.1:9")
    ask(Endpoints([Gate().door(endpoint)], len), asking)
    assert [(call.failure, call.sent) for call in asking.calls] == [("unreachable", [])]
