"""Exam questions and workplace questions -> models/embedded/difficulty.npz, and the figures that chose its constants.

By hand, a few minutes the first time:
python benchmarks/fit_difficulty.py ../shared/data/difficulty/train.jsonl
"""

import argparse
import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.embedded import difficulty
from models.embedded.difficulty import EXAM, GENERAL, WORK, Difficulty, Learned, Vector, Vectors, measures
from models.embedded.encoder import Encoder

Mask = NDArray[np.bool_]

WORKPLACE = Path(difficulty.__file__).with_name("workplace.toml")

CENTRES = 200
ROUNDS = 12  # of moving the centres
SHRINK_WRONG, SHRINK_GAINS, SHRINK_WORK, SHRINK_AT_WORK = 10.0, 10.0, 1.0, 0.3
WORDS_COUNT = 0.1  # a work measure beside one dimension of the vector
MARGIN = 450  # rows to either side of a block that are left out: an exam's questions stand together


@dataclass(frozen=True)
class Exams:
    """Exam questions, once without and once with their choices."""

    measured: Vectors
    bare: Vectors
    whole: Vectors
    large: Vector
    small: Vector

    @property
    def wrong(self) -> Vector:
        return 1 - self.small

    @property
    def gained(self) -> Vector:
        return self.large - self.small

    def only(self, rows: Mask) -> "Exams":
        return Exams(*(values[rows] for values in vars(self).values()))


@dataclass(frozen=True)
class Workplace:
    """Written questions, and which of them are hard."""

    measured: Vectors
    vectors: Vectors
    hard: Vector

    def only(self, rows: Mask) -> "Workplace":
        return Workplace(*(values[rows] for values in vars(self).values()))


# Fitting


def learn(exams: Exams, workplace: Workplace) -> Learned:
    return with_work(from_exams(exams), exams, workplace)


def from_exams(exams: Exams) -> Learned:
    """All that exam questions teach; nothing of work yet."""
    nothing = np.zeros(0, np.float32)
    middles, spreads = exams.measured.mean(axis=0), exams.measured.std(axis=0) + 1e-6
    learned = Learned(middles, spreads, *[nothing] * 6)
    standard = difficulty.standardised(learned, exams.measured)
    unit = standard[:, GENERAL].mean(axis=1).std()
    wrong = regression(standard[:, EXAM], exams.wrong, SHRINK_WRONG)[:-1]
    centres, gains = table(exams)
    learned = replace(
        learned,
        wrong=wrong * unit / (standard[:, EXAM] @ wrong).std(),
        centres=centres,
        gains=gains * unit / (difficulty.shares(centres, exams.bare) @ gains).std(),
    )
    part = difficulty.raw_exam_part(learned, exams.measured, exams.bare)
    return replace(learned, scale=np.array([np.quantile(part, 1 - exams.wrong.mean()), part.std()], np.float32))


def table(exams: Exams) -> tuple[Vectors, Vector]:
    """Centres, and what the large model gains around each: once where both are wrong, four times where it is right."""
    centres = middles_of_groups(exams.bare, CENTRES)
    shares = difficulty.shares(centres, np.vstack([exams.bare, exams.whole]))
    needed = np.tile(exams.wrong + 3 * exams.gained, 2)
    penalty = SHRINK_GAINS * np.eye(CENTRES)
    return centres, np.linalg.solve(shares.T @ shares + penalty, shares.T @ (needed - needed.mean()))


def with_work(learned: Learned, exams: Exams, workplace: Workplace) -> Learned:
    """The same, with what workplace questions teach."""
    middles, spreads = learned.middles.copy(), learned.spreads.copy()
    middles[WORK] = workplace.measured[:, WORK].mean(axis=0)
    spreads[WORK] = workplace.measured[:, WORK].std(axis=0) + 1e-6
    learned = replace(learned, middles=middles, spreads=spreads)
    signs = WORDS_COUNT * difficulty.standardised(learned, workplace.measured)[:, WORK]
    work = regression(np.hstack([workplace.vectors, signs]), workplace.hard, SHRINK_WORK)
    work[workplace.vectors.shape[1] : -1] *= WORDS_COUNT
    return replace(learned, work=work, at_work=from_where(exams, workplace))


