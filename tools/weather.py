"""Place and day -> weather: what Open-Meteo forecasts, in a sentence or two."""

import asyncio
import json
import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeVar

import httpx

from tools.days import Days, days_in

GEOCODING_URL = "https://geocoding-api.open-meteo.com/v1/search"
FORECAST_URL = "https://api.open-meteo.com/v1/forecast"
CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 8.0
LARGEST_ANSWER = 262_144  # bytes; a hundred places are 60 kB, sixteen days 4 kB
HORIZON = 16  # days, today among them: the most that Open-Meteo forecasts

T = TypeVar("T")
Units = Literal["auto", "metric", "imperial"]
# Where people say Fahrenheit and miles.
IMPERIAL_COUNTRIES = {"US", "PR", "GU", "VI", "AS", "MP", "LR", "BS", "BZ", "KY", "PW", "FM", "MH"}


class WeatherUnavailable(Exception):
    """No weather could be had: what happened, to which value, and what to do."""

    def __init__(self, what: str, value: str | None = None, do: str | None = None) -> None:
        super().__init__(what)
        self.what, self.value, self.do = what, value, do


class UnknownPlace(WeatherUnavailable):
    """The geocoder has no place of that name."""


class BeyondForecast(WeatherUnavailable):
    """The day is past, or further ahead than forecasts reach."""


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
        answer = _answer(self)
        return f"{answer} {_figures(self)}".strip()


def open_client() -> httpx.AsyncClient:
    """A client that gives up early and follows no redirect; the caller closes it."""
    return httpx.AsyncClient(
        timeout=httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS),
        follow_redirects=False,
        headers={"Accept": "application/json", "Accept-Encoding": "identity"},
    )


async def weather(
    place: str,
    day: str | date = "",
    *,
    client: httpx.AsyncClient,
    question: str = "",
    units: Units = "auto",
    geocoding_url: str = GEOCODING_URL,
    forecast_url: str = FORECAST_URL,
    seconds: float = TOTAL_SECONDS,
) -> Weather:
    """Look up the current weather or the forecast for a place.

    Use it for rain, snow, temperature, wind and what to wear. `place` is a town, with its region or country if the
    user named one: `Paris, Texas`. `day` is `today`, `tomorrow`, `Friday`, `this weekend` or a date like `2026-11-25`,
    up to 15 days ahead; leave it empty for the weather now.
    """
    waiting_for = geocoding_url
    try:
        async with asyncio.timeout(seconds):
            found = await _locate(client, geocoding_url, place)
            waiting_for = forecast_url
            told = await _get(client, forecast_url, _asked_of(found, units))
    except TimeoutError as late:
        raise _silent(waiting_for) from late
    today = _date(_member(_member(told, "current", dict), "time", str))
    days = Days(day, day) if isinstance(day, date) else days_in(day or question, today)
    return Weather(
        place=_place_name(found),
        today=today,
        days=_between(_days(told), days or Days(today, today), today),
        now=None if days else _now(told),
        units=_units(told),
        question=question,
    )


# Open-Meteo


async def _get(client: httpx.AsyncClient, url: str, asked: Mapping[str, str | float]) -> dict[str, Any]:
    host = url.split("/")[2] if url.count("/") > 1 else url
    try:
        async with client.stream("GET", httpx.URL(url).copy_merge_params(asked)) as response:
            body = await _body(response, host)
    except (httpx.ConnectError, httpx.ConnectTimeout) as unreachable:
        raise WeatherUnavailable(
            "The weather service cannot be reached.", host, "Check the network connection, then ask again."
        ) from unreachable
    except httpx.TimeoutException as late:
        raise _silent(url) from late
    except (httpx.HTTPError, httpx.InvalidURL) as broken:
        raise WeatherUnavailable(
            f"The weather service broke off: {type(broken).__name__}.",
            host,
            "Ask again; if it stays, check its URL in the settings.",
        ) from broken
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _unreadable(host, response.status_code)
    if response.status_code != 200 or told.get("error"):
        raise _refused(host, response.status_code, str(told.get("reason", "")))
    return told


async def _body(response: httpx.Response, host: str) -> bytes:
    body = b""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _unreadable(host, response.status_code)
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            raise WeatherUnavailable(
                "The weather service's answer is far too large.", host, "Check its URL in the settings."
            )
    return body


def _silent(url: str) -> WeatherUnavailable:
    host = url.split("/")[2] if url.count("/") > 1 else url
    return WeatherUnavailable("The weather service did not answer in time.", host, "Ask again in a moment.")


