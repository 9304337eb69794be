"""What a document's label says about where its text may go."""

from collections.abc import Iterable
from typing import Literal, get_args

Label = Literal["public", "internal", "restricted"]

LABELS: tuple[Label, ...] = get_args(Label)
"""From the freest to the strictest."""


def strictest(labels: Iterable[Label]) -> Label:
    """Of several labels the strictest holds; nothing said is internal."""
    return max(labels, key=LABELS.index, default="internal")


def as_label(written: str) -> Label:
    """What is not known as a label counts as the strictest."""
    return next((label for label in LABELS if label == written), LABELS[-1])
