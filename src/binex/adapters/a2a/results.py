"""What a remote agent's answer becomes: the outputs of a task, as plain data."""

from typing import Final

from pydantic import JsonValue

from binex.adapters.a2a.message import Json
from binex.adapters.a2a.reading import TaskReading, bad_reply, parts_of
from binex.errors import BadOutputError
from binex.models.task import Artifact, TaskNode

_EXACT: Final = 2**53
"""Beyond this a number of the protocol is no exact integer."""


def outputs_of(task: TaskNode, reading: TaskReading) -> list[Artifact]:
    """The outputs, from artifacts of their names, from one object with exactly their names, or from all together.

    Raises:
        BadReplyError: there is no artifact, and no text either.
        BadOutputError: the agent made other things than the node declares.
    """
    answers = _answers(reading)
    named = {name: answer for answer in answers for name in _names(answer)}
    if all(output in named for output in task.outputs):
        return [Artifact.of(task, output, _value([named[output]], reading)) for output in task.outputs]
    whole = _value(answers, reading)
    if len(task.outputs) == 1:
        return [Artifact.of(task, task.outputs[0], whole)]
    if isinstance(whole, dict) and whole.keys() == set(task.outputs):
        return [Artifact.of(task, output, whole[output]) for output in task.outputs]
    made = ", ".join(sorted(named)) or "nothing with a name"
    raise BadOutputError(
        f"the agent at {reading.host} made {made:.400}; the node declares {', '.join(task.outputs)}",
        fix="declare one output, or have the agent name its artifacts like the outputs",
    )


def _answers(reading: TaskReading) -> list[Json]:
    """Whatever holds parts: the artifacts, and else the reply or the message of the final state."""
    for answers in (list(reading.artifacts.values()), [reading.reply], [reading.status_message]):
        found = [answer for answer in answers if answer is not None and parts_of(answer)]
        if found:
            return found
    raise bad_reply(reading.host, "completed, but with no artifact")


def _names(answer: Json) -> list[str]:
    return [name for key in ("artifactId", "name") if isinstance(name := answer.get(key), str) and name]


def _value(answers: list[Json], reading: TaskReading) -> JsonValue:
    """Text where all is text, the value where one part of data is all, and else a list of what there is."""
    groups = [[_plain(part, reading) for part in parts_of(answer)] for answer in answers]
    parts = [part for group in groups for part in group]
    if all(part["kind"] == "text" for part in parts):
        return "\n\n".join("".join(str(part["text"]) for part in group) for group in groups)
    if len(parts) == 1 and parts[0]["kind"] == "data":
        return parts[0]["data"]
    return list[JsonValue](parts)


def _plain(part: JsonValue, reading: TaskReading) -> Json:
    match part:
        case {"text": str(text)}:
            return {"kind": "text", "text": text}
        case {"data": data}:
            return {"kind": "data", "data": _with_integers(data)}
        case {"raw": str(content)}:
            return {"kind": "file", **_file(part), "base64": content}
        case {"url": str(url)}:
            return {"kind": "file", **_file(part), "url": url}
    raise bad_reply(reading.host, "a part without content")


def _file(part: JsonValue) -> Json:
    known = part if isinstance(part, dict) else {}
    return {"name": known.get("filename", ""), "media_type": known.get("mediaType", "")}


def _with_integers(value: JsonValue) -> JsonValue:
    """The protocol knows only floating point numbers; whole ones are integers again."""
    match value:
        case float() if value.is_integer() and abs(value) <= _EXACT:
            return int(value)
        case list():
            return [_with_integers(item) for item in value]
        case dict():
            return {key: _with_integers(item) for key, item in value.items()}
        case _:
            return value
