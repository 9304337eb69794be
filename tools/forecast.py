"""Figures -> sentence: the weather of some days at a place, told as an answer to what was asked."""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

# Open-Meteo's names for what is told.
DAILY = {"code": "weather_code", "high": "temperature_2m_max", "low": "temperature_2m_min",
         "rain_chance": "precipitation_probability_max", "rain": "precipitation_sum", "snow": "snowfall_sum",
         "wind": "wind_speed_10m_max", "uv": "uv_index_max"}  # fmt: skip
CURRENT = {"code": "weather_code", "temperature": "temperature_2m", "feels_like": "apparent_temperature",
           "humidity": "relative_humidity_2m", "rain": "precipitation", "wind": "wind_speed_10m"}  # fmt: skip
UNITS = {"temperature": "temperature_2m_max", "wind": "wind_speed_10m_max", "rain": "precipitation_sum",
         "snow": "snowfall_sum"}  # fmt: skip

SKIES = {
    0: "clear sky", 1: "mostly clear", 2: "partly cloudy", 3: "overcast", 45: "fog", 48: "freezing fog",
    51: "light drizzle", 53: "drizzle", 55: "heavy drizzle", 56: "light freezing drizzle", 57: "freezing drizzle",
    61: "light rain", 63: "rain", 65: "heavy rain", 66: "light freezing rain", 67: "freezing rain",
    71: "light snow", 73: "snow", 75: "heavy snow", 77: "snow grains",
    80: "light showers", 81: "showers", 82: "violent showers", 85: "light snow showers", 86: "heavy snow showers",
    95: "thunderstorms", 96: "thunderstorms with hail", 99: "thunderstorms with heavy hail",
}  # fmt: skip
WET = {51, 53, 55, 56, 57, 61, 63, 65, 66, 67, 80, 81, 82, 95, 96, 99}
SNOWY = {71, 73, 75, 77, 85, 86}
STORMY = {95, 96, 99}
LIKELY, POSSIBLE = 60, 30  # percent


@dataclass(frozen=True)
class Day:
    date: date
    sky: str
    """In words; empty when it is not forecast."""
    code: int | None
    """The WMO's code for the sky."""
    high: float | None
    low: float | None
    rain_chance: float | None
    """Percent; of any precipitation."""
    rain: float | None
    snow: float | None
    wind: float | None
    uv: float | None

    @property
    def wetness(self) -> float:
        """The chance of rain; beyond the days that have one, what the sky says."""
        if self.rain_chance is not None:
            return self.rain_chance
        return LIKELY if self.code in WET | SNOWY else 0


@dataclass(frozen=True)
class Now:
    sky: str
    code: int | None
    temperature: float | None
    feels_like: float | None
    humidity: float | None
    rain: float | None
    wind: float | None


@dataclass(frozen=True)
class Weather:
    place: str
    """As it was found: `Paris, Texas, United States`."""
    today: date
    """At that place."""
    days: Sequence[Day]
    now: Now | None
    """Only when no other day was asked for."""
    units: Mapping[str, str]
    question: str = ""
    source: str = "Open-Meteo"

    def sentence(self) -> str:
        """The answer to the question first, then the figures."""
        asked = self.question.lower()
        answer = next((answer(self, asked) for words, answer in ANSWERS if re.search(words, asked)), "")
        return f"{answer} {_figures(self)}".strip()

    @property
    def town(self) -> str:
        return self.place.split(",")[0]

    def where(self, day: Day) -> str:
        return f"in {self.town} {self.when(day)}"

    def when(self, day: Day) -> str:
        return {0: "today", 1: "tomorrow"}.get((day.date - self.today).days, f"on {dated(day.date)}")

    def measured(self, value: float, kind: str) -> str:
        return f"{round(value)} {self.units[kind]}"

    def celsius(self, degrees: float) -> float:
        return (degrees - 32) / 1.8 if "F" in self.units["temperature"] else degrees


def dated(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}"


# Open-Meteo's answer read


def day_of(daily: Mapping[str, Any], at: int, when: date) -> Day:
    series = {name: daily.get(field) for name, field in DAILY.items()}
    known = {name: figures[at] for name, figures in series.items() if isinstance(figures, list) and at < len(figures)}
    return Day(date=when, **_numbers(known, DAILY))


def now_of(current: Mapping[str, Any]) -> Now:
    return Now(**_numbers({name: current.get(field) for name, field in CURRENT.items()}, CURRENT))


def units_of(said: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(said.get(field, ""))[:10].replace("mp/h", "mph") for name, field in UNITS.items()}


