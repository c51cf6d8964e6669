"""``binex run``: execute a workflow file."""

from pathlib import Path

import click

from binex.cli.options import ExecutionOptions, budget_option, execution_options


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
@budget_option
@execution_options
def command(
    file: Path,
    variables: tuple[str, ...],
    allow_paths: tuple[Path, ...],
    max_cost: float | None,
    options: ExecutionOptions,
) -> int:
    """Run the workflow in FILE.

    What its last nodes made goes to stdout, progress to stderr. Ctrl-C stops the run; 'binex resume' goes on.
    """
    from binex.cli.executing import Execution
    from binex.loader import bind_workflow, parse_assignments
    from binex.models.run import RunSummary
    from binex.runtime.session import Session

    given = parse_assignments(variables)
    execution = Execution.of(options)
    workflow = bind_workflow(file, limits=execution.limits, allow_paths=allow_paths)  # before a store is made

    async def work(session: Session) -> RunSummary:
        return await session.run(workflow, vars=given, vars_are_text=True, max_cost=max_cost)

    return execution.execute(work)
