"""Text -> sum: the arithmetic in a question, whether typed in signs or said in words."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

MOST_TOKENS = 300
DEEPEST = 30


@dataclass(frozen=True)
class Number:
    value: Fraction
    currency: str = ""


@dataclass(frozen=True)
class Operation:
    name: str
    """A sign (`+ - * / mod ^ neg % ! °`) or a function (`sqrt`, `average`, `percent`, …)."""
    parts: "tuple[Sum, ...]"


Sum = Number | Operation


class NotASum(Exception):
    """The text does not read as arithmetic from here on."""

    def __init__(self, rest: str) -> None:
        super().__init__(rest)
        self.rest = rest


def whole(text: str) -> Sum:
    """All of the text, read as one sum."""
    tokens = [*_tokens(text)]
    while tokens and tokens[0].kind in ("word", "is", "divide") and tokens[0].text in ASKING:
        tokens = tokens[1:]
    while tokens and tokens[-1].kind in ("=", "stop"):
        tokens = tokens[:-1]
    parser = _Parser(tokens, strict=True)
    try:
        found = parser.sum()
    except NotASum as lost:
        raise NotASum(text[tokens[parser.at].start :] if parser.at < len(tokens) else text) from lost
    if parser.at < len(tokens):
        raise NotASum(text[tokens[parser.at].start :])
    return found


def within(text: str) -> Sum | None:
    """The sum that a sentence asks for; nothing where what it asks is not plain."""
    tokens = [*_tokens(text)]
    runs: list[tuple[int, int, Sum]] = []
    at = 0
    while at < len(tokens):
        parser = _Parser(tokens, at)
        try:
            found = parser.sum()
        except NotASum:
            at += 1
            continue
        if _is_work(found):
            runs.append((at, parser.at, found))
        at = max(parser.at, at + 1)
    return _shared(tokens, *runs[0]) if len({found for *_, found in runs}) == 1 else None


def _is_work(found: Sum) -> bool:
    """More than a number that is negative, a percentage or an angle."""
    return isinstance(found, Operation) and (found.name not in ("neg", "%", "°") or _is_work(found.parts[0]))


def _shared(tokens: "Sequence[Token]", start: int, end: int, found: Sum) -> Sum | None:
    """Numbers outside the sum are the people who share it, or a sign that more was asked than was understood."""
    outside = [at for at, token in enumerate(tokens) if token.kind == "number" and not start <= at < end]
    sharers = [at for at in outside if at + 1 < len(tokens) and tokens[at + 1].kind == "people"]
    if sharers and any(token.text in ("each", "share", "split", "apiece", "person") for token in tokens):
        return Operation("/", (found, Number(tokens[sharers[0]].value)))
    saved = any(token.text in ("save", "saved", "saving", "saves") for token in tokens)
    if saved and isinstance(found, Operation) and found.name == "-" and _is_percent(found.parts[1]):
        return _times(found.parts[1], found.parts[0])
    unsure = any(token.kind in ("at", "of") for token in tokens[start:end]) and "%" not in _kinds(tokens[start:end])
    touching = any(_kinds(tokens[min(at, end) : max(at + 1, start)]) <= {"number", ","} for at in outside)
    unread = any(token.kind == "it" for token in tokens[end : end + 3]) or "it" in _kinds(tokens[start:end])
    return None if outside and (unsure or touching or unread or _is_percent(found)) else found


def _kinds(tokens: "Sequence[Token]") -> set[str]:
    return {token.kind for token in tokens}


# Tokens


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    start: int
    end: int
    value: Fraction = Fraction(0)
    currency: str = ""


def _one_of(said: str) -> list[str]:
    return [phrase.strip() for phrase in said.split(",")]


ASKING = {*_one_of("what,whats,calculate,compute,evaluate,solve,is,please,equals,how,much,does,work,out,find,tell,me")}
NOISE = {*_one_of("a,an,the,my,our,your,please,away,evenly,equally,evenly,exactly,altogether,just,also,another,about")}

SAID = {
    "+": "plus, added to, more than, increased by, along with, together with",
    "-": "minus, negative, less, take away, decreased by, reduced by, lowered by",
    "*": "times, multiplied by, x",
    "/": "divided by, over, divided into, divided between, divided among, divided amongst",
    "mod": "mod, modulo",
    "^": "to power of, raised to power of, to the power, to power",
    "to the": "raised to, to",
    "%": "percent, per cent, pct, percentage",
    "!": "factorial",
    "factorial": "factorial of",
    "squared": "squared",
    "cubed": "cubed",
    "sqrt": "square root of, square root, sqrt of, sqrt",
    "cbrt": "cube root of, cube root, cubic root of, cbrt",
    "root": "root of, root",
    "square": "square of, square",
    "cube": "cube of, cube",
    "ln": "natural log of, natural logarithm of, ln of, ln",
    "log base": "log base, logarithm base, log to base",
    "log": "log of, logarithm of, log, logarithm",
    "sin": "sine of, sin of, sine, sin",
    "cos": "cosine of, cos of, cosine, cos",
    "tan": "tangent of, tan of, tangent, tan",
    "°": "degrees, degree",
    "abs": "absolute value of, abs",
    "add": "add, add up, sum, sum of, sum up, total of, add together, adding",
    "average": "average of, mean of, average, avg of, avg, mean",
    "product": "product of, product",
    "difference": "difference between, difference of",
    "quotient": "quotient of, ratio of",
    "remainder": "remainder when, remainder of, remainder if",
    "max": "maximum of, max of, max, largest of, biggest of",
    "min": "minimum of, min of, min, smallest of",
    "subtract": "subtract, deduct, take, remove, subtracting, knock, taking",
    "multiply": "multiply, multiplying",
    "divide": "divide, dividing, split, share, shared",
    "increase": "increase, raise, grow, bump, bump up, mark up, increasing",
    "decrease": "decrease, reduce, lower, cut, drop, decreasing",
    "double": "double, twice",
    "triple": "triple, thrice",
    "halve": "halve",
    "less than": "less than, fewer than, subtracted from, taken from, deducted from",
    "ratio": "what percent of, what percentage of, what % of, how many percent of, as percentage of, as percent of, "
    "as % of, which percentage of, what proportion of",
    "change": "change, percent change from, percentage change from, % change from, percent increase from, "
    "% increase from, percentage increase from, percent decrease from, percentage decrease from, % decrease from, "
    "percent change between, percentage change between, percentage difference between, percent difference between",
    "interest": "simple interest on",
    "off": "off, off of",
    "from": "from",
    "of": "of",
    "on": "on, for",
    "at": "at, @",
    "by": "by, between, among, amongst, across",
    "into": "into",
    "and": "and, &",
    "with": "with, after, including",
    "is": "is, are, was, =",
    "out of": "out of",
    "base": "base",
    "power": "power",
    "then": "then, and then",
    "it": "it, that, this, them, result",
    "people": "ways, way, people, friends, colleagues, guests, of us, persons, person, roommates, coworkers, kids",
    "levy": "tip, gratuity, tax, vat, gst, raise, fee, markup, sales tax, commission, interest, surcharge, bonus, "
    "deposit, down payment, service charge, contribution, match",
    "discount": "discount, reduction, rebate, price cut",
    "pi": "pi, π",
}
PHRASES = {tuple(phrase.split()): kind for kind, said in SAID.items() for phrase in _one_of(said)}
LONGEST_PHRASE = max(map(len, PHRASES))
SIGNS = {"+": "+", "-": "-", "−": "-", "–": "-", "*": "*", "×": "*", "·": "*", "/": "/", "÷": "/", "^": "^", "**": "^",
         "(": "(", ")": ")", "!": "!", "%": "%", ",": ",", "°": "°", "√": "sqrt", "=": "=", "&": "and", "@": "at",
         "π": "pi"}  # fmt: skip

UNDER_TWENTY = _one_of(
    "zero,one,two,three,four,five,six,seven,eight,nine,ten,eleven,twelve,thirteen,fourteen,fifteen,sixteen,seventeen,"
    "eighteen,nineteen"
)
TENS = _one_of("twenty,thirty,forty,fifty,sixty,seventy,eighty,ninety")
SMALL = {word: n for n, word in enumerate(UNDER_TWENTY)} | {word: 10 * n for n, word in enumerate(TENS, 2)}
SCALES = {"thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12, "grand": 10**3}
SUFFIXES = {"": 1, "k": 10**3, "m": 10**6, "mn": 10**6, "bn": 10**9}
FRACTIONS = {"half": 2, "halves": 2, "quarter": 4, "quarters": 4}
ORDINALS = {word: n for n, word in enumerate(_one_of("third,fourth,fifth,sixth,seventh,eighth,ninth,tenth"), 3)}
CURRENCIES = {"$": "$", "€": "€", "£": "£", "dollar": "$", "dollars": "$", "buck": "$", "bucks": "$", "usd": "$",
              "euro": "€", "euros": "€", "eur": "€", "quid": "£", "gbp": "£"}  # fmt: skip

PIECE = re.compile(
    r"""(?P<date>\d{4}-\d\d-\d\d|\d{1,2}/\d{1,2}/\d{4}|401\s?\(?k\)?|403\s?\(?b\)?)
    | (?P<ordinal>\d{1,3}(?:st|nd|rd|th)\b)
    | (?:(?P<sign>[$€£])\s?)?(?P<number>\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)
      (?P<power>e[+-]?\d{1,3}\b)?(?P<suffix>(?:k|m|mn|bn)\b)?(?P<after>[€£])?
    | (?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)
    | (?P<op>\*\*|[-+*/^()!%,°√=&@π×·÷−–])
    | (?P<stop>[.?;\n]+)
    | (?P<noise>[\s:"“”'‘’…]+)
    | (?P<other>.)""",
    re.X | re.I,
)


def _tokens(text: str) -> Iterator[Token]:
    pieces = [piece for piece in _pieces(text) if piece.text not in NOISE]
    at = 0
    while at < len(pieces):
        token, at = _number(pieces, at) or _phrase(pieces, at) or (pieces[at], at + 1)
        yield token


def _pieces(text: str) -> Iterator[Token]:
    """Words in lower case, signs and figures; spaces and quotation marks are dropped."""
    for found in PIECE.finditer(text):
        kind, said, place = found.lastgroup, found[0].lower(), found.span()
        if found["number"]:
            power = Fraction(10) ** int((found["power"] or "e0")[1:])
            value = Fraction(found["number"].replace(",", "")) * power * SUFFIXES[(found["suffix"] or "").lower()]
            yield Token("number", said, *place, value, found["sign"] or found["after"] or "")
        elif found["ordinal"]:
            yield Token("ordinal", said, *place, Fraction(said[:-2]))
        elif found["op"]:
            yield Token(SIGNS[said], said, *place)
        elif kind != "noise":
            yield Token(kind if kind in ("word", "stop") else "other", said.replace("’", "'"), *place)


def _phrase(pieces: Sequence[Token], at: int) -> tuple[Token, int] | None:
    for size in range(min(LONGEST_PHRASE, len(pieces) - at), 0, -1):
        run = pieces[at : at + size]
        kind = PHRASES.get(tuple(piece.text for piece in run))
        if kind and any(piece.kind == "word" for piece in run):
            return Token(kind, " ".join(piece.text for piece in run), run[0].start, run[-1].end), at + size
    word = pieces[at]
    if word.kind == "word" and (parts := FRACTIONS.get(word.text) or ORDINALS.get(word.text.removesuffix("s"))):
        kind = "fraction" if word.text in FRACTIONS else "ordinal"
        return replace(word, kind=kind, value=Fraction(parts)), at + 1
    return None


def _number(pieces: Sequence[Token], at: int) -> tuple[Token, int] | None:
    """Figures or number words, with the scale and the currency said after them."""
    first = pieces[at]
    if first.kind == "word" and first.text in CURRENCIES and at + 1 < len(pieces) and pieces[at + 1].kind == "number":
        found = replace(pieces[at + 1], currency=CURRENCIES[first.text]), at + 2
    elif first.kind == "number":
        found = first, at + 1
    elif first.text in FRACTIONS and at + 1 < len(pieces) and pieces[at + 1].text in {*SCALES, "dozen"}:
        found = replace(first, kind="number", value=Fraction(1, FRACTIONS[first.text])), at + 1
    elif spoken := _spoken(pieces, at):
        found = spoken
    else:
        return None
    token, at = found
    while at < len(pieces) and (said := pieces[at].text) in {*SCALES, *CURRENCIES, "cents", "cent", "dozen", "hundred"}:
        factor = {"dozen": Fraction(12), "hundred": Fraction(100), "cents": Fraction(1, 100), "cent": Fraction(1, 100)}
        currency = CURRENCIES.get(said) or ("$" if said in ("cents", "cent") else token.currency)
        value = token.value * factor.get(said, Fraction(SCALES.get(said, 1)))
        token = replace(token, value=value, currency=currency, end=pieces[at].end)
        at += 1
    return token, at


def _spoken(pieces: Sequence[Token], at: int) -> tuple[Token, int] | None:
    """`two hundred and five thousand`, `three point one four`, `a dozen`."""
    first, total, current, last = at, 0, 0, ""
    while at < len(pieces):
        said = pieces[at].text
        after = pieces[at + 1].text if at + 1 < len(pieces) else ""
        if said in SMALL and (last in ("", "scale") or (last == "tens" and 0 < SMALL[said] < 10)):
            current += SMALL[said]
            last = "tens" if SMALL[said] >= 20 else "ones"
        elif said == "hundred" and last in ("", "ones", "tens"):
            current, last = (current or 1) * 100, "scale"
        elif said in SCALES and said != "grand":
            total, current, last = total + (current or 1) * SCALES[said], 0, "scale"
        elif said == "dozen" and last in ("", "ones", "tens"):
            current, last = (current or 1) * 12, "dozen"
        elif not (said == "and" and last == "scale" and after in SMALL) and not (
            said == "-" and last == "tens" and after in SMALL
        ):
            break
        at += 1
    if not last:
        return None
    value = Fraction(total + current)
    if at + 1 < len(pieces) and pieces[at].text == "point":
        digits = ""
        while at + 1 < len(pieces) and SMALL.get(pieces[at + 1].text, 10) < 10:
            digits += str(SMALL[pieces[at + 1].text])
            at += 1
        at += 1
        value += Fraction(int(digits or "0"), 10 ** len(digits))
    return Token("number", pieces[first].text, pieces[first].start, pieces[at - 1].end, value), at


# Grammar

FUNCTIONS = {"sqrt", "cbrt", "ln", "log", "sin", "cos", "tan", "abs"}
LISTS = {"average", "max", "min", "product", "add"}
PAIRS = {"difference": "-", "quotient": "/", "remainder": "mod"}
FOLLOWED = {"+", "-", "*", "/", "mod", "^", "of", "at", "ratio", "off", "divide", "less than", "is"}
CHAIN, COMPARED, ADDITION, PRODUCT, SIGN, POWER = range(1, 7)
STRENGTH = {"less than": COMPARED, "from": COMPARED, "off": COMPARED, "into": PRODUCT, "ratio": COMPARED,
            "out of": COMPARED,
            "+": ADDITION, "-": ADDITION, "with": ADDITION, "*": PRODUCT, "/": PRODUCT, "mod": PRODUCT, "of": PRODUCT,
            "at": PRODUCT, "on": PRODUCT, "^": POWER, "to the": POWER}  # fmt: skip
STEPS = {"add", "subtract", "multiply", "divide", "double", "triple", "halve", "square", "increase", "decrease"}


class _Parser:
    """Precedence climbing; `strict` takes no word that it does not know."""

    def __init__(self, tokens: Sequence[Token], at: int = 0, strict: bool = False) -> None:
        self.tokens, self.at, self.strict = tokens, at, strict
        self.first, self.depth = at, 0

    def sum(self, strength: int = CHAIN) -> Sum:
        self.depth += 1
        if self.depth > DEEPEST or self.at - self.first > MOST_TOKENS:
            raise self.lost()
        left = self.postfix(self.operand())
        while True:
            before = self.at
            more = self.infix(left, strength)
            if more is None:
                self.at = before
                self.depth -= 1
                return left
            left = more

    # What is next

    def kind(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].kind if self.at + ahead < len(self.tokens) else "end"

    def word(self, ahead: int = 0) -> str:
        return self.tokens[self.at + ahead].text if self.at + ahead < len(self.tokens) else ""

    def take(self, *kinds: str) -> bool:
        if self.kind() in kinds:
            self.at += 1
            return True
        return False

    def need(self, *kinds: str) -> None:
        if not self.take(*kinds):
            raise self.lost()

    def lost(self) -> NotASum:
        return NotASum(" ".join(token.text for token in self.tokens[self.at : self.at + 5]))

    def skip_words(self, most: int, *kinds: str) -> None:
        """Past words that mean nothing here, where one of these kinds comes after them."""
        if self.strict:
            return
        for ahead in range(most + 1):
            if self.kind(ahead) in kinds:
                self.at += ahead
                return
            if self.kind(ahead) not in ("word", "people", "levy", "it") and not (
                ahead and self.kind(ahead) in ("of", "on")
            ):
                return

    # One operand

    def operand(self) -> Sum:
        if self.at > self.first:
            self.skip_words(4, "number", "(", *FUNCTIONS)
        kind = self.kind()
        self.at += 1
        if kind == "number":
            return self.number(self.tokens[self.at - 1])
        if kind == "(":
            found = self.sum()
            self.need(")")
            return found
        if kind in ("-", "+"):
            found = self.sum(SIGN)
            return Operation("neg", (found,)) if kind == "-" else found
        if kind == "pi":
            return Operation("pi", ())
        if kind in ("fraction", "ordinal") and self.kind() == "root":
            degree = Number(self.tokens[self.at - 1].value)
            self.at += 1
            return Operation("root", (self.sum(SIGN), degree))
        if kind in ("fraction", "ordinal") and self.take("of"):
            part = self.tokens[self.at - 2].value
            return _times(_divided(Fraction(1), part), self.sum(SIGN))
        return self.function(kind)

    def number(self, token: Token) -> Sum:
        number = Number(token.value, token.currency)
        if self.kind() in ("fraction", "ordinal") and (self.kind(1) == "of" or self.word() in ("half", "quarters")):
            self.at += 1
            part: Sum = Operation("/", (number, Number(self.tokens[self.at - 1].value)))
            return _times(part, self.sum(SIGN)) if self.take("of") else part
        if self.kind() == "and" and self.kind(1) == "fraction" and self.kind(2) != "of":
            self.at += 2
            return Number(number.value + 1 / self.tokens[self.at - 1].value, number.currency)
        if self.kind() == "number" and self.kind(1) == "/" and self.kind(2) == "number" and not self.strict:
            self.at += 3
            part = _divided(*(self.tokens[at].value for at in (self.at - 3, self.at - 1)))
            return Operation("+", (number, part))
        return number

    def part(self) -> Sum:
        self.at += 1
        return _divided(Fraction(1), self.tokens[self.at - 1].value)

    def function(self, kind: str) -> Sum:
        if kind in FUNCTIONS:
            arguments = self.arguments()
            return Operation(kind, tuple(arguments))
        if kind in LISTS:
            return self.listed(kind)
        if kind in PAIRS:
            return self.pair(kind)
        if kind == "factorial":
            return Operation("!", (self.sum(SIGN),))
        if kind in ("square", "cube"):
            return Operation("^", (self.sum(SIGN), Number(Fraction(2 if kind == "square" else 3))))
        if kind in ("double", "triple"):
            return _times(Number(Fraction(2 if kind == "double" else 3)), self.sum(SIGN))
        if kind == "halve":
            return Operation("/", (self.sum(SIGN), Number(Fraction(2))))
        if kind == "root":
            arguments = self.arguments()
            return Operation("root" if len(arguments) == 2 else "sqrt", tuple(arguments))
        if kind == "log base":
            base = self.sum(SIGN)
            self.take("of")
            return Operation("log", (self.sum(SIGN), base))
        return self.asked(kind)

    def asked(self, kind: str) -> Sum:
        if kind == "subtract":
            amount = self.sum(ADDITION)
            self.skip_words(2, "from", "off")
            self.need("from", "off")
            return Operation("-", (self.sum(ADDITION), amount))
        if kind in ("multiply", "divide"):
            amount = self.sum(SIGN if kind == "divide" else ADDITION)
            self.skip_words(2, "by", "and", "with", "into", "number")
            if not self.take("by", "and", "with", "into") and not (kind == "divide" and self.kind(1) == "people"):
                raise self.lost()
            return Operation("*" if kind == "multiply" else "/", (amount, self.people(self.sum(ADDITION))))
        if kind in ("increase", "decrease"):
            amount = self.sum(ADDITION)
            if self.kind() == "to the":
                raise self.lost()
            self.skip_words(2, "by")
            if not self.take("by"):
                if isinstance(amount, Operation) and amount.name == "^":
                    return amount
                raise self.lost()
            by = self.sum(ADDITION) if self.kind() not in ("fraction", "ordinal") else _times(self.part(), amount)
            return Operation("+" if kind == "increase" else "-", (amount, by))
        if kind == "ratio":
            of = self.sum(ADDITION)
            self.need("is")
            return Operation("percent", (self.sum(ADDITION), of))
        if kind == "%" and self.take("is"):
            part = self.sum(SIGN)
            self.need("of", "out of")
            return Operation("percent", (part, self.sum(ADDITION)))
        if kind in ("%", "change") and self.kind() == "(":
            return Operation("change" if kind == "change" else "percent", tuple(self.arguments()))
        if kind == "change" and self.word(-1) != "change":
            before = self.sum(ADDITION)
            self.need("to the", "and")
            return Operation("change", (before, self.sum(ADDITION)))
        if kind == "interest":
            amount = self.sum(SIGN)
            self.need("at")
            return self.over_years(_times(amount, self.sum(SIGN)))
        self.at -= 1
        raise self.lost()

    def arguments(self) -> list[Sum]:
        if not self.take("("):
            return [self.sum(SIGN)]
        found = [self.sum()]
        while self.take(","):
            found.append(self.sum())
        self.need(")")
        return found

    def items(self) -> list[Sum]:
        """`3, 4 and 5`, with or without brackets."""
        if self.kind() == "(":
            return self.arguments()
        found = [self.sum(PRODUCT)]
        while True:
            before = self.at
            joined = self.take(",")
            joined = self.take("and", "with", "+", "to the") or joined
            if not joined:
                return found
            try:
                found.append(self.sum(PRODUCT))
            except NotASum:
                self.at = before
                return found

    def listed(self, kind: str) -> Sum:
        start = self.at
        items = self.items()
        if len(items) < 2 and kind != "add" and self.tokens[start].kind != "(":
            raise self.lost()
        if kind == "add" and len(items) == 2 and _is_percent(items[0]) and not _is_percent(items[1]):
            items.reverse()
        if kind in ("add", "product"):
            if len(items) < 2:
                raise self.lost()
            total: Sum = items[0]
            for item in items[1:]:
                total = Operation("+" if kind == "add" else "*", (total, item))
            return total
        return Operation(kind, tuple(items))

    def pair(self, kind: str) -> Sum:
        first = self.sum(SIGN)
        self.take("is")
        self.need("and", ",", "/", "by", "to the")
        second = self.sum(SIGN)
        if kind == "difference" and isinstance(first, Number) and isinstance(second, Number):
            first, second = max(first, second, key=_value), min(first, second, key=_value)
        return Operation(PAIRS[kind], (first, second))

    # What follows an operand

    def postfix(self, left: Sum) -> Sum:
        while True:
            if self.kind() == "%" and not self.is_modulo():
                self.at += 1
                left = Operation("%", (left,))
            elif self.kind() == "!":
                self.at += 1
                left = Operation("!", (left,))
            elif self.kind() in ("squared", "cubed"):
                left = Operation("^", (left, Number(Fraction(2 if self.kind() == "squared" else 3))))
                self.at += 1
            elif self.kind() == "°":
                self.at += 1
                left = Operation("°", (left,))
            else:
                return left

    def is_modulo(self) -> bool:
        """`17 % 5`, set apart on both sides."""
        sign = self.tokens[self.at]
        apart = self.at > 0 and self.tokens[self.at - 1].end < sign.start
        return sign.text == "%" and apart and self.kind(1) in ("number", "(")

    def infix(self, left: Sum, strength: int) -> Sum | None:
        here = self.at
        if strength == CHAIN and (found := self.step(left)):
            return found
        self.at = here
        if self.kind() == "people" and self.kind(1) == "divide" and isinstance(left, Number) and not self.strict:
            self.at += 2  # `five of us split $212.50`
            return Operation("/", (self.sum(PRODUCT), left))
        if _is_percent(left) and self.kind() in ("levy", "discount"):
            return self.levy(left, strength)
        words = self.at
        self.skip_words(2, *FOLLOWED)
        skipped = self.at > words
        kind = self.kind()
        if kind == "(" and not skipped and self.kind(1) in ("number", "(", "-") and strength <= PRODUCT:
            return _times(left, self.sum(SIGN))
        if kind == "%":
            kind = "mod"
        if kind == "subtract" and self.word() == "take":
            kind = "-"
        if strength == CHAIN and kind == "is" and self.kind(1) == "ratio":
            self.at, kind = self.at + 1, "ratio"
        if STRENGTH.get(kind, 0) < strength or (kind == "of" and not (skipped or _is_part(left))):
            return None
        if (kind == "on" and not _is_percent(left)) or (kind == "with" and isinstance(left, Operation) and skipped):
            return None
        self.at += 1
        return self.joined(left, kind)

    def joined(self, left: Sum, kind: str) -> Sum | None:
        if kind == "to the":
            return self.raised(left)
        try:
            right = self.sum(POWER if kind == "^" else STRENGTH[kind] + 1)
        except NotASum:
            if self.strict:
                raise
            return None
        if kind in ("of", "at", "on"):
            return _times(left, right)
        if kind == "with":
            down = self.tokens[self.at - 1].kind == "discount"
            return Operation("-" if down else "+", (left, right)) if _is_percent(right) else None
        if kind in ("less than", "off", "from"):
            return Operation("-", (right, left))
        if kind == "into":
            return Operation("/", (right, left))
        if kind in ("ratio", "out of"):
            return Operation("percent", (left, right))
        return Operation(kind, (left, right))

    def raised(self, left: Sum) -> Sum | None:
        if self.kind() == "ordinal":
            self.at += 1
            exponent: Sum = Number(self.tokens[self.at - 1].value)
            self.take("power")
            return Operation("^", (left, exponent))
        if (
            self.word(-1) == "to"
            and self.tokens[self.at - 1].end + 1 >= self.tokens[min(self.at, len(self.tokens) - 1)].start
        ):
            return None
        return Operation("^", (left, self.sum(POWER))) if self.kind() in ("number", "-") else None

    def levy(self, percent: Sum, strength: int) -> Sum | None:
        """`20% tip on 84`; a bare `20% tip` is the percentage itself."""
        kind, said = self.kind(), self.word()
        self.at += 1
        here = self.at
        if strength <= PRODUCT and self.take("on", "of", "from"):
            try:
                amount = self.sum(SIGN)
            except NotASum:
                self.at = here
                return percent
            if kind == "discount":
                return Operation("-", (amount, percent))
            return self.over_years(_times(percent, amount)) if said == "interest" else _times(percent, amount)
        return percent

    def over_years(self, interest: Sum) -> Sum:
        if self.kind() in ("on", "/") and self.kind(1) == "number" and self.word(2) in ("years", "year"):
            self.at += 3
            return _times(interest, Number(self.tokens[self.at - 2].value))
        return interest

    def people(self, number: Sum) -> Sum:
        self.take("people")
        return number

    def step(self, left: Sum) -> Sum | None:
        """`…, then add 5 and double it`: what is done to the result so far."""
        start = self.at
        while self.take(",", "then", "and"):
            pass
        kind = self.kind()
        if kind not in STEPS or (self.at == start and kind != "divide"):
            self.at = start
            return None
        self.at += 1
        pointed = self.take("it")
        if kind in ("double", "triple", "halve", "square"):
            if not pointed:
                return None
            sign, number = {"double": ("*", 2), "triple": ("*", 3), "halve": ("/", 2), "square": ("^", 2)}[kind]
            return Operation(sign, (left, Number(Fraction(number))))
        if (
            kind in ("multiply", "divide", "increase", "decrease")
            and not self.take("by")
            and not (kind == "divide" and self.kind(1) == "people")
        ):
            return None
        signs = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "increase": "+", "decrease": "-"}
        try:
            number_said = self.people(self.sum(PRODUCT))
        except NotASum:
            return None
        if self.kind() in ("from", "off", "to the", "by"):
            return None
        return Operation(signs[kind], (left, number_said))


def _times(left: Sum, right: Sum) -> Sum:
    return Operation("*", (left, right))


def _divided(part: Fraction, of: Fraction) -> Sum:
    return Operation("/", (Number(part), Number(of)))


def _is_percent(found: Sum) -> bool:
    """A percentage, or a percentage of one."""
    return isinstance(found, Operation) and (
        found.name == "%" or (found.name == "*" and all(map(_is_percent, found.parts)))
    )


def _is_part(found: Sum) -> bool:
    """What `of` may follow: a percentage or a fraction."""
    ratio = isinstance(found, Operation) and found.name == "/" and all(isinstance(part, Number) for part in found.parts)
    return ratio or _is_percent(found)


def _value(number: Number) -> Fraction:
    return number.value
