"""A name -> where that model answers: one string names any model that Tandem can ask."""

import asyncio
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import SecretStr

from ingest.errors import Trouble
from privacy.failures import ModelFailed
from privacy.gate import Endpoint, Token

OPENAI = "https://api.openai.com/v1"
AZURE_VERSION = "2024-10-21"
AZURE_SCOPE = "https://cognitiveservices.azure.com/.default"
DEFAULT = "openai:gpt-4o"
"""What `auto` takes when there is a key for OpenAI."""
LARGE_CONTEXT = 32_768
"""Tokens that every large model of today reads; no prompt of ours is as long."""
NAMES = "ollama:NAME, openai:NAME, azure:DEPLOYMENT, https://HOST/v1#MODEL, transformers:NAME, embedded or none"
HOST = re.compile(r"(?:[\w.-]+|\[[\da-fA-F:.]+\])(?::\d+)?")


class NoSuchModel(Trouble):
    """A name that is no model's."""


@dataclass(frozen=True)
class Catalog:
    """What the names mean here: the environment holds the keys and the addresses."""

    environ: Mapping[str, str] = field(repr=False)
    ollama: str
    """Ollama's address."""
    private: Collection[str] = ()
    """Hosts that are the company's own."""
    context: int = 8192

    def endpoint(self, name: str) -> Endpoint:
        kind, _, model = name.partition(":")
        if kind in ("http", "https"):
            return self._declared(self._at_url(name))
        made = {"ollama": self._ollama, "openai": self._openai, "azure": self._azure, "transformers": self._here}
        if kind not in made or not model.strip():
            raise NoSuchModel("That names no model.", _shown(name), f"Write {NAMES}.")
        return self._declared(made[kind](name, model))

    def key(self, name: str) -> SecretStr | None:
        """From the environment, or from the file that it names with `_FILE` behind."""
        if given := self.environ.get(name, "").strip():
            return _key(given, name)
        # Its value is not shown: by mistake it may be the key itself.
        named = f"{name}_FILE"
        if not (file := self.environ.get(named, "").strip()):
            return None
        try:
            given = Path(file).expanduser().read_text("utf-8-sig").strip()
        except (OSError, ValueError, RuntimeError):
            raise NoSuchModel("The file with a key cannot be read.", named, "Check the path that it holds.") from None
        return _key(given, named) if given else None

    def automatic_large(self) -> str:
        """OpenAI's or Azure's when there is a key, else none."""
        if self.key("OPENAI_API_KEY"):
            return DEFAULT
        deployment = self.environ.get("AZURE_OPENAI_DEPLOYMENT")
        return f"azure:{deployment}" if deployment and self.key("AZURE_OPENAI_API_KEY") else "none"

    def _declared(self, endpoint: Endpoint) -> Endpoint:
        host = urlsplit(endpoint.url)
        own = {host.hostname, endpoint.host} & {name.lower() for name in self.private}
        return replace(endpoint, private=True) if own and endpoint.url else endpoint

    def _ollama(self, name: str, model: str) -> Endpoint:
        return Endpoint(name, "ollama", model, self.ollama, self.context)

    def _openai(self, name: str, model: str) -> Endpoint:
        url = self.environ.get("OPENAI_BASE_URL") or self.environ.get("OPENAI_API_BASE") or OPENAI
        return Endpoint(name, "openai", model, _checked(url), LARGE_CONTEXT, self.key("OPENAI_API_KEY"))

    def _azure(self, name: str, model: str) -> Endpoint:
        url = self.environ.get("AZURE_OPENAI_ENDPOINT")
        if not url:
            raise NoSuchModel("Azure's address is not known.", name, "Set AZURE_OPENAI_ENDPOINT.")
        key, version = self.key("AZURE_OPENAI_API_KEY"), self.environ.get("OPENAI_API_VERSION") or AZURE_VERSION
        token = None if key else entra(name)
        return Endpoint(name, "azure", model, _checked(url), LARGE_CONTEXT, key, token, version)

    def _at_url(self, name: str) -> Endpoint:
        url, _, model = name.partition("#")
        host = urlsplit(_checked(url)).hostname or ""
        if not model.strip():
            raise NoSuchModel("The address does not say which model.", name, "Write https://HOST/v1#MODEL.")
        # Servers that want no key take any.
        key = self.key(key_variable(host)) or SecretStr("none")
        return Endpoint(name, "openai", model, url, LARGE_CONTEXT, key)

    def _here(self, name: str, model: str) -> Endpoint:
        return Endpoint(name, "here", model, context=self.context)


def key_variable(host: str) -> str:
    """`llm.example.com` -> TANDEM_KEY_LLM_EXAMPLE_COM."""
    return "TANDEM_KEY_" + "".join(c if c.isalnum() else "_" for c in host.upper())


def _key(given: str, name: str) -> SecretStr:
    """Only what can stand in a header: a client would repeat the rest in its error."""
    if not given.isascii() or not given.isprintable() or " " in given:
        raise NoSuchModel("That holds more than a key, or none.", name, "Put the key there, and nothing else.")
    return SecretStr(given)


def _checked(url: str) -> str:
    """No key in an address: addresses are shown."""
    try:
        parts = urlsplit(url)
        sound = HOST.fullmatch(parts.netloc.rpartition("@")[2]) is not None and parts.port != 0
    except ValueError:
        sound = False
    # Some readers of addresses take a backslash for a slash, and so what stands before it for the host.
    if not sound or parts.scheme not in ("http", "https") or not url.isprintable() or {" ", "\\"} & {*url}:
        raise NoSuchModel("That is no address.", _shown(url), "Write https://HOST/v1#MODEL.")
    if "@" in parts.netloc:
        do = f"Take them out, and put the key into {key_variable(parts.hostname or '')}."
        raise NoSuchModel("The address holds a name or a password.", parts.hostname, do)
    if "?" in url:
        raise NoSuchModel("The address has a query.", _shown(url), "Take it out, with its question mark.")
    return url


def _shown(name: str) -> str:
    """Without what may be a password, or a key."""
    return name.rpartition("@")[2].partition("?")[0]


def entra(name: str) -> Token:
    """Without a key Azure takes a token of Entra's, by whatever identity this machine or user has."""

    async def token() -> str:
        return await asyncio.to_thread(_token, name)

    return token


def _token(name: str) -> str:
    try:
        from azure.core.exceptions import AzureError

        provider = _tokens()
    except ImportError:
        do = "Set AZURE_OPENAI_API_KEY, or run: pip install azure-identity"
        raise ModelFailed("unauthorized", f"There is no key for {name}, and no Entra identity", name, do) from None
    try:
        return provider()
    except AzureError:
        do = "Set AZURE_OPENAI_API_KEY, or sign in: az login"
        raise ModelFailed("unauthorized", f"Entra gives no token for {name}", name, do) from None


@cache
def _tokens() -> Callable[[], str]:
    """Keeps a token for as long as it is good."""
    from azure.identity import DefaultAzureCredential, get_bearer_token_provider

    provider: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), AZURE_SCOPE)
    return provider
