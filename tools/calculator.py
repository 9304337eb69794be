"""Question -> number: exact arithmetic on a sum that was read, never run."""

import decimal
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from tools.arithmetic import NotASum, Number, Operation, Sum, whole, within

LONGEST = 1000  # characters of an expression
MOST_BITS = 3400  # of a numerator or denominator: about a thousand digits
LARGEST_FACTORIAL = 300
DIGITS = decimal.Context(prec=60, Emax=10**6, Emin=-(10**6))


class CannotCalculate(Exception):
    """A sum that has no answer here: what happened, to which value, and what to do."""

    def __init__(self, what: str, value: str | None = None, do: str | None = None) -> None:
        super().__init__(what)
        self.what, self.value, self.do = what, value, do


@dataclass(frozen=True)
class Calculation:
    expression: str
    """As it was understood: `15% * 2340`."""
    value: str
    """The result for a program: `351`; rounded to twelve digits after the point when `exact` is false."""
    text: str
    """The result for a reader: `$1,234.50`, `25%`."""
    exact: bool

    def sentence(self) -> str:
        shown = (
            self.expression.replace(" * ", " × ").replace(" / ", " ÷ ").replace(" - ", " − ").replace("% × ", "% of ")
        )
        shown = re.sub(r"(?<![\d.])\d{4,}", lambda figures: f"{int(figures[0]):,}", shown)
        about = "" if self.exact else "about "
        if pair := re.fullmatch(r"(percent|change)\((-?\S+), (-?\S+)\)", shown):
            asked, first, second = pair.groups()
            told = (
                f"{first} is {about}{self.text} of {second}",
                f"From {first} to {second} is a change of {about}{self.text}",
            )
            return told[asked == "change"]
        return f"{shown} {'=' if self.exact else '≈'} {self.text}"


def calculate(expression: str) -> Calculation:
    """Work out one arithmetic expression exactly.

    Use it for every sum, however small. It understands + - * / ^, brackets, percentages (`15% of 2340`,
    `200 + 15%`), money (`$45.60 / 3`), `sqrt(2)`, `5!`, `17 mod 5`, `average(3, 4, 8)`, `log(1000, 10)`, `sin(30°)`,
    `percent(20, 80)` (20 as a percentage of 80) and `change(140, 119)` (percentage change). Numbers only: no variables.
    """
    if len(expression) > LONGEST:
        raise CannotCalculate(
            f"The expression has {len(expression):,} characters; {LONGEST:,} is the limit.",
            expression[:40] + "…",
            "Split it into smaller sums.",
        )
    try:
        found = whole(expression)
    except NotASum as lost:
        raise CannotCalculate(
            "This does not read as arithmetic.", lost.rest.strip()[:60] or expression.strip()[:60], EXAMPLES
        ) from lost
    value = _worked_out(found)
    return Calculation(written(found), _plain(value.number), _shown(value), _is_shown_exactly(value))


EXAMPLES = "Write it as a sum, such as 15% of 2,340 or 12 * (3 + 4)."


def expression_in(text: str) -> str | None:
    """The arithmetic that a question asks for, as `calculate` takes it; nothing when it is not plain what it asks."""
    found = within(text[: 8 * LONGEST])
    return written(found) if found and len(written(found)) <= LONGEST else None


# Sum -> text

STRENGTHS = {"+": 1, "-": 1, "*": 2, "/": 2, "mod": 2, "neg": 3, "^": 4, "%": 5, "!": 5, "°": 5}


def written(found: Sum) -> str:
    """The sum in signs, with the brackets it needs."""
    if isinstance(found, Number):
        return _number_written(found)
    if found.name == "pi":
        return "pi"
    if found.name not in STRENGTHS:
        return f"{found.name}({', '.join(map(written, found.parts))})"
    if found.name == "neg":
        return f"-{_bracketed(found.parts[0], 4)}"
    strength = STRENGTHS[found.name]
    if strength == 5:
        return _bracketed(found.parts[0], 5 + (found.name == "!")) + found.name
    left, right = found.parts
    raised = found.name == "^"
    space = "" if raised else " "
    return _bracketed(left, strength + raised) + space + found.name + space + _bracketed(right, strength + (not raised))


