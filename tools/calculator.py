"""Question -> number: exact arithmetic on a sum that was read, never run."""

import decimal
import math
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from tools.arithmetic import NotASum, Number, Operation, Sum, whole, within

LONGEST = 1000  # characters of an expression
MOST_BITS = 3400  # of a numerator or denominator: about a thousand digits
LARGEST_FACTORIAL = 300
DIGITS = decimal.Context(prec=100, rounding=decimal.ROUND_HALF_UP, Emax=10**6, Emin=-(10**6))
EXAMPLES = "Write it as a sum, such as 15% of 2,340 or 12 * (3 + 4)."


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
        shown = re.sub(r"(?<![\d.])\d{4,}", lambda figures: f"{int(figures[0]):,}", self.expression)
        about = "" if self.exact else "about "
        if pair := re.fullmatch(r"percent\((\S+), (\S+)\)", shown):
            return f"{pair[1]} is {about}{self.text} of {pair[2]}"
        if pair := re.fullmatch(r"change\((\S+), (\S+)\)", shown):
            return f"From {pair[1]} to {pair[2]} is a change of {about}{self.text}"
        for sign, said in {"% * ": "% of ", " * ": " × ", " / ": " ÷ ", " - ": " − "}.items():
            shown = shown.replace(sign, said)
        return f"{shown} {'=' if self.exact else '≈'} {self.text}"


