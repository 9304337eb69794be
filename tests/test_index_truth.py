"""Whatever is done to a folder and to the processes that follow it, the index is the folder."""

import json
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatch
from functools import partial
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import apps.indexing
from apps.settings import read
from apps.wiring import Parts, Places
from ingest import plan
from ingest.labels import LABELS, Label
from ingest.retriever import Retriever
from ingest.writer import Writer
from models.embedded.encoder import Encoder
from tests.index_process import LATELY, POINTS, Death, Forge, Held, Order, Running, exact_encoder, forge, moved, rows

CONFIG = """
[[collections]]
name = "benefits"
path = "benefits"
label = "public"
groups = ["staff"]

[[collections]]
name = "401k"
path = "401k"
"""
SAID_OF: Mapping[str, tuple[list[Label], list[str]]] = {"benefits": (["public"], ["staff"]), "drafts": ([], [])}
"""What the settings say of the two collections that are used; they know nothing of the second."""
FOLDERS = ["", "hr", "hr/old", "it"]
NAMES = ["notes.md", "rota.csv", "keys.txt", "lockers.md", "keys.csv", "shifts.txt"]
TITLES = ["", "Keys", "Lockers of the annex"]
GROUPS = [[], ["hr"], ["it", "hr"], ["managers"]]
THINGS = ["locker", "spare key", "projector", "first aid kit", "badge printer", "bicycle pump", "label maker"]

# The folder, as it should be ------------------------------------------------------------------------------------------

numbers = count()


def new_sentence() -> str:
    """One that no other document has, all of them of the same length."""
    number = next(numbers)
    tag = "zx" + "".join("bdfghjkmpt"[int(digit)] for digit in f"{number:05}") + "q"
    return f"The {THINGS[number % len(THINGS)]:13} {tag} is in room {number % 900 + 100}."


def tags(text: str) -> list[str]:
    return re.findall(r"\bzx[b-t]{5}q\b", text)


@dataclass(frozen=True)
class Paper:
    """A document as its owner wrote it."""

    sentences: Sequence[str]
    title: str = ""
    label: Label | None = None
    groups: Sequence[str] = ()
    broken: bool = False

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if self.broken:
            path.write_bytes(bytes(range(256)) * (1 + len(self.sentences)))
        elif path.suffix == ".csv":
            cells = (sentence.replace(" is in ", ",") for sentence in self.sentences)
            path.write_text("\n".join(["What,Where", *cells, ""]))
        else:
            path.write_text(self._front() + "# Where things are\n\n" + self._parts())

    def _front(self) -> str:
        said = {"title": self.title, "label": self.label, "groups": [*self.groups]}
        lines = [f"{name}: {value}" for name, value in said.items() if value]
        return "\n".join(["---", *lines, "---", ""]) if lines else ""

    def _parts(self) -> str:
        """Headings after each few sentences, and some text under none."""
        runs = [self.sentences[start : start + 6] for start in range(0, len(self.sentences), 6)]
        return "\n\n".join(f"## Part {n}\n\n{' '.join(run)}" for n, run in enumerate(runs)) + "\n"


@dataclass(frozen=True)
class Says:
    """A folder's tandem.toml."""

    label: Label | None = None
    groups: Sequence[str] = ()
    pattern: str = ""
    of_those: Label | None = None
    groups_of_those: Sequence[str] = ()

    def write(self, path: Path) -> None:
        lines = [f'label = "{self.label}"'] if self.label else []
        lines += [f"groups = {[*self.groups]}"] if self.groups else []
        if self.pattern:
            lines += [f'[files."{self.pattern}"]', f'label = "{self.of_those}"'] if self.of_those else []
            lines += [] if self.of_those or not self.groups_of_those else [f'[files."{self.pattern}"]']
            lines += [f"groups = {[*self.groups_of_those]}"] if self.groups_of_those else []
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([*lines, ""]))


@dataclass(frozen=True)
class Seen:
    """What may be found of a document, and by whom."""

    tags: Sequence[str]
    label: Label
    groups: frozenset[tuple[str, ...]]


