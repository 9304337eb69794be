"""What is written about Tandem is true: the README's commands and diagram, the sample company's files."""

import json
import re
from collections import Counter

import pytest

from apps.cli import parser
from apps.settings import ROOT
from apps.settings import read as settings
from evals.cases import read as read_cases
from evals.metrics import numbers
from ingest.folder import listed
from ingest.loaders import Source, read
from ingest.words import terms

README = (ROOT / "README.md").read_text("utf-8")


@pytest.fixture(scope="module")
def company() -> dict[str, Source]:
    """What each document of the sample company says, by its path."""
    return {
        f"{collection.name}/{file.source}": read(file.path)
        for collection in settings({}).collections
        for file in listed(ROOT / collection.path, collection.name).files
    }


def test_the_readme_names_only_commands_that_exist() -> None:
    named = set(re.findall(r"\btandem ([a-z]+)\b", README))
    known = {name for action in parser()._actions for name in getattr(action, "choices", None) or ()}
    assert named <= known


def test_every_file_that_the_readme_lists_is_there_and_described() -> None:
    listed = re.findall(r"(?m)^  ([\w./-]+\.(?:py|toml|ipynb|md)) +\S", README)
    assert listed
    assert [name for name in listed if not any(ROOT.rglob(name))] == []


SOURCES = ROOT / "corpora" / "sources"


@pytest.mark.parametrize("source", ["401k/summary-plan", "benefits/medical-hsa-saver"])
def test_a_pdf_is_made_from_its_source(source: str) -> None:
    from corpora.build import render

    made = render((SOURCES / f"{source}.md").read_text("utf-8"))
    built = ROOT / "corpora" / f"{source}.pdf"
    assert text_of(made) == text_of(built.read_bytes())


def text_of(pdf: bytes) -> list[str]:
    from io import BytesIO

    from pypdf import PdfReader

    return [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]


def test_every_pdf_of_the_sample_company_has_its_source() -> None:
    pdfs = {path.relative_to(ROOT / "corpora").with_suffix("") for path in (ROOT / "corpora").rglob("*.pdf")}
    assert pdfs == {path.relative_to(SOURCES).with_suffix("") for path in SOURCES.rglob("*.md")}


def test_the_readme_of_the_documents_lists_what_is_there_with_its_pages_and_label(company: dict[str, Source]) -> None:
    rows = re.findall(r"(?m)^\| `([^`]+)` \| (\w+) \| (\d+) \|", (ROOT / "corpora" / "README.md").read_text("utf-8"))
    labels = {collection.name: collection.label for collection in settings({}).collections}
    assert {name: (label, int(pages)) for name, label, pages in rows} == {
        name: (labels[name.split("/")[0]], source.lines[-1].page) for name, source in company.items()
    }
    assert len(rows) >= 10
    assert sum(int(pages) for *_, pages in rows) >= 90


# What is asked of them ------------------------------------------------------------------------------------------------


def test_every_reference_answers_figures_stand_on_the_pages_it_cites(company: dict[str, Source]) -> None:
    """Or in its question; only those that were worked out stand nowhere, and these its line names."""
    said = {name.split("/")[1]: source for name, source in company.items()}
    cases = [case for case in read_cases(ROOT / "evals" / "company") if case.answer]
    assert len(cases) > 150
    for case in cases:
        pages = " ".join(text_on(said[wanted.source], wanted.page) for wanted in case.sources)
        missing = numbers(case.answer or "") - numbers(pages) - numbers(case.question)
        assert missing == numbers(" ".join(case.derived)), case.id


IN_PASSING = {"two-new-hire", "complex-diabetes"}
"""What answers these is one sentence of a page that is about other things."""


def test_every_cited_page_by_itself_has_to_do_with_the_question(company: dict[str, Source]) -> None:
    """It has a figure of the answer, or of its document's pages only one shares more of the question's words."""
    pages = {
        name.split("/")[1]: [text_on(source, page) for page in range(1, source.lines[-1].page + 1)]
        for name, source in company.items()
    }
    words = {name: [set(terms(page)) for page in said] for name, said in pages.items()}
    for case in read_cases(ROOT / "evals" / "company"):
        asked = set(terms(f"{case.question} {case.answer or ''}"))
        told = numbers(case.answer or "") - numbers(case.question)
        for wanted in case.sources if case.answer and case.id not in IN_PASSING else ():
            page = (wanted.page or 1) - 1
            shared = [len(asked & said) for said in words[wanted.source]]
            better = sum(other > shared[page] for other in shared)
            assert told & numbers(pages[wanted.source][page]) or better < 2, (case.id, wanted)


def text_on(source: Source, page: int | None) -> str:
    """Footnotes' marks are no part of the figures that they follow."""
    return re.sub("[¹²³]", " ", " ".join(line.text for line in source.lines if line.page == page))


def test_half_of_each_kind_of_question_is_never_tuned_on() -> None:
    halves = Counter((case.kind, case.half) for case in read_cases(ROOT / "evals" / "company"))
    assert {kind for kind, _ in halves} == {
        "plain", "typed", "far", "two", "none", "near", "both", "follow", "complex", "tool", "talk", "general",
    }  # fmt: skip
    assert all(abs(halves[kind, "tuned"] - halves[kind, "untouched"]) <= 1 for kind, _ in halves)


def test_the_lines_of_a_thread_are_in_one_half() -> None:
    """What is changed by looking at the one would be seen in the other."""
    halves = {(case.thread, case.half) for case in read_cases(ROOT / "evals" / "company") if case.thread}
    assert len(halves) == len({thread for thread, _ in halves})


def test_the_graph_for_langgraphs_server_is_where_it_is_said_to_be() -> None:
    path, name = json.loads((ROOT / "langgraph.json").read_text("utf-8"))["graphs"]["assistant"].split(":")
    assert f"def {name}(" in (ROOT / path).read_text("utf-8")
