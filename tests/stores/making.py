"""Runs, records and artifacts to put into a store, and other processes that do so."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from textwrap import dedent
from typing import Any

from pydantic import JsonValue

from binex.models.event import TaskStarted
from binex.models.names import new_run_id
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import Artifact, ExecutionRecord, TaskNode, TaskStatus, now
from binex.models.workflow import WorkflowSource
from binex.stores.run_store import RunStore

OpenStore = Callable[..., AbstractAsyncContextManager[RunStore]]
SOURCE = WorkflowSource(file="flow.yaml", folder="/somewhere", text="nodes: {}", prompts={"file://p.md": "Be brief."})


def make_run(run_id: str | None = None, **fields: Any) -> Run:
    values: dict[str, Any] = {
        "id": run_id or new_run_id(),
        "workflow": "research",
        "workflow_hash": "5e" * 32,
        "status": RunStatus.RUNNING,
        "started_at": now(),
        "versions": Versions(binex="1.0", python="3.11"),
    }
    return Run(**values | fields)


def make_record(run_id: str, task: str = "plan", attempt: int = 1, **fields: Any) -> ExecutionRecord:
    values: dict[str, Any] = {
        "run_id": run_id,
        "task": task,
        "node_id": task.partition("[")[0],
        "agent": "local://research.plan",
        "attempt": attempt,
        "status": TaskStatus.COMPLETED,
        "started_at": now(),
        "ended_at": now(),
        "duration_ms": 12.5,
    }
    return ExecutionRecord(**values | fields)


def make_artifact(run_id: str, task: str = "plan", content: JsonValue = "a plan", output: str = "output") -> Artifact:
    node = TaskNode(run_id=run_id, path=task, node_id=task, agent="local://research.plan", inputs={})
    made = Artifact.of(node, output, content)
    return made.with_data(
        made.data
    )  # without the text it was made from, as it will come back, so that `==` means the same


def make_started(run_id: str, task: str = "plan", attempt: int = 1) -> TaskStarted:
    return TaskStarted(run_id=run_id, task=task, agent="local://research.plan", attempt=attempt, at=now())


def artifact_file(folder: Path, artifact: Artifact) -> Path:
    return folder / "artifacts" / artifact.run_id / f"{artifact.id}.json"


async def keep_run(open_store: OpenStore, run: Run, tasks: int = 3, **options: Any) -> list[Artifact]:
    """Execute a run: each task completes with one artifact. The store is opened for it, and closed."""
    artifacts = [make_artifact(run.id, f"node{number}", {"number": number}) for number in range(tasks)]
    async with open_store(**options) as store, store.open_run(run, SOURCE):
        for artifact in artifacts:
            await store.settle([make_record(run.id, artifact.task)], [artifact])
        await store.flush()
        await store.save_run(run.model_copy(update={"status": RunStatus.COMPLETED}))
    return artifacts


_PREAMBLE = """
import asyncio, os, signal, sys
from pathlib import Path
from binex.errors import *
from binex.models.run import Durability
from binex.stores.backends.sqlite import open_sqlite_store
from tests.stores.making import *

folder = Path(sys.argv[1])

def say(text):
    print(text, flush=True)

def die():
    os.kill(os.getpid(), signal.SIGKILL)

async def main():
"""


def other_process(
    body: str, folder: Path, *arguments: str, before: Sequence[str] = (), **options: Any
) -> "subprocess.Popen[str]":
    """Start *body* (the inside of an ``async def``) in a process of its own; it can say() things, die() and read.

    *before* is a command that runs the process, such as strace.
    """
    code = _PREAMBLE + "".join(f"    {line}\n" for line in dedent(body).strip().splitlines()) + "asyncio.run(main())\n"
    return subprocess.Popen(
        [*before, sys.executable, "-c", code, str(folder), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env=os.environ | {"PYDANTIC_DISABLE_PLUGINS": "__all__"},  # looking for plugins is a tenth of the start
        **options,
    )


def heard(process: "subprocess.Popen[str]") -> str:
    """The next line that another process says; its complaints, if it ended instead."""
    assert process.stdout is not None and process.stderr is not None
    line = process.stdout.readline().rstrip("\n")
    assert line, process.stderr.read()
    return line


def finish(process: "subprocess.Popen[str]") -> list[str]:
    """The rest of what another process says; it must end well."""
    out, complaints = process.communicate(timeout=30)
    assert process.returncode == 0, complaints
    return out.splitlines()


async def ended(process: "subprocess.Popen[str]") -> int:
    return await asyncio.to_thread(process.wait, 30)
