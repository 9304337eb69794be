"""The tools there are, by the intent that calls each."""

from collections.abc import Callable
from typing import Any

from tools.calculator import calculate
from tools.weather import weather

TOOLS: dict[str, Callable[..., Any]] = {"calculator": calculate, "weather": weather}
