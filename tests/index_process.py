"""Orders -> processes that write to an index: each is a clean one, and dies at a named point when it is told to.

Starting Python takes seconds, so one process imports everything, opens nothing, and forks for each order.
"""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import IO, Any, Literal, NoReturn

import numpy as np

from apps.settings import ROOT, read
from apps.wiring import Parts, Places
from ingest import plan, vectors
from ingest.errors import Trouble
from ingest.evidence import Vectors
from ingest.index import Index
from ingest.lock import held
from ingest.making import Maker
from ingest.plan import Step
from ingest.store import DOCUMENT, Store
from ingest.vectors import VectorStore
from ingest.writer import Ingested, Writer
from models.embedded.encoder import Encoder

# Where a process can be killed ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Point:
    """A method, and for `Store._rows` the statement that it runs."""

    owner: type
    method: str
    statement: str = ""

    @property
    def name(self) -> str:
        return self.statement or f"{self.owner.__name__}.{self.method}"


POINTS = {
    point.name: point
    for point in (
        Point(Index, "refresh"),
        Point(Maker, "made"),
        Point(Maker, "vectors"),
        Point(Writer, "mend"),
        Point(Writer, "plan"),
        Point(Writer, "_put"),
        Point(Writer, "_commit"),
        Point(Writer, "_drop"),
        Point(VectorStore, "open"),
        Point(VectorStore, "_collection"),
        Point(VectorStore, "holding"),
        Point(VectorStore, "add"),
        Point(VectorStore, "delete"),
        Point(VectorStore, "keep_only"),
        Point(Store, "put"),
        Point(Store, "drop"),
        Point(Store, "found_at"),
        Point(Store, "remember"),
        Point(Store, "_rows", "BEGIN IMMEDIATE"),
        Point(Store, "_rows", "INSERT INTO documents"),
        Point(Store, "_rows", "DELETE FROM words"),
        Point(Store, "_rows", "DELETE FROM documents"),
        Point(Store, "_rows", "UPDATE documents"),
        Point(Store, "_rows", "COMMIT"),
    )
}
"""By name, where a process that is told to dies: before it, or after."""
When = Literal["before", "after"]


@dataclass(frozen=True)
class Death:
    point: str
    when: When = "before"
    nth: int = 1


def arm(death: Death) -> None:
    """This process is killed there; no code of Tandem's runs after that."""
    point = POINTS[death.point]
    method: Callable[..., Any] = getattr(point.owner, point.method)
    reached = 0

    def dying(self: Any, *given: Any, **more: Any) -> Any:
        nonlocal reached
        counts = not point.statement or str(given[0]).startswith(point.statement)
        reached += counts
        if counts and reached == death.nth and death.when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = method(self, *given, **more)
        if counts and reached == death.nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(point.owner, point.method, dying)


# An order, and what the process says ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Order:
    """What a process does with the index in `data`."""

    does: Literal["ingest", "forget", "move", "hold", "tell"]
    data: str
    what: str = ""
    """The path that is ingested, the source that is forgotten, the embedder that it is moved to."""
    collection: str = ""
    config: str | None = None
    wait: float = 1.0
    dies: Death | None = None
    tells: bool = False
    """In the end, what the index holds."""


@dataclass
class Ended:
    """What a process said until it ended, or was killed."""

    pid: int = 0
    done: list[dict[str, Any]] = field(default_factory=list)
    """What it reported as done, document by document."""
    trouble: str | None = None
    broken: str | None = None
    """A traceback: nothing that a user should ever see."""
    told: Mapping[str, Any] | None = None
    killed: bool = True

    @property
    def holds(self) -> "Held":
        assert self.told is not None, self
        return Held(self.told)


class Running:
    """A process at work."""

    def __init__(self, lines: IO[str]) -> None:
        self._lines, self._ended = lines, Ended()

    @property
    def pid(self) -> int:
        while not self._ended.pid:
            self._hear(self._lines.readline())
        return self._ended.pid

    def hears(self) -> Iterator[Mapping[str, Any]]:
        """What it says, as it says it."""
        for line in self._lines:
            yield self._hear(line)

    def kill(self) -> None:
        with suppress(ProcessLookupError):  # it has just ended
            os.kill(self.pid, signal.SIGKILL)

    def end(self) -> Ended:
        with self._lines:
            for line in self._lines:
                self._hear(line)
        assert self._ended.broken is None, self._ended.broken
        return self._ended

    def _hear(self, line: str) -> Mapping[str, Any]:
        said: dict[str, Any] = json.loads(line)
        for name, value in said.items():
            if name == "done":
                self._ended.done.append(value)
            else:
                setattr(self._ended, name, value)
        return said


