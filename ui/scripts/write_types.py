"""Write src/api/types.ts: the models that the server answers with, as TypeScript, from their JSON schemas."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from binex.analysis.agents import AgentList
from binex.analysis.artifacts import ArtifactList
from binex.analysis.calls import CallDetail, CallList
from binex.analysis.debug import RunDebug
from binex.analysis.differences.matrix import RunMatrix
from binex.analysis.differences.model import RunDiff
from binex.analysis.family import FamilyPage
from binex.analysis.graph_fold import FoldedGraph
from binex.analysis.lineage.model import ArtifactLineage
from binex.analysis.run_graph import RunGraph
from binex.analysis.runs import RunPage
from binex.analysis.statistics.stats import StatsReport
from binex.analysis.tasks.detail import TaskDetail
from binex.analysis.timing.critical_path import CriticalPath
from binex.analysis.trace import Trace
from binex.loader.schema import workflow_schema
from binex.models.cost import CostReport
from binex.models.event import (
    CallRecorded,
    FanOutStarted,
    QuestionAsked,
    QuestionSettled,
    RunEnded,
    RunStarted,
    Streamed,
    TaskRetrying,
    TaskSettled,
    TaskStarted,
)
from binex.models.fork import ForkPlan
from binex.models.why import Why
from binex.server.checking import CheckedText
from binex.server.routes.questions import Settled
from binex.server.routes.session import ServerSession
from binex.server.workflow_folder import WorkflowFiles, WorkflowText

ANSWERS: Final = (
    *(RunPage, RunDebug, Trace, RunGraph, FoldedGraph, CostReport, FamilyPage, CallList, CallDetail, ArtifactList),
    *(CriticalPath, TaskDetail, Why, ArtifactLineage, RunDiff, RunMatrix, StatsReport, ForkPlan, AgentList),
    *(RunStarted, FanOutStarted, TaskStarted, TaskRetrying, TaskSettled, Streamed, CallRecorded, QuestionAsked),
    *(QuestionSettled, RunEnded, CheckedText, WorkflowFiles, WorkflowText, ServerSession, Settled),
)
FOLDER: Final = Path(__file__).parent.parent / "src" / "api"
JSON: Final = """export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
"""
SIMPLE: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def main() -> int:
    """Write the file; with --check say whether it is as it should be, and write nothing."""
    _, schema = models_json_schema([(model, "serialization") for model in ANSWERS], ref_template="{model}")
    parts = ["// Written by scripts/write_types.py from the models; not by hand.\n", JSON]
    for name, definition in sorted(schema["$defs"].items()):
        if _identifier(name) != "JsonValue":
            parts.append(_declaration(name, definition))
    files = {"types.ts": "\n".join(parts), "keys.ts": _keys()}
    if "--check" in sys.argv:
        return int(any((FOLDER / name).read_text(encoding="utf-8") != text for name, text in files.items()))
    for name, text in files.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    return 0


def _keys() -> str:
    """The keys of a workflow file and of a node, with what they are for: what the editor completes."""
    parts = ["// Written by scripts/write_types.py from the models; not by hand.\n"]
    schema: Any = workflow_schema()
    for name, fields in (("WORKFLOW_KEYS", schema), ("NODE_KEYS", schema["$defs"]["NodeSpec"])):
        known = {key: field.get("description", "") for key, field in fields["properties"].items()}
        parts.append(f"export const {name}: Record<string, string> = {json.dumps(known, indent=2)};\n")
    return "\n".join(parts)


def _declaration(name: str, schema: Mapping[str, Any]) -> str:
    said = _comment(schema.get("description"), "")
    if "properties" not in schema:
        return f"{said}export type {_identifier(name)} = {_type(schema)};\n"
    lines = []
    for field, of_field in schema["properties"].items():
        lines.append(f"{_comment(of_field.get('description'), '  ')}  {field}: {_type(of_field)};\n")
    return f"{said}export interface {_identifier(name)} {{\n{''.join(lines)}}}\n"


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = _identifier(schema["$ref"])
        return "Json" if name == "JsonValue" else name
    for key in ("anyOf", "oneOf", "allOf"):
        if key in schema:
            return " | ".join(dict.fromkeys(_type(one) for one in schema[key]))
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    if values:
        return " | ".join(f'"{value}"' for value in values)
    return _of_kind(str(schema.get("type")), schema)


def _of_kind(kind: str, schema: Mapping[str, Any]) -> str:
    if kind == "object":
        values = schema.get("additionalProperties")
        return f"Record<string, {_type(values) if isinstance(values, dict) else 'Json'}>"
    if kind != "array":
        return SIMPLE.get(kind, "Json")
    if "prefixItems" in schema:
        return f"[{', '.join(_type(one) for one in schema['prefixItems'])}]"
    inner = _type(schema["items"]) if schema.get("items") else "Json"
    return f"({inner})[]" if "|" in inner else f"{inner}[]"


def _identifier(name: str) -> str:
    """The name in TypeScript; of two models that are called the same, with their module."""
    last = re.split(r"__", re.sub(r"-(Input|Output)$", "", name))
    return "".join(part[:1].upper() + part[1:] for part in last[-2:]) if len(last) > 1 else last[0]


def _comment(text: str | None, indent: str) -> str:
    if not text:
        return ""
    return f"{indent}/** {' '.join(text.split()).replace('*/', '* /')} */\n"


if __name__ == "__main__":
    sys.exit(main())
