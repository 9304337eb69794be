"""What a text says about itself above its first line -> its title, its label and its groups."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

LONGEST = 4096
FENCED = re.compile(r"\s*---[ \t]*\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
LABELLED = re.compile(r"(?im)^[ \t]*[\"']?label[\"']?[ \t]*[:=].*")


@dataclass(frozen=True)
class FrontMatter:
    title: str = ""
    label: str | None = None
    groups: Sequence[str] = ()


def front_matter(text: str) -> tuple[FrontMatter, str]:
    """What stands between two lines of dashes at the top, and the text below it."""
    head = text[: LONGEST + 8]
    fenced = FENCED.match(head)
    said = _mapping(fenced[1]) if fenced else None
    if said is None or not fenced:
        return FrontMatter(label=_not_understood(head, fenced)), text
    title, label = str(said.get("title") or ""), None if "label" not in said else label_of(said["label"])
    return FrontMatter(title, label, groups_of(said.get("groups"))), text[fenced.end() :]


def _mapping(text: str) -> dict[str, Any] | None:
    """Without aliases, which could make a few lines a few gigabytes, and with at most one label."""
    import yaml

    try:
        if len(LABELLED.findall(text)) > 1 or any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
            return None
        found = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    if found is None and not text.strip():
        return {}
    return {str(name).lower(): value for name, value in found.items()} if isinstance(found, dict) else None


def _not_understood(head: str, fenced: re.Match[str] | None) -> str | None:
    """The line with the label, which is no label's name: who reads it must refuse it, not overlook it."""
    if not re.match(r"\s*(---|\+\+\+)[ \t]*\n", head):  # the latter is TOML's
        return None
    labelled = LABELLED.search(fenced[1] if fenced else re.split(r"\n[ \t]*\n", head.lstrip(), maxsplit=1)[0])
    return labelled[0].strip() if labelled else None


def label_of(value: object) -> str:
    return "null" if value is None else str(value).strip()


def groups_of(value: object) -> list[str]:
    """A list, or names with commas between them."""
    if value is None:
        return []
    names = value if isinstance(value, list) else str(value).split(",") if isinstance(value, str) else [value]
    return [name for name in (str(name).strip() for name in names) if name]
