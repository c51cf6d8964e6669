"""The failed tasks of a run alone, each with its errors in full."""

from collections.abc import Iterator

from binex.analysis.failures import FailedTask, RunFailures
from binex.cli.render.blocks import block, sentence
from binex.cli.render.failure import attempt_lines, failure_lines
from binex.cli.render.look import Look, words_of
from binex.cli.render.results import names
from binex.cli.render.run_head import run_head
from binex.cli.render.text import escape


def failures_text(found: RunFailures, look: Look) -> str:
    """The verdict, then every task that failed."""
    verdict = "\n".join(look.paint(line, "strong") for line in sentence(escape(found.verdict), look, 0))
    parts = [f"{run_head(found.run, look)}\n\n{verdict}"]
    parts += ["\n".join(_task(task, look, found.run.id)) for task in found.tasks]
    if not found.tasks:
        parts.append("no task failed")
    parts += [f"{look.paint('damaged:', 'bad')} {escape(d.where)}: {escape(d.message)}" for d in found.damage]
    return "\n\n".join(parts)


def _task(task: FailedTask, look: Look, run_id: str) -> Iterator[str]:
    last = task.records[-1]
    name = look.paint(escape(last.task), "strong")
    yield f"{look.mark(last.status)} {name}  {words_of(last.status)}  {look.paint(escape(last.agent), 'faint')}"
    yield from failure_lines(task.failure, look, 2, run_id)
    yield from attempt_lines(task.records, look)
    if last.error is not None and last.error.body:
        yield f"    {escape(last.error.host or 'the other side')} said:"
        yield from block(last.error.body, look, 6, "faint")
    if task.blocked:
        yield f"  blocked {names(task.blocked, 20)}"
