"""The workflow as a graph."""

from collections.abc import Mapping
from typing import Any

import pytest

from binex.errors import FieldFault, SpecError
from binex.graph.dag import DAG
from binex.graph.reference import Source
from binex.models.workflow_source import WorkflowSource
from tests.graph.play import workflow


def dag(nodes: Mapping[str, Mapping[str, Any]], **fields: Any) -> DAG:
    return DAG.from_workflow(workflow(nodes, **fields))


def faults(nodes: Mapping[str, Mapping[str, Any]], **fields: Any) -> tuple[FieldFault, ...]:
    with pytest.raises(SpecError) as caught:
        dag(nodes, **fields)
    return caught.value.faults


def cycles(nodes: Mapping[str, Mapping[str, Any]]) -> list[str]:
    return [fault.message.removeprefix("these nodes wait for each other: ") for fault in faults(nodes)]


def test_a_reference_anywhere_in_a_node_is_a_dependency() -> None:
    nodes = dag(
        {
            "inputs": {},
            "config": {},
            "prompt": {},
            "when": {},
            "list": {},
            "order": {},
            "all": {
                "inputs": {"a": [{"b": "x ${inputs.output}"}]},
                "config": {"c": "${config.output}"},
                "system_prompt": "Say ${prompt.output}",
                "when": "'${when.output}' == yes and ${when.output} != no",
                "foreach": "list",
                "depends_on": ["order", "when"],
            },
        }
    )
    assert nodes.nodes["all"].depends_on == ("order", "when", "list", "inputs", "config", "prompt")
    assert nodes.dependents["when"] == ("all",)
    assert nodes.shown == ("all",)


def test_the_nodes_stand_in_the_order_of_the_file() -> None:
    assert list(dag({"c": {"depends_on": ["a"]}, "a": {}, "b": {}}).nodes) == ["c", "a", "b"]


def test_references_are_found_by_their_kind() -> None:
    nodes = dag({"a": {"inputs": {"x": "${env.A} ${user.t}"}}, "b": {"config": {"k": "${env.B}"}}})
    assert [(node, ref.name) for node, ref in nodes.references(Source.ENV)] == [("a", "A"), ("b", "B")]
    assert [(node, ref.name) for node, ref in nodes.references(Source.USER)] == [("a", "t")]
    assert not list(nodes.references(Source.SECRET))


def test_a_prompt_is_read_from_its_file() -> None:
    spec = workflow({"a": {}, "b": {"system_prompt": "file://b.md"}}).read_from(
        WorkflowSource(file="f", folder=".", text="", prompts={"file://b.md": "Use ${a.output}"})
    )
    assert DAG.from_workflow(spec).nodes["b"].depends_on == ("a",)


def test_every_fault_is_reported_at_once_with_its_field() -> None:
    found = faults(
        {
            "plan": {"outputs": ["plan", "plan", "con"]},
            "search": {
                "depends_on": ["plan", "reserch"],
                "inputs": {"a": "${plan.plann}", "b": ["ok", {"c": "${"}], "d": "${user.topik}"},
                "config": {"k": "${item}"},
                "when": "${plan.plan} = 1",
                "system_prompt": "${nobody.x}",
                "max_items": 5,
            },
            "user": {},
            "aux": {},
            "each": {"foreach": "plan", "inputs": {"x": "${item}"}},
            "ghost": {"foreach": "pln"},
            "self": {"depends_on": ["self"]},
        },
        inputs={"topic": {}},
    )
    assert {fault.path[1:]: fault.message.split(":")[0] for fault in found}.keys() == {
        ("plan", "outputs", 1),
        ("plan", "outputs", 2),
        ("search", "depends_on", 1),
        ("search", "inputs", "a"),
        ("search", "inputs", "b", 1, "c"),
        ("search", "inputs", "d"),
        ("search", "config", "k"),
        ("search", "when"),
        ("search", "system_prompt"),
        ("search", "max_items"),
        ("user",),
        ("aux",),
        ("each", "foreach"),
        ("ghost", "foreach"),
        ("self",),
    }
    assert all(fault.path[0] == "nodes" and fault.message and fault.fix for fault in found)
    by_path = {fault.path[1:]: fault for fault in found}
    ghost = by_path["search", "depends_on", 1]
    assert ghost.message == "node 'search' depends on 'reserch', which is not defined"
    assert ghost.fix is not None
    assert ghost.fix.startswith("did you mean 'search'? defined nodes: ")
    assert by_path["search", "max_items"].at_key
    assert by_path["user",].at_key
    assert by_path["self",].message == "these nodes wait for each other: self -> self"


@pytest.mark.parametrize(
    ("foreach", "message"),
    [
        ("plan", "'plan' has several outputs"),
        ("pla", "foreach names 'pla', which is neither a reference nor a node"),
        ("${plan.c}", "node 'plan' has no output 'c'"),
        ("${item}", "has a meaning only in a node with 'foreach'"),
        ("${plan.a} ${plan.b}", "is not a reference"),
        ("x ${plan.a}", "which is neither a reference nor a node"),
        ("", "which is neither a reference nor a node"),
    ],
)
def test_a_foreach_that_names_no_list_is_refused(foreach: str, message: str) -> None:
    (fault,) = faults({"plan": {"outputs": ["a", "b"]}, "each": {"foreach": foreach}})
    assert fault.path == ("nodes", "each", "foreach")
    assert message in fault.message


