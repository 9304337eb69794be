"""Written documents and questions -> models/embedded/answerable.json, and how it fares on documents it has not seen.

By hand, some minutes:
python -m benchmarks.fit_answerable [SET…]      # an evaluation set with documents is only reported on

benchmarks/answerable/ has a folder for each invented organisation. Under a heading stand its text and questions: `?` it
answers in its own words, `~` in others, `!` nothing answers. brightwater.md asks about corpora/. More that nothing
answers is made of these: the section that answers taken away, another organisation's question, a name put in, and
evals/near_misses.py.
"""

import argparse
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from evals.near_misses import Words, near_misses, words_of
from ingest.folder import listed
from ingest.index import Index
from ingest.retriever import Retriever
from ingest.writer import Writer
from models.embedded.answerable import ENOUGH, SHIPPED, Looked, Weights, look
from models.embedded.encoder import Encoder
from models.embedded.typos import mended
from models.embedded.writer import quote

WRITTEN = Path(__file__).with_name("answerable")
CORPORA = Path(__file__).parent.parent / "corpora"
BRIGHTWATER = [CORPORA / name for name in ("401k", "benefits", "restricted", "public")]
TOGETHER = "all together"

ANSWERED, FAR, NOWHERE = "?~!"
COUNTS = {"rule-year": 0.2, "rule-number": 0.3, "rule-plan": 0.5, "rule-name": 0.5, "rule-benefit": 0.7, "none": 0.5}
COUNTS |= {"far": 0.7, "told far": 0.5}
"""Of a case's kind, for there are many of what a rule makes; the others count 1."""
SHRINK = 3e-3

STORIES = [
    "Hi there, I joined the team in spring and I am still finding my feet here, so forgive me if this is obvious. {} "
    "Thanks a lot, Priya",
    "I am 47, make $52,300 and have been around for 14 years now. {}",
    "My colleague Tom and I could not agree on this over coffee yesterday: {}",
    "sorry to bother you again but {} cheers",
    "I have read everything twice and still do not get it. {} Please explain it step by step and give me an example.",
    "We just moved into a new house with 3 kids, a mortgage of $1,950 a month and a long drive, and there is so much "
    "paperwork. {}",
]
NAMES = [
    "under the Zephyr scheme", "for Falconer members", "in the Quartz option", "with a Lumen contract",
    "under Solveig Select", "at the Oakhurst branch", "for the Marlow division", "on the Ridgeline tier",
]  # fmt: skip

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


# What is written


@dataclass(frozen=True)
class Section:
    document: Path
    title: str
    heading: str
    text: str
    questions: Sequence[tuple[str, str]]
    """Each with its mark."""


def sections(document: Path) -> Iterator[Section]:
    top, *parts = re.split(r"(?m)^## ", document.read_text("utf-8"))
    for part in parts:
        heading, *lines = part.splitlines()
        asked = [(line[0], line[2:]) for line in lines if line[:2] in ("? ", "~ ", "! ")]
        text = " ".join(line for line in lines if line.strip() and line[:2] not in ("? ", "~ ", "! "))
        yield Section(document, top.strip(), heading, text, asked)


def written(documents: Sequence[Section], folder: Path) -> Path:
    """The sections as documents, without the questions."""
    for document in {section.document for section in documents}:
        own = [section for section in documents if section.document == document]
        pieces = [own[0].title, *(f"## {section.heading}\n\n{section.text}" for section in own)]
        (folder / document.name).write_text("\n\n".join(pieces), "utf-8")
    return folder


# What is asked of it


@dataclass(frozen=True)
class Case:
    place: str
    """What was searched."""
    kind: str
    answerable: bool
    looked: Looked | None
    """None when nothing at all was found."""


@dataclass(frozen=True)
class Asked:
    question: str
    kind: str
    answerable: bool


Look = Callable[[str], Looked | None]


def searching(encoder: Encoder, retriever: Retriever, collections: Sequence[str]) -> Look:
    def looked(question: str) -> Looked | None:
        question = mended(question, retriever, encoder.words)
        query = encoder.query(question)
        evidence = retriever.search(question, query, collections)
        quotation = quote(question, query, evidence.readings, evidence.statistics)
        if quotation is None:
            return None
        return look(question, query, quotation, evidence.readings, evidence.statistics, encoder)

    return looked


def indexed(encoder: Encoder, folders: Sequence[Path], data: Path) -> Look:
    index = Index(data)
    writer = Writer(index, encoder)
    for folder in folders:
        writer.ingest(listed(folder, folder.name))
    return searching(encoder, Retriever(index), [folder.name for folder in folders])


