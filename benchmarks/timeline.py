"""Reads the times of a run's tasks from `binex trace latest --json`."""

import json
import subprocess
from pathlib import Path
from typing import TypedDict, cast

from benchmarks.venvs import our_program


class _Task(TypedDict):
    task: str
    start_ms: float
    settled_ms: float
    items: list["_Task"]


class _Trace(TypedDict):
    span_ms: float
    tasks: list[_Task]


def run_seconds(folder: Path) -> dict[str, float]:
    """How long the latest run of the store in *folder* took by its own record."""
    return {"run_seconds": _trace_of(folder)["span_ms"] / 1e3}


def tenths(folder: Path, node: str) -> dict[str, float]:
    """How long the first and the last tenth of the items of *node* took, by when they started and settled."""
    (items,) = (task["items"] for task in _trace_of(folder)["tasks"] if task["task"] == node)
    begun = min(item["start_ms"] for item in items)
    settled = sorted(item["settled_ms"] for item in items)
    tenth = len(settled) // 10
    first, last = settled[tenth - 1] - begun, settled[-1] - settled[-1 - tenth]
    return {"first_tenth": first / 1e3, "last_tenth": last / 1e3}


def _trace_of(folder: Path) -> _Trace:
    argv = [our_program("binex"), "trace", "latest", "--dir", ".binex", "--json"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    return cast(_Trace, json.loads(done.stdout))
