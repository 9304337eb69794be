"""Text -> sum: the arithmetic in a question, whether typed in signs or said in words.

Words become signs by `RULES`, one after the other; what then stands in signs is parsed.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

DEEPEST = 30  # brackets within brackets
MOST_TOKENS = 300


@dataclass(frozen=True)
class Number:
    value: Fraction
    currency: str = ""


@dataclass(frozen=True)
class Operation:
    name: str
    """A sign (`+ - * / mod ^ neg % !`) or one of `FUNCTIONS`."""
    parts: "tuple[Sum, ...]"


Sum = Number | Operation


class NotASum(Exception):
    """The text does not read as arithmetic from here on: its one argument."""


def whole(text: str) -> Sum:
    """All of the text, read as one sum."""
    return _Parser(in_signs(text).rstrip(" =?.")).whole()


def within(text: str) -> Sum | None:
    """The sum that a sentence asks for; nothing where what it asks is not plain."""
    signs = in_signs(text)
    runs = [run[0].rstrip(" (-").lstrip(" )") for run in RUN.finditer(signs) if re.search(r"\d", run[0])]
    try:
        found = set() if BEYOND.search(text.lower()) else {_Parser(run).whole() for run in runs}
    except NotASum:
        return None
    # A second sum, or a number left over, is a sign that more was asked than was understood.
    return found.pop() if len(found) == 1 and all(map(_is_work, found)) else None


def in_signs(text: str) -> str:
    text = " ".join(text.lower().translate(SAME_SIGNS).replace("**", "^").split())
    for words, signs in RULES:
        text = re.sub(words, signs, text)
    return text


def _is_work(found: Sum) -> bool:
    """More than a number, be it negative or a percentage."""
    return isinstance(found, Operation) and (found.name not in ("neg", "%") or _is_work(found.parts[0]))


# Numbers in words

ONES = {word: n for n, word in enumerate(
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen".split())}  # fmt: skip
TENS = {word: 10 * n for n, word in enumerate("twenty thirty forty fifty sixty seventy eighty ninety".split(), 2)}
SCALES = {"hundred": 100, "thousand": 10**3, "million": 10**6, "billion": 10**9, "dozen": 12, "grand": 10**3,
          "k": 10**3, "m": 10**6, "bn": 10**9}  # fmt: skip
SHARES = {"half": 2, "halves": 2, "third": 3, "quarter": 4, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7,
          "eighth": 8, "ninth": 9, "tenth": 10}  # fmt: skip


def _any(words: Iterable[str]) -> str:
    return f"(?:{'|'.join(words)})"


BELOW_100 = rf"(?:{_any(TENS)}(?:[ -]{_any(ONES)})?|{_any(ONES)})"
BELOW_1000 = rf"(?:(?:{BELOW_100} )?hundred(?: (?:and )?{BELOW_100})?|{BELOW_100})"
SPOKEN = rf"\b{BELOW_1000}(?: (?:thousand|million|billion)(?: (?:and )?{BELOW_1000})?)*(?: point(?: {_any(ONES)})+)?\b"


def _figures(spoken: re.Match[str]) -> str:
    """`two hundred and five thousand`, `three point one four`."""
    words, _, digits = spoken[0].partition(" point ")
    total = current = 0
    for word in re.findall("[a-z]+", words):
        if word == "hundred":
            current = (current or 1) * 100
        elif word in SCALES:
            total, current = total + current * SCALES[word], 0
        else:
            current += ONES.get(word, 0) + TENS.get(word, 0)
    point = "." if digits else ""
    return f"{total + current}{point}{''.join(str(ONES[digit]) for digit in digits.split())}"


def _scaled(said: re.Match[str]) -> str:
    """`1.5 million`, `83 grand`, `a dozen`, `5k`."""
    return f"{Decimal(said['n'] or 1) * SCALES[said['scale']]:f}"


def _share(said: re.Match[str]) -> str:
    """`two thirds of`, `3 quarters`, `half`; a share of nothing is no number."""
    if not said["n"] and not said["of"]:
        return said[0]
    return f"{said['n'] or 1}/{SHARES[said['part']]}{' * ' if said['of'] else ''}"


# Words -> signs

SAME_SIGNS = str.maketrans({"’": "'", "×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "√": "sqrt "})
FIGURES = r"(?<![\d.])(?:\d+(?:\.\d+)?|\.\d+)(?:e[+-]?\d{1,3}\b)?"
AMOUNT = rf"[$€£]?{FIGURES}%?"
N, P = f"({AMOUNT})", f"({FIGURES}%)"
LIST = rf"({AMOUNT}(?:(?:, and |, | and | \+ ){AMOUNT})+)"
PART = r"([-$€£\d(][-+*/^().$€£\d% ]*?)"  # a sum in signs
SKIP = r"(?: [a-z]+){0,3}? "
UNKNOWN = r"(?!mod\b|then\b)[a-z]+"
BEYOND = re.compile(r"\b(?:pi|log|ln|logarithm|sin|sine|cos|cosine|tan|tangent|median)\b|π")
ORDINAL = _any(list(SHARES)[2:])
LEVY = "(?:sales tax|tip|gratuity|tax|vat|gst|raise|fee|markup|commission|surcharge|bonus|deposit|service charge|match)"
PEOPLE = "(?:of us|people|friends|colleagues|guests|persons|roommates|coworkers|kids|ways)"
VERBS = {"add": "+", "subtract": "-", "remove": "-", "deduct": "-", "multiply": "*", "divide": "/", "increase": "+",
         "decrease": "-", "double": "* 2", "triple": "* 3", "halve": "/ 2", "square": "^ 2"}  # fmt: skip


def _listed(said: re.Match[str]) -> str:
    items = re.findall(AMOUNT, said[2])
    if said[1] in ("average", "mean"):
        return f"average({', '.join(items)})"
    return f"({(' * ' if said[1] == 'product' else ' + ').join(items)})"


def _step(said: re.Match[str]) -> str:
    return f" then {VERBS[said[1]]} "


RULES: list[tuple[str, str | Callable[[re.Match[str]], str]]] = [
    (r"\b(?:an?|the|my|our|your|please|evenly|equally|exactly|just|also|about) ", ""),
    (r"\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{4}|\b40[13] ?\(?[kb]\b\)?|\b(?:in|since) 20\d\d\b(?! ?[-+*/^%])", "…"),
    # Numbers
    (r"(?<=\d),(?=\d{3}(?!\d))", ""),
    (SPOKEN, _figures),
    (rf"(?P<n>{FIGURES}) ?(?P<scale>{_any(SCALES)})\b", _scaled),
    (r"\b(?P<n>)(?P<scale>thousand|million|dozen)\b", _scaled),
    (r"[$] (?=\d)|[$]?\b(?=[\d.]+ ?(?:dollars?|bucks?|usd)\b)", "$"),
    (r"€ (?=\d)|\b(?=[\d.]+ ?(?:€|(?:euros?|eur)\b))", "€"),
    (r"£ (?=\d)|\b(?=[\d.]+ ?(?:£|(?:quid|gbp)\b))", "£"),
    (r"(?<=\d) ?(?:dollars?|bucks?|usd|euros?|eur|quid|gbp)\b|(?<=\d) ?[€£]", ""),
    (r"(?<=[\d)]) % (?=[\d(])|\bmodulo\b", " mod "),
    (r" ?\b(?:per ?cent(?:age)?|pct)\b(?! ?\()| %", "%"),
    (r"(?P<n>\d+) and (?P<part>half|quarter|third)(?P<of>)", lambda said: f"({said[1]} + 1/{SHARES[said[2]]})"),
    # Powers and roots
    (rf"(?<=to ){ORDINAL}\b|\b{ORDINAL}(?= root)", lambda said: f"{SHARES[said[0]]}th"),
    (r" (?:raised )?to (\d+)(?:st|nd|rd|th)\b(?: power)?", r"^\1"),
    (r" (?:raised )?to power(?: of)? | raised to | to (?=(?:minus|negative) \d)", " ^ "),
    (rf"\b(\d+)(?:st|nd|rd|th) root of {N}", r"\2^(1/\1)"),
    (rf"\b(?:cube|cubic) root(?: of)? {N}", r"cbrt(\1)"),
    (rf"\b(?:square root|root|sqrt)(?: of)? {N}", r"sqrt(\1)"),
    (r"\b(?:square root|sqrt)(?: of)? (?=\()", "sqrt"),
    (rf"\bsquare(?: of)? {N}", r"\1^2"),
    (rf"\bcube(?: of)? {N}", r"\1^3"),
    (r" squared\b", "^2"),
    (r" cubed\b", "^3"),
    (rf"\bfactorial of {N}", r"\1!"),
    (r" factorial\b", "!"),
    # Percentages
    (rf"\b(?:what|which|how many)% (?:of|is){SKIP}{N} is {N}", r"percent(\2, \1)"),
    (rf"\b(?:what|which|how many)% is {N} (?:out )?of {N}", r"percent(\1, \2)"),
    (rf"{N} (?:(?:is|as)(?: what| which| how many)?%|out) of {N}(?: as%)?", r"percent(\1, \2)"),
    (rf"(?:% ?(?:change|increase|decrease)|\bchange) (?:from|between) {N} (?:to|and) {N}", r" change(\1, \2)"),
    (rf"\b(sav\w+ .{{0,40}}?){P} off(?: of)? {N}", r"\1 \2 * \3"),
    (rf"{N} off(?: of)?{SKIP}{N}", r"\2 - \1"),
    (rf"{P} (?:discount|reduction) on{SKIP}{N}", r"\2 - \1"),
    (rf"\b(?:with|after|less) {P} (?:discount|reduction)", r"- \1"),
    (rf"(%|/\d+)(?: {LEVY})? (?:of|on|for)\b", r"\1 *"),
    (rf"% {LEVY}\b", "%"),
    (rf"\b(?:with|including) (?={P})", "+ "),
    # Signs
    (rf"{N} (?:less than|subtracted from|taken from) {N}", r"\2 - \1"),
    (rf"(?:\bhow many times does )?{N} (?:goes |go )?into {N}", r"\2 / \1"),
    (r"\b(?:plus|added to|more than|increased by)\b", "+"),
    (r"\b(?:minus|negative|take away|less|decreased by|reduced by)\b", "-"),
    (r"\b(?:times|multiplied by)\b|(?<=[\d)%]) ?x ?(?=[\d($€£])", "*"),
    (r"\bdivided (?:by|into|between)\b|(?<=[\d)] )over(?= \d)|(?<=\d )split(?: by| between| among)?(?= \d)", "/"),
    (r"\b(double|twice|triple) (?=[$€£\d(])", lambda said: "3 * " if said[1] == "triple" else "2 * "),
    (rf"(?:\b(?P<n>\d+) |\b)(?P<part>{_any(SHARES)})s?\b(?P<of> of\b| (?=[$€£\d]))?", _share),
    (rf"{N} [a-z]+ of {N}", r"\1 * \2"),
    (rf"{N}(?: [a-z]+){{0,2}} (?:at|@) {N}", r"\1 * \2"),
    # Units and other words beside a sign
    (rf"(?<=[\d%)!])(?: {UNKNOWN}){{1,3}}(?= [-+*/^] )", ""),
    (rf"(?<=[-+*/^]) +(?:{UNKNOWN} ){{1,4}}(?=[$€£\d(])", " "),
    # Orders
    (r",? (?:and )?then (?=[-+*/^] )", " then "),
    (r",?(?: and| then|,)* \b(double|triple|halve|square) (?:it|that|this|result)\b", _step),
    (r"(?:,| and| then)+ (add|subtract|remove|deduct|(?:multiply|divide|increase|decrease)(?= (?:it |that )?by))"
     rf"(?: it| that)?(?: by)? (?={N})", _step),
    (rf"\b(add|sum|total|average|mean|product)\b[^\d$€£(]{{0,25}}?{LIST}", _listed),
    (rf"\badd {N} to{SKIP}{N}", r"\2 + \1"),
    (rf"\b(?:subtract|take|deduct|remove) {PART}(?: [a-z]+){{0,2}} from{SKIP}{N}", r"\2 - (\1)"),
    (rf"\bmultiply{SKIP}{PART} (?:by|and|with) (?={N})", r"(\1) * "),
    (rf"\b(?:divide|split|share){SKIP}{PART}{SKIP}(?:by|and|with|into|between|among|amongst) (?={N})", r"(\1) / "),
    (rf"\b(?:divide|split|share){SKIP}{PART}{SKIP}{N} {PEOPLE}", r"(\1) / \2"),
    (rf"{N} {PEOPLE} (?:split|share|divide){SKIP}{PART}(?= ?(?:[a-z,?;]|\.? |\.?$))", r"(\2) / \1"),
    (rf"{N} for {N} {PEOPLE}(?=.*\b(?:each|apiece|per person)\b)", r"\1 / \2"),
    (rf"\b(?:increase|raise|grow|bump|bump up){SKIP}{PART} by (?={N})", r"(\1) + "),
    (rf"\b(?:decrease|reduce|lower|cut|drop){SKIP}{PART} by (?={N})", r"(\1) - "),
    (rf"\bremainder (?:when|of|if) {N} (?:is )?/ {N}", r"\1 mod \2"),
    (rf"\bquotient of {N} and {N}", r"\1 / \2"),
    (rf"\bdifference (?:between|of) {N} and {N}", r"abs(\1 - \2)"),
]  # fmt: skip

# Signs -> sum

FUNCTIONS = {"sqrt": 1, "cbrt": 1, "abs": 1, "percent": 2, "change": 2, "average": 0}  # numbers each takes; 0: any
RUN = re.compile(
    rf"(?:\b(?:average|percent|change)\([^()]*\)|\b(?:sqrt|cbrt|abs)(?=\()|\b(?:mod|then)\b|[$€£]?{FIGURES}"
    r"|[-+*/^()!%\s])+"
)
TOKEN = re.compile(
    rf"\s*(?:(?P<currency>[$€£])?(?P<figures>{FIGURES})|(?P<sign>{_any(FUNCTIONS)}\b|mod\b|then\b|[-+*/^()!%,])|(?P<other>\S))"
)
STRENGTHS = {"+": 1, "-": 1, "*": 2, "/": 2, "mod": 2}


class _Parser:
    """Precedence climbing over tokens in signs."""

    def __init__(self, text: str) -> None:
        self.text, self.at, self.depth = text, 0, 0
        self.tokens = [*TOKEN.finditer(text)]

    def whole(self) -> Sum:
        found = self.sum()
        while self.take("then"):
            sign = self.next
            self.at += 1
            if sign not in {*STRENGTHS, "^"}:
                raise self.lost()
            found = Operation(sign, (found, self.sum(2)))
        if self.at < len(self.tokens):
            raise self.lost()
        return found

    @property
    def next(self) -> str:
        return self.tokens[self.at]["sign"] or "" if self.at < len(self.tokens) else ""

    def take(self, sign: str) -> bool:
        taken = self.next == sign
        self.at += taken
        return taken

    def need(self, sign: str) -> None:
        if not self.take(sign):
            raise self.lost()

    def lost(self) -> NotASum:
        return NotASum(self.text[self.tokens[self.at].start() :] if self.at < len(self.tokens) else self.text)

    def sum(self, strength: int = 1) -> Sum:
        left = self.operand()
        while STRENGTHS.get(sign := self.next, 0) >= strength:
            self.at += 1
            left = Operation(sign, (left, self.sum(STRENGTHS[sign] + 1)))
        return left

    def operand(self) -> Sum:
        self.depth += 1
        if self.depth > DEEPEST or self.at > MOST_TOKENS:
            raise self.lost()
        if self.take("-"):
            found: Sum = Operation("neg", (self.operand(),))
        else:
            self.take("+")
            found = self.power()
        self.depth -= 1
        return found

    def power(self) -> Sum:
        found = self.atom()
        while self.next in ("%", "!"):
            found = Operation(self.next, (found,))
            self.at += 1
        return Operation("^", (found, self.operand())) if self.take("^") else found

    def atom(self) -> Sum:
        name = self.next
        if self.at < len(self.tokens) and (token := self.tokens[self.at])["figures"]:
            self.at += 1
            return Number(Fraction(token["figures"]), token["currency"] or "")
        self.at += name in FUNCTIONS
        self.need("(")
        parts = [self.sum()]
        while name in FUNCTIONS and self.take(","):
            parts.append(self.sum())
        self.need(")")
        if name in FUNCTIONS and FUNCTIONS[name] not in (0, len(parts)):
            raise NotASum(self.text)
        return Operation(name, tuple(parts)) if name in FUNCTIONS else parts[0]
