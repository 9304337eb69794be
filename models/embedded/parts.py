"""A message -> its parts: one for each intent in it, with the words that belong to it."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from models.embedded.intents import OTHER, Guess

SMALLTALK = "smalltalk"

# How sure a clause must be to open a part; chosen on 95 written messages and 483 wordy questions with one part each.
AFTER_STOP, AFTER_COMMA, FOR_PHRASE = 0.45, 0.55, 0.8
SHORT = 8  # words; a longer phrase that asks nothing is told by the way
LONGEST = 1_000  # characters; what is longer is a text to be read, not a list of questions

JOINT = re.compile(
    r"(?P<stop>(?:[?!;…]+|\.+)(?=\s|$)|(?=\n\s*\n))"
    r"|[,:](?=\s)|\s[-–—]+(?=\s+[^\s\d])|(?=\n|\s(?:and|but|or|&)\s)|(?<!\d)(?=\splus\s)",
    re.IGNORECASE,
)
SHORTENED = re.compile(r"(?:^|[\s(])(?:\w|\w\.\w|dr|mrs?|ms|prof|st|mt|vs|nr|inc|approx|etc|ext|incl)$", re.IGNORECASE)
LEAD = re.compile(
    r"(?:[\s,:;!&]+|[*•.–—-]+\s|\d{1,2}[.)]\s|(?:and|plus|also|then|but|or|so|oh|ok(?:ay)?|now|next|well|please|just|finally|lastly|"
    r"if so|(?:one|another) (?:more )?thing|separately|"
    r"first(?:ly)?|second(?:ly)?|third(?:ly)?|by the way|btw|after that|"
    r"hi(?:ya)?|hello|hey|good (?:morning|afternoon|evening))\b)*",
    re.IGNORECASE,
)
UNFINISHED = re.compile(
    r"(?:if|since|because|while|although|though|as|after|before|once|given|when(?!['’]?s?\s+(?:is|are|do|does|did|will|can|"
    r"should|was|were|the|my|our)\b))\b",
    re.IGNORECASE,
)
EXPRESSION = (
    r"[-(]*[$€£]?\d[\d.,]{0,20}\)?\s*"
    r"(?:[-+*/×÷^%=]|x\b|(?:of|times|plus|minus|divided|over|percent|to the|squared|cubed)\b)"
)
ASKS = re.compile(
    rf"{EXPRESSION}|(?!(?:what|which|when|where|who|why|how)\s+(?:to|i|we|you|he|she|they)\b)"
    r"(?!(?:am|is|are|was|were|do|does|did|has|have|can|could|will|would)(?:n['’]?t\s+(?!i|you|we|it|he|she|the|my|our|this|"
    r"that|there)\w|\s+(?:a|an|to|been|be|like|love|not|on|at|in|of|for)\b))"
    r"(?:(?:what|which|when|where|who|whom|whose|why|how|is|are|am|was|were|do|does|did|can|could|may|might|must|shall|"
    r"should|will|would|has|have|any)(?:['’]?(?:s|re|d|ll)|n['’]?t)?|cannot|can['’]?t|won['’]?t|anything|"
    r"add|approve|ask|book|bring|bump|buy|calculate|call|cancel|change|check|close|compare|compute|convert|cut|delete|"
    r"dim|divide|draft|drop|email|enrol+|enter|estimate|explain|figure|file|find|flip|forward|get|give|go through|help|"
    r"increase|let|list|lock|log|look|lower|make|mark|message|move|multiply|open|order|outline|pause|pay|pick|plan|play|post|"
    r"print|propose|put|raise|read|recommend|remind|remove|rename|reply|request|reschedule|reserve|ring|roll|round|schedule|"
    r"search|sell|send|set|show|skip|spell|split|start|stop|subtract|suggest|sum|summari[sz]e|switch|take|tell|text|"
    r"transfer|translate|turn|update|wake|walk me|weigh|work out|write|"
    r"i (?:also )?(?:need|want|wanna|would like|wonder)|(?:i|we)['’]?d (?:also )?(?:like|love)|i['’]?m wondering|"
    r"let['’]?s)\b",
    re.IGNORECASE,
)
STATES = re.compile(
    r"(?:(?:i|we|you|it|he|she|they|this|that|these|there)\b|(?:my|our|your|his|her|their)(?:\s+\S+){4})", re.IGNORECASE
)
CONTINUES = re.compile(
    r"(?:would|will|could|have|has|need|want|wish|like|am|was|been|keep)\s+(?:like|love|to|be|been)\b", re.I
)
REFERS_BACK = re.compile(r"\b(?:it|its|them|they|ones?)\b|\b(?:this|that|these|those)\W*$", re.IGNORECASE)
NAMES_NO_THING = re.compile(r"(?:what|who|which|where|how \w+)(?:['’]?s|\s+(?:is|are))\s+the(?:\s+\w+){1,2}\W*$", re.I)
# A clause of these words alone says nothing without the one before it: "and how much can I take?"
EMPTY = re.compile(
    r"(?:(?:a|about|all|also|an|and|any|are|at|be|been|but|by|can|could|did|do|does|each|else|ever|exactly|far|for|from|get|"
    r"give|go|had|has|have|he|her|him|his|how|i|if|in|is|it|its|just|know|like|long|many|may|me|mean|mine|more|much|must|my|"
    r"need|of|often|on|ones?|or|others?|our|ours|out|please|say|she|should|so|soon|some|take|tell|than|that|the|theirs?|"
    r"them|then|there|these|they|things?|this|those|to|too|up|us|want|was|way|we|well|were|what|when|where|which|who|whom|"
    r"whose|why|will|with|would|yours?|you|s|re|d|ll|m|ve|t)\b\W*)*",
    re.IGNORECASE,
)


After = Literal["stop", "comma"]
Kind = Literal["asks", "states", "phrase"]


@dataclass(frozen=True)
class Part:
    text: str
    guess: Guess


@dataclass(frozen=True)
class Clause:
    """A stretch of the message that might stand by itself."""

    stretch: str
    text: str
    """The stretch without the words and marks that only join it to the others."""
    after: After
    kind: Kind

    @property
    def asks(self) -> bool:
        return self.kind == "asks" or self.text.endswith("?")


@dataclass
class Draft:
    """A part while the message is walked over."""

    guess: Guess
    clauses: list[Clause] = field(default_factory=list)

    @property
    def is_preamble(self) -> bool:
        asks = any(clause.asks and not STATES.match(clause.text) for clause in self.clauses)
        return self.guess.intent == OTHER and not asks


def parts(text: str, guess: Callable[[Sequence[str]], list[Guess]]) -> list[Part]:
    """At least one part; a message without a joint in it is looked at once, as it stands."""
    clauses = _asking(_clauses(text)) if len(text) <= LONGEST else []
    if len(clauses) < 2:
        return [Part(text.strip(), guess([text.strip()])[0])]
    drafts = _drafts(clauses, guess([clause.text for clause in clauses]))
    if len(drafts) == 1:
        words = _words(drafts[0])
        return [Part(words, guess([words])[0])]
    return [Part(_words(draft), draft.guess) for draft in drafts]


def _asking(clauses: Sequence[Clause]) -> list[Clause]:
    """The clauses that may be parts: where something is asked, what is told only leads up to it."""
    if not any(clause.kind == "asks" for clause in clauses):
        return list(clauses)
    asking: list[Clause] = []
    told = ""
    for clause in clauses:
        is_request = clause.kind == "phrase" and len(clause.text.split()) <= SHORT
        if clause.asks or (is_request and (clause.after == "stop" or not told)):
            asking.append(replace(clause, stretch=told + clause.stretch))
            told = ""
        elif asking and clause.after == "comma":
            asking[-1] = replace(asking[-1], stretch=asking[-1].stretch + clause.stretch)
        else:
            told += clause.stretch
    return [*asking[:-1], replace(asking[-1], stretch=asking[-1].stretch + told)]


def _clauses(text: str) -> list[Clause]:
    """The stretches between the joints; one that cannot stand by itself goes with the one before it."""
    clauses: list[Clause] = []
    for stretch, after in _stretches(text):
        clause = _clause(stretch, after)
        if clauses and _belongs(clause, clauses[-1]):
            last = clauses.pop()
            clause = _clause(last.stretch + stretch, last.after)
        clauses.append(clause)
    return clauses


def _stretches(text: str) -> Iterator[tuple[str, After]]:
    """The text between the joints, with the kind of joint before it; all but the first begin with a space."""
    start = 0
    after: After = "stop"
    for joint in JOINT.finditer(text):
        if joint[0] == "." and SHORTENED.search(text, start, joint.start()):
            continue
        if _bare(text[start : joint.start()]):
            yield text[start : joint.end()], after
            start, after = joint.end(), "comma"
        if joint["stop"] is not None:
            after = "stop"
    if text[start:].strip():
        yield text[start:], after


def _clause(stretch: str, after: After) -> Clause:
    text = _bare(stretch)
    kind: Kind = "asks" if ASKS.match(text) else "states" if STATES.match(text) else "phrase"
    return Clause(stretch, text, after, kind)


def _bare(stretch: str) -> str:
    return LEAD.sub("", stretch, count=1).strip().rstrip(",:;-–—&").rstrip()


def _belongs(clause: Clause, last: Clause) -> bool:
    """Whether it says nothing without the clause before it, or that one nothing without it."""
    if EMPTY.fullmatch(clause.text):
        return True
    if clause.after == "stop":
        return False
    if clause.kind == "phrase" and len(clause.text.split()) < 2:
        return True
    is_joined = not clause.stretch.lstrip().startswith(clause.text)
    lead_up = (last.kind == "states" and clause.kind == "asks") or UNFINISHED.match(last.text)
    return bool(lead_up and not is_joined) or bool(CONTINUES.match(clause.text))


def _drafts(clauses: Sequence[Clause], guesses: Sequence[Guess]) -> list[Draft]:
    drafts: list[Draft] = []
    running: Draft | None = None
    for clause, guess in zip(clauses, guesses, strict=True):
        if running is None:
            running = Draft(guess)
            drafts.append(running)
        elif guess.intent == running.guess.intent:
            running.guess = max(running.guess, guess, key=lambda g: g.confidence)
        elif guess.intent == SMALLTALK:
            continue
        elif running.guess.intent == SMALLTALK:
            running.guess, running.clauses = guess, []
        elif running.is_preamble and _may_open(clause, guess):
            running.guess = guess
        elif _may_open(clause, guess) and _stands(clause, guess, running):
            running = next((draft for draft in drafts if draft.guess.intent == guess.intent), None) or Draft(guess)
            if not running.clauses:
                drafts.append(running)
        running.clauses.append(clause)
    return drafts


def _may_open(clause: Clause, guess: Guess) -> bool:
    sure = AFTER_STOP if clause.after == "stop" else AFTER_COMMA
    if guess.intent == OTHER and (clause.kind != "asks" or NAMES_NO_THING.match(clause.text)):
        sure = FOR_PHRASE
    return guess.confidence >= sure and not (guess.intent == OTHER and REFERS_BACK.search(clause.text))


def _stands(clause: Clause, guess: Guess, running: Draft) -> bool:
    if clause.after == "stop" or clause.kind != "phrase":
        return True
    return OTHER not in (guess.intent, running.guess.intent) and guess.confidence >= FOR_PHRASE


def _words(draft: Draft) -> str:
    return _bare("".join(clause.stretch for clause in draft.clauses))