@dataclass
class Folder:
    """The files, by their paths under one that holds each collection's folder."""

    root: Path
    papers: dict[str, Paper] = field(default_factory=dict)
    says: dict[str, Says] = field(default_factory=dict)

    def put(self, place: str, paper: Paper) -> None:
        self.papers[place] = paper
        paper.write(self.root / place)

    def say(self, folder: str, says: Says) -> None:
        self.says[folder] = says
        says.write(self.root / folder / "tandem.toml")

    def take(self, place: str) -> Paper:
        (self.root / place).unlink()
        return self.papers.pop(place)

    def move(self, place: str, to: str) -> None:
        (self.root / to).parent.mkdir(parents=True, exist_ok=True)
        (self.root / place).rename(self.root / to)
        self.papers[to] = self.papers.pop(place)

    def seen(self, within: str) -> dict[str, Seen]:
        """What should be found of all that is there."""
        return {
            place: Seen(tags(" ".join(paper.sentences)), *self._access(place, paper))
            for place, paper in self.papers.items()
            if is_in(place, within) and not paper.broken
        }

    def _access(self, place: str, paper: Paper) -> tuple[Label, frozenset[tuple[str, ...]]]:
        path = PurePosixPath(place)
        labels, groups = SAID_OF[path.parts[0]]
        said: list[tuple[Label | None, Sequence[str]]] = [*((label, ()) for label in labels), (None, groups)]
        for folder in [*path.parents][::-1]:
            says = self.says.get(str(folder), Says())
            said.append((says.label, says.groups))
            if folder == path.parent and says.pattern and fnmatch(path.name, says.pattern):
                said.append((says.of_those, says.groups_of_those))
        if path.suffix in (".md", ".txt"):
            said.append((paper.label, paper.groups))
        strictest = max((LABELS.index(label) for label, _ in said if label), default=1)
        return LABELS[strictest], frozenset(tuple(sorted(among)) for _, among in said if among)


def is_in(place: str, within: str) -> bool:
    return place == within or place.startswith(f"{within}/")


def of_kind(place: str, among: Iterable[str]) -> list[str]:
    """A file that is called by another kind's name would be read in another way."""
    return [one for one in among if PurePosixPath(one).suffix == PurePosixPath(place).suffix]


# What people draw from the hat ----------------------------------------------------------------------------------------

OFTEN = 7
COLLECTIONS = ["benefits", "drafts"]
FOLDERS_OF_ALL = [str(PurePosixPath(collection, folder)) for collection in COLLECTIONS for folder in FOLDERS]
PLACES = [f"{folder}/{name}" for folder in FOLDERS_OF_ALL for name in NAMES]
labels: st.SearchStrategy[Label | None] = st.sampled_from([None, *LABELS])
groups = st.sampled_from(GROUPS)
sizes = st.sampled_from([1, 2, 3, 8, 30])
papers = st.builds(
    lambda size, title, label, groups: Paper([new_sentence() for _ in range(size)], title, label, groups),
    sizes, st.sampled_from(TITLES), labels, groups,
)  # fmt: skip
says = st.builds(Says, labels, groups, st.sampled_from(["", "*.md", "keys*", "*"]), labels, groups)
deaths = st.builds(
    Death, st.sampled_from(sorted(POINTS)), st.sampled_from(["before", "after"]), st.sampled_from([1, 1, 1, 1, 2, 4])
)
data = st.data()


