"""What a store takes on the disk."""

from binex.analysis.room.usage import RunUsageDetail, StoreUsage, Usage
from binex.cli.render.look import Look, style_of, words_of
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import ago, count, size

_WORKFLOWS = (
    Column("WORKFLOW", least=8),
    Column("RUNS", is_right=True),
    Column("TOTAL", is_right=True),
    Column("DATABASE", is_right=True, weight=2),
    Column("ARTIFACTS", is_right=True, weight=2),
    Column("CALLS", is_right=True, weight=2),
    Column("SHARED CALLS", is_right=True, weight=3),
)
_RUNS = (
    Column("RUN"),
    Column("WORKFLOW", least=8, weight=1),
    Column("TOTAL", is_right=True),
    Column("DATABASE", is_right=True, weight=3),
    Column("ARTIFACTS", is_right=True, weight=3),
    Column("CALLS", is_right=True, weight=3),
    Column("SHARED CALLS", is_right=True, weight=4),
    Column("STARTED", is_right=True, weight=2),
)
_MOST_WORKFLOWS = 10


def store_usage(usage: StoreUsage, limit: int, look: Look) -> str:
    """By kind, by workflow, and the largest *limit* runs."""
    unneeded = usage.unneeded
    parts = [f"{look.paint(size(usage.total), 'strong')} on the disk, {count(len(usage.runs), 'run')}"]
    kinds = [
        ("rows of runs in the database", usage.rows, ""),
        ("files of artifacts", usage.artifacts, ""),
        ("what was said in calls", usage.bodies, ""),
        ("workflows, and the rest of the database", usage.shared_rows, ""),
        ("folders and other files", usage.other, ""),
        ("unused pages of the database", unneeded.unused, "binex clean --vacuum"),
        ("the database's log", unneeded.log, "binex clean"),
        ("orphans of calls", unneeded.orphans, "binex clean"),
        ("left by processes that died", unneeded.temporary, "binex clean"),
        ("backups", unneeded.backups, "delete the folder 'backups'"),
    ]
    columns = (Column("WHAT", least=12), Column("SIZE", is_right=True), Column("GIVEN BACK BY", weight=1))
    parts.append(
        table(
            columns,
            [
                [Cell(what), Cell(size(number)), Cell(how if number else "", "faint")]
                for what, number, how in kinds
                if number
            ],
            look,
        )
    )
    if usage.workflows:
        shown = usage.workflows[:_MOST_WORKFLOWS]
        rows = [
            [Cell(one.workflow), Cell(f"{one.runs:,}"), Cell(size(one.own), "strong"), *_sizes(one)] for one in shown
        ]
        parts.append(table(_WORKFLOWS, rows, look) + _more(len(usage.workflows) - len(shown), "workflow", look))
    if usage.runs and limit:
        largest = usage.runs[:limit]
        lines = [
            [
                Cell(run.id, "strong"),
                Cell(run.workflow),
                Cell(size(run.own), "strong"),
                *_sizes(run),
                Cell(ago(run.started_at) if run.started_at else "", "faint"),
            ]
            for run in largest
        ]
        parts.append(table(_RUNS, lines, look) + _more(len(usage.runs) - len(largest), "run", look))
    return "\n\n".join(parts)


def run_usage(detail: RunUsageDetail, look: Look) -> str:
    """What one run takes, and whom it binds."""
    usage = detail.usage
    kept = "" if usage.kept_as is None else f", kept{f' as {usage.kept_as!r}' if usage.kept_as else ''}"
    head = f"run {look.paint(usage.id, 'strong')} ({escape(usage.workflow)}) is "
    head += look.paint(words_of(usage.status), style_of(usage.status)) + kept
    rows = [
        ("rows in the database", usage.rows, ""),
        ("files of artifacts", usage.artifacts, count(usage.artifact_count, "artifact")),
        ("said in its calls alone", usage.bodies, count(usage.call_count, "call")),
        ("said in calls of other runs too", usage.shared_bodies, "stays as long as one of them does"),
    ]
    columns = (Column("WHAT", least=12), Column("SIZE", is_right=True), Column("", weight=1))
    parts = [
        head,
        table(columns, [[Cell(what), Cell(size(number)), Cell(note, "faint")] for what, number, note in rows], look),
    ]
    bound = []
    if detail.needs:
        bound.append(f"it needs {_named(detail.needs)}")
    if detail.needed_by:
        bound.append(f"it is needed by {_named(detail.needed_by)}")
    bound.append(
        f"it cannot go as long as {'that stays' if len(detail.needed_by) == 1 else 'those stay'}"
        if detail.needed_by
        else f"removed alone, it gives {size(detail.frees)} back"
    )
    return "\n\n".join([*parts, "\n".join(bound)])


def _sizes(usage: Usage) -> list[Cell]:
    return [Cell(size(number)) for number in (usage.rows, usage.artifacts, usage.bodies, usage.shared_bodies)]


def _named(ids: tuple[str, ...]) -> str:
    shown = ", ".join(ids[:5])
    return f"run {shown}" if len(ids) == 1 else f"{len(ids):,} runs: {shown}" + (", …" if len(ids) > 5 else "")


def _more(left: int, what: str, look: Look) -> str:
    return "\n" + look.paint(f"{look.glyph('…', '~')} {count(left, f'smaller {what}')}", "faint") if left > 0 else ""
