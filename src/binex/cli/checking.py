"""What ``binex validate`` finds out about files, as models that it can print."""

from collections.abc import Sequence
from pathlib import Path

from binex.errors import WorkflowError
from binex.loader import find_literal_keys, load_workflow
from binex.models.base import Model
from binex.models.complaint import Complaint, complaints_of, faults_of
from binex.models.limits import Limits


class CheckedFile(Model):
    """One workflow file."""

    file: str
    is_usable: bool
    name: str | None = None
    """The workflow's name."""
    node_count: int = 0
    faults: tuple[Complaint, ...] = ()
    """Everything that is wrong with it, in file order."""
    warnings: tuple[Complaint, ...] = ()
    """What works and should not stand there, such as a key."""


class CheckedFiles(Model):
    """What `binex validate --json` prints."""

    files: tuple[CheckedFile, ...]


def check(file: Path, limits: Limits, allow_paths: Sequence[Path]) -> CheckedFile:
    """What is wrong with a workflow file; nothing is run."""
    try:
        spec = load_workflow(file, limits=limits, allow_paths=allow_paths)
    except WorkflowError as error:
        return CheckedFile(file=str(file), is_usable=False, faults=faults_of(error))
    warnings = complaints_of(find_literal_keys(spec.source)) if spec.source else ()
    return CheckedFile(file=str(file), is_usable=True, name=spec.name, node_count=len(spec.nodes), warnings=warnings)