def from_where(exams: Exams, workplace: Workplace) -> Vector:
    """Asked at work, or in an exam?"""
    asked = np.vstack([exams.bare, exams.whole, workplace.vectors])
    at_work = (np.arange(len(asked)) >= 2 * len(exams.bare)).astype(np.float32)
    return regression(asked, at_work, SHRINK_AT_WORK)


def regression(rows: Vectors, truth: Vector, shrink: float) -> Vector:
    """Logistic, both answers with the same say; the constant last."""
    x = np.hstack([rows, np.ones((len(rows), 1))])
    share = np.where(truth == 1, 0.5 / truth.mean(), 0.5 / (1 - truth.mean()))
    penalty = np.diag([shrink] * rows.shape[1] + [0.0])
    weights = np.zeros(x.shape[1])
    for _ in range(20):
        p = 1 / (1 + np.exp(-x @ weights))
        slope = x.T @ (share * (p - truth)) + penalty @ weights
        weights -= np.linalg.solve((x * (share * p * (1 - p))[:, None]).T @ x + penalty, slope)
    return weights.astype(np.float32)


def middles_of_groups(vectors: Vectors, count: int) -> Vectors:
    """Centres of groups of alike vectors, of length one."""
    centres = vectors[np.random.default_rng(0).choice(len(vectors), count, replace=False)]
    for _ in range(ROUNDS):
        nearest = (vectors @ centres.T).argmax(axis=1)
        sums = np.eye(count, dtype=np.float32)[nearest].T @ vectors
        lengths = np.linalg.norm(sums, axis=1, keepdims=True)
        centres = np.where(lengths > 0, sums / np.maximum(lengths, 1e-9), centres)
    return centres


# Measuring


def auroc(scores: Vector, truth: Mask) -> float:
    """How often a true one is above a false one."""
    _, where, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[where]
    true, false = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - true * (true + 1) / 2) / (true * false))


def recovered(scores: Vector, gained: Vector) -> float:
    """RouteLLM's APGR: the large model's lead recovered, averaged over how many questions it is given."""
    lead = np.append(0, np.cumsum(gained[np.argsort(-scores, kind="stable")])) / gained.sum()
    return float(np.trapezoid(lead) / len(gained))


def balanced(scores: Vector, hard: Mask) -> float:
    return float(((scores[hard] > 5).mean() + (scores[~hard] <= 5).mean()) / 2)


def apart(rows: int, folds: int) -> Iterator[tuple[Mask, Mask]]:
    """Whole blocks held out, with a margin: the questions of another exam."""
    where, edges = np.arange(rows), np.linspace(0, rows, folds + 1).astype(int)
    for start, end in pairwise(edges):
        yield (where < start - MARGIN) | (where >= end + MARGIN), (where >= start) & (where < end)


def mixed(names: Sequence[str], folds: int) -> Iterator[tuple[Mask, Mask]]:
    """Rows held out at random, the same text always together: other questions of the same exams."""
    fold = np.array([hashlib.sha256(name.encode()).digest()[0] % folds for name in names])
    for held in range(folds):
        yield fold != held, fold == held


def held_out(splits: Iterator[tuple[Mask, Mask]], rows: int, score: Callable[[Mask, Mask], Vector]) -> Vector:
    scores = np.zeros(rows, np.float32)
    for learning, held in splits:
        scores[held] = score(learning, held)
    return scores


def exam_line(name: str, scores: Vector, exams: Exams) -> str:
    wrong, gained = auroc(scores, exams.wrong == 1), auroc(scores, exams.gained > 0)
    return f"{name:44} {wrong:.3f}   {gained:.3f}   {recovered(scores, exams.gained):.3f}"


def exam_report(prompts: list[str], exams: Exams, workplace: Workplace) -> Iterator[str]:
    yield f"{len(prompts)} exam questions" + " " * 18 + "small wrong  large alone right  APGR"
    standard = difficulty.standardised(from_exams(exams), exams.measured)
    yield exam_line("length alone", standard[:, 0], exams)
    yield exam_line("general measures alone", standard[:, GENERAL].mean(axis=1), exams)
    for view in ("bare", "whole"):

        def score(learning: Mask, held: Mask, view: str = view) -> Vector:
            learned, asked = learn(exams.only(learning), workplace), exams.only(held)
            return Difficulty(learned).scores(asked.measured, getattr(asked, view))

        same, other = mixed(prompts, 5), apart(len(prompts), 10)
        yield exam_line(f"score, {view}, other questions of these exams", held_out(same, len(prompts), score), exams)
        yield exam_line(f"score, {view}, other exams", held_out(other, len(prompts), score), exams)


