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


CLIENTS = {"langchain_openai", "langchain_ollama", "openai", "ollama", "litellm", "anthropic", "langserve.client"}
BUILDERS = {
    "langchain.chat_models",
    "langchain.embeddings",
    "langchain.llms",
    "langchain.agents",
    "langgraph.pregel.remote",
}
ERRORS = {"HTTPError", "InvalidURL", "OpenAIError", "RequestException", "ResponseError"}
"""Of what cannot send anything, only how its failures are called."""
NETWORK = {
    *("httpx", "httpx2", "httpcore", "aiohttp", "requests", "urllib3", "socket", "websockets", "huggingface_hub"),
    *("urllib.request", "http.client", "ftplib", "smtplib", "telnetlib", "xmlrpc.client", "multiprocessing.connection"),
}
REACHES: dict[str, str] = {
    "privacy/gate.py": "the door: how long a client waits, and that it follows nobody",
    "models/ollama.py": "which models an Ollama has, and pulling one: all that it tells is a model's name",
    "tools/weather.py": "the forecast: all that it tells is a place",
    "apps/server.py": "listens, and asks nobody",
    "ingest/door.py": "to the address that was checked, and to no other",
    "ingest/fetch.py": "a document that was asked for by its address; all that it tells is the address",
    "models/in_process.py": "finds a model's files on this machine, and is told to fetch none",
}
RUNS = {
    "models/tokens.py": "npm, at set-up",
    "ingest/readers.py": "documents are read in processes of their own",
    "ingest/loaders/ocr.py": "Tesseract, on a page that is a picture",
    "apps/following.py": "Tandem itself, beside its server",
}
"""Who starts other programs, which could send what they like."""
ACCOUNTED = ["apps", "evals", "graphs", "ingest", "models", "privacy", "tools", "corpora"]
"""All that Tandem runs; benchmarks/ measures the bare clients too, and tests/ has servers."""


def sources() -> list[tuple[str, ast.Module]]:
    files = sorted(file for folder in ACCOUNTED for file in (ROOT / folder).rglob("*.py"))
    return [(str(file.relative_to(ROOT)), ast.parse(file.read_text("utf-8"))) for file in files]


def named(tree: ast.Module) -> set[tuple[str, str]]:
    """Every module that is imported, and what of it: `*` where it is all."""
    found = {(alias.name, "*") for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            found |= {(node.module or "", alias.name) for alias in node.names}
    return found


def is_of(module: str, name: str, family: set[str]) -> bool:
    """Whether it is one of those, or within one: `import a.b`, `from a import b` and `from a.b import c` are a.b."""
    places = {module, f"{module}.{name}"}
    return any(place == one or place.startswith(f"{one}.") for place in places for one in family)


def importers(family: set[str]) -> set[str]:
    """The files that could use something of a family, and not only know its errors."""
    return {
        file
        for file, tree in sources()
        for module, name in named(tree)
        if is_of(module, name, family) and name not in ERRORS
    }


def test_only_the_gate_can_construct_a_client_of_a_model() -> None:
    assert importers(CLIENTS | BUILDERS) == {"privacy/gate.py"}


def test_nobody_takes_a_client_out_of_the_gate() -> None:
    inside = {(file, name) for file, tree in sources() for module, name in named(tree) if module == "privacy.gate"}
    assert {(file, name) for file, name in inside if name.startswith("_") or name == "*"} == set()


def test_who_can_reach_the_network_is_listed_with_the_reason() -> None:
    assert importers(NETWORK) == REACHES.keys()


def test_who_can_start_another_program_is_listed_with_the_reason() -> None:
    assert importers({"subprocess", "multiprocessing", "pty"}) == RUNS.keys()
    starts = {"popen", "system", "execv", "execvp", "execve", "posix_spawn", "create_subprocess_exec", "fork"}
    assert {file for file, tree in sources() if starts & (calls(tree) | attributes(tree))} == {
        "ingest/reader.py"  # a child for each document
    }


HIDDEN = {"__import__", "import_module", "exec", "compile", "globals", "run_path", "run_module", "load_module"}
"""Ways to import that an import statement does not show."""
BUILT = {"init_chat_model", "init_embeddings", "create_agent", "open_connection", "create_connection", "urlopen"}


def calls(tree: ast.Module) -> set[str]:
    """The bare names that are called."""
    return {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}


def attributes(tree: ast.Module) -> set[str]:
    return {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def test_nothing_is_imported_or_built_behind_the_back_of_these_tests() -> None:
    trees = sources()
    hidden = {f"{file}: {name}" for file, tree in trees for name in calls(tree) & (HIDDEN | {"eval"})}
    hidden |= {
        f"{file}: {name}" for file, tree in trees for name in attributes(tree) & ((HIDDEN - {"compile"}) | BUILT)
    }
    hidden |= {f"{file}: {name}" for file, tree in trees for name in calls(tree) & BUILT}
    assert hidden == set()
    assert importers({"importlib", "runpy", "builtins", "pkgutil"}) == {
        "apps/doctor.py",  # tells the versions of what is installed
        "models/embedded/minilm.py",  # finds the encoder's weights
        "models/in_process.py",  # sees whether an extra is installed
    }
    assert {name for _, tree in trees for module, name in named(tree) if module.startswith("importlib")} == {
        *("version", "find_spec", "distribution", "PackageNotFoundError"),
    }


def test_what_is_looked_up_by_a_name_at_run_time_is_no_client() -> None:
    """`getattr` on a module is a way in: these are all the things that it is used on."""
    looked_up = {
        (file, ast.unparse(node.args[0]))
        for file, tree in sources()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) == "getattr"
        and not isinstance(node.args[1], ast.Constant)
    }
    assert looked_up == {
        ("apps/cli.py", "commands"),
        ("apps/commands.py", "given"),
        ("apps/commands.py", "passage"),
        ("evals/metrics.py", "s"),
        ("ingest/retriever.py", "c"),
    }


def test_help_and_mistakes_in_usage_load_nothing_heavy() -> None:
    code = (
        "import sys; from apps.cli import parser; parser();"
        "print(sorted({'numpy', 'chromadb', 'langgraph'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
