"""What the demo says before and after it runs."""

from pathlib import Path

from binex.cli.render.look import Look
from binex.cli.render.results import ending
from binex.cli.render.steps import commands
from binex.cli.render.text import escape
from binex.models.run import RunStatus, RunSummary


def welcome(file: Path, look: Look) -> str:
    """What is about to happen."""
    arrow = look.glyph("→", "->")
    shape = f"list {arrow} read each {arrow} measure, count, summarize each {arrow} compare {arrow} report"
    return (
        f"{look.paint('Hello!', 'strong')} This runs a real workflow: eight documents, read and compared by local\n"
        f"Python functions, with no key and no network.\n\n  {shape}\n\n  {look.paint(_short(file), 'faint')}\n"
    )


def farewell(file: Path, summary: RunSummary, look: Look, directory: Path | None) -> str:
    """What has happened to the workflow in *file*, and what to type next."""
    said = ending(summary, look, directory)
    if summary.status is not RunStatus.COMPLETED:
        return said
    steps = [
        ("trace", "when each step ran, and for how long"),
        ("debug", "everything that was recorded"),
        ("artifacts list", "what each step made"),
        ("artifacts show compare", "one of them"),
        (f"run {_short(file)}", "the same workflow, by its file: copy it and change it"),
    ]
    return "\n".join(
        [said, "", "Every step, and what it made, is on record. Look at it:", *commands(steps, look, directory), ""]
    )


def _short(file: Path) -> str:
    """The file as somebody here would type it."""
    try:
        return escape(str(file.relative_to(Path.cwd())))
    except ValueError:
        return escape(str(file))
