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
    large: bool = False
    """Whether a large model can be reached."""
    internal_may_leave: bool = True


def route(part: Part, policy: Policy) -> str:
    """The box for a part, before anything is read for it."""
    intent = part["intent"]
    if intent in policy.tools:
        return "ask_back" if intent in policy.needs_place and not part["place"] else intent
    if intent in policy.documents or part["in_documents"]:
        return "documents"
    return "small" if intent == "smalltalk" else "large"


def writer(
    answered: bool, score: float, tokens: int, labels: Sequence[str], policy: Policy
) -> Literal["small", "large", "abstain"]:
    """Who writes the answer, once the evidence is there."""
    if not answered:
        return "abstain"
    return "large" if asks_for_large(score, tokens, policy) and policy.large and may_leave(labels, policy) else "small"


def asks_for_large(score: float, tokens: int, policy: Policy) -> bool:
    """Whether a part is worth the large model, had we one and might it see the text."""
    if policy.mode != "hybrid":
        return policy.mode == "large"
    return score > policy.score_above or tokens > policy.tokens_above


def may_leave(labels: Sequence[str], policy: Policy) -> bool:
    """Restricted text never leaves; public may; internal as the settings say."""
    return all(label == "public" or (label == "internal" and policy.internal_may_leave) for label in labels)
