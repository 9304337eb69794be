import asyncio
import io
import re
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from langgraph.checkpoint.memory import InMemorySaver

from apps.chat import Chat, Out, run_chat
from graphs.assistant import assistant
from graphs.context import Context, Tool
from graphs.conversation import Conversation
from graphs.reply import Tariff
from graphs.routing import Policy
from graphs.state import Part, ToolCall
from ingest.errors import IndexUnusable
from ingest.evidence import Evidence, Reading
from ingest.split import Sentence
from models.asking import Asking
from models.embedded.triage import Heard
from models.found import Citation, Draft, Found
from tests.terminal import CTRL_C, CTRL_D, READY, TAB, UP, Typist, at_a_terminal

OPENING = "Answers come from 401k."
HELLO = "Hello! Answers come from 401k. Type /help for the commands.\n\n"
QUOTE = "Brightwater matches half of the first 6% that you pay in."
TRIAGED = "by embedded, confidence 0.93, difficulty 2.5 (limit 5.0)"
HOSTILE = "\x1b]0;owned\x07\x1b[31mPay day\x1b[0m is the 15th.\r\x9b2J\u202e"


# A scripted assistant: the real graph, with parts that answer by rule


@dataclass
class Scripted:
    """Every part a run may use, in one."""

    seconds: float = 0.0
    """How long a slow question takes."""
    earlier: list[Sequence[str]] = field(default_factory=list)
    """What each question was told of those before it."""
    name: str = "embedded"

    async def read(
        self, message: str, earlier: Sequence[str] = (), whole: bool = False, **asked: object
    ) -> list[Heard]:
        self.earlier.append([*earlier])
        if "slow" in message:
            await asyncio.sleep(self.seconds)
        if "damaged" in message:
            raise IndexUnusable("The index is damaged.", "chroma\n.sqlite3", "Run: tandem ingest corpora")
        if "bug" in message:
            raise ZeroDivisionError("a bug")
        pieces = message.split(" and also ")
        return [Heard(piece, piece, self._intent(piece), 0.93, 2.5, self.place(piece)) for piece in pieces]

    def _intent(self, text: str) -> str:
        for intent in ("weather", "smalltalk"):
            if intent in text or (intent == "smalltalk" and "hello" in text.lower()):
                return intent
        return "other" if text == "Oslo" else "401k"

    def place(self, reply: str) -> str | None:
        return "Oslo" if "Oslo" in reply else None

    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        text = HOSTILE if "payday" in question else QUOTE
        reading = Reading(
            collection="401k",
            source="summary-plan.pdf",
            title="Summary plan",
            heading="The match",
            label="internal",
            sentences=[Sentence(text, 4)],
            terms=[[]],
            vectors=np.zeros((1, 2), np.float32),
            heading_vector=np.zeros(2, np.float32),
            score=1.0,
        )
        cited = Citation("401k", "summary-plan.pdf", 4, text)
        answered = "moon" not in question
        return Found(Evidence([], [reading], self), text, [cited], answered, 0.9, [])

    async def write(self, question: str, found: Found) -> Draft:
        return Draft(f"{found.text} [1]", found.citations)

    async def reply(self, message: str) -> str:
        return "Hello!"

    async def answer(self, part: Part) -> tuple[str, list[ToolCall]]:
        if "slow" in (part["place"] or ""):
            await asyncio.sleep(self.seconds)
        return f"It rains in {part['place']}.", []

    exact: ClassVar[bool] = True

    def count(self, text: str) -> int:
        return len(text)

    def at_most(self, text: str, limit: int) -> int:
        return min(len(text), limit)

    @property
    def passages(self) -> int:
        return 1

    def containing(self, term: str) -> int:
        return 1


def conversation(scripted: Scripted) -> Conversation:
    tools: dict[str, Tool] = {"weather": scripted}
    policy = Policy(documents={"401k": "401k"}, tools=frozenset(tools))
    context = Context(scripted, scripted, scripted, scripted, tools, scripted, policy)
    return Conversation(
        assistant(tools, InMemorySaver()),
        assistant(tools, InMemorySaver()),
        context,
        lambda: ["401k"],
        Tariff((2.5, 10.0)),
    )


