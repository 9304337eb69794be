"""Written questions -> models/embedded/breadth.npz, and how well it tells facts and subjects apart.

By hand, some seconds: python -m benchmarks.fit_breadth
Other sets show whether it carries over: python -m benchmarks.fit_breadth --other evals/company
"""

import argparse
import json
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evals.metrics import auroc
from models.embedded.breadth import MEANING, SHIPPED, SURE, Breadth, form_of
from models.embedded.encoder import Encoder

Rows = NDArray[np.float64]

HERE = Path(__file__).parent
SHRINK = 10.0  # flat from 3 to 30
FOLDS = 5


def written() -> Iterator[tuple[str, bool]]:
    """Each question, and whether it asks for a subject."""
    for kind, questions in tomllib.loads((HERE / "breadth.toml").read_text("utf-8")).items():
        yield from ((question, kind == "subject") for question in questions)
    for row in lines(HERE / "underlined" / "questions.jsonl"):
        yield row["question"], row["kind"] == "subject"


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text("utf-8").splitlines() if line]


def fitted(questions: Sequence[str], vectors: Rows, subject: Rows) -> Breadth:
    """A logistic regression in which facts and subjects weigh alike, however many there are of each."""
    forms = np.array([form_of(question) for question in questions])
    middles, spreads, centre = forms.mean(axis=0), forms.std(axis=0) + 1e-6, vectors.mean(axis=0)
    seen = np.hstack([(forms - middles) / spreads, MEANING * (vectors - centre), np.ones((len(forms), 1))])
    weights = regression(seen, subject)
    of_form, of_meaning = weights[: len(middles)], MEANING * weights[len(middles) : -1]
    bias = float(weights[-1] - centre @ of_meaning)
    return Breadth(middles, spreads, of_form.astype(np.float32), of_meaning.astype(np.float32), bias)


def regression(seen: Rows, subject: Rows) -> Rows:
    """By Newton's method; the bias, which comes last, is not shrunk."""
    weights = np.zeros(seen.shape[1])
    penalty = np.diag([SHRINK] * (seen.shape[1] - 1) + [1e-6])
    count = np.where(subject == 1, 0.5 / subject.mean(), 0.5 / (1 - subject.mean()))
    for _ in range(30):
        share = 1 / (1 + np.exp(-(seen @ weights).clip(-30, 30)))
        slope = seen.T @ (count * (share - subject)) + penalty @ weights
        weights -= np.linalg.solve((seen * (count * share * (1 - share))[:, None]).T @ seen + penalty, slope)
    return weights


def kept_back(questions: Sequence[str], vectors: Rows, subject: Rows) -> Rows:
    """Each question's share, fitted without its fold."""
    shares, fold = np.zeros(len(subject)), np.random.default_rng(1).permutation(len(subject)) % FOLDS
    for out in range(FOLDS):
        rest = np.flatnonzero(fold != out).tolist()
        breadth = fitted([questions[place] for place in rest], vectors[rest], subject[rest])
        for place in np.flatnonzero(fold == out).tolist():
            shares[place] = breadth.share(questions[place], vectors[place])
    return shares


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--other", type=Path, nargs="*", default=[], help="sets to say of how broad they are")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/tandem").expanduser())
    asked = parser.parse_args()
    encoder = Encoder(asked.cache)
    questions, kinds = map(list, zip(*written(), strict=True))
    vectors, subject = encoder.encode(questions).astype(np.float64), np.array(kinds, np.float64)
    fitted(questions, vectors, subject).write(SHIPPED)

    shares = kept_back(questions, vectors, subject)
    facts, subjects = shares[subject == 0], shares[subject == 1]
    print(f"{len(facts)} facts, {len(subjects)} subjects; each kept back once: AUROC {auroc(subjects, facts):.3f}")
    for limit in (SURE, 0.5):
        print(f"limit {limit}: facts told {(facts < limit).mean():.2f}, subjects told {(subjects >= limit).mean():.2f}")
    shipped = Breadth.shipped()
    for folder in asked.other:
        rows = [row for row in lines(folder / "questions.jsonl") if row.get("half") != "untouched"]
        texts = [row["question"] for row in rows if row.get("answerable", True) and row.get("answer")]
        broad = [shipped.asks_for_a_subject(text, encoder.query(text)) for text in texts]
        print(f"{folder}: {np.mean(broad):.2f} of {len(broad)} questions ask for a subject")
    print(f"{SHIPPED.name}: {SHIPPED.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
