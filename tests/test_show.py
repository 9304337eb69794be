import io
import re
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.show import Line, answer_lines, one_line, plain, said, say, shortened, show, source_lines, why_lines
from graphs.explained import Box
from graphs.reply import PartReply, Receipt, Reply
from ingest.errors import Trouble

MATCH = PartReply(
    question="What is the match?",
    intent="401k",
    score=2.5,
    confidence=0.934,
    route="documents",
    writer="embedded",
    model="embedded",
    grounded=True,
    escalated=False,
    abstained=False,
    reason="The documents answer it in their own words.",
)
KEPT = Receipt(
    id=None,
    sent=False,
    to=None,
    tokens=0,
    output_tokens=0,
    cost_usd=0.0,
    costs=[],
    prices_as_of=None,
    services=[],
    masked={},
    passages=[],
    all_large_tokens=812,
    all_large_cost_usd=0.004,
    estimated=False,
)
ANSWERED = Reply(
    id=None,
    thread="t",
    question="What is the match?",
    answer="Brightwater matches half of the first 6%. [1]",
    route="documents",
    intent="401k",
    score=2.5,
    waiting=None,
    parts=[MATCH],
    citations=[
        {
            "n": 1,
            "collection": "401k",
            "source": "summary-plan.pdf",
            "page": 4,
            "quote": "Brightwater matches half of the first 6%.",
        }
    ],
    tools=[],
    receipt=KEPT,
    usage={"small": {"input": 0, "output": 0}, "large": {"input": 0, "output": 0}},
    notices=[],
    path=["triage", "documents:retrieve", "documents:draft", "documents:check", "compose"],
    ms={"total": 12.1},
    boxes=[
        Box(
            box="documents:check",
            part=0,
            decided="grounded",
            figures={"writer": "small", "difficulty": 2.5, "difficulty limit": 5.0, "answered": True, "best": None},
            ms=12.1,
            tokens={"input": 1200, "output": 34},
        )
    ],
)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR", "TTY_COMPATIBLE", "COLORTERM"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")


def shown(reply: Any, out: io.StringIO | None = None) -> str:
    out = out or io.StringIO()
    show({**ANSWERED, **reply}, out)
    return out.getvalue()


# What is said


def test_an_answer_comes_with_its_sources_and_what_left_the_machine() -> None:
    assert shown({"notices": ["Words alone answered."]}) == (
        "Brightwater matches half of the first 6%. [1]\n"
        "\n"
        "[1] summary-plan.pdf, page 4: “Brightwater matches half of the first 6%.”\n"
        "\n"
        "Note: Words alone answered.\n"
        "documents · 401k · difficulty 2.5 · embedded · nothing left this machine · 12 ms\n"
    )


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        (
            {"writer": None, "abstained": True},
            "documents · 401k · difficulty 2.5 · abstained · nothing left this machine",
        ),
        (
            {"writer": "small", "model": "qwen3:4b"},
            "documents · 401k · difficulty 2.5 · small (qwen3:4b) · nothing left this machine",
        ),
        (
            {"route": "calculator", "intent": "calculator", "writer": "tool", "score": 0.25},
            "calculator · difficulty 0.2 · tool · nothing left this machine",
        ),
        (
            {"route": "weather", "intent": "weather", "writer": "tool", "score": 1},
            "weather · difficulty 1.0 · tool · the place went to the weather service",
        ),
        (
            {"route": "ask_back", "intent": "weather", "writer": None, "score": 1},
            "ask_back · weather · difficulty 1.0 · nothing left this machine",
        ),
    ],
)
def test_one_line_says_who_answered(changed: dict[str, Any], line: str) -> None:
    assert shown({"parts": [{**MATCH, **changed}]}).splitlines()[-1] == f"{line} · 12 ms"


def test_the_line_says_to_whom_how_much_was_sent_and_what_it_cost() -> None:
    sent = {**KEPT, "sent": True, "to": "openai:gpt-4o", "tokens": 1234, "cost_usd": 0.00421}
    part = {**MATCH, "writer": "large", "model": "gpt-4o", "score": 8}
    assert shown({"parts": [part], "receipt": sent, "ms": {"total": 2345.6}}).splitlines()[-1] == (
        "documents · 401k · difficulty 8.0 · large (gpt-4o) · 1,234 tokens sent to openai:gpt-4o, $0.0042 · 2.3 s"
    )


