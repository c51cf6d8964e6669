"""What a project says once for all its workflows: the file ``binex.toml``."""

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field

from binex.models.base import Model

Usd = Annotated[float, Field(ge=0, allow_inf_nan=False, strict=True)]


class Rates(Model):
    """What a model costs, in US dollars for a million tokens."""

    input: Usd
    """What it reads."""
    output: Usd
    """What it writes, its reasoning included."""
    cached_input: Usd | None = None
    """What it reads from the provider's cache; without it as much as the rest of its input."""


def _spread(value: object) -> object:
    """One number stands for both sides."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return {"input": value, "output": value}
    if not isinstance(value, dict | Rates):
        raise ValueError("a price is a number, or a table such as {input = 0.15, output = 0.60}")
    return value


OwnPrices = Mapping[str, Rates]
"""Prices by what they hold for: `openai/gpt-4o-mini`, or `ollama/*` for all that begins so."""


def _named(name: str) -> str:
    """The name of a model, or a pattern for several."""
    provider, separator, model = name.partition("/")
    if not (provider and separator and model):
        raise ValueError('write "provider/model", or "provider/*" for all models of one')
    return name


def _searchable(pattern: str) -> str:
    """A regular expression that does not fit just anything."""
    try:
        finder = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"'{pattern:.100}' is not a regular expression: {error}") from error
    if finder.match(""):
        raise ValueError(f"'{pattern:.100}' also fits an empty text, so it would be found everywhere")
    return pattern


class Redaction(Model):
    """What is cut out of everything that is kept, besides what is known to be a secret."""

    patterns: tuple[Annotated[str, AfterValidator(_searchable)], ...] = ()
    """Regular expressions."""


class DevAgent(Model):
    """A program that `binex dev` starts beside a workflow: an A2A agent of the project's own."""

    command: Annotated[str, Field(min_length=1)]
    """The program; `{python}` is the Python that Binex runs with."""
    args: tuple[str, ...] = ()
    """Its arguments, in which `{port}` stands for the port."""
    cwd: str = "."
    """The folder that it is started in, inside the project."""
    env: tuple[str, ...] = ()
    """The names of the environment variables that it sees, besides a few such as PATH and HOME."""
    port: Annotated[int, Field(ge=1, le=65_535, strict=True)] | None = None
    """Where it listens, on this machine; without one, a free port is looked for."""
    path: Annotated[str, Field(pattern=r"^(/[A-Za-z0-9._~-]+)*$")] = ""
    """Where below that its card is."""
    ready_ms: Annotated[int, Field(ge=1, le=600_000, strict=True)] = 20_000
    """How long it may take until it answers, in milliseconds."""


class DevSettings(Model):
    """What `binex dev` starts."""

    agents: dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,40}$")], DevAgent] = Field(default_factory=dict)
    """By the name under which they are shown."""


class ProjectSettings(Model):
    """All that stands in ``binex.toml``."""

    prices: dict[Annotated[str, AfterValidator(_named)], Annotated[Rates, BeforeValidator(_spread)]] = Field(
        default_factory=dict
    )
    """Prices that Binex does not know, or not as you pay them."""
    redaction: Redaction = Field(default_factory=Redaction)
    """What else must not be kept."""
    dev: DevSettings = Field(default_factory=DevSettings)
    """What `binex dev` starts."""
