"""Markdown -> lines."""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

from ingest.loaders.source import Line, Source, title_from
from ingest.loaders.text import text_of


def read(path: Path) -> Source:
    lines = [*_markdown_lines(text_of(path).splitlines())]
    title = next((line.text for line in lines if line.heading), title_from(path))
    return Source(title, lines)


def _markdown_lines(raw: Sequence[str]) -> Iterator[Line]:
    for this, following in pairwise([*raw, ""]):
        text = this.strip()
        if re.fullmatch(r"[\s|:=*_-]*", text):  # blank lines, rules and a table's ruler
            continue
        if heading := re.match(r"(#{1,6})\s+(.*?)\s*#*$", text):
            yield Line(_unmarked(heading[2]), 1, level=len(heading[1]))
        elif re.fullmatch(r"\s*(=+|-{3,})\s*", following) and not text.startswith("|"):
            yield Line(_unmarked(text), 1, level=1 if "=" in following else 2)
        else:
            row = text.startswith("|")
            ends = not following.strip() or re.match(r"\s*([-*+|>#]|\d+[.)])\s?", following) is not None
            yield Line(_unmarked(text.strip("|").strip()), 1, ends=ends or row, table=row)


def _unmarked(text: str) -> str:
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)  # links keep their words
    text = re.sub(r"(\*\*|__|`)(\S(?:.*?\S)?)\1", r"\2", text)
    text = re.sub(r"(?<!\w)([*_])(\S(?:.*?\S)?)\1(?!\w)", r"\2", text)
    return re.sub(r"^[-*+]\s+", "• ", text)
