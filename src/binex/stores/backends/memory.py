"""A store that forgets everything with the process: for tests, and for runs that nobody will look at again."""

import asyncio
from collections.abc import AsyncIterator, Container, Sequence
from contextlib import asynccontextmanager, suppress

from pydantic import JsonValue

from binex.errors import DamagedDataError, InputError, RunOwnedError, StoreError
from binex.models.call import Body, BodyPart, Call
from binex.models.event import TaskStarted
from binex.models.names import is_name
from binex.models.question import Answer, Question, QuestionState
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo, ExecutionRecord, TaskStatus, now
from binex.models.workflow_source import WorkflowSource
from binex.stores.backends.bodies import damaged
from binex.stores.backends.memory_removal import MemoryRemoval
from binex.stores.backends.memory_search import MemorySearch
from binex.stores.backends.questions import LONGEST_WAIT_S, require_open, unknown
from binex.stores.backends.rows import artifact_name
from binex.stores.bundle_store import Cargo, Link


class MemoryLease:
    """The right to execute one run in this process."""

    def __init__(self, run_id: str, epoch: int) -> None:
        self.run_id = run_id
        self.epoch = epoch
        self.since = now()
        self.is_cancel_requested = asyncio.Event()
        self.answered = asyncio.Event()

    async def wait_for_cancel(self) -> None:
        await self.is_cancel_requested.wait()

    async def wait_for_answer(self) -> None:
        """Return when a question is answered, at once if one was since somebody last waited."""
        await self.answered.wait()
        self.answered.clear()


