"""The weather tool against a stand-in for Open-Meteo, over real sockets."""

import asyncio
import socket
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest

from tests.open_meteo import LIMIT, OpenMeteo, answer, cut_off, dripping, late, open_meteo, place, raw
from tools.days import day_in, days_in
from tools.forecast import Weather
from tools.weather import BeyondForecast, UnknownPlace, WeatherUnavailable, open_client, weather

FRIDAY = date(2026, 11, 20)
NOT_WEATHER = "The weather service answered something that is not weather (HTTP {}).".format
RAIN, SKY = "precipitation_probability_max", "weather_code"
PARIS = place("Paris", "France", "FR", "Île-de-France", 2_138_551)
PARIS_TEXAS = place("Paris", "United States", "US", "Texas", 24_782, latitude=33.66, longitude=-95.55)
PORTLANDS = (
    place("Portland", "United States", "US", "Oregon", 652_503),
    place("Portland", "United States", "US", "Maine", 68_408),
    place("Portland", "United Kingdom", "GB", "England", 12_797, admin2="Dorset"),
)


@pytest.fixture
def api() -> Iterator[OpenMeteo]:
    with open_meteo(FRIDAY, PARIS, PARIS_TEXAS, *PORTLANDS) as running:
        yield running


def look_up(api: OpenMeteo, where: str, day: str | date = "", **more: Any) -> Weather:
    async def ask() -> Weather:
        async with open_client() as client:
            return await weather(where, day, client=client, **{**api.urls, **more})

    return asyncio.run(ask())


def trouble(
    api: OpenMeteo, where: str = "Paris", day: str | date = "", **more: Any
) -> tuple[str, str | None, str | None]:
    with pytest.raises(WeatherUnavailable) as caught:
        look_up(api, where, day, **more)
    return caught.value.what, caught.value.value, caught.value.do


def sentence(api: OpenMeteo, question: str, where: str = "Paris", **more: Any) -> str:
    return look_up(api, where, question=question, **more).sentence()


def test_without_a_day_the_weather_now_is_told_and_then_today(api: OpenMeteo) -> None:
    assert sentence(api, "what's it like in Paris?") == (
        "In Paris, Île-de-France, France it is 11 °C, overcast, wind 9 km/h, humidity 71% now; "
        "today overcast, 6 to 12 °C, 10% chance of rain, wind up to 15 km/h."
    )


def test_a_day_that_is_named_gets_its_forecast(api: OpenMeteo) -> None:
    api.days[1] = {SKY: 61, RAIN: 70}
    assert sentence(api, "how will Paris be tomorrow") == (
        "Paris, Île-de-France, France tomorrow (Saturday 21 November): "
        "light rain, 6 to 12 °C, 70% chance of rain, wind up to 15 km/h."
    )


def test_a_weekend_is_told_day_by_day(api: OpenMeteo) -> None:
    assert [day.date.day for day in look_up(api, "Paris", "this weekend").days] == [21, 22]
    assert "Saturday 21: overcast" in sentence(api, "weather this weekend")


@pytest.mark.parametrize(
    ("question", "forecast", "begins"),
    [
        ("do I need an umbrella tomorrow", {RAIN: 80}, "Yes, rain is likely in {}; take an umbrella."),
        ("will it rain tomorrow", {RAIN: 40}, "Perhaps: rain is possible in {}."),
        ("will it rain tomorrow", {RAIN: 5}, "No, rain is unlikely in {}."),
        ("will it be dry tomorrow", {RAIN: 5}, "Yes, rain is unlikely in {}."),
        ("will it rain tomorrow", {RAIN: None, SKY: 63}, "Yes, rain is likely in {}."),
        ("will it rain tomorrow", {RAIN: 90, SKY: 73}, "Snow rather than rain is forecast in {}."),
        ("is snow coming tomorrow", {}, "No snow is forecast in {}."),
        ("is snow coming tomorrow", {SKY: 75, "snowfall_sum": 4.2, RAIN: 85}, "Yes, snow is likely in {} (4.2 cm)."),
        (
            "do I need a jacket tomorrow",
            {"temperature_2m_max": 24, "temperature_2m_min": 15},
            "It is warm enough without a jacket.",
        ),
        ("do I need a jacket tomorrow", {}, "Yes, a jacket is a good idea."),
        ("should I wear a coat tomorrow", {"temperature_2m_max": 3}, "Yes, wear a warm coat."),
        ("will it freeze tomorrow", {"temperature_2m_min": -2}, "Yes, it is forecast to freeze in {}."),
        ("any thunderstorms tomorrow", {SKY: 95}, "Yes, thunderstorms are forecast in {}."),
        ("is it windy tomorrow", {"wind_speed_10m_max": 55}, "Yes, it will be windy in {}."),
        ("sunscreen tomorrow?", {"uv_index_max": 7.2}, "The UV index reaches 7; wear sunscreen."),
    ],
)
def test_a_plain_question_is_answered_first(
    api: OpenMeteo, question: str, forecast: dict[str, Any], begins: str
) -> None:
    api.days[1] = forecast
    assert sentence(api, question).startswith(
        begins.format("Paris tomorrow") + " Paris, Île-de-France, France tomorrow"
    )


