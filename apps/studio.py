"""The graph for LangGraph's own development server, which reads langgraph.json and hands in no context."""

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from apps.indexing import index_configured
from apps.settings import ROOT, read
from apps.wiring import Parts, Places, cache_folder
from graphs.assistant import assistant
from graphs.state import State


def graph() -> CompiledStateGraph[State, None, State, State]:
    """A question in, as `{"question": …}`; the assistant with the shipped settings inside."""
    parts = Parts(read(), Places(ROOT / ".tandem", cache_folder()))
    index_configured(parts)
    inner, context = assistant(parts.tools), parts.context

    async def answer(state: State) -> State:
        asked: State = {"collections": parts.searched(), "pinned": False, **state}
        answered: State = await inner.ainvoke(asked, context=context)  # type: ignore[assignment]
        return answered

    builder = StateGraph(State)
    builder.add_node("assistant", answer)
    builder.add_edge(START, "assistant")
    builder.add_edge("assistant", END)
    return builder.compile()