class TheIndexIsTheFolder(RuleBasedStateMachine):
    """One process has the index open all the while and answers; others change it, and die."""

    def __init__(self, forge: Forge, encoder: Encoder, steps: Counter[str]) -> None:
        super().__init__()
        global numbers
        numbers = count()
        self.forge, self.encoder, self.steps = forge, encoder, steps
        self.top = Path(tempfile.mkdtemp(prefix="truth-")).resolve()
        self.config, self.data = self.top / "tandem.toml", self.top / "data"
        self.config.write_text(CONFIG)
        self.folder = Folder(self.top)
        for collection in COLLECTIONS:
            (self.top / collection).mkdir()
        self.seen: dict[str, Seen] = {}
        """What the index should answer from, by the path of the document."""
        self.gone: set[str] = set()
        self.fresh, self.moments = count(), count(1)
        self._open()

    def teardown(self) -> None:
        self.parts.index.store.close()
        shutil.rmtree(self.top)

    def _open(self) -> None:
        self.parts = Parts(read({}, self.config), Places(self.data, self.top), {})
        self.retriever = Retriever(self.parts.index)

    def _draw(self, drawn: st.DataObject, among: Any) -> Any:
        return drawn.draw(st.sampled_from(sorted(among)))

    # The folder changes -----------------------------------------------------------------------------------------------

    @initialize(some=st.lists(st.tuples(st.sampled_from(PLACES), papers), max_size=6))
    def begins_with(self, some: list[tuple[str, Paper]]) -> None:
        for place, paper in some:
            self.folder.put(place, paper)

    @rule(place=st.sampled_from(PLACES), paper=papers)
    def add(self, place: str, paper: Paper) -> None:
        self.steps["add"] += 1
        self.folder.put(place, paper)

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data, how=st.sampled_from(["same size", "first", "last", "more", "less", "twice", "title", "access"]))
    def change(self, drawn: st.DataObject, how: str) -> None:
        self.steps[f"change {how}"] += 1
        place = self._draw(drawn, self.folder.papers)
        paper = replace(self.folder.papers[place], broken=False)
        said = [*paper.sentences]
        changed = {
            "same size": lambda: replace(paper, sentences=[new_sentence() for _ in said]),
            "first": lambda: replace(paper, sentences=[new_sentence(), *said[1:]]),
            "last": lambda: replace(paper, sentences=[*said[:-1], new_sentence()]),
            "more": lambda: replace(paper, sentences=[new_sentence(), *said, new_sentence()]),
            "less": lambda: replace(paper, sentences=said[1:] or said),
            "twice": lambda: replace(paper, sentences=[*said, said[0]]),
            "title": lambda: replace(paper, title=drawn.draw(st.sampled_from(TITLES))),
            "access": lambda: replace(paper, label=drawn.draw(labels), groups=drawn.draw(groups)),
        }[how]()
        before = (self.top / place).stat()
        self.folder.put(place, changed)
        if how == "same size":  # and nothing to see but the time when it was written, which cannot be set
            os.utime(self.top / place, ns=(before.st_atime_ns, before.st_mtime_ns))

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data)
    def touch(self, drawn: st.DataObject) -> None:
        self.steps["touch"] += 1
        os.utime(self.top / self._draw(drawn, self.folder.papers))

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data)
    def rename(self, drawn: st.DataObject) -> None:
        """To another name or folder or collection, and over what is there."""
        self.steps["rename"] += 1
        place = self._draw(drawn, self.folder.papers)
        self.folder.move(place, self._draw(drawn, of_kind(place, PLACES)))

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data, to=st.sampled_from(FOLDERS_OF_ALL))
    def move(self, drawn: st.DataObject, to: str) -> None:
        self.steps["move"] += 1
        place = self._draw(drawn, self.folder.papers)
        self.folder.move(place, f"{to}/{PurePosixPath(place).name}")

    @precondition(lambda self: len(self.folder.papers) > 1)
    @rule(drawn=data, by=st.sampled_from(["name", "content"]))
    def swap(self, drawn: st.DataObject, by: str) -> None:
        self.steps["swap"] += 1
        one = self._draw(drawn, self.folder.papers)
        other = self._draw(drawn, of_kind(one, self.folder.papers))
        if by == "name":
            self.folder.move(one, "swapped")
            self.folder.move(other if one != other else "swapped", one)
            if one != other:
                self.folder.move("swapped", other)
        else:
            first, second = self.folder.papers[one], self.folder.papers[other]
            self.folder.put(one, second)
            self.folder.put(other, first)

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data, folder=st.sampled_from(FOLDERS_OF_ALL))
    def copy(self, drawn: st.DataObject, folder: str) -> None:
        self.steps["copy"] += 1
        place = self._draw(drawn, self.folder.papers)
        self.folder.put(f"{folder}/{self._draw(drawn, of_kind(place, NAMES))}", self.folder.papers[place])

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data)
    def delete(self, drawn: st.DataObject) -> None:
        self.steps["delete"] += 1
        self.folder.take(self._draw(drawn, self.folder.papers))

    @precondition(lambda self: self.folder.papers)
    @rule(collection=st.sampled_from(COLLECTIONS))
    def delete_all(self, collection: str) -> None:
        self.steps["delete all"] += 1
        for place in [place for place in self.folder.papers if is_in(place, collection)]:
            self.folder.take(place)

    @precondition(lambda self: self.folder.papers)
    @rule(drawn=data)
    def break_or_mend(self, drawn: st.DataObject) -> None:
        self.steps["break or mend"] += 1
        place = self._draw(drawn, self.folder.papers)
        paper = self.folder.papers[place]
        self.folder.put(place, replace(paper, broken=not paper.broken))

    @rule(folder=st.sampled_from(FOLDERS_OF_ALL), said=says)
    def say(self, folder: str, said: Says) -> None:
        self.steps["say"] += 1
        self.folder.say(folder, said)

    # The index follows ------------------------------------------------------------------------------------------------

    def _order(self, within: str, **more: Any) -> Order:
        collection = PurePosixPath(within).parts[0]
        given = {"data": str(self.data), "config": str(self.config), **more}
        return Order("ingest", what=str(self.top / within), collection=collection, **given)

    def _from_nothing(self, collection: str) -> Running:
        return self.forge.start(self._order(collection, data=str(self.top / f"fresh{next(self.fresh)}"), tells=True))

    def _is_now(self, within: str) -> None:
        """What the index should answer from, once it was made to hold what is there."""
        now = {place: seen for place, seen in self.seen.items() if not is_in(place, within)}
        self._becomes({**now, **self.folder.seen(within)})

    def _becomes(self, seen: dict[str, Seen]) -> None:
        self.gone |= {tag for one in self.seen.values() for tag in one.tags}
        self.seen = seen
        self.gone -= self._live

    @property
    def _live(self) -> set[str]:
        return {tag for seen in self.seen.values() for tag in seen.tags}

    def _broken(self, within: str) -> set[str]:
        return {
            str(PurePosixPath(place).relative_to(PurePosixPath(place).parts[0]))
            for place, paper in self.folder.papers.items()
            if paper.broken and is_in(place, within)
        }

    @invariant()
    def is_compared(self) -> None:
        """Now and then, whatever is drawn."""
        moment = next(self.moments)
        if moment % OFTEN == 0:
            self.ingest(COLLECTIONS[moment // OFTEN % 2], rested=False)

    @rule(collection=st.sampled_from(COLLECTIONS), rested=st.booleans())
    def ingest(self, collection: str, rested: bool) -> None:
        """In a process of its own, beside one that makes an index of the same folder from nothing."""
        self.steps["ingest"] += 1
        time.sleep(1.5 * LATELY if rested else 0)  # files that have rested are known by their stat alone
        fresh = self._from_nothing(collection)
        done = self.forge.run(self._order(collection, tells=True))
        assert done.trouble is None
        assert {one["source"] for one in done.done if one["status"] == "failed"} == self._broken(collection)
        assert done.holds.differences(fresh.end().holds, collection) == []
        self._is_now(collection)

    @precondition(lambda self: any(is_in(place, "drafts") for place in self.seen))
    @rule(drawn=data)
    def ingest_a_part(self, drawn: st.DataObject) -> None:
        """A file, or a folder within the collection's."""
        self.steps["ingest a part"] += 1
        folders = {str(folder) for place in self.folder.papers for folder in PurePosixPath(place).parents[:-2]}
        parts = [*self.folder.papers, *folders]
        if parts:
            within = self._draw(drawn, parts)
            done = self.forge.run(self._order(within, tells=True))
            assert (done.trouble, done.holds.faults()) == (None, [])
            assert {one["source"] for one in done.done if one["status"] == "failed"} == self._broken(within)
            self._is_now(within)

    @rule(collection=st.sampled_from(COLLECTIONS))
    def ingest_here(self, collection: str) -> None:
        """In the process that answers, as a chat's first question does."""
        self.steps["ingest here"] += 1
        found = apps.indexing.listing(self.parts, self.top / collection, collection)
        Writer(self.parts.index, self.encoder).ingest(found)
        self._is_now(collection)

    @precondition(lambda self: self.seen)
    @rule(drawn=data)
    def forget(self, drawn: st.DataObject) -> None:
        self.steps["forget"] += 1
        place = self._draw(drawn, self.seen)
        collection, _, source = place.partition("/")
        order = Order("forget", str(self.data), source, collection, str(self.config), tells=True)
        done = self.forge.run(order)
        assert (done.trouble, done.holds.faults()) == (None, [])
        self._becomes({name: seen for name, seen in self.seen.items() if name != place})

    # Processes die, start again and stand in each other's way ---------------------------------------------------------

    @rule(place=st.sampled_from(PLACES), paper=papers, death=deaths)
    def crash(self, place: str, paper: Paper, death: Death) -> None:
        """Each document is then the old one or the new one, and what was said to be done is done."""
        self.folder.put(place, paper)
        collection = place.partition("/")[0]
        fresh = self._from_nothing(collection)
        before = Held(rows(self.data))
        done = self.forge.run(self._order(collection, dies=death))
        after, now = Held(rows(self.data)), fresh.end().holds
        self.steps["crash" if done.killed else "no crash: the point was not reached"] += 1
        assert rows(self.data)["lost"] == []
        left = self.forge.run(Order("tell", str(self.data), tells=True))
        assert left.holds.without_vectors() == []
        if done.killed:
            said = [one["source"] for one in done.done]
            assert neither_old_nor_new(before, after, now, collection, said) == []
            others = [name for name in COLLECTIONS if name != collection]
            assert [after.of(name) for name in others] == [before.of(name) for name in others]
            self._becomes(seen_in(after))
        else:
            self._is_now(collection)

    @rule()
    def restart(self) -> None:
        self.steps["restart"] += 1
        self.parts.index.vectors.look_again()  # Chroma keeps one client for a folder as long as a process lives
        self.parts.index.store.close()
        self._open()

    @rule(collection=st.sampled_from(COLLECTIONS))
    def second_writer(self, collection: str) -> None:
        """It is refused and told by whom, and nothing has changed; when the first is killed, nobody has to clean up."""
        self.steps["second writer"] += 1
        before = rows(self.data)
        first = self.forge.start(Order("hold", str(self.data)))
        next(said for said in first.hears() if "holding" in said)
        done = self.forge.run(self._order(collection, wait=0.0))
        first.kill()
        told = rf"Another process is writing to the index: pid {first.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d\. .*"
        assert re.fullmatch(told, done.trouble or "")
        assert (done.done, rows(self.data)) == ([], before)
        first.end()

    # And it is asked --------------------------------------------------------------------------------------------------

    @rule(drawn=data, collections=st.sampled_from([["benefits"], ["drafts"], COLLECTIONS, COLLECTIONS]))
    def ask(self, drawn: st.DataObject, collections: list[str]) -> None:
        """What is there is found at once, by those who may read it; what is gone is not."""
        self.steps["ask"] += 1
        asked = {place: seen for place, seen in self.seen.items() if place.partition("/")[0] in collections}
        live = sorted({tag for seen in asked.values() for tag in seen.tags})
        for tag in drawn.draw(st.lists(st.sampled_from(live), max_size=2)) if live else ():
            self._finds(tag, asked, collections)
        if self.gone:
            self._finds(self._draw(drawn, self.gone), asked, collections)

    def _finds(self, tag: str, asked: Mapping[str, Seen], collections: Sequence[str]) -> None:
        question = f"Where is {tag}?"
        found = self.retriever.search(question, self.encoder.query(question), collections).passages
        for passage in found:
            seen = asked[f"{passage.collection}/{passage.source}"]
            assert {*tags(passage.text)} <= {*seen.tags}
            assert (passage.label, frozenset(passage.groups)) == (seen.label, seen.groups)
        if any(tag in seen.tags for seen in asked.values()):
            assert found
            assert tag in tags(found[0].text)


# After a crash --------------------------------------------------------------------------------------------------------

BY_PLACE = ("seen", "path", "root")
"""What is told anew of a document that stays as it is."""


def neither_old_nor_new(before: Held, after: Held, now: Held, collection: str, done: Sequence[str]) -> list[str]:
    """Of one collection, in which a process has died on the way from `before` to `now`."""
    old, there, new = (held.of(collection, but=BY_PLACE) for held in (before, after, now))
    found = [f"half: {source}" for source, one in there.items() if one not in (old.get(source), new.get(source))]
    found += [f"lost: {source}" for source in old.keys() & new.keys() - there.keys()]
    found += [f"said to be done: {source}" for source in done if there.get(source) != new.get(source)]
    kept = {one["content"] for one in there.values()}
    return [*found, *(f"lost when it was renamed: {content}" for content in moved(old, new) - kept)]


def seen_in(held: Held) -> dict[str, Seen]:
    return {
        f"{collection}/{source}": Seen(
            [tag for _, _, sentences in row["sections"] for sentence in sentences for tag in tags(sentence[0])],
            row["label"],
            frozenset(tuple(among) for among in json.loads(row["groups"])),
        )
        for (collection, source), row in held.documents.items()
    }


# The tests ------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def encoder(cache: Path) -> Encoder:
    return exact_encoder(cache / "tandem")


@pytest.fixture(scope="module")
def smithy(cache: Path, encoder: Encoder) -> Iterator[Forge]:
    with pytest.MonkeyPatch.context() as patch, forge(cache / "tandem") as made:
        patch.setattr(plan, "LATELY", LATELY)
        yield made


def holds_in(runs: int, steps: int, smithy: Forge, encoder: Encoder, *, derandomize: bool) -> Counter[str]:
    done: Counter[str] = Counter()
    run_state_machine_as_test(
        partial(TheIndexIsTheFolder, smithy, encoder, done),  # type: ignore[arg-type]  # it is called, and that is all
        settings=settings(
            max_examples=runs,
            stateful_step_count=steps,
            derandomize=derandomize,
            database=None,
            deadline=None,
            phases=[Phase.generate],
            suppress_health_check=[*HealthCheck],
            print_blob=True,
        ),
    )
    print(f"\n{done.total()} steps: {', '.join(f'{name} {times}' for name, times in sorted(done.items()))}")
    return done


def test_the_index_is_the_folder(smithy: Forge, encoder: Encoder) -> None:
    assert holds_in(5, 20, smithy, encoder, derandomize=True).total() >= 70


def test_a_new_title_is_in_the_vectors_of_what_stands_under_no_heading(smithy: Forge, tmp_path: Path) -> None:
    order = Order("ingest", str(tmp_path / "data"), str(tmp_path / "docs"), "office", tells=True)
    (tmp_path / "docs").mkdir()
    for title in ("Parking in the garage", "Lunch and other meals"):
        said = f"---\ntitle: {title}\n---\nIt opens at six in the morning. It closes at nine.\n"
        (tmp_path / "docs" / "hours.txt").write_text(said)
        done = smithy.run(order)
    fresh = smithy.run(replace(order, data=str(tmp_path / "fresh")))
    assert done.holds.differences(fresh.holds, "office") == []


def test_a_change_of_the_same_size_that_is_dated_back_is_seen(smithy: Forge, tmp_path: Path) -> None:
    order = Order("ingest", str(tmp_path / "data"), str(tmp_path / "docs"), "office", tells=True)
    file = tmp_path / "docs" / "hours.md"
    for said in (Paper(["The garage opens at six."]), Paper(["The garage opens at ten."])):
        before = file.stat() if file.exists() else None
        said.write(file)
        if before:
            os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))
        time.sleep(1.5 * LATELY)
        done = smithy.run(order)
    fresh = smithy.run(replace(order, data=str(tmp_path / "fresh")))
    assert done.holds.differences(fresh.holds, "office") == []


def test_a_folder_within_can_be_ingested_before_the_whole(smithy: Forge, tmp_path: Path) -> None:
    """Its documents are then called by other names, under which none is left when the whole has come."""
    docs = tmp_path / "docs"
    for place in ("one.md", "hr/one.md", "it/one.md", "it/two.md"):
        Paper([new_sentence()]).write(docs / place)
    order = Order("ingest", str(tmp_path / "data"), "", "office", tells=True)
    for part in ("it", "hr", "hr/one.md", "one.md"):
        smithy.run(replace(order, what=str(docs / part)))
    whole = replace(order, what=str(docs))
    fresh = smithy.run(replace(whole, data=str(tmp_path / "fresh")))
    assert smithy.run(whole).holds.differences(fresh.holds, "office") == []


@pytest.mark.slow
def test_the_index_is_the_folder_after_two_thousand_steps(smithy: Forge, encoder: Encoder) -> None:
    assert holds_in(72, 50, smithy, encoder, derandomize=False).total() >= 2000
