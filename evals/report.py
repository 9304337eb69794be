"""Rows -> the report: figures with their intervals, those of each kind and half, and the questions that went worst."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from evals.cases import Case
from evals.metrics import Figure, Group, balanced, length, mean, percentile, separation, share
from evals.run import Row, Searched, abstained
from graphs.reply import Reply
from ingest.errors import Trouble

if TYPE_CHECKING:
    from rich.table import Table

HARDEST = 10

TITLES = {
    "route": "route right",
    "intent": "intent right",
    "complexity": "difficulty right (balanced)",
    "hit_at_1": "page found first (hit@1)",
    "hit_at_5": "page among five (hit@5)",
    "mrr_at_10": "page's rank (MRR@10)",
    "citation_precision": "cited pages that are right",
    "citation_recall": "right pages that are cited",
    "answer_f1": "answer's words (token F1)",
    "figures_recall": "answer's numbers",
    "answer_words": "words of an answer",
    "correct_refusals": "unanswerable, refused",
    "false_refusals": "answerable, refused",
    "near_misses_refused": "near misses, refused",
    "auroc": "answerable told apart (AUROC)",
    "median_ms": "median ms",
    "p95_ms": "95th percentile ms",
}
FAULTS = {
    "route": "another route",
    "intent": "another intent",
    "complexity": "difficulty misjudged",
    "hit_at_5": "page not found",
    "citation_recall": "no right page cited",
    "answer_f1": "no word right",
    "figures_recall": "no number right",
    "correct_refusals": "answered",
    "false_refusals": "refused",
    "error": "not asked",
}
"""What is said of a question whose figure could not be worse."""
SHARES = ("route", "intent", "hit_at_1", "hit_at_5", "correct_refusals", "false_refusals")
MEANS = ("mrr_at_10", "citation_precision", "citation_recall", "answer_f1", "figures_recall")
LESS_IS_BETTER = frozenset({"false_refusals"})
REFUSED = frozenset({"citation_recall", "answer_f1", "figures_recall"})
"""What goes without saying of a question that was refused."""

GROUPINGS: dict[str, Callable[[Case], str | None]] = {"by_kind": attrgetter("kind"), "by_half": attrgetter("half")}
COLUMNS = {
    "route": "route",
    "intent": "intent",
    "hit_at_1": "hit@1",
    "hit_at_5": "hit@5",
    "mrr_at_10": "MRR",
    "answer_f1": "F1",
    "false_refusals": "wrongly refused",
    "correct_refusals": "rightly refused",
    "auroc": "AUROC",
}
"""What is shown of each group; --json has all of its figures."""


Miss = tuple[Case, Searched]
"""A near miss, searched for."""


@dataclass(frozen=True)
class Report:
    """What `tandem eval` found out."""

    set: str
    rows: Sequence[Row]
    near_misses: Sequence[Miss]
    troubles: Sequence[Trouble]
    """Documents that could not be read, and questions that could not be asked."""

    @property
    def figures(self) -> dict[str, Figure]:
        return figures(self.rows, self.near_misses)

    @property
    def groups(self) -> dict[str, dict[str, dict[str, Figure]]]:
        """The figures of each group, for each way of grouping that the set says."""
        return {name: grouped(self.rows, by) for name, by in GROUPINGS.items()}


# Figures --------------------------------------------------------------------------------------------------------------


def figures(rows: Sequence[Row], near_misses: Sequence[Miss] = ()) -> dict[str, Figure]:
    """Those that the set says enough for, in the order of TITLES."""
    found = {
        **_each(SHARES, share, rows),
        **_each(MEANS, mean, rows),
        **_complexity(rows),
        **_refusals(rows, near_misses),
        **_answers(rows),
    }
    return {name: found[name] for name in TITLES if name in found}


def grouped(rows: Sequence[Row], by: Callable[[Case], str | None]) -> dict[str, dict[str, Figure]]:
    """Each group's figures, in the order in which the set names the groups."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if name := by(row.case):
            groups[name].append(row)
    return {name: figures(members) for name, members in groups.items()}


