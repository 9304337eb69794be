"""A Word list's definition -> the bullet or number that stands before a paragraph."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

BULLET = "• "


@dataclass(frozen=True)
class _Level:
    form: str
    text: str
    start: int


class Lists:
    """The lists of a document, and how far each has been counted."""

    def __init__(self, numbering: Any) -> None:
        self.levels: dict[str, dict[int, _Level]] = {}
        self.abstract: dict[str, str] = {}
        self.counts: defaultdict[str, dict[int, int]] = defaultdict(dict)
        if numbering is not None:
            self._define(numbering)

    def _define(self, numbering: Any) -> None:
        for one in numbering.iterchildren("{*}abstractNum"):
            levels = {int(value_of(level, "ilvl") or 0): _level(level) for level in one.iterchildren("{*}lvl")}
            self.levels[value_of(one, "abstractNumId")] = levels
        for one in numbering.iterchildren("{*}num"):
            abstract, number = child_value(one, "abstractNumId"), value_of(one, "numId")
            restarts = any(True for _ in one.iterdescendants("{*}startOverride"))
            self.abstract[number] = abstract
            self.levels.setdefault(f"own {number}", self.levels.get(abstract, {}))
            self.abstract[f"count {number}"] = f"own {number}" if restarts else abstract

    def mark(self, number: str, depth: int) -> str:
        """What stands before the next paragraph of a list."""
        level = self.levels.get(self.abstract.get(number, ""), {}).get(depth)
        if level is None or level.form == "none":
            return ""
        if level.form == "bullet":
            return BULLET
        counts = self.counts[self.abstract[f"count {number}"]]
        counts[depth] = counts.get(depth, level.start - 1) + 1
        for deeper in [other for other in counts if other > depth]:
            del counts[deeper]
        return self._written(number, level.text, counts)

    def _written(self, number: str, text: str, counts: dict[int, int]) -> str:
        levels = self.levels[self.abstract[number]]
        for depth, level in levels.items():
            if f"%{depth + 1}" in text:
                text = text.replace(f"%{depth + 1}", _counted(counts.get(depth, level.start), level.form))
        return f"{text.strip()} " if text.strip() else ""


def _level(level: Any) -> _Level:
    start = child_value(level, "start")
    return _Level(
        child_value(level, "numFmt") or "decimal", child_value(level, "lvlText"), int(start) if start.isdigit() else 1
    )


def value_of(element: Any, name: str) -> str:
    """An attribute, whatever prefix it has."""
    return next((str(value) for key, value in element.items() if key.rpartition("}")[2] == name), "")


def child_value(element: Any, name: str) -> str:
    child = element.find(f"{{*}}{name}") if element is not None else None
    return "" if child is None else value_of(child, "val")


def _counted(count: int, form: str) -> str:
    match form:
        case "lowerLetter" | "upperLetter":
            letter = chr(ord("a") + (count - 1) % 26) * ((count - 1) // 26 + 1)
            return letter.upper() if form == "upperLetter" else letter
        case "lowerRoman" | "upperRoman":
            return _roman(count) if form == "upperRoman" else _roman(count).lower()
        case "decimalZero":
            return f"{count:02}"
    return str(count)


ROMAN = {1000: "M", 900: "CM", 500: "D", 400: "CD", 100: "C", 90: "XC", 50: "L", 40: "XL", 10: "X", 9: "IX"}
ROMAN |= {5: "V", 4: "IV", 1: "I"}


def _roman(count: int) -> str:
    written = ""
    for value, letters in ROMAN.items():
        written += letters * (count // value)
        count %= value
    return written