def as_written(questions: Sequence[tuple[str, str]]) -> Iterator[Asked]:
    """As they are, some of them inside a story or with a name that is nowhere."""
    kinds = {ANSWERED: "plain", FAR: "far", NOWHERE: "near"}
    for mark, question in questions:
        kind, chance = kinds[mark], crc32(question.encode())
        yield Asked(question, kind, mark != NOWHERE)
        if chance % 3 == 0:
            yield Asked(STORIES[chance // 3 % len(STORIES)].format(question), f"told {kind}", mark != NOWHERE)
        if mark == ANSWERED and chance // 16 % 3 == 0:
            yield Asked(f"{question.rstrip('?. ')} {NAMES[chance // 256 % len(NAMES)]}?", "rule-name", False)


def two_at_once(questions: Sequence[tuple[str, str]]) -> Iterator[Asked]:
    plain = [question for mark, question in questions if mark == ANSWERED]
    for one, other in zip(plain[::4], plain[7::4], strict=False):
        yield Asked(f"{one.rstrip('?')}? And {other[0].lower()}{other[1:]}", "two", True)


def by_rule(questions: Sequence[tuple[str, str]], folders: Sequence[Path]) -> Iterator[Asked]:
    known = [words_of(folder) for folder in folders]
    words = Words([s for k in known for s in k.sentences], [h for k in known for h in k.headings])
    answered = [(str(n), question) for n, (mark, question) in enumerate(questions) if mark != NOWHERE]
    for miss in near_misses(answered, words):
        yield Asked(miss.question, f"rule-{miss.kind}", False)


def cases(place: str, asked: Iterator[Asked], look: Look) -> Iterator[Case]:
    for one in asked:
        yield Case(place, one.kind, one.answerable, look(one.question))


def all_cases(encoder: Encoder, folder: Path) -> Iterator[Case]:
    places = {path.name: [s for d in sorted(path.glob("*.md")) for s in sections(d)] for path in organisations()}
    fresh = (folder / str(number) for number in count())
    look_in = partial(_index_of, encoder, fresh)
    for place, there in [*places.items(), (TOGETHER, [s for own in places.values() for s in own])]:
        yield from _asked_here(place, there, look_in)
        yield from _taken_away(place, there, look_in, parts=3 if place == TOGETHER else 5)
        if place != TOGETHER:
            look, _ = look_in(there)
            others = [s for other, own in places.items() if other != place for s in own]
            yield from cases(place, (Asked(q, "none", False) for _, q in answered(others)[::12]), look)
    yield from brightwater(encoder, next(fresh), [s for own in places.values() for s in own])


def organisations() -> list[Path]:
    return sorted(path for path in WRITTEN.iterdir() if path.is_dir())


def answered(there: Sequence[Section]) -> list[tuple[str, str]]:
    return [(mark, question) for section in there for mark, question in section.questions if mark != NOWHERE]


def _index_of(encoder: Encoder, fresh: Iterator[Path], there: Sequence[Section]) -> tuple[Look, Path]:
    folder = next(fresh)
    (folder / "documents").mkdir(parents=True)
    documents = written(there, folder / "documents")
    return indexed(encoder, [documents], folder / "data"), documents


LookIn = Callable[[Sequence[Section]], tuple[Look, Path]]


def _asked_here(place: str, there: Sequence[Section], look_in: LookIn) -> Iterator[Case]:
    look, documents = look_in(there)
    questions = [asked for section in there for asked in section.questions]
    yield from cases(place, as_written(questions), look)
    yield from cases(place, two_at_once(questions), look)
    yield from cases(place, by_rule(questions, [documents]), look)


def _taken_away(place: str, there: Sequence[Section], look_in: LookIn, parts: int) -> Iterator[Case]:
    """What a section answers, asked when it is gone."""
    for part in range(parts):
        look, _ = look_in([section for n, section in enumerate(there) if n % parts != part])
        yield from cases(place, (Asked(q, "gone", False) for _, q in answered(there[part::parts])), look)


def brightwater(encoder: Encoder, data: Path, others: Sequence[Section]) -> Iterator[Case]:
    questions = [asked for section in sections(WRITTEN / "brightwater.md") for asked in section.questions]
    look = indexed(encoder, BRIGHTWATER, data)
    yield from cases("brightwater", as_written(questions), look)
    yield from cases("brightwater", by_rule(questions, BRIGHTWATER), look)
    yield from cases("brightwater", (Asked(q, "none", False) for _, q in answered(others)[::8]), look)


def of_a_set(encoder: Encoder, folder: Path, data: Path) -> Iterator[Case]:
    lines = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines() if line.strip()]
    questions = [(ANSWERED if line.get("answerable", True) else NOWHERE, str(line["question"])) for line in lines]
    look = indexed(encoder, [folder / "documents"], data)
    asked = [Asked(q, {ANSWERED: "plain", NOWHERE: "none"}[mark], mark != NOWHERE) for mark, q in questions]
    yield from cases(folder.name, iter(asked), look)
    yield from cases(folder.name, by_rule(questions, [folder / "documents"]), look)


# Fitting


@dataclass(frozen=True)
class Table:
    """The cases as columns."""

    place: NDArray[np.str_]
    kind: NDArray[np.str_]
    answerable: Mask
    signs: Floats
    veto: Floats

    @property
    def counts(self) -> Floats:
        """Each place counts the same, and in each the answerable as much as the others."""
        counts = np.array([COUNTS.get(kind, 1.0) for kind in self.kind])
        for place in set(self.place):
            for answerable in (True, False):
                rows = (self.place == place) & (self.answerable == answerable)
                counts[rows] /= counts[rows].sum()
        return counts

    def only(self, rows: Mask) -> "Table":
        return Table(*(column[rows] for column in vars(self).values()))


def table(found: Sequence[Case]) -> Table:
    seen = [(case, case.looked) for case in found if case.looked is not None]
    return Table(
        np.array([case.place for case, _ in seen]),
        np.array([case.kind for case, _ in seen]),
        np.array([case.answerable for case, _ in seen]),
        np.array([astuple(looked.signs) for _, looked in seen]),
        np.array([looked.veto for _, looked in seen]),
    )


def fitted(rows: Table) -> Floats:
    """A weight for each sign and the bias: logistic regression by Newton's steps, the veto given."""
    counts = rows.counts / rows.counts.sum()
    middles = counts @ rows.signs
    spreads = np.sqrt(counts @ (rows.signs - middles) ** 2) + 1e-6
    standard = np.column_stack([(rows.signs - middles) / spreads, np.ones(len(counts))])
    shrink = np.diag([*[SHRINK] * len(spreads), 1e-9])
    weights = np.zeros(len(spreads) + 1)
    for _ in range(40):
        likely = 1 / (1 + np.exp(rows.veto - standard @ weights))
        slope = standard.T @ (counts * (likely - rows.answerable)) + shrink @ weights
        curve = (standard * (counts * likely * (1 - likely))[:, None]).T @ standard + shrink
        weights -= np.linalg.solve(curve, slope)
    scaled = weights[:-1] / spreads
    return np.array([*scaled, weights[-1] - scaled @ middles])


def confidences(rows: Table, weights: Floats) -> Floats:
    confident: Floats = 1 / (1 + np.exp(rows.veto - rows.signs @ weights[:-1] - weights[-1]))
    return confident


def held_out(rows: Table) -> Floats:
    """Each organisation's cases by what the others taught."""
    scores = np.zeros(len(rows.place))
    for place in set(rows.place):
        others = (rows.place != place) & (rows.place != TOGETHER)
        scores[rows.place == place] = confidences(rows.only(rows.place == place), fitted(rows.only(others)))
    return scores


# Telling


def auroc(scores: Floats, answerable: Mask) -> float:
    yes, no = scores[answerable][:, None], scores[~answerable]
    return float((yes > no).mean() + (yes == no).mean() / 2)


def report(name: str, scores: Floats, rows: Table) -> Iterator[str]:
    rule = np.char.startswith(rows.kind, "rule")
    written = auroc(scores[~rule], rows.answerable[~rule])
    yield f"{name}: AUROC {auroc(scores, rows.answerable):.3f}, {written:.3f} without what rules made"
    for answerable, title in ((True, "answerable"), (False, "unanswerable")):
        here = rows.answerable == answerable
        kinds = ((kind, here & (rows.kind == kind)) for kind in sorted(set(rows.kind[here])))
        each = [f"{kind} {(scores[there] < ENOUGH).mean():.2f} of {there.sum()}" for kind, there in kinds]
        yield f"  {title}, refused: {', '.join(each)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sets", nargs="*", type=Path, help="evaluation sets with documents, to report on")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/tandem").expanduser())
    asked = parser.parse_args()

    encoder = Encoder(asked.cache)
    with TemporaryDirectory() as folder:
        rows = table([*all_cases(encoder, Path(folder))])
        sets = [table([*of_a_set(encoder, path, Path(folder) / path.name)]) for path in asked.sets]
    weights = fitted(rows)
    names = [field.name for field in fields(Weights)]
    SHIPPED.write_text(json.dumps(dict(zip(names, weights.round(2).tolist(), strict=True)), indent=1) + "\n", "utf-8")
    print(f"{len(rows.place)} cases; {Weights.read(SHIPPED)}")
    scores = held_out(rows)
    for place in sorted(set(rows.place)):
        there = rows.place == place
        print(*report(f"{place}, held out", scores[there], rows.only(there)), sep="\n")
    for path, seen in zip(asked.sets, sets, strict=True):
        print(*report(path.name, confidences(seen, weights), seen), sep="\n")


if __name__ == "__main__":
    main()
