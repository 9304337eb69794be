"""One string names a model: where it is then asked, with which key, and that the key is nowhere to be seen."""

import asyncio
import json
import logging
import threading
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.settings import SettingsWrong, read
from apps.wiring import Parts, Places
from models import catalog
from models.asking import Asking
from models.catalog import Catalog, NoSuchModel
from models.model import whole
from models.resilience import Endpoints
from privacy.content import Message, Text
from privacy.failures import ModelFailed
from privacy.gate import Endpoint, Gate
from tests.conftest import Command
from tests.ollama_wire import ollama
from tests.openai_wire import openai
from tests.wire import Exchange, Request, fails, says

KEY = "sk-tandem-0123456789-never-shown"
NOBODY = "http://127.0.0.1:9"


def of(environ: Mapping[str, str] | None = None, ollama_at: str = NOBODY, **given: Any) -> Catalog:
    return Catalog(environ or {}, ollama_at, **given)


def ask(endpoint: Endpoint, seconds: float = 10.0, asking: Asking | None = None) -> str:
    model = Endpoints([Gate().door(endpoint)], len)

    async def asked() -> str:
        messages = [Message("user", [Text("why?", "public", "question")])]
        try:
            return await whole(model.stream(messages, asking or Asking(time.monotonic() + seconds), "large"))
        finally:
            await model.close()

    return asyncio.run(asked())


def sent(request: Request) -> tuple[str, str, str]:
    """Where it went, to which model, and by which key."""
    headers = request.headers
    key = headers.get("api-key") or headers.get("authorization", "")
    return f"{request.path}{'?' * bool(request.query)}{request.query}", request.model, key


# Every form, as the real clients send it ------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["phi4-mini", "qwen3:4b", "hf.co/user/repo:Q4_K_M", "host:5000/own/model:7b"])
def test_ollama_names_a_model_of_the_ollama_there_is(model: str) -> None:
    with ollama(models=[model]) as server:
        server.always(says("Because."))
        assert ask(of(ollama_at=server.url).endpoint(f"ollama:{model}")) == "Because."
        assert [sent(request) for request in server.seen] == [("/api/chat", model, "")]
        options = server.seen[0].body["options"]
        assert (options["num_ctx"], options["temperature"]) == (8192, 0)


@pytest.mark.parametrize("variable", ["OPENAI_BASE_URL", "OPENAI_API_BASE"])
@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5-pro", "gpt-5.1-codex", "ft:gpt-4o:acme::1"])
def test_openai_names_a_model_of_openai_or_of_what_stands_in_for_it(model: str, variable: str) -> None:
    with openai(key=KEY) as server:
        server.always(says("Because."))
        endpoint = of({"OPENAI_API_KEY": KEY, variable: f"{server.url}/v1"}).endpoint(f"openai:{model}")
        assert ask(endpoint) == "Because."
        assert [sent(request) for request in server.seen] == [("/v1/chat/completions", model, f"Bearer {KEY}")]


def test_openai_is_asked_at_openais_address_unless_told() -> None:
    assert of().endpoint("openai:gpt-4o").url == "https://api.openai.com/v1"


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize(("version", "asked"), [("", "2024-10-21"), ("2025-04-01-preview", "2025-04-01-preview")])
def test_azure_names_a_deployment(version: str, asked: str, slash: str) -> None:
    with openai(key=KEY) as server:
        server.always(says("Because."))
        environ = {
            "AZURE_OPENAI_API_KEY": KEY,
            "AZURE_OPENAI_ENDPOINT": server.url + slash,
            "OPENAI_API_VERSION": version,
        }
        assert ask(of(environ).endpoint("azure:prod-4o")) == "Because."
        path = f"/openai/deployments/prod-4o/chat/completions?api-version={asked}"
        assert [sent(request) for request in server.seen] == [(path, "", KEY)]


@pytest.mark.parametrize("path", ["/v1", "/v1/", "", "/api/v3/openai"])
def test_an_address_names_whatever_speaks_openais_wire_there(path: str) -> None:
    with openai() as server:
        server.always(says("Because."))
        name = f"{server.url}{path}#mistralai/Mixtral-8x7B"
        endpoint = of({"TANDEM_KEY_127_0_0_1": KEY, "OPENAI_API_KEY": "another"}).endpoint(name)
        assert (endpoint.name, ask(endpoint)) == (name, "Because.")
        where = f"{path.rstrip('/')}/chat/completions"
        assert [sent(request) for request in server.seen] == [(where, "mistralai/Mixtral-8x7B", f"Bearer {KEY}")]


