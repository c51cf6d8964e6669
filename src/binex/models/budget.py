"""What a run, or a node of it, may cost."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from binex.models.base import Model


class BudgetPolicy(StrEnum):
    """What happens where a budget does not allow the next call."""

    STOP = "stop"
    WARN = "warn"
    ASK = "ask"


class Budget(Model):
    """What may be spent."""

    max_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    """The most that the calls of models may cost together."""
    currency: Literal["USD"] = "USD"
    """The currency of `max_cost`; prices are known in US dollars only."""
    policy: BudgetPolicy = BudgetPolicy.STOP
    """`stop` makes no call that could go beyond it, `warn` only says so, `ask` asks a person."""
