"""A run that has ended: what its store holds of each task, its calls and their bodies included."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from binex.models.call import Body, Call, CallKind
from binex.models.task import ErrorInfo, ExecutionRecord
from binex.runtime.session import open_session
from tests.faults.harness import Finished, Kept, Project


@dataclass(frozen=True)
class Ended:
    """The newest run of a project; made with :meth:`of`."""

    project: Project
    finished: Finished
    kept: Kept
    made: dict[str, Any]
    """The content of every artifact, by its id."""
    called: list[Call]

    @classmethod
    def of(cls, project: Project, finished: Finished, **more: Any) -> Self:
        """Read all that the store holds of the run, but the bodies of its calls."""
        kept = project.kept()
        return cls(project, finished, kept, *asyncio.run(_read(project, kept)), **more)

    def records(self, task: str) -> list[ExecutionRecord]:
        """Its attempts, in order."""
        return sorted((one for one in self.kept.records if one.task == task), key=lambda one: one.attempt)

    def last(self, task: str) -> ExecutionRecord:
        """How the task ended."""
        record = self.records(task)[-1]
        assert record.is_final, record
        return record

    def error(self, task: str) -> ErrorInfo:
        """Why it failed."""
        error = self.last(task).error
        assert error is not None, f"{task} did not fail"
        return error

    def output(self, task: str) -> Any:
        """What it made."""
        (artifact_id,) = self.last(task).output_artifacts
        return self.made[artifact_id]

    def calls(self, task: str, kind: CallKind | None = None) -> list[Call]:
        """Its calls, in the order in which they began."""
        found = [call for call in self.called if call.task == task and kind in (None, call.kind)]
        return sorted(found, key=lambda call: (call.attempt, call.number))

    def body(self, body: Body | None) -> bytes:
        """The bytes of one side of a call."""
        assert body is not None
        return asyncio.run(_read_body(self.project, body))


async def _read(project: Project, kept: Kept) -> tuple[dict[str, Any], list[Call]]:
    assert kept.run is not None
    async with open_session(project.store, read_only=True) as session:
        ids = [artifact_id for record in kept.records for artifact_id in record.output_artifacts]
        artifacts = [await session.store.get(artifact_id) for artifact_id in ids]
        made = {artifact.id: artifact.content for artifact in artifacts if artifact is not None}
        return made, await session.store.list_calls(kept.run.id)


async def _read_body(project: Project, body: Body) -> bytes:
    async with open_session(project.store, read_only=True) as session:
        return await session.store.read_body(body)


def project_of(folder: Path, nodes: dict[str, dict[str, Any]], code: str = "", **more: Any) -> Project:
    """A project with a workflow of *nodes* and *more* fields, and *code* for its functions."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "steps.py").write_text(code)
    (folder / "flow.yaml").write_text(json.dumps({"name": "faults", "nodes": nodes, **more}, indent=1))
    return Project(folder)
