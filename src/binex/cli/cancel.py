"""``binex cancel``: stop a run, also one of another process."""

from pathlib import Path

import click

from binex.cli.options import directory_option, json_option


@click.command("cancel")
@click.argument("run")
@json_option
@directory_option
def command(run: str, as_json: bool, directory: Path | None) -> int:
    """Stop RUN, also where another process executes it."""
    import asyncio

    from binex.cli.printing import print_json
    from binex.cli.render.look import words_of
    from binex.cli.streams import write_result
    from binex.models.run import Run
    from binex.runtime.session import open_session

    async def cancel() -> Run:
        async with open_session(directory) as session:
            return await session.cancel(run)

    cancelled = asyncio.run(cancel())
    if as_json:
        print_json(cancelled)
    else:
        write_result(f"run {cancelled.id} is {words_of(cancelled.status)}")
    return 0
