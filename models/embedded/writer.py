"""Question and readings -> the run of consecutive sentences that answers, word for word, and the pages to cite."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import log
from pathlib import PurePath

import numpy as np
from numpy.typing import NDArray

from ingest.evidence import Passage, Reading, Statistics, Vector
from ingest.split import Sentence, small_spans
from ingest.words import terms
from models.embedded.excerpt import excerpt
from models.found import Citation

# Chosen by scans over all of northwind-dev and 64 typed questions about Brightwater: no part of either was kept back.
# F1 is flat around each of them; those marked * are worth about a point or more.
CAP = 90  # words of a quotation; flat from 85 to 105
HEADING = 0.6  # of the heading's vector in a window's
LIKE = 0.6  # * cosine of question and window
COVERS = 1.0  # * idf share of the question's words in window, heading and title
BEGINS = 0.4  # * cosine of question and first sentence
AFTER_ECHO = 0.2  # * for beginning right behind a sentence that only repeats the question
ECHOES = -0.1  # for the share of such sentences in the window
FOUND = 1.0  # what the search thought of the section
NAMED = 0.15  # * for a document that the question names
EARLY = 0.1  # for standing early in the section
BRIEF = -0.2  # for fewer than 40 words

# Which sentence tells a fact. Chosen on benchmarks/underlined and the tuned half of evals/company, F1 within windows of
# any choice: flat around each. A regression, and a listwise one with 22 measures, fitted on either set, ranked the
# sentences of the other no better.
SAYS_LIKE = 1.0  # cosine of question and sentence, with its heading
SAYS_COVERS = 0.4  # idf share of the question's words in sentence, heading and title
STANDS_IN = 0.3  # what the best window around it scores
SAID_AGAIN = 0.02  # of the best: a page so near may say the fact again; recall +.01 to .03, precision within .01

# What people ask with rather than about.
ASKING = """
    actually answer anybody anyone anything ask asked asking associated available aware basically certain come comes
    concerning confused consider consideration considerations considered considering current currently describe
    described detail details different document documents else ever exactly example explain find general get gets
    getting give given giving gonna good got happen happens hello help hey hi how's importance important include
    included includes including info information key kind kinda kindly kinds know long look looking lot lots made
    main major make making many maybe mean means mention mentioned much need needs new now offer offered offers
    often ok okay old point points possible potential process provide provided provides purpose question quick
    quickly quite really recent recently regarding related role say says show simply someone something soon sorry
    specific specifically still stuff take taken text thank thanks thing things today total totally try trying type
    types u ur use used using various wanna want wants way ways what's whats when's where's who's wonder wondering
    work works yet yo
""".split()
EMPTY = frozenset(term for word in ASKING for term in (terms(word) or [word]))

Floats = NDArray[np.float32]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Quotation:
    """What is said, and the best window there is: what is said may be a sentence of it, or of another."""

    text: str
    """Sentences as they stand in one section, one after the other."""
    citations: list[Citation]
    """Their own pages first."""
    reading: Reading
    """The section of the best window; so are its start, end, score and likeness."""
    start: int
    end: int
    score: float
    likeness: float
    """Cosine of the question with the window, or with its likest sentence when that is more."""


def quote(
    question: str,
    query: Vector,
    readings: Sequence[Reading],
    statistics: Statistics,
    whole: bool = True,
    nearest: Passage | None = None,
) -> Quotation | None:
    """The best window of whole sentences of one section; nothing when there is nothing.

    As many as fit in the cap, or, when not the `whole` subject is asked for, those that tell the fact. `nearest` is the
    passage that the search found first.
    """
    read = [reading for reading in readings if reading.sentences]
    if not read:
        return None
    laid = _lay(read, query, weights(question, statistics))
    windows = _windows(laid)
    scores = _scores(laid, *windows)
    best = int(scores.argmax())
    chosen = windows[0][best : best + 1], windows[1][best : best + 1]
    start, end = int(chosen[0][0]), int(chosen[1][0])
    said = (start, end) if whole else _telling(laid, windows, scores)
    reading, before = read[laid.section[start]], int(laid.first[start])
    return Quotation(
        text=_cut(_together([sentence.text for sentence in _sentences(laid, *said)])),
        citations=_citations(laid, said, whole, nearest),
        reading=reading,
        start=start - before,
        end=end - before,
        score=float(scores[best]),
        likeness=float(max(_cosines(laid, *chosen)[0], laid.likeness[start:end].max())),
    )


def _together(texts: Sequence[str]) -> str:
    """In one line; a table's rows stay rows."""
    return "".join(("\n" if " | " in text else " ") + text for text in texts).strip()


