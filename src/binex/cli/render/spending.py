"""What calls of models cost, in words."""

from binex.cli.render.units import count
from binex.models.call import Spend
from binex.models.money import dollars


def spending(spend: Spend) -> str:
    """``$0.0123 for 3 model calls``; ``at least`` and ``unknown`` where prices are not known."""
    calls = count(spend.model_calls, "model call")
    return f"cost unknown for {calls}" if spend.unpriced_calls == spend.model_calls else f"{cost_of(spend)} for {calls}"


def cost_of(spend: Spend) -> str:
    """``$0.0034``, ``at least $0.0034``, or ``unknown``."""
    if not spend.unpriced_calls:
        return dollars(spend.cost_usd)
    if spend.unpriced_calls == spend.model_calls:
        return "unknown"
    return f"at least {dollars(spend.cost_usd)}"
