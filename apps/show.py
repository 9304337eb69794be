"""A reply as people read it: the answer, its sources and what left the machine, safe for a terminal."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple, TextIO

from graphs.explained import Box, Figure
from graphs.reply import PartReply, Reply
from graphs.state import Cited
from ingest.errors import Trouble

if TYPE_CHECKING:
    from rich.console import Console

ONLINE = {"weather": "the place"}
"""Tools that ask a service elsewhere, and what they tell it."""
QUOTE = 200
"""Characters of a quote that are shown beside the answer."""

ESCAPES = re.compile(
    r"(?:\x1b[P\]X^_]|[\x90\x98\x9d-\x9f])[^\x00-\x08\x0b-\x1f\x7f-\x9f]*+(?:\x07|\x1b\\|\x9c)"  # titles, links, images
    r"|(?:\x1b\[|\x9b)[0-?]*+[ -/]*+[@-~]"  # colours, cursor, modes
    r"|\x1b[ -/]*+[0-~]"  # character sets, resets, and the start of what is not finished
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def plain(text: str) -> str:
    """The text without escape sequences, control characters and turns of its direction; lines and tabs stay."""
    return ESCAPES.sub("", text)


def one_line(text: str) -> str:
    return plain(" ".join(text.split()))


def shortened(text: str, limit: int = QUOTE) -> str:
    """On one line, cut at a word."""
    whole = one_line(text)
    if len(whole) <= limit:
        return whole
    words = whole[: limit + 1].rpartition(" ")[0]
    # Some scripts have no spaces to cut at.
    return (words if len(words) > limit / 2 else whole[:limit]).rstrip(" ,;:.") + "…"


def said(trouble: Trouble) -> str:
    """What happened, to which value, and what to do, on one line."""
    value = f" ({trouble.value})" if trouble.value else ""
    return one_line(f"{trouble.what.rstrip('.')}{value}. {trouble.do or ''}")


class Line(NamedTuple):
    text: str
    style: str = ""
    head: str = ""
    """What stands before the text; where it is wrapped, the rest keeps to the right of it."""


# What is said ---------------------------------------------------------------------------------------------------------


def answer_lines(reply: Reply) -> list[Line]:
    """The answer, its sources, notices, and one line on how it came about."""
    choices = [Line(one_line(choice), head="- ") for choice in reply["waiting"]["choices"]] if reply["waiting"] else []
    sources = [
        Line(f"{_place(cited)}: “{shortened(cited['quote'])}”", head=_mark(cited)) for cited in reply["citations"]
    ]
    return [
        Line(reply["answer"]),
        *choices,
        *([Line(""), *sources, Line("")] if sources else []),
        *(Line(one_line(notice), "yellow", "Note: ") for notice in reply["notices"]),
        Line(_how(reply), "dim"),
    ]


def source_lines(reply: Reply) -> list[Line]:
    """The full quotes."""
    return [
        line
        for cited in reply["citations"]
        for line in (
            Line(f"{one_line(cited['collection'])}/{_place(cited)}", "bold", _mark(cited)),
            Line(f"“{one_line(cited['quote'])}”", head="    "),
        )
    ] or [Line("That answer cites no document.")]


def why_lines(reply: Reply) -> list[Line]:
    """How each part was decided, and the boxes that it went through."""
    lines = []
    for part in reply["parts"]:
        sure = f"confidence {part['confidence']:.2f}"
        lines += [
            Line(one_line(part["question"]), "bold"),
            *([Line(part["reason"], head="    ")] if part["reason"] else []),
            Line(" · ".join([f"route {part['route']}", f"intent {part['intent']}", sure, *_work(part)]), head="    "),
        ]
    return [*lines, *path_lines(reply["boxes"]), Line(", ".join(_left(reply)), head="Receipt: ")]


def path_lines(boxes: Sequence[Box]) -> list[Line]:
    """The path as a table: each box, what it decided and on which figures, its time and its tokens."""
    several = len({box["part"] for box in boxes} - {None}) > 1
    rows = [("box", "decided", "time", "tokens", "figures")]
    for box in boxes:
        number = f" ({box['part'] + 1})" if several and box["part"] is not None else ""
        time = "" if box["ms"] is None else _took(box["ms"])
        name, decided, sent = one_line(box["box"]) + number, one_line(box["decided"]), sum(box["tokens"].values())
        rows.append((name, decided, time, f"{sent:,}" if sent else "", _figures(box["figures"])))
    return [*table(rows)]


def _figures(figures: Mapping[str, Figure]) -> str:
    """`difficulty 2.6 (limit 5.0)`: a limit stands beside what it limits."""
    limits = {name.removesuffix(" limit"): value for name, value in figures.items() if name.endswith(" limit")}
    return ", ".join(
        f"{one_line(name)} {_figure(value)}" + (f" (limit {_figure(limits[name])})" if name in limits else "")
        for name, value in figures.items()
        if value is not None and not name.endswith(" limit")
    )


def _figure(value: Figure) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else one_line(str(value))


def table(rows: Sequence[Sequence[str]]) -> Iterator[Line]:
    """The first of them are headings; the last column may be long."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for *cells, last in rows:
        head = "".join(f"{cell.ljust(width)}  " for cell, width in zip(cells, widths, strict=False))
        yield Line(last, head=head if last else head.rstrip())


