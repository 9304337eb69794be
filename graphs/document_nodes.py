"""The documents' boxes, a small function each, and the choices that pick an arrow."""

from collections.abc import Sequence
from typing import Literal

from langgraph.runtime import Runtime

from graphs import words
from graphs.answers import one, said, saying
from graphs.check import is_grounded
from graphs.context import Context, Voice
from graphs.routing import asks_for_large, escalates, writer
from graphs.state import Answers, Cited, DocumentsState, Verdict
from ingest.evidence import Passage
from ingest.labels import LABELS, Label, as_label, strictest
from models.found import Citation, Draft, Found
from models.voice import READ, Question
from privacy.failures import ModelFailed


async def retrieve(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    """Find the evidence in every collection the asker may read."""
    part, context = state["part"], runtime.context
    found = await context.finder.find(part["search"], state["collections"], part["collection"], context.asking)
    return {"found": found}  # type: ignore[typeddict-item]


def by_evidence(state: DocumentsState, runtime: Runtime[Context]) -> Literal["nothing", "simple", "complex"]:
    part, found = state["part"], state["found"]
    who = writer(found.answered, part["score"], part["tokens"], _labels(state), runtime.context.policy)
    choices: dict[str, Literal["nothing", "simple", "complex"]]
    choices = {"abstain": "nothing", "small": "simple", "large": "complex"}
    return choices[who]


async def draft(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    """In the small model's words, or, without one, the documents' own."""
    small, asking = runtime.context.small, runtime.context.asking
    if small is None or (state.get("escalated") and not asking.left):
        return await quote(state, runtime)
    return await _written("small", small, state, runtime, words.OWN_WORDS)


async def ask_large(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    large = runtime.context.large
    if large is None:
        raise RuntimeError("the policy says that there is a large model, and there is none")
    instead = words.SMALL_INSTEAD if runtime.context.small else words.OWN_WORDS
    return {**await _written("large", large, state, runtime, instead), "escalated": True}


def by_draft(state: DocumentsState) -> Literal["written", "failed"]:
    return "failed" if state["draft"] is None else "written"


async def quote(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    """The documents' own words, without a language model."""
    written = await runtime.context.quoting.write(state["part"]["search"], state["found"])
    return {"draft": written, "by": "embedded", "model": runtime.context.quoting.name}  # type: ignore[typeddict-item]


async def check(state: DocumentsState, runtime: Runtime[Context]) -> DocumentsState:
    """Hold the draft against the pages it cites."""
    part, found, written, context, by = state["part"], state["found"], _drafted(state), runtime.context, state["by"]
    verdict = _verdict(state, context)
    if verdict != "grounded":
        if verdict == "not grounded":
            context.asking.note(words.not_borne_out(state["model"]))
        return {"verdict": verdict}  # type: ignore[typeddict-item]
    hard = not state.get("escalated") and asks_for_large(part["score"], part["tokens"], context.policy)
    notices = [_why_local(context)] if hard else []
    answers = one(
        part,
        context,
        written.text,
        citations=[
            Cited(n=n, collection=c.collection, source=c.source, page=c.page, quote=c.quote)
            for n, c in enumerate(written.citations, 1)
        ],
        writer=by,
        model=state["model"],
        grounded=True,
        escalated=by == "large",
        reason=_reason(by, hard and context.large is None),
        notices=[*notices, *([words.beside(found.unknown)] if found.unknown else [])],
        label=_label_of_answer(written, state),
        sent=[passage.text for passage in _given(state)],
    )
    return {"verdict": verdict, **answers}  # type: ignore[typeddict-item]


def by_verdict(state: DocumentsState) -> Verdict:
    return state["verdict"]


async def abstain(state: DocumentsState, runtime: Runtime[Context]) -> Answers:
    """Say that the documents do not answer, and what was looked in."""
    found = state["found"]
    return one(
        state["part"],
        runtime.context,
        words.not_in_documents(state["collections"], found.unknown),
        abstained=True,
        reason=words.UNKNOWN_WORD if found.unknown else words.NOT_ANSWERED,
        sent=[passage.text for passage in _given(state)],
    )


# What they share ------------------------------------------------------------------------------------------------------


def _given(state: DocumentsState) -> Sequence[Passage]:
    """What a writer reads: the best passages, without those whose label would bind an answer that needs less.

    What carries the answer is the best passage and the quotation; a restricted passage further down would only keep
    the conversation from the large model.
    """
    found = state["found"]
    passages = found.evidence.passages
    carrying = strictest(as_label(label) for label in [*_quoted(found.citations, found), *found.labels[:1]])
    free = LABELS[: LABELS.index(carrying) + 1]
    return [passage for passage in passages if passage.label in free][:READ]


def _quoted(citations: Sequence[Citation], found: Found) -> list[str]:
    """The labels of what is cited."""
    cited = {(citation.collection, citation.source) for citation in citations}
    return [reading.label for reading in found.evidence.readings if (reading.collection, reading.source) in cited]


def _labels(state: DocumentsState) -> list[str]:
    """Of all that a writer would be told: passages, and the conversation before."""
    return [state["part"]["label"], *(passage.label for passage in _given(state))]


def _label_of_answer(written: Draft, state: DocumentsState) -> Label:
    """The strictest of what a writer was told, and of what is quoted from beyond that."""
    return strictest(map(as_label, [*_labels(state), *_quoted(written.citations, state["found"])]))


async def _written(
    by: Literal["small", "large"], voice: Voice, state: DocumentsState, runtime: Runtime[Context], instead: str
) -> DocumentsState:
    """The model's draft, or none, said with what happens instead."""
    question, asking = Question(state["part"]["search"], said(state["turns"])), runtime.context.asking
    draft, say = None, saying(state, runtime)
    if "draft" in state:  # what another model wrote does not count
        say(None)
    try:
        draft = await voice.write(question, _given(state), asking, say)
    except ModelFailed as failed:
        asking.note(words.instead(failed, instead if asking.left else words.OWN_WORDS))
    return {"draft": draft, "by": by, "model": asking.answered(by) or voice.name}  # type: ignore[typeddict-item]


def _drafted(state: DocumentsState) -> Draft:
    draft = state["draft"]
    if draft is None:
        raise RuntimeError("there is no draft to be checked")
    return draft


def _verdict(state: DocumentsState, context: Context) -> Verdict:
    written, by = _drafted(state), state["by"]
    if written.flaw is None and is_grounded(written, state["part"]["search"], state["found"]):
        return "grounded"
    if by == "embedded":
        return "no answer"
    if by == "small" and not state.get("escalated") and escalates(_labels(state), context.policy):
        return "escalate"
    return "no answer" if written.flaw == "declined" else "not grounded"


def _why_local(context: Context) -> str:
    return words.HARD if context.large is None else words.MUST_STAY


def _reason(by: str, hard_and_alone: bool) -> str:
    if by == "embedded":
        return words.HARD_BUT_LOCAL if hard_and_alone else words.QUOTED
    return words.ESCALATED if by == "large" else words.WRITTEN
