"""A folder is the truth: what is in it is in the answers, what is gone is gone, and who may read it is kept."""

import json
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from apps.indexing import UNFINISHED
from ingest.index import Index
from ingest.store import Store
from tests.conftest import Command

Ingest = Callable[..., dict[str, str]]


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    return folder


def write(folder: Path, **said: str) -> None:
    """A Markdown file for each, named as it is."""
    for name, text in said.items():
        file = folder / f"{name}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"# {name.title()}\n\n{text}\n", "utf-8")


@pytest.fixture
def ingest(run: Command) -> Ingest:
    """What became of each document."""

    def ingest(path: Path, *more: str, code: int = 0) -> dict[str, str]:
        done = run("ingest", path, "--collection", "office", "--json", *more)
        assert (done.code, done.err if code == 2 else "") == (code, "")
        return {one["source"]: one["status"] for one in json.loads(done.out)["documents"]}

    return ingest


def listed(run: Command) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run("documents", "--json").out)["documents"]
    return rows


def sources(run: Command) -> list[str]:
    return [row["source"] for row in listed(run)]


def texts(run: Command, query: str) -> list[str]:
    return [passage["text"] for passage in json.loads(run("search", query, "--json").out)["passages"]]


def outcome(run: Command, *arguments: str | Path) -> dict[str, Any]:
    [one] = json.loads(run("ingest", *arguments, "--collection", "office", "--json").out)["documents"]
    assert isinstance(one, dict)
    return one


# What is there --------------------------------------------------------------------------------------------------------


def test_a_folder_is_added_changed_renamed_and_emptied(docs: Path, ingest: Ingest, run: Command) -> None:
    write(docs, lamps="Lamps come from the depot.", chairs="Chairs come from the loft.", desks="Desks are by the wall.")
    assert ingest(docs) == {"lamps.md": "added", "chairs.md": "added", "desks.md": "added"}
    write(docs, lamps="Lamps come from the cellar.")
    (docs / "chairs.md").rename(docs / "seats.md")
    (docs / "desks.md").unlink()
    assert ingest(docs) == {"desks.md": "removed", "lamps.md": "replaced", "seats.md": "renamed"}
    assert sorted(texts(run, "where do they come from")) == [
        "Chairs come from the loft.",
        "Lamps come from the cellar.",
    ]
    assert ingest(docs) == {"lamps.md": "unchanged", "seats.md": "unchanged"}
    for file in docs.iterdir():
        file.unlink()
    assert ingest(docs) == {"lamps.md": "removed", "seats.md": "removed"}
    assert (sources(run), texts(run, "where do they come from")) == ([], [])


def test_only_what_was_changed_is_embedded_again(docs: Path, run: Command) -> None:
    said = [f"Room {number} is kept for team number {number}." for number in range(40)]
    write(docs, rooms="\n\n".join(said))
    first = outcome(run, docs)
    write(docs, rooms="\n\n".join(["This list is new.", *said[:20], "Room 99 is closed.", *said[21:]]))
    changed = outcome(run, docs)
    (docs / "rooms.md").rename(docs / "list.md")
    renamed = next(
        one
        for one in json.loads(run("ingest", docs, "--collection", "office", "--json").out)["documents"]
        if one["status"] == "renamed"
    )
    assert (first["status"], first["embedded"]) == ("added", 41)
    assert (changed["status"], changed["embedded"]) == ("replaced", 2)
    assert (renamed["before"], renamed["source"], renamed["embedded"]) == ("rooms.md", "list.md", 1)


def test_another_folder_of_the_same_collection_is_left_alone(tmp_path: Path, ingest: Ingest, run: Command) -> None:
    write(tmp_path / "north", lamps="Lamps come from the depot.")
    write(tmp_path / "south", chairs="Chairs come from the loft.")
    assert ingest(tmp_path / "north") == {"lamps.md": "added"}
    assert ingest(tmp_path / "south") == {"chairs.md": "added"}
    assert sources(run) == ["chairs.md", "lamps.md"]


def test_two_files_of_one_name_do_not_take_each_others_place(tmp_path: Path, run: Command, ingest: Ingest) -> None:
    write(tmp_path / "north", lamps="Lamps come from the depot.")
    write(tmp_path / "south", lamps="Lamps come from the loft.")
    ingest(tmp_path / "north")
    done = run("ingest", tmp_path / "south", "--collection", "office")
    assert (done.code, "office holds another lamps.md already" in done.out) == (1, True)
    assert texts(run, "lamps") == ["Lamps come from the depot."]
    (tmp_path / "north" / "lamps.md").unlink()
    assert ingest(tmp_path / "south") == {"lamps.md": "replaced"}