def _each(names: Sequence[str], figure: Callable[[Sequence[float]], Figure], rows: Sequence[Row]) -> dict[str, Figure]:
    values = {name: [row.scores[name] for row in rows if name in row.scores] for name in names}
    return {name: figure(scores) for name, scores in values.items() if scores}


def _complexity(rows: Sequence[Row]) -> dict[str, Figure]:
    right = {
        kind: [r.scores["complexity"] for r in rows if r.scores and r.case.complex is kind] for kind in (True, False)
    }
    return {"complexity": balanced(*right.values())} if any(right.values()) else {}


def _refusals(rows: Sequence[Row], near_misses: Sequence[Miss]) -> dict[str, Figure]:
    refused = [float(not seen.answered) for _, seen in near_misses]
    groups = _confidences(rows, near_misses)
    told_apart = any(yes for yes, _ in groups) and any(no for _, no in groups)
    return {
        **({"near_misses_refused": share(refused)} if refused else {}),
        **({"auroc": separation(groups)} if told_apart else {}),
    }


def _confidences(rows: Sequence[Row], near_misses: Sequence[Miss]) -> list[Group]:
    """Near misses in one group with the question that they were made from: they are not independent of it."""
    groups: dict[str, tuple[list[float], list[float]]] = defaultdict(lambda: ([], []))
    for row in rows:
        if row.searched is not None and row.case.answerable is not None:
            groups[row.case.id][0 if row.case.answerable else 1].append(row.searched.confidence)
    for case, seen in near_misses:
        groups[case.made_from or case.id][1].append(seen.confidence)
    return [*groups.values()]


def _answers(rows: Sequence[Row]) -> dict[str, Figure]:
    took = [row.reply["ms"]["total"] for row in rows if row.reply]
    long = [float(length(row.reply["answer"])) for row in rows if row.reply and _has_answer(row.reply, row)]
    return {
        **({"median_ms": percentile(took, 50), "p95_ms": percentile(took, 95)} if took else {}),
        **({"answer_words": mean(long)} if long else {}),
    }


def _has_answer(reply: Reply, row: Row) -> bool:
    return "answer_f1" in row.scores and not abstained(reply)


# Failures -------------------------------------------------------------------------------------------------------------


def wrong(row: Row) -> list[str]:
    """Its figures that could not be worse."""
    if row.trouble is not None:
        return ["error"]
    return [name for name in FAULTS if name in row.scores and _goodness(name, row) == 0]


def hardest(rows: Sequence[Row]) -> list[Row]:
    """The questions with most wrong, worst first."""

    def hardness(row: Row) -> tuple[bool, int, float, str]:
        good = [_goodness(name, row) for name in row.scores]
        return (row.trouble is None, -len(wrong(row)), sum(good) / max(len(good), 1), row.case.id)

    return sorted((row for row in rows if wrong(row)), key=hardness)[:HARDEST]


def _goodness(name: str, row: Row) -> float:
    return 1 - row.scores[name] if name in LESS_IS_BETTER else row.scores[name]


def below(found: Mapping[str, Figure], floors: Mapping[str, float]) -> dict[str, float]:
    """The figures that miss their floor (their ceiling, where less is better), with what was measured."""
    return {
        name: round(found[name].value, 4)
        for name, floor in floors.items()
        if (found[name].value > floor if name in LESS_IS_BETTER else found[name].value < floor)
    }


# On paper -------------------------------------------------------------------------------------------------------------


def as_json(report: Report) -> dict[str, Any]:
    return {
        "set": report.set,
        "questions": len(report.rows),
        "near_misses": len(report.near_misses),
        "figures": _titled(report.figures),
        **{
            name: {group: _titled(measured) for group, measured in groups.items()}
            for name, groups in report.groups.items()
        },
        "hardest": [{"id": row.case.id, "wrong": wrong(row)} for row in hardest(report.rows)],
        "errors": [{"what": t.what, "value": t.value, "do": t.do} for t in report.troubles],
        "rows": rows_as_json(report),
    }


