"""Amounts of money in words."""

import math


def dollars(usd: float) -> str:
    """``$0``, ``$0.0000452``, ``$0.50``, ``$1,204.50``: to the cent, and below a dollar three digits that count."""
    if usd == 0:
        return "$0"
    if abs(usd) >= 0.9995:
        return f"${usd:,.2f}"
    shown = f"{usd:.{min(2 - math.floor(math.log10(abs(usd))), 12)}f}"
    cents = shown.index(".") + 3
    return f"${shown[:cents]}{shown[cents:].rstrip('0')}"
