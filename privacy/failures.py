"""The ways in which a model call fails, each with its own plain sentence."""

from typing import Literal

from ingest.errors import Trouble

Kind = Literal[
    "unreachable", "silent", "late", "busy", "down", "unauthorized", "missing", "rejected", "garbage", "cut", "huge",
    "filtered", "refused", "empty", "too long", "truncated", "length", "forbidden", "open", "vectors",
]  # fmt: skip

DEAD: frozenset[Kind] = frozenset(
    {"unreachable", "silent", "late", "busy", "down", "unauthorized", "missing", "garbage", "cut", "huge", "vectors"}
)
"""Failures of the endpoint, not of what it was asked."""


class ModelFailed(Trouble):
    """A model call that gave no whole answer."""

    def __init__(self, kind: Kind, what: str, model: str, do: str, again_after: float | None = None) -> None:
        super().__init__(what, model, do)
        self.kind = kind
        self.again_after = again_after
        """Seconds after which the same request can succeed; None when it cannot."""
