"""A spreadsheet's value and its number format -> the value as the sheet shows it."""

import re
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

SHORT_DATE = "mm-dd-yy"
"""Format 14 by its number: programs show it as the short date of the country that they are set to."""


LARGEST = 1e15
"""Beyond it a number has no more digits to show."""


LONGEST = 255
"""Of a number format, as Excel has it."""


def shown(value: object, number_format: str | None) -> str:
    form = (number_format or "General")[:LONGEST]
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case datetime() | date() | time():
            return _date(value, form)
        case timedelta():
            return _span(value)
        case int() | float():
            return _number(value, form)
    return re.sub(r"_x000[DA]_", " ", str(value))  # ends of lines, as Excel writes them


def _number(value: float, form: str) -> str:
    if form == "General":
        return _general(value)
    section, signed = _section(value, form)
    section = _bare(section)
    if section.strip().lower() in ("", "general", "@"):
        return _general(value)
    digits = re.search(r"[0#?](?:[0#?,.]*[0#?])?,*", _masked(section))
    if digits is None:
        return _unquoted(section).strip() or _general(value)
    if abs(value) >= LARGEST:
        return _general(value)
    if re.search(r"(?i)[0#?]e[+-]", _masked(section)) or "/" in _masked(section)[digits.end() :]:
        return _general(value)
    number = _digits(value if signed else abs(value), section, digits[0])
    before, after = _unquoted(section[: digits.start()]), _unquoted(section[digits.end() :])
    sign, number = ("-", number[1:]) if number.startswith("-") else ("", number)
    sign = "-" if value < 0 and not signed and not re.search(r"[-(]", before) else sign  # shown in red only
    return f"{sign}{before.lstrip()}{number}{after.rstrip()}"


def _section(value: float, form: str) -> tuple[str, bool]:
    """The part of the format for this sign; the one for negative numbers brings its own sign."""
    sections = re.split(r';(?=(?:[^"]*"[^"]*")*[^"]*$)', form)
    if value < 0 and len(sections) > 1 and sections[1]:
        return sections[1], False
    if value == 0 and len(sections) > 2 and sections[2]:
        return sections[2], False
    return sections[0], True


def _bare(section: str) -> str:
    """Without colours, conditions and padding; a currency in brackets is what it stands for."""
    section = re.sub(r"\[\$([^\]\-]*)(?:-[^\]]*)?\]", lambda found: f'"{found[1]}"', section)
    return re.sub(r"\[[^\]]*\]|_.|\*.", "", section)


def _masked(section: str) -> str:
    """The section with its literals blanked, so that places stay the same."""
    return re.sub(r'"[^"]*"|\\.', lambda found: "\0" * len(found[0]), section)


def _unquoted(section: str) -> str:
    return re.sub(r'"([^"]*)"|\\(.)', lambda found: found[1] or found[2] or "", section)


def _digits(value: float, section: str, pattern: str) -> str:
    if not value and "0" not in pattern:
        return ""
    whole, _, fraction = pattern.rstrip(",").partition(".")
    thousandths = len(pattern) - len(pattern.rstrip(","))
    scaled = Decimal(repr(value)) * Decimal(100) ** _masked(section).count("%") / Decimal(1000) ** thousandths
    places = Decimal(1).scaleb(-len(fraction))
    number = f"{scaled.quantize(places, ROUND_HALF_UP):{',' if ',' in whole else ''}f}"
    least = len(fraction.rstrip("#?"))
    if "." in number:
        head, _, tail = number.partition(".")
        tail = tail[:least] + tail[least:].rstrip("0")
        number = f"{head}.{tail}" if tail else head
    width = whole.count("0")
    return number.zfill(width) if width > 1 and "," not in whole and not fraction else number


def _general(value: float) -> str:
    """Eleven digits, as a cell of the usual format shows them."""
    if isinstance(value, int) or value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else f"{value:g}"
    return f"{value:.10g}"


def _span(value: timedelta) -> str:
    minutes, seconds = divmod(round(value.total_seconds()), 60)
    return f"{minutes // 60}:{minutes % 60:02}" + (f":{seconds:02}" if seconds else "")


TOKENS = re.compile(r'(?i)"[^"]*"|\\.|\[[^\]]*\]|am/pm|a/p|y+|m+|d+|h+|s+(?:\.0+)?|.')


def _date(value: datetime | date | time, form: str) -> str:
    if isinstance(value, datetime) and form == SHORT_DATE:
        form = "m/d/yyyy"
    section = re.split(r";", form)[0]
    tokens = TOKENS.findall(re.sub(r"_.|\*.", "", section))
    if not any(token[0].lower() in "ymdhs" for token in tokens):
        return _iso(value)
    moment = _moment(value)
    half = any(token.lower() in ("am/pm", "a/p") for token in tokens)
    return "".join(_shown_token(tokens, place, moment, half) for place in range(len(tokens))).strip()


def _moment(value: datetime | date | time) -> datetime:
    if isinstance(value, datetime):
        return value
    return datetime.combine(date(1900, 1, 1), value) if isinstance(value, time) else datetime.combine(value, time())


def _iso(value: datetime | date | time) -> str:
    return value.isoformat(sep=" ", timespec="minutes") if isinstance(value, datetime) else value.isoformat()


def _shown_token(tokens: list[str], place: int, moment: datetime, half: bool) -> str:
    token = tokens[place]
    letter, size = token[0].lower(), len(token)
    if token.lower() in ("am/pm", "a/p"):
        return f"{moment:%p}"[: 2 if size > 3 else 1]
    if letter == "m" and size < 3 and _is_minute(tokens, place):
        return str(moment.minute).zfill(size)
    match letter:
        case "y":
            return f"{moment.year:04}" if size > 2 else f"{moment.year % 100:02}"
        case "m":
            return f"{moment:%B}" if size > 3 else f"{moment:%b}" if size == 3 else str(moment.month).zfill(size)
        case "d":
            return f"{moment:%A}" if size > 3 else f"{moment:%a}" if size == 3 else str(moment.day).zfill(size)
        case "h":
            return str(moment.hour % 12 or 12 if half else moment.hour).zfill(size)
        case "s":
            return str(moment.second).zfill(min(size, 2))
        case "[":
            return str(moment.hour) if token.lower() in ("[h]", "[hh]") else ""
    return _unquoted(token)


def _is_minute(tokens: list[str], place: int) -> bool:
    """An m beside hours or seconds."""
    letters = [token[0].lower() if token[0] != "[" else token[1:2].lower() for token in tokens]
    before = next((letter for letter in reversed(letters[:place]) if letter in "ymdhs"), "")
    after = next((letter for letter in letters[place + 1 :] if letter in "ymdhs"), "")
    return before == "h" or after == "s"
