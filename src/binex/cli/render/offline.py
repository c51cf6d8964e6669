"""What a run that asked nobody could not know."""

from pathlib import Path

from binex.cli.render.look import Look
from binex.cli.render.results import ending
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.names import node_of
from binex.models.run import RunSummary, TaskFailure
from binex.models.task import ErrorKind


def unknown_tasks(summary: RunSummary) -> dict[str, list[TaskFailure]]:
    """The tasks that would have had to ask somebody, by their nodes."""
    by_node: dict[str, list[TaskFailure]] = {}
    for failure in summary.failures:
        if failure.error.kind is ErrorKind.OFFLINE:
            by_node.setdefault(node_of(failure.task), []).append(failure)
    return by_node


def offline_ending(summary: RunSummary, look: Look, directory: Path | None) -> str:
    """How the run went, with all that would have had to be asked named together."""
    unknown = unknown_tasks(summary)
    if not unknown:
        return ending(summary, look, directory)
    lines = [f"{look.mark('failed')} offline: {count(len(unknown), 'node')} would have to ask, since nothing is known"]
    for node, failures in unknown.items():
        items = "" if failures[0].task == node else f" ({count(len(failures), 'item')})"
        lines.append(f"    {look.paint(escape(node), 'strong')}{items}: {escape(failures[0].error.message)}")
        blocked = sum(len(failure.blocked) for failure in failures)
        if blocked:
            lines.append("    " + look.paint(f"blocked: {count(blocked, 'task')}", "faint"))
    fix = next(iter(unknown.values()))[0].error.fix
    if fix:
        lines.append(f"    {look.paint('fix:', 'strong')} {escape(fix)}")
    others = tuple(
        failure
        for failure in summary.failures
        if node_of(failure.task) not in unknown or failure.error.kind not in (ErrorKind.OFFLINE, ErrorKind.ITEMS)
    )
    return "\n".join([*lines, ending(summary.model_copy(update={"failures": others}), look, directory)])
