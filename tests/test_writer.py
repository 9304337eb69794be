"""The embedded writer: what it quotes, what it cites, and when it says that the documents do not answer."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
import pytest

from evals.near_misses import Words, near_misses
from ingest.evidence import Passage, Reading, Vector
from ingest.split import Sentence
from ingest.words import terms
from models.embedded.answerable import Verdict, judge
from models.embedded.typos import mended
from models.embedded.writer import CAP, Quotation, quote


class Bag:
    """An encoder for which texts are alike when they share words."""

    words: frozenset[str] = frozenset({"pet", "dog", "gold"})

    def query(self, text: str) -> Vector:
        total = np.full(64, 1e-3, np.float32)
        for term in terms(text):
            seed = int.from_bytes(sha256(term.encode()).digest()[:4], "big")
            total += np.random.default_rng(seed).standard_normal(64).astype(np.float32)
        unit: Vector = total / np.linalg.norm(total)
        return unit


@dataclass(frozen=True)
class Counts:
    readings: Sequence[Reading]

    @property
    def passages(self) -> int:
        return 100

    def containing(self, term: str) -> int:
        return sum(any(term in held for held in (terms(r.heading), *r.terms)) for r in self.readings)


def reading(heading: str, *sentences: str | Sentence, source: str = "leave.md", title: str = "Plans") -> Reading:
    whole = [Sentence(said, 1) if isinstance(said, str) else said for said in sentences]
    return Reading(
        collection="benefits",
        source=source,
        title=title,
        heading=heading,
        label="internal",
        sentences=whole,
        terms=[terms(sentence.text) for sentence in whole],
        vectors=np.stack([Bag().query(sentence.text) for sentence in whole]),
        heading_vector=Bag().query(heading),
        score=0.5,
    )


def quoted(question: str, *readings: Reading) -> Quotation:
    quotation = quote(question, Bag().query(question), readings, Counts(readings))
    assert quotation is not None
    return quotation


def judged(question: str, *readings: Reading) -> Verdict:
    query = Bag().query(question)
    quotation = quote(question, query, readings, Counts(readings))
    return judge(question, query, quotation, readings, Counts(readings), Bag())


CARRYOVER = reading(
    "Carryover",
    "You may carry over up to 40 hours of unused vacation into the next year.",
    "Carried hours must be used by June 30.",
)
DENTAL = reading(
    "Dental", "The dental plan pays for two cleanings a year.", "The deductible is $50.", source="dental.md"
)
VISION = reading("Vision", "An eye exam costs $10.", "Frames are paid up to $175.", source="vision.md")
ALL = (CARRYOVER, DENTAL, VISION)


def test_an_answer_is_whole_sentences_of_one_section_word_for_word() -> None:
    quotation = quoted("How many hours of vacation carry over?", *ALL)

    assert quotation.reading is CARRYOVER
    assert quotation.text == " ".join(s.text for s in CARRYOVER.sentences[quotation.start : quotation.end])
    assert "40 hours of unused vacation" in quotation.text


def test_an_answer_is_at_most_ninety_words() -> None:
    long = reading("Vacation", *(f"Rule {n} about vacation says a few more words than others do." for n in range(30)))

    quotation = quoted("What are the vacation rules?", long)

    assert 80 <= len(quotation.text.split()) <= CAP


def test_a_sentence_longer_than_the_cap_is_cut_and_says_so() -> None:
    endless = reading("Vacation", "vacation " * 200)

    quotation = quoted("vacation", endless)

    assert quotation.text == " ".join(["vacation"] * CAP) + " …"


def test_no_answer_ends_with_a_line_that_announces_what_is_left_out() -> None:
    ends = reading("Vacation", "Vacation is earned each month.", "Exceptions", "Interns earn none of it. " + "so " * 89)

    assert quoted("When is vacation earned?", ends).text == "Vacation is earned each month."


def test_an_answer_over_a_page_break_cites_each_page_with_the_words_that_stand_on_it() -> None:
    broken = reading(
        "Vacation", Sentence("Vacation is earned each month.", 3), Sentence("Unused vacation is lost in June.", 3, 16)
    )

    assert [(c.page, c.quote) for c in quoted("Is unused vacation lost?", broken).citations] == [
        (3, "Unused vacation"),
        (4, "is lost in June."),
    ]


PARKING = reading(
    "Parking",
    "The garage opens at six in the morning and is lit at night.",
    "A permit for the garage costs 40 dollars a month.",
    "However, carpools of three or more people pay half of it.",
    "Bicycles stand beside the main door, under the roof.",
    "The row beside the ramp is kept for visitors.",
)


def fact(question: str, *readings: Reading) -> Quotation:
    quotation = quote(question, Bag().query(question), readings, Counts(readings), whole=False)
    assert quotation is not None
    return quotation


def test_a_fact_is_told_in_the_sentence_that_has_it() -> None:
    assert fact("Where do bicycles stand?", PARKING, *ALL).text == PARKING.sentences[3].text


def test_an_exception_stays_with_its_rule_and_a_rule_with_its_exception() -> None:
    rule_and_exception = " ".join(sentence.text for sentence in PARKING.sentences[1:3])

    assert fact("What does a garage permit cost?", PARKING).text == rule_and_exception
    assert fact("What do carpools of three people pay?", PARKING).text == rule_and_exception


def test_where_several_sentences_may_be_the_answer_all_of_them_are_said() -> None:
    either = reading(
        "Lockers", "A large locker costs five dollars.", "Keys are at the desk.", "A small locker costs two dollars."
    )

    assert fact("What is the cost of a locker?", either).text == " ".join(one.text for one in either.sentences)


def test_a_question_in_a_document_is_quoted_with_its_answer_and_not_with_the_next_question() -> None:
    asked = reading("Candidates", "When is payday?", "Every second Friday.", "Do you sponsor visas for engineers?")

    assert fact("When is payday?", asked).text == "When is payday? Every second Friday."


def test_what_is_said_of_a_fact_does_not_change_what_is_judged() -> None:
    question = "Where do bicycles stand?"
    whole, short = quoted(question, PARKING, *ALL), fact(question, PARKING, *ALL)

    assert len(short.text) < len(whole.text)
    assert (short.reading, short.start, short.end, short.score, short.likeness) == (
        whole.reading, whole.start, whole.end, whole.score, whole.likeness,
    )  # fmt: skip


def test_for_a_subject_the_page_where_the_search_began_is_cited_as_well() -> None:
    begins = [Sentence("Plans for everyone.", 7), Sentence("They differ in price.", 8)]
    nearest = Passage("benefits", "plans.pdf", "Plans", "internal", (), [7, 8], "Plans", "", 0.9, begins)
    question, readings = "How do the dental and vision plans work?", (DENTAL, VISION)

    def cited(whole: bool) -> list[tuple[str, int, str]]:
        quotation = quote(question, Bag().query(question), readings, Counts(readings), whole, nearest)
        return [(c.source, c.page, c.quote) for c in quotation.citations] if quotation else []

    assert cited(whole=True)[-1] == ("plans.pdf", 7, "Plans for everyone.")
    assert "plans.pdf" not in {source for source, *_ in cited(whole=False)}


def test_of_two_alike_sections_the_one_of_the_document_that_the_question_names_is_quoted() -> None:
    plans = [
        reading("Copay", "The copay for a visit is fixed.", source=f"Acme_{name}.pdf") for name in ("Basic", "Extra")
    ]

    assert [quoted(f"What is the copay under Acme {name}?", *plans).reading.source for name in ("Basic", "Extra")] == [
        "Acme_Basic.pdf",
        "Acme_Extra.pdf",
    ]


def test_where_nothing_was_found_nothing_is_quoted() -> None:
    assert quote("Anything?", Bag().query("Anything?"), [], Counts([])) is None
    assert judged("What is the capital of France?") == Verdict(
        False, 0.0, ["capital", "France"], "Nothing was found in the documents."
    )


def test_a_question_without_a_telling_word_is_still_quoted_for() -> None:
    assert quoted("what is it?", *ALL).text


@pytest.mark.parametrize(
    "question",
    [
        "How many hours of unused vacation carry over into the next year?",
        "Hi! Quick question: could you kindly tell me the dental deductible, please?",
        "I am 52 and have worked here 7 years, how many hours of unused vacation carry over into the next year?",
    ],
)
def test_what_the_documents_say_is_answered_however_it_is_asked(question: str) -> None:
    assert judged(question, *ALL).answered


@pytest.mark.parametrize(
    ("question", "unknown"),
    [
        ("What is the deductible of the Zenith dental plan?", ["Zenith"]),
        ("What is the dental deductible in 2031?", ["2031"]),
        ("Does the plan pay for llama rides?", ["llama", "rides"]),
        ("Who painted the Mona Lisa?", ["painted", "Mona", "Lisa"]),
    ],
)
def test_what_the_documents_do_not_know_is_refused_and_named_as_it_was_typed(question: str, unknown: list[str]) -> None:
    verdict = judged(question, *ALL)

    assert (verdict.answered, verdict.unknown) == (False, unknown)
    assert all(word in verdict.reason for word in unknown)


def test_a_number_that_is_in_no_document_makes_it_doubtful() -> None:
    plain = judged("What is the dental deductible?", *ALL)
    strange = judged("What is the dental deductible of 177?", *ALL)

    assert plain.confidence > strange.confidence
    assert strange.reason == "The documents do not mention “177”."


def test_a_typo_is_mended_with_the_documents_own_words() -> None:
    known = {"vacation", "vocation", "could", "carry"}

    assert mended("Could I carry vacaton over?", Counts(ALL), known) == "Could I carry vacation over?"


@pytest.mark.parametrize("question", ["Is Vacaton a plan?", "xylophonic zzz", "vocation", "vacation", ""])
def test_names_and_words_that_mean_something_else_are_left_as_typed(question: str) -> None:
    assert mended("So: " + question, Counts(ALL), {"vacation", "vocation"}) == "So: " + question


def test_near_misses_put_in_what_the_documents_really_do_not_have() -> None:
    said = [terms("The Acme Basic plan is cheap."), terms("in 2009 for teeth whitening and 37 years")]
    words = Words(said, [terms("Dental care"), terms("Acme Basic")])

    made = list(near_misses([("q1", "What does the Acme Basic plan say about dental care?")], words))

    assert [miss.kind for miss in made] == ["plan", "benefit", "year", "number"]
    assert "Acme Basic" not in made[0].question
    assert "dental care" not in made[1].question
    assert not {"2009", "whitening", "37"} & {word for miss in made for word in miss.question.rstrip("?").split()}
    assert made == list(near_misses([("q1", "What does the Acme Basic plan say about dental care?")], words))
