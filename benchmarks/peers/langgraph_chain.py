"""The chain in LangGraph with its SqliteSaver, everything else at its default.

python langgraph_chain.py NODES DATABASE [SYNCHRONOUS]
"""

import sys
from typing import TypedDict

from langgraph.checkpoint.sqlite import SqliteSaver  # type: ignore[import-not-found]
from langgraph.graph import END, START, StateGraph  # type: ignore[import-not-found]


class Value(TypedDict):
    """What is passed on."""

    n: int


def step(state: Value) -> Value:
    """One link of the chain."""
    return {"n": state["n"] + 1}


def main(nodes: int, database: str, synchronous: str | None = None) -> None:
    """Build the chain, run it once and check what arrived."""
    graph = StateGraph(Value)
    for number in range(nodes):
        graph.add_node(f"n{number}", step)
        graph.add_edge(f"n{number - 1}" if number else START, f"n{number}")
    graph.add_edge(f"n{nodes - 1}", END)
    with SqliteSaver.from_conn_string(database) as saver:
        if synchronous is not None:
            saver.conn.execute(f"PRAGMA synchronous = {synchronous}")
        app = graph.compile(checkpointer=saver)
        config = {"configurable": {"thread_id": "1"}, "recursion_limit": nodes + 10}
        result = app.invoke({"n": 0}, config)
    if result["n"] != nodes:
        raise SystemExit(f"the chain arrived at {result['n']}")


if __name__ == "__main__":
    main(int(sys.argv[1]), *sys.argv[2:])
