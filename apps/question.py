"""What a user typed -> a question that can be asked, or why not."""

from apps.show import plain
from ingest.errors import Trouble

LONGEST = 32_000


class UsageWrong(Trouble):
    """What was asked cannot be done as asked."""


def checked(question: object, name: str = "question") -> str:
    """Without control characters and escapes, not empty, and not a document."""
    if not isinstance(question, str):
        raise UsageWrong(f"The {name} is not text.", repr(question)[:80], f'Give "{name}" as a string.')
    text = plain(question.encode("utf-8", "replace").decode("utf-8")).strip()
    if not text:
        raise UsageWrong(f"The {name} is empty.", repr(question[:40]), "Type what you want to know.")
    if len(text) > LONGEST:
        raise UsageWrong(
            f"The {name} has {len(text):,} characters; at most {LONGEST:,} can be asked at once.",
            text[:40] + "…",
            "Save a longer text to a file and run: tandem summarize FILE",
        )
    return text
