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


class ProjectSettings(Model):
    """All that stands in ``binex.toml``."""

    prices: dict[Annotated[str, AfterValidator(_named)], Annotated[Rates, BeforeValidator(_spread)]] = Field(
        default_factory=dict
    )
    """Prices that Binex does not know, or not as you pay them."""
    redaction: Redaction = Field(default_factory=Redaction)
    """What else must not be kept."""