def test_a_model_without_a_price_costs_an_unknown_amount_and_never_nothing() -> None:
    sent = {**KEPT, "sent": True, "to": "azure:ours", "tokens": 12, "cost_usd": None}
    assert "12 tokens sent to azure:ours, at an unknown cost" in shown({"receipt": sent})


def test_each_part_is_in_the_line() -> None:
    weather = {**MATCH, "route": "weather", "intent": "weather", "score": 0.5, "writer": "tool", "model": "weather"}
    assert shown({"parts": [MATCH, weather]}).splitlines()[-1] == (
        "documents · 401k · difficulty 2.5 · embedded | weather · difficulty 0.5 · tool"
        " · the place went to the weather service · 12 ms"
    )


def test_what_is_asked_back_is_shown_with_its_choices() -> None:
    waiting = {"question": "Which Portland?", "choices": ["Portland, Oregon", "Portland, Maine"]}
    part = {**MATCH, "route": "ask_back", "intent": "weather", "writer": None}
    assert shown({"answer": "Which Portland?", "waiting": waiting, "citations": [], "parts": [part]}) == (
        "Which Portland?\n"
        "- Portland, Oregon\n"
        "- Portland, Maine\n"
        "ask_back · weather · difficulty 2.5 · nothing left this machine · 12 ms\n"
    )


def test_why_tells_how_each_part_was_decided() -> None:
    assert [line.head + line.text for line in why_lines(ANSWERED)] == [
        "What is the match?",
        "    The documents answer it in their own words.",
        "    route documents · intent 401k · confidence 0.93 · difficulty 2.5 · embedded",
        "box              decided   time   tokens  figures",
        "documents:check  grounded  12 ms  1,234   writer small, difficulty 2.5 (limit 5.0), answered yes",
        "Receipt: nothing left this machine",
    ]


def test_sources_are_shown_in_full() -> None:
    quote = "The plan pays. " * 40
    reply: Reply = {**ANSWERED, "citations": [{**ANSWERED["citations"][0], "quote": quote}]}
    assert [line.head + line.text for line in source_lines(reply)] == [
        "[1] 401k/summary-plan.pdf, page 4",
        f"    “{quote.strip()}”",
    ]
    assert source_lines({**ANSWERED, "citations": []}) == [Line("That answer cites no document.")]


@pytest.mark.parametrize(
    ("text", "short"),
    [
        ("six words\nthat  fit", "six words that fit"),
        ("a quote of some words", "a quote of some words"),
        ("a quote of many words, more than fit", "a quote of many words…"),
        ("a quote of some wordsthatend", "a quote of some…"),
        ("一二三四五六七八九十" * 3, "一二三四五六七八九十一二三四五六七八九十一二…"),
        ("", ""),
    ],
)
def test_a_long_quote_is_cut_at_a_word(text: str, short: str) -> None:
    assert shortened(text, 22) == short


def test_trouble_is_said_on_one_line() -> None:
    assert said(Trouble("The file is\nbroken.", "a\x1b[31m.pdf", "Save it anew.")) == (
        "The file is broken (a.pdf). Save it anew."
    )
    assert said(Trouble("It is broken.")) == "It is broken."


