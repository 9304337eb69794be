"""Settings -> the parts, put together: the only file that knows which ones they are."""

import gc
import os
import sqlite3
import time
import tomllib
from collections.abc import AsyncIterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from apps import prices
from apps.dry_run import DryRun
from apps.models import Models
from apps.settings import SHIPPED, Settings, SettingsWrong
from apps.show import ONLINE
from apps.stats import FILE, Recorder
from apps.tools import CalculatorTool, WeatherTool
from graphs.assistant import assistant
from graphs.context import Context, Tool, Triage
from graphs.conversation import Conversation
from graphs.reply import Tariff
from graphs.routing import Policy
from ingest.errors import IndexUnusable, Trouble
from ingest.index import Index
from ingest.labels import LABELS, Label, strictest
from ingest.retriever import Retriever
from ingest.writer import Writer
from models.asking import Asking
from models.embedded.difficulty import Difficulty
from models.embedded.encoder import Encoder
from models.embedded.finder import EmbeddedFinder, QuotingWriter
from models.embedded.intents import Examples, Intents, described
from models.embedded.smalltalk import SENTENCES, SmallTalk, abilities
from models.embedded.triage import EmbeddedTriage
from models.tokens import Tokens
from models.triage import Cascade, SmallTriage
from models.voice import Voice
from privacy.budget import Budget
from privacy.gate import untraced
from privacy.ledger import FILE as RECEIPTS
from privacy.ledger import Ledger
from privacy.prices import Price
from privacy.receipts import Receipts
from privacy.toll import Toll

if TYPE_CHECKING:
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver


WITH_PLACE = frozenset({"weather"})
"""Intents whose parts name a place."""


@dataclass(frozen=True)
class Places:
    """Where things are kept."""

    data: Path
    cache: Path


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """The user's cache folder, for what can be made again."""
    base = environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tandem"


class Parts(Models):
    """The concrete parts, each built when first asked for."""

    def __init__(
        self, settings: Settings, places: Places, environ: Mapping[str, str] = os.environ, dry_run: bool = False
    ) -> None:
        """In a dry run nothing leaves this machine."""
        self.places, self._dry_run = places, dry_run
        super().__init__(settings, environ, self.tokens.count)

    @cached_property
    def encoder(self) -> Encoder:
        return Encoder(self.places.cache, self.settings.models.precision)

    @cached_property
    def index(self) -> Index:
        return Index(self.places.data)

    @cached_property
    def writer(self) -> Writer:
        return Writer(self.index, self.encoder, self.embedder, self._embedder_that_answers)

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
        small = SmallTriage(self.small_model, embedded, self._described, self._examples, WITH_PLACE, patience=patience)
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
            large_reads=frozenset(label for label in LABELS if self.large_model and self.large_model.admits(label)),
        )

    @cached_property
    def small(self) -> Voice | None:
        if self.small_name in ("embedded", "none"):
            return None
        return Voice(self.small_model, "small", abilities(self.searched(), self._tools), self.settings.models.patience)

    @cached_property
    def large(self) -> Voice | None:
        """None where it may not be asked: then no client of it exists."""
        if self.large_model is None:
            return None
        return Voice(self.large_model, "large", abilities(self.searched(), self._tools), self.settings.models.quiet)

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
        there = {name: tool for name, tool in known.items() if name in self.policy.tools}
        return self.dry.without_services(there) if self.dry else there

    def searched(self) -> list[str]:
        """The collections that there are to search, the configured ones first."""
        configured = [collection.name for collection in self.settings.collections]
        return [*dict.fromkeys([*configured, *self.index.store.collections()])]

    def warm(self) -> None:
        """What is not needed for an answer here, and takes long to load."""
        self.tokens.load()
        for endpoints in self.asked:
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
    def ledger(self) -> Ledger:
        """Where receipts are kept, and what the month has cost."""
        return Ledger(self.places.data / RECEIPTS)

    @cached_property
    def toll(self) -> Toll:
        return self.dry or self.budget

    @cached_property
    def dry(self) -> DryRun | None:
        return DryRun(self.budget) if self._dry_run else None

    @cached_property
    def budget(self) -> Budget:
        file, budget = prices.file_of(self.settings.home), self.settings.budget
        return Budget(self.ledger, self.known_prices, budget.usd_per_month, file)

    @cached_property
    def known_prices(self) -> Mapping[str, Price]:
        return prices.read(prices.file_of(self.settings.home))

    @cached_property
    def tariff(self) -> Tariff:
        known, given = self.known_prices, self.settings.prices
        large = known.get(self.large_names[0]) if self.large_names else None
        all_large = (large.input, large.output) if large else (given.input, given.output)
        return Tariff(all_large, known, frozenset(ONLINE))

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
                beside.submit(self.small_model.load)
            context = self.context
        with suppress(Trouble):  # it is said when it is searched
            self.writer.tidy()
        untraced()
        async with AsyncSqliteSaver.from_conn_string(str(self.places.data / "threads.sqlite")) as threads:
            threads.serde = strict
            await self._check(threads)
            _keep_what_is_loaded()
            recorder, receipts = self.recorder(), Receipts(self.ledger)
            try:
                yield Conversation(
                    assistant(self.tools, threads),
                    assistant(self.tools, InMemorySaver(serde=strict)),
                    context,
                    self.searched,
                    self.tariff,
                    recorder.record,
                    receipts,
                )
            finally:
                recorder.close()
                receipts.close()
                for endpoints in self.asked:
                    await endpoints.close()
                self.ledger.close()

    async def _check(self, threads: "AsyncSqliteSaver") -> None:
        try:
            await threads.setup()
        except sqlite3.DatabaseError as error:
            raise IndexUnusable(
                f"The conversations cannot be opened ({error}).",
                str(self.places.data / "threads.sqlite"),
                "If the file is damaged, move it away: only earlier conversations are in it.",
            ) from error


@cache
def _keep_what_is_loaded() -> None:
    """A question need not wait while all that is looked through for garbage; once, or garbage would be kept too."""
    gc.freeze()


def _examples(settings: Settings) -> dict[str, dict[str, list[str]]]:
    """intents.toml beside the settings that name the collections, else the shipped one."""
    file = settings.home / "intents.toml"
    if not file.is_file():
        file = SHIPPED.parent / "intents.toml"
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Trouble("The intents' examples cannot be read.", str(file), f"{error}") from error
