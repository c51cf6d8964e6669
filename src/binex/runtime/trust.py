"""What a run that came from elsewhere may execute on this machine: nothing, until somebody has said so."""

from typing import Final

from binex.analysis.trust import programs_of
from binex.errors import RunError, UntrustedError
from binex.models.run import Run
from binex.models.workflow import WorkflowSpec

_SHOWN: Final = 5


def require_executable(run: Run) -> None:
    """Refuse to execute the trace of another program.

    Raises:
        RunError: *run* is one.
    """
    if run.is_trace:
        raise RunError(
            f"run {run.id} is the trace of another program: it can be looked at, and not executed",
            fix=f"see what happened in it: binex trace {run.id}",
        )


def require_trust(run: Run, spec: WorkflowSpec, *, is_trusting: bool) -> None:
    """Refuse to execute what an imported run brings along: functions and programs that it, or a bundle, has named.

    Raises:
        UntrustedError: it would execute something; the message names it.
    """
    if not run.is_imported or is_trusting:
        return
    programs = sorted({program.name for program in programs_of(spec)})
    if programs:
        more = f" and {len(programs) - _SHOWN} more" if len(programs) > _SHOWN else ""
        raise UntrustedError(
            f"run {run.id} was imported, and would execute {', '.join(programs[:_SHOWN])}{more} on this machine",
            fix="look at what that is, and then say that you trust it: --trust",
        )