def test_a_part_of_a_folder_keeps_its_names_and_touches_nothing_else(docs: Path, run: Command, ingest: Ingest) -> None:
    write(docs, lamps="Lamps come from the depot.")
    write(docs / "attic", chairs="Chairs come from the loft.", beds="Beds come from nowhere.")
    ingest(docs)
    write(docs, lamps="Lamps come from the cellar.")
    write(docs / "attic", chairs="Chairs come from the roof.")
    (docs / "attic" / "beds.md").unlink()
    assert ingest(docs / "attic") == {"attic/beds.md": "removed", "attic/chairs.md": "replaced"}
    assert ingest(docs / "lamps.md") == {"lamps.md": "replaced"}
    assert sources(run) == ["attic/chairs.md", "lamps.md"]


def test_a_folder_around_one_that_was_ingested_takes_it_in(docs: Path, run: Command, ingest: Ingest) -> None:
    write(docs / "attic", chairs="Chairs come from the loft.")
    ingest(docs / "attic")
    assert ingest(docs) == {"attic/chairs.md": "renamed"}
    assert sources(run) == ["attic/chairs.md"]


def test_a_file_that_breaks_is_named_and_its_old_text_answers_no_more(docs: Path, run: Command, ingest: Ingest) -> None:
    write(docs, lamps="Lamps come from the depot.", chairs="Chairs come from the loft.")
    ingest(docs)
    (docs / "lamps.md").write_bytes(b"\0\1\2" * 99)
    done = run("ingest", docs, "--collection", "office", "--json")
    broken = next(one for one in json.loads(done.out)["documents"] if one["source"] == "lamps.md")
    assert (done.code, broken["status"]) == (1, "failed")
    assert broken["notes"] == ["Its earlier version is no longer in the answers."]
    assert texts(run, "come from") == ["Chairs come from the loft."]


def test_what_would_be_done_is_said_and_nothing_is_done(
    docs: Path, run: Command, ingest: Ingest, tmp_path: Path
) -> None:
    write(docs, lamps="Lamps come from the depot.", chairs="Chairs come from the loft.")
    assert ingest(docs, "--dry-run") == {"lamps.md": "added", "chairs.md": "added"}
    assert not (docs.parent / "data").exists()
    ingest(docs)
    (docs / "lamps.md").unlink()
    write(docs, desks="Desks are by the wall.")
    (docs / "logo.png").write_bytes(b"\x89PNG")
    planned = {"lamps.md": "removed", "chairs.md": "unchanged", "desks.md": "added", "logo.png": "skipped"}
    assert ingest(docs, "--dry-run") == planned
    assert sources(run) == ["chairs.md", "lamps.md"]
    assert ingest(docs) == planned


def test_a_file_of_another_kind_is_named_and_no_failure(docs: Path, run: Command) -> None:
    write(docs, lamps="Lamps come from the depot.")
    (docs / "logo.png").write_bytes(b"\x89PNG")
    (docs / ".hidden.md").write_text("Nobody sees this.")
    (docs / "~$plan.docx").write_bytes(b"lock")
    done = run("ingest", docs, "--collection", "office")
    assert (done.code, "logo.png" in done.out, "hidden" in done.out, "~$" in done.out) == (0, True, False, False)


def test_links_out_of_the_folder_and_devices_are_refused_by_name(docs: Path, run: Command, tmp_path: Path) -> None:
    write(docs, lamps="Lamps come from the depot.")
    (tmp_path / "secret.md").write_text("# Secret\n\nThe vault opens at nine.\n")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "more.md").write_text("# More\n\nThe vault closes at ten.\n")
    (docs / "link.md").symlink_to(tmp_path / "secret.md")
    (docs / "folder").symlink_to(tmp_path / "outside")
    (docs / "same.md").symlink_to(docs / "lamps.md")
    (docs / "round").symlink_to(docs)
    (docs / "gone.md").symlink_to(docs / "nowhere.md")
    os.mkfifo(docs / "pipe.md")
    done = run("ingest", docs, "--collection", "office", "--json")
    told = {one["source"]: (one["error"] or {}).get("what") for one in json.loads(done.out)["documents"]}
    assert done.code == 1
    assert told == {
        "lamps.md": None,
        "link.md": "link.md is a link that leads out of the folder.",
        "folder": "folder is a link that leads out of the folder.",
        "pipe.md": "pipe.md is no ordinary file.",
    }
    assert sources(run) == ["lamps.md"]


