"""The failed tasks of a run alone, each with its errors in full."""

from collections.abc import Iterator
from pathlib import Path

from binex.analysis.failures.failed_tasks import FailedTask, RunFailures
from binex.cli.render.blocks import block, sentence
from binex.cli.render.damage import damage_lines
from binex.cli.render.failure import attempt_lines, failure_lines
from binex.cli.render.look import Look
from binex.cli.render.results import names
from binex.cli.render.run_head import run_head
from binex.cli.render.task_title import task_title
from binex.cli.render.text import escape


def failures_text(found: RunFailures, look: Look, directory: Path | None) -> str:
    """The verdict, then every task that failed."""
    verdict = "\n".join(look.paint(line, "strong") for line in sentence(escape(found.verdict), look, 0))
    parts = [f"{run_head(found.run, look)}\n\n{verdict}"]
    parts += ["\n".join(_task(task, look, found.run.id, directory)) for task in found.tasks]
    if not found.tasks:
        parts.append("no task failed" if not found.damage else "no task that can be read failed")
    parts += damage_lines(found.damage, look)
    return "\n\n".join(parts)


def _task(task: FailedTask, look: Look, run_id: str, directory: Path | None) -> Iterator[str]:
    last = task.records[-1]
    yield task_title(last.task, last.status, last.agent, look)
    yield from failure_lines(task.failure, look, 2, run_id, directory)
    yield from attempt_lines(task.records, look)
    if last.error is not None and last.error.body:
        yield f"    {escape(last.error.host or 'the other side')} said:"
        yield from block(last.error.body, look, 6, "faint")
    if task.blocked:
        yield from sentence(f"blocked {names(task.blocked, 20)}", look, 2)