def _mark(cited: Cited) -> str:
    return f"[{cited['n']}] "


def _place(cited: Cited) -> str:
    return f"{one_line(cited['source'])}, page {cited['page']}"


def _how(reply: Reply) -> str:
    parts = [" · ".join(dict.fromkeys([part["route"], part["intent"], *_work(part)])) for part in reply["parts"]]
    return " · ".join([" | ".join(parts), *_left(reply), _took(reply["ms"]["total"])])


def _work(part: PartReply) -> Iterator[str]:
    yield f"difficulty {part['score']:.1f}"
    if part["abstained"]:
        yield "abstained"
    elif part["writer"] in ("small", "large"):
        yield f"{part['writer']} ({part['model']})"
    elif part["writer"] is not None:
        yield part["writer"]


def _left(reply: Reply) -> list[str]:
    """What left this machine: to a large model by the receipt, and to the tools that look things up elsewhere."""
    receipt, online = reply["receipt"], [part["route"] for part in reply["parts"] if part["route"] in ONLINE]
    models = [f"{receipt['tokens']:,} tokens sent to {receipt['to']}, {usd(receipt['cost_usd'])}"]
    tools = [f"{ONLINE[name]} went to the {name} service" for name in dict.fromkeys(online)]
    return [*(models if receipt["sent"] else []), *tools] or ["nothing left this machine"]


def usd(amount: float | None) -> str:
    return "at an unknown cost" if amount is None else f"${amount:.4f}"


def _took(ms: float) -> str:
    return f"{ms:.0f} ms" if ms < 1000 else f"{ms / 1000:.1f} s"


# Where it is said -----------------------------------------------------------------------------------------------------


def show(reply: Reply, stdout: TextIO) -> None:
    say(answer_lines(reply), stdout)


def say(lines: Iterable[Line], stdout: TextIO) -> None:
    """On a terminal wrapped and with styles; elsewhere as they are. Nothing gets past `plain`."""
    safe = [Line(plain(line.text), line.style, plain(line.head)) for line in lines]
    if stdout.isatty():
        _say_wrapped(safe, screen(stdout))
    else:
        stdout.writelines(f"{line.head}{line.text}\n" for line in safe)
    stdout.flush()


def screen(stdout: TextIO) -> "Console":
    """A terminal that takes nothing in a text for markup; NO_COLOR leaves it without any style."""
    from rich.console import Console

    no_style = bool(os.environ.get("NO_COLOR"))
    return Console(file=stdout, color_system=None if no_style else "auto", markup=False, emoji=False, highlight=False)


def _say_wrapped(lines: Sequence[Line], console: "Console") -> None:
    from rich.text import Text

    for line in lines:
        width = max(console.width - len(line.head), 8)
        head = line.head
        for piece in Text(line.text, line.style).wrap(console, width) or [Text()]:
            piece.rstrip()
            console.print(Text(head, line.style) + piece, soft_wrap=True)
            head = " " * len(head)
