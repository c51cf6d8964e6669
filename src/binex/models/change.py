"""What a fork changes in the run that it was made from."""

from enum import StrEnum

from pydantic import JsonValue

from binex.models.base import Model


class ChangeKind(StrEnum):
    """What is changed."""

    FIELD = "field"
    """A field of a node: its agent, its prompt, an input, a setting."""
    VARIABLE = "variable"
    """An input of the workflow."""
    ARTIFACT = "artifact"
    """What a task made."""
    FAULT = "fault"
    """A fault that the calls of a node meet, instead of what was answered."""
    WORKFLOW = "workflow"
    """The file: today's instead of the one that was recorded."""


class Change(Model):
    """One thing that a fork has otherwise than its parent."""

    kind: ChangeKind
    node: str = ""
    """The node, or for an artifact the path of the task."""
    path: tuple[str | int, ...] = ()
    """The field of the node; for an artifact the name of the output, for a variable its own."""
    value: JsonValue = None
    """What it is in the fork, secrets cut out; for a workflow the file, for a fault what it is."""
    option: str = ""
    """How it was asked for, as in `--set plan.config.temperature`; errors name it."""