ONE_THREAD = {"TOKENIZERS_PARALLELISM": "false", "OPENBLAS_NUM_THREADS": "1"}


class Forge:
    """Makes the processes."""

    def __init__(self, cache: Path) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environ = {**os.environ, **ONE_THREAD, "OLLAMA_HOST": "127.0.0.1:9"}
        command = [sys.executable, "-m", "tests.index_process", str(cache)]
        self._orders = ours
        self._process = subprocess.Popen(command, stdin=theirs.fileno(), cwd=ROOT, env=environ)
        theirs.close()

    def start(self, order: Order) -> Running:
        reads, writes = os.pipe()
        socket.send_fds(self._orders, [json.dumps(asdict(order)).encode()], [writes])
        os.close(writes)
        return Running(open(reads, encoding="utf-8"))

    def run(self, order: Order) -> Ended:
        return self.start(order).end()

    def close(self) -> None:
        self._orders.close()
        self._process.wait()


@contextmanager
def forge(cache: Path) -> Iterator[Forge]:
    made = Forge(cache)
    try:
        yield made
    finally:
        made.close()


def exact_encoder(cache: Path) -> Encoder:
    """In int8 the vector of a sentence depends on the others of its batch: the cosine of two was 0.984."""
    return Encoder(cache, "fp32")


# In the process that forks --------------------------------------------------------------------------------------------

Say = Callable[..., None]


def main() -> None:
    """Its encoder has one thread: others would not be there after a fork."""
    import gc

    import chromadb.api.rust  # all that an ingest imports, once
    import chromadb.telemetry.product.posthog  # noqa: F401
    import onnxruntime

    import apps.indexing
    import ingest.loaders

    ingest.loaders.kinds()
    threads = onnxruntime.SessionOptions

    def one_thread() -> Any:
        options = threads()
        options.intra_op_num_threads = 1
        return options

    onnxruntime.SessionOptions = one_thread
    encoder, listing = exact_encoder(Path(sys.argv[1])), apps.indexing.listing
    gc.freeze()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children
    orders = socket.socket(fileno=0)
    while True:
        order, fds, *_ = socket.recv_fds(orders, 1 << 16, 1)
        if not order:
            return
        if os.fork() == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            orders.close()
            _serve(_order(json.loads(order)), fds[0], encoder, listing)
        os.close(fds[0])


def _order(given: dict[str, Any]) -> Order:
    dies = given.pop("dies")
    return Order(**given, dies=Death(**dies) if dies else None)


def _serve(order: Order, answers: int, encoder: Encoder, listing: Callable[..., Any]) -> NoReturn:
    import traceback

    def say(**said: Any) -> None:
        os.write(answers, json.dumps(said).encode() + b"\n")

    try:
        say(pid=os.getpid())
        plan.LATELY = LATELY
        vectors.BATCH = 2
        if order.dies:
            arm(order.dies)
        _do(order, encoder, listing, say)
        say(killed=False)
    except Trouble as trouble:
        say(trouble=f"{trouble.what} {trouble.value} {trouble.do}", killed=False)
    except BaseException:
        say(broken=traceback.format_exc(), killed=False)
    finally:
        os._exit(0)


LATELY = 0.02
"""Instead of two seconds: a file that has rested so long is known by its stat alone, here too."""


def _do(order: Order, encoder: Encoder, listing: Callable[..., Any], say: Say) -> None:
    data = Path(order.data)
    if order.does == "hold":
        with held(data, order.wait):
            say(holding=True)
            signal.pause()
    parts = Parts(read({}, Path(order.config) if order.config else None), Places(data, data), {})
    writer = Writer(parts.index, encoder, Marked)
    if order.does == "ingest":
        writer.ingest(listing(parts, Path(order.what), order.collection), Reporter(say), order.wait)
    elif order.does == "forget":
        writer.forget(order.what, order.collection or None)
    elif order.does == "move":
        writer.move(order.what)
    if order.tells:
        say(told=_told(parts.index))


