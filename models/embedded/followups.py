"""A message in its thread -> what kind of follow-up it is, and the same, standing alone: by rules about English."""

import re
from collections.abc import Sequence
from typing import Literal

from ingest.words import terms
from models.embedded.writer import EMPTY

Kind = Literal["corrects", "adds", "replaces", "asks on"]
"""`No, I meant the HSA`; `even if I'm part-time?`; `and for dental?`; `how long does that take?`."""

FEW = 4
"""A message of so few telling words, that leans on another, is read together with it."""
PHRASE = 8
"""Words of a message that is no whole sentence, at most."""
BACK = 6
"""How many turns a message may lean on, one on the other."""

LEAD = re.compile(r"(?i)^\W*(?:(?:and|n|but|so|then|or|also|ok|okay|well|hm+|oh|ah)\b\W*)+")
CORRECTS = re.compile(
    r"(?i)^\W*(?:(?:no|nope|sorry|oops|wait|actually|rather|hold on|my bad)\b\W*)*"
    r"(?:i\s+(?:really\s+)?mean[t]?\b|i\s+was\s+(?:asking|talking)\s+about\b|not\b(?=[^?]*,))\W*(?:for\s+|about\s+)?"
    r"|^\W*(?:(?:no|nope|sorry|oops|wait|actually)\b\W+)+(?=\S)(?!.*\?)"
)
CORRECTED = re.compile(r"(?i)\W+i\s+mean[t]?\W*$")
NOT = re.compile(r"(?i)\bnot\s+(?:the\s+|for\s+|about\s+)?([^,.;]+)[,.;]\s*|[,;]\s*not\s+(?:the\s+|for\s+)?([^,.;?]+)")

ABOUT = re.compile(r"(?i)^\W*(?:what|how)\s+(?:about|of)\b")
CONDITION = re.compile(
    r"(?i)^\W*(?:(?:what|how\s+about)\s+(?:if|when)"
    r"|(?:even|only|also|not\s+even)\s+(?:if|when|while|after|before|for|in|on|during|with))\b"
)
CLAUSE = re.compile(r"(?i)^\W*(?:if|when|while|unless|once|because|since|although|until)\b")
AUXILIARY = (
    r"(?:is|are|am|was|were|do|does|did|can|could|may|might|must|shall|should|will|would|has|have|had)(?:n['’]?t)?\b"
)
ASKS = re.compile(
    rf"(?i)^\W*(?:{AUXILIARY}|(?:what|which|who|whom|whose|where|why|how|when)\b(?!\s+(?:about|of)\b))|"
    r"^\W*(?:tell|show|give|explain|list|compare|describe|find|check|help)\b"
)
MAIN = re.compile(rf"(?i)[,;]\s*(?:then\s+)?(?:{AUXILIARY}|what|which|who|where|why|how|when|tell|show|give)\b")
PREPOSITION = re.compile(
    r"(?i)^\W*(?:for|after|before|in|on|with|without|at|during|under|over|from|by|to|as|per|within|until)\b"
)

# `It` that stands for nothing, and `there` that is no place.
EXPLETIVE = re.compile(
    r"(?i)\b(?:what\s+(?:time|day|date|year)\s+is\s+it|is\s+it\s+(?:going\s+to\s+)?(?:rain|snow|sunny|cold|hot|warm|windy|cloudy|"
    r"ok(?:ay)?|true|possible|necessary|allowed)\w*|(?:is|does|would)\s+it\s+(?:matter|make\s+sense)|"
    r"it(?:['’]s|\s+(?:is|was|will\s+be))\s+(?:raining|snowing)|it\s+(?:rain|snow)s?|does\s+it\s+take\s+(?:for\s+\w+\s+)?to|it\s+takes?\s+to|"
    r"(?:is|are|was|were|will|be|been)\s+there|there(?:['’]s|\s+(?:is|are|was|were|will))|one\s+of|that\s+(?:i|you|we|my|our|the|is|are|was|were)\b)"
)
REFERS = re.compile(
    r"(?i)\b(?:it|its|that|this|these|those|they|them|their|ones?|there|he|she|him|her"
    r"|(?:the|another)\s+(?:same|others?|first|second|latter|former|rest(?!\s+of)|remainder)(?!\s+\w+\s+of))\b"
)
OTHERS = re.compile(r"(?i)\b(?:they|them|their)\b")
"""Who runs things is called so too: `do they withhold tax?`"""
UNSAID = re.compile(rf"(?i)\bhow\s+many\s+(?:{AUXILIARY}|at\b|per\b|in\b|for\b|of\s+(?:them|those|these)\b|\W*$)")
WHY = re.compile(
    r"(?i)^\W*(?:why|how so|how come|(?:since|until|by) when|for how long|who|where|when|how|really|such as)"
    r"(?:\s+not)?\W*$"
)
# What people ask of a subject without naming it again: about its times, sums, papers and people.
ASPECTS = frozenset(
    term
    for word in """
    ahead allowed amount amounts answer apply applying approval approve approved approves back begin best
    call claim condition conditions contact cost costs count counts cover date dates day days deadline decide decides
    documents early eligible email end ends enough exact exactly exception exceptions extra far fast fee fees fill form
    forms free full happen hard hour hours late later latest least length limit limits longer longest max maximum min
    minimum money month months most notice number often open order paper paperwork papers people percent percentage
    phone pick portion proof qualify quick quickly rate reach reason reasons receipt receipts repay request
    required requirement requirements rest rule rules send share sign smallest soon start starts step steps submit
    sum tax taxable taxed time times total twice upload wait week weeks write year yearly years
    """.split()
    for term in terms(word)
)