def _unreadable(host: str, status: int) -> WeatherUnavailable:
    return WeatherUnavailable(
        f"The weather service answered something that is not weather (HTTP {status}).",
        host,
        "Check its URL in the settings.",
    )


def _refused(host: str, status: int, reason: str) -> WeatherUnavailable:
    if status == 429:
        return WeatherUnavailable("The weather service has had too many questions.", host, "Ask again in a minute.")
    said = re.sub(r"[^\x20-\x7e]+", " ", reason)[:200].strip()
    return WeatherUnavailable(
        f"The weather service refused (HTTP {status}){': ' + said if said else '.'}", host, "Ask again later."
    )


def _member(told: Mapping[str, Any], name: str, kind: type[T]) -> T:
    member = told.get(name)
    if not isinstance(member, kind):
        raise WeatherUnavailable("The weather service's answer lacks a part.", name, "Ask again later.")
    return member


# Where


async def _locate(client: httpx.AsyncClient, url: str, place: str) -> dict[str, Any]:
    """The place meant: of several, the one in the region that was named, else the most populous."""
    said = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", place).split())[:100]
    name, *hints = [part.strip() for part in said.split(",") if part.strip()] or [""]
    tries = [(name, hints)]
    words = name.split()
    if not hints:
        # `Portland Oregon`, `Santa Fe New Mexico`: the geocoder wants the bare name.
        tries += [(" ".join(words[:-n]), [" ".join(words[-n:])]) for n in (1, 2) if len(words) > n]
    nearly: list[dict[str, Any]] = []
    for bare, regions in tries:
        asked = {"name": bare, "count": 100 if regions else 20, "language": "en", "format": "json"}
        found = (await _get(client, url, asked)).get("results")
        places = [one for one in found if isinstance(one, dict) and _is_located(one)] if isinstance(found, list) else []
        for codes in (False, True):
            if fitting := [one for one in places if all(_is_in(one, region, codes) for region in regions)]:
                return _meant(fitting, bare)
        nearly = nearly or (places if hints else [])
    raise _unknown(said, nearly)


def _is_located(place: Mapping[str, Any]) -> bool:
    return isinstance(place.get("latitude"), int | float) and isinstance(place.get("longitude"), int | float)


def _meant(places: Sequence[dict[str, Any]], name: str) -> dict[str, Any]:
    same = [place for place in places if _fold(str(place.get("name", ""))) == _fold(name)]
    return max(same, key=_population) if same else places[0]


def _population(place: Mapping[str, Any]) -> float:
    population = place.get("population", 0)
    return population if isinstance(population, int | float) else 0


def _is_in(place: Mapping[str, Any], region: str, codes: bool) -> bool:
    """Whether a place is in a state, county or country; `codes` also reads `DE` as Germany, not only as Delaware."""
    wanted, code = _fold(region), str(place.get("country_code", ""))
    if wanted in COUNTRY_NAMES:
        return code == COUNTRY_NAMES[wanted]
    if codes and wanted == code.lower():
        return True
    fields = [_fold(str(place.get(field, ""))) for field in ("admin1", "admin2", "admin3", "country")]
    if wanted in STATES or wanted in CANADA:
        return (code, fields[0]) in (("US", STATES.get(wanted)), ("CA", CANADA.get(wanted)))
    return any(field == wanted or (len(wanted) > 3 and f" {wanted} " in f" {field} ") for field in fields)


def _unknown(said: str, nearly: Sequence[Mapping[str, Any]]) -> UnknownPlace:
    shown = re.sub(r"[^\w\s,.'’-]", "", said)
    if nearly:
        known = "; ".join(dict.fromkeys(_place_name(place) for place in sorted(nearly, key=_population, reverse=True)))
        first = "; ".join(known.split("; ")[:3])
        return UnknownPlace(f"I know no {shown}.", shown, f"Is it one of these: {first}?")
    return UnknownPlace(
        f"I know no place called {shown or 'that'}.", shown, "Check its spelling, or name a larger town nearby."
    )


def _place_name(place: Mapping[str, Any]) -> str:
    parts = [str(place[part]) for part in ("name", "admin1", "country") if place.get(part)]
    said = [part for at, part in enumerate(parts) if at == 0 or _fold(part) != _fold(parts[at - 1])]
    return "".join(c for c in ", ".join(said) if c.isprintable())[:120]


