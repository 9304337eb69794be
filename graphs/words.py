"""The sentences that the graph itself says to the user."""

from collections.abc import Sequence

WHICH_PLACE = "For which place?"
DROPPED = "The earlier question, which waited for your reply, was dropped."
NO_LARGE = "No large model is connected; `tandem doctor` says which models there are."
HARD = f"This is a hard question, and this is the best local answer. {NO_LARGE}"

CHAT = "Small talk is answered here."
TOOL = "A tool answered."
TOOL_FAILED = "The tool could not answer."
QUOTED = "The documents answer it in their own words."
HARD_BUT_LOCAL = "It is a hard question; without a large model the documents answer it in their own words."
NEEDS_LARGE = "It needs general knowledge, which takes a large model."
NOT_ANSWERED = "Nothing in the documents answers it well enough."
UNKNOWN_WORD = "It asks about something that the documents do not mention."


def not_in_documents(collections: Sequence[str], unknown: Sequence[str]) -> str:
    """One helpful sentence: what was looked in, and which word is not there."""
    if unknown:
        are = "is" if len(unknown) == 1 else "are"
        return f"The documents do not say: {_listed(unknown)} {are} not mentioned in {_named(collections)}."
    return f"The documents do not say: I looked in {_named(collections)} and found no passage that answers this."


def beside(unknown: Sequence[str]) -> str:
    """Under an answer to a question of which the documents do not know every word."""
    return f"The documents do not mention {_listed(unknown)}: see whether this is what you asked."


def general_declined(collections: Sequence[str]) -> str:
    return (
        f"The documents do not say (I looked in {_named(collections)}), and a question of general knowledge needs"
        " a large model, which is not connected here."
    )


def _named(collections: Sequence[str]) -> str:
    names = ", ".join(collections)
    return f"the collection{'s' if len(collections) != 1 else ''} {names}" if names else "no collection"


def _listed(items: Sequence[str]) -> str:
    quoted = [f"“{item}”" for item in items]
    return quoted[0] if len(quoted) == 1 else ", ".join(quoted[:-1]) + " and " + quoted[-1]
