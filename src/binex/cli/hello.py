"""``binex hello``: the demo that comes with Binex."""

from pathlib import Path

import click

from binex.cli.options import ExecutionOptions, execution_options


@click.command("hello")
@execution_options
def command(options: ExecutionOptions) -> int:
    """Run a demo: eight documents are read, measured, compared, and reported on.

    Needs no key and no network. The run is kept in this folder's .binex, like any other.
    """
    import sys
    from functools import partial

    from binex.cli.executing import Execution
    from binex.cli.render.hello import farewell, welcome
    from binex.cli.render.look import Look
    from binex.cli.streams import write_note
    from binex.models.run import RunSummary
    from binex.runtime.session import Session

    file = find_demo()
    if not options.is_quiet:
        write_note(welcome(file, Look.of(sys.stderr)))

    async def work(session: Session) -> RunSummary:
        return await session.run(file)

    return Execution.of(options, end=partial(farewell, file)).execute(work)


def find_demo() -> Path:
    """The workflow of the demo: in the installed package, or in a source checkout.

    Raises:
        InputError: it is in neither place.
    """
    from binex.errors import InputError

    package = Path(__file__).resolve().parent.parent
    for folder in (package / "demo" / "digest", package.parent.parent / "examples" / "digest"):
        if (folder / "digest.yaml").is_file():
            return folder / "digest.yaml"
    raise InputError("the demo is not installed", fix="install Binex again: pip install --force-reinstall binex")
