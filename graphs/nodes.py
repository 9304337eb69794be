"""The boxes, a small function each, and the choices that pick an arrow."""

from collections.abc import Sequence
from itertools import count
from typing import Any, Literal, Protocol

from langgraph.runtime import Runtime
from langgraph.types import Send, interrupt

from graphs import words
from graphs.check import is_grounded
from graphs.context import Context, ToolFailed
from graphs.routing import asks_for_large, route, writer
from graphs.state import Answer, Answers, Cited, DocumentsState, Part, PartState, State, Turn, Waiting
from models.embedded.triage import Heard

REMEMBERED = 6
"""Turns that a thread keeps for its follow-ups."""


class Box(Protocol):
    """What a part is sent to."""

    async def __call__(self, state: PartState, runtime: Runtime[Context]) -> Answers: ...


# The assistant's boxes ------------------------------------------------------------------------------------------------


async def triage(state: State, runtime: Runtime[Context]) -> State:
    """Split the question into parts, and give each its box."""
    context, pinned = runtime.context, state["pinned"]
    earlier = [turn["question"] for turn in state.get("turns", [])]
    heard = await context.triage.read(state["question"], earlier, whole=pinned)
    parts = [_part(number, one, context) for number, one in enumerate(heard)]
    if pinned:
        parts = [{**part, "collection": None, "route": "documents"} for part in parts[:1]]
    else:
        parts = [await _routed(part, state["collections"], context) for part in parts]
    return {"parts": parts, "answers": None}  # type: ignore[typeddict-item]


def _part(number: int, heard: Heard, context: Context) -> Part:
    return Part(
        number=number,
        question=heard.text,
        search=heard.search,
        intent=heard.intent,
        score=heard.score,
        confidence=heard.confidence,
        place=heard.place,
        collection=context.policy.documents.get(heard.intent),
        in_documents=None,
        tokens=context.tokens.at_most(heard.text, context.policy.tokens_above),
        route="",
    )


async def _routed(part: Part, collections: Sequence[str], context: Context) -> Part:
    """A part that is nothing in particular is looked for in the documents before it is called general."""
    if part["intent"] == "other":
        found = await context.finder.find(part["search"], collections, None)
        part = {**part, "in_documents": found.answered}
    return {**part, "route": route(part, context.policy)}


def by_parts(state: State) -> list[Send]:
    """One branch for each part."""
    return [Send(part["route"], PartState(part=part, collections=state["collections"])) for part in state["parts"]]


async def small(state: PartState, runtime: Runtime[Context]) -> Answers:
    chat = runtime.context.chat
    text = await chat.reply(state["part"]["question"])
    return _one(_answer(state["part"], runtime.context, text, writer="embedded", model=chat.name, reason=words.CHAT))


async def large(state: PartState, runtime: Runtime[Context]) -> Answers:
    """Without a large model, say what would answer this."""
    return _one(
        _answer(
            state["part"],
            runtime.context,
            words.general_declined(state["collections"]),
            abstained=True,
            reason=words.NEEDS_LARGE,
            notices=[words.NO_LARGE],
        )
    )


def tool(name: str) -> Box:
    """The box that answers with the tool of that name."""

    async def call(state: PartState, runtime: Runtime[Context]) -> Answers:
        part, context = state["part"], runtime.context
        try:
            text, calls = await context.tools[name].answer(part)
        except ToolFailed as failed:
            return _one(
                _answer(part, context, str(failed), writer="tool", model=name, reason=words.TOOL_FAILED, abstained=True)
            )
        return _one(
            _answer(part, context, text, writer="tool", model=name, reason=words.TOOL, grounded=True, tools=calls)
        )

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
    turn = Turn(question=state["question"], answer=whole, intent=answers[0]["part"]["intent"])
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


# The documents' boxes -------------------------------------------------------------------------------------------------


async def retrieve(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    """Find the evidence in every collection the asker may read."""
    part = state["part"]
    found = await runtime.context.finder.find(part["search"], state["collections"], part["collection"])
    return {"found": found}  # type: ignore[typeddict-item]


def by_evidence(state: DocumentsState, runtime: Runtime[Context]) -> Literal["nothing", "enough"]:
    part, found = state["part"], state["found"]
    who = writer(found.answered, part["score"], part["tokens"], found.labels, runtime.context.policy)
    return "nothing" if who == "abstain" else "enough"


async def draft(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    written = await runtime.context.small.write(state["part"]["search"], state["found"])
    return {"draft": written}  # type: ignore[typeddict-item]


async def check(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    """Hold the draft against the pages it cites."""
    part, found, written, context = state["part"], state["found"], state["draft"], runtime.context
    if not is_grounded(written, found.evidence.readings):
        return {"grounded": False}  # type: ignore[typeddict-item]
    hard = asks_for_large(part["score"], part["tokens"], context.policy)
    answer = _answer(
        part,
        context,
        written.text,
        citations=[
            Cited(n=n, collection=c.collection, source=c.source, page=c.page, quote=c.quote)
            for n, c in enumerate(written.citations, 1)
        ],
        writer=context.small.kind,
        model=context.small.name,
        grounded=True,
        reason=words.HARD_BUT_LOCAL if hard else words.QUOTED,
        notices=[*([words.HARD] if hard else []), *([words.beside(found.unknown)] if found.unknown else [])],
        sent=[passage.text for passage in found.evidence.passages[:5]],
    )
    return {"grounded": True, "answers": [answer]}  # type: ignore[typeddict-item]


def by_grounding(state: DocumentsState) -> Literal["grounded", "not grounded"]:
    return "grounded" if state["grounded"] else "not grounded"


async def abstain(state: DocumentsState, runtime: Runtime[Context]) -> Answers:
    """Say that the documents do not answer, and what was looked in."""
    found = state["found"]
    return _one(
        _answer(
            state["part"],
            runtime.context,
            words.not_in_documents(state["collections"], found.unknown),
            abstained=True,
            reason=words.UNKNOWN_WORD if found.unknown else words.NOT_ANSWERED,
            sent=[passage.text for passage in found.evidence.passages[:5]],
        )
    )


# Answers --------------------------------------------------------------------------------------------------------------


def _one(answer: Answer) -> Answers:
    return {"answers": [answer]}


def _answer(part: Part, context: Context, text: str, *, sent: Sequence[str] = (), **known: Any) -> Answer:
    would = {
        "input": sum(map(context.tokens.count, [part["question"], *sent])),
        "output": context.tokens.count(text),
    }
    empty = Answer(
        part=part, text=text, citations=[], writer=None, model=None, grounded=False, escalated=False,
        abstained=False, reason="", tools=[], notices=[], would=would,
    )  # fmt: skip
    return {**empty, **known}  # type: ignore[typeddict-item]
