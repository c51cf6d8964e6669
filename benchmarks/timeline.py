"""Reads the times of a run's tasks from `binex trace latest --json`."""

import datetime
import json
import subprocess
from pathlib import Path

from benchmarks.venvs import our_program


def trace_of(folder: Path) -> dict[str, object]:
    """The latest run of the store in *folder*."""
    argv = [our_program("binex"), "trace", "latest", "--dir", ".binex", "--json"]
    done = subprocess.run(argv, cwd=folder, capture_output=True, text=True, check=True)
    trace: dict[str, object] = json.loads(done.stdout)
    return trace


def run_seconds(folder: Path) -> dict[str, float]:
    """How long the run took by its own record."""
    trace = trace_of(folder)
    run = trace.get("run", trace)
    assert isinstance(run, dict)
    return {"run_seconds": _seconds(run["ended_at"]) - _seconds(run["started_at"])}


def tenths(folder: Path, node: str) -> dict[str, float]:
    """How long the first and the last tenth of the items of *node* took, by when they started and settled."""
    tasks = trace_of(folder)["tasks"]
    assert isinstance(tasks, list)
    items = [task for task in tasks if str(task["task"]).startswith(f"{node}[")]
    begun = min(_seconds(task["started_at"]) for task in items)
    settled = sorted(_seconds(task["ended_at"]) for task in items)
    tenth = len(settled) // 10
    first = settled[tenth - 1] - begun
    last = settled[-1] - settled[-1 - tenth]
    return {"first_tenth": first, "last_tenth": last}


def _seconds(moment: object) -> float:
    """A time as seconds, be it written as ISO 8601 or as a number."""
    if isinstance(moment, int | float):
        return float(moment)
    return datetime.datetime.fromisoformat(str(moment)).timestamp()