def weights(question: str, statistics: Statistics) -> dict[str, float]:
    """The question's terms, each with how rare it is; what people ask *with* hardly counts."""
    return {term: rarity(term, statistics) * (0.3 if term in EMPTY else 1.0) for term in terms(question)}


def rarity(term: str, statistics: Statistics) -> float:
    held = statistics.containing(term)
    return log(1 + (statistics.passages - held + 0.5) / (held + 0.5))


# The readings, laid end to end ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Laid:
    """All sentences of the readings in one row; what is cumulative starts with 0 and has one more."""

    readings: Sequence[Reading]
    query: Vector
    section: Places
    """Of each sentence, the number of its reading, and where that begins and ends."""
    first: Places
    last: Places
    words: Places
    """Cumulative."""
    vectors: Floats
    """Cumulative, each sentence's weighed by its words."""
    headings: Floats
    likeness: Floats
    """Of each sentence with the question."""
    weights: Floats
    """Of the question's terms."""
    holds: Places
    """Cumulative: how often each of them stands there."""
    framed: NDArray[np.bool_]
    """Whether it stands in the heading or title, by reading."""
    echo: NDArray[np.bool_]
    """Sentences that say little beyond the question's own words."""
    favour: Floats
    """What speaks for a reading as a whole."""
    announces: NDArray[np.bool_]


def _lay(read: Sequence[Reading], query: Vector, asked: Mapping[str, float]) -> _Laid:
    sizes = np.array([len(reading.sentences) for reading in read])
    ends = sizes.cumsum()
    section = np.repeat(np.arange(len(read)), sizes)
    sentences = [sentence for reading in read for sentence in reading.sentences]
    words = np.array([max(1, len(sentence.text.split())) for sentence in sentences])
    vectors = np.concatenate([reading.vectors for reading in read])
    frames = [{*terms(reading.heading), *terms(reading.title)} for reading in read]
    return _Laid(
        readings=read,
        query=query,
        section=section,
        first=np.repeat(ends - sizes, sizes),
        last=np.repeat(ends, sizes),
        words=np.concatenate([[0], words.cumsum()]),
        vectors=np.concatenate([np.zeros_like(vectors[:1]), (words[:, None].astype(np.float32) * vectors).cumsum(0)]),
        headings=np.stack([reading.heading_vector for reading in read])[section],
        likeness=vectors @ query,
        weights=np.array([*asked.values()], np.float32),
        holds=_holds([held for reading in read for held in reading.terms], asked),
        framed=np.array([[term in frame for term in asked] for frame in frames], bool).reshape(len(read), len(asked)),
        echo=np.array(
            [one for reading, frame in zip(read, frames, strict=True) for one in _echoes(reading, asked, frame)]
        ),
        favour=np.array([FOUND * reading.score for reading in read], np.float32) + NAMED * _named(read, asked),
        announces=np.array([_announces(sentence.text) for sentence in sentences]),
    )


def _holds(sentences: Sequence[Sequence[str]], asked: Mapping[str, float]) -> Places:
    place = {term: n for n, term in enumerate(asked)}
    counts = np.zeros((len(sentences) + 1, len(place)), np.intp)
    for n, held in enumerate(sentences, 1):
        for term in held:
            if term in place:
                counts[n, place[term]] += 1
    return counts.cumsum(0)