@dataclass(frozen=True)
class Reporter:
    """Says what is done, as a terminal would show it: what it has said must be true whatever happens then."""

    say: Say

    def begins(self, steps: Sequence[Step]) -> None: ...

    def done(self, one: Ingested) -> None:
        self.say(done={"source": one.source, "status": one.status, "what": one.trouble.what if one.trouble else None})


@dataclass(frozen=True)
class Marked:
    """An embedder: each text has a vector of its own, always the same."""

    name: str

    def documents(self, texts: Sequence[str], size: int | None = None) -> Vectors:
        seeds = (int.from_bytes(sha256(f"{self.name} {text}".encode()).digest()[:8], "big") for text in texts)
        rows = np.stack([np.random.default_rng(seed).normal(size=16) for seed in seeds]).astype(np.float32)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


# What an index holds --------------------------------------------------------------------------------------------------

Document = Mapping[str, Any]
Key = tuple[str, str]
"""A collection and a source."""


def _told(index: Index) -> dict[str, Any]:
    """All of it, for another process: the rows, and each of Chroma's collections with its vectors."""
    found = {}
    for collection in index.vectors.open().list_collections():
        got = collection.get(include=["embeddings"])
        found[collection.name] = [got["ids"], _packed(np.array(got["embeddings"], np.float16))]
    return {**rows(index.data), "chroma": found, "space": index.space().holding("")}


def _packed(array: Any) -> str:
    return b64encode(np.asarray(array, np.float16).tobytes()).decode()


def _unpacked(packed: str, rows: int) -> Vectors:
    return np.frombuffer(b64decode(packed), np.float16).reshape(rows, -1).astype(np.float32)


def rows(data: Path) -> dict[str, Any]:
    """What SQLite holds, read past Tandem's own code."""
    connection = sqlite3.connect(
        data / "index.sqlite", timeout=10
    )  # to read only could not mend the log of a killed one
    try:
        return _rows(partial(connection.execute))
    finally:
        connection.close()


def _rows(ask: Callable[..., Any]) -> dict[str, Any]:
    if not [*ask("SELECT 1 FROM sqlite_master WHERE name = 'facts'")]:  # killed before it had all its tables
        return {"documents": [], "lost": [], "facts": {}}
    named = DOCUMENT.split(", ")
    every = ask(f"SELECT id, {DOCUMENT} FROM documents")  # noqa: S608
    documents = [[number, dict(zip(named, row, strict=True))] for number, *row in every]
    return {
        "documents": [{**row, **_below(ask, number)} for number, row in documents],
        "lost": [
            *ask("SELECT 'section', id FROM sections WHERE document NOT IN (SELECT id FROM documents)"),
            *ask("SELECT 'passage', id FROM passages WHERE document NOT IN (SELECT id FROM documents)"),
            *ask("SELECT 'words', rowid FROM words WHERE rowid NOT IN (SELECT number FROM passages)"),
            *ask("SELECT 'no words', number FROM passages WHERE number NOT IN (SELECT rowid FROM words)"),
            *ask("PRAGMA foreign_key_check"),
            *(row for row in ask("PRAGMA integrity_check") if row != ("ok",)),
        ],
        "facts": dict(ask("SELECT name, value FROM facts")),
    }


def _below(ask: Callable[..., Any], number: int) -> dict[str, Any]:
    found = [
        *ask("SELECT first, heading, sentences, vectors FROM sections WHERE document = ? ORDER BY first", [number])
    ]
    passages = ask(
        "SELECT p.id, start, stop, terms FROM passages p JOIN words ON words.rowid = p.number"
        " WHERE document = ? ORDER BY start",
        [number],
    )
    return {
        "sections": [[first, heading, json.loads(sentences)] for first, heading, sentences, _ in found],
        "passages": [*map(list, passages)],
        "vectors": [b64encode(packed).decode() for *_, packed in found],
    }


