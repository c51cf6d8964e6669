"""``binex resume``: go on with a run that stopped."""

from typing import TYPE_CHECKING

import click

from binex.cli.breaking import stop_options
from binex.cli.options import ExecutionOptions, budget_option, execution_options, run_argument, trust_option

if TYPE_CHECKING:
    from binex.runtime.stops.stops import Stops


@click.command("resume")
@run_argument
@click.option("--retry-failed", is_flag=True, help="Try failed tasks again, and what they blocked.")
@click.option("--strict", is_flag=True, help="Refuse where the code of a local function has changed since.")
@click.option("-v", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Give a secret again.")
@budget_option
@trust_option
@stop_options
@execution_options
def command(  # noqa: PLR0913 - what can be typed
    run: str,
    *,
    retry_failed: bool,
    strict: bool,
    variables: tuple[str, ...],
    max_cost: float | None,
    is_trusting: bool,
    stops: "Stops",
    options: ExecutionOptions,
) -> int:
    """Go on with RUN (default: latest), with the workflow and the inputs that it was started with.

    What has completed is not run again.
    """
    from binex.cli.breaking import go_on_anew
    from binex.cli.executing import Execution
    from binex.loader import parse_assignments
    from binex.models.run import RunSummary
    from binex.runtime.session import Session

    given = parse_assignments(variables)

    async def work(session: Session) -> RunSummary:
        resuming = session.resume(
            run, retry_failed=retry_failed, strict=strict, vars=given, max_cost=max_cost, stops=stops
        )
        return await go_on_anew(session, stops, resuming)

    return Execution.of_run(options, stops=stops, is_trusting=is_trusting).execute(work)