def _fold(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return re.sub(r"[^\w]+", " ", plain.replace(".", "").replace("'", "").replace("’", "")).strip()


def _named(listed: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in listed.split(", "))


STATES = _named(
    "al=alabama, ak=alaska, az=arizona, ar=arkansas, ca=california, co=colorado, ct=connecticut, de=delaware, "
    "dc=district of columbia, fl=florida, ga=georgia, hi=hawaii, id=idaho, il=illinois, in=indiana, ia=iowa, "
    "ks=kansas, ky=kentucky, la=louisiana, me=maine, md=maryland, ma=massachusetts, mi=michigan, mn=minnesota, "
    "ms=mississippi, mo=missouri, mt=montana, ne=nebraska, nv=nevada, nh=new hampshire, nj=new jersey, nm=new mexico, "
    "ny=new york, nc=north carolina, nd=north dakota, oh=ohio, ok=oklahoma, or=oregon, pa=pennsylvania, ri=rhode "
    "island, sc=south carolina, sd=south dakota, tn=tennessee, tx=texas, ut=utah, vt=vermont, va=virginia, "
    "wa=washington, wv=west virginia, wi=wisconsin, wy=wyoming"
)
CANADA = _named(
    "ab=alberta, bc=british columbia, mb=manitoba, nb=new brunswick, nl=newfoundland and labrador, ns=nova scotia, "
    "on=ontario, pe=prince edward island, qc=quebec, sk=saskatchewan, yt=yukon, nt=northwest territories, nu=nunavut"
)
COUNTRY_NAMES = _named(
    "us=US, usa=US, united states=US, united states of america=US, america=US, uk=GB, united kingdom=GB, britain=GB, "
    "great britain=GB, uae=AE, holland=NL, czech republic=CZ, czechia=CZ, south korea=KR, korea=KR, russia=RU, "
    "turkey=TR, ivory coast=CI, burma=MM, vietnam=VN"
)


# When


def _asked_of(place: Mapping[str, Any], units: Units) -> dict[str, str | float]:
    imperial = units == "imperial" or (units == "auto" and place.get("country_code") in IMPERIAL_COUNTRIES)
    return {
        "latitude": place["latitude"],
        "longitude": place["longitude"],
        "current": "temperature_2m,relative_humidity_2m,apparent_temperature,precipitation,weather_code,wind_speed_10m",
        "daily": "weather_code,temperature_2m_max,temperature_2m_min,precipitation_probability_max,precipitation_sum,"
        "snowfall_sum,wind_speed_10m_max,uv_index_max",
        "timezone": "auto",
        "forecast_days": HORIZON,
        "temperature_unit": "fahrenheit" if imperial else "celsius",
        "wind_speed_unit": "mph" if imperial else "kmh",
        "precipitation_unit": "inch" if imperial else "mm",
    }


def _days(told: Mapping[str, Any]) -> list[Day]:
    daily = _member(told, "daily", dict)
    return [_day(daily, at, _date(str(when))) for at, when in enumerate(_member(daily, "time", list))]


def _date(said: str) -> date:
    try:
        return date.fromisoformat(said[:10])
    except ValueError as unreadable:
        raise WeatherUnavailable("The forecast has an unreadable date.", said[:20], "Ask again later.") from unreadable


def _day(daily: Mapping[str, Any], at: int, when: date) -> Day:
    def figure(name: str) -> float | None:
        series = daily.get(name)
        return _figure(series[at]) if isinstance(series, list) and at < len(series) else None

    code = figure("weather_code")
    return Day(
        date=when,
        sky=_sky(code),
        code=None if code is None else int(code),
        high=figure("temperature_2m_max"),
        low=figure("temperature_2m_min"),
        rain_chance=figure("precipitation_probability_max"),
        rain=figure("precipitation_sum"),
        snow=figure("snowfall_sum"),
        wind=figure("wind_speed_10m_max"),
        uv=figure("uv_index_max"),
    )


def _now(told: Mapping[str, Any]) -> Now:
    current = _member(told, "current", dict)
    code = _figure(current.get("weather_code"))
    return Now(
        sky=_sky(code),
        code=None if code is None else int(code),
        temperature=_figure(current.get("temperature_2m")),
        feels_like=_figure(current.get("apparent_temperature")),
        humidity=_figure(current.get("relative_humidity_2m")),
        rain=_figure(current.get("precipitation")),
        wind=_figure(current.get("wind_speed_10m")),
    )


def _figure(value: object) -> float | None:
    """A number, or nothing: the models reach differently far, and what none has is null."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return float(value) if number else None  # type: ignore[arg-type]


def _units(told: Mapping[str, Any]) -> dict[str, str]:
    said = _member(told, "daily_units", dict)
    names = {"temperature": "temperature_2m_max", "wind": "wind_speed_10m_max", "rain": "precipitation_sum",
             "snow": "snowfall_sum"}  # fmt: skip
    return {name: str(said.get(field, ""))[:10].replace("mp/h", "mph") for name, field in names.items()}


def _between(forecast: Sequence[Day], asked: Days, today: date) -> list[Day]:
    days = [day for day in forecast if asked.first <= day.date <= asked.last and day.high is not None]
    if not days and asked.last < today:
        raise BeyondForecast(
            f"{_dated(asked.last)} is past; I look up the weather now and ahead.",
            str(asked.last),
            "Ask about today or a day to come.",
        )
    if not days:
        last = max((day.date for day in forecast if day.high is not None), default=today)
        raise BeyondForecast(
            f"Forecasts reach to {_dated(last)}; {_dated(asked.first)} is beyond that.",
            str(asked.first),
            "Ask again nearer the day.",
        )
    return days


# Words


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


def _sky(code: float | None) -> str:
    return "" if code is None else SKIES.get(int(code), "")


def _dated(day: date) -> str:
    return f"{day:%A} {day.day} {day:%B}"


def _when(weather: Weather, day: Day) -> str:
    ahead = (day.date - weather.today).days
    return {0: "today", 1: "tomorrow"}.get(ahead, f"on {_dated(day.date)}")


def _town(weather: Weather) -> str:
    return weather.place.split(",")[0]


def _figures(weather: Weather) -> str:
    if weather.now is not None:
        here = f"In {weather.place} it is {_now_said(weather, weather.now)} now"
        today = "".join(f"; today {_day_said(weather, day)}" for day in weather.days[:1])
        return f"{here}{today}."
    if len(weather.days) == 1:
        day = weather.days[0]
        when = _when(weather, day)
        when = when if when.startswith("on ") else f"{when} ({_dated(day.date)})"
        return f"{weather.place} {when}: {_day_said(weather, day)}."
    each = "; ".join(f"{day.date:%A} {day.date.day}: {_day_said(weather, day)}" for day in weather.days)
    return f"{weather.place}: {each}."


def _now_said(weather: Weather, now: Now) -> str:
    degrees = weather.units["temperature"]
    said = [_measured(now.temperature, degrees), now.sky]
    if now.feels_like is not None and now.temperature is not None and abs(now.feels_like - now.temperature) >= 3:
        said.insert(1, f"feels like {_measured(now.feels_like, degrees)}")
    if now.wind is not None:
        said.append(f"wind {_measured(now.wind, weather.units['wind'])}")
    if now.humidity is not None:
        said.append(f"humidity {now.humidity:.0f}%")
    return ", ".join(part for part in said if part)


def _day_said(weather: Weather, day: Day) -> str:
    said = [day.sky]
    if day.low is not None and day.high is not None:
        said.append(f"{day.low:.0f} to {_measured(day.high, weather.units['temperature'])}")
    if day.rain_chance is not None:
        said.append(f"{day.rain_chance:.0f}% chance of {'snow' if day.code in SNOWY else 'rain'}")
    if day.snow:
        said.append(f"{day.snow:g} {weather.units['snow']} of snow")
    if day.wind is not None:
        said.append(f"wind up to {_measured(day.wind, weather.units['wind'])}")
    return ", ".join(part for part in said if part)


def _measured(value: float | None, unit: str) -> str:
    return "" if value is None else f"{round(value)} {unit}"


# The answer before the figures


def _answer(weather: Weather) -> str:
    """To what was asked with yes or no; nothing for other questions, whose figures answer."""
    question = weather.question.lower()
    for asked, answer in ANSWERS:
        if re.search(asked, question):
            return answer(weather)
    return ""


def _rain(weather: Weather) -> str:
    wettest = max(weather.days, key=_wetness)
    asked_dry = re.search(r"\bdry\b|\bpicnic\b|\bbarbecue\b|\bbbq\b", weather.question.lower())
    umbrella = "umbrella" in weather.question.lower()
    if weather.now and weather.now.code in WET and re.search(r"\bis it (rain|pour|drizzl)", weather.question.lower()):
        return f"Yes, there is {weather.now.sky} in {_town(weather)} now."
    if weather.now and re.search(r"\bis it (rain|pour|drizzl)", weather.question.lower()):
        return f"No, it is not raining in {_town(weather)} now."
    where = f"in {_town(weather)} {_when(weather, wettest)}"
    wet = _wetness(wettest)
    if wettest.code in SNOWY and wet >= POSSIBLE:
        return f"Snow rather than rain is forecast {where}."
    if wet >= LIKELY:
        said = "No" if asked_dry else "Yes"
        return f"{said}, rain is likely {where}{'; take an umbrella' if umbrella else ''}."
    if wet >= POSSIBLE:
        return f"Perhaps: rain is possible {where}{', so an umbrella may be worth taking' if umbrella else ''}."
    said = "Yes" if asked_dry else "No"
    return f"{said}, rain is unlikely {where}{'; you can leave the umbrella' if umbrella else ''}."


def _wetness(day: Day) -> float:
    """The chance of rain; beyond the days that have one, what the sky says."""
    if day.rain_chance is not None:
        return day.rain_chance
    return LIKELY if day.code in WET | SNOWY else 0


def _snow(weather: Weather) -> str:
    snowy = next((day for day in weather.days if day.code in SNOWY or (day.snow or 0) > 0), None)
    if snowy is None:
        return f"No snow is forecast in {_town(weather)} {_when(weather, weather.days[0])}."
    amount = f" ({snowy.snow:g} {weather.units['snow']})" if snowy.snow else ""
    sure = "likely" if _wetness(snowy) >= LIKELY else "possible"
    said = "Yes" if sure == "likely" else "Perhaps"
    return f"{said}, snow is {sure} in {_town(weather)} {_when(weather, snowy)}{amount}."


def _storm(weather: Weather) -> str:
    stormy = next((day for day in weather.days if day.code in STORMY), None)
    if stormy is None:
        return f"No thunderstorms are forecast in {_town(weather)} {_when(weather, weather.days[0])}."
    return f"Yes, thunderstorms are forecast in {_town(weather)} {_when(weather, stormy)}."


def _clothes(weather: Weather) -> str:
    coldest = min((_celsius(weather, day.low) for day in weather.days if day.low is not None), default=None)
    warmest = max((_celsius(weather, day.high) for day in weather.days if day.high is not None), default=None)
    if coldest is None or warmest is None:
        return ""
    rain = " Rain is likely too." if max(map(_wetness, weather.days)) >= LIKELY else ""
    late = re.search(r"tonight|evening|night|morning", weather.question.lower())
    feels = (coldest + warmest) / 2 if late else warmest
    if feels < 8:
        return f"Yes, wear a warm coat.{rain}"
    if feels < 18:
        return f"Yes, a jacket is a good idea.{rain}"
    return "Only against the rain, which is likely." if rain else "It is warm enough without a jacket."


def _frost(weather: Weather) -> str:
    coldest = min((day for day in weather.days if day.low is not None), key=lambda day: day.low or 0.0, default=None)
    if coldest is None:
        return ""
    if _celsius(weather, coldest.low or 0.0) <= 0:
        return f"Yes, it is forecast to freeze in {_town(weather)} {_when(weather, coldest)}."
    return f"No frost is forecast in {_town(weather)} {_when(weather, coldest)}."


def _windy(weather: Weather) -> str:
    windiest = max(weather.days, key=lambda day: day.wind or 0.0)
    if windiest.wind is None:
        return ""
    kmh = windiest.wind * (1.609 if weather.units["wind"] == "mph" else 1)
    said = "Yes, it will be windy" if kmh >= 39 else "A fresh breeze at most" if kmh >= 29 else "No, little wind"
    return f"{said} in {_town(weather)} {_when(weather, windiest)}."


def _sunburn(weather: Weather) -> str:
    uv = max((day.uv for day in weather.days if day.uv is not None), default=None)
    if uv is None:
        return ""
    advice = "wear sunscreen" if uv >= 3 else "sunscreen is not needed"
    return f"The UV index reaches {uv:.0f}; {advice}."


def _celsius(weather: Weather, degrees: float) -> float:
    return (degrees - 32) / 1.8 if "F" in weather.units["temperature"] else degrees


ANSWERS = [
    (r"\b(snow|blizzard|sleet)", _snow),
    (r"\b(thunder|lightning|storm)", _storm),
    (r"\b(frost|freez)", _frost),
    (r"\b(rain(?! boots)|umbrella|shower|drizzl|pour|wet|dry|picnic|barbecue|bbq)", _rain),
    (r"\b(uv|sunscreen|sunburn|sun cream)\b", _sunburn),
    (r"\b(jacket|coat|jumper|sweater|scarf|wear|dress for|warm clothes)\b", _clothes),
    (r"\b(windy|gust|breez|gale)", _windy),
]