def test_without_a_path_the_configured_collections_are_brought_up_to_date(docs: Path, run: Command) -> None:
    write(docs, lamps="Lamps come from the depot.")
    config = docs.parent / "mine.toml"
    config.write_text(
        '[[intents]]\nname="other"\nkind="chat"\n[[intents]]\nname="smalltalk"\nkind="chat"\n'
        '[[collections]]\nname = "office"\npath = "docs"\n'
    )
    done = json.loads(run("--config", config, "ingest", "--json").out)["documents"]
    assert [(one["collection"], one["source"], one["status"]) for one in done] == [("office", "lamps.md", "added")]


def test_a_first_indexing_that_was_killed_between_two_collections_is_gone_on_with(docs: Path, run: Command) -> None:
    write(docs / "one", lamps="Lamps come from the depot.")
    write(docs / "two", chairs="Chairs come from the loft.")
    config = docs.parent / "mine.toml"
    config.write_text(
        '[[intents]]\nname="other"\nkind="chat"\n[[intents]]\nname="smalltalk"\nkind="chat"\n'
        '[[collections]]\nname = "one"\npath = "docs/one"\n[[collections]]\nname = "two"\npath = "docs/two"\n'
    )
    run("--config", config, "ingest", docs / "one")
    run("--config", config, "ask", "Where do chairs come from?")
    assert sources(run) == ["lamps.md"]  # made by hand: what is not in it was not wanted yet
    store = Store(docs.parent / "data" / "index.sqlite")
    store.remember(UNFINISHED, "yes")
    store.close()
    run("--config", config, "ask", "Where do chairs come from?")
    assert sources(run) == ["lamps.md", "chairs.md"]


# Who may read it ------------------------------------------------------------------------------------------------------


def rules(run: Command) -> dict[str, tuple[str, list[list[str]]]]:
    return {row["source"]: (row["label"], row["groups"]) for row in listed(run)}


def test_labels_and_groups_are_inherited_and_the_strictest_holds(docs: Path, run: Command, ingest: Ingest) -> None:
    write(docs, news="The canteen is open.")
    write(docs / "hr", bands="Band three ends at 120,000 dollars.", review="Reviews are in May.")
    write(docs / "hr" / "legal", case="The case is settled.")
    (docs / "tandem.toml").write_text('label = "internal"\n')
    (docs / "hr" / "tandem.toml").write_text(
        'groups = ["hr", "finance"]\n[files."bands*"]\nlabel = "restricted"\ngroups = ["managers"]\n'
    )
    (docs / "hr" / "legal" / "tandem.toml").write_text('label = "public"\ngroups = "legal"\n')
    ingest(docs)
    among = ["finance", "hr"]
    assert rules(run) == {
        "news.md": ("internal", []),
        "hr/bands.md": ("restricted", [among, ["managers"]]),
        "hr/review.md": ("internal", [among]),
        "hr/legal/case.md": ("internal", [among, ["legal"]]),
    }
    (docs / "hr" / "tandem.toml").write_text('label = "restricted"\n')
    assert ingest(docs) == {
        "news.md": "unchanged",
        **dict.fromkeys(("hr/bands.md", "hr/review.md", "hr/legal/case.md"), "replaced"),
    }
    assert rules(run)["hr/review.md"] == ("restricted", [])


def test_one_file_or_a_part_of_a_folder_inherits_what_the_folders_around_it_say(
    docs: Path, run: Command, ingest: Ingest
) -> None:
    write(docs / "hr" / "pay", bands="Band three ends at 120,000 dollars.", raises="Raises are in May.")
    (docs / "hr" / "tandem.toml").write_text('label = "restricted"\n')
    ingest(docs / "hr" / "pay" / "bands.md")
    assert rules(run) == {"bands.md": ("restricted", [])}
    ingest(docs / "hr" / "pay")
    assert rules(run) == {"bands.md": ("restricted", []), "raises.md": ("restricted", [])}