def test_rain_now_is_told_from_what_falls_now(api: OpenMeteo) -> None:
    assert sentence(api, "is it raining in Paris?").startswith("No, it is not raining in Paris now.")
    api.current = {SKY: 61}
    assert sentence(api, "is it raining in Paris?").startswith("Yes, there is light rain in Paris now.")


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("Paris", "Paris, Île-de-France, France"),
        ("Paris, Texas", "Paris, Texas, United States"),
        ("Paris, TX", "Paris, Texas, United States"),
        ("paris texas", "Paris, Texas, United States"),
        ("Paris, France", "Paris, Île-de-France, France"),
        ("Paris, FR", "Paris, Île-de-France, France"),
        ("Paris, USA", "Paris, Texas, United States"),
        ("Portland", "Portland, Oregon, United States"),
        ("Portland, ME", "Portland, Maine, United States"),
        ("Portland, Maine, United States", "Portland, Maine, United States"),
        ("Portland, Dorset", "Portland, England, United Kingdom"),
        ("Portland, UK", "Portland, England, United Kingdom"),
    ],
)
def test_the_region_chooses_the_place_and_else_the_largest(api: OpenMeteo, said: str, found: str) -> None:
    assert look_up(api, said).place == found


def test_fahrenheit_and_miles_where_people_use_them(api: OpenMeteo) -> None:
    assert "°F" in look_up(api, "Paris, Texas").sentence()
    assert "mph" in look_up(api, "Paris, Texas").sentence()
    assert "°C" in look_up(api, "Paris, Texas", units="metric").sentence()
    assert "°F" in look_up(api, "Paris, France", units="imperial").sentence()


def test_advice_on_clothes_does_not_depend_on_the_unit(api: OpenMeteo) -> None:
    said = {sentence(api, "do I need a jacket tomorrow", units=units).split(".")[0] for units in ("metric", "imperial")}
    assert said == {"Yes, a jacket is a good idea"}


def test_what_is_sent_is_the_town_and_its_coordinates_only(api: OpenMeteo) -> None:
    look_up(api, "Paris, Texas", question="will my divorce hearing in Paris, Texas be rained out tomorrow?")
    (_, search), (_, forecast) = api.asked
    assert search == {"name": "Paris", "count": "100", "language": "en", "format": "json"}
    assert (forecast["latitude"], forecast["timezone"], forecast["forecast_days"]) == ("33.66", "auto", "16")


def test_a_key_in_the_settings_url_is_kept(api: OpenMeteo) -> None:
    look_up(api, "Paris", forecast_url=f"{api.url}/v1/forecast?apikey=abc")
    assert api.asked[-1][1]["apikey"] == "abc"


def test_an_unknown_place_is_named(api: OpenMeteo) -> None:
    with pytest.raises(UnknownPlace):
        look_up(api, "Xyzzyville")
    assert trouble(api, "Xyzzyville") == (
        "I know no place called Xyzzyville.",
        "Xyzzyville",
        "Check its spelling, or name a larger town nearby.",
    )
    assert trouble(api, "Paris, Narnia") == (
        "I know no Paris, Narnia.",
        "Paris, Narnia",
        "Is it one of these: Paris, Île-de-France, France; Paris, Texas, United States?",
    )


def test_a_day_beyond_the_forecast_is_said_to_be(api: OpenMeteo) -> None:
    with pytest.raises(BeyondForecast):
        look_up(api, "Paris", "in 3 weeks")
    assert trouble(api, day="on January 1") == (
        "Forecasts reach to Saturday 5 December; Friday 1 January is beyond that.",
        "2027-01-01",
        "Ask again nearer the day.",
    )
    assert trouble(api, day="yesterday")[0] == "Thursday 19 November is past; I look up the weather now and ahead."


def test_days_that_no_model_reaches_are_not_forecast(api: OpenMeteo) -> None:
    api.days[15] = {"temperature_2m_max": None, "temperature_2m_min": None, SKY: None}
    assert trouble(api, day=date(2026, 12, 5))[0].startswith("Forecasts reach to Friday 4 December")


def test_tomorrow_is_counted_where_the_place_is(api: OpenMeteo) -> None:
    api.today = date(2026, 11, 21)
    assert look_up(api, "Paris", "tomorrow").days[0].date == date(2026, 11, 22)


def test_without_a_network_one_clear_sentence(api: OpenMeteo) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{closed.getsockname()[1]}"
        assert trouble(api, geocoding_url=f"http://{host}/v1/search") == (
            "The weather service cannot be reached.",
            host,
            "Check the network connection, then ask again.",
        )