def _numbers(said: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """The models reach differently far: what none has is null."""
    figures: dict[str, Any] = {name: said[name] if is_number(said.get(name)) else None for name in names}
    return {**figures, "sky": SKIES.get(figures["code"], "")}


def is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


# The figures told


def _figures(weather: Weather) -> str:
    days = weather.days
    if weather.now is not None:
        today = f"; today {_day_said(weather, days[0])}" if days else ""
        return f"In {weather.place} it is {_now_said(weather, weather.now)} now{today}."
    if len(days) == 1:
        when = weather.when(days[0])
        when = when if when.startswith("on ") else f"{when} ({dated(days[0].date)})"
        return f"{weather.place} {when}: {_day_said(weather, days[0])}."
    return f"{weather.place}: {'; '.join(f'{day.date:%A} {day.date.day}: {_day_said(weather, day)}' for day in days)}."


def _now_said(weather: Weather, now: Now) -> str:
    said = []
    if now.temperature is not None:
        said.append(weather.measured(now.temperature, "temperature"))
        if now.feels_like is not None and abs(now.feels_like - now.temperature) >= 3:
            said.append(f"feels like {weather.measured(now.feels_like, 'temperature')}")
    if now.sky:
        said.append(now.sky)
    if now.wind is not None:
        said.append(f"wind {weather.measured(now.wind, 'wind')}")
    if now.humidity is not None:
        said.append(f"humidity {now.humidity:.0f}%")
    return ", ".join(said)


def _day_said(weather: Weather, day: Day) -> str:
    said = [day.sky] if day.sky else []
    if day.low is not None and day.high is not None:
        said.append(f"{day.low:.0f} to {weather.measured(day.high, 'temperature')}")
    if day.rain_chance is not None:
        said.append(f"{day.rain_chance:.0f}% chance of {'snow' if day.code in SNOWY else 'rain'}")
    if day.snow:
        said.append(f"{day.snow:g} {weather.units['snow']} of snow")
    if day.wind is not None:
        said.append(f"wind up to {weather.measured(day.wind, 'wind')}")
    return ", ".join(said)


# The answer before them


def _rain(weather: Weather, asked: str) -> str:
    if weather.now and re.search(r"\bis it (rain|pour|drizzl)", asked):
        if weather.now.code in WET:
            return f"Yes, there is {weather.now.sky} in {weather.town} now."
        return f"No, it is not raining in {weather.town} now."
    wettest = max(weather.days, key=lambda day: day.wetness)
    where, umbrella = weather.where(wettest), "umbrella" in asked
    yes, no = ("No", "Yes") if re.search(r"\b(dry|picnic|barbecue|bbq)\b", asked) else ("Yes", "No")
    if wettest.code in SNOWY and wettest.wetness >= POSSIBLE:
        return f"Snow rather than rain is forecast {where}."
    if wettest.wetness >= LIKELY:
        return f"{yes}, rain is likely {where}{'; take an umbrella' if umbrella else ''}."
    if wettest.wetness >= POSSIBLE:
        return f"Perhaps: rain is possible {where}{', so an umbrella may be worth taking' if umbrella else ''}."
    return f"{no}, rain is unlikely {where}{'; you can leave the umbrella' if umbrella else ''}."


def _snow(weather: Weather, asked: str) -> str:
    snowy = next((day for day in weather.days if day.code in SNOWY or (day.snow or 0) > 0), None)
    if snowy is None:
        return f"No snow is forecast {weather.where(weather.days[0])}."
    amount = f" ({snowy.snow:g} {weather.units['snow']})" if snowy.snow else ""
    sure = "Yes, snow is likely" if snowy.wetness >= LIKELY else "Perhaps, snow is possible"
    return f"{sure} {weather.where(snowy)}{amount}."


def _storm(weather: Weather, asked: str) -> str:
    stormy = next((day for day in weather.days if day.code in STORMY), None)
    if stormy is None:
        return f"No thunderstorms are forecast {weather.where(weather.days[0])}."
    return f"Yes, thunderstorms are forecast {weather.where(stormy)}."


def _frost(weather: Weather, asked: str) -> str:
    lows = [(weather.celsius(day.low), day) for day in weather.days if day.low is not None]
    if not lows:
        return ""
    low, coldest = min(lows, key=lambda pair: pair[0])
    return f"{'Yes, it is forecast to freeze' if low <= 0 else 'No frost is forecast'} {weather.where(coldest)}."


def _clothes(weather: Weather, asked: str) -> str:
    lows = [weather.celsius(day.low) for day in weather.days if day.low is not None]
    highs = [weather.celsius(day.high) for day in weather.days if day.high is not None]
    if not lows or not highs:
        return ""
    feels = max(highs)
    if re.search(r"night|evening|morning", asked):
        feels = (min(lows) + feels) / 2
    rain = max(day.wetness for day in weather.days) >= LIKELY
    if feels >= 18:
        return "Only against the rain, which is likely." if rain else "It is warm enough without a jacket."
    advice = "wear a warm coat" if feels < 8 else "a jacket is a good idea"
    return f"Yes, {advice}.{' Rain is likely too.' if rain else ''}"


def _windy(weather: Weather, asked: str) -> str:
    windiest = max(weather.days, key=lambda day: day.wind or 0.0)
    if windiest.wind is None:
        return ""
    kmh = windiest.wind * (1.609 if weather.units["wind"] == "mph" else 1)
    said = "Yes, it will be windy" if kmh >= 39 else "A fresh breeze at most" if kmh >= 29 else "No, little wind"
    return f"{said} {weather.where(windiest)}."


def _sunburn(weather: Weather, asked: str) -> str:
    uv = max((day.uv for day in weather.days if day.uv is not None), default=None)
    if uv is None:
        return ""
    return f"The UV index reaches {uv:.0f}; {'wear sunscreen' if uv >= 3 else 'sunscreen is not needed'}."


ANSWERS: list[tuple[str, Callable[[Weather, str], str]]] = [
    (r"\b(snow|blizzard|sleet)", _snow),
    (r"\b(thunder|lightning|storm)", _storm),
    (r"\b(frost|freez)", _frost),
    (r"\b(rain(?! boots)|umbrella|shower|drizzl|pour|wet|dry|picnic|barbecue|bbq)", _rain),
    (r"\b(uv|sunscreen|sunburn|sun cream)\b", _sunburn),
    (r"\b(jacket|coat|jumper|sweater|scarf|wear|dress for|warm clothes)\b", _clothes),
    (r"\b(windy|gust|breez|gale)", _windy),
]
"""The first that a question fits answers it; the figures alone answer all others."""