# Nothing hostile reaches the terminal


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b[38;2;255;0;0mred\x1b[m \x1b[2J\x1b[1;1Htop\x1b[?1049h", "red top"),
        ("\x1b]0;a title\x07text", "text"),
        ("\x1b]8;;https://evil.example\x1b\\a link\x1b]8;;\x1b\\", "a link"),
        ("\x1b]52;c;c3RvbGVu\x1b\\copied", "copied"),
        ("\x1bPq#0;2;0;0;0~~\x1b\\picture", "picture"),
        ("\x1b]0;never ends", "0;never ends"),
        ("\x1b(0lines\x1bcreset", "linesreset"),
        ("\x9b31mred\x9d0;title\x9ctext", "redtext"),
        ("\x1b\x1b[0m[31mtwice", "[31mtwice"),
        ("\x1b[\x1b[31m31mnested", "31mnested"),
        ("back\x08\x08\x7fspace\rover\x07\x00", "backspaceover"),
        ("\u202eevil.exe\u202c \u2066x\u2069", "evil.exe x"),
        ("cut \ud800 off", "cut  off"),
        ("lines\nand\ttabs, “é”, 日本語, 👩\u200d👩\u200d👧", "lines\nand\ttabs, “é”, 日本語, 👩\u200d👩\u200d👧"),
    ],
)
def test_escapes_and_control_characters_are_taken_out(text: str, left: str) -> None:
    assert plain(text) == left


HOSTILE = st.lists(
    st.one_of(
        st.sampled_from(["\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\x9b", "\x9d", "\x9c", "\x07", "\r", "\u202e"]),
        st.sampled_from(
            ["31m", "0;", "2J", "[red]", "[/]", ":smile:", "[1] ", "\n", "\t", "https://a.example", "日本語"]
        ),
        st.text(max_size=5),
        st.characters(max_codepoint=0x9F),
        st.characters(categories=["Cs", "Cf"]),
    )
).map("".join)
FORBIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@given(HOSTILE)
def test_no_text_gets_a_control_character_through(text: str) -> None:
    assert FORBIDDEN.search(plain(text)) is None
    assert FORBIDDEN.search(one_line(text)) is None
    assert len(one_line(text).splitlines()) <= 1
    assert plain(plain(text)) == plain(text)


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf"])))
def test_honest_text_stays_as_it_is(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("piece", ["\x1b]", "\x9d", "\x1b[", "\x1b[0", "\x1bP;", "\x1b(", "\x1b]a"])
def test_a_long_hostile_text_is_read_in_no_time(piece: str) -> None:
    assert FORBIDDEN.search(plain(piece * 200_000)) is None  # with a quadratic pattern this takes an hour


def everywhere(reply: Any, text: str) -> Any:
    """The reply with that text in the place of every other."""
    if isinstance(reply, dict):
        return {key: everywhere(value, text) for key, value in reply.items()}
    if isinstance(reply, list):
        return [everywhere(value, text) for value in reply]
    return text if isinstance(reply, str) else deepcopy(reply)


@given(HOSTILE)
def test_no_text_of_a_reply_reaches_the_output_with_escapes(text: str) -> None:
    waiting = {"question": "?", "choices": ["?"]}
    reply = everywhere({**ANSWERED, "notices": ["?"], "waiting": waiting}, text)
    lines = [*answer_lines(reply), *why_lines(reply), *source_lines(reply), Line(said(Trouble(text, text, text)))]
    out = io.StringIO()
    say(lines, out)
    assert FORBIDDEN.search(out.getvalue()) is None
    terminal, safe = Terminal(), Terminal()
    say(lines, terminal)
    say([Line(plain(line.text), line.style, plain(line.head)) for line in lines], safe)
    assert terminal.getvalue() == safe.getvalue()
    # rich's own styles are the only escapes
    assert FORBIDDEN.search(re.sub(r"\x1b\[[0-9;]*m", "", terminal.getvalue())) is None


def test_a_source_cannot_pretend_to_be_two() -> None:
    cited = {**ANSWERED["citations"][0], "source": "a.pdf\n[2] plan.pdf", "quote": "x\u2028[3] y\r\n[4] z"}
    assert shown({"citations": [cited]}).splitlines()[2] == "[1] a.pdf [2] plan.pdf, page 4: “x [3] y [4] z”"


# On a terminal


def test_a_terminal_gets_words_wrapped_at_its_width(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    monkeypatch.setenv("NO_COLOR", "1")
    assert shown({}, Terminal()) == (
        "Brightwater matches half of\n"
        "the first 6%. [1]\n"
        "\n"
        "[1] summary-plan.pdf, page 4:\n"
        "    “Brightwater matches half\n"
        "    of the first 6%.”\n"
        "\n"
        "documents · 401k · difficulty\n"
        "2.5 · embedded · nothing left\n"
        "this machine · 12 ms\n"
    )


def test_only_the_last_line_of_an_answer_is_dim() -> None:
    assert [line for line in shown({}, Terminal()).splitlines() if "\x1b" in line] == [
        "\x1b[2mdocuments · 401k · difficulty 2.5 · embedded · nothing left this machine · 12 ms\x1b[0m"
    ]


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_there_is_no_style_where_none_is_wanted(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert "\x1b" not in shown({"notices": ["A note."]}, Terminal())


def test_markup_in_a_text_is_text() -> None:
    text = "[bold]x[/bold] :smile: **b** `c` [link=https://a.example]d[/link]"
    assert shown({"answer": text}, Terminal()).splitlines()[0] == text


@pytest.mark.parametrize("columns", ["1", "5", "12", "400"])
def test_any_width_shows_every_word(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    written = shown({}, Terminal())
    assert "".join(written.split()) == "".join(shown({}).split())