def transcript(typed: str, scripted: Scripted | None = None, history: Path = Path("/no/history")) -> str:
    """What the chat writes when that is piped into it."""
    out = io.StringIO()
    talk = conversation(scripted or Scripted())
    assert asyncio.run(run_chat(talk, OPENING, history, io.StringIO(typed), out)) == 0
    told = re.sub(r"\d+ ms|[\d.]+ s$", "1 ms", out.getvalue(), flags=re.MULTILINE)
    return re.sub(r"(?<=\S) {2,}", "  ", told)  # columns are as wide as the longest time


# Piped in


def test_a_question_is_answered_with_its_source() -> None:
    assert transcript("What is the match?\n") == (
        HELLO
        + f"""> What is the match?
{QUOTE} [1]

[1] summary-plan.pdf, page 4: “{QUOTE}”

documents · 401k · difficulty 2.5 · embedded · nothing left this machine · 1 ms

"""
    )


def test_the_last_answer_is_explained() -> None:
    assert transcript("/why\n/sources\nWhat is the match?\n/why\n/sources\n/new\n/why\n") == (
        HELLO
        + f"""> /why
Nothing has been answered yet.

> /sources
Nothing has been answered yet.

> What is the match?
{QUOTE} [1]

[1] summary-plan.pdf, page 4: “{QUOTE}”

documents · 401k · difficulty 2.5 · embedded · nothing left this machine · 1 ms

> /why
What is the match?
    The documents answer it in their own words.
    route documents · intent 401k · confidence 0.93 · difficulty 2.5 · embedded
box  decided  time  tokens  figures
triage  401k: documents  1 ms  {TRIAGED}, tokens 18 (limit 4096)
documents:retrieve  simple  1 ms  answered yes, confidence 0.9, passages 0, difficulty 2.5 (limit 5.0)
documents:draft  written  1 ms  model embedded, words 12, citations 1
documents:check  grounded  1 ms  writer embedded, words 12, citations 1
compose  answered  1 ms  parts 1, citations 1
Receipt: nothing left this machine

> /sources
[1] 401k/summary-plan.pdf, page 4
    “{QUOTE}”

> /new
A new conversation. The earlier questions are left behind.

> /why
Nothing has been answered yet.

"""
    )


def test_two_questions_in_one_are_answered_in_turn() -> None:
    assert transcript("hello there and also weather in Oslo\n/why\n") == (
        HELLO
        + f"""> hello there and also weather in Oslo
Hello!

It rains in Oslo.
small · smalltalk · difficulty 2.5 · embedded | weather · difficulty 2.5 · tool · the place went to the weather service · 1 ms

> /why
hello there
    Small talk is answered here.
    route small · intent smalltalk · confidence 0.93 · difficulty 2.5 · embedded
weather in Oslo
    A tool answered.
    route weather · intent weather · confidence 0.93 · difficulty 2.5 · tool
box  decided  time  tokens  figures
triage (1)  smalltalk: small  1 ms  {TRIAGED}, tokens 11 (limit 4096)
triage (2)  weather: weather  {TRIAGED}, tokens 15 (limit 4096)
small (1)  answered  1 ms  model embedded
weather (2)  answered  1 ms  model weather
compose  answered  1 ms  parts 2, citations 0
Receipt: the place went to the weather service

"""  # noqa: E501
    )


def test_the_line_after_a_question_back_is_its_reply() -> None:
    assert transcript("weather\n/why\nOslo\n") == (
        HELLO
        + f"""> weather
For which place?
ask_back · weather · difficulty 2.5 · nothing left this machine · 1 ms

> /why
weather
    It waits for your reply.
    route ask_back · intent weather · confidence 0.93 · difficulty 2.5
box  decided  time  tokens  figures
triage  weather: ask_back  1 ms  {TRIAGED}, tokens 7 (limit 4096)
ask_back  waits for your reply  1 ms
Receipt: nothing left this machine

> Oslo
It rains in Oslo.
weather · difficulty 2.5 · tool · the place went to the weather service · 1 ms

"""
    )


def test_a_new_question_instead_of_the_reply_drops_the_old_one() -> None:
    assert "Note: The earlier question, which waited for your reply, was dropped.\n" in transcript(
        "weather\nWhat is the match?\n"
    )


