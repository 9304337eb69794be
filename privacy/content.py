"""What is said to a model: never a bare string, always a text with its label and where it comes from."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from ingest.labels import Label, strictest

Speaker = Literal["system", "user", "assistant"]


@dataclass(frozen=True)
class Text:
    text: str
    label: Label
    origin: str
    """`prompt`, `question`, `conversation`, or a passage's `collection/source, page 4`."""


@dataclass(frozen=True)
class Message:
    speaker: Speaker
    texts: Sequence[Text]

    @property
    def text(self) -> str:
        return "\n\n".join(text.text for text in self.texts)


def texts(messages: Iterable[Message]) -> list[Text]:
    return [text for message in messages for text in message.texts]


def label_of(messages: Iterable[Message]) -> Label:
    """The strictest label of all that is said."""
    return strictest(text.label for text in texts(messages))
