import io
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from threading import Thread

import pytest

from apps.settings import ROOT
from apps.show import say
from apps.stats import KEPT, Recorder, Report, lines, report
from ingest.errors import Trouble
from models.asking import Asking, Call, TriageSeen
from privacy.content import Text

NOON = 1_800_000_000.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "stats.sqlite"


def small(ms: float = 10.0, failure: str | None = None) -> Call:
    first = None if failure else ms / 2
    return Call("small", "ollama:phi4-mini", False, ms, first, failure, 100, 0 if failure else 10)


def recorded(path: Path, *questions: Asking, at: float = NOON, most: int = 100) -> Report:
    recorder = Recorder(path, lambda: at, most)
    for question in questions:
        recorder.record(question)
    recorder.close()
    return report(path)


def calls(path: Path) -> int:
    return sum(fared["calls"] for fared in report(path)["models"])


def shown(found: Report) -> str:
    out = io.StringIO()
    say(lines(found), out)
    return out.getvalue()


QUESTIONS = [
    *(Asking(calls=[small(ms)]) for ms in (400.0, 800.0, 1200.0)),
    Asking(calls=[small(2000.0, "silent"), Call("large", "openai:gpt-4o", True, 900.0, 300.0, None, 700, 60)]),
    Asking(triage=[TriageSeen("valid", True, 300.0)], calls=[Call("triage", "ollama:phi4-mini", False, 300.0, 200.0)]),
    Asking(triage=[TriageSeen("repaired", False, 700.0)]),
    Asking(triage=[TriageSeen("invalid", None, 800.0), TriageSeen("failed", None, 2000.0)]),
]


def test_each_model_and_triage_are_reported(path: Path) -> None:
    assert recorded(path, *QUESTIONS) == {
        "since": "2027-01-15T08:00:00+00:00",
        "until": "2027-01-15T08:00:00+00:00",
        "models": [
            {
                "role": "large",
                "model": "openai:gpt-4o",
                "remote": True,
                "calls": 1,
                "answered": 1,
                "failures": {},
                "first_ms": {"p50": 300.0, "p95": 300.0},
                "ms": {"p50": 900.0, "p95": 900.0},
                "tokens": {"input": 700, "output": 60},
            },
            {
                "role": "small",
                "model": "ollama:phi4-mini",
                "remote": False,
                "calls": 4,
                "answered": 3,
                "failures": {"silent": 1},
                "first_ms": {"p50": 400.0, "p95": 600.0},
                "ms": {"p50": 800.0, "p95": 1200.0},
                "tokens": {"input": 400, "output": 30},
            },
            {
                "role": "triage",
                "model": "ollama:phi4-mini",
                "remote": False,
                "calls": 1,
                "answered": 1,
                "failures": {},
                "first_ms": {"p50": 200.0, "p95": 200.0},
                "ms": {"p50": 300.0, "p95": 300.0},
                "tokens": {"input": 0, "output": 0},
            },
        ],
        "triage": {
            "asked": 4,
            "valid": 1,
            "repaired": 1,
            "invalid": 1,
            "failed": 1,
            "compared": 2,
            "agreed": 1,
            "ms": {"p50": 700.0, "p95": 2000.0},
        },
    }


def test_people_get_a_table(path: Path) -> None:
    assert shown(recorded(path, *QUESTIONS)) == (
        "2027-01-15T08:00:00+00:00 to 2027-01-15T08:00:00+00:00; times are p50 / p95.\n"
        "role    model             calls  answered  first piece      whole answer     tokens in  out  failures\n"
        "large   openai:gpt-4o     1      1         300 ms / 300 ms  900 ms / 900 ms  700        60   none\n"
        "small   ollama:phi4-mini  4      3         400 ms / 600 ms  800 ms / 1.2 s   400        30   silent 1\n"
        "triage  ollama:phi4-mini  1      1         200 ms / 200 ms  300 ms / 300 ms  0          0    none\n"
        "Triage by the small model: 4 asked, 1 of 4 (25%) valid at once, 1 repaired, 2 left to the embedded classifier"
        " (1 invalid, 1 failed); 700 ms / 2.0 s.\n"
        "It agreed with the embedded classifier on 1 of 2 (50%).\n"
    )


