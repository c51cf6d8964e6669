"""The first commit at which a workflow no longer comes out as it should, and what was executed to find it."""

from collections.abc import Iterator
from typing import Final

from binex.analysis.bisection.commits import Commit, CommitReport, CommitState, CommitTrial
from binex.analysis.bisection.report import BisectVerdict
from binex.cli.render.bisect import STOPPED
from binex.cli.render.look import Look
from binex.cli.render.spending import spending
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import count

_COLUMNS: Final = (
    Column("COMMIT"),
    Column("OUTCOME"),
    Column("PASSED", is_right=True, weight=2),
    Column("SUBJECT", least=12, weight=1),
)
_STYLES: Final = {CommitState.GOOD: "good", CommitState.BAD: "bad", CommitState.SKIPPED: "warn"}
_FILES_SHOWN: Final = 20
_SUSPECTS_SHOWN: Final = 20
_ID: Final = 12


def commit_report(report: CommitReport, look: Look) -> str:
    """The first bad commit and what it changed; then what was executed."""
    parts = ["\n".join(_verdict(report, look))]
    if report.trials:
        parts.append(table(_COLUMNS, [_row(one) for one in report.trials], look))
    skipped = [one for one in report.trials if one.state is CommitState.SKIPPED]
    if skipped:
        parts.append("\n".join(f"{one.commit.id[:_ID]} was skipped: {escape(one.trial.why)}" for one in skipped))
    parts.append(look.paint(f"{escape(report.workflow)}, judged by: {escape(report.judge)}", "faint"))
    if report.total.model_calls:
        parts.append(f"all of it cost {spending(report.total)}")
    return "\n\n".join(parts)


def _verdict(report: CommitReport, look: Look) -> Iterator[str]:
    match report.verdict:
        case BisectVerdict.FOUND if report.first_bad is not None:
            commit = report.first_bad
            yield f"{look.mark('completed')} the first bad commit is {look.paint(commit.id[:_ID], 'strong')}"
            yield f"    {look.paint(escape(commit.subject), 'strong')}"
            yield f"    {escape(commit.author)}, {commit.date:%Y-%m-%d %H:%M %z}"
            yield from (f"    {look.paint('changed', 'faint')} {escape(file)}" for file in commit.files[:_FILES_SHOWN])
            if len(commit.files) > _FILES_SHOWN:
                yield f"    and {count(len(commit.files) - _FILES_SHOWN, 'more file')}: --json"
        case BisectVerdict.NOISY:
            yield f"{look.mark('interrupted')} the two commits do not come out differently: nothing was searched"
            yield look.paint(
                "  were the runs made with what is not committed, or is it chance? Name other commits, or take --times",
                "faint",
            )
        case BisectVerdict.STOPPED:
            why = STOPPED[report.stopped_by] if report.stopped_by is not None else "it was stopped"
            yield f"{look.mark('interrupted')} not done: {why}"
            yield from _suspects(report.suspects, look)
        case _:
            yield f"{look.mark('failed')} what lies between could not be judged"
            yield from _suspects(report.suspects, look)


def _suspects(suspects: tuple[Commit, ...], look: Look) -> Iterator[str]:
    if suspects:
        yield f"  the first bad commit is one of {count(len(suspects), 'commit')}:"
    for commit in suspects[:_SUSPECTS_SHOWN]:
        yield f"    {look.paint(commit.id[:_ID], 'strong')}  {escape(commit.subject)}"
    if len(suspects) > _SUSPECTS_SHOWN:
        yield f"    and {count(len(suspects) - _SUSPECTS_SHOWN, 'more commit')}: --json"


def _row(one: CommitTrial) -> list[Cell]:
    trial = one.trial
    return [
        Cell(one.commit.id[:_ID], "strong"),
        Cell(one.state.value, _STYLES[one.state]),
        Cell(f"{trial.passed:,} of {trial.total:,}" if trial.total else "-"),
        Cell(one.commit.subject),
    ]
