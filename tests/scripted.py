"""A context whose every part answers as it is told to: what the graph does is then all that is tested."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from langgraph.checkpoint.memory import InMemorySaver

from graphs.assistant import assistant
from graphs.context import Context, ToolFailed
from graphs.conversation import Conversation
from graphs.reply import Tariff
from graphs.routing import Policy
from graphs.state import Part, ToolCall
from ingest.evidence import Evidence, Passage, Reading
from ingest.split import Sentence
from models.asking import Asking
from models.embedded.triage import Heard
from models.found import Citation, Draft, Found
from models.voice import Question, Say
from privacy.failures import ModelFailed


def heard(text: str, intent: str, score: float = 1.0, place: str | None = None) -> Heard:
    return Heard(text, text, intent, 0.9, score, place)


class Unknown:
    """Counts of no documents."""

    passages = 0

    def containing(self, term: str) -> int:
        return 0


def found(
    sentence: str, page: int = 3, label: str = "internal", answered: bool = True, unknown: Sequence[str] = ()
) -> Found:
    """One passage of one sentence, which is the quotation."""
    row, stands = np.ones((1, 2), np.float32), [Sentence(sentence, page)]
    reading = Reading("401k", "plan.pdf", "plan", "Match", label, stands, [[]], row, row[0], 1.0)
    passage = Passage("401k", "plan.pdf", "plan", label, (), [page], "Match", sentence, 1.0, stands)
    citation = Citation("401k", "plan.pdf", page, sentence)
    return Found(Evidence([passage], [reading], Unknown()), sentence, [citation], answered, 0.9, unknown)


NOTHING = Found(Evidence([], [], Unknown()), "", [], False, 0.0, [])


@dataclass
class Script:
    """What each part will say, and what it was asked."""

    parts: Mapping[str, list[Heard]] = field(default_factory=dict)
    documents: Mapping[str, Found] = field(default_factory=dict)
    tools: Mapping[str, str | ToolFailed] = field(default_factory=dict)
    draft: Draft | None = None
    asked: list[tuple[str, ...]] = field(default_factory=list)

    async def read(
        self, message: str, earlier: Sequence[str] = (), whole: bool = False, **asked: object
    ) -> list[Heard]:
        self.asked.append(("triage", message, *earlier))
        return self.parts.get(message, [heard(message, "other")])

    def place(self, reply: str) -> str | None:
        return reply.title()

    async def find(self, question: str, collections: Sequence[str], favoured: str | None, asking: Asking) -> Found:
        self.asked.append(("find", question, *collections))
        return self.documents.get(question, NOTHING)

    async def reply(self, message: str) -> str:
        return f"You said {message}"

    exact: bool = True

    def count(self, text: str) -> int:
        return len(text.split())

    def at_most(self, text: str, limit: int) -> int:
        return self.count(text)


@dataclass(frozen=True)
class ScriptedWriter:
    draft: Draft | None
    name: str = "scripted"

    async def write(self, question: str, found: Found) -> Draft:
        return self.draft or Draft(f"{found.text} [1]", found.citations)


@dataclass
class ScriptedVoice:
    """A language model that says what it is told to, or fails."""

    name: str
    said: str | Draft | ModelFailed
    asked: list[tuple[str, ...]] = field(default_factory=list)
    """The question, and the passages or the conversation that came with it."""

    async def write(self, question: Question, passages: Sequence[Passage], asking: Asking, say: Say) -> Draft:
        self.asked.append((question.text, *(passage.text for passage in passages)))
        if isinstance(self.said, Draft):
            return self.said
        return Draft(self._says(say), [Citation("401k", "plan.pdf", 3, passages[0].text)])

    async def talk(self, question: Question, asking: Asking, say: Say) -> str:
        self.asked.append((question.text, *(turn.answer for turn in question.earlier)))
        return self._says(say)

    def _says(self, say: Say) -> str:
        if isinstance(self.said, ModelFailed):
            raise self.said
        text = self.said.text if isinstance(self.said, Draft) else self.said
        for word in text.split():
            say(f"{word} ")
        return text


@dataclass(frozen=True)
class ScriptedChat:
    script: Script
    name: str = "scripted"

    async def reply(self, message: str) -> str:
        return await self.script.reply(message)


@dataclass(frozen=True)
class ScriptedTool:
    name: str
    said: str | ToolFailed

    async def answer(self, part: Part) -> tuple[str, list[ToolCall]]:
        if isinstance(self.said, ToolFailed):
            raise self.said
        call = ToolCall(name=self.name, arguments={"place": part["place"]}, result={})
        return self.said.format(place=part["place"]), [call]


POLICY = Policy(
    documents={"401k": "401k", "benefits": "benefits"}, tools=frozenset({"weather", "calculator"}), score_above=5.0
)


def context(script: Script, policy: Policy = POLICY) -> Context:
    told = {"weather": "Mild in {place}.", "calculator": "4", **script.tools}
    return Context(
        triage=script,
        finder=script,
        quoting=ScriptedWriter(script.draft),
        small_talk=ScriptedChat(script),
        tools={name: ScriptedTool(name, said) for name, said in told.items()},
        tokens=script,
        policy=policy,
    )


def conversation(script: Script, policy: Policy = POLICY, **changed: object) -> Conversation:
    """The real graph and the real runner around the script; threads are kept in memory."""
    used = replace(context(script, policy), **changed)  # type: ignore[arg-type]
    tools = sorted(policy.tools)
    return Conversation(
        assistant(tools, InMemorySaver()),
        assistant(tools, InMemorySaver()),
        used,
        lambda: ["401k", "benefits"],
        Tariff((2.5, 10.0), services=["weather"]),
    )
