"""What a run cost: in all, by node and by model."""

from binex.models.base import Model
from binex.models.budget import BudgetPolicy
from binex.models.call import Spend
from binex.models.run import Run


class BudgetUse(Model):
    """How much of a budget is used."""

    max_cost: float
    """What may be spent in all, as far as somebody has raised it."""
    policy: BudgetPolicy
    left: float
    """What is left of it; less than nothing where more was spent."""


class NodeCost(Model):
    """What the calls of one node cost, those of all its items and attempts."""

    node: str
    spend: Spend
    budget: BudgetUse | None = None


class ModelCost(Model):
    """What the calls to one model cost."""

    model: str
    """`provider/model`."""
    spend: Spend
    priced_by: tuple[str, ...] = ()
    """Who says what it costs."""


class CostReport(Model):
    """What `binex cost --json` prints."""

    run: Run
    total: Spend
    nodes: tuple[NodeCost, ...] = ()
    """Dearest first."""
    models: tuple[ModelCost, ...] = ()
    """Dearest first."""
    budget: BudgetUse | None = None
    """How much of the run's budget is used."""