def test_where_no_model_was_asked_that_is_said_and_no_file_is_made(path: Path) -> None:
    assert (shown(report(path)), path.exists()) == ("No model has been asked yet.\n", False)


def test_a_question_that_asked_no_model_leaves_no_trace(path: Path) -> None:
    assert (recorded(path, Asking())["models"], path.exists()) == ([], False)


def test_no_word_of_a_question_or_a_passage_is_kept(path: Path) -> None:
    call = Call(
        "large", "openai:gpt-4o", True, 1.0, sent=[Text("payroll of Brightwater", "internal", "pay.md, page 1")]
    )
    recorded(path, Asking(calls=[call], notices=["Brightwater"]))
    assert [file.name for file in path.parent.iterdir() if b"Brightwater" in file.read_bytes()] == []


def test_rows_of_long_ago_go(path: Path) -> None:
    recorded(path, *QUESTIONS)
    later = recorded(path, Asking(calls=[small()]), at=NOON + KEPT + 1)
    assert (calls(path), later["triage"]["asked"]) == (1, 0)


def test_of_too_many_rows_the_oldest_go(path: Path) -> None:
    recorded(path, *(Asking(calls=[small(float(ms))]) for ms in range(1, 31)), most=5)
    assert [report(path)["models"][0][key] for key in ("calls", "ms")] == [5, {"p50": 28.0, "p95": 30.0}]


def test_while_another_process_holds_the_file_no_question_waits_and_nothing_is_lost(path: Path) -> None:
    recorded(path, Asking(calls=[small()]))
    recorder = Recorder(path, patience=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        began = time.perf_counter()
        for _ in range(100):
            recorder.record(Asking(calls=[small()]))
        waited = time.perf_counter() - began
        time.sleep(0.3)  # until it has been tried in vain
        other.execute("ROLLBACK")
    recorder.close()
    # Had each waited for the file, they would have taken ten.
    assert (calls(path), waited < 5) == (101, True)


def test_a_recorder_is_closed_within_twice_its_patience_whoever_holds_the_file(path: Path) -> None:
    recorded(path, Asking(calls=[small()]))
    recorder = Recorder(path, patience=0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(100):
            recorder.record(Asking(calls=[small()]))
        began = time.perf_counter()
        recorder.close()
        assert time.perf_counter() - began < 5  # a hundred questions, each tried in vain, would take ten
    assert calls(path) == 1


@pytest.mark.parametrize("place", ["missing/stats.sqlite", "."])
def test_where_nothing_can_be_written_the_questions_go_on(tmp_path: Path, place: str) -> None:
    recorder = Recorder(tmp_path / place)
    recorder.record(Asking(calls=[small()]))
    recorder.close()
    assert [*tmp_path.iterdir()] == []


def test_a_question_that_ends_after_all_was_closed_fails_no_one(path: Path) -> None:
    recorder = Recorder(path)
    recorder.close()
    recorder.record(Asking(calls=[small()]))
    assert not path.exists()


def test_a_damaged_file_stops_no_question_and_is_named_when_it_is_read(path: Path) -> None:
    path.write_bytes(b"no database " * 100)
    recorder = Recorder(path)
    recorder.record(Asking(calls=[small()]))
    recorder.close()
    with pytest.raises(Trouble) as trouble:
        report(path)
    assert (trouble.value.what, trouble.value.value, trouble.value.do) == (
        "How the models fared cannot be read (file is not a database).",
        str(path),
        "If the file is damaged, delete it: nothing else is in it.",
    )


WRITES = """
import sys
from pathlib import Path
from apps.stats import Recorder
from models.asking import Asking, Call
recorder = Recorder(Path(sys.argv[1]))
for _ in range(50):
    recorder.record(Asking(calls=[Call("small", "ollama:phi4-mini", False, 1.0)]))
recorder.close()
"""


def test_a_server_and_a_chat_write_into_the_same_file(path: Path) -> None:
    others = [subprocess.Popen([sys.executable, "-c", WRITES, str(path)], cwd=ROOT) for _ in range(2)]
    recorder = Recorder(path)

    def write() -> None:
        for _ in range(50):
            recorder.record(Asking(calls=[small()]))

    threads = [Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    recorder.close()
    assert ([other.wait() for other in others], calls(path)) == ([0, 0], 300)
