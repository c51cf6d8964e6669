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

from binex.models.call import Body, BodyPart, Call, CallKind
from binex.models.event import TaskStarted
from binex.models.names import new_run_id
from binex.models.question import Answer, Question, QuestionKind
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import Artifact, ExecutionRecord, TaskNode, TaskStatus, now
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore
from binex.tape.bodies import Chains

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


def make_call(run_id: str, task: str = "plan", number: int = 1, attempt: int = 1, **fields: Any) -> Call:
    values: dict[str, Any] = {
        "run_id": run_id,
        "task": task,
        "attempt": attempt,
        "number": number,
        "kind": CallKind.HTTP,
        "target": "POST http://127.0.0.1/",
        "started_at": now(),
    }
    return Call(**values | fields)


def make_body(data: bytes, chains: Chains | None = None) -> tuple[Body, list[BodyPart]]:
    """A body and its parts; with *chains*, only those that are new to them."""
    return (chains or Chains()).make(data, "application/json", is_shared=chains is not None)


def keep_exchange(store: RunStore, call: Call, request: bytes, response: bytes = b"", chains: Any = None) -> Call:
    """Keep a call with both sides; what is kept."""
    asked, parts = make_body(request, chains)
    told, more = make_body(response, chains)
    kept = call.model_copy(update={"request": asked, "response": told})
    store.keep_call(kept, [*parts, *more])
    return kept


async def bodies_of(store: RunStore, call: Call) -> tuple[bytes, bytes]:
    assert call.request is not None and call.response is not None
    return await store.read_body(call.request), await store.read_body(call.response)


def make_question(run_id: str, task: str = "gate", key: str = "question", **fields: Any) -> Question:
    values: dict[str, Any] = {
        "id": f"{run_id}~{task}~{key}",
        "run_id": run_id,
        "task": task,
        "kind": QuestionKind.APPROVE,
        "text": "Publish it?",
        "asked_at": now(),
    }
    return Question(**values | fields)


def make_answer(value: JsonValue = "approved", **fields: Any) -> Answer:
    return Answer(**{"value": value, "by": "ann", "at": now()} | fields)


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
