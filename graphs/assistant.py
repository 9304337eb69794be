"""The diagram in code: nodes, edges, compile."""

from collections.abc import Iterable

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.context import Context
from graphs.documents import documents
from graphs.nodes import ask_back, by_parts, by_reply, compose, large, small, tool, triage
from graphs.state import State

Assistant = CompiledStateGraph[State, Context, State, State]


def assistant(tools: Iterable[str], threads: BaseCheckpointSaver[str] | None = None) -> Assistant:
    """The graph, with a box for each tool; `threads` keeps conversations."""
    builder = StateGraph(State, context_schema=Context)
    boxes = [*tools]
    builder.add_node(triage)
    builder.add_node("documents", documents())
    builder.add_node(small)
    builder.add_node(large)
    builder.add_node(ask_back)
    for name in boxes:
        builder.add_node(name, tool(name))
    builder.add_node(compose, defer=True)

    builder.add_edge(START, "triage")
    builder.add_conditional_edges("triage", by_parts, ["documents", "small", "large", *boxes, "ask_back"])
    builder.add_conditional_edges("ask_back", by_reply, boxes)
    for box in ("documents", "small", "large", *boxes):
        builder.add_edge(box, "compose")
    builder.add_edge("compose", END)
    return builder.compile(checkpointer=threads)
