"""``binex replay``: a run again, from its own record alone, or with something changed."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.breaking import stop_options
from binex.cli.options import ExecutionOptions, budget_option, execution_options, run_argument

if TYPE_CHECKING:
    from binex.runtime.stops.stops import Stops


@click.command("replay")
@run_argument
@click.option("--from", "from_", multiple=True, metavar="NODE", help="Execute NODE again, and what depends on it.")
@click.option("--only", metavar="NODE", help="Execute NODE again, and nothing else.")
@click.option("--agent", "agents", multiple=True, metavar="NODE=URI", help="Give NODE another agent.")
@click.option("--prompt", "prompts", multiple=True, metavar="NODE=FILE|TEXT", help="Give NODE another prompt.")
@click.option("--set", "settings", multiple=True, metavar="NODE.FIELD=VALUE", help="Change a field of NODE.")
@click.option("--input", "inputs", multiple=True, metavar="NODE.NAME=VALUE", help="Change an input of NODE.")
@click.option("--edit", "edits", multiple=True, metavar="NODE.OUTPUT=FILE|VALUE", help="Replace what NODE made.")
@click.option("-v", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Change an input of the workflow.")
@click.option(
    "--workflow",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Take this workflow; only what changed in it runs.",
)
@click.option("--plan", "is_plan", is_flag=True, help="Only say what would run and what it would probably cost.")
@click.option(
    "--timing",
    type=click.Choice(("full", "real")),
    default="full",
    help="Answer from the tape at full speed (the default), or as fast as it was then.",
)
@click.option("--check", "times", type=click.IntRange(2, 1000), metavar="N", help="Replay N times; name what varies.")
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="NODE=KIND[:N]",
    help="Let the first N calls of NODE (1) meet a 429, timeout, half-stream, malformed or refusal.",
)
@budget_option
@stop_options
@execution_options
def command(  # noqa: PLR0913, PLR0917 - the options of the command
    run: str,
    from_: tuple[str, ...],
    only: str | None,
    agents: tuple[str, ...],
    prompts: tuple[str, ...],
    settings: tuple[str, ...],
    inputs: tuple[str, ...],
    edits: tuple[str, ...],
    variables: tuple[str, ...],
    workflow: Path | None,
    is_plan: bool,
    timing: str,
    times: int | None,
    faults: tuple[str, ...],
    max_cost: float | None,
    stops: "Stops",
    options: ExecutionOptions,
) -> int:
    """Execute RUN again (default: latest), as a new run; RUN itself is never changed.

    Without a change every call is answered from what was recorded, nobody is asked and the network is refused; the
    exit code is 0 only if all came out the same, to the byte. With a change only what it reaches is executed,
    live, and the rest is taken over.
    """
    from binex.cli.changing import ForkOptions
    from binex.cli.replaying import Replaying
    from binex.errors import InputError
    from binex.tape.faults import read_fault

    if stops.is_any and (is_plan or times is not None):
        option = "--plan" if is_plan else "--check"
        raise InputError(f"{option} does not stop at breakpoints", fix="leave out --break and --step, or that option")
    changes = ForkOptions(from_, only, agents, prompts, settings, inputs, edits, variables, workflow)
    replaying = Replaying(run, options, stops)
    if not changes.is_fork:
        if is_plan or max_cost is not None:
            raise InputError("a replay from the tape costs nothing", fix="say what is to be changed, as in --from NODE")
        if times is not None:
            return replaying.check(times)
        if faults:
            return replaying.with_faults([read_fault(text) for text in faults], is_timed=timing == "real")
        return replaying.replay(is_timed=timing == "real")
    if times is not None or timing != "full" or faults:
        option = "--check" if times is not None else "--fault" if faults else "--timing"
        raise InputError(f"{option} replays a run from its tape, and a fork asks anew", fix="leave one of them out")
    if is_plan:
        return replaying.plan(changes)
    return replaying.fork(changes, max_cost)
