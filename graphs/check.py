"""A draft and its citations, held against the pages they name: a deterministic check, whoever wrote the draft."""

from collections.abc import Iterator

from ingest.evidence import Passage, Reading
from models.figures import figures
from models.found import Citation, Draft, Found


def is_grounded(draft: Draft, question: str, found: Found) -> bool:
    """Every quote stands on its page, and every figure of the draft in a cited passage, or in the question itself."""
    cited = " ".join([question, *(text for citation in draft.citations for text in _around(citation, found))])
    return (
        bool(draft.citations)
        and all(_stands(citation, found) for citation in draft.citations)
        and figures(draft.text) <= figures(cited)
    )


def _around(citation: Citation, found: Found) -> Iterator[str]:
    yield citation.quote
    for passage in found.evidence.passages:
        if _is_of(passage, citation) and _plain(citation.quote) in _plain(passage.text):
            yield passage.text


def _stands(citation: Citation, found: Found) -> bool:
    pieces: list[Reading | Passage] = [*found.evidence.readings, *found.evidence.passages]
    page_texts = (
        " ".join(sentence.on(citation.page) for sentence in piece.sentences)
        for piece in pieces
        if _is_of(piece, citation)
    )
    return any(_plain(citation.quote) in _plain(text) for text in page_texts)


def _is_of(piece: Reading | Passage, citation: Citation) -> bool:
    return (piece.collection, piece.source) == (citation.collection, citation.source)


def _plain(text: str) -> str:
    return " ".join(text.split())
