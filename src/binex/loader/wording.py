"""What is wrong with a value, in the words of somebody who writes workflows; never in pydantic's."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from binex.errors import FieldFault, suggest
from binex.loader.yaml_text import shown
from binex.models.workflow import NodeSpec, WorkflowSpec

Path = tuple[str | int, ...]

PLANNED_OF_WORKFLOW: Final = frozenset({"webhook", "schedule", "workspace"})
PLANNED_OF_NODE: Final = frozenset({
    "assertions", "back_edge", "cost", "heartbeat_timeout_ms", "item_key", "pattern", "routing", "workspace",
})  # fmt: skip
"""Fields of the published format that are not built yet. One that a model knows is not asked for here."""

NAME_FIX: Final = "use 1 to 64 letters, digits, '_', '-' and '.', not starting with '.'"

_MEANT: Final = {
    "after": "depends_on",
    "args": "inputs",
    "dependencies": "depends_on",
    "for_each": "foreach",
    "if": "when",
    "input": "inputs",
    "jobs": "nodes",
    "needs": "depends_on",
    "output": "outputs",
    "params": "config",
    "prompt": "system_prompt",
    "retries": "retry_policy",
    "retry": "retry_policy",
    "run": "agent",
    "steps": "nodes",
    "tasks": "nodes",
    "timeout": "deadline_ms",
    "timeout_ms": "deadline_ms",
    "uses": "agent",
    "variables": "inputs",
    "vars": "inputs",
    "with": "inputs",
}
"""What other tools call our fields."""

_QUOTED = re.compile(r"'([^']*)'")


def explain(
    error: ValidationError, start: Path, value: Mapping[str, object], planned: frozenset[str]
) -> Iterator[FieldFault]:
    """The faults that *error* means; *value* is what was validated, *start* the path that leads to it."""
    has_concurrency = False
    for details in error.errors(include_url=False, include_input=False):
        loc = details["loc"]
        if loc[:1] == ("concurrency",) and not start:  # one of two kinds: pydantic complains about both
            if not has_concurrency:
                yield from _concurrency(value["concurrency"])
            has_concurrency = True
            continue
        path = loc[:-1] if loc[-1] == "[key]" else loc
        if details["type"] == "too_short" and _get(value, path):
            continue  # its items are wrong, and each of them is told
        yield _explain(details, start, path, value, planned)


def _explain(
    details: ErrorDetails, start: Path, path: Path, value: Mapping[str, object], planned: frozenset[str]
) -> FieldFault:
    full = (*start, *path)
    if details["type"] == "extra_forbidden":
        return _unknown_key(full, start, path, planned)
    if details["type"] == "missing":
        where = f"node {shown(str(start[1]))}" if start else "the workflow"
        fix = "add 'agent: local://module.function'" if path == ("agent",) else f"add '{path[-1]}: ...'"
        return FieldFault((*start, *path[:-1]), f"{where} has no '{path[-1]}'", fix, at_key=True)
    if details["loc"][-1] == "[key]":
        return FieldFault(full, f"{shown(str(full[-1]))} cannot be a name{_owner(full[:-1])}", NAME_FIX, at_key=True)
    found = _get(value, path)
    what, fix = _complaint(details["type"], details.get("ctx", {}), found, full)
    return FieldFault(full, f"'{_field(full)}'{_owner(full)} {what}", fix)


def _complaint(  # noqa: PLR0911, PLR0912 - one case a kind of fault
    kind: str, ctx: dict[str, Any], found: object, path: Path
) -> tuple[str, str]:
    """What is wrong with the value *found*, as the end of a sentence, and a way out."""
    name = next((step for step in reversed(path) if isinstance(step, str)), "")
    if found is None:
        return "has no value", "write one, or remove the line"
    match kind:
        case "string_type":
            return f"must be text, not {kind_of(found)}", _as_text_fix(found)
        case "enum" | "literal_error":
            choices = _QUOTED.findall(str(ctx.get("expected", "")))
            return f"cannot be {shown(str(found))}", suggest(str(found), choices, "choices")
        case "string_pattern_mismatch":
            return f"is {shown(str(found))}, which cannot be a name", NAME_FIX
        case "greater_than_equal" | "less_than_equal":
            bound = f"at least {ctx['ge']:,}" if "ge" in ctx else f"at most {ctx['le']:,}"
            return f"must be {bound}, not {found}", f"write a number of {bound}"
        case "float_type" | "float_parsing" | "finite_number":
            return f"must be a number, not {kind_of(found)}", _as_number_fix(name, found)
        case "int_type" | "int_parsing" | "int_from_float":
            return f"must be a whole number, not {kind_of(found)}", _as_number_fix(name, found)
        case "bool_type" | "bool_parsing":
            return f"must be true or false, not {kind_of(found)}", "write true or false"
        case "tuple_type" | "list_type":
            return f"must be a list, not {kind_of(found)}", f"write '{name}: [a, b]'"
        case "dict_type" | "model_type" if name == "budget":
            return f"must be a number of US dollars, or a map, not {kind_of(found)}", "write 'budget: 0.50'"
        case "dict_type" | "model_type":
            return f"must be a map of names to values, not {kind_of(found)}", f"write '{name}: {{name: value}}'"
        case "too_short":
            return "is empty", "write at least one, or remove the line"
        case _:
            return f"cannot be {kind_of(found)}", "see the workflow file reference"


def _as_text_fix(found: object) -> str:
    if isinstance(found, bool | int | float):
        text = str(found).lower() if isinstance(found, bool) else found
        return f'put it in quotes: "{text}"'
    return "write it as text, in quotes if it holds any of { } [ ] , : #"


def _as_number_fix(name: str, found: object) -> str:
    if isinstance(found, str) and found.strip().isdecimal():
        return f"remove the quotes: {name}: {found.strip()[:20]}"
    if name.endswith("_ms"):
        return f"write milliseconds, as in '{name}: 20000'"
    return f"write '{name}: 3'"


def _unknown_key(full: Path, start: Path, path: Path, planned: frozenset[str]) -> FieldFault:
    key = str(path[-1])
    owner = _owner((*full[:-1], ""), of=".".join(map(str, path[:-1])) if start or path[0] != "inputs" else "")
    if len(path) == 1 and key in planned:
        return FieldFault(full, f"'{key}'{owner} is not supported yet", "remove it for now", at_key=True)
    known = _known_keys(start, path)
    meant = _MEANT.get(key.lower().replace("-", "_"), "")
    fix = suggest(meant if meant in known else key, known, "keys")
    return FieldFault(full, f"unknown key {shown(key)}{owner}", fix, at_key=True)


def _known_keys(start: Path, path: Path) -> frozenset[str]:
    """The keys of the map in which the last step of *path* stands."""
    model: type[BaseModel] = NodeSpec if start else WorkflowSpec
    for step in path[:-1]:
        if step in model.model_fields:
            model = _model_in(model.model_fields[str(step)].annotation) or model
    return frozenset(model.model_fields)


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model that an annotation speaks of, as in ``dict[Name, InputSpec] | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)


def _concurrency(found: object) -> Iterator[FieldFault]:
    fix = "write 'concurrency: 8', or '{default: 8, openai: 2}' by provider or scheme"
    if not isinstance(found, dict):
        what = "has no value" if found is None else "must be a whole number of at least 1"
        got = f", not {found if isinstance(found, int) and not isinstance(found, bool) else kind_of(found)}"
        yield FieldFault(("concurrency",), f"'concurrency' {what}{'' if found is None else got}", fix)
        return
    for key, limit in found.items():
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            got = str(limit) if isinstance(limit, int) and not isinstance(limit, bool) else kind_of(limit)
            message = f"'concurrency.{key}' must be a whole number of at least 1, not {got}"
            yield FieldFault(("concurrency", key), message, fix)


def _field(path: Path) -> str:
    """The field as a user names it: ``retry_policy.max_retries``, ``depends_on[0]``."""
    rest = path[2:] if path[0] in ("nodes", "inputs") and len(path) > 2 else path
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in rest).removeprefix(".")


def _owner(path: Path, *, of: str = "") -> str:
    """Whose field it is: `` in node 'plan'``."""
    owner = ""
    if len(path) > 2 and path[0] in ("nodes", "inputs"):
        owner = f"{'node' if path[0] == 'nodes' else 'input'} {shown(str(path[1]))}"
    if of:
        return f" in {of} of {owner}" if owner else f" in {of}"
    return f" in {owner}" if owner else ""


def _get(value: Any, path: Path) -> object:
    for step in path:  # a path that pydantic walked
        value = value[step]
    return value


def kind_of(value: object) -> str:  # noqa: PLR0911 - one case a kind
    """The kind of a value, with its article."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {shown(value)}" if len(value) <= 30 else "text"
        case int():
            return f"the number {value}" if abs(value) < 10**12 else "a number"
        case float():
            return f"the number {value}"
        case list():
            return "a list"
        case _:
            return "a map"
