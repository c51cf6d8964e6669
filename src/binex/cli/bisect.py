"""``binex bisect``: which change makes one run worse than another."""

import click

from binex.cli.options import ExecutionOptions, budget_option, execution_options, trust_option


@click.command("bisect")
@click.argument("which", nargs=-1, required=True, metavar="GOOD BAD [GOODREV BADREV]")
@click.option("--node", metavar="NODE", help="Judge what NODE makes. Default: the last nodes.")
@click.option("--expect", metavar="CONDITION", help="What a good run fulfils. Default: the output of GOOD.")
@click.option("--by", metavar="MODULE.FUNCTION", help="Let a function of the project judge what is made.")
@click.option(
    "--times",
    type=click.IntRange(1, 1000),
    metavar="N",
    help="Execute each mixture N times. Default: 5, or 1 where nobody outside is asked.",
)
@click.option("--anyway", "is_anyway", is_flag=True, help="Search also where the difference may be chance.")
@click.option("--plan", is_flag=True, help="Only say what changed, what would run and what it would probably cost.")
@click.option("--git", "is_git", is_flag=True, help="Bisect over the commits from GOOD to BAD.")
@budget_option
@trust_option
@execution_options
def command(  # noqa: PLR0913 - what can be typed
    which: tuple[str, ...],
    options: ExecutionOptions,
    *,
    node: str | None,
    expect: str | None,
    by: str | None,
    times: int | None,
    max_cost: float | None,
    is_anyway: bool,
    plan: bool,
    is_git: bool,
    is_trusting: bool,
) -> int:
    """Find the change that makes BAD worse than GOOD, two runs of a workflow.

    Mixtures of both are executed, as forks, until it is known which change moves the outcome, alone or together
    with others; before that both are executed again, to see how much is chance. The exit code is 0 if it was found.
    With --git the commits between the two runs are executed instead, without touching the checkout.
    """
    from binex.cli.bisecting import Bisecting
    from binex.errors import InputError
    from binex.runtime.bisecting.request import BisectRequest

    if len(which) not in ((2, 4) if is_git else (2,)):
        fix = "binex bisect GOOD BAD" + (" --git, or GOOD BAD GOODREV BADREV --git" if is_git else "")
        raise InputError(f"two runs are bisected, and {len(which)} names were given", fix=f"write {fix}")
    request = BisectRequest(node, expect, by, times, max_cost, is_anyway)
    bisecting = Bisecting(which[0], which[1], request, options, is_trusting=is_trusting)
    if is_git and plan:
        raise InputError("--plan is about mixtures, and --git executes commits", fix="leave one of them out")
    if is_git:
        good, bad = which[2:] or (None, None)
        return bisecting.over_commits((good, bad))
    return bisecting.plan() if plan else bisecting.bisect()
