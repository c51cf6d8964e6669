"""Faults on demand, as people name them: ``plan=429:2``."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from binex.errors import InputError, suggest
from binex.models.names import node_of

_MOST: Final = 10_000
_EXAMPLE: Final = "write NODE=KIND or NODE=KIND:COUNT, for example plan=429:2"


class FaultKind(StrEnum):
    """What goes wrong with a call."""

    RATE_LIMIT = "429"
    """It is refused for now."""
    TIMEOUT = "timeout"
    """There is no answer."""
    HALF_STREAM = "half-stream"
    """The answer breaks off in the middle."""
    MALFORMED = "malformed"
    """The answer is not what it must be."""
    REFUSAL = "refusal"
    """It is refused for good."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that the first *count* calls of each task of a node meet."""

    node: str
    """The node, or the path of one item of its ``foreach``."""
    kind: FaultKind
    count: int = 1

    def is_for(self, task: str) -> bool:
        """Whether the task at this path meets it."""
        return self.node in (task, node_of(task))


def read_fault(text: str) -> Fault:
    """The fault that *text* names, as in ``plan=429:2``.

    Raises:
        InputError: it names none.
    """
    node, separator, rest = text.rpartition("=")
    name, colon, count = rest.partition(":")
    if not node or not separator:
        raise InputError(f"'{text:.80}' names no fault of a node", fix=_EXAMPLE)
    if name not in tuple(FaultKind):
        raise InputError(f"'{text:.80}': there is no fault '{name:.40}'", fix=suggest(name, FaultKind, "faults"))
    is_number = count.isascii() and count.isdecimal() and len(count) < 10
    if colon and not (is_number and 1 <= int(count) <= _MOST):
        raise InputError(
            f"'{text:.80}': how often is a whole number from 1 to {_MOST:,}, not '{count:.40}'", fix=_EXAMPLE
        )
    return Fault(node, FaultKind(name), int(count) if colon else 1)