def test_a_configured_folders_label_holds_whatever_collection_its_files_are_put_in(docs: Path, run: Command) -> None:
    write(docs / "pay", bands="Band three ends at 120,000 dollars.")
    config = docs.parent / "mine.toml"
    config.write_text(
        '[[intents]]\nname="other"\nkind="chat"\n[[intents]]\nname="smalltalk"\nkind="chat"\n'
        '[[collections]]\nname = "pay"\npath = "docs/pay"\nlabel = "restricted"\ngroups = ["hr"]\n'
    )
    run("--config", config, "ingest", docs, "--collection", "everything")
    assert rules(run) == {"pay/bands.md": ("restricted", [["hr"]])}


@pytest.mark.parametrize(
    ("says", "wrong"),
    [
        ('lable = "restricted"', "lable"),
        ('label = "secret"', "secret"),
        ("label = 3", "3"),
        ("groups = [3]", "[3]"),
        ('[files."a*"]\nlabel = "no"', "no"),
        ('[files."a*"]\ngroup = "no"', "group"),
        ("label = ", "Invalid value"),
    ],
)
def test_a_slip_in_what_a_folder_says_leaves_nothing_open(docs: Path, run: Command, says: str, wrong: str) -> None:
    write(docs, bands="Band three ends at 120,000 dollars.")
    (docs / "tandem.toml").write_text(says)
    done = run("ingest", docs, "--collection", "office")
    assert (done.code, wrong in done.err, sources(run)) == (1, True, [])


def test_the_programs_own_settings_in_a_folder_say_nothing_of_it(docs: Path, ingest: Ingest, run: Command) -> None:
    write(docs, lamps="Lamps come from the depot.")
    (docs / "tandem.toml").write_text('[models]\nsmall = "embedded"\n[[collections]]\nname = "office"\npath = "."\n')
    assert ingest(docs) == {"lamps.md": "added"}


# One writer -----------------------------------------------------------------------------------------------------------


def test_a_second_writer_is_refused_with_the_first_ones_pid_and_start(docs: Path, run: Command, tmp_path: Path) -> None:
    from ingest.lock import held

    write(docs, lamps="Lamps come from the depot.")
    (tmp_path / "data").mkdir()
    with held(tmp_path / "data"):
        done = run("ingest", docs, "--collection", "office")
    assert done.code == 1
    assert f"Another process is writing to the index: pid {os.getpid()}, since {time.strftime('%Y-%m-%d')}" in done.err
    assert run("ingest", docs, "--collection", "office").code == 0


def test_vectors_that_are_lost_are_made_again_from_what_the_rows_say(docs: Path, run: Command, tmp_path: Path) -> None:
    import shutil

    from chromadb.api.shared_system_client import SharedSystemClient

    write(docs, lamps="Lamps come from the depot.", chairs="Chairs come from the loft.")
    run("ingest", docs, "--collection", "office")
    SharedSystemClient.clear_system_cache()
    shutil.rmtree(tmp_path / "data" / "chroma")
    assert run("ingest", docs, "--collection", "office").code == 0
    assert Index(tmp_path / "data").vectors_missing() == {"office": 0}
    assert Store(tmp_path / "data" / "index.sqlite").count("office") == 2


# Followed -------------------------------------------------------------------------------------------------------------


def test_a_followed_folder_is_in_the_answers_a_moment_after_it_changes(docs: Path, run: Command, cache: Path) -> None:
    import subprocess
    import sys

    from apps.settings import ROOT

    write(docs, lamps="Lamps come from the depot.")
    command = [sys.executable, "-m", "apps.cli", "ingest", "--watch", str(docs), "--collection", "office"]
    environment = {"XDG_CACHE_HOME": str(cache), "PATH": "", "OLLAMA_HOST": "127.0.0.1:9"}
    follower = subprocess.Popen(
        [*command, "--data", str(docs.parent / "data")], cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True
    )
    told: list[str] = []
    assert follower.stderr is not None
    reading = threading.Thread(target=told.extend, args=[follower.stderr])
    reading.start()

    def until(said: str) -> None:
        end = time.monotonic() + 60
        while not any(line.rstrip().endswith(said) for line in told):
            assert time.monotonic() < end, told
            assert follower.poll() is None, told
            time.sleep(0.05)

    try:
        until("office/lamps.md added, 1 passages")
        write(docs, chairs="Chairs come from the loft.")
        until("office/chairs.md added, 1 passages")
        (docs / "lamps.md").unlink()
        until("office/lamps.md removed")
        (docs / "noise.md").write_bytes(b"\0" * 99)
        until("Save it as text in UTF-8.")
    finally:
        follower.terminate()
        follower.wait(30)
        reading.join(30)
        follower.stderr.close()
    assert sources(run) == ["chairs.md"]
