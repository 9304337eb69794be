"""What is written about Tandem is true: the README's commands and diagram, the sample company's files."""

import json
import re
from pathlib import Path

from apps.cli import parser
from apps.settings import ROOT
from ingest.loaders import read

README = (ROOT / "README.md").read_text("utf-8")


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"\btandem ([a-z]+)\b", README))
    known = {name for action in parser()._actions for name in getattr(action, "choices", None) or ()}
    assert named <= known


def test_every_file_that_the_readme_lists_is_there_and_described() -> None:
    listed = re.findall(r"(?m)^  ([\w./-]+\.(?:py|toml|ipynb|md)) +\S", README)
    assert listed
    assert [name for name in listed if not any(ROOT.rglob(name))] == []


def test_the_pdfs_are_made_from_their_sources() -> None:
    from corpora.build import render

    source = ROOT / "corpora" / "sources" / "401k" / "summary-plan.md"
    made = render(source.read_text("utf-8"))
    built = ROOT / "corpora" / "401k" / "summary-plan.pdf"
    assert text_of(made) == text_of(built.read_bytes())


def text_of(pdf: bytes) -> list[str]:
    from io import BytesIO

    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def test_every_reference_answers_figures_stand_on_the_pages_it_cites() -> None:
    lines = (ROOT / "evals" / "brightwater" / "questions.jsonl").read_text("utf-8").splitlines()
    for line in map(json.loads, lines):
        if line.get("sources"):
            pages = " ".join(page_text(source["source"], source["page"]) for source in line["sources"])
            missing = [f for f in re.findall(r"\d[\d,.]*\d|\d", line["answer"]) if f not in pages]
            assert missing == [], line["id"]


def page_text(source: str, page: int) -> str:
    file = next(path for path in Path(ROOT / "corpora").rglob(source) if "sources" not in path.parts)
    return " ".join(line.text for line in read(file).lines if line.page == page)


def test_the_graph_for_langgraphs_server_is_where_it_is_said_to_be() -> None:
    path, name = json.loads((ROOT / "langgraph.json").read_text("utf-8"))["graphs"]["assistant"].split(":")
    assert f"def {name}(" in (ROOT / path).read_text("utf-8")
