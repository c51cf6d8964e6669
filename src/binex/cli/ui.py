"""``binex ui``: the page on a store."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option

if TYPE_CHECKING:
    from binex.server.serving import ServerOptions


@click.command("ui")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Where it listens. Default: a free port.")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="ADDRESS", help="The address it listens on.")
@click.option("--read-only", "is_read_only", is_flag=True, help="Only show: nothing is executed, answered or written.")
@click.option("--no-open", "is_not_opened", is_flag=True, help="Print the address, and open no browser.")
@click.option(
    "--token",
    envvar="BINEX_UI_TOKEN",
    metavar="TEXT",
    help="What opens the page. Default: a new one.",
)
@click.option("--expose", "is_exposed", is_flag=True, help="Let other machines reach it; needs --host and --token.")
@directory_option
def command(  # noqa: PLR0913 - what can be typed
    *,
    port: int,
    host: str,
    is_read_only: bool,
    is_not_opened: bool,
    token: str | None,
    is_exposed: bool,
    directory: Path | None,
) -> int:
    """Open the page: runs, their graphs and what was said in them, forks, comparisons, questions, workflows.

    It is served from this machine, to this machine, until Ctrl-C; runs that it executes are interrupted then, and
    'binex resume' goes on with them.
    """
    from binex.cli.asking import whoever_types
    from binex.cli.reading import store_folder
    from binex.cli.render.text import escape
    from binex.cli.streams import write_note
    from binex.server.extra import needing_extra

    with needing_extra():
        from binex.server.serving import ServerOptions

    options = ServerOptions(
        directory=store_folder(directory),
        host=host,
        port=port,
        token=token,
        is_exposed=is_exposed,
        is_read_only=is_read_only,
        who=whoever_types(),
        say=lambda message: write_note(escape(message)),
    )
    return _serve(options, is_opened=not is_not_opened)


def _serve(options: "ServerOptions", *, is_opened: bool) -> int:
    from binex.cli.loop import CommandLoop

    loop = CommandLoop()
    code = loop.run(_until_told_to_stop(options, is_opened=is_opened))
    loop.leave_if_needed(code)
    return code


async def _until_told_to_stop(options: "ServerOptions", *, is_opened: bool) -> int:
    import asyncio
    from contextlib import nullcontext

    from binex.cli.browser import has_display, leading_to, open_in_browser
    from binex.cli.stop_signals import stop_signals
    from binex.cli.streams import write_note, write_result
    from binex.server.hosts import is_loopback
    from binex.server.serving import serving

    told: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    with stop_signals(lambda number: told.set_result(128 + number)):
        async with serving(options) as served:
            if not is_loopback(options.host):
                write_note(
                    f"WARNING: whoever reaches {options.host}:{served.port} and has the token can execute programs"
                    " here as you, and what is sent is not encrypted"
                )
            write_result(served.url)
            write_note("Ctrl-C ends it")
            with leading_to(served.url) if is_opened and has_display() else nullcontext() as address:
                if address is not None:
                    await asyncio.to_thread(open_in_browser, address)
                code = await told
            write_note("stopping; Ctrl-C again to leave at once")
    return code
