"""Options and arguments that commands have in common."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

_Command = TypeVar("_Command", bound=Callable[..., Any])

directory_option: Callable[[_Command], _Command] = click.option(
    "--dir",
    "directory",
    type=click.Path(path_type=Path),
    help="The .binex folder. Default: BINEX_DIR, or the nearest one upwards from here.",
)
json_option: Callable[[_Command], _Command] = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
run_argument: Callable[[_Command], _Command] = click.argument("run", default="latest")


def typed(command: str, directory: Path | None) -> str:
    """*command* as somebody would type it here, with the same ``--dir``."""
    return f"binex {command}" + (f" --dir {shlex.quote(str(directory))}" if directory is not None else "")
