"""Whether a task came out as another one did: the one comparison behind replays, diffs and matrices."""

from collections.abc import Iterator
from typing import NamedTuple

from binex.analysis.hashes import Hashes
from binex.models.names import read_artifact_id
from binex.models.task import ExecutionRecord


class OutputPair(NamedTuple):
    """One output of both sides, by the ids of the artifacts; None where a side has no such output."""

    name: str
    before: str | None
    after: str | None


def ended_alike(before: ExecutionRecord, after: ExecutionRecord) -> bool:
    """Whether both ended in the same way, and were skipped for the same reason."""
    return (before.status, before.skip_reason) == (after.status, after.skip_reason)


def failed_alike(before: ExecutionRecord, after: ExecutionRecord) -> bool:
    """Whether both failed in the same way, or neither did; what exactly was said does not count."""
    kinds = [None if record.error is None else record.error.kind for record in (before, after)]
    return kinds[0] is kinds[1]


def output_pairs(before: ExecutionRecord, after: ExecutionRecord) -> Iterator[OutputPair]:
    """The outputs of both, those of the same name together."""
    old, new = _by_name(before), _by_name(after)
    for name in {**old, **new}:
        yield OutputPair(name, old.get(name), new.get(name))


async def is_same_output(pair: OutputPair, hashes: Hashes) -> bool:
    """Whether both sides made the same; what was taken over is the same artifact."""
    if pair.before is None or pair.after is None:
        return False
    return pair.before == pair.after or await hashes.of(pair.before) == await hashes.of(pair.after)


def other_parts(before: ExecutionRecord, after: ExecutionRecord) -> list[str]:
    """The parts of the keys that differ, where both have one."""
    if not before.key_parts or not after.key_parts or before.key == after.key:
        return []
    names = {**before.key_parts, **after.key_parts}
    return [name for name in names if before.key_parts.get(name) != after.key_parts.get(name)]


def _by_name(record: ExecutionRecord) -> dict[str, str]:
    return {read_artifact_id(id).output: id for id in record.output_artifacts}
