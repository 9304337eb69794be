"""Questions the documents answer -> questions they do not: another plan, benefit, year or number put in by rule.

python -m evals.near_misses DIR       # one JSON line for each, from DIR/questions.jsonl and DIR/documents
"""

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from ingest.loaders import kinds, read
from ingest.split import sections
from ingest.words import terms

PLANS = "Meridian Evergreen Sapphire Pinnacle Horizon Titanium Cascade Aurora Keystone Juniper".split()
BENEFITS = [
    "identity theft protection", "legal assistance", "elder care", "concierge medicine", "wedding leave",
    "meal vouchers", "auto insurance", "mortgage help", "hypnotherapy", "aromatherapy", "teeth whitening",
    "liposuction", "cord blood banking", "language courses", "ski passes", "company housing", "laundry service",
    "profit sharing", "home internet", "piano lessons",
]  # fmt: skip
YEARS = ["in 2009", "for the 2012 plan year", "in 2034", "for the year 2037", "in 1998", "before 2005"]
NUMBERS = [
    "after 37 years of service", "for a family of 13", "within 450 days", "for bills over $91,000",
    "for employees aged 87", "at 23 hours a week", "with a 17% discount", "for 270 visits",
]  # fmt: skip


NAME = r"(?<!^)\b[A-Z]\w+(?: [A-Z]\w+)+"


@dataclass(frozen=True)
class NearMiss:
    id: str
    question: str
    kind: str
    """plan, benefit, year or number."""


@dataclass(frozen=True)
class Words:
    """What the documents say, as terms: whether something is really absent is read here."""

    sentences: Sequence[Sequence[str]]
    headings: Sequence[Sequence[str]]

    def has(self, phrase: str) -> bool:
        wanted = set(terms(phrase))
        return any(wanted <= set(said) for said in (*self.sentences, *self.headings))

    def counts(self, phrase: str) -> int:
        wanted = set(terms(phrase))
        return sum(wanted <= set(said) for said in self.sentences)


def near_misses(questions: Sequence[tuple[str, str]], words: Words) -> Iterator[NearMiss]:
    """From each (id, question) one of every kind that can be made; the same input gives the same output."""
    for id, question in questions:
        for kind, make in MAKERS.items():
            if made := make(id, question.strip(), words):
                yield NearMiss(f"{id}-{kind}", made, kind)


def _another_plan(id: str, question: str, words: Words) -> str | None:
    """The name the documents use most gets another last word: `Acme Basic plan` -> `Acme Meridian plan`."""
    names = [name for name in re.findall(NAME, question) if words.counts(name)]
    plan = _absent(id, PLANS, words)
    if not names or not plan:
        return None
    name = max(names, key=words.counts)
    return question.replace(name, f"{name.rsplit(' ', 1)[0]} {plan}")


def _another_benefit(id: str, question: str, words: Words) -> str | None:
    """What a heading is about gives way to something the documents never mention."""
    topic = min(_topics(question, words), key=words.counts, default=None)
    benefit = _absent(id, BENEFITS, words)
    return re.sub(rf"\b{re.escape(topic)}\b", benefit, question, count=1) if topic and benefit else None


def _topics(question: str, words: Words) -> Iterator[str]:
    """The runs of the question's words that are a whole heading."""
    headings = {tuple(heading) for heading in words.headings if heading}
    named = " ".join(re.findall(NAME, question))
    places = [match.span() for match in re.finditer(r"[\w’'-]+", question)]
    full = [place for place in places if terms(question[slice(*place)])]
    for first in full:
        for last in full:
            run = question[first[0] : last[1]]
            if tuple(terms(run)) in headings and run not in named:
                yield run


def _another_year(id: str, question: str, words: Words) -> str | None:
    return _with_tail(question, _absent(id, YEARS, words, by_number=True))


def _another_number(id: str, question: str, words: Words) -> str | None:
    return _with_tail(question, _absent(id, NUMBERS, words, by_number=True))


def _with_tail(question: str, tail: str | None) -> str | None:
    return f"{question.rstrip('?. ')} {tail}?" if tail else None


def _absent(id: str, things: Sequence[str], words: Words, by_number: bool = False) -> str | None:
    """The thing that the id falls on, or the next one that the documents really do not have."""
    start = int(sha256(id.encode()).hexdigest(), 16) % len(things)
    for thing in (*things[start:], *things[:start]):
        wanted = "".join(re.findall(r"\d[\d,]*", thing)) if by_number else thing
        if not words.has(wanted):
            return thing
    return None


MAKERS: dict[str, Callable[[str, str, Words], str | None]] = {
    "plan": _another_plan,
    "benefit": _another_benefit,
    "year": _another_year,
    "number": _another_number,
}


def words_of(folder: Path) -> Words:
    found = [
        section
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in kinds()
        for section in sections(read(path))
    ]
    said = [terms(sentence.text) for section in found for sentence in section.sentences]
    return Words(said, [terms(section.heading) for section in found])


def main(folder: Path) -> None:
    lines = [json.loads(line) for line in (folder / "questions.jsonl").read_text("utf-8").splitlines() if line.strip()]
    answerable = [(str(line["id"]), str(line["question"])) for line in lines if line.get("answerable", True)]
    for miss in near_misses(answerable, words_of(folder / "documents")):
        print(json.dumps({"id": miss.id, "question": miss.question, "answerable": False, "kind": miss.kind}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
