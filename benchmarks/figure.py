"""A figure, as it is printed."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    name: str
    told: str
    goal: str
