"""`tandem receipts` and `/receipt`: what left this machine for each answer, and what that cost, by month and by model.

Its JSON, with times in UTC:

    {"since": null,
     "receipts": [{"id": 1, "at": "2026-11-20T17:30:00+00:00", "thread": "…", "asked": null, "outcome": "answered",
                   "path": ["triage", "…"], "receipt": {"sent": true, "…": "as in `tandem ask --json`"}}],
     "months": [{"month": "2026-11", "answers": 1, "sent": 1,
                 "input": 700, "output": 60, "usd": 0.00235, "unpriced": 0}],
     "models": [{"model": "openai:gpt-4o", "answers": 1, "input": 700, "output": 60, "usd": 0.00235, "unpriced": 0}],
     "budget": {"month": "2026-11", "usd_per_month": 20.0, "counted_usd": 0.00235, "open": 0, "open_usd": 0.0}}

`asked` is the `id` of a batch's line. `outcome` is `answered`, `waiting` for the user's reply, or `stopped`: something
was sent, and nobody got an answer. `usd` is what is known; of `unpriced` sendings prices.toml says no price.
`counted_usd` is what [budget] counts for this month, evaluations included; `open` calls of it are under way, or ended
so that nobody knows what they cost, or were lost with a process: the most that they can have cost is counted.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

from apps.question import UsageWrong
from apps.show import ONLINE, Line, one_line, usd
from graphs.reply import Receipt
from privacy.budget import Spent, spent
from privacy.ledger import Ledger, month_of
from privacy.prices import dollars
from privacy.receipts import by_model, by_month, listed

Report = Mapping[str, Any]
NOTHING = "Nothing left this machine."


def report(ledger: Ledger, since: str | None, limit: float | None, now: float) -> Report:
    """Of all that is kept; a file that is not there has nothing in it, and is not made."""
    after, month = _midnight(since), month_of(now)
    if not ledger.exists:
        return {
            "since": since, "receipts": [], "months": [], "models": [], "budget": _budget(Spent(month, 0, 0, 0), limit)
        }  # fmt: skip
    with ledger.reading() as connection:
        return {
            "since": since,
            "receipts": [*listed(connection, after)],
            "months": by_month(connection, after),
            "models": by_model(connection, after),
            "budget": _budget(spent(connection, month), limit),
        }


def _budget(now: Spent, limit: float | None) -> Report:
    return {
        "month": now.month,
        "usd_per_month": limit,
        "counted_usd": dollars(now.nano),
        "open": now.open,
        "open_usd": dollars(now.open_nano),
    }


def _midnight(since: str | None) -> float:
    if since is None:
        return 0.0
    try:
        day = date.fromisoformat(since)
    except ValueError:
        raise UsageWrong("That is no date.", since, "Write it as 2026-11-20.") from None
    return datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()


# How it is shown ------------------------------------------------------------------------------------------------------


def receipt_lines(receipt: Receipt) -> list[Line]:
    """One receipt in full."""
    number = f"Receipt {receipt['id']}: " if receipt["id"] else ""
    told = [
        *(
            f"{cost['input']:,} tokens went to {cost['model']}, {cost['output']:,} came back, {usd(cost['usd'])}."
            for cost in receipt["costs"]
        ),
        *(f"{ONLINE[name].capitalize()} went to the {name} service." for name in receipt["services"]),
    ]
    about = "about " if receipt["estimated"] else ""
    return [
        Line(one_line(line), head=number if n == 0 else "") for n, line in enumerate(told or [NOTHING])
    ] + [
        *(Line(one_line(f"{_place(passage)} ({passage['label']})"), head="    ") for passage in receipt["passages"]),
        Line(
            f"Had a large model been sent everything: {about}{receipt['all_large_tokens']:,} tokens,"
            f" {usd(receipt['all_large_cost_usd'])}."
        ),
        *([Line(f"Prices are as of {receipt['prices_as_of']}.")] if receipt["prices_as_of"] else []),
    ]  # fmt: skip


def lines(report: Report) -> list[Line]:
    if not report["receipts"]:
        none = "There is no receipt yet." if report["since"] is None else f"None since {report['since']}."
        return [Line(none), *_budget_lines(report["budget"])]
    return [
        *map(_line, report["receipts"]),
        Line(""),
        *_table(("month", "answers", "that sent", *SUMS), map(_month, report["months"])),
        *([Line("")] if report["models"] else []),
        *_table(("model", "answers", *SUMS), map(_model, report["models"])),
        *_budget_lines(report["budget"]),
    ]


def _budget_lines(budget: Report) -> Iterator[Line]:
    if budget["usd_per_month"] is None and not budget["open"]:
        return
    limit = "" if budget["usd_per_month"] is None else f" of a budget of ${budget['usd_per_month']:,.2f}"
    yield Line("")
    yield Line(f"{budget['month']}: {usd(budget['counted_usd'])}{limit} is spent or set aside.")
    if budget["open"]:
        calls = f"{budget['open']:,} call{'s' if budget['open'] > 1 else ''}"
        yield Line(
            f"{usd(budget['open_usd'])} of it for {calls} of which the cost is not known: under way, broken off, or"
            " lost with a process that stopped. The most that they can have cost is counted."
        )


def _line(row: Mapping[str, Any]) -> Line:
    receipt: Receipt = row["receipt"]
    left = [
        *([f"{receipt['tokens']:,} tokens to {receipt['to']}, {usd(receipt['cost_usd'])}"] if receipt["sent"] else []),
        *(f"{ONLINE[name]} to the {name} service" for name in receipt["services"]),
    ]
    outcome = "" if row["outcome"] == "answered" else f"{row['outcome']}, "
    told = f"{row['at']} · thread {row['thread']} · {outcome}{'; '.join(left) or 'nothing left this machine'}"
    return Line(one_line(told), head=f"{row['id']:>5}  ")


SUMS = ("tokens in", "out", "cost")


def _month(row: Mapping[str, Any]) -> Sequence[str]:
    return (row["month"], f"{row['answers']:,}", f"{row['sent']:,}", *_sums(row))


def _model(row: Mapping[str, Any]) -> Sequence[str]:
    return (one_line(row["model"]), f"{row['answers']:,}", *_sums(row))


def _sums(row: Mapping[str, Any]) -> Sequence[str]:
    unknown = f", and {row['unpriced']:,} at an unknown cost" if row["unpriced"] else ""
    return (f"{row['input']:,}", f"{row['output']:,}", f"{usd(row['usd'])}{unknown}")


def _table(headings: Sequence[str], rows: Iterator[Sequence[str]]) -> Iterator[Line]:
    cells = [headings, *rows]
    if len(cells) > 1:
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        for row in cells:
            yield Line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _place(passage: Mapping[str, Any]) -> str:
    return f"{passage['collection']}/{passage['source']}, page {passage['page']}"
