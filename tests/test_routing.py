"""The two decisions, as tables."""

from dataclasses import replace

import pytest

from graphs.routing import Policy, asks_for_large, may_leave, route, writer
from graphs.state import Part

POLICY = Policy(documents={"401k": "401k"}, tools=frozenset({"weather", "calculator"}), large=True)


def part(intent: str, place: str | None = None, in_documents: bool | None = None) -> Part:
    return Part(
        number=0, question="q", search="q", intent=intent, score=1.0, confidence=0.9, place=place, collection=None,
        in_documents=in_documents, tokens=1, route="",
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
    ("answered", "score", "tokens", "labels", "change", "who"),
    [
        (True, 2.0, 10, ["internal"], {}, "small"),
        (True, 8.0, 10, ["internal"], {}, "large"),
        (True, 5.0, 10, ["internal"], {}, "small"),
        (True, 2.0, 4097, ["public"], {}, "large"),
        (True, 2.0, 4096, ["public"], {}, "small"),
        (True, 8.0, 10, ["internal"], {"large": False}, "small"),
        (True, 8.0, 10, ["internal", "restricted"], {}, "small"),
        (True, 8.0, 10, ["internal"], {"internal_may_leave": False}, "small"),
        (True, 8.0, 10, ["public"], {"internal_may_leave": False}, "large"),
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
