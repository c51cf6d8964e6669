"""What a task says to a remote agent: the parts of the first message, and its id."""

import json
from collections.abc import Mapping
from typing import TypeAlias
from uuid import NAMESPACE_URL, uuid5

from pydantic import JsonValue

from binex.models.task import TaskNode

Json: TypeAlias = dict[str, JsonValue]
"""An object of the protocol, in the JSON form of version 1.0."""


def message_id(task: TaskNode, *, is_anew: bool = False) -> str:
    """The id of the task's first message: the same however often it is sent.

    *is_anew* gives the id of a message that starts another remote task, because the earlier one failed.
    """
    key = task.idempotency_key or f"{task.run_id}~{task.path}"
    return _id(f"{key}/{task.attempt}" if is_anew else key)


def answer_id(first_id: str, number: int) -> str:
    """The id of the message that answers the question *number*."""
    return _id(f"{first_id}/answer/{number}")


def first_message(task: TaskNode, metadata: Mapping[str, JsonValue], skill: str | None) -> Json:
    """The message that starts the work, without its id.

    The prompt comes first. An only input that is text is one text part. Everything else goes twice: labelled by
    name as text, which any agent can read, and as data by name.
    """
    parts: list[JsonValue] = [{"text": task.system_prompt}] if task.system_prompt else []
    values = list(task.inputs.values())
    if len(values) == 1 and isinstance(values[0], str):
        parts.append({"text": values[0]})
    elif values or not parts:
        if values:
            parts.append({"text": labelled(task.inputs)})
        parts.append({"data": dict(task.inputs)})
    message: Json = {"role": "ROLE_USER", "parts": parts}
    if metadata or skill:
        message["metadata"] = {**metadata, **({"skillId": skill} if skill else {})}
    return message


def answer_message(value: JsonValue, task_id: str, context_id: str) -> Json:
    """What a person said, as a message in the task that asked, without its id."""
    part: JsonValue = {"text": value} if isinstance(value, str) else {"data": value}
    message: Json = {"role": "ROLE_USER", "parts": [part], "taskId": task_id}
    if context_id:
        message["contextId"] = context_id
    return message


def labelled(inputs: Mapping[str, JsonValue]) -> str:
    """The inputs as one text, each under its name."""
    return "\n\n".join(f"{name}:\n{_as_text(value)}" for name, value in inputs.items())


def _as_text(value: JsonValue) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)


def _id(key: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"binex:a2a:{key}"))