def test_a_server_without_a_key_of_its_own_is_not_sent_openais(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("OPENAI_API_KEY", "AZURE_OPENAI_API_KEY", "AZURE_OPENAI_AD_TOKEN"):
        monkeypatch.setenv(variable, KEY)
    with openai() as server:
        ask(of({"OPENAI_API_KEY": KEY}).endpoint(f"{server.url}/v1#m"))
        assert KEY not in repr(server.seen[0].headers)


def test_variables_that_langchain_and_openai_read_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "http://127.0.0.1:1/elsewhere/openai"
    for variable in ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OPENAI_PROXY", "AZURE_OPENAI_ENDPOINT"):
        monkeypatch.setenv(variable, elsewhere)
    monkeypatch.setenv("LANGSMITH_GATEWAY", "true")
    monkeypatch.setenv("LANGSMITH_GATEWAY_API_KEY", KEY)
    monkeypatch.setenv("AZURE_OPENAI_AD_TOKEN", KEY)
    monkeypatch.setenv("OPENAI_API_TYPE", "azure")
    with openai(key="mine") as server:
        server.always(says("Because."))
        environ = {"AZURE_OPENAI_ENDPOINT": server.url, "AZURE_OPENAI_API_KEY": "mine", "TANDEM_KEY_127_0_0_1": "mine"}
        assert [ask(of(environ).endpoint(name)) for name in (f"{server.url}/v1#m", "azure:prod")] == ["Because."] * 2


def test_transformers_names_a_model_of_this_process() -> None:
    endpoint = of(context=2048).endpoint("transformers:microsoft/Phi-3-mini-4k-instruct")
    assert (endpoint.wire, endpoint.model, endpoint.here, endpoint.host, endpoint.context) == (
        "here", "microsoft/Phi-3-mini-4k-instruct", True, "this process", 2048,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "private", "declared"),
    [
        ("https://llm.acme.com/v1#m", [], False),
        ("https://llm.acme.com/v1#m", ["llm.acme.com"], True),
        ("https://LLM.acme.com/v1#m", ["llm.ACME.com"], True),
        ("https://llm.acme.com:8443/v1#m", ["llm.acme.com"], True),
        ("https://llm.acme.com:8443/v1#m", ["llm.acme.com:8443"], True),
        ("https://llm.acme.com:8444/v1#m", ["llm.acme.com:8443"], False),
        ("https://llm.acme.com.evil.com/v1#m", ["llm.acme.com"], False),
        ("https://evil.com/llm.acme.com#llm.acme.com", ["llm.acme.com"], False),
        ("http://[::1]:8000/v1#m", ["[::1]:8000"], True),
        ("openai:gpt-4o", ["api.openai.com"], True),
        ("azure:prod", ["acme.openai.azure.com"], True),
        ("transformers:own", [""], False),
    ],
)
def test_an_endpoint_is_private_where_its_host_is_declared_so(name: str, private: list[str], declared: bool) -> None:
    environ = {"AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com", "AZURE_OPENAI_API_KEY": KEY}
    assert of(environ, private=private).endpoint(name).private is declared


