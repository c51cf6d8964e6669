"""What the options of a fork say, as the runtime wants to hear it."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pydantic import JsonValue

from binex.cli.fork_options import ForkOptions
from binex.errors import InputError, suggest
from binex.loader import Bound, parse_assignments
from binex.models.change import Change, ChangeKind
from binex.models.names import node_of
from binex.runtime.forks.request import Edit, ForkRequest, with_written_inputs
from binex.runtime.session import Session

_LONGEST_PATH: Final = 400
_LIKE_A_FILE: Final = re.compile(r"(?![{\[\"])\S*(?:/\S*|\.(?:md|txt|json|ya?ml|prompt))")
_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d{1,6})\]")


async def read_request(options: ForkOptions, session: Session, run: str) -> ForkRequest:
    """What is asked for, of the run with the id *run*.

    Raises:
        InputError: an option cannot be read, or names what does not exist.
    """
    fields = [_agent(text) for text in options.agents]
    edits: list[Edit] = []
    if options.prompts or options.settings or options.inputs or options.edits:
        bound = await session.workflow_of(run, options.workflow)
        fields += [_prompt(text, bound) for text in options.prompts]
        fields += [_setting(text, bound) for text in options.settings]
        fields += with_written_inputs((_input(text, bound) for text in options.inputs), bound)
        edits = [_edit(text, bound) for text in options.edits]
    return ForkRequest(
        from_=options.from_,
        only=options.only,
        fields=tuple(fields),
        variables=parse_assignments(options.variables),
        are_variables_text=True,
        edits=tuple(edits),
        workflow=options.workflow,
    )


def _agent(text: str) -> Change:
    node, uri = _split(text, "--agent NODE=URI")
    return Change(kind=ChangeKind.FIELD, node=node, path=("agent",), value=uri, option=f"--agent {node}")


def _prompt(text: str, bound: Bound) -> Change:
    node, given = _split(text, "--prompt NODE=FILE or NODE=TEXT")
    spec = bound.spec.nodes.get(node)
    option = f"--prompt {node}"
    if spec is not None and spec.messages is not None:
        fix = f"change one of them: --set '{node}.messages[0].content=…'"
        raise InputError(f"{option}: the node says its messages in full and has no prompt", fix=fix)
    prompt = _text_of(given, option)
    if prompt.startswith("file://"):
        raise InputError(f"{option}: a prompt cannot begin with file://", fix=f"name the file: {option}=prompts/new.md")
    return Change(kind=ChangeKind.FIELD, node=node, path=("system_prompt",), value=prompt, option=option)


def _setting(text: str, bound: Bound) -> Change:
    place, given = _split(text, "--set NODE.FIELD=VALUE")
    node, rest = _node_in(place, bound, "--set")
    steps = _steps(rest, f"--set {place}")
    if not steps:
        fix = f"write for example --set {node}.config.temperature=0"
        raise InputError(f"--set {place}: this names no field", fix=fix)
    if steps == ("system_prompt",) and given.startswith("file://"):
        fix = f"name the file: --prompt {node}={given.removeprefix('file://')}"
        raise InputError(f"--set {place}: a prompt from a file is read with --prompt", fix=fix)
    return Change(kind=ChangeKind.FIELD, node=node, path=steps, value=_value(given), option=f"--set {place}")


def _input(text: str, bound: Bound) -> Change:
    place, given = _split(text, "--input NODE.NAME=VALUE")
    node, name = _node_in(place, bound, "--input")
    option = f"--input {place}"
    if not name:
        raise InputError(f"{option}: this names no input", fix=f"write for example --input {node}.NAME=VALUE")
    names = bound.dag.input_names(node)
    if name not in names:
        fix = suggest(name[:80], names, f"inputs of '{node}'")
        raise InputError(f"{option}: the node has no such input", fix=f"{fix}; --set {node}.inputs.{name}=… adds one")
    return Change(kind=ChangeKind.FIELD, node=node, path=("inputs", name), value=_value(given), option=option)


def _edit(text: str, bound: Bound) -> Edit:
    place, given = _split(text, "--edit NODE.OUTPUT=FILE or NODE.OUTPUT=VALUE")
    task, separator, output = place.rpartition(".")
    if place in bound.spec.nodes or (node_of(place) in bound.spec.nodes and place.endswith("]")) or not separator:
        task, output = place, ""
    outputs = bound.dag.nodes[node_of(task)].spec.outputs if node_of(task) in bound.dag.nodes else ()
    if not output and len(outputs) == 1:
        output = outputs[0]
    value = _text_of(given, f"--edit {place}")
    return Edit(task, output, value.removesuffix("\n") if value != given else value, is_text=True)


def _split(text: str, form: str) -> tuple[str, str]:
    place, separator, value = text.partition("=")
    if not separator or not place.strip():
        option, _, wanted = form.partition(" ")
        raise InputError(f"{option}: '{text[:80]}' is not of the form {wanted}", fix=f"write {form}")
    return place.strip(), value


def _node_in(place: str, bound: Bound, option: str) -> tuple[str, str]:
    """The node that *place* begins with, the longest there is, and the rest."""
    parts = place[:_LONGEST_PATH].split(".")
    for split in range(len(parts), 0, -1):
        node = ".".join(parts[:split])
        found = next((known for known in (node, node.partition("[")[0]) if known in bound.spec.nodes), None)
        if found is not None:
            return found, place[len(found) :].removeprefix(".")
    fix = suggest(parts[0][:80], bound.spec.nodes, "nodes")
    raise InputError(f"{option} {place[:80]}: there is no node '{parts[0][:80]}'", fix=fix)


def _steps(text: str, option: str) -> tuple[str | int, ...]:
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        if match is None:
            fix = "write names with dots between, and [0] for entries of lists"
            raise InputError(f"{option}: '{text[:80]}' is no path", fix=fix)
        steps.append(int(match[2]) if match[2] is not None else match[1])
        at = match.end()
        if at < len(text) and text[at] == ".":
            at += 1
    return tuple(steps)


def _value(text: str) -> JsonValue:
    """JSON where it is that, and else the text itself."""
    try:
        value: JsonValue = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text
    return value


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _text_of(given: str, option: str) -> str:
    """What the file holds that *given* names, or *given* itself.

    Raises:
        InputError: it names a file that is not there or cannot be read.
    """
    reading: Callable[[], str] | None = None
    try:
        path = Path(given)
        if given and len(given) < _LONGEST_PATH and path.is_file():
            reading = path.read_text
            return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # not a name that a file could have, or no text in it
        if reading is not None:
            raise InputError(f"{option}: {given} cannot be read: {error}") from error
    if _LIKE_A_FILE.fullmatch(given) and "://" not in given:
        raise InputError(f"{option}: there is no file {given}", fix="name a file that is there; text has spaces in it")
    return given
