"""Files become passages with their pages; the same files change nothing; what fails is named and harms nothing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fpdf import FPDF

from ingest.loaders import read
from ingest.split import sections
from tests.conftest import Command, Tandem


def pdf(path: Path, *pages: list[tuple[int, str]], header: str = "") -> Path:
    """A PDF whose lines are printed in the sizes given."""
    made = FPDF()
    for lines in pages:
        made.add_page()
        for size, text in ([(8, header)] if header else []) + lines:
            made.set_font("helvetica", size=size)
            made.multi_cell(0, size / 2 + 1, text, new_x="LMARGIN", new_y="NEXT")
    made.output(str(path))
    return path


def listed(run: Command, *arguments: str | Path) -> Any:
    return json.loads(run(*arguments, "--json").out)


def found(run: Command, query: str) -> list[dict[str, Any]]:
    passages: list[dict[str, Any]] = listed(run, "search", query)["passages"]
    return passages


def test_a_second_ingest_of_the_same_files_changes_nothing(run: Command, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "parking.md").write_text("# Parking\n\nThe garage opens at six. A permit costs 40 dollars a month.\n")
    first = listed(run, "ingest", folder, "--collection", "office")
    before = found(run, "garage permit")
    second = listed(run, "ingest", folder, "--collection", "office")
    assert [one["status"] for one in first["documents"]] == ["added"]
    assert [one["status"] for one in second["documents"]] == ["unchanged"]
    assert found(run, "garage permit") == before


def test_a_changed_file_replaces_its_old_text_at_once(run: Command, tmp_path: Path) -> None:
    file = tmp_path / "parking.md"
    file.write_text("# Parking\n\nA permit costs 40 dollars a month.\n")
    run("ingest", file, "--collection", "office")
    file.write_text("# Parking\n\nA permit costs 55 dollars a month.\n")
    assert listed(run, "ingest", file, "--collection", "office")["documents"][0]["status"] == "replaced"
    assert [passage["text"] for passage in found(run, "permit costs")] == ["A permit costs 55 dollars a month."]


def test_a_forgotten_document_is_found_no_more(run: Command, tmp_path: Path) -> None:
    for name in ("parking", "canteen"):
        (tmp_path / f"{name}.md").write_text(f"# {name}\n\nThe {name} opens at six in the morning.\n")
        run("ingest", tmp_path / f"{name}.md", "--collection", "office")
    assert run("forget", "parking.md").out == "Forgot office/parking.md.\n"
    assert {passage["source"] for passage in found(run, "the parking opens at six")} == {"canteen.md"}
    assert run("forget", "parking.md").code == 2


def test_passages_know_the_page_they_start_on_and_all_they_touch(run: Command, tmp_path: Path) -> None:
    pdf(
        tmp_path / "guide.pdf",
        [(24, "Travel Guide"), (16, "Trains"), (11, "Book trains through the portal. The portal pays for you and")],
        [(11, "keeps the receipt for seven years."), (16, "Hotels"), (11, "A hotel may cost at most 180 dollars.")],
    )
    run("ingest", tmp_path / "guide.pdf", "--collection", "travel")
    trains = found(run, "who pays for trains and keeps the receipt")
    hotels = next(p for p in found(run, "how much may a hotel cost") if p["heading"] == "Hotels")
    assert any(p["page"] == 1 and p["pages"] == [1, 2] for p in trains)
    assert "pays for you and keeps the receipt for seven years." in trains[0]["text"]
    assert (hotels["page"], hotels["pages"]) == (2, [2])


def test_a_footnote_is_a_sentence_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "travel.md").write_text("# Hotels\n\nA night may cost 180 dollars. ¹ 240 dollars in May.\n", "utf-8")
    [section] = sections(read(tmp_path / "travel.md"))
    assert [sentence.text for sentence in section.sentences] == [
        "A night may cost 180 dollars.",
        "¹ 240 dollars in May.",
    ]


def test_running_heads_and_page_numbers_are_no_passages(run: Command, tmp_path: Path) -> None:
    pages = [[(16, f"Part {n}"), (11, f"Rule {n} is about subject {n}."), (9, f"Page {n} of 4")] for n in range(1, 5)]
    pdf(tmp_path / "rules.pdf", *pages, header="Acme Confidential Handbook")
    run("ingest", tmp_path / "rules.pdf", "--collection", "rules")
    text = " ".join(passage["text"] for passage in found(run, "rule about subject"))
    assert "Rule 3 is about subject 3." in text
    assert "Confidential" not in text
    assert "Page 2 of 4" not in text


def test_what_cannot_be_read_is_named_and_the_rest_is_ingested(run: Command, tmp_path: Path) -> None:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "good.txt").write_text("Lockers are on the second floor. Ask at the desk for a key.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 nonsense")
    (folder / "binary.md").write_bytes(b"\0\1\2" * 100)
    FPDF().output(str(folder / "blank.pdf"))
    done = run("ingest", folder, "--collection", "office")
    assert done.code == 1
    assert done.out.splitlines()[0].startswith("4 documents: 1 added, 3 not read; 1 page in ")
    told = dict(re.findall(r"Not read: office/(\S+): (.*)", done.out))
    assert told.keys() == {"binary.md", "blank.pdf", "broken.pdf"}
    assert told["binary.md"].startswith("binary.md is not text")
    assert told["blank.pdf"].startswith("No text was found in blank.pdf")
    assert "is not a PDF that can be read" in told["broken.pdf"]
    assert "office: good.txt added, 1 page, 1 passage (4/4)" in done.err.splitlines()
    assert [p["source"] for p in found(run, "where are the lockers")] == ["good.txt"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_the_encoding_it_is_in(run: Command, tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "cafe.txt"
    file.write_bytes("The café’s budget is 5 € a day for every employee.".encode(encoding))
    run("ingest", file, "--collection", "office")
    assert [p["text"] for p in found(run, "café budget")] == ["The café’s budget is 5 € a day for every employee."]


def test_of_two_labels_the_stricter_holds(run: Command, tmp_path: Path) -> None:
    config = tmp_path / "mine.toml"
    config.write_text(
        '[[intents]]\nname="other"\nkind="chat"\n[[intents]]\nname="smalltalk"\nkind="chat"\n'
        '[[collections]]\nname = "pay"\npath = "pay"\nlabel = "restricted"\n'
    )
    (tmp_path / "bands.md").write_text("# Bands\n\nBand three ends at 120,000 dollars.\n")
    run("--config", config, "ingest", tmp_path / "bands.md", "--collection", "pay", "--label", "public")
    rows = listed(run, "--config", config, "documents")["documents"]
    assert [(row["source"], row["label"]) for row in rows] == [("bands.md", "restricted")]


def test_another_process_that_ingests_is_seen_by_one_that_has_searched(tandem: Tandem, tmp_path: Path) -> None:
    """Chroma's reader would go on answering from its first look (chroma 1.5.9)."""
    import subprocess
    import sys

    from apps.settings import ROOT
    from ingest.folder import these
    from ingest.index import Index
    from ingest.retriever import Retriever
    from ingest.writer import Writer

    encoder, data = tandem.parts.encoder, tmp_path / "data"
    (tmp_path / "one.md").write_text("# Lamps\n\nDesk lamps are ordered from the facilities team.\n")
    (tmp_path / "two.md").write_text("# Chairs\n\nStanding chairs are ordered from the ergonomics team.\n")
    index = Index(data)
    Writer(index, encoder).ingest(these({"one.md": tmp_path / "one.md"}, "office"))
    retriever = Retriever(index)

    def sources(query: str) -> list[str]:
        return [p.source for p in retriever.search(query, encoder.query(query), ["office"]).passages]

    assert sources("standing chairs") == ["one.md"]
    environment = {"XDG_CACHE_HOME": str(tandem.parts.places.cache.parent), "PATH": ""}
    command = [sys.executable, "-m", "apps.cli", "ingest", str(tmp_path / "two.md"), "--collection", "office"]
    subprocess.run([*command, "--data", str(data)], cwd=ROOT, env=environment, check=True, capture_output=True)
    assert sources("standing chairs")[0] == "two.md"
    assert index.vectors_missing() == {"office": 0}