# Keys -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("content", [KEY, f"{KEY}\n", f"  {KEY}\r\n\n", f"\ufeff{KEY}\n"])
def test_a_key_may_stand_in_a_file(content: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(content, "utf-8")
    with openai(key=KEY) as server:
        environ = {"OPENAI_API_KEY_FILE": str(tmp_path / "key"), "OPENAI_BASE_URL": f"{server.url}/v1"}
        server.always(says("Because."))
        assert ask(of(environ).endpoint("openai:gpt-4o")) == "Because."


@pytest.mark.parametrize("value", [f"{KEY}\n", f" {KEY} "])
def test_white_space_around_a_key_is_no_part_of_it(value: str) -> None:
    key = of({"OPENAI_API_KEY": value}).key("OPENAI_API_KEY")
    assert [key and key.get_secret_value()] == [KEY]


@pytest.mark.parametrize("value", ["", " ", "\n"])
def test_a_blank_key_is_none(value: str, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(value)
    for environ in ({"OPENAI_API_KEY": value}, {"OPENAI_API_KEY_FILE": str(tmp_path / "key")}):
        assert of(environ).endpoint("openai:gpt-4o").key is None
        assert of(environ).automatic_large() == "none"
        with pytest.raises(ModelFailed, match="There is no key for openai:gpt-4o"):
            ask(of(environ).endpoint("openai:gpt-4o"))


@pytest.mark.parametrize("value", [f"{KEY}\n{KEY}", f"{KEY} x", f"{KEY}é", f"OPENAI_API_KEY = {KEY}", f"{KEY}\x00"])
def test_what_can_be_no_key_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(NoSuchModel) as refused:
        of({"OPENAI_API_KEY": value}).endpoint("openai:gpt-4o")
    assert refused.value.value == "OPENAI_API_KEY"
    assert KEY not in printed(refused.value)


@pytest.mark.parametrize("file", [KEY, "/", "~nobody-of-that-name/key", "a\0b"])
def test_a_key_file_that_cannot_be_read_is_named_by_its_variable(file: str) -> None:
    with pytest.raises(NoSuchModel) as refused:
        of({"OPENAI_API_KEY_FILE": file}).endpoint("openai:gpt-4o")
    assert (refused.value.what, refused.value.value) == ("The file with a key cannot be read.", "OPENAI_API_KEY_FILE")
    assert KEY not in printed(refused.value)


def test_auto_asks_whom_there_is_a_key_for() -> None:
    azure = {"AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_DEPLOYMENT": "prod"}
    environs: list[dict[str, str]] = [{}, {"OPENAI_API_KEY": KEY}, azure, {**azure, "OPENAI_API_KEY": KEY}]
    assert [of(environ).automatic_large() for environ in environs] == [
        "none", "openai:gpt-4o", "azure:prod", "openai:gpt-4o",
    ]  # fmt: skip


# Entra ----------------------------------------------------------------------------------------------------------------


@contextmanager
def managed_identity(status: int = 200) -> Iterator[tuple[str, list[str]]]:
    """What gives an Azure machine its tokens, and what it was asked."""
    asked: list[str] = []

    class Gives(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            right = self.headers.get("X-IDENTITY-HEADER") == "secret-header"
            body = {"access_token": KEY, "expires_on": str(int(time.time()) + 86_400), "token_type": "Bearer"}
            wrong = {"statusCode": status, "message": f"No identity for {KEY}."}
            told = json.dumps(body if status == 200 else wrong).encode()
            self.send_response(status if right else 401)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, *told: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Gives)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def entra(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    pytest.importorskip("azure.identity", reason="the extra azure is not installed: make test installs it")
    for variable in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(variable, raising=False)
    catalog._tokens.cache_clear()
    yield
    catalog._tokens.cache_clear()


@pytest.mark.usefixtures("entra")
def test_azure_without_a_key_is_asked_with_a_token_of_entras_fetched_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with openai(key=KEY) as server, managed_identity() as (url, asked):
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "secret-header")
        server.always(says("Because."))
        endpoint = of({"AZURE_OPENAI_ENDPOINT": server.url}).endpoint("azure:prod")
        assert [ask(endpoint) for _ in range(3)] == ["Because."] * 3
        assert [sent(request)[2] for request in server.seen] == [f"Bearer {KEY}"] * 3
    assert len(asked) == 1
    assert "resource=https://cognitiveservices.azure.com" in asked[0]
    assert KEY not in caplog.text + repr(endpoint)


@pytest.mark.usefixtures("entra")
def test_where_entra_gives_no_token_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with openai() as server, managed_identity(status=400) as (url, _):
        monkeypatch.setenv("IDENTITY_ENDPOINT", url)
        monkeypatch.setenv("IDENTITY_HEADER", "secret-header")
        with pytest.raises(ModelFailed) as failed:
            ask(of({"AZURE_OPENAI_ENDPOINT": server.url}).endpoint("azure:prod"), 30.0)
        assert server.seen == []
    assert (failed.value.kind, failed.value.what) == ("unauthorized", "Entra gives no token for azure:prod")
    assert KEY not in printed(failed.value)


# Names that are none --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("gpt-4o", "That names no model."),
        ("", "That names no model."),
        ("ollama:", "That names no model."),
        ("openai: ", "That names no model."),
        ("mistral:7b", "That names no model."),
        ("azure:prod", "Azure's address is not known."),
        ("https://llm.acme.com/v1", "The address does not say which model."),
        ("https://llm.acme.com/v1#", "The address does not say which model."),
        ("https://#m", "That is no address."),
        ("https:///v1#m", "That is no address."),
        ("https://llm.acme.com:99999/v1#m", "That is no address."),
        ("https://llm.acme.com:0/v1#m", "That is no address."),
        ("https://llm.acme.com:x/v1#m", "That is no address."),
        ("https://[::1/v1#m", "That is no address."),
        ("https://llm.acme.com\\@evil.com/v1#m", "That is no address."),
        ("https://llm.acme .com/v1#m", "That is no address."),
        ("https://llm.acme.com/\nv1#m", "That is no address."),
        ("https://llm.acme.com/v1?version=2#m", "The address has a query."),
        ("https://name@llm.acme.com/v1#m", "The address holds a name or a password."),
    ],
)
def test_a_wrong_name_is_refused_with_the_reason(name: str, what: str) -> None:
    with pytest.raises(NoSuchModel) as refused:
        of().endpoint(name)
    assert refused.value.what == what
    assert refused.value.do


