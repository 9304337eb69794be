"""What a model's tokens cost, and a call of it: in billionths of a dollar, so that sums are exact."""

import math
from dataclasses import dataclass

NANO = 1_000_000_000
"""Of a dollar."""


@dataclass(frozen=True)
class Price:
    """USD per million tokens, on the day that it was looked up."""

    input: float
    output: float
    as_of: str

    def cost(self, input: int, output: int) -> int:
        """In billionths of a dollar, a fraction of one counted as a whole."""
        return math.ceil(round((input * self.input + output * self.output) * 1000, 6))


def dollars(nano: int) -> float:
    return nano / NANO
