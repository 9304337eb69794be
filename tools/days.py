"""Question -> days: `tomorrow`, `this weekend`, `on the 5th`, counted from a given today."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import NamedTuple

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december"]  # fmt: skip
NUMBERS = {
    word: n
    for n, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen".split()
    )
}

NUMBER = rf"(?P<n>\d{{1,2}}|an?|couple of|few|{'|'.join(NUMBERS)})"
WEEKDAY = r"(?P<weekday>mon|tue|wed|thu|fri|sat|sun)"
FULL_WEEKDAY = rf"(?P<weekday>{'|'.join(WEEKDAYS)})"
MONTH = r"(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*"
DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"


class Days(NamedTuple):
    first: date
    last: date


def day_in(question: str, today: date) -> date | None:
    """The day asked about, the first of several; nothing when the question names none."""
    days = days_in(question, today)
    return days.first if days else None


def days_in(question: str, today: date) -> Days | None:
    """The days asked about; nothing when the question names none.

    >>> days_in("will it rain this weekend?", date(2026, 11, 20))
    Days(first=datetime.date(2026, 11, 21), last=datetime.date(2026, 11, 22))
    """
    text = question.lower().replace("’", "'")
    for pattern, days in PATTERNS:
        for found in re.finditer(pattern, text):
            if answer := days(found, today):
                return answer
    return None


def _after(number: int) -> Callable[[re.Match[str], date], Days]:
    return lambda _, today: _one(today + timedelta(number))


def _one(day: date) -> Days:
    return Days(day, day)


def _count(found: re.Match[str]) -> int:
    said = found["n"]
    return int(said) if said.isdigit() else {"a": 1, "an": 1, "couple of": 2, "few": 3}.get(said, NUMBERS.get(said, 0))


def _ahead(found: re.Match[str], today: date) -> Days:
    return _one(today + timedelta(_count(found) * (7 if found["unit"].startswith("week") else 1)))


def _span(found: re.Match[str], today: date) -> Days:
    return Days(today, today + timedelta(max(_count(found), 1) - 1))


def _weekend(found: re.Match[str], today: date) -> Days:
    saturday = today + timedelta((5 - today.weekday()) % 7)
    if found["which"] and "next" in found["which"]:
        saturday += timedelta(7) if today.weekday() < 6 else timedelta(0)
        return Days(saturday, saturday + timedelta(1))
    return Days(today, today) if today.weekday() == 6 else Days(saturday, saturday + timedelta(1))


def _week(found: re.Match[str], today: date) -> Days:
    sunday = today + timedelta(6 - today.weekday())
    return Days(sunday + timedelta(1), sunday + timedelta(7)) if found["which"] == "next" else Days(today, sunday)


def _weekday(found: re.Match[str], today: date) -> Days:
    """`Friday` is the nearest one from today on; `next Friday` is in the week that begins next Monday."""
    number = [name[:3] for name in WEEKDAYS].index(found["weekday"][:3])
    if found["which"] == "next":
        return _one(today + timedelta(7 - today.weekday() + number))
    return _one(today + timedelta((number - today.weekday()) % 7))


def _iso(found: re.Match[str], today: date) -> Days | None:
    day = _date(int(found["year"]), int(found["month"]), int(found["day"]))
    return _one(day) if day else None


def _in_month(found: re.Match[str], today: date) -> Days | None:
    month = 1 + [name[:3] for name in MONTHS].index(found["month"][:3])
    years = (int(found["year"]),) if found["year"] else range(today.year, today.year + 5)
    days = (_date(year, month, int(found["day"])) for year in years)
    return next((_one(day) for day in days if day and (found["year"] or day >= today)), None)


def _of_month(found: re.Match[str], today: date) -> Days | None:
    """`the 5th`: of this month, or of the next that still has one."""
    for ahead in range(13):
        years, month = divmod(today.month - 1 + ahead, 12)
        day = _date(today.year + years, month + 1, int(found["day"]))
        if day and day >= today:
            return _one(day)
    return None


def _whole_month(found: re.Match[str], today: date) -> Days | None:
    month = 1 + [name[:3] for name in MONTHS].index(found["month"][:3])
    if month == today.month:
        return None
    return _one(date(today.year + (month < today.month), month, 1))


def _feast(found: re.Match[str], today: date) -> Days | None:
    name = found[0]
    month, day = (12, 24) if "christmas eve" in name else (12, 25) if "christmas" in name else (1, 1)
    if "year" in name and "eve" in name:
        month, day = 12, 31
    this_year = date(today.year, month, day)
    return _one(this_year if this_year >= today else date(today.year + 1, month, day))


def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


PATTERNS: list[tuple[str, Callable[[re.Match[str], date], Days | None]]] = [
    (r"\b(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)\b", _iso),
    (r"\bday after tom+or+ow\b", _after(2)),
    (rf"\b(?:in|within) {NUMBER} (?P<unit>days?|weeks?)\b", _ahead),
    (rf"\b{NUMBER} (?P<unit>days?|weeks?) (?:from (?:now|today)|ahead)\b", _ahead),
    (rf"\b{MONTH} {DAY}\b(?! ?[ap]m)(?:,? (?P<year>\d{{4}}))?", _in_month),
    (rf"\b{DAY}(?: of)? {MONTH}\b(?:,? (?P<year>\d{{4}}))?", _in_month),
    (r"\b(?:the|on) (?P<day>\d{1,2})(?:st|nd|rd|th)\b", _of_month),
    (rf"\b(?:next|coming|following|for) {NUMBER}[- ]days?\b", _span),
    (rf"\b{NUMBER}[- ]day (?:forecast|outlook|weather)\b", _span),
    (r"\b(?:(?P<which>next|this|the|coming|at the|on the) )?weekend\b", _weekend),
    (rf"\b(?:(?P<which>next|this|coming|on) )?{FULL_WEEKDAY}s?\b", _weekday),
    (rf"\b(?P<which>next|this|coming|on|by|until|til) {WEEKDAY}(?:s|rs|urs|nes)?\b", _weekday),
    (r"\b(?P<which>this|next|all|the rest of the) week\b", _week),
    (r"\btom+or+ow\b|\btmrw\b|\btmr\b|\b2moro\b", _after(1)),
    (r"\byesterday\b|\blast night\b", _after(-1)),
    (r"\bchristmas eve\b|\bchristmas(?: day)?\b|\bnew year'?s?(?: eve| day)?\b", _feast),
    (r"\btoday\b|\btonight\b|\btonite\b|\bthis (?:morning|afternoon|evening)\b|\blater\b", _after(0)),
    (rf"\b(?:in|for|during|early|late|mid) (?P<month>{'|'.join(MONTHS)})\b", _whole_month),
    (r"\bnext month\b", lambda _, today: _one((today.replace(day=1) + timedelta(32)).replace(day=1))),
]  # fmt: skip
