"""What a fork would do, before it does it."""

from enum import StrEnum

from binex.models.base import Model
from binex.models.change import Change


class Decision(StrEnum):
    """What happens to a node in a fork."""

    RUN = "run"
    """It is executed."""
    MAY_RUN = "may_run"
    """It is executed, unless what it is given comes out as it was."""
    REUSED = "reused"
    """Its outcome is taken over."""
    EDITED = "edited"
    """Its outcome is taken over, with what was put in place of an artifact."""
    LEFT_OUT = "left_out"
    """Only another node was asked for."""


class NodePlan(Model):
    """What happens to one node."""

    node: str
    decision: Decision
    why: str = ""
    """What makes it run, in words."""
    tasks: int = 1
    """How many tasks it was in the parent: one, and one for each item of a foreach."""
    cost_usd: float | None = 0.0
    """What it cost in the parent, and so will probably cost again; None where that is unknown."""


class ForkPlan(Model):
    """What a fork would do with every node, and what that will probably cost."""

    parent: str
    changes: tuple[Change, ...] = ()
    fork_points: tuple[str, ...] = ()
    nodes: tuple[NodePlan, ...] = ()
    """In the order of the workflow."""
    added: tuple[str, ...] = ()
    """Nodes that the parent's workflow does not have."""
    removed: tuple[str, ...] = ()
    """Nodes that only the parent's workflow has."""
    changed: tuple[str, ...] = ()
    """Nodes that are defined otherwise."""
    certain_cost_usd: float = 0.0
    """What the nodes that run for sure will probably cost, as far as that is known."""
    highest_cost_usd: float = 0.0
    """The same if all run that may."""
    unpriced: tuple[str, ...] = ()
    """Nodes that may run, and whose cost is unknown."""
