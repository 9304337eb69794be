"""Place and day -> weather: what Open-Meteo forecasts."""

import asyncio
import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Literal, TypeVar

import httpx

from tools.days import Days, days_in
from tools.forecast import CURRENT, DAILY, Day, Weather, dated, day_of, is_number, now_of, units_of

GEOCODING_URL = "https://geocoding-api.open-meteo.com/v1/search"
FORECAST_URL = "https://api.open-meteo.com/v1/forecast"
CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 8.0
LARGEST_ANSWER = 262_144  # bytes; a hundred places are 60 kB, sixteen days 4 kB
HORIZON = 16  # days, today among them: the most that Open-Meteo forecasts

T = TypeVar("T")
Units = Literal["auto", "metric", "imperial"]
Place = Mapping[str, Any]
"""A place as the geocoder describes it."""


class WeatherUnavailable(Exception):
    """No weather could be had: what happened, to which value, and what to do."""

    def __init__(self, what: str, value: str | None = None, do: str | None = None) -> None:
        super().__init__(what)
        self.what, self.value, self.do = what, value, do


class UnknownPlace(WeatherUnavailable):
    """The geocoder has no place of that name."""


class BeyondForecast(WeatherUnavailable):
    """The day is past, or further ahead than forecasts reach."""


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
    current, daily = _member(told, "current", dict), _member(told, "daily", dict)
    today = _date(_member(current, "time", str))
    forecast = [day_of(daily, at, _date(str(when))) for at, when in enumerate(_member(daily, "time", list))]
    days = Days(day, day) if isinstance(day, date) else days_in(day or question, today)
    return Weather(
        place=_place_name(found),
        today=today,
        days=_between(forecast, days or Days(today, today), today),
        now=None if days else now_of(current),
        units=units_of(_member(told, "daily_units", dict)),
        question=question,
    )


# Open-Meteo


async def _get(client: httpx.AsyncClient, url: str, asked: Mapping[str, str | float]) -> dict[str, Any]:
    try:
        async with client.stream("GET", httpx.URL(url).copy_merge_params(asked)) as response:
            status, body = response.status_code, await _body(response, url)
    except (httpx.ConnectError, httpx.ConnectTimeout) as unreachable:
        what, do = "The weather service cannot be reached.", "Check the network connection, then ask again."
        raise WeatherUnavailable(what, _host(url), do) from unreachable
    except httpx.TimeoutException as late:
        raise _silent(url) from late
    except (httpx.HTTPError, httpx.InvalidURL) as broken:
        what = f"The weather service broke off: {type(broken).__name__}."
        raise WeatherUnavailable(what, _host(url), "Ask again; if it stays, check its URL in the settings.") from broken
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise _not_weather(url, status)
    if status != 200 or told.get("error"):
        raise _refused(url, status, str(told.get("reason", "")))
    return told


async def _body(response: httpx.Response, url: str) -> bytes:
    body = b""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise _not_weather(url, response.status_code)
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > LARGEST_ANSWER:
            what = "The weather service's answer is far too large."
            raise WeatherUnavailable(what, _host(url), "Check its URL in the settings.")
    return body


def _host(url: str) -> str:
    return url.split("/")[2] if url.count("/") > 1 else url


def _silent(url: str) -> WeatherUnavailable:
    return WeatherUnavailable("The weather service did not answer in time.", _host(url), "Ask again in a moment.")


def _not_weather(url: str, status: int) -> WeatherUnavailable:
    what = f"The weather service answered something that is not weather (HTTP {status})."
    return WeatherUnavailable(what, _host(url), "Check its URL in the settings.")


def _refused(url: str, status: int, reason: str) -> WeatherUnavailable:
    if status == 429:
        what, do = "The weather service has had too many questions.", "Ask again in a minute."
        return WeatherUnavailable(what, _host(url), do)
    said = re.sub(r"[^\x20-\x7e]+", " ", reason)[:200].strip()
    what = f"The weather service refused (HTTP {status}){': ' + said if said else '.'}"
    return WeatherUnavailable(what, _host(url), "Ask again later.")


def _member(told: Mapping[str, Any], name: str, kind: type[T]) -> T:
    member = told.get(name)
    if not isinstance(member, kind):
        raise WeatherUnavailable("The weather service's answer lacks a part.", name, "Ask again later.")
    return member


def _asked_of(place: Place, units: Units) -> dict[str, str | float]:
    imperial = units == "imperial" or (units == "auto" and place.get("country_code") in IMPERIAL_COUNTRIES)
    return {
        "latitude": place["latitude"],
        "longitude": place["longitude"],
        "current": ",".join(CURRENT.values()),
        "daily": ",".join(DAILY.values()),
        "timezone": "auto",
        "forecast_days": HORIZON,
        "temperature_unit": "fahrenheit" if imperial else "celsius",
        "wind_speed_unit": "mph" if imperial else "kmh",
        "precipitation_unit": "inch" if imperial else "mm",
    }


# The answer read


def _date(said: str) -> date:
    try:
        return date.fromisoformat(said[:10])
    except ValueError as unreadable:
        raise WeatherUnavailable("The forecast has an unreadable date.", said[:20], "Ask again later.") from unreadable


def _between(forecast: Sequence[Day], asked: Days, today: date) -> list[Day]:
    known = [day for day in forecast if day.high is not None]
    days = [day for day in known if asked.first <= day.date <= asked.last]
    if not days and asked.last < today:
        what = f"{dated(asked.last)} is past; I look up the weather now and ahead."
        raise BeyondForecast(what, str(asked.last), "Ask about today or a day to come.")
    if not days:
        last = max((day.date for day in known), default=today)
        what = f"Forecasts reach to {dated(last)}; {dated(asked.first)} is beyond that."
        raise BeyondForecast(what, str(asked.first), "Ask again nearer the day.")
    return days


