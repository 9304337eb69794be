"""`tandem eval DIR`: a set of questions asked of the real graph, and what came of it."""

import asyncio
import hashlib
import json
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TextIO

import evals.near_misses as by_rule
import ingest
from apps.indexing import ingest as ingest_files
from apps.indexing import listing
from apps.question import UsageWrong, checked
from apps.settings import Collection
from apps.show import one_line, plain, said, screen
from apps.wiring import Parts, Places
from evals.cases import Case, check_sources, read
from evals.report import Report, failures, heading, rows_as_json, tables, text
from evals.report import as_json as report_as_json
from evals.run import Progress, asked, searched
from graphs.conversation import Conversation
from graphs.reply import Reply
from ingest.errors import Trouble
from ingest.folder import NotOurs, listed
from ingest.index import Index
from ingest.store import Store
from ingest.words import terms
from models.found import Found

DONE, SOME_FAILED = 0, 1


def evaluate(
    parts: Parts,
    folder: Path,
    *,
    near_misses: bool = False,
    rows: Path | None = None,
    as_json: bool = False,
    out: TextIO | None = None,
) -> int:
    """Print what was measured; 1 when a document or a question failed."""
    report = asyncio.run(measured(opened(parts, folder), near_misses))
    _show(report, out or sys.stdout, as_json)
    if rows is not None:
        _write_rows(report, rows)
    for trouble in report.troubles:
        print(f"tandem: {said(trouble)}", file=sys.stderr)
    return SOME_FAILED if report.troubles else DONE


@dataclass(frozen=True)
class Opened:
    """A set, and the assistant's parts over the documents that it is about."""

    name: str
    cases: Sequence[Case]
    parts: Parts
    pinned: str | None
    """The collection of the set's own documents."""
    unread: Sequence[Trouble] = ()
    """Those of them that could not be read."""


def opened(parts: Parts, folder: Path) -> Opened:
    cases, name = read(folder), one_line(folder.resolve().name)
    found = Opened(name, cases, *_over(parts, folder / "documents", collection_name(folder)))
    documents = {row.source for row in found.parts.index.store.documents()}
    check_sources(cases, documents | {trouble.value or "" for trouble in found.unread}, folder)
    return found


async def measured(over: Opened, with_near_misses: bool = False) -> Report:
    """Ask every question of the set; its conversations are kept nowhere."""
    with TemporaryDirectory() as threads:
        parts = Parts(over.parts.settings, Places(Path(threads), over.parts.places.cache), over.parts.environ)
        parts.encoder, parts.index, parts.retriever = over.parts.encoder, over.parts.index, over.parts.retriever
        parts.toll = over.parts.toll  # what it costs counts where the user's own questions do
        async with parts.conversation() as conversation:
            assistant = Assistant(parts, conversation, over.pinned)
            # The first search opens the index: no question's time should have it.
            await assistant.find(over.cases[0], [])
            with counted("Asking", len(over.cases)) as progress:
                rows = await asked(over.cases, assistant, parts.settings.routing.score_above, progress)
            misses = _near_misses(over) if with_near_misses else []
            with counted("Searching near misses", len(misses)) as progress:
                seen = await searched(misses, assistant, progress)
    return Report(over.name, rows, seen, [*over.unread, *(_of(row.case, row.trouble) for row in rows if row.trouble)])


class Assistant:
    """The graph, as evals/run.py asks it."""

    def __init__(self, parts: Parts, conversation: Conversation, pinned: str | None) -> None:
        self._parts, self._conversation, self._pinned = parts, conversation, pinned
        self._finder = parts.finder

    async def ask(self, case: Case) -> Reply:
        question, collection = checked(case.question), self._collection(case)
        if case.thread is None:
            return await self._conversation.ask_in_passing(question, collection)
        return await self._conversation.ask(question, case.thread, collection)

    async def find(self, case: Case, earlier: Sequence[str]) -> Found:
        """With what a follow-up leaves unsaid, as the graph searches for it."""
        question = checked(case.question)
        if earlier:
            heard = await self._parts.triage.read(question, earlier, asking=self._parts.asking())
            question = heard[0].search if len(heard) == 1 else question
        asking = self._parts.asking()
        found = await self._finder.find(question, self.collections(case), None, asking)
        if asking.notices:  # by words alone it would be another search that is measured
            raise Trouble(asking.notices[0], case.id, "Mend it, or move the index: tandem embed embedded")
        return found

    def collections(self, case: Case) -> list[str]:
        pinned = self._collection(case)
        return [pinned] if pinned else self._parts.searched()

    def _collection(self, case: Case) -> str | None:
        return None if case.any_box else self._pinned


