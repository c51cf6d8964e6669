"""What a run would do, before anything is paid for."""

from binex.analysis.preview import NodePreview, RunPreview
from binex.cli.render.look import Look
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.money import dollars

_COLUMNS = (
    Column("WAVE", is_right=True),
    Column("NODE", least=8),
    Column("AGENT", least=12),
    Column("AFTER", least=8, weight=1),
    Column("PRICE", weight=3),
    Column("COST", is_right=True),
    Column("WHEN", least=8, weight=2),
)


def run_preview(plan: RunPreview, look: Look) -> str:
    """The nodes in waves, what is missing, and what it will probably cost."""
    lines = [table(_COLUMNS, [_row(node) for node in plan.nodes], look), "", _sum(plan)]
    if plan.missing:
        lines += ["", look.paint(f"{count(len(plan.missing), 'thing')} missing", "bad")]
        for one in plan.missing:
            lines.append(f"  {escape(one.message)}")
            if one.fix:
                lines.append(look.paint(f"    fix: {escape(one.fix)}", "faint"))
    return "\n".join(lines)


def _row(node: NodePreview) -> list[Cell]:
    each = "" if node.foreach is None else f" for each of {node.foreach}"
    cost = "unknown" if node.cost_usd is None else dollars(node.cost_usd) if node.cost_usd else ""
    return [
        Cell(str(node.wave)),
        Cell(node.node + each, "strong"),
        Cell(node.agent),
        Cell(", ".join(node.after), "faint"),
        Cell(node.price, "faint"),
        Cell(cost),
        Cell(node.when or "", "faint"),
    ]


def _sum(plan: RunPreview) -> str:
    text = f"{count(len(plan.nodes), 'node')} in {count(plan.waves, 'wave')}"
    if plan.probable_cost_usd or (plan.known_from and not plan.unpriced):
        runs = "run" if len(plan.known_from) == 1 else f"{len(plan.known_from)} runs"
        text += f"; will probably cost {dollars(plan.probable_cost_usd)}, going by the {runs} before"
    if plan.unpriced:
        text += f"; not known what {escape(', '.join(plan.unpriced))} will cost"
    if plan.budget is not None:
        text += f"; at the most {dollars(plan.budget.max_cost)} may be spent"
    return text