def test_a_new_conversation_forgets_the_question_that_waited() -> None:
    assert "dropped" not in transcript("weather\n/new\nWhat is the match?\n")


def test_a_thread_remembers_until_a_new_one_is_started() -> None:
    scripted = Scripted()
    transcript("one\ntwo\n/new\nthree\n", scripted)
    assert scripted.earlier == [[], ["one"], []]


def test_the_commands_are_listed() -> None:
    assert transcript("/help\n/HELLO you\n") == (
        HELLO
        + """> /help
/help  what can be typed here
/why  how the last answer was decided: each box, on which figures, in which time
/receipt  what left this machine for the last answer, to whom, and what it cost
/sources  the full quotes of the last answer
/new  start a new conversation
/quit  leave
Anything else is a question. Ctrl-C stops an answer, Ctrl-D leaves.

> /HELLO you
There is no command /HELLO you; there are /help, /why, /receipt, /sources, /new, /quit.

"""
    )


def test_quit_leaves_and_empty_lines_do_nothing() -> None:
    assert transcript("\n   \n\t\n\x1b[0m\n /Quit \nWhat is the match?\n") == HELLO + "> /Quit\n"


def test_the_last_line_needs_no_end() -> None:
    assert transcript("/quit") == HELLO + "> /quit\n"


def test_a_path_is_a_question() -> None:
    assert "difficulty" in transcript("/etc/hosts says what?\n")


def test_trouble_is_one_line_and_the_chat_goes_on() -> None:
    assert transcript(f"a damaged index\n{'x' * 32_001}\nhello\n").replace("x" * 32_001, "x…") == (
        HELLO
        + f"""> a damaged index
The index is damaged (chroma .sqlite3). Run: tandem ingest corpora

> x…
The question has 32,001 characters; at most 32,000 can be asked at once ({"x" * 40}…). Save a longer text to a file and run: tandem summarize FILE

> hello
Hello!
small · smalltalk · difficulty 2.5 · embedded · nothing left this machine · 1 ms

"""  # noqa: E501
    )


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError, match="a bug"):
        transcript("a bug\n")


def test_escapes_of_documents_and_of_users_are_taken_out() -> None:
    assert transcript("\x1b[1mpayday\x1b[0m?\n/sources\n") == (
        HELLO
        + """> payday?
Pay day is the 15th. [1]

[1] summary-plan.pdf, page 4: “Pay day is the 15th. ”

documents · 401k · difficulty 2.5 · embedded · nothing left this machine · 1 ms

> /sources
[1] 401k/summary-plan.pdf, page 4
    “Pay day is the 15th. ”

"""
    )


def test_bytes_that_are_no_text_are_read_and_written() -> None:
    typed = io.TextIOWrapper(io.BytesIO(b"hello \xff\xfe\n"), encoding="utf-8")
    written = io.BytesIO()
    out = io.TextIOWrapper(written, encoding="ascii")
    asyncio.run(run_chat(conversation(Scripted()), OPENING, Path("/no/history"), typed, out))
    assert written.getvalue().splitlines()[2:4] == [b"> hello ??", b"Hello!"]


def test_what_is_piped_in_is_not_remembered(tmp_path: Path) -> None:
    transcript("What is the match?\n", history=tmp_path / "history")
    assert [*tmp_path.iterdir()] == []


# Stopped


@pytest.mark.parametrize(
    ("before", "slow"),
    [([], "a slow question"), (["What is the match?"], "a slow question"), (["weather"], "slow Oslo")],
)
def test_a_stopped_answer_leaves_the_conversation_as_it_was(before: list[str], slow: str) -> None:
    scripted, out = Scripted(seconds=60), io.StringIO()

    async def talk() -> None:
        chat = Chat(conversation(scripted), Out(out))

        async def lines() -> AsyncIterator[str]:
            for line in before:
                yield line
            asyncio.get_running_loop().call_later(0.1, chat.stop)
            yield slow
            chat.stop()  # nothing is being answered
            yield "What is the match?"

        await asyncio.wait_for(chat.hear_all(lines()), 30)

    asyncio.run(talk())
    told = out.getvalue().split("\n\n")
    assert "Stopped." in told
    assert f"{QUOTE} [1]" in told[told.index("Stopped.") + 1]
    assert scripted.earlier[-1] == [line for line in before if line != "weather"]


