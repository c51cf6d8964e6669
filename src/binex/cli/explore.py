"""``binex explore``: the store on a screen."""

from pathlib import Path

import click

from binex.cli.options import directory_option


@click.command("explore")
@click.argument("run", required=False)
@directory_option
def command(*, run: str | None, directory: Path | None) -> int:
    """Look through runs, tasks, artifacts and calls on a screen, beginning with RUN or with the list of runs.

    Search, compare two runs, and replay from the highlighted task. The key ? shows all keys.
    """
    import os
    import sys

    from binex.errors import InputError

    if not (sys.stdin.isatty() and sys.stdout.isatty()) or os.environ.get("TERM") == "dumb":
        raise InputError("explore needs a terminal", fix="'binex runs' lists runs")
    try:
        import textual  # noqa: F401
    except ImportError as error:
        raise InputError("textual is not installed", fix="pip install 'binex[tui]'") from error
    from binex.cli.explore_screen.starting import explore

    return explore(run, directory)