class MemoryStore(MemorySearch, MemoryRemoval):
    """A RunStore in dictionaries; every value in it is immutable, so nothing is copied."""

    def __init__(self) -> None:
        MemoryRemoval.__init__(self)
        self._runs: dict[str, Run] = {}
        self._sources: dict[str, WorkflowSource] = {}
        self._epochs: dict[str, int] = {}
        self._leases: dict[str, MemoryLease] = {}
        self._records: dict[str, dict[tuple[str, int], ExecutionRecord]] = {}
        self._artifacts: dict[str, dict[str, Artifact]] = {}
        self._running: dict[str, dict[tuple[str, int], TaskStarted]] = {}
        self._calls: dict[str, dict[tuple[str, int, int], Call]] = {}
        self._parts: dict[str, BodyPart] = {}
        self._bookmarks: dict[str, dict[str, dict[str, JsonValue]]] = {}
        self._questions: dict[str, Question] = {}
        self._by_key: dict[str, list[ExecutionRecord]] = {}

    async def record(self, execution_record: ExecutionRecord) -> None:
        await self.settle([execution_record])

    async def store(self, artifact: Artifact) -> None:
        await self.settle([], [artifact])

    async def settle(self, records: Sequence[ExecutionRecord], artifacts: Sequence[Artifact] = ()) -> None:
        run_ids = {record.run_id for record in records} | {artifact.run_id for artifact in artifacts}
        if not run_ids:
            return
        if len(run_ids) > 1:
            raise ValueError(f"an outcome belongs to one run, not to {', '.join(sorted(run_ids))}")
        for artifact in artifacts:
            artifact_name(artifact.run_id, artifact.id)  # an id that would not do elsewhere will not do here
        await asyncio.sleep(0)  # others get their turn here in every store
        (run_id,) = run_ids
        self._require(run_id)
        kept, own = self._records[run_id], self._artifacts[run_id]
        if records and all((record.task, record.attempt) in kept for record in records):
            return
        added: dict[str, Artifact] = {}
        for artifact in artifacts:
            first = own.get(artifact.id) or added.setdefault(artifact.id, artifact)
            if first.sha256 != artifact.sha256:
                raise StoreError(f"there is an artifact {artifact.id} already, with other content; the first one stays")
        for record in records:
            is_new = kept.setdefault((record.task, record.attempt), record) is record
            if is_new and _may_be_reused(record) and self._runs[run_id].may_be_reused:
                self._by_key.setdefault(record.key, []).append(record)
        self._artifacts[run_id] |= added

    async def flush(self) -> None:
        await asyncio.sleep(0)

    @asynccontextmanager
    async def open_run(self, run: Run, source: WorkflowSource) -> AsyncIterator[MemoryLease]:
        if not is_name(run.id):
            raise StoreError(f"not a run id: {run.id!r:.80}")
        if run.id in self._runs:
            raise StoreError(f"there is a run {run.id} already; the first one stays")
        self._begin(run, source)
        async with self._holding(run.id) as lease:
            yield lease

    def _begin(self, run: Run, source: WorkflowSource) -> None:
        self._runs[run.id] = run
        self._sources.setdefault(run.workflow_hash, source)
        self._epochs[run.id] = 0
        self._records[run.id], self._artifacts[run.id], self._running[run.id] = {}, {}, {}
        self._calls[run.id], self._bookmarks[run.id] = {}, {}

    @asynccontextmanager
    async def take_run(self, run_id: str) -> AsyncIterator[MemoryLease]:
        if run_id not in self._runs:
            raise InputError(f"no run {run_id!r:.80} in the store", fix="list the runs with: binex runs")
        if owner := self._leases.get(run_id):
            raise RunOwnedError(
                f"run {run_id} is executed by this process since {owner.since.isoformat(timespec='seconds')}",
                fix=f"let it end, or stop it with: binex cancel {run_id}",
            )
        self._running[run_id] = {}
        async with self._holding(run_id) as lease:
            yield lease

    @asynccontextmanager
    async def _holding(self, run_id: str) -> AsyncIterator[MemoryLease]:
        self._epochs[run_id] += 1
        lease = self._leases[run_id] = MemoryLease(run_id, self._epochs[run_id])
        try:
            await asyncio.sleep(0)
            yield lease
        finally:
            del self._leases[run_id]

    async def is_owned(self, run_id: str) -> bool:
        return run_id in self._leases

    async def request_cancel(self, run_id: str) -> bool:
        lease = self._leases.get(run_id)
        if lease is not None:
            lease.is_cancel_requested.set()
        return lease is not None

    async def save_run(self, run: Run) -> None:
        await asyncio.sleep(0)
        self._require(run.id)
        self._runs[run.id] = run

    async def get_run(self, run_id: str) -> Run | None:
        return self._runs.get(run_id)

    async def list_runs(
        self, *, limit: int = 20, offset: int = 0, workflow: str | None = None, prefix: str = ""
    ) -> list[Run]:
        found = [
            run
            for run in reversed(self._runs.values())
            if run.id.startswith(prefix) and (workflow is None or run.workflow == workflow)
        ]
        offset = max(offset, 0)
        return found[offset : offset + max(limit, 0)]

    async def list_records(self, run_id: str) -> list[ExecutionRecord]:
        return list(self._records.get(run_id, {}).values())

    async def list_artifacts(self, run_id: str) -> list[ArtifactInfo]:
        return [artifact.info for artifact in self._artifacts.get(run_id, {}).values()]

    async def list_hashes(self, run_id: str) -> dict[str, str]:
        return {id: artifact.sha256 for id, artifact in self._artifacts.get(run_id, {}).items()}

    async def get(self, artifact_id: str) -> Artifact | None:
        return self._artifacts.get(artifact_id.partition("~")[0], {}).get(artifact_id)

    async def get_source(self, workflow_hash: str) -> WorkflowSource:
        source = self._sources.get(workflow_hash)
        if source is None:
            raise DamagedDataError(f"the snapshot {workflow_hash[:12]} of the workflow is missing")
        return source

    async def note_running(self, started: Sequence[TaskStarted]) -> None:
        for one in started:
            if one.run_id in self._leases:
                self._running[one.run_id][one.task, one.attempt] = one

    async def list_running(self, run_id: str) -> list[TaskStarted]:
        kept = self._records.get(run_id, {})
        return [one for attempt, one in self._running.get(run_id, {}).items() if attempt not in kept]

    def keep_call(self, call: Call, parts: Sequence[BodyPart]) -> None:
        self._require(call.run_id)
        self._calls[call.run_id].setdefault((call.task, call.attempt, call.number), call)
        for part in parts:
            self._parts.setdefault(part.id, part)

    async def list_calls(self, run_id: str, task: str | None = None) -> list[Call]:
        calls = (call for call in self._calls.get(run_id, {}).values() if task is None or call.task == task)
        return sorted(calls, key=lambda call: call.task)

    async def read_body(self, body: Body) -> bytes:
        pieces = []
        at = body.last
        while at:
            part = self._parts.get(at)
            if part is None:
                raise damaged(body, f"its link {at[:12]} is missing")
            pieces.append(part.data)
            at = part.previous
        return b"".join(reversed(pieces))

    async def read_bodies(self, bodies: Sequence[Body]) -> list[bytes]:
        return [await self.read_body(body) for body in bodies]

    async def list_links(self, last: str, known: Container[str] = ()) -> list[Link]:
        links: list[Link] = []
        at = last
        while at and at not in known:
            part = self._parts.get(at)
            if part is None:
                raise DamagedDataError(f"what was said in a call is missing: there is no link {at[:12]}")
            links.append(Link(part.id, part.previous, part.sha256))
            at = part.previous
        return links[::-1]

    async def read_pieces(self, info: ArtifactInfo) -> AsyncIterator[bytes]:
        yield self._artifacts[info.run_id][info.id].data

    async def read_blob(self, sha256: str) -> bytes:
        for part in self._parts.values():
            if part.sha256 == sha256:
                return part.data
        raise DamagedDataError(f"blob {sha256[:12]} is missing")

    async def take_in(self, cargo: Cargo) -> None:
        for run in cargo.runs:
            if run.id in self._runs:
                raise StoreError(f"there is a run {run.id} already; the first one stays")
        arrived = MemoryStore()
        blobs = {content.sha256: b"".join(content.pieces) for content in cargo.blobs()}
        for run in cargo.runs:
            arrived._begin(run, cargo.sources[run.workflow_hash])
        for record in cargo.records():
            await arrived.settle([record])
        for info, content in cargo.artifacts():
            fields = {field: getattr(info, field) for field in ArtifactInfo.model_fields}
            await arrived.settle([], [Artifact.model_construct(**fields, data=b"".join(content.pieces))])
        parts = [BodyPart(link.id, link.previous, link.sha256, blobs[link.sha256]) for link in cargo.links()]
        for call in cargo.calls():
            arrived.keep_call(call, ())
        for question in cargo.questions():
            await arrived.ask(question)
        for run_id, task, name, value in cargo.bookmarks():
            await arrived.keep_bookmark(run_id, task, name, value)
        for part in parts:
            self._parts.setdefault(part.id, part)
        for workflow_hash, source in arrived._sources.items():
            self._sources.setdefault(workflow_hash, source)
        for key, records in arrived._by_key.items():
            self._by_key.setdefault(key, []).extend(records)
        self._runs |= arrived._runs
        self._epochs |= arrived._epochs
        self._records |= arrived._records
        self._artifacts |= arrived._artifacts
        self._running |= arrived._running
        self._calls |= arrived._calls
        self._bookmarks |= arrived._bookmarks
        self._questions |= arrived._questions

    async def index_keys(self) -> None:
        await asyncio.sleep(0)

    async def find_by_key(
        self, key: str, *, run_id: str, task: str = "", is_older: bool = False, limit: int = 4
    ) -> list[ExecutionRecord]:
        runs = self._older_than(run_id) if is_older else self._runs.keys() - {run_id}
        found = [record for record in reversed(self._by_key.get(key, ())) if record.run_id in runs]
        return sorted(found, key=lambda record: record.task != task)[:limit]

    async def list_reusers(self, run_id: str) -> list[str]:
        return [
            other
            for other in self._runs
            if other != run_id and any(one.reused_from == run_id for one in self._records[other].values())
        ]

    async def find_alike(self, run_id: str, *, task: str = "", agent: str = "") -> ExecutionRecord | None:
        for older in reversed(self._older_than(run_id)):
            if task and self._runs[older].workflow != self._runs[run_id].workflow:
                continue
            for record in reversed(self._records[older].values()):
                if (
                    record.key
                    and record.status is TaskStatus.COMPLETED
                    and (record.task == task if task else record.agent == agent)
                ):
                    return record
        return None

    def _older_than(self, run_id: str) -> list[str]:
        runs = list(self._runs)
        return runs[: runs.index(run_id)] if run_id in self._runs else []

    async def keep_bookmark(self, run_id: str, task: str, name: str, value: JsonValue) -> None:
        await asyncio.sleep(0)
        self._require(run_id)
        self._bookmarks[run_id].setdefault(task, {})[name] = value

    async def list_bookmarks(self, run_id: str) -> dict[str, dict[str, JsonValue]]:
        return {task: dict(named) for task, named in self._bookmarks.get(run_id, {}).items()}

    async def ask(self, question: Question) -> Question:
        await asyncio.sleep(0)
        self._require(question.run_id)
        return self._questions.setdefault(question.id, question)

    async def get_question(self, question_id: str) -> Question | None:
        return self._questions.get(question_id)

    async def list_questions(self, run_id: str | None = None, *, only_open: bool = False) -> list[Question]:
        return [
            question
            for question in self._questions.values()
            if run_id in (None, question.run_id) and (not only_open or question.state is QuestionState.OPEN)
        ]

    async def answer(self, question_id: str, answer: Answer) -> Question:
        await asyncio.sleep(0)
        question = self._known_question(question_id)
        require_open(question)
        return self._end_question(question, QuestionState.ANSWERED, answer)

    async def close_question(self, question_id: str, state: QuestionState, answer: Answer | None = None) -> Question:
        await asyncio.sleep(0)
        question = self._known_question(question_id)
        return self._end_question(question, state, answer) if question.state is QuestionState.OPEN else question

    async def wait_for_answer(self, run_id: str) -> None:
        lease = self._leases.get(run_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(LONGEST_WAIT_S):
                await (asyncio.sleep(LONGEST_WAIT_S) if lease is None else lease.wait_for_answer())

    def _known_question(self, question_id: str) -> Question:
        question = self._questions.get(question_id)
        if question is None:
            raise unknown(question_id)
        return question

    def _end_question(self, question: Question, state: QuestionState, answer: Answer | None) -> Question:
        ended = self._questions[question.id] = question.model_copy(update={"state": state, "answer": answer})
        if lease := self._leases.get(question.run_id):
            lease.answered.set()
        return ended

    def _require(self, run_id: str) -> None:
        if run_id not in self._runs:
            raise StoreError(f"there is no run {run_id} in the store")


def _may_be_reused(record: ExecutionRecord) -> bool:
    return (
        record.status is TaskStatus.COMPLETED
        and bool(record.key)
        and record.reused_from is None
        and not record.is_edited
    )
