"""Whether a replay came out as the run that it was made from, and where it first did not."""

from collections.abc import Collection, Mapping
from enum import StrEnum

from binex.analysis.differences.first_difference import excerpts
from binex.analysis.differences.outcomes import (
    ended_alike,
    failed_alike,
    is_same_output,
    other_parts,
    output_pairs,
)
from binex.analysis.hashes import Hashes
from binex.errors import DamagedDataError
from binex.models.base import Model
from binex.models.change import ChangeKind
from binex.models.names import node_of, read_artifact_id
from binex.models.run import Run
from binex.models.task import ExecutionRecord, TaskStatus, final_records
from binex.stores.run_store import RunStore


class DifferenceKind(StrEnum):
    """What is different about a task."""

    STATUS = "status"
    """It ended otherwise."""
    ERROR = "error"
    """It failed in another way."""
    OUTPUT = "output"
    """It made something else."""
    MISSING = "missing"
    """It never ended in the replay."""
    ADDED = "added"
    """It never ended in the run."""


class Difference(Model):
    """One task that came out otherwise."""

    task: str
    kind: DifferenceKind
    output: str = ""
    """The output that differs."""
    before: str = ""
    """What was recorded: a status, an error, or the text around the first difference."""
    after: str = ""
    """The same of the replay."""
    led_to_it: tuple[str, ...] = ()
    """What is known about the cause, in words."""
    follows_from: tuple[str, ...] = ()
    """The tasks whose difference it follows from; empty where it is a difference of its own."""


class ReplayVerdict(Model):
    """How a replay compares with the run that it was made from."""

    run: Run
    """The replay."""
    parent: str
    """The run that it was made from."""
    is_equal: bool
    """Whether every task ended as it did, and every artifact is the same to the byte."""
    tasks: int
    """How many tasks were compared."""
    artifacts: int
    """How many artifacts were compared."""
    taken_over: int = 0
    """How many of the tasks were not executed, since they were not carried to their end or were made by hand."""
    first: Difference | None = None
    """The first task that came out otherwise although nothing before it did."""
    differences: tuple[Difference, ...] = ()
    """All of them, in the order in which the run's tasks ended."""


async def compare_replay(store: RunStore, run: Run, parent: Run) -> ReplayVerdict:
    """Compare *run* with *parent*, task by task and artifact by artifact.

    Tasks that a run which was stopped never came to are not compared.

    Raises:
        StoreError: the store cannot be read.
    """
    before = final_records(await store.list_records(parent.id))
    after = final_records(await store.list_records(run.id))
    comparison = _Comparison(store, before, after, run.versions.changed_since(parent.versions), _faults(run))
    differences: list[Difference] = []
    was_complete = parent.status.has_come_to_all
    added = [path for path in after if path not in before] if was_complete else []
    for path in (*before, *added):
        found = await comparison.of(path)
        if found is not None:
            differences.append(found)
    return ReplayVerdict(
        run=run,
        parent=parent.id,
        is_equal=not differences,
        tasks=len(before),
        artifacts=comparison.artifacts,
        taken_over=sum(record.reused_from is not None for record in after.values()),
        first=next((found for found in differences if not found.follows_from), next(iter(differences), None)),
        differences=tuple(differences),
    )


