"""The notebook runs from top to bottom, and shows what it says."""

import asyncio
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from apps.settings import ROOT
from models.embedded.encoder import Encoder


def test_the_tour_runs_and_answers(cache: Path, encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    notebook = nbformat.read(ROOT / "notebooks" / "01_tour.ipynb", as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(notebook, timeout=120, resources={"metadata": {"path": str(ROOT / "notebooks")}})
    asyncio.run(client.async_execute())
    shown = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    assert "100% of the first 4%" in shown
    assert "('summary-plan.pdf', 6)" in shown
    assert "The documents do not say" in shown
