"""Records of a run that must have been there."""

from collections.abc import Sequence

from binex.analysis.artifacts import Damage
from binex.models.run import Run
from binex.models.task import ExecutionRecord


def find_lost_records(run: Run, records: Sequence[ExecutionRecord]) -> tuple[Damage, ...]:
    """What is missing of *records*, by what the run itself says of how many tasks have settled."""
    settled = len({record.task for record in records if record.is_final})
    counted = sum(run.counts.values())
    if not run.status.has_come_to_all or settled >= counted:
        return ()
    message = f"{counted - settled:,} of {counted:,} cannot be read"
    return (Damage(where="records", message=message, fix="binex doctor"),)
