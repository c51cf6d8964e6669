"""Write src/api/types/: the models that the server answers with, as TypeScript, from their JSON schemas."""

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
from binex.analysis.graph_fold import GroupedGraph
from binex.analysis.lineage.model import ArtifactLineage
from binex.analysis.preview import RunPreview
from binex.analysis.runs import RunPage
from binex.analysis.statistics.report import StatsReport
from binex.analysis.tasks.detail import TaskDetail
from binex.analysis.timing.critical_path import CriticalPath
from binex.analysis.trace import Trace
from binex.analysis.trust import TrustReport
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

TOPICS: Final = {
    "runs": (RunPage, RunDebug, FamilyPage, TrustReport),
    "events": (
        *(RunStarted, FanOutStarted, TaskStarted, TaskRetrying, TaskSettled, Streamed, CallRecorded, QuestionAsked),
        *(QuestionSettled, RunEnded),
    ),
    "tasks": (TaskDetail, Trace, CallList, CallDetail, Why, CriticalPath),
    "graph": (GroupedGraph,),
    "artifacts": (ArtifactList, ArtifactLineage),
    "differences": (RunDiff, RunMatrix, ForkPlan),
    "figures": (CostReport, StatsReport, AgentList),
    "workflows": (CheckedText, WorkflowFiles, WorkflowText, RunPreview),
    "session": (ServerSession, Settled),
}
"""The models that the server answers with, by the file that they are written to; so is whatever they are made of,
where no file before holds it."""
FOLDER: Final = Path(__file__).parent.parent / "src" / "api"
WRITTEN: Final = "// Written by scripts/write_types.py from the models; not by hand.\n"
JSON: Final = "export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };\n"
NAME: Final = re.compile(r"\b[A-Z]\w+\b")
SIMPLE: Final = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def main() -> int:
    """Write the files; with --check say whether they are as they should be, and write nothing."""
    files = {FOLDER / "types" / f"{name}.ts": text for name, text in _types().items()}
    files[FOLDER / "keys.ts"] = _keys()
    kept = {*(FOLDER / "types").glob("*.ts"), FOLDER / "keys.ts"}
    if "--check" in sys.argv:
        return int(kept != files.keys() or any(file.read_text(encoding="utf-8") != files[file] for file in kept))
    for file in kept - files.keys():
        file.unlink()
    for file, text in files.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return 0


def _types() -> dict[str, str]:
    """What stands in each file, by its name."""
    models = [(model, "serialization") for topic in TOPICS.values() for model in topic]
    references, schema = models_json_schema(models, ref_template="{model}")
    known = {name: _declaration(name, one) for name, one in schema["$defs"].items() if _identifier(name) != "JsonValue"}
    names = {_identifier(name): name for name in known}
    home: dict[str, str] = {}
    for topic, roots in TOPICS.items():
        open_names = [references[model, "serialization"]["$ref"] for model in roots]
        while open_names:
            name = open_names.pop()
            if name in known and name not in home:
                home[name] = topic
                open_names += [names[one] for one in _used(known[name]) if one in names]
    files = {topic: _file(topic, known, {_identifier(name): at for name, at in home.items()}) for topic in TOPICS}
    everything = "".join(f'export * from "./{topic}";\n' for topic in ("json", *TOPICS))
    return {"json": f"{WRITTEN}\n{JSON}", "index": f"{WRITTEN}\n{everything}"} | files


def _file(topic: str, known: Mapping[str, str], home: Mapping[str, str]) -> str:
    """The models of one topic by their names, and where those come from that they are made of."""
    own = [known[name] for name in sorted(known) if home[_identifier(name)] == topic]
    used = {"Json": "json", **home}
    foreign = {name for one in own for name in _used(one) if used.get(name, topic) != topic}
    imports = [
        f'import type {{ {", ".join(sorted(name for name in foreign if used[name] == other))} }} from "./{other}";\n'
        for other in sorted({used[name] for name in foreign})
    ]
    return "\n".join([WRITTEN, *(["".join(imports)] if imports else []), *own])


def _used(declaration: str) -> set[str]:
    """The names of other types in a declaration."""
    return set(NAME.findall(re.sub(r"/\*\*.*?\*/|\"[^\"]*\"", "", declaration)))


def _keys() -> str:
    """The keys of a workflow file and of a node, with what they are for: what the editor completes."""
    parts = [WRITTEN]
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