def calculate(expression: str) -> Calculation:
    """Work out one arithmetic expression exactly.

    Use it for every sum, however small. It understands + - * / ^, brackets, percentages (`15% of 2340`,
    `200 + 15%`), money (`$45.60 / 3`), `sqrt(2)`, `5!`, `17 mod 5`, `average(3, 4, 8)`, `percent(20, 80)` (20 as a
    percentage of 80) and `change(140, 119)` (percentage change). Numbers only: no variables.
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
        rest = str(lost).strip() or expression.strip()
        raise CannotCalculate("This does not read as arithmetic.", rest[:60], EXAMPLES) from lost
    value = _worked_out(found)
    return Calculation(written(found), _plain(value.number), _shown(value), _is_shown_exactly(value))


def expression_in(text: str) -> str | None:
    """The arithmetic that a question asks for, as `calculate` takes it; nothing when it is not plain what it asks."""
    found = within(text[: 4 * LONGEST])
    return written(found) if found and len(written(found)) <= LONGEST else None


# Sum -> text

STRENGTHS = {"+": 1, "-": 1, "*": 2, "/": 2, "mod": 2, "neg": 3, "^": 4, "%": 5, "!": 5}
STRONGEST = 9


def written(found: Sum) -> str:
    """The sum in signs, with the brackets it needs."""
    if isinstance(found, Number):
        figures = _plain(found.value)
        return found.currency + (re.sub(r"(\.\d)$", r"\g<1>0", figures) if found.currency else figures)
    strength = STRENGTHS.get(found.name)
    if strength is None:
        return f"{found.name}({', '.join(map(written, found.parts))})"
    first = found.parts[0]
    if found.name == "neg":
        return f"-{_bracketed(first, 4)}"
    if strength == STRENGTHS["%"]:
        return _bracketed(first, strength) + found.name
    if found.name == "^":
        return f"{_bracketed(first, 5)}^{_bracketed(found.parts[1], 4)}"
    return f"{_bracketed(first, strength)} {found.name} {_bracketed(found.parts[1], strength + 1)}"


def _bracketed(found: Sum, strength: int) -> str:
    own = STRENGTHS.get(found.name, STRONGEST) if isinstance(found, Operation) else STRONGEST
    return written(found) if own >= strength else f"({written(found)})"


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
        value = Value(found.value, currency=found.currency)
    else:
        value = OPERATIONS[found.name](*map(_worked_out, found.parts))
    if max(value.number.numerator.bit_length(), value.number.denominator.bit_length()) > MOST_BITS:
        _too_large()
    return value


def _too_large(value: str | None = None) -> NoReturn:
    raise CannotCalculate("The result has more than a thousand digits.", value, "Ask for smaller numbers.")


def _together(left: Value, right: Value) -> str:
    if left.currency and right.currency and left.currency != right.currency:
        both = f"{left.currency} and {right.currency}"
        raise CannotCalculate("Two currencies do not add up.", both, "Convert one of them first.")
    return left.currency or right.currency


def _divisor(value: Value) -> Fraction:
    if not value.number:
        raise CannotCalculate("Nothing can be divided by zero.", "0", "Use a number other than 0.")
    return value.number


def _negated(value: Value) -> Value:
    return replace(value, number=-value.number)


def _add(left: Value, right: Value) -> Value:
    both = left.exact and right.exact
    if right.percent and not left.percent:
        return Value(left.number * (1 + right.number), False, left.currency, both)
    return Value(left.number + right.number, left.percent and right.percent, _together(left, right), both)


def _multiply(left: Value, right: Value) -> Value:
    currency = "" if left.currency and right.currency else left.currency or right.currency
    return Value(left.number * right.number, left.percent and right.percent, currency, left.exact and right.exact)


def _divide(left: Value, right: Value) -> Value:
    _together(left, right)
    currency = "" if right.currency else left.currency
    percent = left.percent and not right.percent
    return Value(left.number / _divisor(right), percent, currency, left.exact and right.exact)


def _modulo(left: Value, right: Value) -> Value:
    return Value(left.number % _divisor(right), currency=left.currency, exact=left.exact and right.exact)


def _power(base: Value, exponent: Value) -> Value:
    if exponent.number < 0:
        _divisor(base)
    if exponent.number.denominator != 1:
        return _root(base, exponent.number)
    times = exponent.number.numerator
    if abs(base.number) in (0, 1):
        times = min(times, 2 - times % 2)
    size = max(base.number.numerator.bit_length(), base.number.denominator.bit_length())
    if abs(times) * (size - 1) > MOST_BITS:
        _too_large(f"a power of {times}" if times.bit_length() < 64 else None)
    return Value(Fraction(base.number**times), currency=base.currency if times == 1 else "", exact=base.exact)


def _root(base: Value, exponent: Fraction) -> Value:
    """A power that is no whole number: exact where it ends, else to a hundred digits."""
    if base.number < 0 and exponent.denominator % 2 == 0:
        what = "A negative number has no even root among the real numbers."
        raise CannotCalculate(what, _plain(base.number), EXAMPLES)
    sign = -1 if base.number < 0 and exponent.numerator % 2 else 1
    try:
        size = DIGITS.power(_decimal(abs(base.number)), _decimal(exponent))
    except (decimal.Overflow, decimal.InvalidOperation):
        _too_large()
    if abs(size.adjusted()) > 1000:
        _too_large()
    near = Fraction(size).limit_denominator(10**12)
    raised = abs(exponent.numerator) <= 100 and exponent.denominator <= 100
    if raised and near**exponent.denominator == abs(base.number) ** exponent.numerator:
        return Value(sign * near, exact=base.exact)
    return Value(sign * Fraction(size), exact=False)


def _factorial(value: Value) -> Value:
    n = value.number
    if n.denominator != 1 or n < 0:
        raise CannotCalculate("Only whole numbers from 0 have a factorial.", _plain(n), EXAMPLES)
    if n > LARGEST_FACTORIAL:
        _too_large(f"{_plain(n)[:20]}!")
    return Value(Fraction(math.factorial(int(n))))


def _percent_of(part: Value, of: Value) -> Value:
    return Value(part.number / _divisor(of), percent=True, exact=part.exact and of.exact)


def _change(before: Value, after: Value) -> Value:
    return _percent_of(_add(after, _negated(before)), before)


def _average(first: Value, *more: Value) -> Value:
    total = first
    for value in more:
        total = _add(total, value)
    return _divide(total, Value(Fraction(1 + len(more))))


OPERATIONS: dict[str, Callable[..., Value]] = {
    "+": _add,
    "-": lambda left, right: _add(left, _negated(right)),
    "*": _multiply,
    "/": _divide,
    "mod": _modulo,
    "^": _power,
    "neg": _negated,
    "%": lambda value: Value(value.number / 100, percent=True, exact=value.exact),
    "!": _factorial,
    "sqrt": lambda value: _root(value, Fraction(1, 2)),
    "cbrt": lambda value: _root(value, Fraction(1, 3)),
    "abs": lambda value: replace(value, number=abs(value.number)),
    "percent": _percent_of,
    "change": _change,
    "average": _average,
}

# Value -> text


def _decimal(number: Fraction) -> Decimal:
    return DIGITS.divide(Decimal(number.numerator), Decimal(number.denominator))


def _figures(number: Fraction, places: int) -> str:
    """Rounded half up, with commas between the thousands and no zeros at the end."""
    shown = f"{_decimal(number).quantize(Decimal(1).scaleb(-places), context=DIGITS):,f}"
    return shown.rstrip("0").rstrip(".") if places else shown


def _fits(number: Fraction) -> bool:
    """Neither so large nor so small that it is written as a power of ten."""
    size = abs(number)
    return not number or Fraction(1, 10**6) <= size < 10**30 or (number.denominator == 1 and size < 10**60)


def _ends(number: Fraction, places: int = 12) -> bool:
    return number == round(number, places)


def _plain(number: Fraction) -> str:
    """In figures, to at most twelve digits after the point; very large and very small ones as a power of ten."""
    if _fits(number):
        return _figures(number, 12).replace(",", "")
    with decimal.localcontext(DIGITS):
        digits, _, power = f"{_decimal(number):.11e}".partition("e")
    return f"{digits.rstrip('0').rstrip('.')}e{power}"


def _shown(value: Value) -> str:
    if value.currency:
        amount = _decimal(abs(value.number)).quantize(Decimal("0.01"), context=DIGITS)
        return f"{'-' if value.number < 0 and amount else ''}{value.currency}{amount:,f}"
    return f"{_short(value.number * 100)}%" if value.percent else _short(value.number)


def _short(number: Fraction) -> str:
    """A number that does not end is shown to six digits after the point."""
    if not _fits(number):
        return _plain(number)
    return _figures(number, 12 if _ends(number) else 6 if abs(number) >= 1 else 10)


def _is_shown_exactly(value: Value) -> bool:
    number = value.number * 100 if value.percent else value.number
    return value.exact and _fits(number) and _ends(number, 2 if value.currency else 12)