PLEASANTRY = re.compile(
    r"(?i)^\W*(?:thanks?|thank\s+you|thx|cheers|ok(?:ay)?|great|perfect|cool|nice|good|got\s+it|i\s+see|hi|hello|hey|bye)\b"
)


def kind(message: str) -> Kind | None:
    """What sort of follow-up the message is, by its form; None when it stands alone."""
    said = LEAD.sub("", message, count=1)
    joined = said != message
    if CORRECTS.match(message) or CORRECTED.search(message):
        return "corrects" if len(_telling(message)) <= FEW + 2 else None
    if _is_condition(said):
        return "adds"
    if ABOUT.match(said) or (_is_phrase(said) and (joined or PREPOSITION.match(said) or _is_short(said))):
        return "replaces" if len(_telling(said)) < FEW else None
    if UNSAID.search(said) or WHY.match(said) or _refers(said):
        return "asks on" if len(terms(said)) <= FEW else None
    if ASKS.match(said) and len(said.split()) <= PHRASE and not EXPLETIVE.search(said):
        return "asks on" if ASPECTS.issuperset(_telling(said)) else None
    return None


def leans(message: str) -> bool:
    return kind(message) is not None


def refers(message: str) -> bool:
    """Whether a word of it stands for what was said before, or is left out where one must be."""
    said = LEAD.sub("", message, count=1)
    return _refers(said) or UNSAID.search(said) is not None


def written_out(message: str, earlier: Sequence[str]) -> str:
    """The message with the question that it leans on, and the last turn, when that leans on it too."""
    asked = [one for one in earlier[-BACK:] if not _is_pleasantry(one)] or [*earlier[-1:]]
    start = next((place for place in range(len(asked) - 1, -1, -1) if not leans(asked[place])), 0)
    before = [asked[start], *asked[start + 1 :][-1:]]
    if kind(message) == "corrects":
        return _corrected(message, before)
    return " ".join([*before, message])


def _telling(message: str) -> list[str]:
    return [term for term in terms(message) if term not in EMPTY]


def _is_condition(said: str) -> bool:
    """A condition with nothing that depends on it."""
    if CONDITION.match(said):
        return not MAIN.search(said)
    return bool(CLAUSE.match(said)) and not ASKS.match(CLAUSE.sub("", said, count=1)) and not _has_main(said)


def _has_main(said: str) -> bool:
    """`When is Labor Day?` asks when; `if I leave, is it paid?` asks after its comma."""
    asks_when = re.match(rf"(?i)^\W*when\s+{AUXILIARY}", said)
    return bool(asks_when or MAIN.search(said) or "," in said)


def _is_phrase(said: str) -> bool:
    """No whole sentence: nothing is asked, and nothing is told of anyone."""
    whole = ASKS.match(said) or re.search(rf"(?i)\b(?:i|we|you|he|she|they|it)(?:['’]\w+)?\s|\b{AUXILIARY}", said)
    return not whole and len(said.split()) <= PHRASE


def _is_short(said: str) -> bool:
    """`Part-timers?`"""
    return said.rstrip().endswith("?") and len(said.split()) <= 2


def _refers(said: str) -> bool:
    """To something that was not said in the same message."""
    plain = EXPLETIVE.sub(" ", said)
    found = REFERS.search(plain)
    if found is None:
        return False
    if OTHERS.fullmatch(found[0]) and not REFERS.search(OTHERS.sub(" ", plain)):
        return len(_telling(said)) < FEW - 1
    before = plain[: found.start()]
    return not (re.search(r"[.!?;,]\s", before) and len(_telling(before)) > 1)


def _is_pleasantry(message: str) -> bool:
    return bool(PLEASANTRY.match(message)) and len(_telling(message)) <= 1


def _corrected(message: str, before: Sequence[str]) -> str:
    """The question before with what was meant, where what was not meant is plain; else with both."""
    asked, wrong = " ".join(before), NOT.search(message)
    if wrong is not None:
        meant, named = NOT.sub(" ", message).strip(" ,;.?"), (wrong[1] or wrong[2]).strip()
        swapped = re.sub(rf"(?i)(?<!\w){re.escape(named)}(?!\w)", lambda _: meant, asked)
        return swapped if swapped != asked and meant else f"{asked} {message}"
    meant = CORRECTED.sub("", CORRECTS.sub("", message, count=1)).strip(" ,;.?")
    for names in (YEAR, NAME):
        there, new = {*names.findall(asked)}, {*names.findall(f"so {meant}")}
        if len(there) == len(new) == 1:
            return asked.replace(there.pop(), new.pop())
    return f"{asked} {meant}"


YEAR = re.compile(r"\b(?:19|20)\d\d\b")
NAME = re.compile(r"(?<=[a-z,]\s)(?!I\b)[A-Z][\w&-]*(?:\s[A-Z][\w&-]*)*")
"""In the middle of a sentence."""
