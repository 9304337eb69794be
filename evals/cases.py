"""questions.jsonl -> cases: what is asked, and what is known of the right answer."""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingest.errors import Trouble

QUESTIONS = "questions.jsonl"
HALVES = ("tuned", "untouched")


@dataclass(frozen=True)
class Wanted:
    """A place that answers the question."""

    source: str
    page: int | None = None
    """Any page of the source, when it is not said."""

    def is_at(self, source: str, page: int) -> bool:
        return self.source == source and self.page in (None, page)


@dataclass(frozen=True)
class Case:
    """A question and what its line says of the answer; what it does not say is not scored."""

    id: str
    question: str
    line: int = 0
    answer: str | None = None
    sources: tuple[Wanted, ...] = ()
    answerable: bool | None = None
    intent: str | None = None
    complex: bool | None = None
    route: str | None = None
    thread: str | None = None
    kind: str | None = None
    """What sort of question it is, in a word of the set's own: the report gives each kind's figures."""
    half: str | None = None
    """`tuned` when constants may be chosen by looking at it, `untouched` when never: the report tells them apart."""
    derived: tuple[str, ...] = ()
    """The answer's figures that neither a cited page nor the question says, because they were worked out."""
    made_from: str | None = None
    """The id of the question that a near miss was made from."""

    @property
    def any_box(self) -> bool:
        """Whether it is also asked to see where it goes; then it is pinned to no collection."""
        return self.intent is not None or self.route is not None

    @property
    def in_documents(self) -> bool:
        """Whether it is known that the documents answer it."""
        return self.answerable is True or (self.answerable is None and bool(self.sources))


def read(folder: Path) -> list[Case]:
    """The set's cases in order, or an error that names the line, the key and the way out."""
    file = folder / QUESTIONS
    cases = [_case(raw, f"{file}, line {number}", number) for number, raw in _lines(file)]
    if not cases:
        raise Trouble(
            "The evaluation set has no questions.", str(file), 'Write {"id": …, "question": …} on a line each.'
        )
    _check_ids(cases, file)
    return cases


def check_sources(cases: Sequence[Case], documents: AbstractSet[str], folder: Path) -> None:
    """A source that is not there would count as a miss of the search."""
    for case in cases:
        for wanted in case.sources:
            if wanted.source not in documents:
                raise Trouble(
                    f'{folder / QUESTIONS}, line {case.line}: the "source" is not among the documents.',
                    wanted.source,
                    f"Name one of {_listed(sorted(documents))}, or add the document.",
                )


def _lines(file: Path) -> Iterator[tuple[int, str]]:
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise Trouble(f"{file}, line {line}: it is not in UTF-8.", None, "Save the file as UTF-8.") from None
    except OSError as error:
        raise Trouble(
            f"The questions cannot be read ({error.strerror}).", str(file), f"Name a folder that has a {QUESTIONS}."
        ) from error
    return ((number, raw) for number, raw in enumerate(text.split("\n"), 1) if raw.strip())


def _case(raw: str, where: str, number: int) -> Case:
    said = {key: value for key, value in _object(raw, where).items() if value is not None}
    for key, value in said.items():
        if key not in FIELDS:
            raise Trouble(f'{where}: unknown field "{key}".', _short(value), f"Name it one of {_listed([*FIELDS])}.")
    for key in ("id", "question"):
        if key not in said:
            raise Trouble(f'{where}: "{key}" is missing.', raw.strip()[:80], f'Add "{key}" to the line.')
    return Case(line=number, **{key: FIELDS[key](value, f'{where}: "{key}"') for key, value in said.items()})


def _object(raw: str, where: str) -> Mapping[str, Any]:
    try:
        line = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise Trouble(f"{where}: it is not JSON ({error}).", raw.strip()[:80], "Write one object a line.") from None
    if not isinstance(line, dict):
        raise Trouble(f"{where}: it is not an object.", raw.strip()[:80], 'Write {"id": …, "question": …}.')
    return line


def _text(value: object, what: str) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise Trouble(f"{what} is not text.", _short(value), "Give it as a string that is not empty.")


def _id(value: object, what: str) -> str:
    return str(value) if type(value) is int else _text(value, what)


def _flag(value: object, what: str) -> bool:
    if isinstance(value, bool):
        return value
    raise Trouble(f"{what} is neither true nor false.", _short(value), "Write true or false, or leave it out.")


def _word(value: object, what: str) -> str:
    """It heads a row on the screen."""
    if isinstance(value, str) and re.fullmatch(r"[\w-]{1,30}", value):
        return value
    raise Trouble(f"{what} is no word.", _short(value), "Write one word of letters, digits, _ and -.")


def _half(value: object, what: str) -> str:
    if isinstance(value, str) and value in HALVES:
        return value
    raise Trouble(f"{what} is neither tuned nor untouched.", _short(value), "Write one of them, or leave it out.")


def _texts(value: object, what: str) -> tuple[str, ...]:
    if isinstance(value, list):
        return tuple(_text(one, what) for one in value)
    raise Trouble(f"{what} is not a list.", _short(value), 'Write ["…"].')


def _sources(value: object, what: str) -> tuple[Wanted, ...]:
    if isinstance(value, list):
        return tuple(_wanted(one, what) for one in value)
    raise Trouble(f"{what} is not a list.", _short(value), 'Write [{"source": …, "page": …}].')


def _wanted(value: object, what: str) -> Wanted:
    if not isinstance(value, dict) or "source" not in value or not value.keys() <= {"source", "page"}:
        raise Trouble(f"{what} has something else in it.", _short(value), 'Write {"source": …, "page": …}.')
    page = value.get("page")
    if page is not None and (type(page) is not int or page < 1):
        raise Trouble(f'{what}: that is no "page".', _short(page), "Count pages from 1, or leave the page out.")
    return Wanted(_text(value["source"], f'{what}: "source"'), page)


FIELDS: Mapping[str, Callable[[object, str], Any]] = {
    "id": _id,
    "question": _text,
    "answer": _text,
    "sources": _sources,
    "answerable": _flag,
    "intent": _text,
    "complex": _flag,
    "route": _text,
    "thread": _text,
    "kind": _word,
    "half": _half,
    "derived": _texts,
}


def _check_ids(cases: Sequence[Case], file: Path) -> None:
    first: dict[str, int] = {}
    for case in cases:
        if case.id in first:
            raise Trouble(
                f'{file}, line {case.line}: the "id" is that of line {first[case.id]}, too.', case.id, "Change one."
            )
        first[case.id] = case.line


def _listed(names: Sequence[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _short(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)[:80]
