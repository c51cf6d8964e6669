"""Names and identities: node ids, task paths, artifact ids, run ids.

A task path says which task of a run is meant. Its grammar, with room for what is still to come::

    path    = segment *( "/" segment )          a "/" enters a sub-workflow
    segment = node-id [ "#" iteration ] [ "[" item "]" ]

``search``, ``search[3]`` (the fourth item of a ``foreach``), ``draft#2`` (a second loop iteration),
``review/draft``.
"""

import re
import secrets
import time
from typing import Final, NamedTuple

NAME_PATTERN: Final = r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}"
"""A node id or an output name."""

_NAME = re.compile(rf"{NAME_PATTERN}\Z")
_SEGMENT = re.compile(rf"({NAME_PATTERN})(?:#([1-9]\d{{0,8}}))?(?:\[(0|[1-9]\d{{0,8}})\])?\Z")
_ITEM = re.compile(r"\[(0|[1-9][0-9]{0,8})\]\Z")
_BASE32: Final = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's, in lower case
DEVICES: Final = {"con", "prn", "aux", "nul"} | {f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10)}
"""What Windows takes for a device, whatever follows after a dot."""
RESERVED: Final = frozenset({"user", "env", "secret", "node", "item", "index"})
"""Node ids that a reference could not tell from its own words."""
_EPOCH_US: Final = 1_735_689_600_000_000  # 2025-01-01T00:00:00Z


class Segment(NamedTuple):
    """One step of a task path; ``iteration`` and ``item`` are None where the path does not name one."""

    node_id: str
    iteration: int | None = None
    item: int | None = None


def is_name(text: str) -> bool:
    """Whether *text* may be a node id or an output name; Windows' device names may not."""
    return _NAME.match(text) is not None and text.split(".", maxsplit=1)[0].lower() not in DEVICES


def parse_path(path: str) -> tuple[Segment, ...]:
    """The segments of a task path.

    Raises:
        ValueError: *path* is not a task path.
    """
    segments = []
    for part in path.split("/"):
        match = _SEGMENT.match(part)
        if match is None:
            raise ValueError(f"not a task path: {path!r:.80}")
        node_id, iteration, item = match.groups()
        segments.append(Segment(node_id, int(iteration) if iteration else None, int(item) if item else None))
    return tuple(segments)


def item_path(path: str, index: int) -> str:
    """The path of the item *index* (from 0) of the ``foreach`` task at *path*."""
    return f"{path}[{index}]"


def node_of(path: str) -> str:
    """The path without its item: ``search`` for ``search[3]``, the path itself for a plain task."""
    return path[: path.rindex("[")] if path.endswith("]") and "[" in path else path


def item_of(path: str) -> int | None:
    """The index at the end of a path: 3 for ``search[3]``, None for a plain task and for what is no path at all."""
    found = _ITEM.search(path) if path.endswith("]") else None
    return int(found[1]) if found else None


def artifact_id(run_id: str, path: str, output: str) -> str:
    """The id of the artifact *output* of the task at *path*; unique everywhere, and usable as a file name.

    No part can hold a ``~`` or a ``+``, so two artifacts never share an id.
    """
    return f"{run_id}~{path.replace('/', '+')}~{output}"


class ArtifactName(NamedTuple):
    """What an artifact's id says: who made it, and what it is there."""

    run_id: str
    task: str
    output: str


def read_artifact_id(id: str) -> ArtifactName:
    """The parts of an artifact's id.

    Raises:
        ValueError: *id* is none.
    """
    run_id, task, output = id.split("~")
    return ArtifactName(run_id, task.replace("+", "/"), output)


def new_run_id() -> str:
    """An id of 12 characters that sorts by time (to the microsecond) and is never reused in practice.

    Ten characters of time since 2025 (good for 35 years) and two of chance.
    """
    number = ((time.time_ns() // 1000 - _EPOCH_US) << 10) | secrets.randbits(10)
    return "".join(_BASE32[(number >> shift) & 31] for shift in range(55, -1, -5))
