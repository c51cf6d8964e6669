"""``binex run``: execute a workflow file."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.breaking import stop_options
from binex.cli.options import ExecutionOptions, budget_option, execution_options

if TYPE_CHECKING:
    from binex.runtime.stops.stops import Stops


@click.command("run")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("-v", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Give an input of the workflow.")
@click.option(
    "--allow-path",
    "allow_paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder outside the workflow's own from which it may read prompts.",
)
@click.option("--cache", is_flag=True, help="Take what tasks with the same key made in earlier runs from there.")
@click.option(
    "--offline", is_flag=True, help="Like --cache; what is not known fails instead of asking anybody outside."
)
@click.option("--plan", "is_plan", is_flag=True, help="Only say what would run, what is missing and what it may cost.")
@budget_option
@stop_options
@execution_options
def command(  # noqa: PLR0913 - what users may say, each by its name
    file: Path,
    *,
    variables: tuple[str, ...],
    allow_paths: tuple[Path, ...],
    cache: bool,
    offline: bool,
    is_plan: bool,
    max_cost: float | None,
    stops: "Stops",
    options: ExecutionOptions,
) -> int:
    """Run the workflow in FILE.

    What its last nodes made goes to stdout, progress to stderr. Ctrl-C stops the run; 'binex resume' goes on.
    """
    from binex.cli.breaking import go_on_anew
    from binex.cli.executing import Execution
    from binex.cli.render.offline import offline_ending, unknown_tasks
    from binex.cli.render.results import ending
    from binex.loader import bind_workflow, parse_assignments
    from binex.models.run import RunSummary
    from binex.runtime.session import Session

    given = parse_assignments(variables)
    if is_plan:
        from binex.cli.previewing import show_plan

        return show_plan(file, given, allow_paths, options)
    execution = Execution.of(options, offline_ending if offline else ending, stops=stops)
    workflow = bind_workflow(file, limits=execution.limits, allow_paths=allow_paths)  # before a store is made
    stops.check(*workflow)

    is_unknown = False

    async def work(session: Session) -> RunSummary:
        nonlocal is_unknown
        running = session.run(
            workflow, vars=given, vars_are_text=True, max_cost=max_cost, cache=cache, offline=offline, stops=stops
        )
        summary = await go_on_anew(session, stops, running)
        is_unknown = bool(unknown_tasks(summary))
        return summary

    # A foreach that goes on without some of its items completes; what was to be known was not known all the same.
    return execution.execute(work) or int(is_unknown)
