import asyncio
import json
import time
from collections.abc import Sequence
from contextlib import closing, suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest.errors import Trouble
from models.errors import ModelUnavailable
from models.ollama import PREFERENCE, Ollama, Pulled, address, context_of, has, here, look, preferred, pull, writes_here
from tests.ollama_wire import ollama
from tests.wire import Behaviour, Exchange, cuts, fails, gives, hangs, only_headers, redirects

NOBODY = "http://127.0.0.1:9"


# Where it is


@pytest.mark.parametrize(
    ("given", "url"),
    [
        ("", "http://127.0.0.1:11434"),
        ("  ", "http://127.0.0.1:11434"),
        ("127.0.0.1", "http://127.0.0.1:11434"),
        ("127.0.0.1:8000", "http://127.0.0.1:8000"),
        (":8000", "http://127.0.0.1:8000"),
        ("localhost:", "http://localhost:11434"),
        ('"gpu-box"', "http://gpu-box:11434"),
        ("' gpu_box:8000/ '", "http://gpu_box:8000"),
        ("http://gpu.example.com", "http://gpu.example.com:80"),
        ("https://gpu.example.com", "https://gpu.example.com:443"),
        ("HTTPS://GPU.example.com:8443/", "https://gpu.example.com:8443"),
        ("https://example.com/ollama/", "https://example.com:443/ollama"),
        ("example.com/ollama", "http://example.com:11434/ollama"),
        ("0.0.0.0", "http://127.0.0.1:11434"),  # noqa: S104
        ("http://0.0.0.0:8000", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:11434"),
        ("[::]:8000", "http://[::1]:8000"),
        ("::1", "http://[::1]:11434"),
        ("[::1]", "http://[::1]:11434"),
        ("http://[2001:db8::7]:8000", "http://[2001:db8::7]:8000"),
    ],
)
def test_ollama_host_is_read_in_every_form_that_ollama_takes(given: str, url: str) -> None:
    assert address({"OLLAMA_HOST": given}) == url


def test_without_ollama_host_it_is_at_its_usual_port() -> None:
    assert address({}) == "http://127.0.0.1:11434"


@pytest.mark.parametrize(
    "broken",
    ["gpu:port", "gpu:70000", "gpu box", "ftp://gpu", "http://[::1", "gpu\\@evil", "gpu?x=1", "gpu#x", "http://a,b:1"],
)
def test_a_broken_ollama_host_is_named(broken: str) -> None:
    with pytest.raises(Trouble, match="OLLAMA_HOST is no address") as raised:
        address({"OLLAMA_HOST": broken})
    assert raised.value.value == broken.rpartition("@")[2]


def test_a_password_in_ollama_host_is_not_shown() -> None:
    with pytest.raises(Trouble) as raised:
        address({"OLLAMA_HOST": "http://me:secret@gpu:8000"})
    assert "secret" not in f"{raised.value} {raised.value.value} {raised.value.do}"


@given(st.text())
def test_whatever_ollama_host_holds_it_is_an_address_or_a_trouble(value: str) -> None:
    with suppress(Trouble):
        assert address({"OLLAMA_HOST": value}).startswith(("http://", "https://"))


def test_what_is_on_this_machine_is_known() -> None:
    urls = ["http://127.0.0.1:1", "http://[::1]:1", "http://localhost:1", "http://gpu:1", "http://10.0.0.1:1"]
    assert [here(url) for url in urls] == [True, True, True, False, False]


# What it has


def test_what_is_installed_is_listed_with_the_version() -> None:
    with ollama(["phi4-mini", "nomic-embed-text"], version="0.17.4") as server:
        assert look(server.url, 5) == Ollama(server.url, "0.17.4", ("phi4-mini:latest", "nomic-embed-text:latest"))
        assert [(request.method, request.path) for request in server.seen] == [
            ("GET", "/api/tags"),
            ("GET", "/api/version"),
        ]


def test_what_has_no_model_is_an_ollama_all_the_same() -> None:
    with ollama([]) as server:
        assert look(server.url, 5) == Ollama(server.url, "0.12.6", ())


def test_a_model_that_runs_elsewhere_is_known_even_under_another_name() -> None:
    rows = [{"name": "mine:latest", "remote_host": "https://ollama.com:443"}, {"name": "phi3:mini"}]
    with ollama() as server:
        server.management(gives(json.dumps({"models": rows}).encode()))
        found = look(server.url, 5)
    assert found == Ollama(server.url, "", ("mine:latest", "phi3:mini"), frozenset({"mine:latest"}))
    assert (found.writers, found.preferred) == (["phi3:mini"], "phi3:mini")


async def drips_a_header(exchange: Exchange) -> None:
    """A byte at a time, so that no single read is late."""
    exchange.send(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    while True:
        await asyncio.sleep(0.05)
        exchange.send(b"x")


async def drips_a_body(exchange: Exchange) -> None:
    exchange.start()
    while True:
        await asyncio.sleep(0.05)
        exchange.chunk(b" ")


async def floods(exchange: Exchange) -> None:
    exchange.start()
    while not exchange.connection.transport.is_closing():
        exchange.chunk(b" " * 1_000_000)
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "slow", [hangs, only_headers, drips_a_header, drips_a_body, floods], ids=lambda each: each.__name__
)
def test_who_does_not_answer_in_time_is_not_there(slow: Behaviour) -> None:
    with ollama() as server:
        server.management(slow)
        began = time.monotonic()
        assert look(server.url, 0.4) is None
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("slow", [hangs, only_headers, drips_a_body, floods], ids=lambda each: each.__name__)
def test_who_does_not_answer_in_time_is_hung_up_on(slow: Behaviour) -> None:
    with ollama() as server:
        server.management(slow)
        look(server.url, 0.2)
        assert server.wait(1)[0].left.wait(1)


def test_a_closed_port_is_known_at_once() -> None:
    began = time.monotonic()
    assert look(NOBODY) is None
    assert time.monotonic() - began < 3


GARBAGE: dict[str, Behaviour] = {
    "a page": gives(b"<html>Sign in</html>", "text/html"),
    "nothing": gives(b""),
    "half of it": gives(b'{"models": [{"name": "phi4'),
    "another shape": gives(b'{"object": "list", "data": []}'),
    "no object": gives(b"[1, 2]"),
    "null": gives(b"null"),
    "models that are none": gives(b'{"models": {"name": "phi4-mini"}}'),
    "bytes": gives(b"\x00\xff\xfe"),
    "nested deeply": gives(b"[" * 100_000),
    "not gzip": gives(b"\x1f\x8b\x08\x00no", Content_Encoding="gzip"),
    "elsewhere": redirects(),
    "an error": fails("broken"),
    "cut off": cuts(),
}


@pytest.mark.parametrize("garbage", GARBAGE)
def test_what_answers_otherwise_than_an_ollama_is_none(garbage: str) -> None:
    with ollama() as server:
        server.management(GARBAGE[garbage])
        assert look(server.url, 1) is None


def test_rows_that_name_no_model_are_left_out() -> None:
    with ollama() as server:
        server.management(gives(b'{"models": [null, 3, {"name": 4}, {}, {"name": "phi3:mini"}], "version": 7}'))
        assert look(server.url, 5) == Ollama(server.url, "", ("phi3:mini",))


def test_a_proxy_is_not_asked_for_what_is_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", NOBODY)
    monkeypatch.setenv("ALL_PROXY", NOBODY)
    with ollama() as server:
        assert look(server.url, 5) is not None


def test_a_models_context_is_asked_for_by_its_name() -> None:
    with ollama(["phi4-mini"], context=131_072) as server:
        assert (context_of(server.url, "phi4-mini"), context_of(server.url, "gone")) == (131_072, None)
        assert [request.body for request in server.seen] == [{"model": "phi4-mini"}, {"model": "gone"}]


@pytest.mark.parametrize("length", [b"-1", b"true", b'"many"', b"0", b"1.5"])
def test_a_context_that_is_no_number_of_tokens_is_unknown(length: bytes) -> None:
    with ollama() as server:
        server.management(gives(b'{"model_info": {"phi3.context_length": ' + length + b"}}"))
        assert context_of(server.url, "phi4-mini") is None


# Which model


@pytest.mark.parametrize(
    ("installed", "picked"),
    [
        ([], None),
        (["phi4-mini:latest"], "phi4-mini:latest"),
        (["mistral:latest", "phi4-mini:3.8b-q4_K_M"], "phi4-mini:3.8b-q4_K_M"),
        (["qwen3:4b", "llama3.2:latest"], "llama3.2:latest"),
        (["llama3.2:1b", "llama3.2:3b-instruct-q4_K_M"], "llama3.2:3b-instruct-q4_K_M"),
        (["qwen3:4b-thinking-2507-q4_K_M", "qwen3:4b-instruct"], "qwen3:4b-instruct"),
        (["PHI3:mini"], "PHI3:mini"),
        (["gemma3:latest", "llama3.2:3b-text-q4_K_M"], "gemma3:latest"),
        # Of the same names, but not these models.
        (["qwen3:235b", "qwen3:30b", "llama3.2:30b", "gemma3:27b", "mistral:70b"], None),
        (["phi4-mini-reasoning:latest", "llama3.2-vision:latest", "mistral-nemo:latest", "someone/phi4-mini"], None),
        (["qwen3:4b-thinking", "mistral:7b-text", "qwen2.5:7b-base"], None),
        # On another machine.
        (["phi4-mini:cloud", "qwen3:4b-cloud", "gpt-oss:120b-cloud", "phi4-mini-cloud"], None),
        # For vectors.
        (["nomic-embed-text:latest", "all-minilm:l6-v2", "bge-m3:latest", "qwen3-embedding:4b"], None),
        # Not in the list: its owner has to name it.
        (["codellama:7b", "mymodel:latest", "hf.co/user/repo:Q4_K_M"], None),
    ],
)
def test_a_model_is_picked_by_the_stated_list_alone(installed: Sequence[str], picked: str | None) -> None:
    assert preferred(installed) == picked


def test_every_model_of_the_list_is_picked_when_it_is_the_only_one() -> None:
    assert {name: preferred(["codellama:7b", name]) for name in PREFERENCE} == {name: name for name in PREFERENCE}


@given(st.lists(st.text()))
def test_whatever_names_there_are_only_one_of_them_is_picked(installed: list[str]) -> None:
    assert preferred(installed) in (None, *installed)


def test_what_can_write_here_is_told_from_what_cannot() -> None:
    names = [
        "mymodel:latest",
        "hf.co/user/repo:Q4_K_M",
        "gpt-oss:120b-cloud",
        "glm:cloud",
        "mxbai-embed-large",
        "bge-m3",
    ]
    assert {name: writes_here(name) for name in names} == dict(zip(names, [True, True, *[False] * 4], strict=True))


def test_a_name_without_a_tag_means_the_latest() -> None:
    models = ["phi4-mini:latest", "qwen3:4b", "registry.example.com:5000/phi3:latest"]
    asked = ["phi4-mini", "phi4-mini:latest", "Phi4-Mini", "qwen3:4B", "registry.example.com:5000/phi3"]
    absent = ["qwen3", "phi4-mini:3.8b", "phi4", "", "registry.example.com/phi3"]
    assert [has(models, name) for name in [*asked, *absent]] == [True] * 5 + [False] * 5


# Pulling one

GB = 500_000_000


def test_a_pull_tells_how_far_it_is_until_the_model_is_there() -> None:
    with ollama([]) as server:
        assert [*pull(server.url, "phi4-mini")] == [
            Pulled("pulling manifest", 0, 0),
            *(Pulled("pulling aeda25e63ebd", quarter * GB, 4 * GB) for quarter in (0, 1, 2, 3, 4)),
            *(Pulled(each, 4 * GB, 4 * GB) for each in ("verifying sha256 digest", "writing manifest", "success")),
        ]
        assert server.models == ["phi4-mini:latest"]
        assert [request.body for request in server.seen] == [{"model": "phi4-mini", "stream": True}]


def lines(*told: object) -> Behaviour:
    return gives(b"".join(json.dumps(line).encode() + b"\n" for line in told), "application/x-ndjson")


def layer(digest: str, completed: object, total: object) -> dict[str, object]:
    return {"status": f"pulling {digest}", "digest": digest, "completed": completed, "total": total}


def test_the_layers_are_summed_and_the_bar_never_runs_backwards() -> None:
    told = [layer("a", 60, 100), layer("b", 5, 10), layer("a", 30, 100), layer("b", 10, 10), layer("a", 900, 100)]
    strange = [layer("a", "many", None), layer("c", -5, 20), {"digest": "d", "status": 7}, {"status": "success"}]
    with ollama() as server:
        server.management(lines(*told, *strange))
        far = [(pulled.completed, pulled.total) for pulled in pull(server.url, "phi4-mini")]
    assert far == [
        (60, 100),
        (65, 110),
        (65, 110),
        (70, 110),
        (110, 110),
        (110, 110),
        (110, 130),
        (110, 130),
        (110, 130),
    ]


AGAIN = "Run it again: what is already there is kept."
ERRORS = {
    "pull model manifest: file does not exist": "Check the name: https://ollama.com/library lists what there is.",
    "pull model manifest: 412: The model you are attempting to pull requires a newer version of Ollama.": (
        "Update Ollama: https://ollama.com/download"
    ),
    "write /blobs/sha256-1: no space left on device": f"Make room on the disk. {AGAIN}",
    "dial tcp: lookup registry.ollama.ai: no such host": f"Check the network connection. {AGAIN}",
    "max retries exceeded:\nEOF": AGAIN,
}


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("status", [200, 500])
def test_what_ollama_says_went_wrong_is_said_with_what_to_do(error: str, status: int) -> None:
    with ollama() as server:
        server.management(gives(json.dumps({"error": error}).encode(), "application/x-ndjson", status))
        with pytest.raises(ModelUnavailable) as raised:
            [*pull(server.url, "phi4-mini")]
    assert (raised.value.what, raised.value.value, raised.value.do) == (
        f"Ollama could not pull the model: {' '.join(error.split()).rstrip('.')}.",
        "phi4-mini",
        ERRORS[error],
    )


ENDS: dict[str, tuple[Behaviour, str, str]] = {
    "cut in mid-line": (cuts(), "Ollama broke off while it pulled the model.", AGAIN),
    "reset": (cuts(reset=True), "Ollama broke off while it pulled the model.", AGAIN),
    "ends without success": (lines(layer("a", 1, 2)), "Ollama broke off while it pulled the model.", AGAIN),
    "ends with nothing": (gives(b""), "Ollama broke off while it pulled the model.", AGAIN),
    "a page": (
        gives(b"<html></html>", "text/html", 502),
        "Ollama could not pull the model: an answer that is none (HTTP 502).",
        AGAIN,
    ),
    "no object": (lines(7), "Ollama could not pull the model: an answer that is none (HTTP 200).", AGAIN),
    "404 without a word": (
        gives(b"{}", status=404),
        "Ollama could not pull the model: an answer that is none (HTTP 404).",
        AGAIN,
    ),
}


@pytest.mark.parametrize("end", ENDS)
def test_a_pull_that_breaks_off_says_that_it_can_be_run_again(end: str) -> None:
    behaviour, what, do = ENDS[end]
    with ollama() as server:
        server.management(behaviour)
        with pytest.raises(ModelUnavailable) as raised:
            [*pull(server.url, "phi4-mini")]
    assert (raised.value.what, raised.value.value, raised.value.do) == (what, "phi4-mini", do)


def test_a_pull_from_nobody_says_how_to_start_ollama() -> None:
    with pytest.raises(ModelUnavailable) as raised:
        [*pull(NOBODY, "phi4-mini")]
    assert (raised.value.what, raised.value.value, raised.value.do) == (
        "Ollama cannot be reached.",
        NOBODY,
        "Start it: ollama serve",
    )


def test_a_pull_that_is_left_hangs_up() -> None:
    with ollama([]) as server:
        server.pull_seconds = 0.2
        with closing(pull(server.url, "phi4-mini")) as pulling:
            next(pulling)
        assert server.seen[0].left.wait(1)
        assert server.models == []
