"""What a cleaning would remove, and what became of it."""

from collections import Counter

from binex.analysis.room.retention import CleaningPlan, CleaningReport, ProtectedRun, Protection
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import ago, count, size

_MOST = 12
_WORTH_TELLING = 64 * 1024
_COLUMNS = (
    Column("RUN"),
    Column("WORKFLOW", least=8, weight=1),
    Column("STATUS", weight=3),
    Column("GIVES BACK", is_right=True),
    Column("STARTED", is_right=True, weight=2),
)
_WHY = {
    Protection.KEPT: "kept",
    Protection.EXECUTED: "being executed",
    Protection.UNFINISHED: "unfinished (--include-unfinished takes them too)",
    Protection.NEEDED: "needed by runs that stay",
    Protection.UNREADABLE: "damaged (binex doctor)",
}


def cleaning_plan(plan: CleaningPlan, look: Look, *, has_conditions: bool) -> str:
    """What goes, how much comes back, what stays and why."""
    parts = []
    if plan.runs:
        parts.append(
            f"{count(len(plan.runs), 'run')} {'goes' if len(plan.runs) == 1 else 'go'}:\n" + _going(plan, look)
        )
    elif has_conditions:
        parts.append("no run goes")
    else:
        parts.append("no run goes: say which may, as in --older-than 30d, --keep-last 20 or --max-size 2GiB")
    if plan.protected:
        parts.append("what was asked for and stays:\n" + "\n".join(_protected(plan, look)))
    parts.append("\n".join(_sums(plan, look)))
    return "\n\n".join(parts)


def cleaning_report(report: CleaningReport, look: Look) -> str:
    """What was given back."""
    removed = f"removed {count(len(report.plan.runs), 'run')}; " if report.plan.runs else ""
    freed = max(0, report.plan.size - report.size)
    lines = [f"{removed}{look.paint(size(freed), 'strong')} given back, the store takes {size(report.size)} now"]
    if report.unused > _WORTH_TELLING:
        lines.append(
            f"{size(report.unused)} are unused in the database, and used again before it grows; --vacuum frees them"
        )
    if report.bodies_left:
        lines.append(f"what was said in calls was left: {escape(report.bodies_left)}; clean again afterwards")
    return "\n".join(lines)


def _going(plan: CleaningPlan, look: Look) -> str:
    rows = [
        [
            Cell(run.id, "strong"),
            Cell(run.workflow),
            Cell(words_of(run.status), style_of(run.status), look.mark(run.status)),
            Cell(size(run.frees)),
            Cell(ago(run.started_at) if run.started_at else "", "faint"),
        ]
        for run in plan.runs[:_MOST]
    ]
    left = len(plan.runs) - len(rows)
    more = (
        "\n" + look.paint(f"{look.glyph('…', '~')} {count(left, 'more run')}: --json lists all", "faint")
        if left
        else ""
    )
    return table(_COLUMNS, rows, look) + more


def _protected(plan: CleaningPlan, look: Look) -> list[str]:
    counted = Counter(run.why for run in plan.protected)
    lines = []
    for why, number in counted.items():
        of = [run for run in plan.protected if run.why is why]
        shown = ", ".join(map(_named, of[:3])) + (f", {look.glyph('…', '...')}" if number > 3 else "")
        lines.append(f"  {number:,} {_WHY[why]}: {shown}")
    return lines


def _named(run: ProtectedRun) -> str:
    if run.needed_by is not None:
        return f"{run.id} (for {run.needed_by})"
    return f"{run.id} ({run.name})" if run.name else run.id


def _sums(plan: CleaningPlan, look: Look) -> list[str]:
    given = f"gives back about {look.paint(size(plan.frees), 'strong')} of {size(plan.size)}"
    lines = [given + (f", {size(plan.leftovers)} of it left over already" if plan.leftovers and plan.runs else "")]
    if plan.staying:
        whole = plan.replayable == plan.staying
        stays = f"{count(plan.staying, 'run')} {'stays' if plan.staying == 1 else 'stay'}, "
        lines.append(stays + ("replayable as before" if whole else f"{plan.replayable:,} of them replayable as before"))
    if plan.incomplete:
        shown = ", ".join(plan.incomplete[:3]) + (", …" if len(plan.incomplete) > 3 else "")
        lines.append(f"incomplete already, whatever goes: {shown}")
    if not plan.is_enough:
        lines.append(look.paint("the store stays larger than was asked for: nothing else may go", "warn"))
    if plan.bodies_wait:
        lines.append("a run is being executed: what was said in calls is given back by the next clean after it")
    return lines
