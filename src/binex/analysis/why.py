"""Why a task ran, or did not: what its key is made of, beside that of the nearest earlier task."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from binex.analysis.find import find_task
from binex.analysis.tasks.values import Binds, TaskValues, read_values
from binex.errors import BinexError
from binex.models.names import node_of
from binex.models.run import Run
from binex.models.task import ErrorKind, ExecutionRecord, SkipReason
from binex.models.why import ConditionValues, Items, Likeness, Nearest, Part, PartState, Verdict, Why
from binex.stores.run_store import RunStore

_GROUPS: Final = ("agent", "adapter", "code", "prompt", "messages", "config", "tools", "mcp_servers", "fallbacks",
                  "inputs", "outputs", "output_schema", "repair", "key")  # fmt: skip
"""The parts of a key in the order in which they are shown."""
_SKIPPED: Final = {
    SkipReason.WHEN: Verdict.SKIPPED,
    SkipReason.BLOCKED: Verdict.BLOCKED,
    SkipReason.LEFT_OUT: Verdict.LEFT_OUT,
    SkipReason.BY_HAND: Verdict.BY_HAND,
}
_NOT_STARTED: Final = {ErrorKind.OFFLINE: Verdict.UNKNOWN, ErrorKind.BAD_INPUT: Verdict.UNUSABLE}
_SHOWN: Final = 160
"""How much of a value is shown, from a little before the first difference."""
_BEFORE_DIFFERENCE: Final = 30


async def why(store: RunStore, run: Run, task: str, bind: Binds) -> Why:
    """Why the task of *run* that is called *task* ran or did not; *bind* reads the snapshots of workflows.

    Raises:
        InputError: the run has no such task; the nearest one is suggested.
    """
    records = _last(await store.list_records(run.id))
    path = await _find(store, run, task, records, bind)
    record = records.get(path)
    items = [found for found in records.values() if node_of(found.task) == path != found.task]
    if items:
        return await _why_of_items(store, run, path, record, items)
    if record is None:
        return Why(run=run, task=path, node_id=node_of(path), verdict=Verdict.UNSETTLED)
    earlier, nearest = await _nearest(store, record)
    condition, parts = None, _compare(record, earlier)
    is_skipped = record.skip_reason is SkipReason.WHEN
    if is_skipped or any(part.state is not PartState.SAME for part in parts):
        here = await read_values(store, run, path, records, bind)
        condition = _condition(here) if is_skipped else None
        there = None if earlier is None else await _values_of(store, earlier, bind)
        parts = [_with_values(part, there, here) for part in parts]
    return Why(**_about(run, record), condition=condition, nearest=nearest, parts=tuple(parts))


async def _find(store: RunStore, run: Run, task: str, records: Mapping[str, ExecutionRecord], bind: Binds) -> str:
    """The path that *task* means: of what was recorded, or else of a node that is still to come."""
    if task in records:
        return task
    nodes: Iterable[str] = ()
    try:
        spec, _ = bind(await store.get_source(run.workflow_hash))
        nodes = spec.nodes
    except BinexError:
        pass  # the snapshot is damaged; what was recorded still has names
    return find_task(run, task, {**dict.fromkeys(nodes), **dict.fromkeys(records)})


async def _why_of_items(
    store: RunStore, run: Run, path: str, record: ExecutionRecord | None, items: Sequence[ExecutionRecord]
) -> Why:
    verdicts, sources, differing = Counter(map(_verdict, items)), Counter[str](), Counter[str]()
    new = 0
    for item in items:
        if item.reused_from is not None:
            sources[item.reused_from] += 1
        elif item.key:
            earlier = await store.find_alike(run.id, task=item.task)
            new += earlier is None
            parts = () if earlier is None else _compare(item, earlier)
            differing.update(part.name for part in parts if part.state is not PartState.SAME)
    summed = Items(verdicts=dict(verdicts), reused_from=dict(sources), differing=dict(differing), new=new)
    if record is None:
        return Why(run=run, task=path, node_id=path, agent=items[0].agent, verdict=Verdict.UNSETTLED, items=summed)
    return Why(**{**_about(run, record), "verdict": Verdict.JOINED}, items=summed)


def _last(records: Iterable[ExecutionRecord]) -> dict[str, ExecutionRecord]:
    """The last record of each task."""
    last: dict[str, ExecutionRecord] = {}
    for record in records:
        if record.task not in last or record.attempt >= last[record.task].attempt:
            last[record.task] = record
    return last


def _about(run: Run, record: ExecutionRecord) -> dict[str, object]:
    return {
        "run": run,
        "task": record.task,
        "node_id": record.node_id,
        "agent": record.agent,
        "verdict": _verdict(record),
        "status": record.status if record.is_final else None,
        "error": None if record.error is None else record.error.message,
        "is_edited": record.is_edited,
        "reused_from": record.reused_from,
        "blocked_by": record.blocked_by,
    }


def _verdict(record: ExecutionRecord) -> Verdict:
    if record.reused_from is not None:
        return Verdict.REUSED
    if record.skip_reason is not None:
        return _SKIPPED[record.skip_reason]
    if record.error is not None and record.error.kind in _NOT_STARTED:
        return _NOT_STARTED[record.error.kind]
    if not record.is_final:
        return Verdict.UNSETTLED
    return Verdict.EXECUTED if record.started_at is not None or record.key else Verdict.JOINED


async def _nearest(store: RunStore, record: ExecutionRecord) -> tuple[ExecutionRecord | None, Nearest | None]:
    """The earlier task to compare with: with the same key, else the same task before, else of the same agent."""
    if not record.key:
        return None, None
    found: ExecutionRecord | None = None
    like = Likeness.KEY
    if record.reused_from is not None:
        made_by = [one for one in await store.list_records(record.reused_from) if one.key == record.key]
        found = next((one for one in made_by if one.output_artifacts == record.output_artifacts), None)
    else:
        same = await store.find_by_key(record.key, run_id=record.run_id, task=record.task, is_older=True, limit=1)
        found = same[0] if same else None
    if found is None:
        found, like = await store.find_alike(record.run_id, task=record.task), Likeness.TASK
    if found is None:
        found, like = await store.find_alike(record.run_id, agent=record.agent), Likeness.AGENT
    if found is None:
        return None, None
    return found, Nearest(run_id=found.run_id, task=found.task, like=like, ended_at=found.ended_at)


def _compare(record: ExecutionRecord, earlier: ExecutionRecord | None) -> list[Part]:
    here, there = record.key_parts, {} if earlier is None else earlier.key_parts
    parts = []
    for name in sorted({**here, **there}, key=_order):
        if name not in there:
            state = PartState.ONLY_HERE
        elif name not in here:
            state = PartState.ONLY_THERE
        else:
            state = PartState.SAME if here[name] == there[name] else PartState.DIFFERENT
        parts.append(Part(name=name, group=name.partition(".")[0], state=state))
    return parts


def _order(name: str) -> tuple[int, str]:
    group = name.partition(".")[0]
    return (_GROUPS.index(group) if group in _GROUPS else len(_GROUPS), name)


async def _values_of(store: RunStore, record: ExecutionRecord, bind: Binds) -> TaskValues | None:
    run = await store.get_run(record.run_id)
    if run is None:
        return None
    return await read_values(store, run, record.task, _last(await store.list_records(run.id)), bind)


def _condition(values: TaskValues | None) -> ConditionValues | None:
    found = None if values is None else values.condition
    return None if found is None else ConditionValues(text=found[0], values=found[1])


def _with_values(part: Part, there: TaskValues | None, here: TaskValues | None) -> Part:
    if part.state is PartState.SAME:
        return part
    before = there.part(part.name) if there is not None and part.state is not PartState.ONLY_HERE else None
    after = here.part(part.name) if here is not None and part.state is not PartState.ONLY_THERE else None
    if before is not None and before == after:
        return part  # it is not in what was kept: a secret, or something that was changed since
    before, after = _shortened(before, after)
    return part.model_copy(update={"before": before, "after": after})


def _shortened(before: str | None, after: str | None) -> tuple[str | None, str | None]:
    """The two texts in short, from a little before their first difference."""
    start = 0
    if before is not None and after is not None and max(len(before), len(after)) > _SHOWN:
        same = next((i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), None)
        start = max(0, (min(len(before), len(after)) if same is None else same) - _BEFORE_DIFFERENCE)
    return _cut(before, start), _cut(after, start)


def _cut(text: str | None, start: int) -> str | None:
    if text is None:
        return None
    return f"{'…' if start else ''}{text[start : start + _SHOWN]}{'…' if len(text) > start + _SHOWN else ''}"
