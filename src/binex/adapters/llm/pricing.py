"""What a call of a model will cost at the most, and what it did cost."""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

from binex.adapters.llm.port import Connection, Finished, ModelBackend, ModelRequest
from binex.models.call import Usage
from binex.models.settings import Rates
from binex.models.task import now


@runtime_checkable
class EstimatesItself(Protocol):
    """A backend that may know beforehand what its next reply can cost."""

    def estimate_cost(self, connection: Connection) -> float | None: ...


def estimate(
    backend: ModelBackend, request: ModelRequest, connection: Connection, size: int, own: Mapping[str, Rates]
) -> float | None:
    """The most that a request of *size* bytes may cost; None where no price is known."""
    from binex.adapters.llm.prices import estimate_cost

    known = backend.estimate_cost(connection) if isinstance(backend, EstimatesItself) else None
    if known is not None:
        return known
    limit = request.settings.get("max_tokens")
    most = limit if isinstance(limit, int) else None
    return estimate_cost(request.provider, request.model, size, most, own=own)


def price(
    request: ModelRequest, finished: Finished | None, own: Mapping[str, Rates]
) -> tuple[Usage | None, float | None, str]:
    """The usage as far as it makes sense, the price in US dollars if it is known, and who says so."""
    from binex.adapters.llm.prices import price_of

    usage = None if finished is None else sensible(finished.usage)
    if finished is not None and finished.cost_usd is not None:
        return usage, finished.cost_usd, request.provider
    cost, priced_by = price_of(request.provider, request.model, usage, now(), own=own)
    return usage, cost, priced_by


def sensible(usage: Usage | None) -> Usage | None:
    """The usage without what cannot be: numbers below zero, and parts that are larger than their whole."""
    if usage is None:
        return None
    kept = {name: count for name, count in usage if isinstance(count, int) and count >= 0}
    for part, whole in (("cached_tokens", "input_tokens"), ("reasoning_tokens", "output_tokens")):
        if kept.get(part, 0) > kept.get(whole, 0):
            kept.pop(part)
    return Usage(**kept) if kept else None
