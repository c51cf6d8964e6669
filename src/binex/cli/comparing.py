"""Which runs ``binex diff`` compares, and how much of them."""

from dataclasses import dataclass

from binex.analysis.differences.compare import diff_runs
from binex.analysis.differences.counterpart import Relation, find_counterpart
from binex.analysis.differences.matrix import RunMatrix, compare_all
from binex.analysis.differences.model import RunDiff
from binex.analysis.differences.snapshots import Bound
from binex.analysis.find import find_run, find_task
from binex.cli.render.text import escape
from binex.cli.streams import write_note
from binex.errors import InputError
from binex.models.run import Run
from binex.models.workflow_source import WorkflowSource
from binex.stores.run_store import RunStore


@dataclass(frozen=True, slots=True)
class Asked:
    """What somebody wants to see compared."""

    runs: tuple[str, ...]
    is_family: bool
    node: str | None
    most: int | None = 0
    """Of how many tasks besides the causes the contents are compared; of all with None."""

    @property
    def is_matrix(self) -> bool:
        """Whether more than two runs are compared."""
        return self.is_family or len(self.runs) > 2


async def compare(store: RunStore, asked: Asked) -> RunDiff | RunMatrix:
    """The comparison; with which run one alone is compared is noted on stderr.

    Raises:
        InputError: a run or a task is not there, or there is nothing to compare with.
    """
    if asked.is_family:
        return await compare_all(store, await _family(store, asked), _bind)
    runs = [await find_run(store, text) for text in asked.runs]
    if len(runs) > 2:
        return await compare_all(store, runs, _bind)
    if len(runs) == 1:
        before, relation = await find_counterpart(store, runs[0])
        whose = f" '{escape(before.workflow)}'" if relation is Relation.PREVIOUS else ""
        write_note(f"compared with {before.id}, {relation}{whose}")
        runs.insert(0, before)
    found = await diff_runs(store, runs[0], runs[1], _bind, most=asked.most, task=asked.node)
    if asked.node is not None and found.task(asked.node) is None:
        find_task(runs[1], asked.node, [task.task for task in found.tasks])
    return found


def _bind(source: WorkflowSource) -> Bound:
    """The workflow of a snapshot. Mostly hashes say enough, and what reads workflows takes long to import."""
    from binex.loader import bind_source

    return bind_source(source)


async def _family(store: RunStore, asked: Asked) -> list[Run]:
    from binex.analysis.family import family_of

    if len(asked.runs) != 1:
        raise InputError("--family is that of one run", fix="write binex diff --family RUN")
    run = await find_run(store, asked.runs[0])
    page = await family_of(store, run)
    runs = [member.run for family in page.families for member in family.runs]
    if len(runs) < 2:
        raise InputError(f"nothing was made from run {run.id}, nor was it made from another", fix="binex runs --tree")
    return runs
