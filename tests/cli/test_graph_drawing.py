"""The drawing of a graph, read back character by character and compared with the graph."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from binex.analysis.graph_fold import fold
from binex.analysis.run_graph import GraphEdge, GraphNode, RunGraph
from binex.analysis.run_graph import graph_of as run_graph_of
from binex.cli.render.graph.buses import plan_drawing
from binex.cli.render.graph.drawing import graph
from binex.cli.render.look import Look
from binex.cli.render.text import width_of
from binex.loader import bind_workflow
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import TaskStatus

Needs = Mapping[str, Sequence[str]]
UP, DOWN, LEFT, RIGHT = "udlr"
SIGNS = {
    "│": "ud", "─": "lr", "╰": "ur", "╯": "ul", "╭": "dr", "╮": "dl",
    "┴": "ulr", "┬": "dlr", "├": "udr", "┤": "udl", "┼": "udlr",
}  # fmt: skip
MARKS = "✓✗■‖○▸·?"
PIPE = Look(width=100)
EXAMPLES = [
    file for file in sorted((Path(__file__).parents[2] / "examples").rglob("*.yaml")) if "\nnodes:" in file.read_text()
]


def run_of(nodes: int = 0) -> Run:
    return Run(
        id="1k3x",
        workflow="flow",
        workflow_hash="0" * 64,
        status=RunStatus.COMPLETED,
        started_at=datetime(2026, 1, 2, tzinfo=UTC),
        versions=Versions(binex="0", python="3"),
        node_count=nodes,
    )


def graph_of(needs: Needs, status: Mapping[str, TaskStatus] | None = None) -> RunGraph:
    """A graph of nodes with what each one needs."""
    known = status or {}
    return RunGraph(
        run=run_of(len(needs)),
        nodes=tuple(GraphNode(id=id, agent="local://x.y", status=known.get(id, TaskStatus.COMPLETED)) for id in needs),
        edges=tuple(GraphEdge(before=other, after=id) for id, others in needs.items() for other in others),
    )


def edges_of(found: RunGraph) -> set[tuple[str, str]]:
    return {(edge.before, edge.after) for edge in found.edges}


class Drawing:
    """A drawing, of which nothing is known but its characters; walks from each node up along all lines into it."""

    def __init__(self, text: str) -> None:
        self.rows: list[str] = []
        self.nodes: dict[int, tuple[int, str]] = {}
        for line in text.split("\n\n", maxsplit=1)[0].splitlines():
            drawn = re.match(rf"[ {''.join(SIGNS)}{MARKS}]*", line)
            assert drawn is not None
            row = drawn[0]
            marks = [at for at, sign in enumerate(row) if sign in MARKS]
            if marks:
                name = re.match(r"[\w.-]+", line[len(row) :])
                assert len(marks) == 1 and name is not None, line
                self.nodes[len(self.rows)] = marks[0], name[0]
            self.rows.append(row)

    def edges(self) -> list[tuple[str, str]]:
        return [(source, name) for y, (x, name) in self.nodes.items() for source in self._sources(y, x)]

    def _arms(self, y: int, x: int) -> str:
        sign = self.rows[y][x] if 0 <= y < len(self.rows) and 0 <= x < len(self.rows[y]) else " "
        return SIGNS.get(sign, "")

    def _sources(self, y: int, x: int) -> list[str]:
        found = self._up(y - 1, x) if DOWN in self._arms(y - 1, x) else []
        for step in (LEFT, RIGHT):
            for at in self._along(y, x, step):
                if UP in self._arms(y, at):
                    found += self._up(y - 1, at)
        return found

    def _along(self, y: int, x: int, step: str) -> list[int]:
        """Where the line that leaves (y, x) to one side meets others; it goes on behind those that it only crosses."""
        back, delta = (RIGHT, -1) if step == LEFT else (LEFT, 1)
        met = []
        at = x + delta
        is_going = back in self._arms(y, at)
        while is_going:
            arms = self._arms(y, at)
            if arms == "ud":  # a crossing: on both sides there is a line, and here none that turns
                assert "─" in (self.rows[y][at - delta], self.rows[y][at + delta])
            elif arms != "lr":
                met.append(at)
                is_going = step in arms
            at += delta
            is_going = is_going and (back in self._arms(y, at) or self._arms(y, at) == "ud")
        return met

    def _up(self, y: int, x: int) -> list[str]:
        """The nodes whose lines come down to (y, x) from above."""
        found: list[str] = []
        while y >= 0:
            if y in self.nodes and self.nodes[y][0] == x:
                return [*found, self.nodes[y][1]]
            arms = self._arms(y, x)
            assert DOWN in arms, (y, x)
            if y not in self.nodes and (LEFT in arms or RIGHT in arms):
                found += self._node_above(y, x)
            if UP not in arms:
                return found
            y -= 1
        raise AssertionError("a line comes from nowhere")

    def _node_above(self, y: int, x: int) -> list[str]:
        """The node that the line across row *y* comes from, if it is not the one right above, which is met anyway."""
        column, name = self.nodes[max(at for at in self.nodes if at < y)]
        met = [at for step in (LEFT, RIGHT) if step in self._arms(y, x) for at in [*self._along(y, x, step)]]
        return [name] if column in met and column != x else []


def check(needs: Needs, look: Look = PIPE) -> str:
    found = graph_of(needs)
    text = graph(found, look, is_unfolded=True)
    read = Drawing(text).edges()
    assert sorted(read) == sorted(edges_of(found)), text  # each edge once, and no other
    return text


@st.composite
def dags(draw: st.DrawFn, most: int = 40) -> dict[str, list[str]]:
    """Random graphs, from loose nodes to nearly all edges, their nodes in any order in the file."""
    size = draw(st.integers(1, most))
    density = draw(st.sampled_from((0.0, 0.03, 0.1, 0.3, 0.9)))
    chance = draw(st.randoms(use_true_random=False))
    names = [f"n{number}" for number in range(size)]
    needs = {name: [names[j] for j in range(i) if chance.random() < density] for i, name in enumerate(names)}
    order = chance.sample(names, size) if draw(st.booleans()) else names
    return {name: needs[name] for name in order}


@st.composite
def layers(draw: st.DrawFn) -> dict[str, list[str]]:
    """Fans behind each other, with edges that skip layers."""
    sizes = draw(st.lists(st.integers(1, 8), min_size=1, max_size=5))
    found: dict[str, list[str]] = {}
    above: list[str] = []
    for depth, size in enumerate(sizes):
        names = [f"l{depth}.{i}" for i in range(size)]
        skips = draw(st.sampled_from([*found, None])) if found else None
        for name in names:
            found[name] = list(dict.fromkeys([*above, *([skips] if skips else [])]))
        above = names
    return found


@given(dags())
@settings(max_examples=300, deadline=None)
def test_every_edge_of_a_random_graph_is_drawn_and_no_other(needs: dict[str, list[str]]) -> None:
    check(needs)


@given(layers())
@settings(max_examples=150, deadline=None)
def test_every_edge_of_fans_behind_each_other_is_drawn_and_no_other(needs: dict[str, list[str]]) -> None:
    check(needs)


@given(dags(most=25), st.integers(20, 60))
@settings(max_examples=60, deadline=None)
def test_on_a_narrow_terminal_an_edge_is_drawn_or_said_in_words_and_no_line_is_too_long(
    needs: dict[str, list[str]], width: int
) -> None:
    found = graph_of(needs)
    text = graph(found, Look(width=width, is_terminal=True), is_unfolded=True)
    assert all(width_of(line) <= width for line in text.splitlines())
    drawing = Drawing(text)
    told = set(drawing.edges()) | set(words(text))
    assert told == edges_of(found), text
    assert ("(needs" in text) == bool(words(text))


def words(text: str) -> list[tuple[str, str]]:
    """The edges that stand in words below their nodes."""
    found: list[tuple[str, str]] = []
    node, is_open = "", False
    for line in text.split("\n\n", maxsplit=1)[0].splitlines():
        bare = line.lstrip(" " + "".join(SIGNS))
        if bare and bare[0] in MARKS:
            node, is_open = re.findall(r"[\w.-]+", bare)[0], False
        elif bare.startswith("needs ") or (is_open and bare):
            is_open = True
            found += [(name, node) for name in re.findall(r"\bn\d+", bare)]
    return found


@given(dags(most=25))
@settings(max_examples=100, deadline=None)
def test_without_unicode_the_drawing_is_the_same_in_other_characters(needs: dict[str, list[str]]) -> None:
    found = graph_of(needs)
    plain = graph(found, Look(has_unicode=False), is_unfolded=True)
    assert plain.isascii()
    in_ascii = dict(zip(SIGNS, "|-''..'.+++", strict=True))
    fancy = [line.split("✓")[0] for line in graph(found, PIPE, is_unfolded=True).split("\n\n")[0].splitlines()]
    drawn = [re.split(r"o[^\[]*\[\+\]", line)[0] for line in plain.split("\n\n")[0].splitlines()]
    assert drawn == ["".join(in_ascii.get(sign, sign) for sign in line) for line in fancy]


def test_a_diamond_with_an_edge_across_looks_as_it_should() -> None:
    drawn = check({"a": [], "b": ["a"], "c": ["a"], "d": ["a", "b", "c"]})
    rows = [line.split("  local")[0].rstrip() for line in drawn.split("\n\n")[0].splitlines()]
    assert rows == ["✓ a", "├─✓ b", "├─│─✓ c", "│ ├─╯", "✓─╯ d"]


def test_a_fan_of_any_width_needs_two_lines() -> None:
    fan = {"plan": [], **{f"s{i}": ["plan"] for i in range(500)}, "join": [f"s{i}" for i in range(500)]}
    dependents: dict[str, list[str]] = {name: [] for name in fan}
    for name, others in fan.items():
        for other in others:
            dependents[other].append(name)
    assert plan_drawing(dependents).width == 2
    check(fan)


def test_a_wide_graph_is_folded_and_names_what_failed_in_a_group() -> None:
    fan = {"plan": [], **{f"s_{i}": ["plan"] for i in range(40)}, "join": [f"s_{i}" for i in range(40)]}
    failed = dict.fromkeys(["s_3", "s_9"], TaskStatus.FAILED) | {"s_5": TaskStatus.RUNNING}
    text = graph(graph_of(fan, failed), PIPE)
    assert "✗ s_0 … s_39  40 nodes: 2 failed (s_3, s_9), 1 running (s_5), 37 completed" in text
    assert "40 nodes stand in 1 group" in text and "--unfold" in text
    assert len(text.split("\n\n")[0].splitlines()) == 5
    assert "s_17" in graph(graph_of(fan, failed), PIPE, is_unfolded=True)


@given(layers())
@settings(max_examples=100, deadline=None)
def test_folding_loses_no_edge_and_makes_none_up(needs: dict[str, list[str]]) -> None:
    found = graph_of(needs)
    folded = fold(found, least=2)
    members = {part.id: [part.id] for part in folded.parts}
    members |= {group.id: [node.id for node in group.nodes] for group in folded.groups}
    meant = {
        (before, after) for edge in folded.edges for before in members[edge.before] for after in members[edge.after]
    }
    assert meant == edges_of(found)
    assert sorted(id for ids in members.values() for id in ids) == sorted(needs)


@given(st.lists(st.integers(1, 20), min_size=2, max_size=5))
@settings(max_examples=60, deadline=None)
def test_the_drawing_of_a_folded_graph_has_the_edges_of_its_groups(sizes: list[int]) -> None:
    names = [[f"l{depth}.{i}" for i in range(size)] for depth, size in enumerate(sizes)]
    needs = {name: (names[depth - 1] if depth else []) for depth, layer in enumerate(names) for name in layer}
    found = graph_of(needs)
    text = graph(found, PIPE)
    meant = edges_of(found)
    if len(needs) > 30:
        meant = {(edge.before, edge.after) for edge in fold(found).edges}
    assert sorted(Drawing(text).edges()) == sorted(meant), text


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.parent.name)
def test_every_edge_of_the_examples_is_drawn_and_no_other(file: Path) -> None:
    _, dag = bind_workflow(file)
    found = run_graph_of(run_of(), dag, ())
    assert {(up, node.id) for node in dag.nodes.values() for up in node.depends_on} == edges_of(found)
    assert sorted(Drawing(graph(found, PIPE)).edges()) == sorted(edges_of(found))


def test_colours_are_those_of_states_alone() -> None:
    status = {"a": TaskStatus.COMPLETED, "b": TaskStatus.FAILED}
    text = graph(graph_of({"a": [], "b": ["a"]}, status), Look(has_colour=True))
    assert "\x1b[32m✓\x1b[0m a" in text and "\x1b[31m✗\x1b[0m b" in text
    assert "\x1b" not in text.splitlines()[1]


@pytest.mark.parametrize("shape", ["chains", "fan", "tangle"])
@pytest.mark.parametrize("look", [PIPE, Look(width=80, is_terminal=True), Look(width=40, is_terminal=True)])
def test_two_thousand_nodes_are_drawn(shape: str, look: Look) -> None:
    needs: dict[str, list[str]] = {"n0": []}
    for i in range(1, 2000):
        match shape:
            case "chains":
                needs[f"n{i}"] = ["n0"] if i % 4 == 1 else [f"n{i - 1}", "n0"]
            case "fan":
                needs[f"n{i}"] = ["n0"] if i < 1999 else [f"n{j}" for j in range(1, 1999)]
            case _:
                needs[f"n{i}"] = list(dict.fromkeys(f"n{(i * k * 7919) % i}" for k in (1, 2, 3)))
    assert "n1999" in graph(graph_of(needs), look)