@pytest.mark.parametrize(
    "address",
    [
        "https://user:{}@llm.acme.com/v1",
        "https://{}@llm.acme.com/v1",
        "https://:{}@llm.acme.com/v1",
        "https://user:{}@llm.acme.com:99999/v1",
        "https://user:{}@/v1",
        "https:user:{}@llm.acme.com/v1",
        "ftp://user:{}@llm.acme.com/v1",
        "https//user:{}@llm.acme.com/v1",
        "https://user:{}@llm.acme.com\\v1",
        "https://llm.acme.com/v1?key={}",
        "https://llm.acme.com:x/v1?key={}",
    ],
)
@pytest.mark.parametrize("form", ["{}#m", "{}", "OPENAI_BASE_URL", "AZURE_OPENAI_ENDPOINT"])
def test_a_password_in_an_address_is_refused_without_being_shown(address: str, form: str) -> None:
    url = address.format(KEY)
    name = {"OPENAI_BASE_URL": "openai:m", "AZURE_OPENAI_ENDPOINT": "azure:m"}.get(form, form.format(url))
    with pytest.raises(NoSuchModel) as refused:
        of({form: url}).endpoint(name)
    assert KEY not in printed(refused.value) + repr(refused.value) + f"{refused.value.value}{refused.value.do}"


NAMES = st.one_of(
    st.text(),
    st.builds(
        "{}:{}".format, st.sampled_from(["ollama", "openai", "azure", "transformers", "http", "https"]), st.text()
    ),
    st.builds(
        "http://{}{}#{}".format, st.sampled_from(["a", "[::1]", "127.0.0.1", "ü.de", "--"]), st.text(), st.text()
    ),
)


@given(NAMES, st.text(), st.sampled_from([{}, {"AZURE_OPENAI_ENDPOINT": "https://a.b"}]))
def test_whatever_the_name_it_is_an_endpoint_or_no_such_model(name: str, key: str, environ: dict[str, str]) -> None:
    try:
        endpoint = of({**environ, "OPENAI_API_KEY": key}).endpoint(name)
    except NoSuchModel:
        return
    assert (endpoint.name, bool(endpoint.model.strip()), bool(endpoint.host)) == (name, True, True)


@pytest.mark.usefixtures("tries_others")
@pytest.mark.parametrize(
    "name",
    ["http://127.0.0.1:9/v1#\ud800", "http://127.0.0.1:9/é/v1#m", "http://--:9#m", "http://a..b:9#m", "ollama:\ud800"],
)
def test_an_odd_name_that_is_asked_is_a_failure_and_no_crash(name: str) -> None:
    with pytest.raises(ModelFailed):
        ask(of().endpoint(name))


# From the settings ----------------------------------------------------------------------------------------------------


def test_several_large_models_are_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    both = ["openai:gpt-4o", "http://127.0.0.1:8000/v1#mixtral"]
    config = tmp_path / "own.toml"
    config.write_text(f"[models]\nlarge = {json.dumps(both)}\n")
    from_file = read({}, config)
    monkeypatch.setenv("TANDEM_MODELS__LARGE", json.dumps(both))
    from_environment = read()
    monkeypatch.setenv("TANDEM_MODELS__LARGE", "openai:gpt-4o")
    assert [from_file.models.large, from_environment.models.large, read().models.large] == [both, both, "openai:gpt-4o"]


