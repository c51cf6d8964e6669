"""What is typed above the list of runs: words to look for, and the filters of ``binex runs`` as ``name:value``."""

import re
import shlex
from dataclasses import dataclass, field
from typing import Any, Final

import click

from binex.cli.run_filters import RunFilters, run_filters
from binex.errors import InputError
from binex.models.run_query import RunQuery

NAMES: Final = ("status", "workflow", "since", "until", "min-cost", "max-cost", "var", "failed-at", "origin")
EXAMPLE: Final = "words  status:failed  workflow:NAME  since:2d  var:topic=tides  failed-at:NODE  min-cost:0.1"

_TOKEN: Final = re.compile(r'[a-z-]+:"[^"]*"|"[^"]*"?\*?|\S+')


@dataclass(frozen=True, slots=True)
class Filter:
    """Which runs are listed."""

    query: RunQuery = field(default_factory=RunQuery)
    options: str = ""
    """The same as options of ``binex runs``."""


def read_filter(text: str) -> Filter:
    """The filter that *text* means.

    Raises:
        InputError: a value cannot be that of its filter.
    """
    arguments: list[str] = []
    words: list[str] = []
    for token in _TOKEN.findall(text):
        name, sign, value = token.partition(":")
        if sign and name in NAMES:
            arguments.append(f"--{name}={value.strip(chr(34))}")
        else:
            words.append(token)
    if words:
        arguments.append(f"--text={' '.join(words)}")
    try:
        query = _query.main(arguments, prog_name="runs", standalone_mode=False)
    except click.ClickException as error:
        raise InputError(error.format_message()) from error
    assert isinstance(query, RunQuery)
    return Filter(query, " ".join(_quoted(one) for one in arguments))


def _quoted(argument: str) -> str:
    name, _, value = argument.partition("=")
    return f"{name} {shlex.quote(value)}"


@click.command()
@run_filters
def _query(*, filters: RunFilters) -> Any:
    return filters.query()
