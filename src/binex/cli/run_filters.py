"""The options that say which runs are meant."""

import functools
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from binex.cli.moments import read_moment
from binex.cli.options import finite

if TYPE_CHECKING:
    from binex.models.run_query import RunQuery

_STATUSES = ("running", "completed", "failed", "cancelled", "interrupted", "waiting", "over_budget")
_ORIGINS = ("run", "fork", "replay", "imported")


class RunFilters:
    """What the options say, as they were typed."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._given = given

    def query(self) -> "RunQuery":
        """The query that they make.

        Raises:
            InputError: a variable without a value, a text without a word.
        """
        from binex.errors import InputError
        from binex.models.run import RunStatus
        from binex.models.run_query import RunOrigin, RunQuery

        given = self._given
        variables: list[tuple[str, str]] = []
        for assignment in given["variables"]:
            name, sign, value = assignment.partition("=")
            if not (name and sign):
                raise InputError(f"--var {assignment!r:.80} has no value", fix="as in: --var topic=tides")
            variables.append((name, value))
        if given["text"] is not None and not given["text"].strip():
            raise InputError("--text is empty", fix='as in: --text "ebb tide"')
        since: datetime | None = given["since"]
        until: datetime | None = given["until"]
        if since is not None and until is not None and since >= until:
            raise InputError("--since is not before --until", fix="--since 3d --until 1d is from three days ago to one")
        return RunQuery(
            statuses=tuple(RunStatus(status) for status in given["statuses"]),
            workflow=given["workflow"],
            since=since,
            until=until,
            min_cost=given["min_cost"],
            max_cost=given["max_cost"],
            variables=tuple(variables),
            text=given["text"] or "",
            failed_at=given["failed_at"],
            origin=None if given["origin"] is None else RunOrigin(given["origin"]),
        )


_OPTIONS: dict[str, Callable[[Callable[..., int]], Callable[..., int]]] = {
    "statuses": click.option(
        "--status", "statuses", multiple=True, type=click.Choice(_STATUSES), help="Only runs in this state, or these."
    ),
    "workflow": click.option("--workflow", metavar="NAME", help="Only runs of this workflow."),
    "since": click.option(
        "--since", callback=read_moment, metavar="WHEN", help="Only runs begun since then: 2h, 3d, 2026-11-20."
    ),
    "until": click.option("--until", callback=read_moment, metavar="WHEN", help="Only runs begun before then."),
    "min_cost": click.option(
        "--min-cost", type=click.FloatRange(min=0), callback=finite, metavar="USD", help="Only runs that cost as much."
    ),
    "max_cost": click.option(
        "--max-cost", type=click.FloatRange(min=0), callback=finite, metavar="USD", help="Only runs that cost no more."
    ),
    "variables": click.option(
        "-v", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Only runs with this input."
    ),
    "text": click.option("--text", metavar="WORDS", help="Only runs with these words in an artifact or a message."),
    "failed_at": click.option("--failed-at", metavar="NODE", help="Only runs in which NODE failed."),
    "origin": click.option("--origin", type=click.Choice(_ORIGINS), help="Only runs that came to be so."),
}


def run_filters(command: Callable[..., int]) -> Callable[..., int]:
    """Give *command* the options that say which runs are meant, as one argument ``filters``."""

    @functools.wraps(command)
    def collected(**given: Any) -> int:
        return command(filters=RunFilters({name: given.pop(name) for name in _OPTIONS}), **given)

    with_options: Callable[..., int] = collected
    for option in reversed(_OPTIONS.values()):
        with_options = option(with_options)
    return with_options
