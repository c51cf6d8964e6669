"""The exit code of a command that executes a run, or follows one, by how that ended."""

from typing import Final

from binex.models.run import RunStatus

EXIT_CODES: Final = {
    RunStatus.COMPLETED: 0,
    RunStatus.FAILED: 1,
    RunStatus.CANCELLED: 1,
    RunStatus.OVER_BUDGET: 1,
    RunStatus.INTERRUPTED: 130,
    RunStatus.WAITING: 75,
}
