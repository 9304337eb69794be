"""Settings -> the parts, put together: the only file that knows which ones they are."""

import gc
import os
import sqlite3
import tomllib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from apps.settings import SHIPPED, Settings, SettingsWrong
from apps.tools import CalculatorTool, WeatherTool
from graphs.assistant import assistant
from graphs.context import Context, Tool
from graphs.conversation import Conversation
from graphs.routing import Policy
from ingest.errors import IndexUnusable, Trouble
from ingest.index import Index
from ingest.retriever import Retriever
from models.embedded.difficulty import Difficulty
from models.embedded.encoder import Encoder
from models.embedded.finder import EmbeddedFinder, QuotingWriter
from models.embedded.intents import Intents, described
from models.embedded.smalltalk import SENTENCES, SmallTalk
from models.embedded.triage import EmbeddedTriage
from models.tokens import Tokens

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


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

    def __init__(self, settings: Settings, places: Places) -> None:
        self.settings, self.places = settings, places

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder(self.places.cache, self.settings.models.precision)

    @cached_property
    def index(self) -> Index:
        return Index(self.places.data, self.encoder)

    @cached_property
    def retriever(self) -> Retriever:
        return Retriever(self.index)

    @cached_property
    def finder(self) -> EmbeddedFinder:
        return EmbeddedFinder(self.encoder, self.retriever)

    @cached_property
    def tokens(self) -> Tokens:
        return Tokens(self.places.cache)

    @cached_property
    def triage(self) -> EmbeddedTriage:
        named = {intent.name: intent.describe for intent in self.settings.intents}
        examples = {name: topics for name, topics in _examples(self.settings).items() if name in named}
        intents = Intents.fitted(described(examples, named), self.encoder, self.places.cache)
        return EmbeddedTriage(self.encoder, intents, Difficulty.shipped(), frozenset({"weather"}))

    @cached_property
    def policy(self) -> Policy:
        intents, routing = self.settings.intents, self.settings.routing
        return Policy(
            documents={intent.name: intent.collection for intent in intents if intent.kind == "documents"},
            tools=frozenset(intent.name for intent in intents if intent.kind == "tool"),
            mode=routing.mode,
            score_above=routing.score_above,
            tokens_above=routing.tokens_above,
            internal_may_leave=self.settings.privacy.internal_to == "any",
        )

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

    def opening(self) -> str:
        """What answers here, for the first line of a chat."""
        collections = ", ".join(self.searched())
        return f"Answers come from {collections}, quoted by the embedded model. No large model is connected."

    @cached_property
    def context(self) -> Context:
        return Context(
            triage=self.triage,
            finder=self.finder,
            small=QuotingWriter(),
            chat=SmallTalk(self.triage.topic, self.searched(), [*self.tools], SENTENCES),
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
            context = self.context
        async with AsyncSqliteSaver.from_conn_string(str(self.places.data / "threads.sqlite")) as threads:
            threads.serde = strict
            await self._check(threads)
            gc.freeze()  # what is loaded by now stays; a question need not wait while it is looked through
            yield Conversation(
                assistant(self.tools, threads),
                assistant(self.tools, InMemorySaver(serde=strict)),
                context,
                self.searched,
                (self.settings.prices.input, self.settings.prices.output),
            )

    async def _check(self, threads: "AsyncSqliteSaver") -> None:
        try:
            await threads.setup()
        except sqlite3.DatabaseError as error:
            raise IndexUnusable(
                f"The conversations cannot be opened ({error}).",
                str(self.places.data / "threads.sqlite"),
                "If the file is damaged, move it away: only earlier conversations are in it.",
            ) from error


def _examples(settings: Settings) -> dict[str, dict[str, list[str]]]:
    """intents.toml beside the settings that name the collections, else the shipped one."""
    file = settings.home / "intents.toml"
    if not file.is_file():
        file = SHIPPED.parent / "intents.toml"
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Trouble("The intents' examples cannot be read.", str(file), f"{error}") from error
