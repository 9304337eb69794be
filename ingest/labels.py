"""What a document's label says about where its text may go, and its groups about who may read it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from ingest.errors import Trouble

Label = Literal["public", "internal", "restricted"]

LABELS: tuple[Label, ...] = get_args(Label)
"""From the freest to the strictest."""

Groups = tuple[tuple[str, ...], ...]
"""A reader is in at least one group of each; of none, everybody may read."""


def strictest(labels: Iterable[Label]) -> Label:
    """Of several labels the strictest holds; nothing said is internal."""
    return max(labels, key=LABELS.index, default="internal")


def as_label(written: str) -> Label:
    """What is not known as a label counts as the strictest."""
    return next((label for label in LABELS if label == written), LABELS[-1])


@dataclass(frozen=True)
class Access:
    """All that a collection, its folders and a file say of who may read it and where it may go."""

    labels: frozenset[Label] = frozenset()
    groups: Groups = ()

    @property
    def label(self) -> Label:
        return strictest(self.labels)

    def also(self, label: object = None, groups: object = None) -> "Access":
        """What is said further down can only make it stricter; what cannot be understood is no access at all."""
        more = self if label is None else replace(self, labels=self.labels | {_known(label)})
        among = _named(groups)
        return replace(more, groups=(*more.groups, among)) if among and among not in more.groups else more


UNSAID = Access()
"""Nothing is said: internal, and everybody may read."""


def told_of(groups: Groups) -> str:
    """`hr or legal, and managers`"""
    return ", and ".join(" or ".join(among) for among in groups)


def _known(label: object) -> Label:
    for known in LABELS:
        if label == known:
            return known
    raise Trouble("That is no label.", str(label)[:80], f"Write one of {', '.join(LABELS)}.")


def _named(groups: object) -> tuple[str, ...]:
    named: Sequence[object] = groups if isinstance(groups, list | tuple) else [] if groups is None else [groups]
    if not all(isinstance(name, str) and name.strip() for name in named):
        raise Trouble("Those are no groups.", str(groups)[:80], 'Write names, such as groups = ["hr"].')
    return tuple(sorted({str(name).strip() for name in named}))
