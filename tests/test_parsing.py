"""No document harms what reads it: each is parsed in a process of its own, within limits, and is read or named.

`python -m tests.test_parsing` is a reader that knows documents of strange kinds too: they do what a parser must not.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingest import loaders, reader
from ingest.errors import Trouble, UnreadableDocument
from ingest.loaders import Line, Source, ocr
from ingest.parse import AHEAD, Reading, parsed, readings
from ingest.readers import Reader
from tests.bad_documents import CANARY, WORDS, Bad, damaged, good, made, no_files

ROOT = Path(__file__).parent.parent
MB = 1 << 20
KINDS = (".pdf", ".docx", ".pptx", ".xlsx", ".html", ".csv", ".eml", ".vtt", ".srt", ".md", ".txt")
STRANGE = "tests.test_parsing"


def said(*lines: str) -> Source:
    return Source("Strange", [Line(line, 1) for line in lines])


def _sleeps(path: Path) -> Source:
    time.sleep(1000)
    return said("late")


def _spins(path: Path) -> Source:
    while True:
        pass


def _grows(path: Path) -> Source:
    return said("x" * len(bytearray(600 * MB)))


def _says_much(path: Path) -> Source:
    return said(*["x" * MB] * 70)


def _is_killed(path: Path) -> Source:
    os.kill(os.getpid(), signal.SIGSEGV)
    return said("still there")


def _raises(path: Path) -> Source:
    raise ZeroDivisionError


def _recurses(path: Path) -> Source:
    return _recurses(path)


def _prints(path: Path) -> Source:
    print("noise")
    sys.stdout.flush()
    os.write(1, b"\0\0\0\0noise\n")
    os.write(2, b"noise\n")
    return said(f"it read {sys.stdin.read()!r}")


def _writes(path: Path) -> Source:
    path.with_name("written").write_text("evil")
    return said("written")


def _tells_its_environment(path: Path) -> Source:
    return said(*sorted(os.environ))


def _starts_a_program(path: Path) -> Source:
    started = subprocess.Popen(["sleep", "1000"])
    return said(str(started.pid))


def _kills_its_reader(path: Path) -> Source:
    os.kill(os.getppid(), signal.SIGKILL)
    return _sleeps(path)


def _kills_its_reader_once(path: Path) -> Source:
    mark = path.with_suffix(".mark")
    if mark.exists():
        return said(WORDS)
    mark.touch()
    return _kills_its_reader(path)


def _leaves_a_mark(path: Path) -> Source:
    path.with_suffix(".mark").touch()
    return said(WORDS)


def _is_a_scan(path: Path) -> Source:
    lines = [Line("printed on one", 1), Line("printed on three", 3)]
    return Source("Scan", lines if path.stem != "bare" else [], pictures=[2, 4, 5, 6])


STRANGE_KINDS: dict[str, Callable[[Path], Source]] = {
    ".sleeps": _sleeps,
    ".spins": _spins,
    ".grows": _grows,
    ".says-much": _says_much,
    ".is-killed": _is_killed,
    ".raises": _raises,
    ".recurses": _recurses,
    ".prints": _prints,
    ".writes": _writes,
    ".environment": _tells_its_environment,
    ".starts": _starts_a_program,
    ".kills": _kills_its_reader,
    ".kills-once": _kills_its_reader_once,
    ".marks": _leaves_a_mark,
    ".scan": _is_a_scan,
}


def _read_picture(path: Path, page: int) -> list[Line]:
    if page == 4:
        raise UnreadableDocument("too dark", str(path))
    return [Line(f"drawn on {page}", page)]


def strange_reader() -> None:
    loaders.LOADERS.update(STRANGE_KINDS)
    ocr.read_page = _read_picture
    reader.main()


def read_all(*paths: Path, ocr: bool = False) -> list[Source | Trouble]:
    return [reading.result for reading in readings({str(path): path for path in paths}, ocr, STRANGE)]


def put(folder: Path, *names: str) -> list[Path]:
    for name in names:
        (folder / name).write_text(WORDS)
    return [folder / name for name in names]


def what(result: Source | Trouble) -> str:
    return result.what if isinstance(result, Trouble) else "read"


# --- what is good


@pytest.mark.parametrize("kind", KINDS)
def test_a_document_comes_out_of_its_process_as_its_loader_made_it(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"parking{kind}"
    path.write_bytes(good(kind))
    [(name, source)] = parsed({"parking": path})
    assert isinstance(source, Source)
    assert name == "parking"
    assert WORDS in " ".join(line.text for line in source.lines)
    assert plain(source) == plain(loaders.read(path))


def plain(source: Source) -> dict[str, Any]:
    return {name: value if isinstance(value, str | None) else [*value] for name, value in vars(source).items()}


def test_documents_come_in_the_order_given(tmp_path: Path) -> None:
    paths = put(tmp_path, *(f"{number}.md" for number in range(40)))
    assert [name for name, _ in parsed({path.name: path for path in paths})] == [path.name for path in paths]


def test_a_file_is_found_by_a_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "parking.md")
    monkeypatch.chdir(tmp_path)
    assert [what(result) for _, result in parsed({"parking.md": Path("parking.md")})] == ["read"]


def test_only_a_few_documents_are_read_ahead(tmp_path: Path) -> None:
    paths = put(tmp_path, *(f"{number:02}.marks" for number in range(20)))
    reading = readings({path.name: path for path in paths}, program=STRANGE)
    next(reading)
    time.sleep(1)
    ahead = len([*tmp_path.glob("*.mark")])
    reading.close()
    assert 1 < ahead <= 1 + AHEAD


# --- what is strange


@pytest.mark.parametrize(
    ("kind", "over"), [("sleeps", "time"), ("spins", "time"), ("grows", "memory"), ("says-much", "output")]
)
def test_a_child_is_stopped_at_its_limits(tmp_path: Path, kind: str, over: str) -> None:
    [path] = put(tmp_path, f"strange.{kind}")
    one = Reader(STRANGE)
    began = time.monotonic()
    answer = one.ask({"path": str(path), "seconds": 1, "wall": 2, "bytes": 300 * MB})
    took = time.monotonic() - began
    one.stop()
    assert answer is not None
    assert (answer[1]["over"], took < 8) == (over, True)


def test_what_a_strange_document_did_is_named_and_the_next_one_is_read(tmp_path: Path) -> None:
    kinds = ["spins", "grows", "says-much", "is-killed", "raises", "recurses", "writes", "kills"]
    strange = put(tmp_path, *(f"a.{kind}" for kind in kinds))
    after = put(tmp_path, *(f"{kind}.md" for kind in kinds))
    results = read_all(*(path for pair in zip(strange, after, strict=True) for path in pair))
    assert [what(result) for result in results[::2]] == [
        "a.spins took more than 4 s to read.",
        "a.grows took more than 232 MB to read.",
        "a.says-much holds more than 64 MB of text.",
        "a.is-killed made its reader crash.",
        "a.raises made its reader crash.",
        "a.recurses is nested too deeply to be read.",
        "a.writes cannot be read (File too large).",
        "a.kills made its reader crash.",
    ]
    assert [what(result) for result in results[1::2]] == ["read"] * len(kinds)
    assert all(
        result.value == str(path)
        for result, path in zip(results[::2], strange, strict=True)
        if isinstance(result, Trouble)
    )


def test_a_reader_that_was_killed_is_started_anew(tmp_path: Path) -> None:
    assert [what(result) for result in read_all(*put(tmp_path, "a.kills-once", "b.md"))] == ["read", "read"]


def test_what_a_library_prints_is_no_answer(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    [source] = read_all(*put(tmp_path, "a.prints"))
    assert isinstance(source, Source)
    assert ([line.text for line in source.lines], capfd.readouterr()) == (["it read ''"], ("", ""))


def test_a_reader_is_told_no_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    [source] = read_all(*put(tmp_path, "a.environment"))
    assert isinstance(source, Source)
    assert {line.text for line in source.lines} - {"LC_CTYPE", "LD_LIBRARY_PATH", "TESSDATA_PREFIX"} == {
        *("LANG", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "PATH")
    }


# --- pages that are pictures


@pytest.fixture
def tesseract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is installed, as far as anybody can see."""
    program = tmp_path / "programs" / "tesseract"
    program.parent.mkdir()
    program.touch(0o755)
    monkeypatch.setenv("PATH", str(program.parent), os.pathsep)


