"""A message -> what it asks, apart from the story it tells: whose case it is, and whether yes or no is an answer."""

import re
from dataclasses import dataclass

LEAD = r"(?i)^\W*(?:(?:and|but|so|or|then|hi|hello|also|please|now)\W+)*"
AUXILIARY = "can|could|may|might|do|does|did|is|are|am|will|would|should|must|need|has|have|was|were"
QUESTION_WORD = "what|whats|when|where|who|whom|whose|which|why|how"
ORDER = "tell|explain|describe|compare|list|name|show|give"
ASKS = re.compile(rf"{LEAD}(?:{QUESTION_WORD}|{ORDER}|{AUXILIARY})\b")
YES_OR_NO = re.compile(rf"{LEAD}(?:{AUXILIARY})\b")
OWN = re.compile(r"(?i)\b(?:i|my|me|mine|we|us|our)\b")
CLAUSES = re.compile(r"(?<=[.!?;:])\s+|,\s+(?!\d)|\n")


@dataclass(frozen=True)
class Message:
    asked: str
    """Its clauses that ask, or all of it when none is seen to: `home loan max`."""

    @property
    def own_case(self) -> bool:
        """Someone who says `I` uses words and numbers of a life that no document tells."""
        return OWN.search(self.asked) is not None

    @property
    def yes_or_no(self) -> bool:
        return YES_OR_NO.match(self.asked) is not None


def heard(text: str) -> Message:
    clauses = CLAUSES.split(text)
    asking = [clause for clause in clauses if ASKS.match(clause) or clause.rstrip().endswith("?")]
    return Message(" ".join(asking) or text)
