"""Inputs as outputs: what ``local://echo`` gives back, and what ``human://output`` shows and hands on."""

from pydantic import JsonValue

from binex.models.task import Artifact, TaskNode


def echo(task: TaskNode) -> list[Artifact]:
    """The inputs as outputs.

    One input is its value, several are a dict. One output gets that as it is; several get the parts of a dict
    that has exactly their names, and else each the whole.
    """
    inputs = task.inputs
    value: JsonValue = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    if len(task.outputs) == 1:
        return [Artifact.of(task, task.outputs[0], value)]
    for parts in (inputs, value):
        if isinstance(parts, dict) and parts.keys() == set(task.outputs):
            return [Artifact.of(task, output, parts[output]) for output in task.outputs]
    return [Artifact.of(task, output, value) for output in task.outputs]