@pytest.fixture
def no_tesseract(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")


@pytest.mark.usefixtures("tesseract")
def test_pages_that_are_pictures_are_read_into_their_places(tmp_path: Path) -> None:
    [source] = read_all(*put(tmp_path, "a.scan"), ocr=True)
    assert source == Source(
        "Scan",
        [
            Line("printed on one", 1),
            Line("drawn on 2", 2),
            Line("printed on three", 3),
            Line("drawn on 5", 5),
            Line("drawn on 6", 6),
        ],
        [
            "Pages 2, 5 and 6 are pictures; their words were read by OCR.",
            "Page 4 is a picture, and OCR found no words in it.",
        ],
        [2, 4, 5, 6],
        groups=[],
    )


@pytest.mark.usefixtures("no_tesseract")
def test_without_tesseract_it_is_said_what_was_not_read(tmp_path: Path) -> None:
    some, none = read_all(*put(tmp_path, "a.scan", "bare.scan"), ocr=True)
    assert isinstance(some, Source)
    assert isinstance(none, UnreadableDocument)
    assert some.notes == ["Pages 2 and 4 to 6 are pictures and were not read. Install Tesseract to have them read."]
    assert (none.what, none.do) == (
        "bare.scan is a scan: its pages are pictures.",
        "Install Tesseract to have them read.",
    )


# --- no process is left


def descendants(parent: int) -> set[int]:
    found: set[int] = set()
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent:
            found |= {int(entry.parent.name), *descendants(int(entry.parent.name))}
    return found


def alive(pids: set[int]) -> set[int]:
    return {pid for pid in pids if _state(pid) not in ("", "Z")}


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def gone_soon(pids: set[int]) -> bool:
    end = time.monotonic() + 5
    while alive(pids) and time.monotonic() < end:
        time.sleep(0.02)
    return not alive(pids)


@pytest.fixture
def ingesting(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[bytes]", set[int]]]:
    """A process that reads two documents which never end, and the processes it has for that."""
    code = (
        "import sys; from pathlib import Path; from ingest.parse import readings;"
        f"[*readings({{name: Path(name) for name in sys.argv[1:]}}, program={STRANGE!r})]"
    )
    paths = put(tmp_path, "a.sleeps", "b.sleeps")
    with subprocess.Popen(
        [sys.executable, "-c", code, *map(str, paths)], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as process:
        try:
            end = time.monotonic() + 20
            while len(children := descendants(process.pid)) < 4:
                assert time.monotonic() < end, "the children did not start"
                time.sleep(0.05)
            yield process, children
        finally:
            process.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_whoever_ends_leaves_no_process_behind(
    ingesting: tuple["subprocess.Popen[bytes]", set[int]], how: signal.Signals
) -> None:
    process, children = ingesting
    process.send_signal(how)
    assert (process.wait(5) != 0, gone_soon(children)) == (True, True)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_reader_that_is_killed_takes_its_child_along(
    ingesting: tuple["subprocess.Popen[bytes]", set[int]],
) -> None:
    process, children = ingesting
    readers = {pid for pid in children if Path(f"/proc/{pid}/stat").read_text().split()[3] == str(process.pid)}
    for pid in readers:
        os.kill(pid, signal.SIGKILL)
    assert (len(readers), gone_soon(children)) == (2, True)


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_what_a_child_has_started_ends_with_it_and_readers_end_with_the_work(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    [source, _] = read_all(*put(tmp_path, "a.starts", "b.md"))
    assert isinstance(source, Source)
    assert gone_soon({int(source.lines[0].text)})
    assert descendants(os.getpid()) - before == set()


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_closing_ends_at_once_what_is_being_read(tmp_path: Path) -> None:
    before = descendants(os.getpid())
    paths = put(tmp_path, "a.md", "b.sleeps", "c.sleeps")
    reading = readings({path.name: path for path in paths}, program=STRANGE)
    next(reading)
    began = time.monotonic()
    reading.close()
    assert (time.monotonic() - began < 3, descendants(os.getpid()) - before) == (True, set())


# --- what is bad


def wrong(bad: Bad, reading: Reading) -> str | None:
    """Why that is not what should come of it."""
    result = reading.result
    if isinstance(result, Trouble):
        named = bad.path.name.encode("utf-8", "replace").decode() in result.what and result.do
        return "is not read" if bad.readable else None if named else "is not named"
    text = " ".join(line.text for line in result.lines)
    if bad.readable is False:
        return "is read"
    return "tells another file" if CANARY in text else "lost its words" if bad.readable and WORDS not in text else None


def swept(bad: list[Bad]) -> dict[str, Reading]:
    """Each of them read; a good file after every twenty is read still."""
    keeps = bad[0].path.parent / "keeps.md"
    keeps.write_text(WORDS)
    files = {}
    for number, one in enumerate(bad):
        files[one.name] = one.path
        if number % 20 == 19:
            files[f"keeps {number}"] = keeps
    done = {reading.source: reading for reading in readings(files)}
    assert {what(done[name].result) for name in files if name.startswith("keeps ")} <= {"read"}
    return {one.name: done[one.name] for one in bad}


def figures(bad: list[Bad], done: dict[str, Reading]) -> str:
    refused = sum(isinstance(reading.result, Trouble) for reading in done.values())
    slowest = max(bad, key=lambda one: done[one.name].seconds)
    largest = max(bad, key=lambda one: done[one.name].bytes)
    return (
        f"{len(bad)} bad documents: {refused} refused, {len(bad) - refused} read; at most "
        f"{done[slowest.name].seconds:.1f} s ({slowest.path.suffix}: {slowest.why}) and "
        f"{done[largest.name].bytes // MB} MB ({largest.path.suffix}: {largest.why})"
    )


def judged(bad: list[Bad], done: dict[str, Reading]) -> dict[str, str]:
    found = {f"{one.name} ({one.why})": wrong(one, done[one.name]) for one in bad}
    return {name: why for name, why in found.items() if why}


def costly(bad: list[Bad], done: dict[str, Reading]) -> set[str]:
    return {
        f"{one.path.suffix} {one.why}: {done[one.name].seconds:.1f} s, {done[one.name].bytes // MB} MB"
        for one in bad
        if done[one.name].seconds > 10 or done[one.name].bytes > 300 * MB
    }


def test_damaged_documents_are_refused_by_name_or_read_right(tmp_path: Path) -> None:
    bad = [*damaged(tmp_path), *no_files(tmp_path)]
    done = swept(bad)
    print(figures(bad, done))
    assert len(bad) >= 150
    assert (judged(bad, done), costly(bad, done)) == ({}, set())


@pytest.mark.slow
def test_no_bad_document_is_read_wrong_or_takes_much(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.setblocking(False)
        bad = made(tmp_path, f"http://127.0.0.1:{listening.getsockname()[1]}/dtd")
        done = swept(bad)
        with pytest.raises(BlockingIOError):  # nobody came
            listening.accept()
    print(figures(bad, done), *sorted(costly(bad, done)), sep="\n")
    assert not (tmp_path / "evil").exists()
    assert (judged(bad, done), costly(bad, done)) == ({}, set())


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.binary(max_size=400), st.floats(0, 1)), min_size=9, max_size=30))
def test_bytes_put_anywhere_into_a_document_are_read_or_refused(
    tmp_path: Path, changes: list[tuple[str, bytes, float]]
) -> None:
    files = {}
    for number, (kind, noise, place) in enumerate(changes):
        whole = good(kind)
        at = int(place * len(whole))
        files[f"{number}{kind}"] = tmp_path / f"{number}{kind}"
        files[f"{number}{kind}"].write_bytes(whole[:at] + noise + whole[at + len(noise) :])
    assert [name for name, _ in parsed(files)] == [*files]


if __name__ == "__main__":
    strange_reader()