def rows_as_json(report: Report) -> list[dict[str, Any]]:
    """One for each question, the near misses last."""
    return [
        *map(_row_as_json, report.rows),
        *(
            {"id": case.id, "question": case.question, "near_miss": True, **_searched_as_json(seen)}
            for case, seen in report.near_misses
        ),
    ]


def _row_as_json(row: Row) -> dict[str, Any]:
    reply = row.reply
    known: dict[str, Any] = {
        "id": row.case.id, "question": row.case.question, "kind": row.case.kind, "half": row.case.half,
        "near_miss": False,
    }  # fmt: skip
    if reply is None or row.searched is None:
        trouble = row.trouble
        return {**known, "error": trouble and {"what": trouble.what, "value": trouble.value, "do": trouble.do}}
    return {
        **known,
        "scores": {name: round(score, 4) for name, score in row.scores.items()},
        "wrong": wrong(row),
        "route": reply["route"],
        "intent": reply["intent"],
        "score": reply["score"],
        "abstained": abstained(reply),
        "answer": reply["answer"],
        "words": length(reply["answer"]),
        "citations": reply["citations"],
        **_searched_as_json(row.searched),
        "ms": reply["ms"]["total"],
    }


def _searched_as_json(seen: Searched) -> dict[str, Any]:
    return {
        "passages": [{"source": source, "page": page} for source, page in seen.places],
        "answered": seen.answered,
        "confidence": round(seen.confidence, 4),
    }


def _titled(measured: Mapping[str, Figure]) -> dict[str, dict[str, Any]]:
    return {
        name: {"title": TITLES[name], **{key: round(value, 4) for key, value in asdict(figure).items()}}
        for name, figure in measured.items()
    }


def heading(report: Report) -> str:
    misses = f", {len(report.near_misses)} near misses" if report.near_misses else ""
    return f"{report.set}: {len(report.rows)} question{'s' if len(report.rows) != 1 else ''}{misses}"


def cells(report: Report) -> list[tuple[str, str, str, str]]:
    """Title, value, interval and number of questions of each figure."""
    return [
        (TITLES[name], _written(f.value), f"{_written(f.low)} – {_written(f.high)}", str(f.n))
        for name, f in report.figures.items()
    ]


def failures(report: Report) -> list[str]:
    return [f"{row.case.id}: {', '.join(FAULTS[name] for name in _told(wrong(row)))}" for row in hardest(report.rows)]


def _told(faults: Sequence[str]) -> list[str]:
    return [name for name in faults if "false_refusals" not in faults or name not in REFUSED]


Grid = Sequence[Sequence[str]]
"""A head and rows, each beginning with its title."""


def grids(report: Report) -> list[Grid]:
    """All figures of the set, then the main ones of its groups."""
    every = [("", "", "95% interval", "n"), *cells(report)]
    return [every, *(_grid(name, groups) for name, groups in report.groups.items() if groups)]


def _grid(name: str, groups: Mapping[str, Mapping[str, Figure]]) -> Grid:
    shown = [column for column in COLUMNS if any(column in measured for measured in groups.values())]
    rows = [
        [group, *(_written(measured[column].value) if column in measured else "" for column in shown)]
        for group, measured in groups.items()
    ]
    return [[name.replace("_", " "), *(COLUMNS[column] for column in shown)], *rows]


def text(report: Report) -> str:
    """Plain lines, for a file or another program."""
    blocks = [[heading(report)], *map(_lines, grids(report))]
    if worst := failures(report):
        blocks.append(["What went worst:", *(f"  {line}" for line in worst)])
    return "\n\n".join("\n".join(block) for block in blocks)


def _lines(grid: Grid) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*grid, strict=True)]
    return ["  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in grid]


def tables(report: Report) -> "list[Table]":
    """For a terminal."""
    from rich.table import Table
    from rich.text import Text

    drawn = []
    for head, *rows in grids(report):
        drawn.append(Table(box=None, pad_edge=False))
        for place, title in enumerate(head):
            drawn[-1].add_column(Text(title), justify="right" if place else "left")
        for row in rows:
            drawn[-1].add_row(*map(Text, row))
    return drawn


def _written(value: float) -> str:
    return f"{value:.3f}" if value <= 1 else f"{value:.1f}"
