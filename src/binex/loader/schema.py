"""The JSON Schema of the workflow file, for editors; generated from the models, so that the two cannot differ."""

import ast
import inspect
from collections.abc import Iterator
from itertools import pairwise
from typing import Any, Final, TypeAlias

from binex.loader.shape import FORMAT_VERSION
from binex.models import workflow
from binex.models.names import DEVICES, NAME_PATTERN, RESERVED
from binex.models.workflow import WorkflowSpec

Schema: TypeAlias = dict[str, Any]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_REFERENCE: Final = r"\$\{\s*[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\s*\}"


def workflow_schema() -> Schema:
    """The schema, in draft 2020-12: as strict as the loader about each value by itself, and about every key.

    What only the whole workflow tells, such as whether a reference names something, is left to
    ``binex validate``.
    """
    schema = WorkflowSpec.model_json_schema()
    for part in _parts(schema):
        _tidy(part)
    definitions: dict[str, Schema] = schema["$defs"]
    for name, texts in _field_texts().items():
        fields = (schema if name == WorkflowSpec.__name__ else definitions.get(name, {})).get("properties", {})
        for field, text in texts.items():
            if field in fields:
                fields[field]["description"] = text
    _improve_workflow(schema["properties"])
    _improve_node(definitions["NodeSpec"]["properties"])
    return {
        "$schema": _DIALECT,
        "$id": f"urn:binex:workflow:{FORMAT_VERSION}",
        **schema,
        "title": "Binex workflow",
    }


def _field_texts() -> dict[str, dict[str, str]]:
    """The text below each field of each model of the workflow file, by class and field."""
    texts: dict[str, dict[str, str]] = {}
    for node in ast.parse(inspect.getsource(workflow)).body:
        if isinstance(node, ast.ClassDef):
            texts[node.name] = {
                field.target.id: text.value.value
                for field, text in pairwise(node.body)
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
                if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant)
                if isinstance(text.value.value, str)
            }
    return texts


def _parts(schema: Any) -> Iterator[Schema]:
    """Every object inside *schema*, itself first."""
    if isinstance(schema, dict):
        yield schema
        for part in schema.values():
            yield from _parts(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from _parts(part)


def _tidy(part: Schema) -> None:
    """Take out what editors would only show as noise, and refuse keys that are no names."""
    if "patternProperties" in part:
        part["additionalProperties"] = False
    if "default" in part and part["default"] is None:
        del part["default"]
    for field in part.get("properties", {}).values():
        field.pop("title", None)  # the field's own name once more, in other letters


def _improve_budget(fields: dict[str, Schema]) -> None:
    fields["budget"]["anyOf"].append({"type": "number", "minimum": 0})


def _improve_workflow(fields: dict[str, Schema]) -> None:
    _improve_budget(fields)
    fields["version"]["maximum"] = FORMAT_VERSION
    (inputs,) = fields["inputs"]["patternProperties"].items()
    fields["inputs"]["patternProperties"] = {inputs[0]: {"anyOf": [inputs[1], {"type": "null"}]}}
    devices = "|".join("".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in name) for name in sorted(DEVICES))
    fields["nodes"]["propertyNames"] = {
        "not": {"anyOf": [{"enum": sorted(RESERVED)}, {"pattern": rf"^({devices})(\.|$)"}]},
    }


def _improve_node(fields: dict[str, Schema]) -> None:
    for name in ("depends_on", "outputs", "tools", "fallbacks"):
        several = fields[name]
        shared: Schema = {key: several.pop(key) for key in ("description", "default") if key in several}
        fields[name] = {**shared, "anyOf": [several, several["items"]]}
    _improve_budget(fields)
    examples = ["local://module.function", "llm://openai/gpt-4o-mini", "a2a://localhost:8001", "human://approve"]
    fields["agent"] |= {"pattern": r"^[^:/\s]+://", "examples": examples}
    fields["inputs"]["examples"] = [{"topic": "${user.topic}", "plan": "${plan.output}"}]
    fields["when"]["examples"] = ["${review.verdict} == approved"]
    fields["foreach"] |= {
        "pattern": rf"^\s*({_REFERENCE}|{NAME_PATTERN})\s*$",
        "examples": ["${plan.questions}", "plan"],
    }