class Held:
    """What an index holds, to be compared with another."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        self._told = told
        self.documents: dict[Key, Document] = {(row["collection"], row["source"]): row for row in told["documents"]}

    @property
    def facts(self) -> dict[str, str]:
        return dict(self._told["facts"])

    def of(self, collection: str, *, but: Sequence[str] = ("seen",)) -> dict[str, Document]:
        """Its documents by their sources, all that is stored of them but those columns."""
        left_out = {*but, "vectors"}
        return {
            source: {name: value for name, value in row.items() if name not in left_out}
            for (name, source), row in self.documents.items()
            if name == collection
        }

    def faults(self) -> list[str]:
        """What no index may have: rows that hang in the air, and vectors that are not just the passages'."""
        found = [f"lost: {one}" for one in self._told["lost"]]
        if len(self.documents) != len(self._told["documents"]):
            found.append("two documents of one name")
        named = self._named()
        there = {name: ids for name, (ids, _) in self._told["chroma"].items() if ids}
        for name in {*named, *there}:
            more = {*there.get(name, [])} - named.get(name, set())
            found += [f"{name}: {len(more)} vectors without a passage"] if more else []
            found += [f"{name}: a vector twice"] if len(there.get(name, [])) != len({*there.get(name, [])}) else []
        return [*found, *self.without_vectors()]

    def without_vectors(self) -> list[str]:
        """What no search may ever meet, not even after a crash."""
        there = {name: {*ids} for name, (ids, _) in self._told["chroma"].items()}
        return [
            f"{name}: {len(less)} passages without a vector"
            for name, ids in self._named().items()
            if (less := ids - there.get(name, set()))
        ]

    def _named(self) -> dict[str, set[str]]:
        """What Chroma should hold: by its name for a collection, the passages."""
        named: dict[str, set[str]] = {}
        for (collection, _), row in self.documents.items():
            named.setdefault(f"{self._told['space']}{collection}", set()).update(one[0] for one in row["passages"])
        return named

    def vectors(self, collection: str) -> dict[str, Vectors]:
        """By passage, and by document and section, the rows."""
        found = {}
        for (name, source), row in self.documents.items():
            if name == collection:
                for (first, _, sentences), packed in zip(row["sections"], row["vectors"], strict=True):
                    found[f"{source} {first}"] = _unpacked(packed, len(sentences) + 1)
        ids, packed = self._told["chroma"].get(f"{self._told['space']}{collection}", [[], ""])
        return found | dict(zip(ids, _unpacked(packed, len(ids))[:, None] if ids else (), strict=True))

    def differences(self, fresh: "Held", collection: str) -> list[str]:
        """From an index that was made from nothing, of the same folder."""
        ours, theirs = self.of(collection), fresh.of(collection)
        found = [
            f"{source}: {name}: {_value(ours, source, name)} and, from nothing, {_value(theirs, source, name)}"
            for source in sorted({*ours, *theirs})
            for name in {**ours.get(source, {}), **theirs.get(source, {})}
            if _value(ours, source, name) != _value(theirs, source, name)
        ]
        return [*found, *self.faults(), *fresh.faults()] or _apart(self.vectors(collection), fresh.vectors(collection))


def moved(old: Mapping[str, Document], new: Mapping[str, Document]) -> set[str]:
    """What is there under a new name; two files that change places are each, for a moment, the same."""
    return {old[source]["content"] for source in old.keys() - new.keys()} & {
        new[source]["content"] for source in new.keys() - old.keys()
    }


def _value(documents: Mapping[str, Document], source: str, name: str) -> Any:
    return documents.get(source, {}).get(name, "nothing")


NEAR = 0.999
"""What is kept is kept in float16."""


def _apart(ours: Mapping[str, Vectors], theirs: Mapping[str, Vectors]) -> list[str]:
    found = [f"{name} has a vector in one of the two" for name in ours.keys() ^ theirs.keys()]
    for name in ours.keys() & theirs.keys():
        sizes = np.linalg.norm(ours[name], axis=1) * np.linalg.norm(theirs[name], axis=1)
        near = (ours[name] * theirs[name]).sum(axis=1) / np.maximum(sizes, 1e-9)
        found += [f"{name}: a vector is {low:.3f} from what it should be"] if (low := float(near.min())) < NEAR else []
    return found


if __name__ == "__main__":
    main()