def _bracketed(found: Sum, strength: int) -> str:
    own = STRENGTHS.get(found.name, 9) if isinstance(found, Operation) else 9
    return written(found) if own >= strength else f"({written(found)})"


def _number_written(number: Number) -> str:
    whole_part, _, rest = _plain(number.value).partition(".")
    rest = rest.ljust(2, "0") if number.currency and rest else rest
    return number.currency + whole_part + ("." + rest if rest else "")


# Sum -> value


@dataclass(frozen=True)
class Value:
    number: Fraction
    percent: bool = False
    """Shown as a percentage, and taken of what it is added to."""
    currency: str = ""
    exact: bool = True


def _worked_out(found: Sum) -> Value:
    if isinstance(found, Number):
        return _bounded(Value(found.value, currency=found.currency))
    parts = [_worked_out(part) for part in found.parts]
    return _bounded(OPERATIONS[found.name](*_counted(found.name, parts)))


def _counted(name: str, parts: list[Value]) -> list[Value]:
    wanted = {"log": (1, 2), "average": (1, 300), "max": (1, 300), "min": (1, 300), "percent": (2, 2), "change": (2, 2)}
    least, most = wanted.get(name, (1, 1)) if name not in STRENGTHS and name != "root" else (len(parts), len(parts))
    if name != "pi" and not least <= len(parts) <= most:
        _refuse(f"{name} takes {least if least == most else f'{least} or more'} numbers, not {len(parts)}.", name)
    return parts


def _bounded(value: Value) -> Value:
    if max(value.number.numerator.bit_length(), value.number.denominator.bit_length()) > MOST_BITS:
        _too_large()
    return value


def _too_large(value: str | None = None) -> NoReturn:
    raise CannotCalculate("The result has more than a thousand digits.", value, "Ask for smaller numbers.")


def _refuse(what: str, value: str, do: str = EXAMPLES) -> NoReturn:
    raise CannotCalculate(what, value, do)


def _together(left: Value, right: Value) -> str:
    if left.currency and right.currency and left.currency != right.currency:
        _refuse("Two currencies do not add up.", f"{left.currency} and {right.currency}", "Convert one of them first.")
    return left.currency or right.currency


def _add(left: Value, right: Value, sign: int = 1) -> Value:
    both = left.exact and right.exact
    if right.percent and not left.percent:
        return Value(left.number * (1 + sign * right.number), False, left.currency, both)
    return Value(left.number + sign * right.number, left.percent and right.percent, _together(left, right), both)


def _multiply(left: Value, right: Value) -> Value:
    currency = "" if left.currency and right.currency else left.currency or right.currency
    return Value(left.number * right.number, left.percent and right.percent, currency, left.exact and right.exact)


def _divide(left: Value, right: Value) -> Value:
    _no_zero(right)
    _together(left, right)
    currency = "" if right.currency else left.currency
    percent = left.percent and not right.percent
    return Value(left.number / right.number, percent, currency, left.exact and right.exact)


def _no_zero(value: Value) -> None:
    if not value.number:
        _refuse("Nothing can be divided by zero.", "0", "Use a number other than 0.")


def _modulo(left: Value, right: Value) -> Value:
    _no_zero(right)
    return Value(left.number % right.number, currency=left.currency, exact=left.exact and right.exact)


def _power(base: Value, exponent: Value) -> Value:
    if not base.number and exponent.number < 0:
        _no_zero(base)
    if exponent.number.denominator != 1:
        return _real_power(base, exponent)
    times = exponent.number.numerator
    size = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if abs(times) * (size - 1) > MOST_BITS or times.bit_length() > 64:
        if abs(base.number) in (0, 1):
            times = 2 - times % 2
        else:
            _too_large(f"a power of {times}" if times.bit_length() < 64 else None)
    return Value(Fraction(base.number**times), currency=base.currency if times == 1 else "", exact=base.exact)


