"""Whole passages and questions -> vectors of nomic-embed-text, which tells the two apart by a word in front."""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ingest.evidence import Vector, Vectors
from models.asking import Asking, Call
from models.resilience import Breaker
from privacy.failures import Kind, ModelFailed, explained, of_clients, silent
from privacy.gate import Endpoint

if TYPE_CHECKING:
    from langchain_core.embeddings import Embeddings

MODEL = "nomic-embed-text"
DOCUMENT, QUERY = "search_document: ", "search_query: "
BATCH = 32
"""Texts in one request."""
PATIENCE = 1.8
"""Seconds that a question's vector may take; without it, the question's words still find passages."""
SECONDS = 120.0
"""That a batch of documents may take: a processor without a graphics card needs some."""
REMEMBERED = 256


def is_nomic(model: str) -> bool:
    """Whether Ollama's model of that name is one; others want other words in front, or none."""
    return model.rpartition("/")[2].startswith(MODEL)


class Nomic:
    """An embedder, for what is ingested and for what is asked."""

    def __init__(
        self,
        endpoint: Endpoint,
        client: "Callable[[], Embeddings]",
        patience: float = PATIENCE,
        seconds: float = SECONDS,
        dead: ModelFailed | None = None,
    ) -> None:
        """`client` opens LangChain's way to the endpoint, one that keeps no connection: event loops come and go.

        `dead` says how it was found not to answer just now.
        """
        self._endpoint, self._opened, self._patience, self._seconds = endpoint, client, patience, seconds
        self._breaker = Breaker()
        if dead is not None:
            self._breaker.found_dead(dead)
        self._asked: dict[str, Vector] = {}

    @property
    def name(self) -> str:
        return self._endpoint.name

    def documents(self, texts: Sequence[str], size: int | None = None) -> Vectors:
        """A unit row for each; not for a thread that runs an event loop already."""
        return asyncio.run(self._documents([_sent(DOCUMENT, text) for text in texts], size))

    async def _documents(self, texts: list[str], size: int | None) -> Vectors:
        found: list[Vectors] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            found.append(await self._in_time(batch, size, self._seconds, waits=self._seconds))
            size = found[0].shape[1]
        return np.vstack(found)

    async def query(self, text: str, size: int, asking: Asking) -> Vector:
        """A unit vector; what has failed for this question, or keeps failing, is not waited for again."""
        known = self._asked.get(text)
        if known is not None and known.size == size:
            return known
        vector = self._asked[text] = await self._journalled(_sent(QUERY, text), size, asking)
        if len(self._asked) > REMEMBERED:
            del self._asked[next(iter(self._asked))]
        return vector

    # Asking -----------------------------------------------------------------------------------------------------------

    async def _journalled(self, text: str, size: int, asking: Asking) -> Vector:
        if self.name in asking.given_up:
            raise asking.given_up[self.name]
        if not asking.left:
            raise ModelFailed("late", f"There was no time left for {self.name}", self.name)
        if not self._breaker.lets():
            raise self._known_dead()
        began = time.monotonic()
        try:
            rows = await self._in_time([text], size, min(self._patience, asking.left), waits=0.0)
        except ModelFailed as failed:
            asking.given_up[self.name] = failed
            asking.calls.append(self._call(began, failed.kind))
            raise
        except asyncio.CancelledError:
            asking.calls.append(self._call(began, "cut"))
            raise
        asking.calls.append(self._call(began))
        vector: Vector = rows[0]
        return vector

    async def _in_time(self, texts: list[str], size: int | None, seconds: float, waits: float) -> Vectors:
        """Tried once more where that can succeed after a wait of so many seconds at most."""
        try:
            async with asyncio.timeout(seconds):
                try:
                    return await self._once(texts, size)
                except ModelFailed as failed:
                    if failed.again_after is None or failed.again_after > waits:
                        raise
                    await asyncio.sleep(failed.again_after)
                    return await self._once(texts, size)
        except TimeoutError:
            raise self._failed(silent(self.name, self._endpoint.host)) from None

    async def _once(self, texts: list[str], size: int | None) -> Vectors:
        try:
            rows = await self._client.aembed_documents(texts)
        except of_clients() as error:
            failed = explained(error, self.name, self._endpoint.host, self._endpoint.pull)
            raise self._failed(failed) from error
        vectors = self._checked(rows, len(texts), size)
        self._breaker.tried(None)
        return vectors

    @cached_property
    def _client(self) -> "Embeddings":
        return self._opened()

    def _failed(self, failed: ModelFailed) -> ModelFailed:
        self._breaker.tried(failed)
        return failed

    def _known_dead(self) -> ModelFailed:
        last = self._breaker.last or silent(self.name, self._endpoint.host)
        return ModelFailed("open", last.what, self.name, last.do or "")

    def _call(self, began: float, failure: Kind | None = None) -> Call:
        return Call("embed", self.name, remote=False, ms=round(1000 * (time.monotonic() - began), 1), failure=failure)

    # What comes back --------------------------------------------------------------------------------------------------

    def _checked(self, rows: object, count: int, size: int | None) -> Vectors:
        try:
            numbers = np.asarray(rows, np.float64)
        except (ValueError, TypeError, OverflowError):
            raise self._bad("something else than rows of numbers") from None
        if numbers.ndim != 2 or len(numbers) != count or not numbers.size:
            raise self._bad("not one vector for each text")
        if size not in (None, numbers.shape[1]):
            raise self._bad(f"a vector of {numbers.shape[1]} numbers, and earlier ones of {size}")
        largest = np.abs(numbers).max(axis=1, keepdims=True)
        if not np.isfinite(largest).all() or not largest.all():
            raise self._bad("a vector that points nowhere")
        scaled = numbers / largest  # so that no square is too large, or too small, for a number
        unit: Vectors = (scaled / np.linalg.norm(scaled, axis=1, keepdims=True)).astype(np.float32)
        return unit

    def _bad(self, given: str) -> ModelFailed:
        failed = ModelFailed("vectors", f"{self.name} gave {given}", self.name, "See its server's log.", 0.0)
        return self._failed(failed)


def _sent(prefix: str, text: str) -> str:
    """Half a surrogate pair cannot be sent."""
    return prefix + text.encode("utf-8", "replace").decode()