BARE = """\
collections = []
intents = [{name = "smalltalk", kind = "chat"}, {name = "other", kind = "chat"}]
"""
WRONG = [
    ("gpt-4o", "That names no model ("),
    (f"https://me:{KEY}@llm.acme.com/v1#m", "The address holds a name or a password ("),
]
SEVERAL = json.dumps(["openai:gpt-4o", f"https://llm.acme.com:x/v1?key={KEY}#m"])


@pytest.mark.parametrize(
    ("variable", "name", "said"),
    [
        *(("TANDEM_MODELS__SMALL", *wrong) for wrong in WRONG),
        *(("TANDEM_MODELS__LARGE", *wrong) for wrong in [*WRONG, (SEVERAL, "That is no address (")]),
    ],
)
def test_a_wrong_name_ends_a_command_with_2_and_the_reason(
    run: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variable: str, name: str, said: str
) -> None:
    (tmp_path / "bare.toml").write_text(BARE)
    monkeypatch.setenv("OLLAMA_HOST", NOBODY)
    monkeypatch.setenv(variable, name)
    for command in (["ask", "What is the match?"], ["ask", "--json", "What is the match?"]):
        done = run(*command, "--config", tmp_path / "bare.toml")
        assert (done.code, done.out) == (2, "")
        assert done.err.startswith(f"tandem: {said}")
        assert KEY not in done.err


def test_no_setting_takes_a_key(tmp_path: Path) -> None:
    config = tmp_path / "own.toml"
    config.write_text(f'[models]\nopenai_api_key = "{KEY}"\n')
    with pytest.raises(SettingsWrong) as refused:
        read({}, config)
    assert KEY not in printed(refused.value)


# A key is never shown -------------------------------------------------------------------------------------------------


def printed(error: BaseException) -> str:
    """As Python prints it, with all that it came from."""
    return "".join(traceback.format_exception(error))


async def _tells_the_key(exchange: Exchange) -> None:
    """A server that repeats the key and the prompt in its error."""
    told = {"error": {"message": f"not with {exchange.request.headers} and {exchange.request.body}", "code": KEY}}
    exchange.give(json.dumps(told).encode(), 401)


@pytest.mark.parametrize("form", ["openai:gpt-4o", "azure:prod", "{url}/v1#m"])
@pytest.mark.parametrize("behaviour", [says("Because."), fails("unauthorized"), fails("broken"), _tells_the_key])
def test_a_key_is_in_no_log_no_error_and_no_text_of_an_object(
    form: str, behaviour: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with openai() as server:
        environ = {
            "OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1",
            "AZURE_OPENAI_API_KEY": KEY, "AZURE_OPENAI_ENDPOINT": server.url, "TANDEM_KEY_127_0_0_1": KEY,
        }  # fmt: skip
        server.always(behaviour)
        known = of(environ)
        endpoint = known.endpoint(form.format(url=server.url))
        asking = Asking(time.monotonic() + 5)
        told = [repr(known), str(known), repr(endpoint), str(endpoint), repr(Gate().door(endpoint))]
        try:
            told.append(ask(endpoint, asking=asking))
        except ModelFailed as failed:
            told += [printed(failed), repr(failed), str(failed), f"{failed.value}{failed.do}"]
        assert KEY in repr(server.seen[0].headers)
    told += [repr(asking), caplog.text, *(repr(vars(record)) for record in caplog.records)]
    assert [text for text in told if KEY in text] == []


def test_a_key_is_in_nothing_that_the_whole_assistant_shows(
    tmp_path: Path, encoder: Any, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    from apps.doctor import findings

    with openai() as server:
        server.always(_tells_the_key)
        environ = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{server.url}/v1", "OLLAMA_HOST": NOBODY}
        used = Parts(read({}), Places(tmp_path, cache / "tandem"), environ)
        used.encoder = encoder

        async def talk() -> str:
            async with used.conversation() as conversation:
                return repr(await conversation.ask("Compare stoicism with epicureanism, and weigh both at length."))

        told = [asyncio.run(talk()), used.opening(), repr(used), repr(used.context), repr(findings(used))]
        assert len(server.seen) == 1
    told += [caplog.text, *(repr(vars(record)) for record in caplog.records)]
    assert [text for text in told if KEY in text] == []
