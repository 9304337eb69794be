"""The documents subgraph: find, then draft and check, or abstain."""

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.context import Context
from graphs.nodes import abstain, by_evidence, by_grounding, check, draft, retrieve
from graphs.state import Answers, DocumentsState, PartState


def documents() -> CompiledStateGraph[DocumentsState, Context, PartState, Answers]:
    builder = StateGraph(DocumentsState, context_schema=Context, input_schema=PartState, output_schema=Answers)
    builder.add_node(retrieve)
    builder.add_node(draft)
    builder.add_node(check)
    builder.add_node(abstain)

    builder.add_edge(START, "retrieve")
    builder.add_conditional_edges("retrieve", by_evidence, {"nothing": "abstain", "enough": "draft"})
    builder.add_edge("draft", "check")
    builder.add_conditional_edges("check", by_grounding, {"grounded": END, "not grounded": "abstain"})
    builder.add_edge("abstain", END)
    return builder.compile()
