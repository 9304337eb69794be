"""The documents subgraph: find, then draft and check, or abstain; the large model is asked at most once."""

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph

from graphs.context import Context
from graphs.document_nodes import (
    abstain,
    ask_large,
    by_draft,
    by_evidence,
    by_verdict,
    check,
    draft,
    quote,
    retrieve,
)
from graphs.state import Answers, DocumentsState, PartState


def documents() -> CompiledStateGraph[DocumentsState, Context, PartState, Answers]:
    builder = StateGraph(DocumentsState, context_schema=Context, input_schema=PartState, output_schema=Answers)
    builder.add_node(retrieve)
    builder.add_node(draft)
    builder.add_node(ask_large)
    builder.add_node(quote)
    builder.add_node(check)
    builder.add_node(abstain)

    builder.add_edge(START, "retrieve")
    builder.add_conditional_edges(
        "retrieve", by_evidence, {"nothing": "abstain", "simple": "draft", "complex": "ask_large"}
    )
    builder.add_conditional_edges("draft", by_draft, {"written": "check", "failed": "quote"})
    builder.add_conditional_edges("ask_large", by_draft, {"written": "check", "failed": "draft"})
    builder.add_edge("quote", "check")
    builder.add_conditional_edges(
        "check", by_verdict, {"grounded": END, "escalate": "ask_large", "not grounded": "quote", "no answer": "abstain"}
    )
    builder.add_edge("abstain", END)
    return builder.compile()
