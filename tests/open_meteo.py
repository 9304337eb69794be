"""A local stand-in for Open-Meteo's two APIs, over a real socket, with the answers and refusals of the real ones.

What it keeps to was read in open-meteo/geocoding-api and open-meteo/open-meteo: one letter finds nothing, a search
that finds nothing has no `results`, empty fields are left out, `forecast_days` is 0 to 16, a refusal is 400 with
`error` and `reason`, a spent quota 429. Figures beyond a model's reach are null.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Place = dict[str, Any]
Answer = Callable[[BaseHTTPRequestHandler], None]

LIMIT = {"error": True, "reason": "Minutely API request limit exceeded. Please try again in one minute."}


def place(name: str, country: str, code: str, admin1: str = "", population: int = 0, **more: Any) -> Place:
    """A row as the geocoder gives it; what is empty is left out."""
    row = {
        "id": abs(hash((name, admin1))) % 10**7,
        "name": name,
        "latitude": 48.85341,
        "longitude": 2.3488,
        "elevation": 42.0,
        "feature_code": "PPL",
        "country_code": code,
        "timezone": "Europe/Paris",
        "population": population,
        "country": country,
        "admin1": admin1,
        **more,
    }
    return {key: value for key, value in row.items() if value not in ("", 0)}


@dataclass
class OpenMeteo:
    today: date
    places: list[Place] = field(default_factory=list)
    days: dict[int, dict[str, Any]] = field(default_factory=dict)
    """What is special about the n-th day from today, in metric units."""
    current: dict[str, Any] = field(default_factory=dict)
    script: list[Answer] = field(default_factory=list)
    """What the next requests get instead, first come first served."""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    url: str = ""

    @property
    def urls(self) -> dict[str, str]:
        return {"geocoding_url": f"{self.url}/v1/search", "forecast_url": f"{self.url}/v1/forecast"}

    def search(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        count = int(asked.get("count", "10"))
        if not 0 < count <= 100:
            return 400, {"error": True, "reason": "Parameter count must be between 1 and 100."}
        name = asked["name"].split(",")[0].strip().lower()
        fits = [row for row in self.places if _matches(name, row["name"].lower())]
        found: dict[str, Any] = {"results": fits[:count]} if fits else {}
        return 200, {**found, "generationtime_ms": 0.5}

    def forecast(self, asked: dict[str, str]) -> tuple[int, dict[str, Any]]:
        length = int(asked.get("forecast_days", "7"))
        if not 0 <= length <= 16:
            return 400, {"error": True, "reason": f"Forecast days is invalid. Allowed range 0 to 16. Given {length}."}
        imperial = asked.get("temperature_unit") == "fahrenheit"
        units = (
            {"temperature": "°F", "wind": "mp/h", "precipitation": "inch", "snowfall": "inch"}
            if imperial
            else {"temperature": "°C", "wind": "km/h", "precipitation": "mm", "snowfall": "cm"}
        )
        names = asked["daily"].split(",")
        ordinary = {
            "weather_code": 3,
            "temperature_2m_max": 12.4,
            "temperature_2m_min": 5.6,
            "precipitation_sum": 0.0,
            "precipitation_probability_max": 10,
            "snowfall_sum": 0.0,
            "wind_speed_10m_max": 14.8,
            "uv_index_max": 1.35,
        }
        rows = [{**ordinary, **self.days.get(n, {})} for n in range(length)]
        now = {
            "time": f"{self.today}T14:15",
            "interval": 900,
            "temperature_2m": 11.2,
            "relative_humidity_2m": 71,
            "apparent_temperature": 9.9,
            "precipitation": 0.0,
            "weather_code": 3,
            "wind_speed_10m": 9.4,
            **self.current,
        }
        convert = _imperial if imperial else _same
        return 200, {
            "latitude": float(asked["latitude"]),
            "longitude": float(asked["longitude"]),
            "generationtime_ms": 0.1,
            "utc_offset_seconds": 3600,
            "timezone": "Europe/Paris",
            "timezone_abbreviation": "GMT+1",
            "elevation": 38.0,
            "current_units": {"time": "iso8601", "interval": "seconds"},
            "current": {name: convert(name, value) for name, value in now.items()},
            "daily_units": {"time": "iso8601", **{name: _unit(name, units) for name in names}},
            "daily": {
                "time": [str(self.today + timedelta(n)) for n in range(length)],
                **{name: [convert(name, row[name]) for row in rows] for name in names},
            },
        }


def _matches(name: str, known: str) -> bool:
    if len(name) < 2:
        return False
    return known == name if len(name) == 2 else known.startswith(name)


def _unit(name: str, units: dict[str, str]) -> str:
    said = {"precipitation_probability_max": "%", "weather_code": "wmo code", "uv_index_max": ""}
    return said.get(name) or next((unit for start, unit in units.items() if name.startswith(start)), "")


def _same(name: str, value: Any) -> Any:
    return value


def _imperial(name: str, value: Any) -> Any:
    if "temperature" in name and value is not None:
        return round(value * 1.8 + 32, 1)
    return round(value / 1.609, 1) if "wind" in name and value is not None else value


@contextmanager
def open_meteo(today: date, *places: Place) -> Iterator[OpenMeteo]:
    api = OpenMeteo(today, list(places))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            asked = {key: values[0] for key, values in parse_qs(parts.query).items()}
            api.asked.append((parts.path, asked))
            if api.script:
                return api.script.pop(0)(self)
            status, told = {"/v1/search": api.search, "/v1/forecast": api.forecast}[parts.path](asked)
            answer(status, told)(self)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests stay quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


# Answers for the script


def answer(status: int, told: Any, **headers: str) -> Answer:
    return raw(status, json.dumps(told).encode(), **headers)


def raw(status: int, body: bytes, **headers: str) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            request.send_header(name.replace("_", "-"), value)
        request.end_headers()
        try:
            request.wfile.write(body)
        except OSError:
            return  # The client has had enough, which is what some tests want.

    return send


def late(seconds: float) -> Answer:
    def send(request: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        raw(200, b"{}")(request)

    return send


def dripping(seconds: float) -> Answer:
    """One byte at a time, each within any limit for a single read."""

    def send(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", "100000")
        request.end_headers()
        end = time.monotonic() + seconds
        try:
            while time.monotonic() < end:
                request.wfile.write(b" ")
                request.wfile.flush()
                time.sleep(0.02)
        except OSError:
            return

    return send


def cut_off(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.send_header("Content-Length", "5000")
    request.end_headers()
    request.wfile.write(b'{"results": [')
    request.close_connection = True
