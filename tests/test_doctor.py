import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest

from apps.doctor import Finding, findings
from apps.settings import Settings, read
from apps.wiring import Places
from ingest.index import Index
from models.catalog import Catalog
from models.embedded.encoder import Encoder
from models.ollama import Ollama, address, look
from models.tokens import Tokens
from tests.ollama_wire import ollama
from tests.wire import hangs

KEY = "sk-very-secret"
NOBODY = "http://127.0.0.1:9"


@dataclass
class Standing:
    """What stands for the parts."""

    encoder: Encoder
    places: Places
    look: Callable[[], Ollama | None] = lambda: None
    small_name: str = "embedded"
    small: str = "auto"
    large_names: Sequence[str] = ()
    embedder_name: str = "embedded"
    environ: Mapping[str, str] = field(default_factory=dict)
    private: Sequence[str] = ()

    @property
    def settings(self) -> Settings:
        return read({}, given={"models.small": self.small})

    @cached_property
    def ollama(self) -> Ollama | None:
        return self.look()

    @property
    def catalog(self) -> Catalog:
        return Catalog(self.environ, self.ollama.url if self.ollama else NOBODY, self.private)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.places.cache)

    @cached_property
    def index(self) -> Index:
        return Index(self.places.data)

    def found(self, name: str) -> list[Finding]:
        return [finding for finding in findings(self) if finding.name == name]


Parts = Callable[..., Standing]


@pytest.fixture
def parts(encoder: Encoder, cache: Path, tmp_path: Path) -> Parts:
    def made(ollama: Ollama | None = None, **given: Any) -> Standing:
        return Standing(encoder, Places(tmp_path / "data", cache / "tandem"), **{"look": lambda: ollama, **given})

    return made


def there(*models: str, version: str = "0.17.4", url: str = "http://127.0.0.1:11434") -> Ollama:
    return Ollama(url, version, models)


@pytest.mark.parametrize(
    ("given", "finding"),
    [
        (
            {},
            Finding(
                "small model",
                True,
                f"embedded: no Ollama answers at {NOBODY}, and none is needed",
                "For answers that are written, not only quoted: https://ollama.com",
            ),
        ),
        (
            {"ollama": there()},
            Finding(
                "small model",
                True,
                "embedded: Ollama at http://127.0.0.1:11434 has no model, and auto finds none there that it picks",
                "Run: ollama pull phi4-mini",
            ),
        ),
        (
            {"ollama": there("nomic-embed-text:latest", "codellama:7b")},
            Finding(
                "small model",
                True,
                "embedded: Ollama at http://127.0.0.1:11434 has nomic-embed-text:latest, codellama:7b, "
                "and auto finds none there that it picks",
                'Run: ollama pull phi4-mini, or set [models] small to "ollama:codellama:7b"',
            ),
        ),
        (
            {"ollama": there("qwen3:4b", "phi4-mini:latest"), "small_name": "ollama:phi4-mini:latest"},
            Finding(
                "small model",
                True,
                "ollama:phi4-mini:latest, picked by auto: "
                "Ollama at http://127.0.0.1:11434 has qwen3:4b, phi4-mini:latest",
            ),
        ),
        ({"small": "embedded"}, Finding("small model", True, "embedded, as configured")),
        (
            {"small": "ollama:phi3", "small_name": "ollama:phi3", "ollama": there("phi3:latest")},
            Finding(
                "small model",
                True,
                "ollama:phi3, as configured; Ollama at http://127.0.0.1:11434 has phi3:latest",
            ),
        ),
        (
            {"small": "ollama:phi3", "small_name": "ollama:phi3", "ollama": there("qwen3:4b")},
            Finding(
                "small model",
                False,
                "ollama:phi3, as configured; Ollama at http://127.0.0.1:11434 has qwen3:4b",
                "Run: ollama pull phi3",
            ),
        ),
        (
            {"small": "ollama:phi3", "small_name": "ollama:phi3"},
            Finding(
                "small model",
                False,
                f"ollama:phi3, as configured; no Ollama answers at {NOBODY}",
                "Run: ollama serve",
            ),
        ),
    ],
)
def test_the_small_model_is_told_with_why_it_is_that(
    given: Mapping[str, object], finding: Finding, parts: Parts
) -> None:
    assert parts(**given).found("small model") == [finding]


def test_of_many_models_some_are_named(parts: Parts) -> None:
    many = there(*(f"model-{number}:latest" for number in range(20)))
    (finding,) = parts(ollama=many).found("small model")
    assert "model-7:latest and 12 more, and auto" in finding.told


LARGE = {
    "none": Finding(
        "large model",
        True,
        "none: hard questions get the best local answer",
        "To have them asked elsewhere: set OPENAI_API_KEY, or name a model under [models] large",
    ),
    "openai:gpt-4o": Finding("large model", True, "openai:gpt-4o at api.openai.com; there is a key for it"),
    "azure:prod": Finding(
        "large model", True, "azure:prod at acme.openai.azure.com; it is asked with a token of Entra's"
    ),
    "https://llm.acme.com:8443/v1#mixtral": Finding(
        "large model",
        True,
        "https://llm.acme.com:8443/v1#mixtral at llm.acme.com:8443, declared private; there is a key for it",
    ),
    "ollama:llama3.3:70b": Finding("large model", True, "ollama:llama3.3:70b at 127.0.0.1:9; it needs no key"),
    "gpt-4o": Finding(
        "large model",
        False,
        "That names no model. (gpt-4o)",
        "Write ollama:NAME, openai:NAME, azure:DEPLOYMENT, https://HOST/v1#MODEL, transformers:NAME, embedded or none.",
    ),
}