def _echoes(reading: Reading, asked: Mapping[str, float], frame: set[str]) -> Iterator[bool]:
    """Of each sentence, whether half of it is the question's words, the heading's, or such as say nothing."""
    said = EMPTY.union(asked, frame)
    return (2 * sum(map(said.__contains__, held)) >= len(held) for held in reading.terms)


def _named(read: Sequence[Reading], asked: Mapping[str, float]) -> Floats:
    """How much of what tells a document's name from the others' the question says."""
    names = [set(terms(PurePath(reading.source).stem.replace("_", " "))) for reading in read]
    common = set.intersection(*names) if len({reading.source for reading in read}) > 1 else set()
    return np.array([_share(name - common, asked) for name in names], np.float32)


def _share(name: set[str], asked: Mapping[str, float]) -> float:
    return sum(term in asked for term in name) / max(1, len(name))


@lru_cache(maxsize=50_000)
def _announces(text: str) -> bool:
    """`Exceptions`, `Tips:`: a line that only says what the next ones are."""
    return len(text.split()) <= 8 and not re.search(r"[.!?;,|\d]$|^\W|^\(?\w[.)]", text)


# Windows and their scores ---------------------------------------------------------------------------------------------


def _windows(laid: _Laid) -> tuple[Places, Places]:
    """One for each sentence that it may begin with; none ends with an announcement."""
    starts = np.arange(len(laid.section))
    ends = np.minimum(np.searchsorted(laid.words, laid.words[:-1] + CAP, side="right") - 1, laid.last)
    said = np.maximum.accumulate(np.where(laid.announces, 0, starts + 1))
    return starts, np.maximum(starts + 1, said[np.maximum(ends, starts + 1) - 1])


def _scores(laid: _Laid, starts: Places, ends: Places) -> Floats:
    like, likeness = _cosines(laid, starts, ends), np.maximum(laid.likeness, 0)
    echoes = np.concatenate([[0], (laid.echo * np.diff(laid.words)).cumsum()])
    size = laid.words[ends] - laid.words[starts]
    behind = np.where((starts > laid.first[starts]) & laid.echo[starts - 1], likeness[starts - 1], 0)
    scores: Floats = (
        LIKE * like / max(float(like.max()), 1e-6)
        + COVERS * _covered(laid, starts, ends)
        + (BEGINS * laid.likeness[starts] + AFTER_ECHO * behind) / max(float(likeness.max()), 1e-6)
        + ECHOES * (echoes[ends] - echoes[starts]) / size
        - EARLY * (starts - laid.first[starts]) / (laid.last - laid.first)[starts]
        + BRIEF * (size < 40)
        + laid.favour[laid.section[starts]]
    )
    return scores


def _cosines(laid: _Laid, starts: Places, ends: Places) -> Floats:
    """With each window's vector, which is put together from its sentences' and its heading's."""
    size = (laid.words[ends] - laid.words[starts]).astype(np.float32)
    whole = (laid.vectors[ends] - laid.vectors[starts]) / size[:, None] + HEADING * laid.headings[starts]
    cosines: Floats = (whole @ laid.query) / np.maximum(np.linalg.norm(whole, axis=1), 1e-6)
    return cosines


def _covered(laid: _Laid, starts: Places, ends: Places) -> Floats:
    there = (laid.holds[ends] > laid.holds[starts]) | laid.framed[laid.section[starts]]
    covered: Floats = there @ laid.weights / max(float(laid.weights.sum()), 1e-6)
    return covered


# The sentences that tell a fact ---------------------------------------------------------------------------------------


