"""The figures in a text: what a draft may only say when a page says it."""

import re

FIGURE = re.compile(r"\d[\d,.]*\d|\d")
NO_FIGURE = re.compile(r"(?m)\[\d+\]|^[^\S\n]*\d{1,2}[.)]\s")
"""A citation's marker, and the number of a list's item."""


def figures(text: str) -> set[str]:
    """The numbers in a text, as they are written but for commas."""
    return {figure.replace(",", "") for figure in FIGURE.findall(NO_FIGURE.sub(" ", text))}
