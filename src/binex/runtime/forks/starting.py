"""Where a fork begins, and what cannot be had together."""

from collections.abc import Collection, Mapping, Sequence

from binex.errors import InputError, suggest
from binex.graph.dag import DAG
from binex.loader import Bound
from binex.models.names import node_of
from binex.models.task import TaskStatus
from binex.runtime.forks.parent import ParentRecords
from binex.runtime.forks.reach import Starts, compare_nodes, users_of
from binex.runtime.forks.request import Edit, ForkRequest, Told


def starts_of(request: ForkRequest, bound: Bound, before: Bound, records: ParentRecords, told: Told) -> Starts:
    """Where the fork begins.

    Raises:
        InputError: something that is named does not exist, or cannot be done together.
    """
    dag = bound.dag
    forced = dict.fromkeys(request.from_, "is executed again")
    for path in request.from_:
        records.require_task(path, dag, f"--from {path}")
    if request.only is not None:
        records.require_task(request.only, dag, f"--only {request.only}")
        forced = {request.only: "is executed again"}
    changed: dict[str, str] = {}
    if request.workflow is not None:
        added, _, defined = compare_nodes(before.spec, bound.spec)
        changed |= dict.fromkeys(added, "is new")
        for node_id, names in defined.items():
            if records.is_reached_by(node_id, names):
                changed[node_id] = f"another {', '.join(names)}"
        for node_id, node in bound.spec.nodes.items():
            if node_id not in changed and any(uri in told.code for uri in (node.agent, *node.tools)):
                changed[node_id] = "its code has changed"
    for change in request.fields:
        if records.is_reached_by(change.node, change.path[:1]):
            changed[change.node] = f"another {'.'.join(map(str, change.path))}"
    changed |= {node_id: f"another {name}" for node_id, name in users_of(dag, told.variables).items()}
    unsettled = records.unsettled(dag)
    _require_single(request.edits)
    for edit in request.edits:
        _require_output(edit, bound, records)
        _require_kept(edit, {**forced, **changed})
    _require_alone(request, changed)
    if request.only is not None:
        _require_upstream(request.only, dag, unsettled, records)
    return Starts(
        forced=forced,
        changed=changed,
        edited=[edit.task for edit in request.edits],
        unsettled=unsettled,
        only=request.only,
    )


def _require_single(edits: Sequence[Edit]) -> None:
    """Of two values for one output nobody could say which is meant."""
    seen: set[tuple[str, str]] = set()
    for edit in edits:
        if (edit.task, edit.output) in seen:
            raise InputError(f"--edit {edit.task}.{edit.output}: it is edited twice", fix="leave one of them out")
        seen.add((edit.task, edit.output))


def _require_output(edit: Edit, bound: Bound, records: ParentRecords) -> None:
    option = f"--edit {edit.task}.{edit.output}"
    records.require_task(edit.task, bound.dag, option)
    outputs = bound.dag.nodes[node_of(edit.task)].outputs
    if edit.output not in outputs:
        fix = suggest(edit.output, outputs, f"outputs of '{node_of(edit.task)}'")
        raise InputError(f"{option}: there is no such output", fix=fix)
    record = records.final.get(edit.task)
    if record is None or record.status is not TaskStatus.COMPLETED:
        state = "never ended" if record is None else f"is {record.status}"
        raise InputError(f"{option}: {edit.task} {state} in run {records.parent.id}, so there is nothing to edit")


def _require_kept(edit: Edit, executed: Collection[str]) -> None:
    """What is executed again makes its output anew, so that nothing can take its place."""
    if edit.task in executed:
        raise InputError(
            f"--edit {edit.task}.{edit.output}: {edit.task} is executed again, and makes another one",
            fix="edit what it made, or let it be executed again",
        )


def _require_upstream(only: str, dag: DAG, unsettled: Collection[str], records: ParentRecords) -> None:
    """What is executed alone must have what it needs."""
    for upstream in dag.nodes[node_of(only)].depends_on:
        if upstream in unsettled:
            raise InputError(
                f"--only {only}: it needs '{upstream}', which never ended in run {records.parent.id}",
                fix=f"run that as well: --from {upstream}",
            )


def _require_alone(request: ForkRequest, changed: Mapping[str, str]) -> None:
    """With ``--only`` nothing else may be named or changed, since it would not be executed."""
    if request.only is None:
        return
    named = [path for path in request.from_ if path != request.only]
    if named:
        raise InputError(
            f"--only {request.only} executes nothing else, and --from {named[0]} is to be executed as well",
            fix="leave one of them out",
        )
    others = sorted(set(changed) - {node_of(request.only)})
    if others:
        raise InputError(
            f"--only {request.only} executes nothing else, and '{others[0]}' is changed as well",
            fix="leave --only out, or change that node alone",
        )
