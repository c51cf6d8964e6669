"""Applies what a fork has otherwise than its workflow's text, before the workflow is checked."""

from collections.abc import Mapping, Sequence
from copy import copy

from binex.errors import InputError
from binex.models.change import Change, ChangeKind


def apply_changes(workflow: Mapping[str, object], changes: Sequence[Change]) -> Mapping[str, object]:
    """*workflow*, as it was read, with the fields that *changes* set; what is on the way there is made.

    Raises:
        InputError: there is no such node, or something on the way is no place that could hold a field.
    """
    for change in changes:
        if change.kind is ChangeKind.FIELD:
            workflow = _with(workflow, ("nodes", change.node, *change.path), change)
    return workflow


def _with(value: object, path: tuple[str | int, ...], change: Change) -> dict[str, object]:
    changed = _set(value, path, change)
    assert isinstance(changed, dict)
    return changed


def _set(value: object, path: tuple[str | int, ...], change: Change) -> object:
    """*value* with something else at *path*; what is left as it was is shared."""
    if not path:
        return change.value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        if not isinstance(value, list) or step >= len(value):
            length = len(value) if isinstance(value, list) else 0
            raise InputError(f"{change.option}: there is no entry {step}", fix=f"the list has {length} entries, from 0")
        changed_list = copy(value)
        changed_list[step] = _set(value[step], rest, change)
        return changed_list
    if value is None:
        value = {}
    if not isinstance(value, dict):
        raise InputError(f"{change.option}: '{step}' would be a field of something that has no fields")
    return {**value, step: _set(value.get(step), rest, change)}
