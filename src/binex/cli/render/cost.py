"""What a run cost."""

from collections.abc import Iterator

from binex.cli.render.look import Look
from binex.cli.render.run_head import is_replay, run_head
from binex.cli.render.spending import cost_of, spending
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.models.call import Spend
from binex.models.cost import BudgetUse, CostReport
from binex.models.money import dollars
from binex.models.run import RunMode

_NUMBERS = (
    Column("CALLS", is_right=True, weight=1),
    Column("IN", is_right=True, weight=2),
    Column("CACHED", is_right=True, weight=4),
    Column("OUT", is_right=True, weight=2),
    Column("REASONING", is_right=True, weight=4),
    Column("COST", is_right=True),
)


def cost_report(report: CostReport, look: Look) -> str:
    """The run, what it cost in all, and what each node and each model had of it."""
    head = [run_head(report.run, look), "", *_totals(report, look)]
    if not report.models:
        return "\n".join(head)
    nodes = [[Cell(one.node, "strong"), *_numbers(one.spend)] for one in report.nodes]
    models = [[Cell(one.model, "strong"), *_numbers(one.spend)] for one in report.models]
    parts = [
        "\n".join(head),
        table((Column("NODE", least=8), *_NUMBERS), nodes, look),
        table((Column("MODEL", least=12), *_NUMBERS), models, look),
    ]
    sources = sorted({source for one in report.models for source in one.priced_by})
    if sources:
        parts.append(look.paint(f"prices: {escape('; '.join(sources))}", "faint"))
    return "\n\n".join(parts)


def _totals(report: CostReport, look: Look) -> Iterator[str]:
    if not report.models:
        yield "no calls of models"
    else:
        replayed = ", replayed" if is_replay(report.run) else ""
        yield look.paint(f"{spending(report.total)}{replayed}", "strong")
    if report.run.origin is not None and report.run.origin.mode is RunMode.FORK:
        yield look.paint(f"what was taken over has its cost in run {escape(report.run.origin.parent)}", "faint")
    if report.budget is not None:
        yield f"budget of the run: {_use(report.budget)}"
    for node in report.nodes:
        if node.budget is not None:
            yield f"budget of {escape(node.node)}: {_use(node.budget)}"


def _use(use: BudgetUse) -> str:
    left = f"{dollars(use.left)} left" if use.left >= 0 else f"exceeded by {dollars(-use.left)}"
    return f"{dollars(use.max_cost)}, {left} (policy: {use.policy})"


def _numbers(spend: Spend) -> list[Cell]:
    style = "warn" if spend.unpriced_calls else "plain"
    counts = (spend.model_calls, spend.input_tokens, spend.cached_tokens, spend.output_tokens, spend.reasoning_tokens)
    return [*(Cell(f"{number:,}" if number else "·", "plain") for number in counts), Cell(cost_of(spend), style)]
