"""Schemas are checked by reading alone, and misses are named by place."""

import pytest
from pydantic import JsonValue

from binex.errors import AgentError
from binex.models.json_schema import MAX_MISSES, check_schema, find_misses


def test_a_good_schema_has_no_faults() -> None:
    schema: JsonValue = {
        "type": "object",
        "properties": {"hits": {"type": "array", "items": {"$ref": "#/$defs/hit"}}},
        "$defs": {"hit": {"type": "string", "minLength": 1}},
    }
    assert check_schema(schema) == []
    assert check_schema(True) == []


def test_every_fault_is_named_at_its_place() -> None:
    faults = check_schema({"type": "objekt", "properties": {"a": {"type": "int", "minLength": "x"}}})
    found = {fault.path: (fault.message, fault.fix) for fault in faults}
    assert found.keys() == {("type",), ("properties", "a", "type"), ("properties", "a", "minLength")}
    message, fix = found["type",]
    assert message == "'objekt' is no type of JSON"
    assert fix is not None and "did you mean 'object'?" in fix


@pytest.mark.parametrize("reference", ["http://127.0.0.1:9/x.json", "file:///etc/passwd", "other.json#/a"])
def test_nothing_outside_of_the_schema_is_fetched(reference: str) -> None:
    (fault,) = check_schema({"properties": {"a": {"$ref": reference}}})
    assert fault.path == ("properties", "a", "$ref")
    assert "nothing is fetched" in fault.message
    with pytest.raises(AgentError, match="cannot be used"):
        find_misses({"properties": {"a": {"$ref": reference}}}, {"a": 1})


def test_a_reference_that_leads_nowhere_is_named() -> None:
    (fault,) = check_schema({"items": {"$ref": "#/$defs/nope"}})
    assert fault.path == ("items", "$ref")
    assert "leads nowhere" in fault.message


def test_a_broken_pattern_is_a_fault() -> None:
    faults = check_schema({"properties": {"a": {"pattern": "("}}})
    assert [fault.path for fault in faults] in ([("properties", "a", "pattern")], [()])


def test_misses_are_named_by_place() -> None:
    schema: dict[str, JsonValue] = {
        "type": "object",
        "required": ["plan"],
        "properties": {"hits": {"type": "array", "items": {"type": "string"}}},
    }
    assert find_misses(schema, {"plan": 1, "hits": ["a"]}) == []
    misses = find_misses(schema, {"hits": ["a", 2]})
    assert any(miss.startswith(".hits[1]: 2 is not of type") for miss in misses)
    assert any('"plan" is a required property' in miss for miss in misses)


def test_misses_are_few_and_short() -> None:
    misses = find_misses({"items": {"enum": ["a"]}}, ["x" * 5000] * 1000)
    assert len(misses) == MAX_MISSES
    assert all(len(miss) < 500 for miss in misses)


def test_a_schema_that_refers_to_itself_is_fine() -> None:
    tree: dict[str, JsonValue] = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["name"]}
    assert check_schema(tree) == []
    assert find_misses(tree, {"name": 1, "next": {"name": 2}}) == []
    assert find_misses(tree, {"name": 1, "next": {}}) == ['.next: "name" is a required property']


def test_half_a_character_is_a_miss_and_no_crash() -> None:
    assert find_misses({"type": "string"}, "\ud800") == ["a text in it has half of a character (a lone surrogate)"]


def test_a_catastrophic_pattern_costs_nothing() -> None:
    assert find_misses({"pattern": "^(a+)+$"}, "a" * 5000 + "!") != []
