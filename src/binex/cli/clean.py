"""``binex clean``: make room, without taking anything away that something else needs."""

import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.moments import read_moment
from binex.cli.options import directory_option, json_option, typed

if TYPE_CHECKING:
    from binex.analysis.room.retention import CleaningPlan, CleaningReport, Retention
    from binex.stores.removal_store import Moment

_STATUSES = ("completed", "failed", "cancelled", "interrupted", "waiting", "over_budget")


def _size(context: click.Context, parameter: click.Parameter, text: str | None) -> int | None:
    from binex.cli.limits import read_size

    size = None if text is None else read_size(text.strip())
    if text is not None and size is None:
        raise click.BadParameter(f"'{text[:60]}' is no size: as in 500MB or 2GiB.", context, parameter)
    return size


@click.command("clean")
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option(
    "--older-than", "began_before", callback=read_moment, metavar="AGE", help="Only runs of so long ago: 30d."
)
@click.option("--keep-last", type=click.IntRange(min=0), metavar="N", help="The newest N stay.")
@click.option("--per-workflow", "is_per_workflow", is_flag=True, help="With --keep-last: N of each workflow.")
@click.option(
    "--max-size", callback=_size, metavar="SIZE", help="Only until the store is so small, oldest first: 2GiB."
)
@click.option("--status", "statuses", multiple=True, type=click.Choice(_STATUSES), help="Only runs in this state.")
@click.option("--workflow", help="Only runs of this workflow.")
@click.option("--include-unfinished", is_flag=True, help="Also runs that could still be gone on with.")
@click.option("--dry-run", is_flag=True, help="Only show what would go.")
@click.option("-y", "--yes", "is_sure", is_flag=True, help="Do not ask.")
@click.option(
    "--vacuum/--no-vacuum", "is_rebuilt", default=None, help="Rebuild the database, or never. Default: if it pays."
)
@json_option
@directory_option
def command(  # noqa: PLR0913 - the options of the command
    *,
    runs: tuple[str, ...],
    began_before: datetime | None,
    keep_last: int | None,
    is_per_workflow: bool,
    max_size: int | None,
    statuses: tuple[str, ...],
    workflow: str | None,
    include_unfinished: bool,
    dry_run: bool,
    is_sure: bool,
    is_rebuilt: bool | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Remove runs, and what no run needs. Everything that is said narrows what goes; with nothing said, no run does.

    The plan is shown first, and has to be agreed to. What a kept run needs stays, and so do the runs that others were
    made from or took outcomes over from, as long as those stay.
    """
    from binex.analysis.room.retention import CleaningReport, Retention
    from binex.cli.asking import is_somebody_there
    from binex.cli.printing import print_json
    from binex.cli.render.cleaning import cleaning_plan, cleaning_report
    from binex.cli.render.look import Look
    from binex.cli.streams import write_note, write_result
    from binex.errors import InputError
    from binex.models.run import RunStatus

    if is_per_workflow and keep_last is None:
        raise InputError("--per-workflow says of what --keep-last counts", fix="add --keep-last N")
    wanted = Retention(
        workflow=workflow,
        statuses=frozenset(map(RunStatus, statuses)),
        began_before=began_before,
        keep_last=keep_last,
        is_per_workflow=is_per_workflow,
        max_size=max_size,
        includes_unfinished=include_unfinished,
    )
    (plan, moment), code = _plan(directory, wanted, runs)
    look = Look.of(sys.stdout)
    report = CleaningReport(plan=plan, size=plan.size)
    is_refused = bool(plan.runs) and not dry_run and not is_sure and not is_somebody_there()
    if as_json and (dry_run or is_refused):
        print_json(report)
    elif not as_json:
        write_result(cleaning_plan(plan, look, has_conditions=bool(runs) or not wanted.is_empty))
    if is_refused:
        fix = f"if this is what you want: add --yes; {typed('keep RUN', directory)} keeps a run for good"
        raise InputError(f"nobody is here to agree to removing {len(plan.runs):,} runs; nothing was removed", fix=fix)
    if dry_run:
        return code
    if plan.runs and not is_sure and not click.confirm("remove them?", err=True):
        write_note("nothing was removed")
        return code
    report = _carry_out(directory, plan, moment, is_rebuilt=is_rebuilt)
    if as_json:
        print_json(report)
    else:
        write_result(cleaning_report(report, look))
    return code


def _plan(
    directory: Path | None, wanted: "Retention", runs: tuple[str, ...]
) -> "tuple[tuple[CleaningPlan, Moment], int]":
    """The plan, the moment that it was made at, and the exit code."""
    from binex.analysis.find import find_run
    from binex.analysis.room.retention import plan_cleaning
    from binex.cli.reading import read
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> "tuple[CleaningPlan, Moment]":
        named = frozenset([(await find_run(store, run)).id for run in runs]) if runs else None
        stock = await store.take_stock()
        return plan_cleaning(stock, wanted.model_copy(update={"runs": named})), stock.moment

    return read(directory, ask)


def _carry_out(
    directory: Path | None, plan: "CleaningPlan", moment: "Moment", *, is_rebuilt: bool | None
) -> "CleaningReport":
    import asyncio

    from binex.cli.reading import store_folder
    from binex.cli.render.text import escape
    from binex.cli.streams import write_note
    from binex.runtime.cleaning import clean
    from binex.stores.backends.sqlite import open_sqlite_store

    async def carry_out() -> "CleaningReport":
        async with open_sqlite_store(store_folder(directory), on_notice=lambda said: write_note(escape(said))) as store:
            return await clean(store, plan, moment, is_rebuilt=is_rebuilt)

    return asyncio.run(carry_out())
