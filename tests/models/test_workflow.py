"""The workflow as its models take it in."""

import re

import pytest
from pydantic import ValidationError

from binex.models.workflow import Backoff, RetryPolicy, WorkflowSpec
from binex.models.workflow_source import WorkflowSource


def workflow(**fields: object) -> WorkflowSpec:
    return WorkflowSpec.model_validate({"nodes": {"a": {"agent": "local://echo"}}, **fields})


def test_a_node_uses_the_defaults_where_it_says_nothing() -> None:
    spec = workflow(
        defaults={"deadline_ms": 5, "retry_policy": {"max_retries": 2, "backoff": "fixed"}},
        nodes={
            "a": {"agent": "local://echo"},
            "b": {"agent": "local://echo", "deadline_ms": 7, "retry_policy": {"max_retries": 0}},
        },
    )
    assert (spec.deadline_ms_of("a"), spec.deadline_ms_of("b")) == (5, 7)
    assert spec.retry_policy_of("a") == RetryPolicy(max_retries=2, backoff=Backoff.FIXED)
    assert spec.retry_policy_of("b").max_retries == 0
    assert workflow().retry_policy_of("a") == RetryPolicy()
    assert workflow().deadline_ms_of("a") is None


@pytest.mark.parametrize("concurrency", [0, -1, "abc", True, 1.5, {"default": 0}, {"openai": "2"}])
def test_a_concurrency_that_is_no_positive_number_is_refused(concurrency: object) -> None:
    with pytest.raises(ValidationError, match="concurrency"):
        workflow(concurrency=concurrency)


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".a", "a b", "a\n", "x" * 65, "a\0"])
def test_an_id_that_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="pattern"):
        workflow(nodes={name: {"agent": "local://echo"}})


@pytest.mark.parametrize(
    "node",
    [
        {"outputs": []},
        {"max_items": 0},
        {"max_parallel": True},
        {"deadline_ms": "5"},
        {"retry_policy": {"max_retries": -1}},
        {"retry_policy": {"max_retries": 1001}},
        {"on_item_failure": "ignore"},
        {"colour": "red"},
    ],
)
def test_a_field_that_makes_no_sense_is_refused(node: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=re.escape(f"nodes.a.{next(iter(node))}")):
        workflow(nodes={"a": {"agent": "local://echo", **node}})


def test_a_prompt_comes_from_its_file_where_it_names_one() -> None:
    spec = workflow(
        nodes={"a": {"agent": "x://y", "system_prompt": "file://a.md"}, "b": {"agent": "x://y", "system_prompt": "Hi"}}
    )
    source = WorkflowSource(file="f.yaml", folder=".", text="", prompts={"file://a.md": "You are a"})
    read = spec.read_from(source)
    assert (read.system_prompt_of("a"), read.system_prompt_of("b")) == ("You are a", "Hi")
    assert spec.system_prompt_of("a") == "file://a.md"
    assert spec.source is None
    assert read.source is source