# Where the documents are ----------------------------------------------------------------------------------------------


def collection_name(folder: Path) -> str:
    """The set's folder's name, in characters that a collection may have."""
    return re.sub(r"[^A-Za-z0-9]+", "-", folder.resolve().name).strip("-")[:60].strip("-") or "documents"


def _over(parts: Parts, folder: Path, name: str) -> tuple[Parts, str | None, Sequence[Trouble]]:
    """The set's own documents, where it has some; else those that are configured."""
    if folder.is_dir():
        return _over_documents(parts, folder, name)
    if not Index.made(parts.places.data):
        raise UsageWrong(
            "There is no index yet, and the set has no documents of its own.",
            str(parts.places.data),
            "Run `tandem ingest` or `tandem chat` first, or put a documents folder beside questions.jsonl.",
        )
    return parts, None, []


def _over_documents(parts: Parts, folder: Path, name: str) -> tuple[Parts, str, Sequence[Trouble]]:
    """An index of their own, kept for the next time."""
    files = {file.source: file.path for file in listed(folder, name).files if not isinstance(file.trouble, NotOurs)}
    if not files:
        raise Trouble("The set's documents folder is empty.", str(folder), "Add documents to it, or remove it.")
    kept = parts.places.cache / "evals" / _fingerprint(files, name, parts.encoder.name, parts.embedder_name)
    collections = [Collection(name=name, path=folder.resolve())]
    over = Parts(
        parts.settings.model_copy(update={"collections": collections}), Places(kept, parts.places.cache), parts.environ
    )
    over.encoder, over.toll = parts.encoder, parts.toll
    there = {row.source for row in over.index.store.documents(name)} == files.keys()
    done = [] if there else ingest_files(over, listing(over, folder, name))
    unread = [Trouble(one.trouble.what, one.source, one.trouble.do) for one in done if one.trouble]
    if len(unread) == len(files):
        raise unread[0]
    return over, name, unread


def _fingerprint(files: dict[str, Path], *names: str) -> str:
    """Of all that decides what the index holds: the files, the encoder, and the code that reads them."""
    code = sorted(Path(ingest.__path__[0]).rglob("*.py"))
    content = [hashlib.sha256(path.read_bytes()).hexdigest() for path in [*files.values(), *code]]
    return hashlib.sha256("\0".join([*names, *files, *content]).encode("utf-8", "replace")).hexdigest()[:32]


def _near_misses(over: Opened) -> list[Case]:
    answerable = [(case.id, case.question) for case in over.cases if case.in_documents]
    collections = [over.pinned] if over.pinned else over.parts.searched()
    made = by_rule.near_misses(answerable, _words(over.parts.index.store, collections))
    return [Case(miss.id, miss.question, made_from=miss.id.removesuffix(f"-{miss.kind}")) for miss in made]


def _words(store: Store, collections: Sequence[str]) -> by_rule.Words:
    ids = [name for collection in collections for name in sorted(store.passage_ids(collection))]
    batches = (ids[start : start + 1000] for start in range(0, len(ids), 1000))
    documents = sorted({row.document for batch in batches for row in store.passages(batch).values()})
    sections = [section for document in documents for section in store.sections(document)]
    return by_rule.Words([said for s in sections for said in s.terms], [terms(s.heading) for s in sections])


# On the screen --------------------------------------------------------------------------------------------------------


def _of(case: Case, trouble: Trouble) -> Trouble:
    return Trouble(f'The question "{case.id}" could not be asked: {trouble.what}', trouble.value, trouble.do)


def _write_rows(report: Report, file: Path) -> None:
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows_as_json(report)]
    try:
        file.write_text("".join(lines), "utf-8")
    except OSError as error:
        raise UsageWrong(f"The rows cannot be written ({error.strerror}).", str(file), "Check the path.") from error


def _show(report: Report, out: TextIO, with_json: bool) -> None:
    if with_json:
        print(json.dumps(report_as_json(report), ensure_ascii=False), file=out)
    elif out.isatty():
        console = screen(out)
        console.print(one_line(heading(report)))
        for table in tables(report):
            console.print()
            console.print(table)
        worst = failures(report)
        for line in ["", "What went worst:", *worst] if worst else []:
            console.print(one_line(line))
    else:
        print(plain(text(report)), file=out)


@contextmanager
def counted(title: str, of: int) -> Iterator[Progress]:
    """A bar on a terminal; elsewhere nothing."""
    if not of or not sys.stderr.isatty():
        yield lambda done: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=of)
        yield lambda done: bar.update(task, completed=done)
