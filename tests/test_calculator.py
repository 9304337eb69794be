"""The calculator: what people ask in words, exactly."""

import time
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.calculator import CannotCalculate, calculate, expression_in


def asked(question: str) -> str:
    expression = expression_in(question)
    assert expression is not None, question
    return calculate(expression).text


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("what's 15% of 2,340", "351"),
        ("12 * (3+4)", "84"),
        ("$45.60 split 3 ways", "$15.20"),
        ("a 20 percent tip on 84", "16.8"),
        ("2 to the power of 10", "1,024"),
        ("square root of 1764", "42"),
        ("seven times eight", "56"),
        ("what is 45 plus 19 minus 3", "61"),
        ("if I put 6% of 82000 into my plan, how much is that?", "4,920"),
        ("add 3 and 4", "7"),
        ("increase 200 by 15%", "230"),
        ("what percent of 80 is 20", "25%"),
        ("half of 90", "45"),
        ("1.5 million / 12", "125,000"),
        ("3^2", "9"),
        ("10 factorial?", "3,628,800"),
        ("take 30% off $120", "$84.00"),
        ("percentage increase from 50 to 65", "30%"),
        ("subtract 15 from 80 and then double it", "130"),
        ("two hundred and five divided by five", "41"),
        ("Three of us share a $90 bill plus 20% tip, how much each?", "$36.00"),
        ("What's 6% of my salary of $82,000?", "$4,920.00"),
        ("40 hours at $32.50 an hour", "$1,300.00"),
        ("the average of 71, 88 and 93", "84"),
        ("two thirds of 90", "60"),
        ("raise 7 to the fourth power", "2,401"),
        ("remainder when 100 is divided by 7", "2"),
        ("$19.99 plus 7% tax", "$21.39"),
        ("a third of (50 + 40) squared", "2,700"),
        ("the square root of (16 + 9), then times 3", "15"),
        ("2 to the minus 3", "0.125"),
        ("half of 30% of 200", "30"),
        ("0.1 + 0.2", "0.3"),
        ("if 5 of us split $212.50 what does each pay", "$42.50"),
        ("how much would I save with 40% off $250", "$100.00"),
        ("negative nine times three", "-27"),
        ("dinner was $96 for four people, what does each owe", "$24.00"),
    ],
)
def test_a_sum_in_a_natural_question(question: str, answer: str) -> None:
    assert asked(question) == answer


@pytest.mark.parametrize(
    "question",
    [
        "how many vacation days do I have",
        "what is the 401(k) limit for 2026",
        "6% match",
        "I was born in 1990",
        "the meeting is on 2026-05-06 at 10",
        "2 coffees at 3.80 and a cake at 4.50, add it up",
        "I have 12 apples, give away 5 and buy 9",
        "what's 15 + 27 and 8 * 9",
        "",
        "((((",
        "I earn 5000 and put 8 percent of it in",
        "3 boxes with 4 in each and 5 times 6",
        "6 * what",
        "2 times log 100",
        "pi times 6 squared",
    ],
)
def test_nothing_is_worked_out_that_was_not_plainly_asked(question: str) -> None:
    assert expression_in(question) is None


def test_the_answer_shows_the_sum_it_understood() -> None:
    assert calculate("15% of 2,340").sentence() == "15% of 2,340 = 351"
    assert calculate("percent(20, 80)").sentence() == "20 is 25% of 80"
    assert calculate("change(140, 119)").sentence() == "From 140 to 119 is a change of -15%"
    assert calculate("$10 / 3").sentence() == "$10 ÷ 3 ≈ $3.33"
    assert calculate("2 / 3").sentence() == "2 ÷ 3 ≈ 0.6666666667"


@pytest.mark.parametrize(
    ("expression", "what", "value"),
    [
        ("1 / 0", "Nothing can be divided by zero.", "0"),
        ("5 mod (2 - 2)", "Nothing can be divided by zero.", "0"),
        ("9**9**9", "The result has more than a thousand digits.", "a power of 387420489"),
        ("9**9**9**9", "The result has more than a thousand digits.", "a power of 387420489"),
        ("2^(10^30)", "The result has more than a thousand digits.", None),
        ("100000!", "The result has more than a thousand digits.", "100000!"),
        ("sqrt(-4)", "A negative number has no even root among the real numbers.", "-4"),
        ("2.5!", "Only whole numbers from 0 have a factorial.", "2.5"),
        ("$5 + €3", "Two currencies do not add up.", "$ and €"),
        ("__import__('os')", "This does not read as arithmetic.", "__import__('os')"),
        ("2 + 2; drop table", "This does not read as arithmetic.", "; drop table"),
        ("2 +", "This does not read as arithmetic.", "2 +"),
        ("(" * 400 + "1" + ")" * 400, "This does not read as arithmetic.", "(" * 60),
        ("1+" * 600 + "1", "The expression has 1,201 characters; 1,000 is the limit.", "1+" * 20 + "…"),
    ],
)
def test_what_cannot_be_worked_out_is_said_with_its_value(expression: str, what: str, value: str | None) -> None:
    start = time.perf_counter()
    with pytest.raises(CannotCalculate) as caught:
        calculate(expression)
    assert (caught.value.what, caught.value.value) == (what, value)
    assert caught.value.do
    assert time.perf_counter() - start < 5  # refused, not attempted: 9**9**9 would take hours


NUMBERS = st.decimals(min_value=Decimal("0.01"), max_value=10**6, places=2)


def _combined(
    pieces: tuple[tuple[str, Fraction | None], str, tuple[str, Fraction | None]],
) -> tuple[str, Fraction | None]:
    (left, a), sign, (right, b) = pieces
    written = f"({left}) {sign} ({right})"
    if a is None or b is None or (sign == "/" and b == 0):
        return written, None
    return written, {"+": a + b, "-": a - b, "*": a * b, "/": a / b if b else a}[sign]


SUMS = st.recursive(
    NUMBERS.map(lambda number: (str(number), Fraction(number))),
    lambda parts: st.tuples(parts, st.sampled_from("+-*/"), parts).map(_combined),
    max_leaves=12,
)


@given(SUMS)
def test_sums_agree_with_fractions(case: tuple[str, Fraction | None]) -> None:
    written, value = case
    if value is None:
        with pytest.raises(CannotCalculate):
            calculate(written)
        return
    found = calculate(written)
    assert abs(Fraction(found.value) - value) <= max(Fraction(1, 2 * 10**12), abs(value) / 10**11)
    assert not found.exact or Fraction(found.value) == value
    assert calculate(found.expression) == found


@given(st.text(max_size=200) | st.text(alphabet="0123456789+-*/^%!(). $,eksqrt", max_size=60))
def test_any_text_gives_a_number_or_a_clear_refusal(text: str) -> None:
    for expression in (text, expression_in(text)):
        try:
            calculate(expression or "")
        except CannotCalculate as refused:
            assert refused.what  # noqa: PT017  either outcome is right


@given(
    st.lists(
        st.sampled_from(
            "add and 3 12 percent of split take from half double it then to power root 5% $20 plus tip on what is ( ) "
            "each of us".split()
        ),
        max_size=25,
    )
)
def test_a_sum_found_in_words_can_be_read_again(words: list[str]) -> None:
    if expression := expression_in(" ".join(words)):
        try:
            assert calculate(expression).expression == expression
        except CannotCalculate as refused:
            assert refused.what != "This does not read as arithmetic."  # noqa: PT017
