"""`make bench`: print the figures, and with --keep write them to a file, with the machine and the date."""

import argparse
import asyncio
import json
import os
import platform
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from apps.evaluate import measured, opened
from apps.indexing import index_configured
from apps.settings import ROOT, read
from apps.wiring import Parts, Places, cache_folder
from benchmarks import speed
from benchmarks.figure import Figure
from evals.report import cells

HERE = Path(__file__).parent


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure answers and speed.")
    parser.add_argument("set", nargs="?", type=Path, help="a set with documents/ (default: the sample company's)")
    parser.add_argument("--keep", type=Path, help="write the figures here as Markdown")
    given = parser.parse_args()
    lines = [*_heading(given.set), *_table(_answers(given.set)), "", *_table(_speed(given.set))]
    print("\n".join(lines))
    if given.keep:
        given.keep.write_text("\n".join(lines) + "\n", "utf-8")


def _heading(questions: Path | None) -> list[str]:
    name = questions.name if questions else "company"
    cores = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    return [f"# {name}, {date.today().isoformat()}", "", f"{cores}. `python -m benchmarks {_shown(questions)}`", ""]


def _shown(questions: Path | None) -> str:
    return f"PATH/TO/{questions.name}" if questions else ""


def _answers(questions: Path | None) -> Iterator[Figure]:
    """What `tandem eval --near-misses` prints."""
    parts = Parts(read(), Places(ROOT / ".tandem", cache_folder()))
    index_configured(parts)
    report = asyncio.run(measured(opened(parts, questions or ROOT / "evals" / "company"), True))
    for name, value, interval, count in cells(report):
        yield Figure(name, f"{value} ({interval}, n = {count})", GOALS.get(name, "") if questions else "")


# Set for northwind-dev.
GOALS = {
    "page's rank (MRR@10)": ">= .80",
    "page among five (hit@5)": ">= .90",
    "answer's words (token F1)": ">= .52",
    "answerable told apart (AUROC)": ">= .93",
}


def _speed(questions: Path | None) -> Iterator[Figure]:
    folder = questions or ROOT / "evals" / "company"
    documents = questions / "documents" if questions else ROOT / "corpora" / "benefits"
    asked = [json.loads(line)["question"] for line in (folder / "questions.jsonl").read_text("utf-8").splitlines()]
    yield speed.warm(documents, asked, cache_folder())
    yield speed.ingest(documents, cache_folder())
    yield from speed.cold(cache_folder())
    yield from speed.encoders(cache_folder())


def _table(figures: Iterator[Figure]) -> Iterator[str]:
    yield "| figure | measured | goal |"
    yield "| --- | --- | --- |"
    for figure in figures:
        yield f"| {figure.name} | {figure.told} | {figure.goal} |"
        print(f"{figure.name}: {figure.told}", file=sys.stderr)


if __name__ == "__main__":
    main()
