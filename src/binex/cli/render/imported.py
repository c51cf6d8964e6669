"""What became of a bundle."""

from enum import StrEnum

from binex.cli.render.look import Look
from binex.cli.render.run_head import run_head
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.base import Model
from binex.models.run import Run


class CodeState(StrEnum):
    """How the code of a function is, beside what it was when the run was made."""

    SAME = "same"
    CHANGED = "changed"
    MISSING = "missing"
    ELSEWHERE = "elsewhere"
    """It is not in the workflow's folder, and was not: it belongs to the environment, and nothing is known of it."""


class NeededFunction(Model):
    """A function of this machine that the workflow calls."""

    uri: str
    code: CodeState


class ImportReport(Model):
    """What `binex import --json` prints."""

    run: Run
    """The run that was exported, as it is in the store now."""
    imported: tuple[str, ...]
    """The ids of the runs that are new; none where there was nothing to do."""
    present: tuple[str, ...]
    """The ids of the runs that were there already."""
    folder: str
    """Where its local functions are looked for."""
    recorded_folder: str
    """Where they were when the run was made."""
    functions: tuple[NeededFunction, ...]
    """The functions of this machine that it needs."""


_WORDS = {
    CodeState.SAME: ("the same code as then", "good"),
    CodeState.CHANGED: ("other code than then", "warn"),
    CodeState.MISSING: ("not there", "bad"),
    CodeState.ELSEWHERE: ("not from its folder", "faint"),
}


def import_report(report: ImportReport, look: Look) -> str:
    """What came in, and what a replay of it would call here."""
    run = report.run
    others = len(report.imported) - (run.id in report.imported)
    family = f", with {count(others, 'run')} that it was made from" if others else ""
    done = f"imported run {run.id}{family}" if report.imported else f"nothing to do: run {run.id} is there already"
    parts = [done, run_head(run, look)]
    if report.functions:
        place = f"it calls functions of this machine, from {escape(report.folder)}"
        if report.folder != report.recorded_folder:
            place += f" (then {escape(report.recorded_folder)}; --folder names another)"
        lines = [f"  {escape(needed.uri)}  {look.paint(*_WORDS[needed.code])}" for needed in report.functions]
        parts.append("\n".join([place, *lines]))
    return "\n\n".join(parts)
