"""The values that a run starts with: ``--var``, ``inputs:`` and the environment."""

import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Final

from pydantic import JsonValue

from binex.errors import FieldFault, InputError, suggest
from binex.graph.dag import DAG, PlannedNode
from binex.graph.reference import Reference, Source
from binex.loader.places import locate_faults
from binex.models.workflow import InputSpec, InputType, WorkflowSpec
from binex.models.workflow_source import WorkflowSource
from binex.tape.redaction import REDACTED

_INTEGER = re.compile(r"[-+]?[0-9]{1,4300}")
_SHOWN: Final = 60
_WORDS: Final = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_NOUNS: Final = {
    InputType.STRING: "text",
    InputType.INTEGER: "a whole number",
    InputType.NUMBER: "a number",
    InputType.BOOLEAN: "true or false",
    InputType.ARRAY: "a JSON list",
    InputType.OBJECT: "a JSON object",
}


def parse_assignments(pairs: Sequence[str]) -> dict[str, str]:
    """The values of ``--var name=value``, by name.

    Raises:
        InputError: one of *pairs* is not ``name=value``, or a name is given twice; with all of them.
    """
    values: dict[str, str] = {}
    faults = []
    for pair in pairs:
        name, separator, value = pair.partition("=")
        name = name.strip()
        if not separator or not name:
            faults.append((f"'{pair[:_SHOWN]}' is not a variable", "write --var name=value"))
        elif name in values:
            faults.append((f"variable '{name[:_SHOWN]}' is given twice", "remove one of them"))
        else:
            values[name] = value
    _raise(faults)
    return values


def resolve_variables(
    spec: WorkflowSpec, given: Mapping[str, JsonValue], *, from_text: bool, dag: DAG | None = None
) -> dict[str, JsonValue]:
    """The value of every variable of a run, typed and complete.

    With *from_text* the values are texts, as from a command line, and are read as the type that ``inputs:``
    declares. A workflow without ``inputs:`` takes exactly the variables that it refers to, as they are;
    *dag* saves finding them once more.

    Raises:
        InputError: a variable is unknown, missing, or not of its type; with all of them.
    """
    values, faults = _resolve(spec, given, from_text=from_text, dag=dag)
    _raise(faults)
    return values


def variable_faults(spec: WorkflowSpec, given: Mapping[str, JsonValue], dag: DAG) -> list[tuple[str, str]]:
    """What is wrong with the values that a run is to start with, each with a way out."""
    return _resolve(spec, given, from_text=False, dag=dag)[1]


def _resolve(
    spec: WorkflowSpec, given: Mapping[str, JsonValue], *, from_text: bool, dag: DAG | None
) -> tuple[dict[str, JsonValue], list[tuple[str, str]]]:
    if spec.inputs:
        return _resolve_declared(spec.inputs, given, from_text=from_text)
    used = {reference.name: node_id for node_id, reference in (dag or DAG.from_workflow(spec)).references(Source.USER)}
    faults = _unknown(given, used)
    faults += [
        (f"variable '{name}' has no value; node '{node_id}' needs it", f"pass --var {name}=...")
        for name, node_id in used.items()
        if name not in given
    ]
    return dict(given), faults


def read_variables(spec: WorkflowSpec, given: Mapping[str, str], dag: DAG) -> dict[str, JsonValue]:
    """Texts, as from a command line, as the values that the workflow's inputs are declared to be; only those *given*.

    Raises:
        InputError: a variable is unknown or not of its type; with all of them.
    """
    used = {reference.name for _, reference in dag.references(Source.USER)}
    faults = _unknown(given, spec.inputs or dict.fromkeys(used))
    values: dict[str, JsonValue] = {}
    for name, text in given.items():
        declared = spec.inputs.get(name)
        try:
            values[name] = text if declared is None else _typed(text, declared.type, from_text=True)
        except ValueError as error:
            faults.append((f"variable '{name}' {error}", f"pass --var {name}=..."))
    _raise(faults)
    return values


def _resolve_declared(
    inputs: Mapping[str, InputSpec], given: Mapping[str, JsonValue], *, from_text: bool
) -> tuple[dict[str, JsonValue], list[tuple[str, str]]]:
    faults = _unknown(given, inputs)
    values: dict[str, JsonValue] = {}
    for name, declared in inputs.items():
        if name in given:
            try:
                values[name] = _typed(given[name], declared.type, from_text=from_text)
            except ValueError as error:
                faults.append((f"variable '{name}' {error}", f"pass --var {name}=..."))
        elif is_required(declared):
            purpose = f" ({declared.description})" if declared.description else ""
            faults.append((f"variable '{name}' has no value{purpose}", f"pass --var {name}=..."))
        else:
            values[name] = declared.default
    return values, faults


def is_required(declared: InputSpec) -> bool:
    """Whether the input must be given."""
    return declared.default is None if declared.required is None else declared.required


def _unknown(given: Mapping[str, JsonValue], known: Mapping[str, object]) -> list[tuple[str, str]]:
    if not known:
        return [(f"variable '{name[:_SHOWN]}' is not used: the workflow takes none", "remove it") for name in given]
    return [
        (f"variable '{name[:_SHOWN]}' is not an input of this workflow", suggest(name, known, "inputs"))
        for name in given
        if name not in known
    ]


