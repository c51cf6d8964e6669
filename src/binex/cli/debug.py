"""``binex debug``: everything about a run."""

from pathlib import Path

import click

from binex.cli.options import directory_option, json_option, run_argument

TYPE_CHECKING = False  # as in typing, which takes long to import
if TYPE_CHECKING:
    from binex.analysis.debug import RunDebug
    from binex.analysis.failures.failed_tasks import RunFailures
    from binex.cli.render.look import Look


@click.command("debug")
@run_argument
@click.option("--errors", "is_errors", is_flag=True, help="Show only the tasks that failed, with all of their errors.")
@click.option("--node", metavar="TASK", help="Show why one task failed, and all about it: NODE, or NODE[3].")
@json_option
@directory_option
def command(*, run: str, is_errors: bool, node: str | None, as_json: bool, directory: Path | None) -> int:
    """Show everything about RUN (default: latest): what failed, why, what it blocked, and what to type next."""
    if is_errors and node is not None:
        raise click.UsageError("--errors and --node exclude each other: each shows something else.")
    if node is not None:
        from binex.cli.one_task import show_task

        return show_task(run, node, directory, as_json=as_json, failure_first=True)
    from binex.cli.showing import show

    if is_errors:
        from binex.analysis.failures.failed_tasks import failures
        from binex.cli.render.failures import failures_text

        def draw_failures(found: "RunFailures", look: "Look") -> str:
            return failures_text(found, look, directory)

        return show(run, directory, failures, draw_failures, as_json=as_json)
    from binex.analysis.debug import debug
    from binex.cli.render.run_debug import run_debug

    def draw(found: "RunDebug", look: "Look") -> str:
        return run_debug(found, look, directory)

    return show(run, directory, debug, draw, as_json=as_json)
