"""Stopping a run: the options that say where, and what happens when somebody wants to go on from there anew."""

import functools
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from binex.models.run import RunSummary
    from binex.runtime.session import Session
    from binex.runtime.stops.stops import Stops


def stop_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give *command* the options that say where a run stops for somebody, as one argument ``stops``."""

    @functools.wraps(command)
    def collected(breaks: tuple[str, ...], is_stepping: bool, **given: Any) -> int:
        return command(stops=_stops_of(breaks, is_stepping), **given)

    for option in (
        click.option("--step", "is_stepping", is_flag=True, help="Stop before every task."),
        click.option(
            "--break",
            "breaks",
            multiple=True,
            metavar="NODE[:after][ if CONDITION]",
            help="Stop before a node, or after it; may be given several times.",
        ),
    ):
        collected = option(collected)
    return collected


def _stops_of(breaks: tuple[str, ...], is_stepping: bool) -> "Stops":
    from binex.models.breakpoint import read_breakpoint
    from binex.runtime.stops.stops import Stops

    return Stops([read_breakpoint(text) for text in breaks], is_stepping=is_stepping)


async def go_on_anew(session: "Session", stops: "Stops", doing: "Awaitable[RunSummary]") -> "RunSummary":
    """Do what executes a run; as often as somebody says ``replay`` at a stop, fork the run from there."""
    from binex.runtime.forks.request import ForkRequest

    summary = await doing
    while stops.replay_from is not None:
        path, stops.replay_from = stops.replay_from, None
        summary = await session.fork(summary.run_id, ForkRequest(from_=(path,)), stops=stops)
    return summary