def _real_power(base: Value, exponent: Value) -> Value:
    if base.number < 0:
        _refuse("A negative number has no such power among the real numbers.", _plain(base.number))
    if not base.number:
        return Value(Fraction(0))
    if exponent.number.denominator <= 10:
        inner = _power(base, Value(Fraction(exponent.number.numerator)))
        return _root(inner, Value(Fraction(exponent.number.denominator)))
    return _approximate(lambda: DIGITS.power(_decimal(base.number), _decimal(exponent.number)))


def _root(value: Value, degree: Value = Value(Fraction(2))) -> Value:
    n = int(degree.number)
    if value.number < 0 and n % 2 == 0:
        _refuse("A negative number has no even root among the real numbers.", _plain(value.number))
    sign = -1 if value.number < 0 else 1
    size = abs(value.number)
    top, bottom = _whole_root(size.numerator, n), _whole_root(size.denominator, n)
    if top**n == size.numerator and bottom**n == size.denominator:
        return Value(Fraction(sign * top, bottom), exact=value.exact)
    scale = 10**40
    return Value(Fraction(sign * _whole_root(size.numerator * scale**n // size.denominator, n), scale), exact=False)


def _whole_root(number: int, n: int) -> int:
    """The largest whole number whose n-th power is no more than this."""
    if n == 2:
        return math.isqrt(number)
    guess = 1 << -(-number.bit_length() // n)
    while True:
        nearer = ((n - 1) * guess + number // guess ** (n - 1)) // n if guess else 0
        if nearer >= guess:
            return guess
        guess = nearer


def _factorial(value: Value) -> Value:
    n = value.number
    if n.denominator != 1 or n < 0:
        _refuse("Only whole numbers from 0 have a factorial.", _plain(n))
    if n > LARGEST_FACTORIAL:
        _too_large(f"{_plain(n)[:20]}!")
    return Value(Fraction(math.factorial(int(n))))


def _logarithm(value: Value, base: Value = Value(Fraction(10))) -> Value:
    if value.number <= 0 or base.number <= 0 or base.number == 1:
        _refuse("A logarithm needs a number above 0, and a base above 0 other than 1.", _plain(value.number))
    for n in range(-60, 61):
        if base.number**n == value.number:
            return Value(Fraction(n))
    return _approximate(lambda: DIGITS.divide(DIGITS.ln(_decimal(value.number)), DIGITS.ln(_decimal(base.number))))


def _natural_logarithm(value: Value) -> Value:
    if value.number <= 0:
        _refuse("A logarithm needs a number above 0.", _plain(value.number))
    return _approximate(lambda: DIGITS.ln(_decimal(value.number)))


def _sine(value: Value) -> Value:
    """Taylor's series after whole turns are taken away."""
    angle = value.number % (2 * PI)
    term = total = angle
    for n in range(1, 60):
        term = _rounded(-term * angle * angle / ((2 * n) * (2 * n + 1)), 60)
        total += term
    return Value(_rounded(total, 35), exact=False)


def _cosine(value: Value) -> Value:
    return _sine(Value(PI / 2 - value.number))


def _tangent(value: Value) -> Value:
    below = _cosine(value).number
    if not below:
        _refuse("There is no tangent of a right angle.", "90°")
    return Value(_rounded(_sine(value).number / below, 30), exact=False)


PI = Fraction("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899")


def _degrees(value: Value) -> Value:
    return Value(value.number * PI / 180, exact=False)


def _percent_of(part: Value, of: Value) -> Value:
    _no_zero(of)
    return Value(part.number / of.number, percent=True, exact=part.exact and of.exact)


def _change(before: Value, after: Value) -> Value:
    _no_zero(before)
    return Value((after.number - before.number) / before.number, percent=True, exact=before.exact and after.exact)


def _average(*values: Value) -> Value:
    total = values[0]
    for value in values[1:]:
        total = _add(total, value)
    return _divide(total, Value(Fraction(len(values))))


def _approximate(work: Callable[[], Decimal]) -> Value:
    try:
        found = work()
    except (decimal.Overflow, decimal.InvalidOperation):
        _too_large()
    if not found.is_finite() or abs(found.adjusted()) > 1000:
        _too_large()
    return Value(Fraction(found), exact=False)


def _decimal(number: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))


def _rounded(number: Fraction, places: int) -> Fraction:
    return Fraction(round(number * 10**places), 10**places)


OPERATIONS: dict[str, Callable[..., Value]] = {
    "+": _add,
    "-": lambda left, right: _add(left, right, -1),
    "*": _multiply,
    "/": _divide,
    "mod": _modulo,
    "^": _power,
    "neg": lambda value: Value(-value.number, value.percent, value.currency, value.exact),
    "%": lambda value: Value(value.number / 100, percent=True, exact=value.exact),
    "!": _factorial,
    "°": _degrees,
    "pi": lambda: Value(PI, exact=False),
    "sqrt": _root,
    "cbrt": lambda value: _root(value, Value(Fraction(3))),
    "root": lambda value, degree: _root(value, degree),
    "abs": lambda value: Value(abs(value.number), value.percent, value.currency, value.exact),
    "log": _logarithm,
    "ln": _natural_logarithm,
    "sin": _sine,
    "cos": _cosine,
    "tan": _tangent,
    "percent": _percent_of,
    "change": _change,
    "average": _average,
    "max": lambda *values: max(values, key=lambda value: value.number),
    "min": lambda *values: min(values, key=lambda value: value.number),
}

# Value -> text


def _plain(number: Fraction) -> str:
    """In figures, to at most twelve digits after the point; very large and very small ones as a power of ten."""
    if not _fits(number):
        with decimal.localcontext(DIGITS):
            figures, _, power = f"{_decimal(number):.11e}".partition("e")
            return f"{figures.rstrip('0').rstrip('.')}e{power}"
    places = next((n for n in range(13) if (number * 10**n).denominator == 1), 12)
    shown = f"{abs(_rounded(number, places).numerator * 10**places // _rounded(number, places).denominator)}"
    shown = shown.rjust(places + 1, "0")
    sign = "-" if _rounded(number, places) < 0 else ""
    return sign + (f"{shown[:-places]}.{shown[-places:]}" if places else shown)


def _fits(number: Fraction) -> bool:
    return (
        not number
        or (abs(number) < 10**30 and abs(number) >= Fraction(1, 10**6))
        or (number.denominator == 1 and (abs(number) < 10**60))
    )


def _shown(value: Value) -> str:
    if value.percent:
        return _grouped(_short(value.number * 100)) + "%"
    if value.currency:
        amount = _rounded_half_up(abs(value.number), 2)
        return ("-" if value.number < 0 and amount else "") + value.currency + _grouped(_with_cents(amount))
    return _grouped(_short(value.number))


def _short(number: Fraction) -> str:
    """A number that does not end is shown to six digits after the point."""
    ends = _fits(number) and any((number * 10**n).denominator == 1 for n in range(13))
    return _plain(number if ends or not _fits(number) else _rounded(number, 6 if abs(number) >= 1 else 10))


def _is_shown_exactly(value: Value) -> bool:
    number = value.number * 100 if value.percent else value.number
    if not value.exact:
        number = _rounded(number, 28)
    if not _fits(number):
        return False
    return any((number * 10**n).denominator == 1 for n in range(3 if value.currency else 13))


def _with_cents(amount: Fraction) -> str:
    cents = amount * 100
    return f"{int(cents) // 100}.{int(cents) % 100:02d}"


def _rounded_half_up(number: Fraction, places: int) -> Fraction:
    return Fraction(math.floor(number * 10**places + Fraction(1, 2)), 10**places)


def _grouped(figures: str) -> str:
    if "e" in figures:
        return figures
    sign = "-" if figures.startswith("-") else ""
    whole_part, point, rest = figures.removeprefix("-").partition(".")
    return f"{sign}{int(whole_part):,}{point}{rest}"
