"""``binex replay``: a run again, from its own record alone, or with something changed."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from binex.cli.breaking import stop_options
from binex.cli.fork_options import ForkOptions, fork_options
from binex.cli.options import ExecutionOptions, budget_option, execution_options, run_argument, trust_option

if TYPE_CHECKING:
    from binex.runtime.stops.stops import Stops


@dataclass(frozen=True, slots=True)
class _Modes:
    """What is to be done besides, or instead of, executing the run once."""

    plan: bool
    check: int | None
    faults: tuple[str, ...]
    is_timed: bool
    times: int | None
    parallel: int | None
    expect: str | None

    def require_sense(self, *, is_fork: bool, has_budget: bool, has_stops: bool) -> None:
        """Raise InputError where options were given that mean nothing together."""
        from binex.errors import InputError

        of_tape = _named({"--check": self.check, "--fault": self.faults, "--timing": self.is_timed})
        of_fork = _named({"--plan": self.plan, "--times": self.times})
        if is_fork and of_tape:
            raise InputError(
                f"{of_tape[0]} replays a run from its tape, and a fork asks anew", fix="leave one of them out"
            )
        if not is_fork and (of_fork or has_budget):
            option = of_fork[0] if of_fork else "--budget"
            fix = "say what is to be executed anew, as in --only NODE or --from NODE"
            raise InputError(f"{option} is for a fork, and a replay from the tape costs nothing", fix=fix)
        if self.times is None and (self.parallel is not None or self.expect is not None):
            option = "--parallel" if self.expect is None else "--expect"
            raise InputError(f"{option} is about several repetitions", fix="say how many, as in --times 20")
        alone = _named({"--plan": self.plan, "--times": self.times, "--check": self.check})
        others = [*alone, *_named({"--fault": self.faults, "--break or --step": has_stops})]
        if alone and len(others) > 1:
            raise InputError(f"{others[0]} and {others[1]} cannot be had together", fix="leave one of them out")


def _named(options: dict[str, object]) -> list[str]:
    """The options that were given."""
    return [name for name, value in options.items() if value not in (None, False, ())]


@click.command("replay")
@run_argument
@fork_options
@click.option("--plan", is_flag=True, help="Only say what would run and what it would probably cost.")
@click.option("--times", type=click.IntRange(2, 10_000), metavar="N", help="Execute the node of --only N times.")
@click.option("--parallel", type=click.IntRange(1, 1000), metavar="N", help="So many of them side by side (8).")
@click.option("--expect", metavar="CONDITION", help="What each of them must fulfil.")
@click.option(
    "--timing",
    type=click.Choice(("full", "real")),
    default="full",
    help="Answer from the tape at full speed (the default), or as fast as it was then.",
)
@click.option("--check", type=click.IntRange(2, 1000), metavar="N", help="Replay N times; name what varies.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NODE=KIND[:N]",
    help="Let the first N calls of NODE (1) meet a 429, timeout, half-stream, malformed or refusal.",
)
@budget_option
@trust_option
@stop_options
@execution_options
def command(  # noqa: PLR0913 - what can be typed
    run: str,
    changes: ForkOptions,
    max_cost: float | None,
    is_trusting: bool,
    stops: "Stops",
    options: ExecutionOptions,
    *,
    timing: str,
    **modes: Any,
) -> int:
    """Execute RUN again (default: latest), as a new run; RUN itself is never changed.

    Without a change every call is answered from what was recorded, nobody is asked and the network is refused; the
    exit code is 0 only if all came out the same, to the byte. With a change only what it reaches is executed,
    live, and the rest is taken over.
    """
    wanted = _Modes(is_timed=timing == "real", **modes)
    wanted.require_sense(is_fork=changes.is_fork, has_budget=max_cost is not None, has_stops=stops.is_any)
    from binex.cli.replaying import Replaying

    replaying = Replaying(run, options, stops, is_trusting=is_trusting)
    if wanted.plan:
        return replaying.plan(changes)
    if wanted.times is not None:
        return replaying.repeat(changes, wanted.times, wanted.parallel, wanted.expect, max_cost)
    if changes.is_fork:
        return replaying.fork(changes, max_cost)
    if wanted.check is not None:
        return replaying.check(wanted.check)
    if wanted.faults:
        return replaying.with_faults(wanted.faults, is_timed=wanted.is_timed)
    return replaying.replay(is_timed=wanted.is_timed)
