"""Variables from the command line and from Python, and the environment."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.adapters.registry import Registry
from binex.errors import InputError, WorkflowError
from binex.graph.dag import DAG
from binex.loader import parse_assignments, parse_workflow, resolve_environment, resolve_variables
from binex.models.workflow import WorkflowSpec

TYPED = """
inputs:
  topic: {type: string, description: What to look into}
  limit: {type: integer, default: 10}
  ratio: {type: number, default: 0.5}
  deep: {type: boolean, default: false}
  tags: {type: array, default: []}
  more: {type: object, required: false}
  free: {default: anything}
nodes: {a: {agent: tool://echo, inputs: {x: "${user.topic}"}}}
"""
UNTYPED = 'nodes: {a: {agent: tool://echo, inputs: {x: "${user.topic} ${user.place}"}}}'


@pytest.fixture
def typed(registry: Registry) -> WorkflowSpec:
    return parse_workflow(TYPED, registry=registry)


@pytest.fixture
def untyped(registry: Registry) -> WorkflowSpec:
    return parse_workflow(UNTYPED, registry=registry)


def refused(spec: WorkflowSpec, values: Mapping[str, JsonValue], *, from_text: bool = True) -> tuple[str, str | None]:
    with pytest.raises(InputError) as caught:
        resolve_variables(spec, values, from_text=from_text)
    return caught.value.message, caught.value.fix


def test_an_assignment_is_split_at_its_first_equals_sign() -> None:
    assert parse_assignments(["a=1", "b=x=y", "c=", " d =e"]) == {"a": "1", "b": "x=y", "c": "", "d": "e"}


def test_all_that_is_wrong_with_assignments_is_told_at_once() -> None:
    with pytest.raises(InputError) as caught:
        parse_assignments(["topic", "a=1", "a=2"])
    assert caught.value.message == (
        "2 faults in the variables\n\n"
        "  'topic' is not a variable\n    fix: write --var name=value\n\n"
        "  variable 'a' is given twice\n    fix: remove one of them"
    )


@settings(deadline=None)  # the machine may be busy
@given(st.dictionaries(st.text(st.characters(exclude_characters="="), min_size=1).filter(str.strip), st.text()))
def test_every_name_and_text_can_be_given(values: dict[str, str]) -> None:
    stripped = {name.strip(): value for name, value in values.items()}
    pairs = [f"{name}={value}" for name, value in stripped.items()]
    assert parse_assignments(pairs) == stripped


def test_what_is_not_given_has_its_default(typed: WorkflowSpec) -> None:
    assert resolve_variables(typed, {"topic": "tea"}, from_text=True) == {
        "topic": "tea",
        "limit": 10,
        "ratio": 0.5,
        "deep": False,
        "tags": [],
        "more": None,
        "free": "anything",
    }


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("topic", "3", "3"),
        ("topic", "", ""),
        ("limit", "-3", -3),
        ("limit", " 7 ", 7),
        ("ratio", "2", 2),
        ("ratio", "1e3", 1000.0),
        ("deep", "true", True),
        ("deep", "No", False),
        ("tags", '["a", 1]', ["a", 1]),
        ("more", '{"a": null}', {"a": None}),
        ("free", "[1]", "[1]"),
    ],
)
def test_a_text_is_read_as_the_declared_type(typed: WorkflowSpec, name: str, text: str, value: JsonValue) -> None:
    found = resolve_variables(typed, {"topic": "tea", name: text}, from_text=True)[name]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "text", "noun"),
    [
        ("limit", "ten", "a whole number"),
        ("limit", "1.5", "a whole number"),
        ("limit", "9" * 5000, "a whole number"),
        ("limit", "", "a whole number"),
        ("ratio", "nan", "a number"),
        ("ratio", "1e999", "a number"),
        ("deep", "maybe", "true or false"),
        ("tags", "a,b", "a JSON list"),
        ("tags", "{}", "a JSON list"),
        ("tags", "[NaN]", "a JSON list"),
        ("tags", "[" * 100_000, "a JSON list"),
        ("more", "[]", "a JSON object"),
    ],
)
def test_a_text_that_does_not_fit_is_refused(typed: WorkflowSpec, name: str, text: str, noun: str) -> None:
    message, fix = refused(typed, {"topic": "tea", name: text})
    assert message.startswith(f"variable '{name}' must be {noun}, not \"")
    assert len(message) < 150
    assert fix == f"pass --var {name}=..."


def test_values_from_python_are_checked_and_not_read(typed: WorkflowSpec) -> None:
    assert resolve_variables(typed, {"topic": "tea", "limit": 3, "ratio": 10**400}, from_text=False)["limit"] == 3
    wrong: dict[str, JsonValue] = {"limit": "3", "topic": 3, "deep": 1, "tags": {}, "ratio": float("inf"), "more": []}
    for name, value in wrong.items():
        message, _ = refused(typed, {"topic": "tea", name: value}, from_text=False)
        assert message.startswith(f"variable '{name}' must be ")


def test_all_that_is_wrong_with_variables_is_told_at_once(typed: WorkflowSpec) -> None:
    message, _ = refused(typed, {"topik": "tea", "limit": "x"})
    assert message == (
        "3 faults in the variables\n\n"
        "  variable 'topik' is not an input of this workflow\n"
        "    fix: did you mean 'topic'? inputs: deep, free, limit, more, ratio, tags, topic\n\n"
        "  variable 'topic' has no value (What to look into)\n"
        "    fix: pass --var topic=...\n\n"
        "  variable 'limit' must be a whole number, not \"x\"\n"
        "    fix: pass --var limit=..."
    )


def test_a_workflow_that_declares_none_takes_exactly_those_it_refers_to(untyped: WorkflowSpec) -> None:
    given = {"topic": "tea", "place": "here"}
    assert resolve_variables(untyped, given, from_text=True) == given
    assert resolve_variables(untyped, given, from_text=True, dag=DAG.from_workflow(untyped)) == given
    assert refused(untyped, {"topic": "tea"}) == (
        "variable 'place' has no value; node 'a' needs it",
        "pass --var place=...",
    )
    assert refused(untyped, {**given, "plase": 1}) == (
        "variable 'plase' is not an input of this workflow",
        "did you mean 'place'? inputs: place, topic",
    )


def test_a_workflow_that_uses_none_takes_none(registry: Registry) -> None:
    spec = parse_workflow("nodes: {a: {agent: tool://echo}}", registry=registry)
    assert resolve_variables(spec, {}, from_text=True) == {}
    assert refused(spec, {"x": "1"}) == ("variable 'x' is not used: the workflow takes none", "remove it")


def test_the_environment_is_resolved_or_told_with_every_place(registry: Registry) -> None:
    spec = parse_workflow(
        """
nodes:
  a:
    agent: tool://echo
    when: "${env.MODE} == live"
    inputs: {url: "https://${ secret.HOST }/", literal: "$${env.NONE}"}
  b:
    agent: tool://echo
    config: {headers: [{key: "${secret.HOST}"}, {key: "${env.TOKEN}"}]}
""",
        registry=registry,
    )
    dag = DAG.from_workflow(spec)
    environ = {"MODE": "live", "HOST": "h", "TOKEN": "hidden", "OTHER": "x"}
    assert resolve_environment(spec, dag, environ) == {"MODE": "live", "HOST": "h", "TOKEN": "hidden"}
    with pytest.raises(WorkflowError) as caught:
        resolve_environment(spec, dag, {"TOKEN": "hidden"})
    assert [(fault.line, fault.column, fault.message) for fault in caught.value.faults] == [
        (5, 11, "node 'a' needs ${env.MODE}, and MODE is not in the environment"),
        (6, 19, "node 'a' needs ${secret.HOST}, and HOST is not in the environment"),
        (9, 30, "node 'b' needs ${secret.HOST}, and HOST is not in the environment"),
    ]
    assert "hidden" not in caught.value.message
