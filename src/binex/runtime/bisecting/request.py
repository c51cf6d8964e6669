"""What somebody wants to know of a bisection, and how a run is judged for it."""

from dataclasses import dataclass
from typing import Final

from binex.analysis.bisection.judge import EqualityJudge, ExpectationJudge, Judge, read_targets
from binex.analysis.bisection.report import LEAST_SAMPLES
from binex.analysis.repetition.expectation import Expectation
from binex.errors import InputError, RunError, suggest
from binex.models.run import Run
from binex.runtime.bisecting.judging import FunctionJudge
from binex.runtime.bisecting.sides import Base
from binex.runtime.session import Session

PARALLEL: Final = 4
"""How many samples of a mixture are executed at a time."""


@dataclass(frozen=True, slots=True)
class BisectRequest:
    """What is asked."""

    node: str | None = None
    """The node whose outputs are judged; by default those that the condition speaks of, or the last ones."""
    expect: str | None = None
    """A condition in the grammar of ``when``."""
    by: str | None = None
    """A function that judges, as ``module.function``."""
    times: int | None = None
    """How often each mixture is executed; by default once where no model or service is asked, and else five times."""
    max_cost: float | None = None
    """What all of it may cost, in US dollars."""
    is_anyway: bool = False
    """Whether to search also where the runs, executed again, do not differ for sure."""

    def require_sense(self) -> None:
        """Raise InputError where what is asked means nothing."""
        if self.expect is not None and self.by is not None:
            raise InputError("--expect and --by both judge", fix="leave one of them out")
        if self.times is not None and 1 < self.times < LEAST_SAMPLES:
            raise InputError(
                f"{self.times} samples can never tell two runs apart",
                fix=f"take --times 1 where nothing is left to chance, and else at least {LEAST_SAMPLES}",
            )


async def find_judge(session: Session, request: BisectRequest, good: Base) -> tuple[Judge, tuple[str, ...]]:
    """Who judges, and the nodes that are judged.

    Raises:
        InputError: what is named does not exist, or the condition cannot be read.
    """
    spec, dag = good.side.spec, good.side.dag
    if request.node is not None and request.node not in spec.nodes:
        fix = suggest(request.node[:80], spec.nodes, "nodes")
        raise InputError(f"--node {request.node:.80}: there is no such node in run {good.id}", fix=fix)
    last = tuple(node_id for node_id, dependents in dag.dependents.items() if not dependents)
    nodes = last if request.node is None else (request.node,)
    if request.expect is not None:
        expectation = Expectation(request.expect, nodes[0], spec, dag)  # nothing depends on one of the last nodes
        nodes = nodes if request.node is not None else expectation.nodes or nodes
        return ExpectationJudge(nodes, expectation), nodes
    if request.by is not None:
        if good.side.run.is_imported and not session.settings.is_trusting:
            raise RunError(
                f"run {good.id} was imported, and so was the folder where --by would look", fix="say --trust"
            )
        return await FunctionJudge.find(request.by, good.source.folder, nodes), nodes
    return EqualityJudge(nodes, await read_targets(session.store, good.side.run, nodes)), nodes


async def require_outcomes(session: Session, judge: Judge, good: Run, bad: Run) -> None:
    """Raise InputError unless the good run passes and the bad one does not."""
    of_good, of_bad = await judge.judge(session.store, good), await judge.judge(session.store, bad)
    if of_good.is_passed and not of_bad.is_passed:
        return
    if not of_good.is_passed and of_bad.is_passed:
        wrong, fix = f"the good run does not pass, and the bad one {bad.id} does", "name them the other way round"
    elif not of_good.is_passed:
        wrong, fix = "the good run does not pass", "name a run that does, or judge by something else: --expect, --by"
    else:
        wrong, fix = "the bad run passes as well", "judge by what is worse in it: --expect, --by or --node"
    raise InputError(f"{wrong} ({judge.text}): in run {good.id} {of_good.said}; in run {bad.id} {of_bad.said}", fix=fix)
