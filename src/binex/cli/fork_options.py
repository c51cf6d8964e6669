"""The options that say what a fork has otherwise than its parent, as they were typed."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click


@dataclass(frozen=True, slots=True)
class ForkOptions:
    """What was typed; :func:`binex.cli.changing.read_request` reads it."""

    from_: tuple[str, ...] = ()
    only: str | None = None
    agents: tuple[str, ...] = ()
    prompts: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    edits: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    workflow: Path | None = None

    @property
    def is_fork(self) -> bool:
        """Whether anything is to be otherwise than in the parent."""
        return self != ForkOptions()


_OPTIONS: tuple[tuple[str, str, str, str], ...] = (
    # option, parameter, what it takes, help
    ("--from", "from_", "NODE", "Execute NODE again, and what depends on it."),
    ("--agent", "agents", "NODE=URI", "Give NODE another agent."),
    ("--prompt", "prompts", "NODE=FILE|TEXT", "Give NODE another prompt."),
    ("--set", "settings", "NODE.FIELD=VALUE", "Change a field of NODE."),
    ("--input", "inputs", "NODE.NAME=VALUE", "Change an input of NODE."),
    ("--edit", "edits", "NODE.OUTPUT=FILE|VALUE", "Replace what NODE made."),
)


def fork_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give *command* the options that make a fork, as one argument ``changes``."""

    @functools.wraps(command)
    def collected(**given: Any) -> int:
        said = {name: given.pop(name) for name in ForkOptions.__dataclass_fields__}
        return command(changes=ForkOptions(**said), **given)

    options = [
        click.option(option, name, multiple=True, metavar=takes, help=help_) for option, name, takes, help_ in _OPTIONS
    ]
    options.insert(1, click.option("--only", metavar="NODE", help="Execute NODE again, and nothing else."))
    options.append(
        click.option(
            "-v", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Change an input of the workflow."
        )
    )
    options.append(
        click.option(
            "--workflow",
            type=click.Path(path_type=Path),
            metavar="FILE",
            help="Take this workflow; only what changed in it runs.",
        )
    )
    for option in reversed(options):
        collected = option(collected)
    return collected
