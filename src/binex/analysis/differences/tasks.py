"""How each task of one run compares with its counterpart in another, and which others made it different."""

from collections.abc import Callable, Iterable, Sequence
from typing import Final

from binex.analysis.differences.causes import kind_of_chance
from binex.analysis.differences.matching import Pair
from binex.analysis.differences.model import (
    BEFORE,
    Aspect,
    CauseKind,
    Likeness,
    OutputDiff,
    PartDiff,
    Side,
    TaskDiff,
    TaskSide,
    TaskState,
)
from binex.analysis.differences.outcomes import ended_alike, failed_alike, output_pairs
from binex.analysis.differences.parts import Parts
from binex.analysis.differences.side import RunSide
from binex.analysis.hashes import Hashes
from binex.models.base import slimmed
from binex.models.change import ChangeKind
from binex.models.names import node_of
from binex.models.run import Run
from binex.models.task import ExecutionRecord, SkipReason
from binex.stores.run_store import RunStore

Noted = Callable[[str, str, str, str | None], None]
"""Hears of what cannot be compared: the task, the artifact, what is wrong with it, what to do about it."""
_ORDER: Final = tuple(Aspect)


class Tasks:
    """Compares tasks by what is known without reading contents."""

    def __init__(
        self,
        store: RunStore,
        before: RunSide,
        after: RunSide,
        pairs: Sequence[Pair],
        variables: Sequence[str],
        note: Noted,
    ) -> None:
        self._before = before
        self._after = after
        self._pairs = pairs
        self._hashes = Hashes(store)
        self._parts = Parts(before, after, variables, _renamed(pairs), self._hashes)
        self._note = note
        self._faults = {node for run in (before.run, after.run) for node in _faulty(run)}
        self._names_before = {pair.before: pair.name for pair in pairs if pair.before is not None}
        self._different: set[str] = set()

    async def compare(self) -> list[TaskDiff]:
        """Every one of the pairs, in their order."""
        tasks = [slimmed(await self._compared(pair)) for pair in self._pairs]
        self._different = {task.task for task in tasks if task.is_different}
        for index, task in enumerate(tasks):
            if task.is_different:
                tasks[index] = slimmed(await self._explained(task))
        return tasks

    async def _compared(self, pair: Pair) -> TaskDiff:
        before = None if pair.before is None else self._before.task(pair.before)
        after = None if pair.after is None else self._after.task(pair.after)
        if pair.before is None or pair.after is None:
            return await self._alone(pair, before, after)
        parts = await self._parts.of(pair.before, pair.after)
        old, new = self._before.last[pair.before], self._after.last[pair.after]
        outputs = await self._outputs(pair.name, old, new)
        have_both_ended = (pair.before in self._before.final) is (pair.after in self._after.final)
        has_ended_alike = have_both_ended and ended_alike(old, new)
        aspects = {part.aspect for part in parts}
        aspects |= {Aspect.OUTPUT} if outputs else set()
        aspects |= set() if has_ended_alike else {Aspect.STATUS}
        aspects |= set() if _says_the_same(old, new) else {Aspect.ERROR}
        aspects |= {Aspect.HAND} if old.is_edited is not new.is_edited else set()
        aspects |= {Aspect.NAME} if pair.by in (Likeness.KEY, Likeness.PLACE) else set()
        if outputs or not has_ended_alike or not failed_alike(old, new):
            state = TaskState.DIFFERENT
        else:
            state = TaskState.UNAFFECTED if aspects else TaskState.EQUAL
        return TaskDiff(
            task=pair.name,
            state=state,
            before=before,
            after=after,
            matched_by=pair.by,
            aspects=tuple(sorted(aspects, key=_ORDER.index)),
            parts=parts,
            outputs=outputs,
        )

    async def _outputs(self, task: str, old: ExecutionRecord, new: ExecutionRecord) -> tuple[OutputDiff, ...]:
        found = []
        for pair in output_pairs(old, new):
            if pair.before is not None and pair.before == pair.after:
                continue
            hashes = [None if id is None else await self._hash(task, id) for id in (pair.before, pair.after)]
            if pair.before is None or pair.after is None:
                side = Side.AFTER if pair.before is None else Side.BEFORE
            elif hashes[0] == hashes[1] or None in hashes:  # what is not there is damage, and no difference
                continue
            else:
                side = Side.BOTH
            found.append(slimmed(OutputDiff(output=pair.name, side=side, before_id=pair.before, after_id=pair.after)))
        return tuple(found)

    async def _hash(self, task: str, artifact_id: str) -> str | None:
        found = await self._hashes.find(artifact_id)
        if found is None:
            self._note(task, artifact_id, f"artifact {artifact_id} is missing", "binex doctor")
        return found

    async def _alone(self, pair: Pair, before: TaskSide | None, after: TaskSide | None) -> TaskDiff:
        """A task that only one of the runs has; that it was begun there is no difference where the other stopped."""
        there, path = (self._before, pair.before or "") if pair.after is None else (self._after, pair.after)
        other = self._after.run if pair.after is None else self._before.run
        which, key = (Side.BEFORE, "before_id") if pair.after is None else (Side.AFTER, "after_id")
        ids = there.last[path].output_artifacts
        outputs = [OutputDiff.model_validate({"output": id.rpartition("~")[2], "side": which, key: id}) for id in ids]
        if path in there.final or other.status.has_come_to_all:
            state = TaskState.REMOVED if pair.after is None else TaskState.ADDED
        else:
            state = TaskState.EQUAL
        parts = await self._parts.of_list(path)
        return TaskDiff(task=pair.name, state=state, before=before, after=after, parts=parts, outputs=tuple(outputs))

    async def _explained(self, task: TaskDiff) -> TaskDiff:
        """*task*, which is different, with the others that made it so, or why it is itself."""
        old = None if task.before is None else task.before.task
        new = None if task.after is None else task.after.task
        was_asked_the_same = self._was_asked_the_same(old, new)
        culprits = () if was_asked_the_same else await self._culprits(task, old, new)
        is_conditional = Aspect.STATUS in task.aspects or not task.parts
        variables = await self._parts.conditions(old, new) if is_conditional and not was_asked_the_same else set()
        kinds = self._own_causes(task, culprits, variables, was_asked_the_same=was_asked_the_same)
        if not kinds and not culprits:
            kinds = [await self._last_resort(task, was_asked_the_same=was_asked_the_same)]
        return task.model_copy(
            update={
                "follows_from": culprits,
                "variables": tuple(sorted(variables)) if CauseKind.VARIABLE in kinds else (),
                "causes": tuple(kinds),
            }
        )

    def _was_asked_the_same(self, old: str | None, new: str | None) -> bool:
        if old is None or new is None:
            return False
        keys = self._before.last[old].key, self._after.last[new].key
        return bool(keys[0]) and keys[0] == keys[1]

    async def _culprits(self, task: TaskDiff, old: str | None, new: str | None) -> tuple[str, ...]:
        """The different tasks that it needed, by their names here."""
        is_by_plan = Aspect.STATUS in task.aspects or old is None or new is None or not _is_keyed(task, self._after)
        found: dict[str, None] = {}
        if new is not None or old is not None:
            needed_before = [] if old is None else await self._before.needed(old, is_by_plan=is_by_plan)
            needed_after = [] if new is None else await self._after.needed(new, is_by_plan=is_by_plan)
            found |= {self._names_before.get(path, path): None for path in needed_before}
            found |= dict.fromkeys(needed_after)
        found.pop(task.task, None)
        return tuple(path for path in found if path in self._different)

    def _own_causes(
        self, task: TaskDiff, culprits: Sequence[str], variables: Iterable[str], *, was_asked_the_same: bool
    ) -> list[CauseKind]:
        sides = [side for side in (task.before, task.after) if side is not None]
        if any(side.is_edited for side in sides) and Aspect.OUTPUT in task.aspects and not culprits:
            return [CauseKind.EDITED]
        if _is_left_out(task):
            return [CauseKind.STOPPED]
        kinds = []
        if any(_is_effective(part, task) for part in task.parts) and not was_asked_the_same:
            kinds.append(CauseKind.CHANGED)
        is_by_items = any(node_of(culprit) == task.task for culprit in culprits)  # which have the variable as a cause
        if (variables and not is_by_items) or any(part.variables for part in task.parts):
            kinds.append(CauseKind.VARIABLE)
        if not kinds and task.node in self._faults and len(sides) == 2 and not culprits:
            kinds.append(CauseKind.FAULT)
        return kinds

    async def _last_resort(self, task: TaskDiff, *, was_asked_the_same: bool) -> CauseKind:
        """Why a task is different that nothing was found for."""
        if task.before is None or task.after is None:
            there = self._before if task.before is None else self._after
            bound = await there.bound()
            is_item = task.node != task.task.removesuffix(BEFORE)
            if bound is not None and task.node not in bound[1].nodes and not is_item:
                return CauseKind.ADDED if task.before is None else CauseKind.REMOVED
            return CauseKind.MISSING if there.run.status.has_come_to_all else CauseKind.STOPPED
        if task.before.status is None or task.after.status is None:
            return CauseKind.STOPPED
        if was_asked_the_same or not task.parts:
            return kind_of_chance(task)
        return CauseKind.UNKNOWN


