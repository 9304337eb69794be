"""A draft and its citations, held against the pages they name: a deterministic check, whoever wrote the draft."""

import re
from collections.abc import Sequence

from ingest.evidence import Reading
from models.found import Citation, Draft

FIGURE = re.compile(r"\d[\d,.]*\d|\d")


def is_grounded(draft: Draft, readings: Sequence[Reading]) -> bool:
    """Every quote stands on its page, and every figure of the draft in a quote."""
    quotes = " ".join(citation.quote for citation in draft.citations)
    return (
        bool(draft.citations)
        and all(_stands(citation, readings) for citation in draft.citations)
        and figures(draft.text) <= figures(quotes)
    )


def figures(text: str) -> set[str]:
    """The numbers in a text, its citations' markers aside."""
    return {figure.replace(",", "") for figure in FIGURE.findall(re.sub(r"\[\d+\]", " ", text))}


def _stands(citation: Citation, readings: Sequence[Reading]) -> bool:
    page_text = (
        " ".join(sentence.on(citation.page) for sentence in reading.sentences)
        for reading in readings
        if (reading.collection, reading.source) == (citation.collection, citation.source)
    )
    return any(_plain(citation.quote) in _plain(text) for text in page_text)


def _plain(text: str) -> str:
    return " ".join(text.split())