def test_each_large_model_is_told_with_whether_there_is_a_key_and_never_the_key(parts: Parts) -> None:
    environ = {
        "OPENAI_API_KEY": KEY,
        "AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com",
        "TANDEM_KEY_LLM_ACME_COM": KEY,
    }
    found = parts(large_names=[*LARGE], environ=environ, private=["llm.acme.com"]).found("large model")
    assert found == [*LARGE.values()]
    assert KEY not in repr(found)


def test_a_large_model_without_its_key_says_what_to_set(parts: Parts) -> None:
    assert parts(large_names=["openai:gpt-4o"]).found("large model") == [
        Finding(
            "large model",
            False,
            "openai:gpt-4o at api.openai.com; there is no key for it",
            "Set OPENAI_API_KEY, or OPENAI_API_KEY_FILE",
        )
    ]


def test_nothing_is_sent_to_a_large_model(parts: Parts) -> None:
    with ollama() as server:
        parts(large_names=[f"{server.url}/v1#mixtral", "ollama:phi4-mini"]).found("large model")
        assert server.seen == []


NOMIC = "ollama:nomic-embed-text"


@pytest.mark.parametrize(
    ("installed", "finding"),
    [
        (None, Finding("embedder", True, "embedded, which the index will be made with")),
        (
            there("phi4-mini:latest"),
            Finding(
                "embedder",
                True,
                "embedded, which the index will be made with",
                f"To search with nomic-embed-text: ollama pull nomic-embed-text, then: tandem embed {NOMIC}",
            ),
        ),
        (
            there("nomic-embed-text:latest"),
            Finding(
                "embedder",
                True,
                "embedded, which the index will be made with",
                f"To search with nomic-embed-text: tandem embed {NOMIC}",
            ),
        ),
        # Restricted documents may not be embedded on another machine.
        (there(url="http://gpu:11434"), Finding("embedder", True, "embedded, which the index will be made with")),
    ],
)
def test_what_an_index_would_be_made_with_is_told(installed: Ollama | None, finding: Finding, parts: Parts) -> None:
    assert parts(ollama=installed).found("embedder") == [finding]


@pytest.mark.parametrize(
    ("installed", "finding"),
    [
        (
            there("nomic-embed-text:latest"),
            Finding(
                "embedder",
                True,
                f"{NOMIC}, which the index was made with; Ollama at http://127.0.0.1:11434 has nomic-embed-text:latest",
            ),
        ),
        (
            there("phi4-mini:latest"),
            Finding(
                "embedder",
                False,
                f"{NOMIC}, which the index was made with; Ollama at http://127.0.0.1:11434 has phi4-mini:latest",
                "Run: ollama pull nomic-embed-text",
            ),
        ),
        (
            None,
            Finding(
                "embedder",
                False,
                f"{NOMIC}, which the index was made with; no Ollama answers at {NOBODY}",
                "Run: ollama serve",
            ),
        ),
    ],
)
def test_an_index_whose_embedder_is_gone_says_how_to_get_it_back(
    installed: Ollama | None, finding: Finding, parts: Parts
) -> None:
    asked = parts(ollama=installed)
    asked.index.store.remember("embedder", f"{NOMIC}/768")
    (asked.places.data / "chroma").mkdir()
    assert asked.found("embedder") == [finding]


@pytest.mark.parametrize(
    ("version", "ok"),
    [
        *((old, False) for old in ("0.17.0", "0.1.32", "0.9.9", "0.17.0-rc1")),
        *((new, True) for new in ("0.17.1", "0.17.1-rc0", "0.100.0", "1.0.0", "0.0.0", "", "dev", "9" * 9999)),
    ],
)
def test_an_ollama_that_can_be_read_by_strangers_is_to_be_updated(version: str, ok: bool, parts: Parts) -> None:
    told = f"{version or 'of an unknown version'} at http://127.0.0.1:11434"
    leaks = "; before 0.17.1 whoever reaches it can read its memory (CVE-2026-7482)"
    assert parts(ollama=there(version=version)).found("ollama") == [
        Finding("ollama", True, told)
        if ok
        else Finding("ollama", False, told + leaks, "Update it: https://ollama.com/download")
    ]


def test_an_ollama_on_another_machine_is_told_as_one(parts: Parts) -> None:
    assert parts(ollama=there(url="http://gpu:11434")).found("ollama") == [
        Finding("ollama", True, "0.17.4 at http://gpu:11434, another machine: what is asked there leaves this one")
    ]


def test_a_broken_address_is_a_finding_and_not_the_end(parts: Parts) -> None:
    assert parts(look=lambda: look(address({"OLLAMA_HOST": "here or there"}))).found("small model") == [
        Finding(
            "small model",
            False,
            "OLLAMA_HOST is no address of an Ollama. (here or there)",
            "Set it to host:port, as in 127.0.0.1:11434, or unset it.",
        )
    ]


def test_an_ollama_that_hangs_costs_the_doctor_less_than_a_second(parts: Parts) -> None:
    with ollama() as server:
        server.management(hangs)
        asked = parts(look=lambda: look(server.url))
        began = time.monotonic()
        assert {finding.name: finding.ok for finding in findings(asked)} == dict.fromkeys(
            ["python", "packages", "sqlite", "encoder", "tokens", "small model", "large model", "embedder", "index"],
            True,
        )
        assert time.monotonic() - began < 4
