"""One process answers while others change the index: it never tells what is gone, and soon what is new."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from apps.settings import ROOT
from ingest.evidence import Evidence
from ingest.index import Index
from ingest.retriever import Retriever
from ingest.writer import Writer
from models.embedded.encoder import Encoder
from tests.index_process import Death, Forge, Held, Order, exact_encoder, forge

COLLECTION = "office"


@pytest.fixture(scope="module")
def encoder(cache: Path) -> Encoder:
    return exact_encoder(cache / "tandem")


@pytest.fixture(scope="module")
def smithy(cache: Path, encoder: Encoder) -> Iterator[Forge]:
    with forge(cache / "tandem") as made:
        yield made


def tag(number: int) -> str:
    return "zx" + "".join("bdfghjkmpt"[int(digit)] for digit in f"{number:05}") + "q"


def tags(text: str) -> set[str]:
    return {*re.findall(r"\bzx[b-t]{5}q\b", text)}


def said(*numbers: int) -> str:
    return "# Keys\n\n" + " ".join(f"The spare key {tag(number)} hangs in the hall." for number in numbers) + "\n"


class Office:
    """A folder, and this process, which has its index open."""

    def __init__(self, top: Path, encoder: Encoder) -> None:
        self.folder, self.data, self.encoder = top / "folder", top / "data", encoder
        self.folder.mkdir()
        self.index = Index(self.data)
        self.retriever = Retriever(self.index)

    def order(self) -> Order:
        return Order("ingest", str(self.data), str(self.folder), COLLECTION)

    def search(self, question: str) -> Evidence:
        return self.retriever.search(question, self.encoder.query(question), [COLLECTION])

    def nearest(self) -> set[str]:
        """The passages that vectors lead to: what Chroma has kept of an earlier look is not among them."""
        vector = self.encoder.query("Where is anything?")
        space = self.index.space()
        return {*self.index.vectors.nearest(COLLECTION, space, vector, 50)}

    def finds(self, number: int) -> set[str]:
        """The tags of all that is found when one is asked for."""
        found = self.search(f"Where is {tag(number)}?").passages
        return {one for passage in found for one in tags(passage.text)}


@pytest.fixture
def office(tmp_path: Path, encoder: Encoder) -> Iterator[Office]:
    made = Office(tmp_path, encoder)
    yield made
    made.index.store.close()


def followed(office: Office, smithy: Forge, times: int) -> float:
    """Each time another process adds, changes or removes; the longest that this one took to see it."""
    there: dict[int, int] = {}
    longest = 0.0
    office.search("Where is anything?")
    for turn in range(times):
        file = turn * 7 % 5
        gone = turn % 3 == 2 and file in there
        if gone:
            (office.folder / f"{file}.md").unlink()
            before = there.pop(file)
        else:
            (office.folder / f"{file}.md").write_text(said(turn))
            before = there.get(file, turn)
            there[file] = turn
        assert smithy.run(office.order()).trouble is None
        began = time.perf_counter()
        live = {tag(number) for number in there.values()}
        found = office.finds(before) | office.finds(turn)
        assert found <= live
        assert office.nearest() == office.index.store.passage_ids(COLLECTION)
        assert gone or tag(turn) in found
        longest = max(longest, time.perf_counter() - began)
    return longest


def test_what_another_process_has_done_is_seen_at_once(office: Office, smithy: Forge) -> None:
    assert followed(office, smithy, 12) < 1


@pytest.mark.slow
def test_a_hundred_changes_of_other_processes_are_each_seen_within_a_second(office: Office, smithy: Forge) -> None:
    longest = followed(office, smithy, 100)
    print(f"\n100 of 100 changes seen, the slowest after {1000 * longest:.0f} ms")
    assert longest < 1


LATER = 20_000


def wrong_in(office: Office, number: int) -> list[str]:
    """A document says two sentences, and later two others: what is found of it is the one pair or the other."""
    wrong = []
    for first in (2 * number, LATER + 2 * number):
        pair = {tag(first), tag(first + 1)}
        passages = office.search(f"Where are {' and '.join(pair)}?").passages
        sources = [passage.source for passage in passages]
        wrong += [f"half: {one.text}" for one in passages if tags(one.text) & pair not in (set(), pair)]
        wrong += [f"twice: {sources}"] if len(sources) != len({*sources}) else []
        wrong += [] if passages else ["nothing"]
    return wrong


def asked_during(office: Office, smithy: Forge, documents: int) -> int:
    """Searches without a pause, while another process gives each document other sentences."""

    def write(first: int) -> None:
        for number in range(documents):
            (office.folder / f"{number}.md").write_text(said(first + 2 * number, first + 2 * number + 1))

    write(0)
    smithy.run(office.order())
    assert tag(0) in office.finds(0)
    write(LATER)
    with ThreadPoolExecutor(1) as beside:
        ingest = beside.submit(smithy.run, office.order())
        asked = 0
        while not ingest.done():
            assert wrong_in(office, asked * 37 % documents) == []
            asked += 1
    assert {one["status"] for one in ingest.result().done} == {"replaced"}
    for number in range(0, documents, 17):
        found = office.finds(LATER + 2 * number)
        assert tag(LATER + 2 * number) in found
        assert found.isdisjoint(map(tag, range(2 * documents)))
    return 2 * asked


def test_who_asks_during_an_ingest_is_answered_from_whole_documents(office: Office, smithy: Forge) -> None:
    assert asked_during(office, smithy, 30) > 0


@pytest.mark.slow
def test_two_hundred_documents_change_under_one_who_asks(office: Office, smithy: Forge) -> None:
    print(f"\n{asked_during(office, smithy, 200)} searches while 200 documents changed")


def test_a_writer_that_has_its_index_open_mends_what_another_left(office: Office, smithy: Forge) -> None:
    """A process that was killed has added vectors and committed nothing: no row tells that anything has changed."""
    (office.folder / "0.md").write_text(said(0))
    writer = Writer(office.index, office.encoder)
    writer.forget("nothing")
    smithy.run(office.order())
    assert tag(0) in office.finds(0)
    for turn in range(1, 4):
        (office.folder / f"{turn}.md").write_text(said(*range(turn * 100, turn * 100 + 40)))
        assert smithy.run(replace(office.order(), dies=Death("COMMIT", "before"))).killed
        writer.forget("nothing")
        (office.folder / f"{turn}.md").write_text(said(turn))
        done = smithy.run(replace(office.order(), tells=True))
        assert done.holds.faults() == []
        assert [tag(number) in office.finds(number) for number in range(turn + 1)] == [True] * (turn + 1)


class Interrupted(Index):
    """Something happens between the end of its writing and its own look at what has changed."""

    meanwhile = staticmethod(lambda: None)

    def refresh(self, *, always: bool = False) -> None:
        if always:
            self.meanwhile()
        super().refresh(always=always)


def test_who_has_just_written_sees_what_another_writes_in_the_next_moment(
    tmp_path: Path, encoder: Encoder, smithy: Forge
) -> None:
    office = Office(tmp_path, encoder)
    office.index = Interrupted(office.data)
    office.retriever = Retriever(office.index)
    for number in range(3):
        (office.folder / f"{number}.md").write_text(said(number))
    smithy.run(office.order())
    assert tag(0) in office.finds(0)

    def another() -> None:
        (office.folder / "1.md").write_text(said(11))
        (office.folder / "2.md").unlink()
        assert smithy.run(office.order()).trouble is None

    office.index.meanwhile = another
    Writer(office.index, encoder).forget("0.md")
    assert office.nearest() == office.index.store.passage_ids(COLLECTION)
    assert tag(11) in office.finds(11)


# The command ----------------------------------------------------------------------------------------------------------


def command(*given: str | Path) -> list[str]:
    return [sys.executable, "-m", "apps.cli", *map(str, given)]


def environment(cache: Path) -> dict[str, str]:
    return {
        **os.environ,
        "XDG_CACHE_HOME": str(cache),
        "OLLAMA_HOST": "127.0.0.1:9",
        "TANDEM_MODELS__PRECISION": "fp32",
    }


def test_a_second_command_is_refused_with_who_writes_and_since_when(office: Office, smithy: Forge, cache: Path) -> None:
    (office.folder / "0.md").write_text(said(0))
    first = smithy.start(Order("hold", str(office.data)))
    next(one for one in first.hears() if "holding" in one)
    given = command("ingest", office.folder, "--collection", COLLECTION, "--data", office.data)
    done = subprocess.run(given, cwd=ROOT, env=environment(cache), capture_output=True, text=True)
    first.kill()
    first.end()
    told = rf"pid {first.pid}, since \d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d"
    assert (done.returncode, bool(re.search(told, done.stderr)), done.stdout) == (1, True, ""), done.stderr


@pytest.mark.slow
def test_a_first_question_waits_for_the_process_that_makes_the_index(
    tmp_path: Path, smithy: Forge, cache: Path
) -> None:
    """Two processes begin with nothing: one makes the index, the other finds it made."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs" / "0.md").write_text(said(0))
    config = tmp_path / "tandem.toml"
    config.write_text("".join(f'[[collections]]\nname = "{name}"\npath = "docs"\n' for name in ("benefits", "401k")))
    given = command("ask", f"Where is {tag(0)}?", "--collection", "benefits", "--json")
    given += ["--config", str(config), "--data", str(tmp_path / "data")]
    first = smithy.start(Order("hold", str(tmp_path / "data")))
    next(one for one in first.hears() if "holding" in one)
    asking = [
        subprocess.Popen(given, cwd=ROOT, env=environment(cache), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    with pytest.raises(subprocess.TimeoutExpired):
        asking[0].wait(5)
    first.kill()
    first.end()
    answers = [process.communicate(timeout=60) for process in asking]
    assert [process.returncode for process in asking] == [0, 0], answers
    assert [tag(0) in out.decode() for out, _ in answers] == [True, True]
    held = smithy.run(Order("tell", str(tmp_path / "data"), tells=True)).holds
    assert isinstance(held, Held)
    assert ([*held.documents], held.faults()) == ([("benefits", "0.md"), ("401k", "0.md")], [])
