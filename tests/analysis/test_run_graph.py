"""The graph of a run: what each edge is for, how each node went, and what is left where the snapshot is damaged."""

import random
import sqlite3
from contextlib import closing
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from binex.analysis.graph_fold import fold, grouped
from binex.analysis.run_graph import EdgeKind, GraphEdge, GraphNode, RunGraph, run_graph
from binex.loader import bind_source
from binex.models.run import Run
from binex.models.task import ErrorKind, SkipReason, TaskStatus
from binex.runtime.session import open_session
from tests.analysis.conftest import Kin, Ledger

FLOW = """
name: kinds
inputs: {go: {default: "yes"}}
nodes:
  a: {agent: local://echo, inputs: {x: 1}}
  b: {agent: local://echo, inputs: {x: 2}}
  data: {agent: local://echo, inputs: {x: "${a.x}", y: "${a.output}"}}
  order: {agent: local://echo, inputs: {x: 3}, depends_on: [a]}
  asks: {agent: local://echo, inputs: {x: 4}, when: "${a.output} == 5"}
  both: {agent: local://echo, inputs: {x: "${b.output}"}, when: "${b.output}"}
  implied: {agent: local://echo, depends_on: [a, b]}
""".replace("${a.x}", "${a.output.x}")


def edges(found: RunGraph) -> dict[tuple[str, str], tuple[tuple[EdgeKind, ...], tuple[str, ...]]]:
    return {(edge.before, edge.after): (edge.kinds, edge.references) for edge in found.edges}


async def test_every_edge_says_what_it_is_for(tmp_path: Path) -> None:
    (tmp_path / "flow.yaml").write_text(FLOW, "utf-8")
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        run = (await session.run(tmp_path / "flow.yaml")).run
        found = await run_graph(session.store, run, bind_source)
    assert edges(found) == {
        ("a", "data"): ((EdgeKind.DATA,), ("${a.output.x}", "${a.output}")),
        ("a", "order"): ((EdgeKind.ORDER,), ()),
        ("a", "asks"): ((EdgeKind.CONDITION,), ("${a.output}",)),
        ("b", "both"): ((EdgeKind.DATA, EdgeKind.CONDITION), ("${b.output}",)),
        ("a", "implied"): ((EdgeKind.DATA,), ("${a.output}",)),
        ("b", "implied"): ((EdgeKind.DATA,), ("${b.output}",)),
    }


async def test_every_node_says_how_it_went(kin: Kin) -> None:
    run = await kin.run()
    found = await run_graph(kin.store, run, bind_source)
    nodes = {node.id: node for node in found.nodes}
    assert list(nodes) == ["plan", "think", "each", "never", "broken", "after", "end"]
    assert (nodes["plan"].status, nodes["plan"].attempts) == (TaskStatus.COMPLETED, 1)
    assert (nodes["each"].items, nodes["each"].attempts) == ({TaskStatus.COMPLETED: 3}, 0)
    assert nodes["never"].skip_reason is SkipReason.WHEN
    assert (nodes["broken"].status, nodes["broken"].error, nodes["broken"].error_kind) == (
        TaskStatus.FAILED,
        "no luck",
        ErrorKind.CODE,
    )
    assert (nodes["after"].skip_reason, nodes["after"].blocked_by) == (SkipReason.BLOCKED, "broken")
    assert found.damage == ()


async def test_a_fork_says_what_it_took_over(kin: Kin) -> None:
    parent = await kin.run()
    fork = await kin.edit(parent)
    found = await run_graph(kin.store, fork, bind_source)
    nodes = {node.id: node for node in found.nodes}
    assert nodes["each"].reused_from == parent.id
    assert nodes["plan"].is_edited
    assert found.taken_over >= 4