def _renamed(pairs: Iterable[Pair]) -> dict[str, str]:
    """The nodes that have another name in the later run."""
    names = ((node_of(pair.before), node_of(pair.after)) for pair in pairs if pair.before and pair.after)
    return {old: new for old, new in names if old != new}


def _is_effective(part: PartDiff, task: TaskDiff) -> bool:
    """Whether a change of the task itself can have made it different; rules only decide how it ends."""
    if not part.is_own:
        return False
    is_alone = task.before is None or task.after is None
    return part.aspect is not Aspect.RULES or Aspect.STATUS in task.aspects or is_alone or len(task.parts) == 1


def _is_keyed(task: TaskDiff, after: RunSide) -> bool:
    """Whether it was given something; what only joins the outcomes of its items was not."""
    return task.after is not None and bool(after.last[task.after.task].key)


def _is_left_out(task: TaskDiff) -> bool:
    sides = [side.skip_reason for side in (task.before, task.after) if side is not None]
    return SkipReason.LEFT_OUT in sides and Aspect.STATUS in task.aspects


def _says_the_same(old: ExecutionRecord, new: ExecutionRecord) -> bool:
    said = [None if record.error is None else (record.error.kind, record.error.message) for record in (old, new)]
    return said[0] == said[1]


def _faulty(run: Run) -> Iterable[str]:
    changes = () if run.origin is None else run.origin.changes
    return (node_of(change.node) for change in changes if change.kind is ChangeKind.FAULT)
