"""The JSON Schema says what the loader says, as far as one value at a time can tell."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from binex.adapters.registry import Registry
from binex.errors import WorkflowError
from binex.loader import parse_workflow, workflow_schema
from binex.models.workflow import NodeSpec, WorkflowSpec

EXAMPLES = Path(__file__).parents[2] / "examples"
NODE = "nodes: {a: {agent: tool://echo}}"
USABLE = [
    "budget: 3\nnodes: {a: {agent: tool://echo, budget: {max_cost: 0.5, policy: ask}}}",
    "mcp_servers: {web: {command: python, args: [x.py], env: {K: v}}}\nnodes: {a: {agent: tool://echo}}",
    "nodes: {a: {agent: 'llm://mock/x', messages: [{role: user, content: hi}], tools: [], fallbacks: llm://mock/y}}",
    "nodes: {a: {agent: tool://echo, output_schema: {type: array}, repair: {max_attempts: 1}}}",
    NODE,
    f"version: 1\nname: x\ndescription: y\n{NODE}",
    f"inputs: {{topic: , limit: {{type: integer, default: 3, required: true}}}}\n{NODE}",
    f"concurrency: 8\n{NODE}",
    f"concurrency: {{default: 8, openai: 2}}\n{NODE}",
    f"defaults: {{deadline_ms: 3, retry_policy: {{max_retries: 0, backoff: fixed}}}}\n{NODE}",
    "nodes: {a: {agent: tool://echo, outputs: x}, b: {agent: tool://echo, depends_on: a, foreach: a}}",
    'nodes: {a: {agent: tool://echo, outputs: [x]}, b: {agent: tool://echo, depends_on: [a], foreach: "${a.x}"}}',
    "nodes: {a: {agent: tool://echo, config: {x: [1, {y: null}]}, inputs: , when: , deadline_ms: }}",
    "nodes: {a: {agent: tool://echo, foreach: '${user.x}', max_parallel: 2, max_items: 5, isolation: process}}",
]
BROKEN = [
    "{}",
    "nodes: {}",
    "nodes: []",
    "nodes: {a: }",
    "nodes: {a: {}}",
    "nodes: {a: {agent: 3}}",
    "nodes: {a: {agent: echo}}",
    "nodes: {a/b: {agent: tool://echo}}",
    "nodes: {.a: {agent: tool://echo}}",
    "nodes: {user: {agent: tool://echo}}",
    "nodes: {Con.x: {agent: tool://echo}}",
    "nodes: {a: {agent: tool://echo, dependson: [b]}}",
    "nodes: {a: {agent: tool://echo, depends_on: [a b]}}",
    "nodes: {a: {agent: tool://echo, outputs: []}}",
    "nodes: {a: {agent: tool://echo, outputs: 3}}",
    "nodes: {a: {agent: tool://echo, deadline_ms: 0}}",
    "nodes: {a: {agent: tool://echo, retry_policy: {backoff: linear}}}",
    "nodes: {a: {agent: tool://echo, retry_policy: {max_retry: 1}}}",
    "nodes: {a: {agent: tool://echo, foreach: '${a b}'}}",
    "nodes: {a: {agent: tool://echo, config: hot}}",
    "nodes: {a: {agent: tool://echo, tools: 3}}",
    f"version: 2\n{NODE}",
    f"version: '1'\n{NODE}",
    f"concurrency: 0\n{NODE}",
    f"budget: lots\n{NODE}",
    f"inputs: {{a b: {{}}}}\n{NODE}",
    f"inputs: {{a: {{type: text}}}}\n{NODE}",
    f"inputs: {{a: 3}}\n{NODE}",
]


@pytest.fixture(scope="module")
def validator() -> Any:
    schema = workflow_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


@pytest.mark.parametrize("text", USABLE)
def test_what_loads_fits_the_schema(validator: Any, registry: Registry, text: str) -> None:
    assert parse_workflow(text, registry=registry)
    validator.validate(yaml.safe_load(text))


@pytest.mark.parametrize("text", BROKEN)
def test_what_does_not_load_does_not_fit_either(validator: Any, registry: Registry, text: str) -> None:
    with pytest.raises(WorkflowError):
        parse_workflow(text, registry=registry)
    assert not validator.is_valid(yaml.safe_load(text))


def test_every_example_fits(validator: Any) -> None:
    for file in sorted(EXAMPLES.glob("*/*.yaml")):
        validator.validate(yaml.safe_load(file.read_text(encoding="utf-8")))


def test_editors_can_explain_every_field() -> None:
    schema = workflow_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == "urn:binex:workflow:1"
    assert schema["additionalProperties"] is False
    node = schema["$defs"]["NodeSpec"]
    assert set(node["properties"]) == set(NodeSpec.model_fields)
    assert set(schema["properties"]) == set(WorkflowSpec.model_fields)
    for name, field in [*node["properties"].items(), *schema["properties"].items()]:
        target = schema["$defs"][field["$ref"].rsplit("/", 1)[1]] if "$ref" in field else {}
        assert field.get("description") or target.get("description"), name
    assert all(part["additionalProperties"] is False for part in schema["$defs"].values() if "properties" in part)
    json.dumps(schema, allow_nan=False)
