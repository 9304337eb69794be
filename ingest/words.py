"""Text -> terms: what two texts must share to be about the same thing."""

import re
import unicodedata
from functools import lru_cache
from typing import Any

import snowballstemmer

TOKEN = re.compile(r"\d+k\b|\d[\d,]*(?:\.\d+)?|[^\W\d_]+(?:['’][^\W\d_]+)?")

STOPPED = frozenset(
    """a about above after again all also am an and any are arent as at be because been before being below
    between both but by can cant could couldnt did didnt do does doesnt doing dont down during each few for from
    further had has hasnt have havent having he her here hers hes him his how hows i id if ill im in into is
    isnt it its itself ive just let lets many me more most much my myself nor of off on once only or other our ours out
    over own percent please same shall she shes should shouldnt so some such tell than that thats the their
    theirs them then there theres these they theyre theyve this those through to too under until up us very was
    wasnt we were weve what whats when where which while who whom why will with wont would wouldnt you your
    youre yours yourself youve""".split()
)


def terms(text: str) -> list[str]:
    """The text's words in one form: stemmed, without accents, without the empty ones; `$1,500.00` is `1500`."""
    return [*_terms(text)] if len(text) < SHORT else _terms.__wrapped__(text)


SHORT = 300
"""Headings, titles and questions are asked for again and again."""


@lru_cache(maxsize=10_000)
def _terms(text: str) -> list[str]:
    return [_term(token) for token in tokens(text) if token.removesuffix("'s").replace("'", "") not in STOPPED]


def tokens(text: str) -> list[str]:
    """The text's words and numbers as typed, in lower case; `401(k)` is one word."""
    plain = text.lower().replace("401(k)", "401k").replace("403(b)", "403b").replace("’", "'")
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return TOKEN.findall(plain)


@lru_cache(maxsize=100_000)
def _term(token: str) -> str:
    if token[0].isdigit():
        return re.sub(r"\.0+$", "", token.replace(",", ""))
    stem: str = _stemmer().stemWord(token.removesuffix("'s").replace("'", ""))
    return stem


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    return snowballstemmer.stemmer("english")
