"""The sentences that the graph itself says to the user."""

from collections.abc import Mapping, Sequence

from models.embedded.triage import By
from privacy.failures import ModelFailed

WHICH_PLACE = "For which place?"
DROPPED = "The earlier question, which waited for your reply, was dropped."
NO_LARGE = "No large model is connected; `tandem doctor` says which models there are."
HARD = f"This is a hard question, and this is the best local answer. {NO_LARGE}"
MUST_STAY = "This is a hard question, but what it is about may not be sent to a large model: this is the local answer."

WITHDRAWN = "What stands above is withdrawn; this is the answer:"
OWN_WORDS = "the documents' own words answer"
SMALL_INSTEAD = "the small model answers"
NOBODY = "nobody can answer this now"
FEW_WORDS = "a ready sentence answers"

CHAT = "Small talk is answered here."
GENERAL = "It is general knowledge, which the model answers without a document."
TOOL = "A tool answered."
TOOL_FAILED = "The tool could not answer."
QUOTED = "The documents answer it in their own words."
WRITTEN = "The documents answer it, in the small model's words."
ESCALATED = "The documents answer it, in the large model's words."
HARD_BUT_LOCAL = "It is a hard question; without a large model the documents answer it in their own words."
NEEDS_LARGE = "It needs general knowledge, which takes a large model."
NOT_ANSWERED = "Nothing in the documents answers it well enough."
UNKNOWN_WORD = "It asks about something that the documents do not mention."


TRIAGED: Mapping[By, str] = {
    "embedded, after an invalid answer": "the small model's triage was not valid, so the embedded classifier decided",
    "embedded, after a failure": "the small model could not be asked what it is about, so the embedded one decided",
}


def because(reason: str, by: By) -> str:
    """Why a part was answered so, and how it was understood where that went wrong."""
    return f"{reason.rstrip('.')}; {TRIAGED[by]}." if by in TRIAGED else reason


def not_in_documents(collections: Sequence[str], unknown: Sequence[str]) -> str:
    """One helpful sentence: what was looked in, and which word is not there."""
    if unknown:
        are = "is" if len(unknown) == 1 else "are"
        return f"The documents do not say: {_listed(unknown)} {are} not mentioned in {_named(collections)}."
    return f"The documents do not say: I looked in {_named(collections)} and found no passage that answers this."


def instead(failed: ModelFailed, what: str) -> str:
    """What failed, what happens instead, and what would mend it."""
    return f"{failed.what}, so {what}. {failed.do or ''}".strip()


def not_borne_out(model: str) -> str:
    return f"The draft of {model} was not borne out by its pages, so {OWN_WORDS}."


def beside(unknown: Sequence[str]) -> str:
    """Under an answer to a question of which the documents do not know every word."""
    return f"The documents do not mention {_listed(unknown)}: see whether this is what you asked."


def general_declined(collections: Sequence[str]) -> str:
    return (
        f"The documents do not say (I looked in {_named(collections)}), and a question of general knowledge needs"
        " a large model, which is not connected here."
    )


def general_unanswered(collections: Sequence[str]) -> str:
    return f"The documents do not say (I looked in {_named(collections)}), and no model can be asked now."


def _named(collections: Sequence[str]) -> str:
    names = ", ".join(collections)
    return f"the collection{'s' if len(collections) != 1 else ''} {names}" if names else "no collection"


def _listed(items: Sequence[str]) -> str:
    quoted = [f"“{item}”" for item in items]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]