def default_faults(inputs: Mapping[str, InputSpec]) -> Iterator[FieldFault]:
    """The defaults that are not of their input's type."""
    for name, declared in inputs.items():
        if declared.default is not None:
            try:
                _typed(declared.default, declared.type, from_text=False)
            except ValueError as error:
                fix = "change the default or the type"
                yield FieldFault(("inputs", name, "default"), f"'default' in input '{name}' {error}", fix)


def _typed(value: JsonValue, kind: InputType | None, *, from_text: bool) -> JsonValue:
    """*value* as *kind*; ValueError says what is wrong, as the end of a sentence."""
    if kind is None:
        return value
    read = _READERS[kind](value) if from_text and isinstance(value, str) else value
    if not _FITS[kind](read):
        shown = json.dumps(value, ensure_ascii=False, default=str)
        shown = shown if len(shown) <= _SHOWN else f"{shown[: _SHOWN - 1]}…"
        raise ValueError(f"must be {_NOUNS[kind]}, not {shown}")
    return read


def _read_integer(text: str) -> JsonValue:
    return int(text) if _INTEGER.fullmatch(text.strip()) else None


def _read_number(text: str) -> JsonValue:
    number = _read_integer(text)
    if number is None:
        try:
            number = float(text)
        except ValueError:
            return None
    return number


def _read_json(text: str) -> JsonValue:
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _is_number(value: JsonValue) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


_READERS: Final[dict[InputType, Callable[[str], JsonValue]]] = {
    InputType.STRING: lambda text: text,
    InputType.INTEGER: _read_integer,
    InputType.NUMBER: _read_number,
    InputType.BOOLEAN: lambda text: _WORDS.get(text.strip().lower()),
    InputType.ARRAY: _read_json,
    InputType.OBJECT: _read_json,
}
_FITS: Final[dict[InputType, Callable[[JsonValue], bool]]] = {
    InputType.STRING: lambda value: isinstance(value, str),
    InputType.INTEGER: lambda value: isinstance(value, int) and not isinstance(value, bool),
    InputType.NUMBER: _is_number,
    InputType.BOOLEAN: lambda value: isinstance(value, bool),
    InputType.ARRAY: lambda value: isinstance(value, list),
    InputType.OBJECT: lambda value: isinstance(value, dict),
}


def _raise(faults: Sequence[tuple[str, str]]) -> None:
    """One error for all of *faults*, if there are any."""
    if len(faults) == 1:
        message, fix = faults[0]
        raise InputError(message, fix=fix)
    if faults:
        listed = "".join(f"\n\n  {message}\n    fix: {fix}" for message, fix in faults)
        raise InputError(f"{len(faults)} faults in the variables{listed}")


def missing_environment(dag: DAG, environ: Mapping[str, str]) -> list[FieldFault]:
    """A fault for each ``${env.X}`` and ``${secret.X}`` that has no value; never with a value."""
    return [
        FieldFault(
            ("nodes", node_id, *_path_to(dag.nodes[node_id], reference)),
            f"node '{node_id}' needs {reference.text}, and {reference.name} is not in the environment",
            f"set it, as in 'export {reference.name}=...'",
        )
        for node_id, reference in _environment(dag)
        if reference.name not in environ
    ]


def resolve_environment(
    spec: WorkflowSpec, dag: DAG, environ: Mapping[str, str], *, nodes: Collection[str] | None = None
) -> dict[str, str]:
    """The values of all ``${env.*}`` and ``${secret.*}``, by name: for memory only, and for the redactor.

    Where only some *nodes* are executed, what the others need may be missing: what is kept of a secret stands for it.

    Raises:
        WorkflowError: one is not set; with all of them.
    """
    missing = missing_environment(dag, environ)
    needed = [fault for fault in missing if nodes is None or fault.path[1] in nodes]
    if needed:
        raise locate_faults(spec.source or WorkflowSource(file=spec.name, folder="", text=""), needed)
    return {reference.name: environ.get(reference.name, REDACTED) for _, reference in _environment(dag)}


def _environment(dag: DAG) -> Iterator[tuple[str, Reference]]:
    yield from dag.references(Source.ENV)
    yield from dag.references(Source.SECRET)


def _path_to(node: PlannedNode, reference: Reference) -> tuple[str | int, ...]:
    """Where in a node's fields a reference stands; the prompt where it is in a prompt file."""
    body = re.escape(reference.text[2:-1])
    wanted = re.compile(rf"(?<!\$)\$\{{\s*{body}\s*\}}")
    fields: dict[str, JsonValue] = {
        "when": node.spec.when,
        "inputs": node.spec.inputs,
        "config": node.spec.config,
        "system_prompt": node.spec.system_prompt,
        "messages": [said.model_dump() for said in node.spec.messages or ()],
        "tools": list(node.spec.tools),
    }
    for name, value in fields.items():
        found = _search(value, wanted)
        if found is not None:
            return (name, *found)
    return ("system_prompt",) if node.spec.system_prompt is not None else ("agent",)


def _search(value: JsonValue, wanted: re.Pattern[str]) -> tuple[str | int, ...] | None:
    if isinstance(value, str):
        return () if wanted.search(value) else None
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in entries:
        found = _search(item, wanted)
        if found is not None:
            return (key, *found)
    return None