def work_report(exams: Exams, workplace: Workplace, topics: list[str]) -> Iterator[str]:
    learned, rows = from_exams(exams), len(topics)

    def score(learning: Mask, held: Mask) -> Vector:
        asked = workplace.only(held)
        return Difficulty(with_work(learned, exams, workplace.only(learning))).scores(asked.measured, asked.vectors)

    by_topic = ((np.array(topics) != topic, np.array(topics) == topic) for topic in dict.fromkeys(topics))
    for name, splits in (("other questions", mixed([str(n) for n in range(rows)], 7)), ("other topics", by_topic)):
        yield work_line(name, held_out(splits, rows, score), workplace)


def work_line(name: str, scores: Vector, workplace: Workplace) -> str:
    """Long and short apart, or length will pass for difficulty."""
    hard, long = workplace.hard == 1, np.expm1(workplace.measured[:, 0]) >= 20
    right = (scores > 5) == hard
    groups = [
        ("long easy", long & ~hard),
        ("short easy", ~long & ~hard),
        ("short hard", ~long & hard),
        ("long hard", long & hard),
    ]
    each = ", ".join(f"{group} {right[rows].mean():.2f} of {rows.sum()}" for group, rows in groups)
    return f"{name:16} balanced {balanced(scores, hard):.3f}   AUROC {auroc(scores, hard):.3f}   right: {each}"


# Reading


def embedded(texts: list[str], encoder: Encoder, cache: Path) -> Vectors:
    """Seven thousand exam questions take minutes: once is enough."""
    key = hashlib.sha256(json.dumps([texts, encoder.name]).encode()).hexdigest()[:16]
    kept = cache / f"difficulty-{key}.npy"
    if not kept.exists():
        np.save(kept, encoder.encode(texts))
    rows: Vectors = np.load(kept)
    return rows


def read_exams(rows: list[dict[str, str]], encoder: Encoder, cache: Path) -> Exams:
    prompts = [row["prompt"] for row in rows]
    return Exams(
        np.array([measures(prompt) for prompt in prompts]),
        embedded([difficulty.without_choices(prompt) for prompt in prompts], encoder, cache),
        embedded(prompts, encoder, cache),
        np.array([row["large_score"] for row in rows], np.float32),
        np.array([row["small_score"] for row in rows], np.float32),
    )


def read_workplace(questions: list[str], hard: list[bool], encoder: Encoder) -> Workplace:
    measured = np.array([measures(question) for question in questions])
    return Workplace(measured, encoder.encode(questions), np.array(hard, np.float32))


def lines(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text().split("\n") if line]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("exams", type=Path, help='JSON lines of {"prompt", "large_score", "small_score"}')
    parser.add_argument("--check", type=Path, help='JSON lines of {"question", "hard"}, written by somebody else')
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/tandem").expanduser())
    asked = parser.parse_args()

    encoder = Encoder(asked.cache)
    rows = lines(asked.exams)
    exams = read_exams(rows, encoder, asked.cache)
    written = [
        (question, kind == "hard", topic)
        for kind, by_topic in tomllib.loads(WORKPLACE.read_text()).items()
        for topic, questions in by_topic.items()
        for question in questions
    ]
    questions, hard, topics = (list(column) for column in zip(*written, strict=True))
    workplace = read_workplace(questions, hard, encoder)
    learn(exams, workplace).write(difficulty.SHIPPED)

    for line in exam_report([row["prompt"] for row in rows], exams, workplace):
        print(line)
    print(f"{len(questions)} workplace questions")
    for line in work_report(exams, workplace, topics):
        print(line)
    if asked.check:
        other = lines(asked.check)
        check = read_workplace([row["question"] for row in other], [bool(row["hard"]) for row in other], encoder)
        scores = Difficulty.shipped().scores(check.measured, check.vectors)
        odd = np.arange(len(other)) % 2 == 1
        print(work_line("check, even", scores[~odd], check.only(~odd)))
        print(work_line("check, odd", scores[odd], check.only(odd)))
    print(f"{difficulty.SHIPPED.name}: {difficulty.SHIPPED.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
