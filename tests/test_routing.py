"""The two decisions, as tables."""

from dataclasses import replace

import pytest

from graphs.routing import Policy, asks_for_large, may_leave, route, writer
from graphs.state import Part
from ingest.labels import Label

ANY, PUBLIC = frozenset({"public", "internal"}), frozenset({"public"})
POLICY = Policy(documents={"401k": "401k"}, tools=frozenset({"weather", "calculator"}), large_reads=ANY)


def part(
    intent: str, place: str | None = None, in_documents: bool | None = None, score: float = 1.0, label: Label = "public"
) -> Part:
    return Part(
        number=0, question="q", search="q", intent=intent, score=score, confidence=0.9, by="embedded", place=place,
        collection=None, in_documents=in_documents, tokens=1, label=label, route="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("asked", "box"),
    [
        (part("401k"), "documents"),
        (part("weather", place="Oslo"), "weather"),
        (part("weather"), "ask_back"),
        (part("calculator"), "calculator"),
        (part("smalltalk"), "small"),
        (part("other"), "large"),
        (part("other", in_documents=False), "large"),
        (part("other", in_documents=True), "documents"),
    ],
)
def test_a_part_goes_to_its_box(asked: Part, box: str) -> None:
    assert route(asked, POLICY) == box


@pytest.mark.parametrize(
    ("asked", "change", "box"),
    [
        (part("other"), {"small": True}, "small"),
        (part("other", score=8.0), {"small": True}, "large"),
        (part("other", score=8.0), {"small": True, "mode": "small"}, "small"),
        (part("other", score=8.0, label="restricted"), {"small": True}, "small"),
        (part("other"), {"small": True, "mode": "large"}, "large"),
        (part("other", score=8.0), {"small": True, "large_reads": frozenset()}, "small"),
        (part("other"), {"large_reads": frozenset()}, "large"),
        (part("smalltalk", score=8.0), {"small": True}, "small"),
        (part("smalltalk"), {"mode": "large"}, "large"),
        (part("smalltalk", label="restricted"), {"mode": "large"}, "small"),
        (part("401k", score=8.0), {"mode": "large"}, "documents"),
    ],
)
def test_who_talks_depends_on_which_models_there_are_and_what_the_conversation_has_touched(
    asked: Part, change: dict[str, object], box: str
) -> None:
    assert route(asked, replace(POLICY, **change)) == box  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("answered", "score", "tokens", "labels", "change", "who"),
    [
        (True, 2.0, 10, ["internal"], {}, "small"),
        (True, 8.0, 10, ["internal"], {}, "large"),
        (True, 5.0, 10, ["internal"], {}, "small"),
        (True, 2.0, 4097, ["public"], {}, "large"),
        (True, 2.0, 4096, ["public"], {}, "small"),
        (True, 8.0, 10, ["internal"], {"large_reads": frozenset()}, "small"),
        (True, 8.0, 10, ["internal", "restricted"], {}, "small"),
        (True, 8.0, 10, ["internal"], {"large_reads": PUBLIC}, "small"),
        (True, 8.0, 10, ["public"], {"large_reads": PUBLIC}, "large"),
        (True, 8.0, 10, ["internal"], {"mode": "small"}, "small"),
        (True, 0.0, 10, ["internal"], {"mode": "large"}, "large"),
        (True, 0.0, 10, ["restricted"], {"mode": "large"}, "small"),
        (False, 8.0, 10, ["public"], {}, "abstain"),
    ],
)
def test_the_evidence_decides_who_writes(
    answered: bool, score: float, tokens: int, labels: list[str], change: dict[str, object], who: str
) -> None:
    policy = replace(POLICY, **change)  # type: ignore[arg-type]
    assert writer(answered, score, tokens, labels, policy) == who


def test_an_unknown_label_does_not_leave() -> None:
    assert not may_leave(["secret"], POLICY)


def test_a_limit_is_passed_only_above_it() -> None:
    assert [asks_for_large(score, 0, POLICY) for score in (4.99, 5.0, 5.01)] == [False, False, True]
