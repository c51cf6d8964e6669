"""Breakpoints: where a run stops for somebody, and what that person can say there."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from binex.errors import InputError, suggest
from binex.models.names import Segment, item_path, parse_path


class Moment(StrEnum):
    """When a run stops at a task."""

    BEFORE = "before"
    """Its inputs are there, and its agent has not been asked."""
    AFTER = "after"
    """Its agent has answered, and nobody builds on that yet."""


class Action(StrEnum):
    """What can be said at a stop."""

    CONTINUE = "continue"
    """Go on, up to the next breakpoint."""
    STEP = "step"
    """Go on, and stop before the next task."""
    EDIT = "edit"
    """Go on with other inputs, or with another output."""
    RETRY = "retry"
    """Execute the task again."""
    REPLAY = "replay"
    """End this run, and fork it from this task."""
    SKIP = "skip"
    """Do not execute the task; what depends on it gets null."""
    QUIT = "quit"
    """End the run as interrupted."""


KEYS: Final = {
    "c": Action.CONTINUE,
    "s": Action.STEP,
    "e": Action.EDIT,
    "r": Action.RETRY,
    "f": Action.REPLAY,
    "k": Action.SKIP,
    "q": Action.QUIT,
}
"""The letter for each action; ``f`` is for: from here."""

INPUTS: Final = "inputs"
"""What a stop before a task shows: its inputs, by name."""
OUTPUTS: Final = "outputs"
"""What a stop after a task shows: its outputs, by name."""

_BREAKPOINT: Final = re.compile(
    r"\s*(?P<path>[^\s:]+)(?::(?P<moment>[^\s:]*))?(?:\s+if\s+(?P<condition>\S.*?))?\s*\Z", re.DOTALL
)
_HOW: Final = "write NODE, NODE:after or 'NODE if CONDITION'"


@dataclass(frozen=True, slots=True)
class Breakpoint:
    """A place at which a run stops: a node, or one item of a ``foreach``."""

    node_id: str
    item: int | None = None
    """Only this item; None means the node, or each of its items."""
    moment: Moment = Moment.BEFORE
    condition: str | None = None
    """It stops only where this holds."""

    @property
    def path(self) -> str:
        """The path of the tasks that it is about."""
        return self.node_id if self.item is None else item_path(self.node_id, self.item)


@dataclass(frozen=True, slots=True)
class StopDecision:
    """What somebody said at a stop; *edited* goes with ``edit``."""

    action: Action
    edited: JsonValue = None


def read_breakpoint(text: str) -> Breakpoint:
    """The breakpoint that ``N[:before|:after][ if CONDITION]`` means.

    Raises:
        InputError: it means none.
    """
    match = _BREAKPOINT.match(text)
    if match is None:
        raise InputError(f"'{text:.80}' is no breakpoint", fix=_HOW)
    moment = match["moment"]
    if moment is not None and moment not in tuple(Moment):
        raise InputError(f"'{text:.80}': nothing stops '{moment:.40}' a task", fix=suggest(moment, Moment, "moments"))
    try:
        segments = parse_path(match["path"])
    except ValueError:
        raise InputError(f"'{match['path']:.80}' cannot be the name of a node", fix=_HOW) from None
    if len(segments) > 1 or segments[0].iteration is not None:
        raise InputError(f"'{match['path']:.80}' is no node of the workflow, nor an item of one", fix=_HOW)
    segment: Segment = segments[0]
    return Breakpoint(segment.node_id, segment.item, Moment(moment or Moment.BEFORE), match["condition"])


def read_stop_decision(value: JsonValue, choices: Collection[str]) -> StopDecision:
    """What a kept answer means: one of the *choices*, or ``{"edit": VALUE}``.

    Raises:
        InputError: it means nothing that can be said at this stop.
    """
    is_edit = isinstance(value, dict) and value.keys() == {Action.EDIT.value}
    said = Action.EDIT.value if is_edit else value
    if not isinstance(said, str) or said not in choices:
        shown = f"'{said:.40}'" if isinstance(said, str) else "this"
        known = [choice for choice in Action if choice in choices]
        fix = suggest(said, known, "choices") if isinstance(said, str) else f"choices: {', '.join(known)}"
        raise InputError(f"{shown} cannot be said at this stop", fix=fix)
    if said == Action.EDIT and not is_edit:
        raise InputError("what is to be there instead?", fix="write the JSON behind 'edit'")
    return StopDecision(Action(said), value[Action.EDIT.value] if isinstance(value, dict) else None)


def check_edited(edited: JsonValue, shown: JsonValue) -> None:
    """Refuse what cannot stand in the place of what a stop has *shown*.

    Raises:
        InputError: it cannot.
    """
    if not isinstance(shown, dict):
        return
    outputs = shown.get(OUTPUTS)
    if isinstance(outputs, dict):
        if len(outputs) > 1 and (not isinstance(edited, dict) or edited.keys() != outputs.keys()):
            names = ", ".join(f'"{name}": …' for name in outputs)
            raise InputError(
                "what is edited must be an object with exactly the outputs of the task", fix=f"write {{{names}}}"
            )
    elif INPUTS in shown and not isinstance(edited, dict):
        raise InputError("the inputs of a task are an object", fix='write {"name": …}')


def editable(shown: JsonValue) -> JsonValue:
    """The part of what a stop has *shown* that can be edited: all inputs, or the output, or all of several by name."""
    if not isinstance(shown, dict):
        return shown
    outputs = shown.get(OUTPUTS)
    if isinstance(outputs, dict):
        return next(iter(outputs.values())) if len(outputs) == 1 else outputs
    return shown.get(INPUTS)
