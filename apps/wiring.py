"""Settings -> the parts, put together: the only file that knows which ones they are."""

import gc
import os
import sqlite3
import time
import tomllib
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from apps.settings import SHIPPED, Settings, SettingsWrong
from apps.stats import FILE, Recorder
from apps.tools import CalculatorTool, WeatherTool
from graphs.assistant import assistant
from graphs.context import Context, Tool, Triage
from graphs.conversation import Conversation
from graphs.routing import Policy
from ingest.errors import IndexUnusable, Trouble
from ingest.index import Index
from ingest.retriever import Retriever
from models.asking import Asking
from models.catalog import Catalog, NoSuchModel
from models.embedded.difficulty import Difficulty
from models.embedded.encoder import Encoder
from models.embedded.finder import EmbeddedFinder, QuotingWriter
from models.embedded.intents import Examples, Intents, described
from models.embedded.smalltalk import SENTENCES, SmallTalk, abilities
from models.embedded.triage import EmbeddedTriage
from models.nomic import Nomic, is_nomic
from models.ollama import SECONDS, Ollama, address, context_of, has, here, look
from models.resilience import Endpoints
from models.tokens import Tokens
from models.triage import Cascade, SmallTriage
from models.voice import Voice
from privacy.failures import ModelFailed, unreachable
from privacy.gate import Door, Endpoint, Gate, untraced
from privacy.labels import LABELS, Label, strictest

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


WITH_PLACE = frozenset({"weather"})
"""Intents whose parts name a place."""
NOMIC = "nomic-embed-text"


@dataclass(frozen=True)
class Places:
    """Where things are kept."""

    data: Path
    cache: Path


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache folder, for what can be made again."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tandem"


