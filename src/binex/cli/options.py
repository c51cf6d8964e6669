"""Options and arguments that commands have in common."""

import functools
import math
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])


def finite(context: click.Context, parameter: click.Parameter, amount: float | None) -> float | None:
    """*amount*, which is money: ``nan`` and ``inf`` are numbers to Python, and no amounts."""
    if amount is not None and not math.isfinite(amount):
        raise click.BadParameter(f"'{amount}' is no amount of money.", context, parameter)
    return amount


directory_option: Callable[[_Command], _Command] = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    help="The .binex folder. Default: BINEX_DIR, or the nearest one upwards from here.",
)
json_option: Callable[[_Command], _Command] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
budget_option: Callable[[_Command], _Command] = click.option(
    "--budget",
    "max_cost",
    type=click.FloatRange(min=0),
    callback=finite,
    metavar="USD",
    help="The most that models may cost, in US dollars, instead of what the workflow says.",
)
trust_option: Callable[[_Command], _Command] = click.option(
    "--trust", "is_trusting", is_flag=True, help="Let a run that was imported execute functions and programs."
)
run_argument: Callable[[_Command], _Command] = click.argument("run", default="latest")


def typed(command: str, directory: Path | None) -> str:
    """*command* as somebody would type it here, with the same ``--dir``."""
    return f"binex {command}" + (f" --dir {shlex.quote(str(directory))}" if directory is not None else "")


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """What can be said about every execution of a run."""

    directory: Path | None
    durability: str
    limits: tuple[str, ...]
    is_quiet: bool
    as_json: bool
    is_streamed: bool
    waits: bool | None
    is_traced: bool = False


def execution_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give *command* the options of everything that executes a run, as one argument ``options``."""

    @functools.wraps(command)
    def collected(**given: Any) -> int:
        said = {name: given.pop(name) for name in ExecutionOptions.__dataclass_fields__}
        return command(options=ExecutionOptions(**said), **given)

    for option in (
        directory_option,
        click.option(
            "--durability",
            type=click.Choice(("full", "normal")),
            default="full",
            help="What a completed task survives: power loss (full, the default), or the death of the process.",
        ),
        click.option(
            "--limit", "limits", multiple=True, metavar="NAME=VALUE", help="A limit, as in output_bytes=20MiB."
        ),
        click.option(
            "--wait/--no-wait",
            "waits",
            default=None,
            help="Wait for people without end, or not at all. Default: as long as a question has a deadline.",
        ),
        click.option("--stream", "is_streamed", is_flag=True, help="Show what models say while they say it."),
        click.option(
            "--otel",
            "is_traced",
            is_flag=True,
            help="Send spans to an OpenTelemetry collector while it runs, as OTEL_EXPORTER_OTLP_* say.",
        ),
        click.option("-q", "--quiet", "is_quiet", is_flag=True, help="Only the result, or why there is none."),
        json_option,
    ):
        collected = option(collected)
    return collected
