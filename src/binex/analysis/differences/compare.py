"""How two runs differ: what was changed, what came of it, and where it began.

::

    records of both ── match_tasks ──> pairs ── hashes ──> states ── what it was given ──> causes ──> contents

Only the last step reads contents, and only of as many tasks as were asked for.
"""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from binex.analysis.differences.causes import find_causes
from binex.analysis.differences.contents import Contents
from binex.analysis.differences.matching import match_tasks
from binex.analysis.differences.model import Cause, RunDiff, TaskDiff
from binex.analysis.differences.run_level import budget_diff, variable_diffs, version_diffs
from binex.analysis.differences.side import RunSide
from binex.analysis.differences.snapshots import Snapshots
from binex.analysis.differences.tasks import Tasks
from binex.analysis.differences.text_diff import TextDiff, diff_text
from binex.analysis.tasks.values import Binds
from binex.models.run import Run
from binex.stores.run_store import RunStore

MOST_COMPARED: Final = 12
"""Of how many tasks besides the causes the contents are compared, unless more is asked for."""
_CAUSES: Final = 100
"""Of so many causes, at most, the contents are compared in any case."""


async def diff_runs(
    store: RunStore, before: Run, after: Run, bind: Binds, *, most: int | None = MOST_COMPARED, task: str | None = None
) -> RunDiff:
    """How *after* differs from *before*; *bind* reads the snapshots of workflows (``binex.loader.bind_source``).

    Tasks are compared by hashes. Contents are compared word by word where a cause shows first, for *most* of the other
    tasks, or for all with None, and for *task*, by its name in either run.

    Raises:
        StoreError: the store cannot be read.
    """
    snapshots = Snapshots(store, bind)
    old, new = await RunSide.of(store, before, snapshots), await RunSide.of(store, after, snapshots)
    variables = variable_diffs(before, after)
    contents = Contents(store, old, new)
    names = [found.name for found in variables]
    tasks = await Tasks(store, old, new, match_tasks(old, new), names, contents.note).compare()
    causes = find_causes(tasks)
    wanted = _wanted(tasks, causes, most, task)
    workflow = await _workflow(snapshots, before, after)
    shown = [await contents.of(one) if one.task in wanted else one for one in tasks]
    if task is not None:
        shown = [await contents.with_messages(one) if one.is_called(task) else one for one in shown]
    return RunDiff(
        before=before,
        after=after,
        is_equal=not any(one.is_different for one in tasks),
        is_same_workflow=before.workflow == after.workflow,
        causes=causes,
        tasks=tuple(shown),
        variables=variables,
        versions=version_diffs(before, after),
        budget=budget_diff(before, after),
        workflow=workflow,
        is_cut=any(one.has_contents and one.task not in wanted for one in tasks),
        damage=(*snapshots.damage.values(), *contents.damage.values()),
    )


def _wanted(tasks: Sequence[TaskDiff], causes: Iterable[Cause], most: int | None, task: str | None) -> set[str]:
    """The tasks whose contents are compared: what came out otherwise before the rest."""
    known = {cause.tasks[0] for cause in islice(causes, _CAUSES)}
    others = [one.task for one in sorted(tasks, key=lambda one: not one.is_different) if one.has_contents]
    named = [one.task for one in tasks if task is not None and one.is_called(task)]
    return {*known, *others[:most], *named}


async def _workflow(snapshots: Snapshots, before: Run, after: Run) -> TextDiff | None:
    """How the texts of the workflows differ."""
    if before.workflow_hash == after.workflow_hash:
        return None
    old, new = await snapshots.source(before), await snapshots.source(after)
    return None if old is None or new is None or old.text == new.text else diff_text(old.text, new.text)