def test_a_chat_that_is_cancelled_ends() -> None:
    async def talk() -> None:
        chat = Chat(conversation(Scripted(seconds=60)), Out(io.StringIO()))

        async def lines() -> AsyncIterator[str]:
            yield "a slow question"

        await asyncio.wait_for(chat.hear_all(lines()), 0.1)

    with pytest.raises(TimeoutError):
        asyncio.run(talk())


# At a terminal


def scripted_chat(history: str, seconds: float) -> None:
    """What the child process of the tests below does."""
    code = asyncio.run(run_chat(conversation(Scripted(seconds)), OPENING, Path(history), sys.stdin, sys.stdout))
    print(f"left with {code}")


@contextmanager
def chat_at_a_terminal(history: Path, seconds: float = 0.0) -> Iterator[Typist]:
    code = f"from tests.test_chat import scripted_chat; scripted_chat({str(history)!r}, {seconds})"
    with at_a_terminal(code) as typist:
        yield typist


def test_ctrl_c_stops_an_answer_and_not_the_program(tmp_path: Path) -> None:
    with chat_at_a_terminal(tmp_path / "history", seconds=600) as typist:
        typist.sees(READY)
        for _ in range(2):  # what prompt_toolkit leaves behind after a prompt must not matter
            typist.types("a slow question\r")
            typist.sees("working")
            typist.types(CTRL_C)
            typist.sees("Stopped.")
            typist.sees(READY)
        typist.types("What is the match?\r")
        typist.sees(f"{QUOTE} [1]")
        typist.sees(READY)
        typist.types(CTRL_D)
        typist.sees("left with 0")


def test_ctrl_c_at_an_empty_prompt_leaves_the_second_time(tmp_path: Path) -> None:
    with chat_at_a_terminal(tmp_path / "history") as typist:
        typist.sees(READY)
        typist.types(CTRL_C)
        typist.sees("Press Ctrl-C once more, or Ctrl-D, to leave.")
        typist.sees(READY)
        typist.types("half a question" + CTRL_C)
        typist.sees("half a question")
        typist.sees(READY)
        typist.types(CTRL_C)
        typist.sees("Press Ctrl-C once more")
        typist.sees(READY)
        typist.types(CTRL_C)
        typist.sees("left with 0")


def test_what_is_typed_is_remembered_for_its_owner_only(tmp_path: Path) -> None:
    history = tmp_path / "data" / "history"
    with chat_at_a_terminal(history) as typist:
        typist.sees(READY)
        typist.types("What is the match?\r")
        typist.sees("difficulty")
        typist.sees(READY)
        typist.types(CTRL_D)
    assert (history.stat().st_mode & 0o777, history.read_text().splitlines()[-1]) == (0o600, "+What is the match?")
    with chat_at_a_terminal(history) as typist:
        typist.sees(READY)
        typist.types(UP + "\r")
        typist.sees(f"{QUOTE} [1]")
        typist.sees(READY)
        typist.types(CTRL_D)


def test_a_history_that_cannot_be_written_is_said_and_done_without(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    with chat_at_a_terminal(tmp_path / "history") as typist:
        typist.sees("What is typed will not be remembered")
        typist.sees(READY)
        typist.types("hello\r")
        typist.sees("Hello!")
        typist.sees(READY)
        typist.types(CTRL_D)
        typist.sees("left with 0")


def test_several_lines_can_be_pasted_and_commands_are_completed(tmp_path: Path) -> None:
    with chat_at_a_terminal(tmp_path / "history") as typist:
        typist.sees(READY)
        typist.types("\x1b[200~What is\nthe match?\x1b[201~\r")
        typist.sees(f"{QUOTE} [1]")
        typist.sees(READY)
        typist.types("/so")
        typist.sees("the full quotes of the last answer")
        typist.types(TAB)
        typist.sees("urces")
        typist.types("\r")
        typist.sees("[1] 401k/summary-plan.pdf, page 4")
        typist.sees(READY)
        typist.types("/quit\r")
        typist.sees("left with 0")
