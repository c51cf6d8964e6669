"""What a call to a model costs, by a table that comes with ``genai-prices`` and is never fetched from anywhere.

What the project says in ``binex.toml`` goes first. A price that is not known is None, never 0.
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from binex.errors import INSTALL_AGENTS, AgentError
from binex.models.call import Usage
from binex.models.settings import OwnPrices, Rates
from binex.models.task import now

if TYPE_CHECKING:
    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

SETTINGS: Final = "binex.toml"
"""What stands as the origin of a price that the project gives itself."""
NO_OWN_PRICES: Final[OwnPrices] = MappingProxyType({})

_MILLION: Final = 1_000_000
_BYTES_PER_TOKEN: Final = 3
"""Text has four in most languages; a reservation had better be too large."""
_USUAL_OUTPUT: Final = 4096
"""How many tokens of an answer are reckoned with where a node does not limit it."""
_DIGITS: Final = 12

_FREE: Final = frozenset({"mock"})
_THEIR_NAMES: Final = MappingProxyType({"gemini": "google", "moonshot": "moonshotai", "xai": "x-ai"})


@dataclass(frozen=True, slots=True)
class _Rate:
    """A price for a million tokens; above each threshold of input tokens another one, for all tokens of the call."""

    base: float
    tiers: tuple[tuple[int, float], ...] = ()

    def of(self, tokens: int, input_tokens: int) -> float:
        usd = self.base
        for above, price in self.tiers:
            if input_tokens > above:
                usd = price
        return usd * tokens / _MILLION


@dataclass(frozen=True, slots=True)
class _Prices:
    """All prices of one model that a call of it can meet, and who says so. None: it is not known."""

    input: _Rate | None
    output: _Rate | None
    cached: _Rate | None = None
    reasoning: _Rate | None = None
    for_the_call: float = 0.0
    source: str = ""

    def cost_of(self, usage: Usage) -> float | None:
        """None where the usage is not known or contradicts itself, or a price that it needs is not known."""
        read, wrote = usage.input_tokens, usage.output_tokens
        cached, reasoned = usage.cached_tokens or 0, usage.reasoning_tokens or 0
        if read is None or wrote is None or not (0 <= cached <= read and 0 <= reasoned <= wrote and read + wrote > 0):
            return None
        if self.reasoning is None:
            reasoned = 0  # it costs what all output costs
        parts = (
            (read - cached, self.input),
            (cached, self.cached or self.input),
            (wrote - reasoned, self.output),
            (reasoned, self.reasoning),
        )
        total = self.for_the_call
        for tokens, rate in parts:
            if tokens and rate is None:
                return None
            total += rate.of(tokens, read) if rate else 0.0
        return round(total, _DIGITS) if math.isfinite(total) else None


def price_of(
    provider: str, model: str, usage: Usage | None, at: datetime, *, own: OwnPrices = NO_OWN_PRICES
) -> tuple[float | None, str]:
    """What a call at that time cost in US dollars, and who says so; None and nobody where it is not known.

    *usage* counts as :class:`Usage` says: what came from the cache is a part of the input, and reasoning one of
    the output, so that each token is paid once.
    """
    prices = _prices_of(provider, model, at, own)
    cost = None if prices is None or usage is None else prices.cost_of(usage)
    return (None, "") if cost is None or prices is None else (cost, prices.source)


def estimate_cost(
    provider: str, model: str, input_bytes: int, max_output_tokens: int | None, *, own: OwnPrices = NO_OWN_PRICES
) -> float | None:
    """What a call may cost at the most, as far as that can be told before it is made; None where no price is known."""
    prices = _prices_of(provider, model, now(), own)
    if prices is None:
        return None
    usage = Usage(
        input_tokens=max(1, math.ceil(input_bytes / _BYTES_PER_TOKEN)),
        output_tokens=_USUAL_OUTPUT if max_output_tokens is None else max_output_tokens,
    )
    return prices.cost_of(usage)


def price_line(provider: str, model: str, *, own: OwnPrices = NO_OWN_PRICES) -> str:
    """The price as people read it: ``$0.15 / $0.60 per million tokens in/out``."""
    prices = _prices_of(provider, model, now(), own)
    if prices is None or prices.input is None or prices.output is None:
        return "unknown"
    if not (prices.input.base or prices.output.base or prices.for_the_call):
        return "free"
    more = ", more for long inputs" if prices.input.tiers or prices.output.tiers else ""
    return f"{_dollars(prices.input.base)} / {_dollars(prices.output.base)} per million tokens in/out{more}"


def load_table() -> None:
    """Read the table, which takes a third of a second: better in a thread, before the first call needs it."""
    _name_of_table(now().date())


def _dollars(usd: float) -> str:
    return f"${usd:.2f}" if round(usd, 2) == usd else f"${usd:.6f}".rstrip("0")


def _prices_of(provider: str, model: str, at: datetime, own: OwnPrices) -> _Prices | None:
    rates = _own_rates(f"{provider}/{model}", own) if own else None
    if rates is not None:
        cached = None if rates.cached_input is None else _Rate(rates.cached_input)
        return _Prices(_Rate(rates.input), _Rate(rates.output), cached, source=SETTINGS)
    if provider in _FREE:
        return _Prices(_Rate(0.0), _Rate(0.0), source="llm://mock is free")
    found = _find(provider, model)
    if found is None:
        return None
    return _read(found.get_prices(at), _name_of_table(at.date()))


def _own_rates(name: str, own: OwnPrices) -> Rates | None:
    """The price that the project gives: by the very name, else by the longest pattern that fits it."""
    if name in own:
        return own[name]
    fitting = [pattern for pattern in own if "*" in pattern and _finder(pattern).fullmatch(name)]
    return own[max(fitting, key=len)] if fitting else None


@cache
def _finder(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(map(re.escape, pattern.split("*"))), re.DOTALL)


@lru_cache(maxsize=1024)
def _find(provider: str, model: str) -> "ModelInfo | None":
    """The model in the table. The provider must be there by its name: one that only sounds like it is another."""
    wanted = _THEIR_NAMES.get(provider.lower(), provider.lower())
    providers = _providers()
    known = next((one for one in providers if one.id == wanted), None)
    return None if known is None else known.find_model(model, all_providers=providers)


@cache
def _providers() -> "list[Provider]":
    """The table that is inside the package; not the one that the library can be made to fetch."""
    try:
        from genai_prices.data import providers
    except ImportError as error:
        raise AgentError(
            "the library with the prices of models, 'genai-prices', is not installed",
            fix=INSTALL_AGENTS,
            is_retryable=False,
        ) from error
    return providers


@cache
def _name_of_table(day: date) -> str:
    """The library's version, and the day of the newest price in it that held on *day*."""
    from importlib.metadata import version

    days = [start for start in _days() if start <= day]
    return f"genai-prices {version('genai-prices')}" + (f" (data of {max(days)})" if days else "")


@cache
def _days() -> tuple[date, ...]:
    """The days from which prices in the table hold, where they have changed."""
    from genai_prices.types import StartDateConstraint

    return tuple(
        price.constraint.start_date
        for provider in _providers()
        for model in provider.models
        if isinstance(model.prices, list)
        for price in model.prices
        if isinstance(price.constraint, StartDateConstraint)
    )


def _read(price: "ModelPrice", source: str) -> _Prices:
    """Prices of text; a model that has none in the table is there for its name alone, and is not free."""
    given = vars(price)  # reading an attribute that is not there takes long
    return _Prices(
        input=_rate(given.get("input_mtok")),
        output=_rate(given.get("output_mtok")),
        cached=_rate(given.get("cache_read_mtok")),
        reasoning=_rate(given.get("output_reasoning_mtok")),
        for_the_call=float(given.get("requests_kcount") or 0) / 1000,
        source=source,
    )


def _rate(price: "Decimal | TieredPrices | None") -> _Rate | None:
    if price is None or isinstance(price, Decimal):
        return None if price is None else _Rate(float(price))
    return _Rate(float(price.base), tuple((tier.start, float(tier.price)) for tier in price.tiers))