class _Comparison:
    """Compares tasks one after the other, and remembers which were different."""

    def __init__(
        self,
        store: RunStore,
        before: Mapping[str, ExecutionRecord],
        after: Mapping[str, ExecutionRecord],
        changed_code: Collection[str],
        faults: Mapping[str, str],
    ) -> None:
        self.artifacts = 0
        self._store = store
        self._before = before
        self._after = after
        self._changed_code = changed_code
        self._faults = faults
        self._hashes = Hashes(store)
        self._items: dict[str, list[str]] = {}
        for path in before:
            if path != node_of(path):
                self._items.setdefault(node_of(path), []).append(path)
        self._different = {path for path in before.keys() | after.keys() if self._kind(path) is not None}

    async def of(self, path: str) -> Difference | None:
        """How the task at *path* is different."""
        kind, before, after = self._kind(path), self._before.get(path), self._after.get(path)
        if kind is None and before is not None and after is not None:
            return await self._outputs(path, before, after)
        if kind is None:
            return None
        shown = (_ending(before), _ending(after))
        if kind is DifferenceKind.ERROR and before is not None and after is not None:
            shown = (_error(before), _error(after))
        return Difference(
            task=path,
            kind=kind,
            before=shown[0],
            after=shown[1],
            led_to_it=self._causes(before, after),
            follows_from=self._culprits(before, after),
        )

    def _kind(self, path: str) -> DifferenceKind | None:
        """How its end is different; what it made is not looked at."""
        before, after = self._before.get(path), self._after.get(path)
        if before is None:
            return DifferenceKind.ADDED
        if after is None:
            return DifferenceKind.MISSING
        if not ended_alike(before, after):
            return DifferenceKind.STATUS
        return None if failed_alike(before, after) else DifferenceKind.ERROR

    async def _outputs(self, path: str, before: ExecutionRecord, after: ExecutionRecord) -> Difference | None:
        for pair in output_pairs(before, after):
            if pair.before is None or pair.after is None:
                continue
            self.artifacts += 1
            if await is_same_output(pair, self._hashes):
                continue
            self._different.add(path)
            shown = await self._shown(pair.before, pair.after)
            return Difference(
                task=path,
                kind=DifferenceKind.OUTPUT,
                output=pair.name,
                before=shown[0],
                after=shown[1],
                led_to_it=self._causes(before, after),
                follows_from=self._culprits(before, after),
            )
        return None

    async def _shown(self, old: str, new: str) -> tuple[str, str]:
        texts = []
        for id in (old, new):
            try:
                artifact = await self._store.get(id)
            except DamagedDataError as error:
                return error.message, ""
            if artifact is None:
                fix = "see what else is damaged with: binex doctor"
                raise DamagedDataError(f"artifact {id} is missing: the store has no row of it", fix=fix)
            texts.append(artifact.data.decode("utf-8", "replace"))
        return excerpts(texts[0], texts[1])

    def _culprits(self, before: ExecutionRecord | None, after: ExecutionRecord | None) -> tuple[str, ...]:
        """The tasks that it needed and that were different."""
        needed: dict[str, None] = {}
        for record in (before, after):
            needed |= dict.fromkeys(() if record is None else self._items.get(record.task, ()))
            for id in () if record is None else record.input_artifacts:
                needed[read_artifact_id(id).task] = None
            if record is not None and record.blocked_by is not None:
                needed[record.blocked_by] = None
        return tuple(path for path in needed if path in self._different)

    def _causes(self, before: ExecutionRecord | None, after: ExecutionRecord | None) -> tuple[str, ...]:
        if after is None or before is None:
            return ()
        causes = []
        if after.error is not None and after.status is not before.status:
            causes.append(after.error.message)
        if after.agent in self._changed_code:
            causes.append(f"the code of {after.agent} has changed since")
        parts = [part for part in other_parts(before, after) if part != "code"]
        if parts:
            causes.append(f"it was given another {', '.join(parts)}")
        if after.is_edited and not before.is_edited:
            causes.append("somebody changed it by hand")
        if not causes and (fault := self._faults.get(node_of(after.task))):
            causes.append(f"its calls were to meet {fault}")
        if not causes and after.status is TaskStatus.COMPLETED:
            causes.append("it was given the same and answered the same, and is not deterministic")
        return tuple(causes)


def _faults(run: Run) -> dict[str, str]:
    """The faults that the calls of nodes were to meet, by node."""
    changes = run.origin.changes if run.origin is not None else ()
    return {node_of(change.node): str(change.value) for change in changes if change.kind is ChangeKind.FAULT}


def _ending(record: ExecutionRecord | None) -> str:
    if record is None:
        return "nothing"
    reason = f" ({record.skip_reason})" if record.skip_reason is not None else ""
    return f"{record.status}{reason}"


def _error(record: ExecutionRecord) -> str:
    return record.error.message if record.error is not None else ""