def test_what_was_read_of_a_document_is_forgotten_when_it_changes(tandem: Tandem, tmp_path: Path) -> None:
    """In one process, where a new section can have the number of one that is gone."""
    from ingest.folder import these
    from ingest.index import Index
    from ingest.retriever import Retriever
    from ingest.writer import Writer

    file, encoder = tmp_path / "note.md", tandem.parts.encoder
    index = Index(tmp_path / "data")
    retriever = Retriever(index)
    scores = []
    for said in ("Lamps are ordered from the facilities team.", "The safe opens at nine on weekdays."):
        file.write_text(f"# Note\n\n{said}\n")
        Writer(index, encoder).ingest(these({"note.md": file}, "office"))
        query = "When does the safe open?"
        scores += [p.score for p in Retriever(index).search(query, encoder.query(query), ["office"]).passages]
        scores += [p.score for p in retriever.search(query, encoder.query(query), ["office"]).passages]
    assert scores[:2] == scores[:1] * 2
    assert scores[2:] == scores[2:3] * 2


def test_an_empty_file_is_named_and_no_crash(run: Command, tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_text("")
    done = run("ingest", tmp_path / "empty.md", "--collection", "office")
    assert (done.code, "No text was found in empty.md" in done.out) == (1, True)


def test_a_section_is_named_with_the_heading_above_it(run: Command, tmp_path: Path) -> None:
    (tmp_path / "leave.md").write_text(
        "# Leave policy\n\n## Vacation\n\n### Using it\n\nAsk your manager two weeks ahead.\n"
    )
    run("ingest", tmp_path / "leave.md", "--collection", "office")
    assert [p["heading"] for p in found(run, "vacation how to use")] == ["Vacation: Using it"]


def test_what_is_no_longer_in_force_stands_behind_what_is(run: Command, tmp_path: Path) -> None:
    said = "Employees may carry over {} hours of unused vacation into the next year."
    (tmp_path / "old.md").write_text(f"# Vacation 2020\n\nSuperseded. In force until 2023.\n\n{said.format(80)}\n")
    (tmp_path / "new.md").write_text(f"# Vacation\n\nIn force since 2024.\n\n{said.format(40)}\n")
    for name in ("old.md", "new.md"):
        run("ingest", tmp_path / name, "--collection", "office")
    assert found(run, "how many hours of unused vacation may employees carry over")[0]["source"] == "new.md"
    assert found(run, "how many hours of unused vacation could employees carry over in 2020")[0]["source"] == "old.md"


def test_an_index_of_another_version_is_named_with_its_remedy(run: Command, tmp_path: Path) -> None:
    import sqlite3

    (tmp_path / "note.md").write_text("# Note\n\nThe safe opens at nine.\n")
    run("ingest", tmp_path / "note.md", "--collection", "office")
    with sqlite3.connect(tmp_path / "data" / "index.sqlite") as connection:
        connection.execute("UPDATE facts SET value = '0' WHERE name = 'version'")
    connection.close()
    done = run("search", "safe")
    assert (done.code, "made by another version" in done.err) == (1, True)