class Parts:
    """The concrete parts, each built when first asked for."""

    def __init__(self, settings: Settings, places: Places, environ: Mapping[str, str] = os.environ) -> None:
        self.settings, self.places, self.environ = settings, places, environ
        self._embedders: dict[str, Nomic] = {}
        self._asked: list[Endpoints] = []

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder(self.places.cache, self.settings.models.precision)

    @cached_property
    def index(self) -> Index:
        return Index(self.places.data, self.encoder, self.embedder, self._embedder_that_answers)

    @cached_property
    def retriever(self) -> Retriever:
        return Retriever(self.index)

    @cached_property
    def finder(self) -> EmbeddedFinder:
        return EmbeddedFinder(self.encoder, self.retriever, self.embedder)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.places.cache)

    @cached_property
    def embedded_triage(self) -> EmbeddedTriage:
        intents = Intents.fitted(described(self._examples, self._described), self.encoder, self.places.cache)
        return EmbeddedTriage(self.encoder, intents, Difficulty.shipped(), WITH_PLACE)

    @cached_property
    def triage(self) -> Triage:
        embedded, kind = self.embedded_triage, self.settings.models.triage
        if kind == "embedded" or self.small is None:
            return embedded
        patience = self.settings.models.patience
        small = SmallTriage(self._small, embedded, self._described, self._examples, WITH_PLACE, patience=patience)
        return small if kind == "small" else Cascade(embedded, small)

    @cached_property
    def _described(self) -> dict[str, str]:
        """The intents, with what they are about."""
        return {intent.name: intent.describe for intent in self.settings.intents}

    @cached_property
    def _examples(self) -> Examples:
        return {name: topics for name, topics in _examples(self.settings).items() if name in self._described}

    @cached_property
    def policy(self) -> Policy:
        intents, routing = self.settings.intents, self.settings.routing
        return Policy(
            documents={intent.name: intent.collection for intent in intents if intent.kind == "documents"},
            tools=frozenset(intent.name for intent in intents if intent.kind == "tool"),
            mode=routing.mode,
            score_above=routing.score_above,
            tokens_above=routing.tokens_above,
            small=self.small is not None,
            large_reads=frozenset(label for label in LABELS if self._large and self._large.admits(label)),
        )

    # Models -----------------------------------------------------------------------------------------------------------

    @cached_property
    def catalog(self) -> Catalog:
        models, privacy = self.settings.models, self.settings.privacy
        return Catalog(self.environ, address(self.environ), privacy.private, models.context)

    @cached_property
    def ollama(self) -> Ollama | None:
        """What is there, asked once."""
        return look(self.catalog.ollama)

    @cached_property
    def small_name(self) -> str:
        name = self.settings.models.small
        if name != "auto":
            return name
        found = self.ollama.preferred if self.ollama else None
        return f"ollama:{found}" if found else "embedded"

    @cached_property
    def large_names(self) -> list[str]:
        """In the order in which they are asked; none is an empty list."""
        given = self.settings.models.large
        if given == "auto":
            with _as_settings():
                given = self.catalog.automatic_large()
        return [name for name in ([given] if isinstance(given, str) else given) if name not in ("embedded", "none")]

    @cached_property
    def embedder_name(self) -> str:
        """What an index that is made now is made with."""
        name, found = self.settings.models.embedder, self.ollama
        if name != "auto":
            return name
        nomic = found is not None and here(found.url) and has(found.models, NOMIC)
        return f"ollama:{NOMIC}" if nomic else "embedded"

    def embedder(self, name: str) -> Nomic:
        """Of whole passages, by the name that an index remembers."""
        if name not in self._embedders:
            endpoint = self._endpoint(name)
            if endpoint.wire != "ollama" or not is_nomic(endpoint.model):
                raise SettingsWrong("That is no embedder.", name, f"Name embedded or ollama:{NOMIC}.")
            dead = unreachable(name, endpoint.host) if self.ollama is None else None
            patience = self.settings.models.patience
            self._embedders[name] = Nomic(endpoint, partial(Gate().embeddings, endpoint), patience, dead=dead)
        return self._embedders[name]

    def _embedder_that_answers(self) -> str:
        """What `auto` has picked is tried before an index is made with it."""
        if self.settings.models.embedder == "auto" and self.embedder_name != "embedded":
            try:
                self.embedder(self.embedder_name).documents(["Is anybody there?"])
            except Trouble:
                return "embedded"
        return self.embedder_name

    @cached_property
    def small(self) -> Voice | None:
        if self.small_name in ("embedded", "none"):
            return None
        return Voice(self._small, "small", abilities(self.searched(), self._tools), self.settings.models.patience)

    @cached_property
    def large(self) -> Voice | None:
        """None where it may not be asked: then no client of it exists."""
        if self._large is None:
            return None
        return Voice(self._large, "large", abilities(self.searched(), self._tools), self.settings.models.quiet)

    @cached_property
    def _small(self) -> Endpoints:
        return self._endpoints([self.small_name])

    @cached_property
    def _large(self) -> Endpoints | None:
        names = self.large_names
        return self._endpoints(names) if names and self.settings.routing.mode != "small" else None

    def _endpoints(self, names: Sequence[str]) -> Endpoints:
        gate = Gate(self.settings.privacy.internal_to)
        doors = [gate.door(self._endpoint(name), _process(name)) for name in names]
        made = Endpoints(doors, self.tokens.count, self.settings.models.quiet, dead=self._dead(doors))
        self._asked.append(made)
        return made

    def _endpoint(self, name: str) -> Endpoint:
        with _as_settings():
            endpoint = self.catalog.endpoint(name)
        if endpoint.wire == "here":
            return replace(endpoint, context=_context_here(endpoint))
        if endpoint.wire != "ollama" or self.ollama is None:
            return endpoint
        # More than the model was made for would be cut without a word.
        made_for = context_of(endpoint.url, endpoint.model, SECONDS) or endpoint.context
        elsewhere = has(self.ollama.elsewhere, endpoint.model)
        return replace(endpoint, context=min(endpoint.context, made_for), elsewhere=elsewhere)

    def _dead(self, doors: Sequence[Door]) -> dict[str, ModelFailed]:
        """An Ollama that does not even list its models need not be waited for."""
        asked = [door.endpoint for door in doors if door.endpoint.wire == "ollama"]
        return {one.name: unreachable(one.name, one.host) for one in asked} if asked and self.ollama is None else {}

    @property
    def _tools(self) -> list[str]:
        return [intent.name for intent in self.settings.intents if intent.kind == "tool"]

    @cached_property
    def tools(self) -> dict[str, Tool]:
        known: dict[str, Tool] = {
            "weather": WeatherTool(self.settings.tools.weather),
            "calculator": CalculatorTool(),
        }
        unknown = next((name for name in sorted(self.policy.tools) if name not in known), None)
        if unknown is not None:
            raise SettingsWrong("There is no tool for that intent.", unknown, f"Name it one of {', '.join(known)}.")
        return {name: tool for name, tool in known.items() if name in self.policy.tools}

    def searched(self) -> list[str]:
        """The collections that there are to search, the configured ones first."""
        configured = [collection.name for collection in self.settings.collections]
        return [*dict.fromkeys([*configured, *self.index.store.collections()])]

    def warm(self) -> None:
        """What is not needed for an answer here, and takes long to load."""
        self.tokens.load()
        for endpoints in self._asked:
            endpoints.load()

    def strictest(self) -> Label:
        """Of all the labels that documents here have."""
        return strictest(label for label in LABELS if label in self.index.store.labels())

    def opening(self) -> str:
        """What answers here, for the first line of a chat."""
        collections, large = ", ".join(self.searched()), ", ".join(self.large_names)
        by = f"written by {self.small.name}" if self.small else "quoted by the embedded model"
        hard = f"Hard questions go to {large}, where they may." if self.large else "No large model is asked."
        return f"Answers come from {collections}, {by}. {hard}"

    def asking(self) -> Asking:
        """A question's time begins."""
        return Asking(time.monotonic() + self.settings.models.deadline)

    def recorder(self) -> Recorder:
        """Counts how the models fare, for `tandem stats`."""
        return Recorder(self.places.data / FILE)

    @cached_property
    def context(self) -> Context:
        return Context(
            triage=self.triage,
            finder=self.finder,
            quoting=QuotingWriter(),
            small_talk=SmallTalk(self.embedded_triage.topic, abilities(self.searched(), self._tools), SENTENCES),
            small=self.small,
            large=self.large,
            seconds=self.settings.models.deadline,
            tools=self.tools,
            tokens=self.tokens,
            policy=self.policy,
        )

    @asynccontextmanager
    async def conversation(self) -> AsyncIterator[Conversation]:
        from langgraph.checkpoint.memory import InMemorySaver
        from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
        from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

        strict = JsonPlusSerializer(allowed_msgpack_modules=None)
        with ThreadPoolExecutor(1) as beside:
            beside.submit(self.index.open)  # while the encoder opens; what goes wrong is said when it is searched
            if self.small is not None:
                beside.submit(self._small.load)
            context = self.context
        untraced()
        async with AsyncSqliteSaver.from_conn_string(str(self.places.data / "threads.sqlite")) as threads:
            threads.serde = strict
            await self._check(threads)
            gc.freeze()  # what is loaded by now stays; a question need not wait while it is looked through
            recorder = self.recorder()
            try:
                yield Conversation(
                    assistant(self.tools, threads),
                    assistant(self.tools, InMemorySaver(serde=strict)),
                    context,
                    self.searched,
                    (self.settings.prices.input, self.settings.prices.output),
                    recorder.record,
                )
            finally:
                recorder.close()
                for endpoints in self._asked:
                    await endpoints.close()

    async def _check(self, threads: "AsyncSqliteSaver") -> None:
        try:
            await threads.setup()
        except sqlite3.DatabaseError as error:
            raise IndexUnusable(
                f"The conversations cannot be opened ({error}).",
                str(self.places.data / "threads.sqlite"),
                "If the file is damaged, move it away: only earlier conversations are in it.",
            ) from error


@contextmanager
def _as_settings() -> Iterator[None]:
    """A model's wrong name is a wrong setting."""
    try:
        yield
    except NoSuchModel as wrong:
        raise SettingsWrong(wrong.what, wrong.value, wrong.do) from wrong


def _context_here(endpoint: Endpoint) -> int:
    """What a model of this process was made for; one that cannot be loaded says so when it is asked."""
    from models.in_process import load

    try:
        return load(endpoint.model).context
    except ModelFailed:
        return endpoint.context


def _process(name: str) -> Callable[[], "BaseChatModel"] | None:
    """What loads a model that runs in this process."""
    kind, _, model = name.partition(":")
    if kind != "transformers":
        return None

    def loaded() -> "BaseChatModel":
        from models.in_process import load

        return load(model)

    return loaded


def _examples(settings: Settings) -> dict[str, dict[str, list[str]]]:
    """intents.toml beside the settings that name the collections, else the shipped one."""
    file = settings.home / "intents.toml"
    if not file.is_file():
        file = SHIPPED.parent / "intents.toml"
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Trouble("The intents' examples cannot be read.", str(file), f"{error}") from error
