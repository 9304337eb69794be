"""Imports go one way, and nothing heavy is loaded before it is needed."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from apps.settings import ROOT

BELOW = {
    "apps": {"evals", "graphs", "models", "tools", "ingest", "privacy"},
    "evals": {"graphs", "models", "ingest", "privacy"},
    "graphs": {"models", "ingest", "privacy"},
    "models": {"ingest", "privacy"},
    "tools": set(),
    "ingest": set(),
    "privacy": {"ingest"},
}
CONCRETE = {"chromadb", "ollama", "openai", "langchain_ollama", "langchain_openai", "sqlite3", "onnxruntime", "httpx"}


def imported(file: Path) -> set[str]:
    tree = ast.parse(file.read_text("utf-8"))
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


@pytest.mark.parametrize("folder", BELOW)
def test_imports_go_one_way(folder: str) -> None:
    upwards = {
        f"{file.relative_to(ROOT)} imports {name}"
        for file in (ROOT / folder).rglob("*.py")
        for name in imported(file) & BELOW.keys() - BELOW[folder] - {folder}
    }
    assert upwards == set()


def test_graph_code_knows_no_store_and_no_provider() -> None:
    known = {f"{file.name}: {name}" for file in (ROOT / "graphs").glob("*.py") for name in imported(file) & CONCRETE}
    assert known == set()


def test_help_and_mistakes_in_usage_load_nothing_heavy() -> None:
    code = (
        "import sys; from apps.cli import parser; parser();"
        "print(sorted({'numpy', 'chromadb', 'langgraph'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
