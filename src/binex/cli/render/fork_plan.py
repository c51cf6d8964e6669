"""What a fork would do, before anything is paid for."""

from binex.cli.render.look import Look
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.fork import Decision, ForkPlan, NodePlan
from binex.models.money import dollars

_COLUMNS = (
    Column("NODE", least=8),
    Column("WHAT HAPPENS"),
    Column("TASKS", is_right=True, weight=3),
    Column("COST", is_right=True, weight=1),
    Column("WHY", least=10, weight=2),
)
_WORDS = {
    Decision.RUN: ("runs", "busy"),
    Decision.MAY_RUN: ("runs if changed", "plain"),
    Decision.REUSED: ("reused", "faint"),
    Decision.EDITED: ("edited", "warn"),
    Decision.LEFT_OUT: ("left out", "faint"),
}
_REUSED_SHOWN = 12


def fork_plan(plan: ForkPlan, look: Look) -> str:
    """The nodes that run, those that may, and what it will probably cost."""
    lines = [f"a fork of run {escape(plan.parent)}"]
    for title, nodes in (("added", plan.added), ("removed", plan.removed), ("changed", plan.changed)):
        if nodes:
            lines.append(f"  {title}: {escape(', '.join(nodes))}")
    shown = [node for node in plan.nodes if node.decision is not Decision.REUSED]
    reused = [node for node in plan.nodes if node.decision is Decision.REUSED]
    if len(reused) <= _REUSED_SHOWN:
        shown = list(plan.nodes)
    lines += ["", table(_COLUMNS, [_row(node) for node in shown], look)]
    if len(reused) > _REUSED_SHOWN:
        lines.append(look.paint(f"and {count(len(reused), 'node')} reused as they are", "faint"))
    lines += ["", _sum(plan)]
    return "\n".join(lines)


def _row(node: NodePlan) -> list[Cell]:
    words, style = _WORDS[node.decision]
    runs = node.decision in (Decision.RUN, Decision.MAY_RUN)
    cost = "" if not runs else "unknown" if node.cost_usd is None else dollars(node.cost_usd)
    return [
        Cell(node.node, "strong" if runs else "plain"),
        Cell(words, style),
        Cell(f"{node.tasks:,}"),
        Cell(cost),
        Cell(node.why, "faint"),
    ]


def _sum(plan: ForkPlan) -> str:
    certain, highest = dollars(plan.certain_cost_usd), dollars(plan.highest_cost_usd)
    between = certain if certain == highest else f"{certain} to {highest}"
    text = f"will probably cost {between}, going by what the same tasks have cost"
    if plan.unpriced:
        text += f"; not counting {escape(', '.join(plan.unpriced))}, whose cost is unknown"
    return text
