"""Kill -9, at each named point and at any moment: nothing is lost, half there, left over or there twice."""

import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from random import Random

import pytest

from models.embedded.encoder import Encoder
from tests.index_process import POINTS, Death, Ended, Forge, Held, Order, exact_encoder, forge, moved, rows

COLLECTION = "office"
BEFORE = {
    "stays.md": "# Stays\n\nThe garage opens at six. A permit costs 40 dollars a month.\n",
    "renamed.md": "# Renamed\n\nThe canteen serves lunch from noon to two. Soup is free on Fridays.\n",
    "changes.md": "# Changes\n\nA lost badge is replaced at the front desk. The second one costs 15 dollars.\n",
    "swapped.txt": "The safe opens at nine.\n\nIt closes at five.\n",
    "with.txt": "Bicycles are kept in the yard.\n\nThe yard is locked at eight.\n",
    "rows.csv": "What,Where\n" + "".join(f"projector {n},room {100 + n}\n" for n in range(7)),
    "goes.md": "# Goes\n\nThe old printer is in the cellar.\n",
    "breaks.md": "# Breaks\n\nParcels are brought at ten.\n",
}
AFTER: Mapping[str, str | bytes] = {
    "stays.md": BEFORE["stays.md"],
    "other/renamed.md": BEFORE["renamed.md"],
    "changes.md": BEFORE["changes.md"].replace("15 dollars", "20 dollars") + "\nThe third one is free.\n",
    "swapped.txt": BEFORE["with.txt"],
    "with.txt": BEFORE["swapped.txt"],
    "rows.csv": BEFORE["rows.csv"].replace("projector 3,room 103\n", "") + "projector 9,room 109\n",
    "breaks.md": bytes(range(256)),
    "new.md": "# New\n\nVisitors sign in at the gate. They get a blue badge.\n",
    "copy.md": BEFORE["stays.md"],
}


