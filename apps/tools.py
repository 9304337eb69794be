"""The tools as the graph calls them: a part in, a sentence and the call out."""

from dataclasses import asdict
from datetime import date
from typing import Any

from apps.settings import WeatherTool as WeatherSettings
from graphs.context import ToolFailed
from graphs.state import Part, ToolCall
from tools.calculator import CannotCalculate, calculate, expression_in
from tools.weather import WeatherUnavailable, open_client, weather


class CalculatorTool:
    async def answer(self, part: Part) -> tuple[str, list[ToolCall]]:
        expression = expression_in(part["question"]) or part["question"]
        try:
            result = calculate(expression)
        except CannotCalculate as failed:
            raise ToolFailed(_said(failed)) from failed
        call = ToolCall(name="calculator", arguments={"expression": expression}, result=_plain(asdict(result)))
        return result.sentence(), [call]


class WeatherTool:
    def __init__(self, settings: WeatherSettings) -> None:
        self._settings = settings

    async def answer(self, part: Part) -> tuple[str, list[ToolCall]]:
        place = part["place"] or ""
        async with open_client() as client:
            try:
                found = await weather(
                    place,
                    client=client,
                    question=part["question"],
                    units=self._settings.units,
                    geocoding_url=self._settings.geocoding_url,
                    forecast_url=self._settings.forecast_url,
                )
            except WeatherUnavailable as failed:
                raise ToolFailed(_said(failed)) from failed
        call = ToolCall(name="weather", arguments={"place": place}, result=_plain(asdict(found)))
        return found.sentence(), [call]


def _said(failed: CannotCalculate | WeatherUnavailable) -> str:
    """What happened, to which value, and what to do, as one line."""
    value = f" ({failed.value})" if failed.value else ""
    return f"{failed.what.rstrip('.')}{value}. {failed.do or ''}".strip()


def _plain(result: dict[str, Any]) -> dict[str, Any]:
    """Values that JSON and a stored thread can hold."""
    return {name: _value(value) for name, value in result.items()}


def _value(value: Any) -> Any:
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, dict):
        return _plain(value)
    if isinstance(value, list | tuple):
        return [_value(item) for item in value]
    return value
