"""The assistant's boxes, a small function each, and the choices that pick an arrow."""

from collections.abc import Sequence
from itertools import count
from typing import Literal, Protocol

from langgraph.runtime import Runtime
from langgraph.types import Send, interrupt

from graphs import words
from graphs.answers import one, said, saying
from graphs.context import Context, ToolFailed
from graphs.routing import route
from graphs.state import Answer, Answers, Cited, Part, PartState, State, Turn, Waiting
from ingest.labels import Label, strictest
from models.embedded.triage import Heard
from models.voice import Question
from privacy.failures import ModelFailed

REMEMBERED = 6
"""Turns that a thread keeps for its follow-ups."""


class Box(Protocol):
    """What a part is sent to."""

    async def __call__(self, state: PartState, runtime: Runtime[Context]) -> Answers: ...


async def triage(state: State, runtime: Runtime[Context]) -> State:
    """Split the question into parts, and give each its box."""
    context, pinned = runtime.context, state["pinned"]
    turns = state.get("turns", [])
    label = Question(state["question"], said(turns)).label
    heard = await context.triage.read(
        state["question"], [turn["question"] for turn in turns], pinned, asking=context.asking, label=label
    )
    parts = [_part(number, one, label, context) for number, one in enumerate(heard)]
    if pinned:
        parts = [{**part, "collection": None, "route": "documents"} for part in parts[:1]]
    else:
        parts = [await _routed(part, state["collections"], context) for part in parts]
    return {"parts": parts, "answers": None}  # type: ignore[typeddict-item]


def _part(number: int, heard: Heard, label: Label, context: Context) -> Part:
    return Part(
        number=number,
        question=heard.text,
        search=heard.search,
        intent=heard.intent,
        score=heard.score,
        confidence=heard.confidence,
        by=heard.by,
        place=heard.place,
        collection=context.policy.documents.get(heard.intent),
        in_documents=None,
        tokens=context.tokens.at_most(heard.text, context.policy.tokens_above),
        label=label,
        route="",
    )


async def _routed(part: Part, collections: Sequence[str], context: Context) -> Part:
    """A part that is nothing in particular is looked for in the documents before it is called general."""
    if part["intent"] == "other":
        found = await context.finder.find(part["search"], collections, None, context.asking)
        part = {**part, "in_documents": found.answered}
    return {**part, "route": route(part, context.policy)}


def by_parts(state: State) -> list[Send]:
    """One branch for each part."""
    rest = {"collections": state["collections"], "turns": state.get("turns", [])}
    return [Send(part["route"], {"part": part, **rest}) for part in state["parts"]]


async def small(state: PartState, runtime: Runtime[Context]) -> Answers:
    """The small model, or, without one, small talk from what is at hand."""
    return await _talked(state, runtime, ["small"])


async def large(state: PartState, runtime: Runtime[Context]) -> Answers:
    """The large model, or else the small one; without either, say what would answer this."""
    return await _talked(state, runtime, ["large", "small"])


async def _talked(state: PartState, runtime: Runtime[Context], writers: Sequence[Literal["small", "large"]]) -> Answers:
    """By the first that can. No error handler: it could only send on a Send, and then `compose` would run early."""
    part, context = state["part"], runtime.context
    question = Question(part["question"], said(state["turns"]))
    say, reason = saying(state, runtime), words.CHAT if part["intent"] == "smalltalk" else words.GENERAL
    voices = {"small": context.small, "large": context.large}
    there = [(name, voice) for name in writers if (voice := voices[name]) is not None]
    for place, (name, voice) in enumerate(there):
        try:
            text = await voice.talk(question, context.asking, say)
        except ModelFailed as failed:
            left = there[place + 1 :] if context.asking.left else []
            context.asking.note(words.instead(failed, _next(part, left)))
            if not left:
                break
        else:
            label, escalated = question.label, name == "large"
            model = context.asking.answered(name) or voice.name
            return one(part, context, text, writer=name, model=model, reason=reason, label=label, escalated=escalated)
    return await _alone(state, context)


def _next(part: Part, left: Sequence[object]) -> str:
    if left:
        return words.SMALL_INSTEAD
    return words.FEW_WORDS if part["intent"] == "smalltalk" else words.NOBODY


async def _alone(state: PartState, context: Context) -> Answers:
    """Without any language model."""
    part = state["part"]
    if part["intent"] == "smalltalk":
        text = await context.small_talk.reply(part["question"])
        return one(part, context, text, writer="embedded", model=context.small_talk.name, reason=words.CHAT)
    there = context.small or context.large
    return one(
        part,
        context,
        words.general_unanswered(state["collections"]) if there else words.general_declined(state["collections"]),
        abstained=True,
        reason=words.NEEDS_LARGE,
        notices=[] if there else [words.NO_LARGE],
    )


def tool(name: str) -> Box:
    """The box that answers with the tool of that name."""

    async def call(state: PartState, runtime: Runtime[Context]) -> Answers:
        part, context = state["part"], runtime.context
        try:
            text, calls = await context.tools[name].answer(part)
        except ToolFailed as failed:
            return one(part, context, str(failed), writer="tool", model=name, reason=words.TOOL_FAILED, abstained=True)
        return one(part, context, text, writer="tool", model=name, reason=words.TOOL, grounded=True, tools=calls)

    return call


async def ask_back(state: PartState, runtime: Runtime[Context]) -> State:
    """Wait for what is missing, and go on with the reply."""
    part = state["part"]
    reply = str(interrupt(Waiting(question=words.WHICH_PLACE, choices=[])))
    place = runtime.context.triage.place(reply)
    return {"part": {**part, "place": place or reply.strip(), "route": part["intent"]}}


def by_reply(state: State) -> str:
    """An edge and no Send: beside a Send alone, LangGraph runs a deferred `compose` too early."""
    return state["part"]["intent"]


async def compose(state: State) -> State:
    """The parts' answers in the order of the question, their citations numbered through."""
    answers = sorted(state["answers"], key=lambda answer: answer["part"]["number"])
    numbers = count(1)
    texts, citations = [], []
    for answer in answers:
        text, numbered = _renumbered(answer, numbers)
        texts.append(text)
        citations += numbered
    whole = "\n\n".join(texts)
    label = strictest(answer["label"] for answer in answers)
    turn = Turn(question=state["question"], answer=whole, intent=answers[0]["part"]["intent"], label=label)
    return {
        "answer": whole,
        "citations": citations,
        "notices": [*dict.fromkeys(notice for answer in answers for notice in answer["notices"])],
        "turns": [*state.get("turns", []), turn][-REMEMBERED:],
    }


def _renumbered(answer: Answer, numbers: "count[int]") -> tuple[str, list[Cited]]:
    new = {citation["n"]: next(numbers) for citation in answer["citations"]}
    text = answer["text"]
    for old in sorted(new, reverse=True):  # upwards, so that no marker is renumbered twice
        text = text.replace(f"[{old}]", f"[{new[old]}]")
    return text, [{**citation, "n": new[citation["n"]]} for citation in answer["citations"]]
