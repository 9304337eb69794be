"""The sample company with a large model that answers: a server on this machine, which says what it was told to."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Tandem
from tests.openai_wire import OpenAI, openai
from tests.wire import Request, asks_for_text, says

VESTED = "When am I fully vested?"
"""What is answered from 401k/summary-plan.pdf, page 8."""
LARGE = "openai:gpt-4o"


@pytest.fixture(scope="module")
def copied(tandem: Tandem, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sample company's index, without anybody's receipts."""
    folder = tmp_path_factory.mktemp("copied") / "data"
    shutil.copytree(tandem.parts.places.data, folder)
    for old in folder.glob("receipts.sqlite*"):
        old.unlink()
    return folder


@pytest.fixture
def data(copied: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(copied, tmp_path / "company"))


@pytest.fixture
def far(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenAI]:
    """A large model's server, named in the environment."""
    with openai() as server:
        server.when(asks_for_text, says(quotes, usage=(700, 60)))
        monkeypatch.setenv("OPENAI_API_KEY", "k")
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield server


def quotes(request: Request) -> str:
    """A sentence of the first passage, with its marker."""
    said = request.prompt.partition("[1] ")[2].partition("\n")[2]
    return f"{said.partition('. ')[0].strip().rstrip('.')} [1]."
