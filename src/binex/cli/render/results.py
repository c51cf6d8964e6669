"""What a run made, and how it went, in the end."""

from collections.abc import Sequence
from pathlib import Path

from binex.analysis.debug import next_steps
from binex.cli.render.errors import brief
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.question import waiting_lines
from binex.cli.render.run_list import counts
from binex.cli.render.spending import spending
from binex.cli.render.steps import commands
from binex.cli.render.text import clip, content_text, escape
from binex.cli.render.units import count, duration
from binex.models.run import RunStatus, RunSummary, TaskFailure

_FAILURES_SHOWN = 10
_BLOCKED_SHOWN = 6


def results(summary: RunSummary, look: Look) -> str:
    """What the last nodes made: the content alone where there is one, else each under its name."""
    named = [
        (node_id if output == "output" else f"{node_id}.{output}", content)
        for node_id, outputs in summary.outputs.items()
        for output, content in outputs.items()
    ]
    if len(named) == 1:
        return content_text(named[0][1])
    return "\n\n".join(f"{_heading(name, look)}\n{content_text(content)}".rstrip("\n") for name, content in named)


def ending(summary: RunSummary, look: Look, directory: Path | None) -> str:
    """How the run went: what failed and why, what that blocked, what to type next, and a line that sums it up."""
    lines = failures(summary.failures, look)
    run = summary.run
    if run.error and run.status is not RunStatus.COMPLETED:
        lines.append(f"{look.mark(run.status)} {escape(run.error)}")
    lines.append(closing_line(summary, look))
    lines += waiting_lines(summary, look, directory)
    if run.status is not RunStatus.COMPLETED:
        steps = [(f"debug {run.id}", "shows everything about it")]
        # How to answer stands with each question already.
        steps += [(s.command, s.purpose) for s in next_steps(run) if not s.command.startswith("answer ")]
        lines += commands(steps, look, directory)
    return "\n".join(lines)


def closing_line(summary: RunSummary, look: Look) -> str:
    """``run 1k3x2yz completed in 1.2 s: 12 completed``."""
    run = summary.run
    status = look.paint(words_of(run.status), style_of(run.status))
    name = look.paint(run.id, "strong")
    if summary.was_done:
        return f"nothing to do: run {name} {status}, and every node of it has settled"
    reused = f" ({summary.reused:,} of them before)" if summary.reused else ""
    recalled = f"; {count(summary.recalled, 'task')} reused from earlier runs" if summary.recalled else ""
    spent = f"; {spending(run.spend)}" if run.spend.model_calls else ""
    return f"run {name} {status} in {duration(run.duration_ms)}: {counts(run.counts)}{reused}{recalled}{spent}"


def failures(failed: Sequence[TaskFailure], look: Look) -> list[str]:
    """Which tasks failed, why, and what they blocked."""
    lines: list[str] = []
    for failure in failed[:_FAILURES_SHOWN]:
        tries = f" after {count(failure.attempts, 'attempt')}" if failure.attempts > 1 else ""
        name = look.paint(escape(failure.task), "strong")
        lines.append(f"{look.mark(failure.status)} {name} {words_of(failure.status)}{tries}")
        room = look.width - 4 if look.is_terminal else 400
        lines.append("    " + clip(brief(failure.error), room, ellipsis=look.glyph("…", "~")))
        if failure.error.fix:
            lines.append(f"    {look.paint('fix:', 'strong')} {escape(failure.error.fix)}")
        if failure.blocked:
            lines.append("    " + look.paint(f"blocked: {names(failure.blocked)}", "faint"))
    if len(failed) > _FAILURES_SHOWN:
        lines.append(f"  and {len(failed) - _FAILURES_SHOWN:,} more failed")
    return lines


def names(paths: Sequence[str], shown: int = _BLOCKED_SHOWN) -> str:
    """Some paths, and how many more there are."""
    more = f" and {len(paths) - shown:,} more" if len(paths) > shown else ""
    return ", ".join(escape(path) for path in paths[:shown]) + more


def _heading(name: str, look: Look) -> str:
    rule = look.glyph("──", "--")
    return look.paint(f"{rule} {escape(name)} {rule}", "strong")
