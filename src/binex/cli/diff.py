"""``binex diff``: how runs differ, and what made them so."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option

_STAT = 300
"""Of so many tasks --stat counts the words that were changed."""


@click.command("diff")
@click.argument("runs", nargs=-1, metavar="[A] [B] [C]...")
@click.option("--family", "is_family", is_flag=True, help="Compare the run with all that are related to it.")
@click.option("--node", metavar="NODE", help="One task in full, or one item of a foreach: NODE[3].")
@click.option("--full", "is_full", is_flag=True, help="Every task that is different, with its differences.")
@click.option("--stat", "is_stat", is_flag=True, help="One line for each task that is different.")
@click.option("--only-causes", "has_only_causes", is_flag=True, help="Only what made them different.")
@click.option("--exit-code", "has_exit_code", is_flag=True, help="Exit with 1 where the runs differ.")
@json_option
@directory_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    runs: tuple[str, ...],
    is_family: bool,
    node: str | None,
    is_full: bool,
    is_stat: bool,
    has_only_causes: bool,
    has_exit_code: bool,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Show how run B differs from run A: the first cause, what follows from it, cost and time.

    One run alone is compared with the one that it was made from, or else with the previous run of its workflow. More
    than two are shown beside each other.
    """
    from binex.analysis.differences.matrix import RunMatrix
    from binex.cli.comparing import Asked, compare
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.diff.text import run_diff
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError, InputError

    views = [name for name, is_on in (("--full", is_full), ("--stat", is_stat), ("--only-causes", has_only_causes),
                                      ("--node", node is not None)) if is_on]  # fmt: skip
    if len(views) > 1:
        raise InputError(f"{' and '.join(views)} do not go together", fix=f"leave out {views[1]}")
    most = None if is_full or as_json else _STAT if is_stat else 0
    asked = Asked(runs or ("latest",), is_family=is_family, node=node, most=most)
    if views and asked.is_matrix:
        raise InputError(f"{views[0]} compares two runs", fix="name two of them: binex diff A B")
    found, code = read(directory, lambda store: compare(store, asked))
    look = Look.of(sys.stdout)
    if as_json:
        print_json(found)
    elif isinstance(found, RunMatrix):
        from binex.cli.render.diff.matrix import run_matrix

        write_result(run_matrix(found, look))
    elif node is not None:
        from binex.cli.render.diff.task import task_diff

        write_result(task_diff(found, node, look))
    elif is_stat:
        from binex.cli.render.diff.stat import diff_stat

        write_result(diff_stat(found, look))
    else:
        write_result(run_diff(found, look, has_tasks=is_full, has_only_causes=has_only_causes))
    if found.damage or code:
        return DamagedDataError.exit_code
    return int(has_exit_code and not found.is_equal)
