"""Greetings, thanks and what this installation can do, answered from what it really has."""

from collections.abc import Callable, Mapping, Sequence


class SmallTalk:
    """A topic of small talk -> a sentence or two."""

    name = "embedded"

    def __init__(self, topic: Callable[[str], str], can: str, answers: Mapping[str, str]) -> None:
        self._topic, self._can, self._answers = topic, can, answers

    async def reply(self, message: str) -> str:
        return self._answers.get(self._topic(message), "{can}").format(can=self._can)


def abilities(collections: Sequence[str], tools: Sequence[str]) -> str:
    """What this installation can do, in its own words."""
    looks = f"I answer questions from your company's documents ({', '.join(collections)}), with the page I read. "
    uses = f"I also have tools: {', '.join(tools)}. " if tools else ""
    return looks + uses + "Nothing you ask leaves this machine unless the receipt says so."


SENTENCES = {
    "greetings": "Hello! {can}",
    "thanks": "You're welcome.",
    "goodbye": "Goodbye!",
    "how_are_you": "I'm running fine, thank you. {can}",
    "compliments": "Thank you! Ask me anything about your documents.",
    "insults_complaints": "I'm sorry that wasn't helpful. Try naming the plan or the policy you mean. {can}",
    "jokes": "I only quote documents, and they are not very funny. {can}",
    "yes_no": "All right.",
    "identity": "I'm Tandem, a workplace assistant that runs on your own machine. {can}",
    "capabilities": "{can}",
}
"""By the topics of `[smalltalk]` in intents.toml; a topic that is not here gets what Tandem can do."""
