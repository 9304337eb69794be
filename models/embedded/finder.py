"""Question -> what the documents say of it: searched, quoted and judged with the embedded encoder."""

from collections.abc import Sequence
from typing import Literal

from ingest.retriever import Retriever
from models.embedded.answerable import judge
from models.embedded.encoder import Encoder
from models.embedded.typos import mended
from models.embedded.writer import quote
from models.found import Draft, Found


class EmbeddedFinder:
    def __init__(self, encoder: Encoder, retriever: Retriever) -> None:
        self._encoder, self._retriever = encoder, retriever

    async def find(self, question: str, collections: Sequence[str], favoured: str | None) -> Found:
        question = mended(question, self._retriever, self._encoder.words)
        query = self._encoder.query(question)
        evidence = self._retriever.search(question, query, collections, favoured=favoured)
        quotation = quote(question, query, evidence.readings, evidence.statistics)
        verdict = judge(question, query, quotation, evidence.readings, evidence.statistics, self._encoder)
        return Found(
            evidence,
            quotation.text if quotation else "",
            quotation.citations if quotation else [],
            verdict.answered and quotation is not None,
            verdict.confidence,
            verdict.unknown,
        )


class QuotingWriter:
    """Answers in the documents' own words, and never invents one."""

    kind: Literal["embedded"] = "embedded"
    name = "embedded"

    async def write(self, question: str, found: Found) -> Draft:
        markers = "".join(f"[{n}]" for n in range(1, len(found.citations) + 1))
        return Draft(f"{found.text} {markers}", found.citations)