@pytest.mark.usefixtures("tries_others")
def test_a_name_that_does_not_resolve_is_no_network_either(api: OpenMeteo) -> None:
    assert trouble(api, geocoding_url="http://nowhere.invalid/v1/search")[0] == "The weather service cannot be reached."


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/x", "not a url", "http://[::1/x"])
def test_an_unusable_url_in_the_settings_is_a_clear_sentence(api: OpenMeteo, url: str) -> None:
    assert trouble(api, geocoding_url=url)[0].startswith("The weather service")


@pytest.mark.parametrize(
    ("instead", "what"),
    [
        (answer(429, LIMIT), "The weather service has had too many questions."),
        (
            answer(400, {"error": True, "reason": "Bad\x1b[31m thing"}),
            "The weather service refused (HTTP 400): Bad [31m thing",
        ),
        (raw(502, b"<html>Bad gateway</html>"), NOT_WEATHER(502)),
        (raw(200, b"[1, 2]"), NOT_WEATHER(200)),
        (raw(200, b"\xff\xfe{"), NOT_WEATHER(200)),
        (raw(200, b"[" * 200_000), NOT_WEATHER(200)),
        (answer(200, {"results": 7}), "I know no place called Paris."),
        (raw(302, b"", Location="http://127.0.0.1:1"), NOT_WEATHER(302)),
        (raw(200, b" " * 600_000), "The weather service's answer is far too large."),
        (cut_off, "The weather service broke off: RemoteProtocolError."),
    ],
)
def test_whatever_the_service_does_is_one_clear_sentence(api: OpenMeteo, instead: Any, what: str) -> None:
    api.script = [instead]
    assert trouble(api)[0] == what
    assert len(api.asked) == 1


@pytest.mark.parametrize("instead", [late(0.6), dripping(0.6)])
def test_a_slow_service_is_given_up_after_the_total_time(api: OpenMeteo, instead: Any) -> None:
    api.script = [instead]
    assert trouble(api, seconds=0.2)[0] == "The weather service did not answer in time."


def test_odd_figures_are_left_out_rather_than_told(api: OpenMeteo) -> None:
    api.days[0] = {SKY: 1234, RAIN: None, "wind_speed_10m_max": float("nan"), "uv_index_max": "high"}
    assert sentence(api, "today?") == "Paris, Île-de-France, France today (Friday 20 November): 6 to 12 °C."


def test_an_answer_that_lacks_a_part_is_said_to(api: OpenMeteo) -> None:
    api.script = [answer(200, {"results": [PARIS]}), answer(200, {"latitude": 1})]
    assert trouble(api)[:2] == ("The weather service's answer lacks a part.", "current")


@pytest.mark.parametrize(
    ("question", "first", "last"),
    [
        ("will it rain tomorrow", "11-21", "11-21"),
        ("tomorow morning in Pune", "11-21", "11-21"),
        ("the day after tomorrow", "11-22", "11-22"),
        ("tonight", "11-20", "11-20"),
        ("on Friday", "11-20", "11-20"),
        ("next Friday", "11-27", "11-27"),
        ("Monday night", "11-23", "11-23"),
        ("next Tuesday", "11-24", "11-24"),
        ("this weekend", "11-21", "11-22"),
        ("next weekend", "11-28", "11-29"),
        ("in 3 days", "11-23", "11-23"),
        ("two weeks from now", "12-04", "12-04"),
        ("in a week", "11-27", "11-27"),
        ("for the next five days", "11-20", "11-24"),
        ("ten-day forecast", "11-20", "11-29"),
        ("next week", "11-23", "11-29"),
        ("this week", "11-20", "11-22"),
        ("on the 25th", "11-25", "11-25"),
        ("on the 5th", "12-05", "12-05"),
        ("on the 31st", "12-31", "12-31"),
        ("December 3", "12-03", "12-03"),
        ("3rd of December", "12-03", "12-03"),
        ("on 2026-12-01", "12-01", "12-01"),
        ("Christmas Eve", "12-24", "12-24"),
        ("on sat", "11-21", "11-21"),
    ],
)
def test_the_days_a_question_names(question: str, first: str, last: str) -> None:
    days = days_in(question, FRIDAY)
    assert days is not None
    assert (days.first.isoformat()[5:], days.last.isoformat()[5:]) == (first, last)


@pytest.mark.parametrize(
    "question", ["is it raining in Oslo", "is the sun out", "at 3 pm", "may I go", "weather now", ""]
)
def test_a_question_without_a_day(question: str) -> None:
    assert day_in(question, FRIDAY) is None


def test_a_day_without_a_year_is_the_next_one() -> None:
    assert day_in("on 4 January", FRIDAY) == date(2027, 1, 4)
    assert day_in("February 29", FRIDAY) == date(2028, 2, 29)
    assert day_in("February 30", FRIDAY) is None