# Where


async def _locate(client: httpx.AsyncClient, url: str, place: str) -> Place:
    """The place meant: of several, the one in the region that was named, else the most populous."""
    said = " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", place).split())[:100]
    name, *regions = [part.strip() for part in said.split(",") if part.strip()] or [""]
    words = name.split()
    tries = [(name, regions)]
    if not regions:
        # `Portland Oregon`, `Santa Fe New Mexico`: the geocoder wants the bare name.
        tries += [(" ".join(words[:-n]), [" ".join(words[-n:])]) for n in (1, 2) if len(words) > n]
    nearly: list[Place] = []
    for bare, within in tries:
        places = await _search(client, url, bare, 100 if within else 20)
        for codes in (False, True):
            if fitting := [one for one in places if all(_is_in(one, region, codes) for region in within)]:
                return _meant(fitting, bare)
        nearly = nearly or (places if regions else [])
    raise _unknown(said, nearly)


async def _search(client: httpx.AsyncClient, url: str, name: str, most: int) -> list[Place]:
    found = (await _get(client, url, {"name": name, "count": most, "language": "en", "format": "json"})).get("results")
    places = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [one for one in places if is_number(one.get("latitude")) and is_number(one.get("longitude"))]


def _meant(places: Sequence[Place], name: str) -> Place:
    same = [place for place in places if _fold(str(place.get("name", ""))) == _fold(name)]
    return max(same, key=_population) if same else places[0]


def _population(place: Place) -> float:
    population = place.get("population")
    return population if isinstance(population, int | float) else 0


def _is_in(place: Place, region: str, codes: bool) -> bool:
    """Whether a place is in a state, county or country; `codes` also reads `DE` as Germany, not only as Delaware."""
    wanted, code = _fold(region), str(place.get("country_code", ""))
    if wanted in COUNTRIES:
        return code == COUNTRIES[wanted]
    if codes and wanted == code.lower():
        return True
    fields = [_fold(str(place.get(field, ""))) for field in ("admin1", "admin2", "admin3", "country")]
    if (state := STATES.get(wanted)) or wanted in PROVINCES:
        return (code, fields[0]) in (("US", state), ("CA", PROVINCES.get(wanted)))
    return any(field == wanted or (len(wanted) > 3 and f" {wanted} " in f" {field} ") for field in fields)


def _unknown(said: str, nearly: Sequence[Place]) -> UnknownPlace:
    shown = re.sub(r"[^\w\s,.'’-]", "", said)
    if nearly:
        names = dict.fromkeys(_place_name(place) for place in sorted(nearly, key=_population, reverse=True))
        return UnknownPlace(f"I know no {shown}.", shown, f"Is it one of these: {'; '.join([*names][:3])}?")
    what = f"I know no place called {shown or 'that'}."
    return UnknownPlace(what, shown, "Check its spelling, or name a larger town nearby.")


def _place_name(place: Place) -> str:
    parts = [str(place[part]) for part in ("name", "admin1", "country") if place.get(part)]
    said = [part for at, part in enumerate(parts) if at == 0 or _fold(part) != _fold(parts[at - 1])]
    return "".join(c for c in ", ".join(said) if c.isprintable())[:120]


def _fold(text: str) -> str:
    plain = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    return re.sub(r"[^\w]+", " ", re.sub(r"[.'’]", "", plain)).strip()


def _codes(listed: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in listed.split(", "))


STATES = _codes(
    "al=alabama, ak=alaska, az=arizona, ar=arkansas, ca=california, co=colorado, ct=connecticut, de=delaware, "
    "dc=district of columbia, fl=florida, ga=georgia, hi=hawaii, id=idaho, il=illinois, in=indiana, ia=iowa, "
    "ks=kansas, ky=kentucky, la=louisiana, me=maine, md=maryland, ma=massachusetts, mi=michigan, mn=minnesota, "
    "ms=mississippi, mo=missouri, mt=montana, ne=nebraska, nv=nevada, nh=new hampshire, nj=new jersey, nm=new mexico, "
    "ny=new york, nc=north carolina, nd=north dakota, oh=ohio, ok=oklahoma, or=oregon, pa=pennsylvania, ri=rhode "
    "island, sc=south carolina, sd=south dakota, tn=tennessee, tx=texas, ut=utah, vt=vermont, va=virginia, "
    "wa=washington, wv=west virginia, wi=wisconsin, wy=wyoming"
)
PROVINCES = _codes(
    "ab=alberta, bc=british columbia, mb=manitoba, nb=new brunswick, nl=newfoundland and labrador, ns=nova scotia, "
    "on=ontario, pe=prince edward island, qc=quebec, sk=saskatchewan, yt=yukon, nt=northwest territories, nu=nunavut"
)
COUNTRIES = _codes(
    "us=US, usa=US, united states=US, united states of america=US, america=US, uk=GB, united kingdom=GB, britain=GB, "
    "great britain=GB, uae=AE, holland=NL, czech republic=CZ, czechia=CZ, south korea=KR, korea=KR, russia=RU, "
    "turkey=TR, ivory coast=CI, burma=MM, vietnam=VN"
)
# Where people say Fahrenheit and miles.
IMPERIAL_COUNTRIES = {"US", "PR", "GU", "VI", "AS", "MP", "LR", "BS", "BZ", "KY", "PW", "FM", "MH"}
