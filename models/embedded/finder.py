"""Question -> what the documents say of it: searched, quoted and judged with the embedded encoder."""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from ingest.errors import Trouble
from ingest.evidence import Evidence, Vector
from ingest.retriever import Retriever
from ingest.spaces import COMPOSED, Moved, Wide
from models.asking import Asking
from models.embedded.answerable import judge
from models.embedded.breadth import Breadth
from models.embedded.encoder import Encoder
from models.embedded.typos import mended
from models.embedded.writer import quote
from models.found import Draft, Found


class QuestionEmbedder(Protocol):
    """Questions -> unit vectors to hold against those that the embedder of that name gave to documents."""

    async def query(self, text: str, size: int, asking: Asking) -> Vector: ...


def no_embedders(name: str) -> QuestionEmbedder:
    raise Trouble(f"{name} is not connected")


class EmbeddedFinder:
    """Searches an index that was moved to another embedder with that embedder's vectors; the rest is as ever."""

    def __init__(
        self,
        encoder: Encoder,
        retriever: Retriever,
        embedders: Callable[[str], QuestionEmbedder] = no_embedders,
    ) -> None:
        self._encoder, self._retriever, self._embedders = encoder, retriever, embedders

    async def find(
        self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking | None = None
    ) -> Found:
        """Once in a question: triage may have looked already."""
        asking, asked = asking or Asking(), (question, *collections, favoured)
        if asked not in asking.found:
            asking.found[asked] = await self._find(question, collections, favoured, asking)
        return asking.found[asked]

    async def _find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        question = mended(question, self._retriever, self._encoder.words)
        query = self._encoder.query(question)
        evidence = await self.search(question, collections, favoured=favoured, asking=asking)
        quotation = quote(
            question,
            query,
            evidence.readings,
            evidence.statistics,
            whole=Breadth.shipped().asks_for_a_subject(question, query),
            nearest=next(iter(evidence.passages), None),
        )
        verdict = judge(question, query, quotation, evidence.readings, evidence.statistics, self._encoder)
        return Found(
            evidence,
            quotation.text if quotation else "",
            quotation.citations if quotation else [],
            verdict.answered and quotation is not None,
            verdict.confidence,
            verdict.unknown,
        )

    async def search(
        self,
        question: str,
        collections: Sequence[str],
        k: int = 10,
        favoured: str | None = None,
        asking: Asking | None = None,
    ) -> Evidence:
        """The evidence alone; when the index's embedder gives no vector, `asking` has a notice of it."""
        asking = asking or Asking()
        query = self._encoder.query(question)
        while True:
            wide = await self._wide(question, query, asking)
            try:
                return self._retriever.search(question, query, collections, k, favoured, wide)
            except Moved:  # while its embedder was asked
                continue

    async def _wide(self, question: str, query: Vector, asking: Asking) -> Wide:
        space = self._retriever.space
        if space == COMPOSED:
            return Wide(space, query)
        try:
            vector = await self._embedders(space.name).query(question, space.size, asking)
        except Trouble as trouble:
            said = f"{trouble.what.rstrip('.')}, so the documents were searched by words alone. {trouble.do or ''}"
            asking.note(said.strip())
            return Wide(space, None)
        return Wide(space, vector)


class QuotingWriter:
    """Answers in the documents' own words, and never invents one."""

    kind: Literal["embedded"] = "embedded"
    name = "embedded"

    async def write(self, question: str, found: Found) -> Draft:
        markers = "".join(f"[{n}]" for n in range(1, len(found.citations) + 1))
        return Draft(f"{found.text} {markers}", found.citations)
