"""The two decisions: which box answers a part, and who writes its answer. Pure, and tested as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from graphs.state import Part

Mode = Literal["hybrid", "small", "large"]


@dataclass(frozen=True)
class Policy:
    """What the settings allow, and what is there."""

    documents: Mapping[str, str | None]
    """Intents that documents answer, and the collection that each expects its answer in."""
    tools: frozenset[str]
    """Intents that a tool of the same name answers."""
    needs_place: frozenset[str] = frozenset({"weather"})
    mode: Mode = "hybrid"
    score_above: float = 5.0
    tokens_above: int = 4096
    small: bool = False
    """Whether there is a small language model, or only the embedded one."""
    large_reads: frozenset[str] = frozenset()
    """The labels of text that the large model may be sent; empty when there is none."""


def route(part: Part, policy: Policy) -> str:
    """The box for a part, before anything is read for it."""
    intent = part["intent"]
    if intent in policy.tools:
        return "ask_back" if intent in policy.needs_place and not part["place"] else intent
    if intent in policy.documents or part["in_documents"]:
        return "documents"
    may = may_leave([part["label"]], policy)
    if intent == "smalltalk":
        return "large" if policy.mode == "large" and may else "small"
    if may and (asks_for_large(part["score"], part["tokens"], policy) or not policy.small):
        return "large"
    return "small" if policy.small else "large"


def writer(
    answered: bool, score: float, tokens: int, labels: Sequence[str], policy: Policy
) -> Literal["small", "large", "abstain"]:
    """Who writes the answer, once the evidence is there."""
    if not answered:
        return "abstain"
    return "large" if asks_for_large(score, tokens, policy) and may_leave(labels, policy) else "small"


def asks_for_large(score: float, tokens: int, policy: Policy) -> bool:
    """Whether a part is worth the large model, had we one and might it see the text."""
    if policy.mode != "hybrid":
        return policy.mode == "large"
    return score > policy.score_above or tokens > policy.tokens_above


def may_leave(labels: Sequence[str], policy: Policy) -> bool:
    """Whether there is a large model that may see all of it."""
    return bool(policy.large_reads) and policy.large_reads.issuperset(labels)


def escalates(labels: Sequence[str], policy: Policy) -> bool:
    """Whether the large model is asked after a draft of the small one that its pages do not bear out."""
    return policy.mode == "hybrid" and may_leave(labels, policy)