async def test_without_the_snapshot_it_is_what_the_records_say(kin: Kin) -> None:
    run = await kin.run()
    await kin.store.flush()
    with closing(sqlite3.connect(kin.file.parent / ".binex" / "binex.db")) as connection, connection:
        connection.execute("UPDATE workflows SET doc = '{}'")
    found = await run_graph(kin.store, run, bind_source)
    assert [damage.where for damage in found.damage] == ["workflow"]
    assert {node.id for node in found.nodes} == {"plan", "think", "each", "never", "broken", "after", "end"}
    assert set(edges(found)) == {("plan", "think"), ("think", "end"), ("each", "broken"), ("broken", "after")}


async def test_a_run_that_never_began_has_all_nodes_waiting(ledger: Ledger) -> None:
    run: Run = await ledger.run("1run")
    found = await run_graph(ledger.store, run, bind_source)
    assert (found.nodes, [damage.where for damage in found.damage]) == ((), ["workflow"])


@pytest.mark.parametrize("least", [2, 5])
async def test_a_group_is_of_one_agent_and_as_large_as_was_asked_for(tmp_path: Path, least: int) -> None:
    names = [f"s{i}" for i in range(4)]
    nodes = "".join(f'  {name}: {{agent: local://echo, inputs: {{x: "${{a.output}}"}}}}\n' for name in names)
    flow = "name: fan\nnodes:\n  a: {agent: local://echo, inputs: {x: 1}}\n" + nodes
    flow += '  other: {agent: llm://mock/a, inputs: {x: "${a.output}"}, config: {answers: [{text: x}]}}\n'
    (tmp_path / "flow.yaml").write_text(flow, "utf-8")
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        run = (await session.run(tmp_path / "flow.yaml")).run
        folded = fold(await run_graph(session.store, run, bind_source), least=least)
    groups = [[node.id for node in group.nodes] for group in folded.groups]
    assert groups == ([names] if least == 2 else [])
    assert [part.id for part in folded.parts] == (["a", "s0", "other"] if least == 2 else ["a", *names, "other"])


def drawn(needs: dict[str, list[str]], agents: dict[str, str] | None = None) -> RunGraph:
    """A graph of which nothing has happened."""
    given = agents or {}
    nodes = tuple(GraphNode(id=name, agent=given.get(name, "local://echo"), status=None) for name in needs)
    edges = tuple(GraphEdge(before=other, after=name) for name, others in needs.items() for other in others)
    return RunGraph.model_construct(run=None, nodes=nodes, edges=edges)


def test_what_is_small_enough_for_a_page_is_grouped_as_it_is_folded() -> None:
    graph = drawn({"a": [], **{f"s{n}": ["a"] for n in range(40)}, "z": [f"s{n}" for n in range(40)]})
    groups = grouped(graph).groups
    assert [(group.nodes, group.is_alike) for group in groups] == [(tuple(f"s{n}" for n in range(40)), True)]
    assert [group.nodes for group in groups] == [tuple(node.id for node in group.nodes) for group in fold(graph).groups]


def test_a_large_graph_of_any_shape_becomes_one_that_can_be_drawn() -> None:
    chance = random.Random(5)
    layers = {
        f"n{n}": [f"n{n // 50 * 50 - 50 + k}" for k in chance.sample(range(50), 5)] if n >= 50 else []
        for n in range(1000)
    }
    chain = {f"n{n}": [f"n{n - 1}"] if n else [] for n in range(1000)}
    any_shape = {f"n{n}": [f"n{k}" for k in {chance.randrange(n) for _ in range(3)}] if n else [] for n in range(1000)}
    for needs in (layers, chain, any_shape):
        agents = {name: f"local://agent{number % 3}" for number, name in enumerate(needs)}
        graph = drawn(needs, agents)
        groups = grouped(graph).groups
        stands_for = {name: group.nodes[0] for group in groups for name in group.nodes}
        assert sum(len(group.nodes) for group in groups) == len(stands_for)
        parts = {stands_for.get(name, name) for name in needs}
        assert len(parts) <= 200
        waits: dict[str, set[str]] = {part: set() for part in parts}
        for edge in graph.edges:
            before, after = stands_for.get(edge.before, edge.before), stands_for.get(edge.after, edge.after)
            if before != after:
                waits[after].add(before)
        TopologicalSorter(waits).prepare()  # raises where there is a cycle
