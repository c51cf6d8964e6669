"""A graph is drawn so that what depends on something stands below it, and nothing lies on anything else."""

from hypothesis import given
from hypothesis import strategies as st

from binex.reports.html.layers import Place, lay_out


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[str], list[tuple[str, str]]]:
    nodes = [f"n{number}" for number in range(draw(st.integers(0, 12)))]
    pairs = [(a, b) for index, a in enumerate(nodes) for b in nodes[index + 1 :]]
    return nodes, draw(st.lists(st.sampled_from(pairs), max_size=20)) if pairs else []


@given(graphs())
def test_every_node_and_edge_has_its_place(graph: tuple[list[str], list[tuple[str, str]]]) -> None:
    nodes, edges = graph
    layout = lay_out(nodes, edges)
    assert list(layout.nodes) == nodes
    assert set(layout.routes) == set(edges)
    for (before, after), route in layout.routes.items():
        assert (route[0], route[-1]) == (layout.nodes[before], layout.nodes[after])
        assert [place.layer for place in route] == list(range(route[0].layer, route[-1].layer + 1))
    passing = [place for route in layout.routes.values() for place in route[1:-1]]
    places = [*layout.nodes.values(), *passing]
    assert len(set(places)) == len(places)
    assert all(0 <= place.column < max(layout.columns, 1) and place.layer < layout.layers for place in places)


def test_a_chain_is_a_straight_line() -> None:
    layout = lay_out(["a", "b", "c"], [("a", "b"), ("b", "c")])
    assert list(layout.nodes.values()) == [Place(0, 0.0), Place(1, 0.0), Place(2, 0.0)]


def test_lines_that_would_cross_are_put_side_by_side() -> None:
    layout = lay_out(["a", "b", "y", "x"], [("a", "x"), ("b", "y")])
    assert layout.nodes["x"].column < layout.nodes["y"].column


def test_an_edge_that_leads_backwards_or_nowhere_is_left_out() -> None:
    assert lay_out(["a", "b"], [("b", "a"), ("a", "c"), ("a", "a")]).routes == {}
