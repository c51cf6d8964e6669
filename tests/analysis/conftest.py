"""A store on disk, and short ways to put runs with a known truth into it."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from binex.models.change import Change, ChangeKind
from binex.models.event import TaskStarted
from binex.models.names import node_of
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import Artifact, ErrorInfo, ErrorKind, ExecutionRecord, TaskNode, TaskStatus
from binex.models.workflow_source import WorkflowSource
from binex.runtime.forks.request import Edit, ForkRequest
from binex.runtime.session import Session, open_session
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def at(ms: float) -> datetime:
    """The moment *ms* after the start of a run."""
    return START + timedelta(milliseconds=ms)


def error(message: str = "boom") -> ErrorInfo:
    """What an agent's code raised."""
    return ErrorInfo(kind=ErrorKind.CODE, type="ValueError", message=message, traceback=f"ValueError: {message}")


class Ledger:
    """Writes runs into a store as the runtime would."""

    def __init__(self, store: RunStore, folder: Path, alive: AsyncExitStack) -> None:
        self.store = store
        self.folder = folder
        self._alive = alive

    async def run(
        self, id: str, *, status: RunStatus = RunStatus.COMPLETED, is_alive: bool = False, **fields: Any
    ) -> Run:
        """A run; with *is_alive* this process goes on owning it."""
        text = fields.pop("text", f"name: {fields.get('workflow', 'flow')}")
        source = WorkflowSource(file="flow.yaml", folder="/", text=text)
        run = Run(
            id=id,
            workflow=fields.pop("workflow", "flow"),
            workflow_hash=hashlib.sha256(source.text.encode()).hexdigest(),
            status=status,
            started_at=fields.pop("started_at", START),
            versions=Versions(binex="0", python="3"),
            **fields,
        )
        if is_alive:
            await self._alive.enter_async_context(self.store.open_run(run, source))
        else:
            async with self.store.open_run(run, source):
                await self.store.save_run(run)
        return run

    async def attempt(
        self, run: Run, task: str, start: float, duration: float, *, makes: JsonValue = None, **fields: Any
    ) -> ExecutionRecord:
        """An attempt that began *start* ms after its run and took *duration* ms."""
        record = ExecutionRecord(
            run_id=run.id,
            task=task,
            node_id=node_of(task),
            agent="local://x.y",
            attempt=fields.pop("attempt", 1),
            status=fields.pop("status", TaskStatus.COMPLETED),
            started_at=at(start),
            ended_at=at(start + duration),
            duration_ms=duration,
            **fields,
        )
        artifacts = []
        if makes is not None:
            artifacts = [self.artifact(run, task, makes)]
            record = record.model_copy(update={"output_artifacts": (artifacts[0].id,)})
        await self.store.settle([record], artifacts)
        return record

    async def decided(self, run: Run, task: str, ended: float, status: TaskStatus, **fields: Any) -> None:
        """A task that was settled without an attempt."""
        record = ExecutionRecord(
            run_id=run.id,
            task=task,
            node_id=node_of(task),
            agent="local://x.y",
            attempt=fields.pop("attempt", 0),
            status=status,
            ended_at=at(ended),
            **fields,
        )
        await self.store.settle([record])

    @staticmethod
    def artifact(run: Run, task: str, content: JsonValue, output: str = "output") -> Artifact:
        node = TaskNode(run_id=run.id, path=task, node_id=node_of(task), agent="local://x.y", inputs={})
        return Artifact.of(node, output, content)

    @staticmethod
    def started(run: Run, task: str, start: float, attempt: int = 1) -> TaskStarted:
        return TaskStarted(run_id=run.id, task=task, agent="local://x.y", attempt=attempt, at=at(start))


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    folder = tmp_path / ".binex"
    async with open_sqlite_store(folder) as store, AsyncExitStack() as alive:
        yield Ledger(store, folder, alive)


KIN = """
name: kin
inputs: {topic: {default: tides}, n: {type: array, default: [1, 2, 3]}}
nodes:
  plan: {agent: local://echo, inputs: {t: "${user.topic}"}}
  think:
    agent: llm://mock/a
    system_prompt: Be brief
    inputs: {plan: "${plan.output}"}
    config: {answers: [{text: hi, price: 0.25, usage: {input_tokens: 10, output_tokens: 3}}]}
  each: {foreach: "${user.n}", agent: local://odd.stamp, inputs: {value: "${item}"}}
  never: {agent: local://echo, inputs: {a: 1}, when: "${user.topic} == 'never'"}
  broken: {agent: local://odd.refuse, inputs: {value: "${each.output}"}}
  after: {agent: local://echo, inputs: {v: "${broken.output}"}}
  end: {agent: local://echo, inputs: {x: "${think.output}"}}
"""
ODD = """
import binex

def stamp(value):
    return [value, binex.random()]

def refuse(value):
    raise ValueError("no luck")
"""


class Kin:
    """Runs one workflow, which fails in one place, and makes others from its runs."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.store: RunStore = session.store
        self.file = folder / "kin.yaml"
        self.file.write_text(KIN, "utf-8")
        (folder / "odd.py").write_text(ODD, "utf-8")

    async def run(self) -> Run:
        return (await self.session.run(self.file)).run

    async def replay(self, parent: Run) -> Run:
        return (await self.session.replay(parent.id)).run

    async def fork(self, parent: Run, **request: Any) -> Run:
        return (await self.session.fork(parent.id, ForkRequest(**request))).run

    async def prompt(self, parent: Run, prompt: str = "Be very brief") -> Run:
        """A fork in which the model has another prompt; it answers the same."""
        change = Change(kind=ChangeKind.FIELD, node="think", path=("system_prompt",), value=prompt, option="--prompt")
        return await self.fork(parent, fields=(change,))

    async def edit(self, parent: Run) -> Run:
        """A fork in which somebody has put something else in the place of the plan."""
        return await self.fork(parent, edits=(Edit("plan", "output", {"t": "by hand"}),))

    async def records(self, run: Run) -> dict[str, ExecutionRecord]:
        """The last record of every task."""
        return {record.task: record for record in await self.store.list_records(run.id)}


@pytest.fixture
async def kin(tmp_path: Path) -> AsyncIterator[Kin]:
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        yield Kin(session, tmp_path)