def fill(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """What else was there is gone."""
    shutil.rmtree(folder, ignore_errors=True)
    for name, said in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(said if isinstance(said, bytes) else said.encode())


@dataclass
class Office:
    """A folder on the way from BEFORE to AFTER, and its index."""

    smithy: Forge
    top: Path
    index_before: Path
    before: Held
    now: Held
    runs: Iterator[int]
    kills: Counter[str]

    @property
    def folder(self) -> Path:
        return self.top / "folder"

    def order(self, data: Path, death: Death | None = None) -> Order:
        return Order("ingest", str(data), str(self.folder), COLLECTION, dies=death, tells=death is None)

    def data(self, there: bool = True) -> Path:
        """A new data folder with the index of BEFORE, or with none."""
        data = self.top / f"data{next(self.runs)}"
        if there:
            shutil.copytree(self.index_before, data)
        return data

    def survives(self, ended: Ended, order: Order, there: bool) -> bool:
        """Whether it was killed; then what it left is checked, and what the next process makes of that."""
        if not ended.killed:
            return False
        data, done = Path(order.data), [one["source"] for one in ended.done]
        self.kills[order.dies.point if order.dies else "at random"] += 1
        assert broken_off(self.before if there else None, data, self.now, done) == [], order
        left = self.smithy.run(replace(order, does="tell", dies=None, tells=True))
        assert left.holds.without_vectors() == [], order
        rerun = self.smithy.run(replace(order, dies=None, tells=True))
        assert rerun.trouble is None, order
        assert rerun.holds.differences(self.now, COLLECTION) == [], order
        shutil.rmtree(data)
        return True


def broken_off(before: Held | None, data: Path, now: Held, done: Sequence[str]) -> list[str]:
    """What is not wholly old or wholly new, or not there though it was said to be done."""
    if not (data / "index.sqlite").exists():
        return [f"said to be done: {source}" for source in done]
    found = rows(data)
    changing = ("seen", "path", "root")
    old = before.of(COLLECTION, but=changing) if before else {}
    there, new = Held(found).of(COLLECTION, but=changing), now.of(COLLECTION, but=changing)
    wrong = [f"half: {source}" for source, one in there.items() if one not in (old.get(source), new.get(source))]
    wrong += [f"lost: {source}" for source in old.keys() & new.keys() - there.keys()]
    wrong += [f"said to be done: {source}" for source in done if there.get(source) != new.get(source)]
    wrong += [
        f"lost when it moved: {content}" for content in moved(old, new) - {one["content"] for one in there.values()}
    ]
    return [*wrong, *map(str, found["lost"])]


@pytest.fixture(scope="module")
def encoder(cache: Path) -> Encoder:
    return exact_encoder(cache / "tandem")


@pytest.fixture(scope="module")
def smithy(cache: Path, encoder: Encoder) -> Iterator[Forge]:
    with forge(cache / "tandem") as made:
        yield made


@pytest.fixture(scope="module")
def office(smithy: Forge, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    top = tmp_path_factory.mktemp("office")
    folder, data = top / "folder", top / "before"
    order = Order("ingest", str(data), str(folder), COLLECTION, tells=True)
    fill(folder, BEFORE)
    before = smithy.run(order).holds
    fill(folder, AFTER)
    now = smithy.run(replace(order, data=str(top / "now"))).holds
    assert (before.faults(), now.faults()) == ([], [])
    kills: Counter[str] = Counter()
    yield Office(smithy, top, data, before, now, count(), kills)
    print(f"\n{kills.total()} kills: {', '.join(f'{name} {times}' for name, times in sorted(kills.items()))}")


DEATHS = [Death(name, when) for name in POINTS for when in ("before", "after")]
NEVER = {"VectorStore.keep_only"}
"""Where only a move comes."""


def died(office: Office, death: Death, there: bool = True) -> bool:
    order = office.order(office.data(there), death)
    return office.survives(office.smithy.run(order), order, there)


@pytest.mark.parametrize("point", ["VectorStore.add", "COMMIT", "VectorStore.delete", "Store.put", "UPDATE documents"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_an_ingest_that_is_killed_leaves_each_document_old_or_new(office: Office, point: str, when: str) -> None:
    assert died(office, Death(point, when))  # type: ignore[arg-type]


@pytest.mark.parametrize("death", [Death("VectorStore.add", "after"), Death("COMMIT", "before")])
def test_a_first_ingest_that_is_killed_leaves_nothing_half_done(office: Office, death: Death) -> None:
    assert died(office, death, there=False)


@pytest.mark.parametrize("there", [True, False])
def test_the_vectors_of_a_collection_that_is_gone_go_too(smithy: Forge, tmp_path: Path, there: bool) -> None:
    """Its only document was deleted, or never came in; what no row names, and no collection either, is swept out."""
    folder, one = tmp_path / "folder", {"one.md": BEFORE["stays.md"]}
    fill(folder, one)
    order = Order("ingest", str(tmp_path / "data"), str(folder), COLLECTION, tells=True)
    if there:
        smithy.run(order)
        (folder / "one.md").unlink()
    death = Death("VectorStore.delete", "before") if there else Death("VectorStore.add", "after")
    assert smithy.run(replace(order, dies=death)).killed
    (folder / "one.md").unlink(missing_ok=True)
    rerun = smithy.run(order).holds
    assert (rerun.documents, rerun.faults()) == ({}, [])


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS, ids=lambda death: f"{death.when} {death.point}")
def test_an_ingest_can_be_killed_at_each_point(office: Office, death: Death) -> None:
    """The first time that it comes there, and the third."""
    reached = [died(office, replace(death, nth=nth)) for nth in (1, 3)]
    assert reached[0] == (death.point not in NEVER)


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS, ids=lambda death: f"{death.when} {death.point}")
def test_a_first_ingest_can_be_killed_at_each_point(office: Office, death: Death) -> None:
    died(office, death, there=False)


@pytest.mark.slow
def test_an_ingest_can_be_killed_at_any_moment(office: Office) -> None:
    """Forty times, some of them in the first ingest."""
    random = Random(5)  # noqa: S311
    began = time.perf_counter()
    office.smithy.run(office.order(office.data()))
    takes, killed = time.perf_counter() - began, 0
    while killed < 40:
        there = random.random() < 0.7
        order = replace(office.order(office.data(there)), tells=False)
        running = office.smithy.start(order)
        time.sleep(random.random() * takes)
        running.kill()
        killed += office.survives(running.end(), order, there)


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS, ids=lambda death: f"{death.when} {death.point}")
def test_to_forget_a_document_can_be_interrupted(office: Office, death: Death) -> None:
    """It is there or it is gone; asked again, it is gone with all that it had."""
    order = Order("forget", str(office.data()), "rows.csv", COLLECTION, dies=death)
    if office.smithy.run(order).killed:
        office.kills[death.point] += 1
        assert rows(Path(order.data))["lost"] == []
    gone = office.smithy.run(replace(order, dies=None, tells=True)).holds
    left = {source: one for source, one in office.before.of(COLLECTION).items() if source != "rows.csv"}
    assert (gone.of(COLLECTION), gone.faults()) == (left, [])


@pytest.mark.slow
@pytest.mark.parametrize("death", DEATHS, ids=lambda death: f"{death.when} {death.point}")
def test_a_move_can_be_interrupted(office: Office, death: Death) -> None:
    """And an ingest may come before it goes on."""
    order = Order("move", str(office.data()), "marked", dies=death)
    if office.smithy.run(order).killed:
        office.kills[death.point] += 1
        assert Held(rows(Path(order.data))).of(COLLECTION) == office.before.of(COLLECTION)
    ingested = office.smithy.run(office.order(Path(order.data))).holds
    assert ingested.of(COLLECTION) == office.now.of(COLLECTION)
    moved = office.smithy.run(replace(order, dies=None, tells=True)).holds
    assert (moved.of(COLLECTION), moved.faults()) == (office.now.of(COLLECTION), [])
    assert moved.facts["embedder"] == "marked/16"