def _telling(laid: _Laid, windows: tuple[Places, Places], scores: Floats) -> tuple[int, int]:
    """The likeliest sentence of all, with those of its section that it cannot be told without."""
    alone = np.arange(len(laid.section))
    texts = [sentence.text for reading in laid.readings for sentence in reading.sentences]
    telling = (
        SAYS_LIKE * _cosines(laid, alone, alone + 1)
        + SAYS_COVERS * _covered(laid, alone, alone + 1)
        + STANDS_IN * _around(*windows, scores)
        - laid.announces
    )
    best = int(telling.argmax())
    first, last = int(laid.first[best]), int(laid.last[best])
    start, end = excerpt(telling[first:last], texts[first:last])
    return first + start, first + end


def _around(starts: Places, ends: Places, scores: Floats) -> Floats:
    """Of each sentence, the score of the best window that it stands in."""
    since = np.searchsorted(ends, starts, side="right")
    between = np.stack([since, starts + 1], axis=1).ravel()
    best: Floats = np.maximum.reduceat(np.append(scores, scores.min()), between)[::2]
    return best


# Pages ----------------------------------------------------------------------------------------------------------------


def _citations(laid: _Laid, said: tuple[int, int], whole: bool, nearest: Passage | None) -> list[Citation]:
    """The pages of what is said, that of a second look, and, for what may be spread over pages, the search's first.

    On northwind-dev the three name .85 of the right pages, and .64 of theirs are right; without the search's, .78 and
    .64. For facts the search's was right in 6 to 33% of the cases where it stood alone.
    """
    views = _cited(laid, *said)
    if second := _second_look(laid, views, 0 if whole else SAID_AGAIN):
        views.append(second)
    if whole and nearest and not _is_among(views, start := _start(nearest)):
        views.append(start)
    return views


def _second_look(laid: _Laid, cited: Sequence[Citation], within: float) -> Citation | None:
    """The best passage of about sixty words, whatever the windows say; where it disagrees its page is worth citing.

    Where it agrees, so is the next best's, when that is almost as good.
    """
    spans = [
        (first + start, first + end)
        for reading, first in zip(laid.readings, np.unique(laid.first).tolist(), strict=True)
        for start, end in small_spans(reading.sentences)
    ]
    starts, ends = (np.array(column, np.intp) for column in zip(*spans, strict=True))
    like = _cosines(laid, starts, ends)
    scores = 0.65 * like / max(float(like.max()), 1e-6) + 0.35 * _covered(laid, starts, ends)
    best = [place for place in (-scores).argsort(kind="stable") if scores[place] >= scores.max() - within]
    looks = (_cited(laid, int(starts[place]), int(ends[place]))[0] for place in best)
    return next((look for look in looks if not _is_among(cited, look)), None)


def _is_among(cited: Sequence[Citation], one: Citation) -> bool:
    return any((c.collection, c.source, c.page) == (one.collection, one.source, one.page) for c in cited)


def _cited(laid: _Laid, start: int, end: int) -> list[Citation]:
    """Each page that the sentences stand on, with the words that do."""
    reading, sentences = laid.readings[laid.section[start]], _sentences(laid, start, end)
    return [_on(page, reading, sentences) for page in sorted({page for one in sentences for page in one.pages})]


def _start(passage: Passage) -> Citation:
    return _on(passage.page, passage, passage.sentences)


def _on(page: int, piece: Reading | Passage, sentences: Sequence[Sentence]) -> Citation:
    said = filter(None, (sentence.on(page) for sentence in sentences))
    return Citation(piece.collection, piece.source, page, " ".join(said))


def _sentences(laid: _Laid, start: int, end: int) -> Sequence[Sentence]:
    sentences: Sequence[Sentence] = laid.readings[laid.section[start]].sentences
    first = int(laid.first[start])
    return sentences[start - first : end - first]


def _cut(text: str) -> str:
    """A single sentence may be longer than the cap."""
    words = text.split()
    return text if len(words) <= CAP else " ".join(words[:CAP]) + " …"
