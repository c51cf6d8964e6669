"""What work will probably cost: what it did cost, or what the same tokens cost elsewhere."""

from typing import Final

from binex.adapters.base import PricesTokens
from binex.adapters.registry import Registry
from binex.models.call import Spend

_MANY: Final = Spend(input_tokens=1_000_000, output_tokens=1_000_000)


def probable_cost(registry: Registry, agent: str, spent: Spend | None, *, is_same_agent: bool) -> float | None:
    """What *agent* will take for what once was *spent*, by it or by another one, in US dollars; None: unknown."""
    adapter = registry.adapter_for(agent)
    if not isinstance(adapter, PricesTokens):
        return 0.0
    if spent is None:
        return 0.0 if adapter.price_of(agent, _MANY) == 0 else None
    if is_same_agent:
        return None if spent.unpriced_calls else spent.cost_usd
    return adapter.price_of(agent, spent)
