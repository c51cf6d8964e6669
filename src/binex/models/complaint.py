"""What is said about a file: a fault or a warning, where it is, and a way out."""

from collections.abc import Iterable

from binex.errors import Fault, WorkflowError
from binex.models.base import Model


class Complaint(Model):
    """Something about a text; without a place where a place means nothing."""

    message: str
    line: int | None = None
    column: int | None = None
    fix: str | None = None


def complaints_of(found: Iterable[Fault]) -> tuple[Complaint, ...]:
    """What the loader found, in its order."""
    return tuple(
        Complaint(message=fault.message, line=fault.line, column=fault.column, fix=fault.fix) for fault in found
    )


def faults_of(error: WorkflowError) -> tuple[Complaint, ...]:
    """Everything that makes a workflow unusable; never nothing."""
    return complaints_of(error.faults) or (Complaint(message=error.message),)
