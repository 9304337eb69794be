"""`tandem ask --dry-run`: what a question would send, to whom and at what cost at the most; and nothing is sent.

Its JSON:

    {"id": null, "question": "…", "dry_run": true, "sendings": [
        {"to": "openai:gpt-4o", "label": "internal", "tokens": 900, "most": {"input": 5200, "output": 1024},
         "most_usd": 0.02324, "prices_as_of": "2024-10-02", "texts": [
            {"speaker": "user", "origin": "401k/plan.pdf, page 8", "label": "internal", "tokens": 200, "text": "…"}]}],
     "most_usd": 0.02324, "estimated": true, "notices": ["…"]}

`tokens` is a count, an estimate where `estimated`; `most` is what no tokenizer makes more of, and `most_usd` its price.
A service that a tool asks is among `sendings` too; a model without a price has `most_usd` null, and so has all of it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from apps.show import ONLINE, Line, one_line, usd
from graphs.context import Tool, ToolFailed
from graphs.state import Part, ToolCall
from privacy.budget import Budget
from privacy.content import Message, Text, label_of
from privacy.failures import DRY, dry
from privacy.prices import Price, dollars
from privacy.toll import Sending

DEPENDS = "Which of the later ones are sent depends on what the earlier ones answer."


class DryRun:
    """A Toll that lets nothing go, and remembers what came by."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self.sendings: list[Sending] = []

    async def paid(self, sending: Sending) -> str | None:
        self._budget.check(sending)
        self.sendings.append(sending)
        raise dry(sending.to)

    async def cost(self, call: str, input: int, output: int) -> None:
        pass

    def without_services(self, tools: Mapping[str, Tool]) -> dict[str, Tool]:
        return {name: Withheld(name, self) if name in ONLINE else tool for name, tool in tools.items()}


class Withheld:
    """Stands for a tool that asks a service elsewhere."""

    def __init__(self, name: str, run: DryRun) -> None:
        self._name, self._run = name, run

    async def answer(self, part: Part) -> tuple[str, list[ToolCall]]:
        told = Message("user", [Text(part["place"] or "", "public", ONLINE[self._name])])
        self._run.sendings.append(Sending(f"the {self._name} service", [told], 0, 0))
        raise ToolFailed(f"{DRY} it is not asked.")


def report(
    question: str,
    sendings: Sequence[Sending],
    prices: Mapping[str, Price],
    count: Callable[[str], int],
    estimated: bool,
    notices: Sequence[str],
) -> dict[str, Any]:
    told = [_told(one, prices, count) for one in sendings]
    known = [one["most_usd"] for one in told if one["most_usd"] is not None]
    return {
        "id": None,
        "question": question,
        "dry_run": True,
        "sendings": told,
        "most_usd": round(sum(known), 9) if len(known) == len(told) else None,
        "estimated": estimated,
        "notices": [notice for notice in notices if not notice.startswith(DRY)],
    }


def _told(sending: Sending, prices: Mapping[str, Price], count: Callable[[str], int]) -> dict[str, Any]:
    is_model = sending.output > 0
    price = prices.get(sending.to) if is_model else Price(0, 0, "")
    texts = [
        {
            "speaker": message.speaker,
            "origin": text.origin,
            "label": text.label,
            "tokens": count(text.text),
            "text": text.text,
        }
        for message in sending.messages
        for text in message.texts
    ]
    return {
        "to": sending.to,
        "label": label_of(sending.messages),
        "tokens": sum(text["tokens"] for text in texts),
        "most": {"input": sending.input, "output": sending.output},
        "most_usd": dollars(price.cost(sending.input, sending.output)) if price else None,
        "prices_as_of": (price.as_of or None) if price else None,
        "texts": texts,
    }


def lines(found: Mapping[str, Any]) -> Iterator[Line]:
    about = "about " if found["estimated"] else ""
    if not found["sendings"]:
        yield Line("Nothing would be sent.")
    else:
        yield Line("Nothing was sent. This would be:")
    for one in found["sendings"]:
        most = f", at most {usd(one['most_usd'])}" if one["most_usd"] is not None else ", at an unknown cost"
        yield Line("")
        yield Line(one_line(f"To {one['to']}: {about}{one['tokens']:,} tokens{most}"), "bold")
        for text in one["texts"]:
            yield Line(one_line(f"{text['origin']} ({text['label']}), {about}{text['tokens']:,} tokens"), head="  ")
            yield from (Line(line, "dim", "      ") for line in text["text"].splitlines())
    if len(found["sendings"]) > 1:
        yield Line("")
        yield Line(DEPENDS)
    yield from (Line(one_line(notice), "yellow", "Note: ") for notice in found["notices"])
