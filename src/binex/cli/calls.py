"""``binex calls``: what a run's attempts exchanged with the outside."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option, run_argument


@click.group("calls")
def command() -> None:
    """List and show what a run's attempts exchanged with models, agents, tools, people and the network."""


@command.command("list")
@run_argument
@click.option("--task", help="Only those of one task.")
@json_option
@directory_option
def list_command(run: str, task: str | None, as_json: bool, directory: Path | None) -> int:
    """List the calls of RUN (default: latest), in the order in which they ended."""
    from binex.analysis.calls import CallList, list_calls
    from binex.analysis.find import find_run
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.call_list import call_list
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> CallList:
        return await list_calls(store, await find_run(store, run), task)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(call_list(found, Look.of(sys.stdout)))
    return code


@command.command("show")
@click.argument("which", nargs=-1, required=True, metavar="[RUN] CALL")
@json_option
@directory_option
def show_command(which: tuple[str, ...], as_json: bool, directory: Path | None) -> int:
    """Show a call word for word: TASK:ATTEMPT.NUMBER as in the list, or TASK where it made only one.

    It is shown as it was kept: secrets were cut out before.
    """
    from binex.analysis.calls import CallDetail, call_detail, find_call
    from binex.analysis.find import find_run
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.call_list import call_text
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError, InputError
    from binex.stores.run_store import RunStore

    if len(which) > 2:
        raise InputError("too many arguments", fix="write binex calls show RUN CALL")

    async def ask(store: RunStore) -> CallDetail:
        run = await find_run(store, which[0] if which[1:] else "latest")
        return await call_detail(store, await find_call(store, run, which[-1]))

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(call_text(found, Look.of(sys.stdout)))
    return DamagedDataError.exit_code if found.damage else code