@pytest.mark.parametrize(
    "foreach", ["plan", "${plan}", "${plan.output}", " ${ node.plan.output } ", "${plan.output.a.0}"]
)
def test_a_foreach_names_a_node_or_a_reference(foreach: str) -> None:
    node = dag({"plan": {}, "each": {"foreach": foreach}}).nodes["each"]
    assert node.depends_on == ("plan",)
    assert node.foreach is not None
    assert (node.foreach.name, node.foreach.output) == ("plan", "output")


@pytest.mark.parametrize(
    ("nodes", "found"),
    [
        ({"a": {"depends_on": ["a"]}}, ["a -> a"]),
        ({"a": {"inputs": {"x": "${a.output}"}}}, ["a -> a"]),
        ({"a": {"depends_on": ["b"]}, "b": {"when": "${a.output} == 1"}}, ["a -> b -> a"]),
        ({"a": {"foreach": "c"}, "b": {"depends_on": ["a"]}, "c": {"depends_on": ["b"]}}, ["a -> c -> b -> a"]),
        (
            {
                "start": {},
                "b": {"depends_on": ["start", "a"]},
                "a": {"depends_on": ["b"]},
                "x": {"depends_on": ["z", "a"]},
                "y": {"depends_on": ["x"]},
                "z": {"depends_on": ["y"]},
                "end": {"depends_on": ["z"]},
            },
            ["b -> a -> b", "x -> z -> y -> x"],
        ),
    ],
)
def test_a_cycle_is_printed_from_the_first_of_its_nodes_each_waiting_for_the_next(
    nodes: dict[str, dict[str, Any]], found: list[str]
) -> None:
    assert sorted(cycles(nodes)) == found


def test_a_long_cycle_is_shortened() -> None:
    count = 5000
    (cycle,) = cycles({f"n{i}": {"depends_on": [f"n{(i + 1) % count}"]} for i in range(count)})
    assert cycle.startswith("n0 -> n1 -> n2 -> ")
    assert cycle.endswith(" more … -> n4999 -> n0")
    assert len(cycle) < 200


def test_a_cycle_is_reported_beside_other_faults() -> None:
    found = faults({"a": {"depends_on": ["b"]}, "b": {"depends_on": ["a", "c"]}})
    assert [fault.path for fault in found] == [("nodes", "b", "depends_on", 1), ("nodes", "a")]


def test_a_diamond_is_no_cycle() -> None:
    nodes = dag({"d": {"depends_on": ["b", "c"]}, "b": {"depends_on": ["a"]}, "c": {"depends_on": ["a"]}, "a": {}})
    assert nodes.dependents == {"d": (), "b": ("d",), "c": ("d",), "a": ("b", "c")}


def test_a_node_without_inputs_is_given_its_dependencies_by_name() -> None:
    nodes = dag(
        {
            "one": {},
            "two": {"outputs": ["a", "b"]},
            "all": {"depends_on": ["one", "two"]},
            "each": {"foreach": "${two.a}", "depends_on": ["one"]},
            "free": {"foreach": "${user.one}", "depends_on": ["one"]},
            "own": {"inputs": {"x": "${one.output}"}},
            "bare": {"inputs": {}, "depends_on": ["one"]},
        },
    )
    assert nodes.input_names("all") == ("one", "two.a", "two.b")
    assert nodes.input_names("each") == ("item", "one", "two.b")
    assert nodes.input_names("free") == ("item", "one")
    assert nodes.input_names("own") == ("x",)
    assert nodes.input_names("bare") == ()


@pytest.mark.parametrize(
    ("when", "is_asked_for_each"),
    [("${item.ok}", True), ("${index} < 3", True), ("'${item}' == a", True), ("${plan.output} != []", False)],
)
def test_a_condition_that_speaks_of_the_item_is_asked_for_each(when: str, is_asked_for_each: bool) -> None:
    node = dag({"plan": {}, "each": {"foreach": "plan", "when": when}}).nodes["each"]
    assert node.has_conditional_items is is_asked_for_each


def test_without_a_foreach_there_is_no_item() -> None:
    found = faults({"a": {"inputs": {"x": "${item}"}, "when": "${index} == 1"}})
    assert [fault.path[2:] for fault in found] == [("when",), ("inputs", "x")]


def test_a_workflow_full_of_faults_is_refused_without_reading_all_of_it() -> None:
    assert len(faults({f"n{i}": {"inputs": {"x": "${nobody.x}"}} for i in range(300)})) == 100


def test_a_node_with_hundreds_of_unknown_dependencies_is_refused_without_reading_all_of_them() -> None:
    assert len(faults({"a": {"depends_on": [f"g{i}" for i in range(300)]}})) == 100


def test_of_many_cycles_the_first_are_reported() -> None:
    pairs = {f"{side}{i}": {"depends_on": [f"{'ba'[side == 'b']}{i}"]} for i in range(50) for side in "ab"}
    assert len(cycles(pairs)) == 10
