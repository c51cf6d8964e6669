"""``binex doctor``: what is damaged in the store, and setting it right."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option


@click.command("doctor")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--repair", "is_repairing", is_flag=True, help="Set right what can be without losing anything.")
@click.option("--salvage", "is_salvaging", is_flag=True, help="Build a new database from what can still be read.")
@json_option
@directory_option
def command(file: Path | None, is_repairing: bool, is_salvaging: bool, as_json: bool, directory: Path | None) -> int:
    """Find everything that is damaged in the store. Without an option nothing is changed.

    The exit code is 4 where damage was found that is still there, or something could not be saved.

    With a workflow FILE, check that instead: the file, and whether each agent in it is there and has its key. The
    exit code is then 1 where one cannot be used, and 2 where the file is wrong.
    """
    from binex.cli.printing import print_json
    from binex.cli.reading import store_folder
    from binex.cli.render.findings import Checkup, checkup
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError, InputError
    from binex.stores.doctor import Severity, examine, repair, salvage

    if file is not None:
        if is_repairing or is_salvaging:
            raise InputError("--repair and --salvage are for the store, not for a workflow", fix="leave out the file")
        return _check_workflow(file, directory, as_json=as_json)
    if is_repairing and is_salvaging:
        raise InputError("--repair and --salvage do different things", fix="try --repair first; it loses nothing")
    folder = store_folder(directory)
    done = repair(folder) if is_repairing else salvage(folder) if is_salvaging else []
    report = Checkup(directory=str(folder), done=tuple(done), found=tuple(examine(folder)))
    if as_json:
        print_json(report)
    else:
        write_result(checkup(report, Look.of(sys.stdout)))
    is_damaged = any(finding.severity is Severity.DAMAGE for finding in (*report.done, *report.found))
    return DamagedDataError.exit_code if is_damaged else 0


def _check_workflow(file: Path, directory: Path | None, *, as_json: bool) -> int:
    from binex.cli.agents import find_agents
    from binex.cli.printing import print_json
    from binex.cli.render.agents import agent_list
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result

    found = find_agents(file, directory, is_checking=True)
    if as_json:
        print_json(found)
    else:
        write_result(agent_list(found, Look.of(sys.stdout)))
    return 0 if found.is_usable else 1
