"""What there is of one task: what it was given, its attempts, what it made, its items."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from binex.analysis.artifacts import Damage, RunArtifact, get_artifact
from binex.analysis.calls import CallDetail, call_detail
from binex.analysis.failures.classes import FailureClass, classify
from binex.analysis.failures.groups import FailureGroup
from binex.analysis.tasks.model_rounds import Round, rounds_of
from binex.analysis.tasks.values import Written
from binex.analysis.trace import TaskTrace
from binex.errors import BinexError, DamagedDataError
from binex.graph.reference import Reference, Source
from binex.models.base import AnyText, Model
from binex.models.call import Call
from binex.models.names import read_artifact_id
from binex.models.task import ExecutionRecord, TaskStatus
from binex.stores.run_store import RunStore


class Given(Model):
    """One thing that a task was given: as the workflow writes it, and what that came to."""

    name: str
    """The name of the input, or of the part: `prompt`, `config`."""
    written: JsonValue = None
    """What the workflow says, as in `${plan.output}`; where it says nothing, what that stands for."""
    is_implied: bool = False
    """Whether the workflow does not name it: a node without inputs gets what it depends on."""
    value: JsonValue = None
    """What it came to; what comes from the environment, or is not known any more, stays a reference."""
    artifacts: tuple[str, ...] = ()
    """The ids of the artifacts that are in it."""
    is_readable: bool = True
    """Whether all of those can still be read; `damage` names those that cannot."""


class AttemptDetail(Model):
    """One attempt at the task."""

    record: ExecutionRecord
    """How it ended, its error in full."""
    failure: FailureClass | None = None
    """What sort of failure it was, where it failed."""
    rounds: tuple[Round, ...] = ()
    """What was said between it and models."""
    calls: tuple[CallDetail, ...] = ()
    """All that was exchanged with the outside, word for word, in the order in which it began."""


class OutputDetail(Model):
    """One thing that the task made."""

    artifact: RunArtifact
    """Its envelope."""
    value: JsonValue = None
    """What it is; None also where it can no longer be read, which `damage` then names."""
    is_readable: bool = True


class ItemShort(Model):
    """One item of a foreach node, in short; each is a task of its own."""

    task: str
    status: TaskStatus
    start_ms: float | None = None
    """When its first attempt began, from the start of the run."""
    duration_ms: float = 0.0
    attempts: int = 0
    reused_from: str | None = None
    """The run that executed it, where that is another one."""
    cause: AnyText | None = None
    """Why it failed, in a few words."""


class PartReader:
    """Reads the parts of a task, and keeps in ``damage`` what cannot be read of them."""

    def __init__(self, store: RunStore) -> None:
        self.damage: list[Damage] = []
        self._store = store

    async def attempts(self, records: Sequence[ExecutionRecord], calls: Sequence[Call]) -> tuple[AttemptDetail, ...]:
        """The attempts of one task, by all records of it and the calls that they made."""
        details = [await self._call(call) for call in sorted(calls, key=lambda call: (call.attempt, call.number))]
        found = []
        for record in records:
            own = tuple(detail for detail in details if detail.call.attempt == record.attempt)
            failure = classify(record, calls, records) if record.error is not None else None
            found.append(AttemptDetail(record=record, failure=failure, rounds=rounds_of(own), calls=own))
        return tuple(found)

    async def rounds_so_far(self, records: Sequence[ExecutionRecord], calls: Sequence[Call]) -> tuple[Round, ...]:
        """What was said in an attempt that has no record yet: it is being executed, or was cut off."""
        known = {record.attempt for record in records}
        others = [call for call in calls if call.attempt not in known]
        return rounds_of([await self._call(call) for call in sorted(others, key=lambda call: call.number)])

    async def given(self, written: Iterable[Written], last: Mapping[str, ExecutionRecord]) -> tuple[Given, ...]:
        """What the workflow says, with the artifacts in it; *last* has the final record of each task."""
        found = []
        for one in written:
            ids = tuple(dict.fromkeys(id for reference in one.references for id in _artifacts_in(reference, last)))
            readable = [await self._is_readable(id) for id in ids]
            found.append(
                Given(
                    name=one.name,
                    written=one.written,
                    is_implied=one.is_implied,
                    value=one.value,
                    artifacts=ids,
                    is_readable=all(readable),
                )
            )
        return tuple(found)

    async def outputs(self, made: Iterable[RunArtifact]) -> tuple[OutputDetail, ...]:
        """What a task has made."""
        found = []
        for envelope in made:
            try:
                found.append(OutputDetail(artifact=envelope, value=(await get_artifact(self._store, envelope)).content))
            except DamagedDataError as error:
                self.note(envelope.name, error)
                found.append(OutputDetail(artifact=envelope, is_readable=False))
        return tuple(found)

    def note(self, where: str, error: BinexError) -> None:
        """Keep that a part cannot be read."""
        damage = Damage(where=where, message=error.message, fix=error.fix)
        if damage not in self.damage:
            self.damage.append(damage)

    async def _call(self, call: Call) -> CallDetail:
        detail = await call_detail(self._store, call)
        self.damage += detail.damage
        return detail

    async def _is_readable(self, id: str) -> bool:
        try:
            if await self._store.get(id) is not None:
                return True
            raise DamagedDataError(f"artifact {id} is not in the store", fix="binex doctor")
        except DamagedDataError as error:
            made = read_artifact_id(id)
            self.note(f"{made.task}.{made.output}", error)
            return False


def shorten_items(items: Iterable[TaskTrace], groups: Iterable[FailureGroup]) -> tuple[ItemShort, ...]:
    """The items of a foreach node; *groups* says why those failed that did."""
    causes = {task: group.cause for group in groups for task in group.tasks}
    return tuple(
        ItemShort(
            task=item.task,
            status=item.status,
            start_ms=item.start_ms,
            duration_ms=item.duration_ms,
            attempts=len(item.attempts),
            reused_from=item.reused_from,
            cause=causes.get(item.task),
        )
        for item in items
    )


def _artifacts_in(reference: Reference, last: Mapping[str, ExecutionRecord]) -> list[str]:
    record = last.get(reference.name) if reference.source is Source.NODE else None
    made = () if record is None else record.output_artifacts
    return [id for id in made if read_artifact_id(id).output == reference.output]
