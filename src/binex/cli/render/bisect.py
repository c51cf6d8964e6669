"""Which change moves an outcome, how sure that is, and what was tried to find it."""

import json
from collections.abc import Collection, Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from binex.analysis.bisection.report import (
    BisectPlan,
    BisectReport,
    BisectVerdict,
    ChangedThing,
    Culprit,
    StoppedBy,
    SwapPlan,
    ThingKind,
    Trial,
)
from binex.analysis.bisection.search import Moved
from binex.analysis.differences.first_difference import excerpts
from binex.cli.render.look import Look
from binex.cli.render.spending import spending
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import clip, escape
from binex.cli.render.units import count
from binex.models.fork import Decision
from binex.models.money import dollars

_TRIALS: Final = (
    Column("PASSED", is_right=True),
    Column("95 % INTERVAL", is_right=True, weight=2),
    Column("OUTCOME", weight=1),
    Column("AS IN THE BAD RUN", least=16),
)
_PLAN: Final = (
    Column("SWAPPED ALONE", least=16),
    Column("RUNS", is_right=True),
    Column("COST", is_right=True, weight=1),
    Column("NODES", least=10, weight=2),
)
_NAMES_SHOWN: Final = 3
_VALUE_SHOWN: Final = 400
STOPPED: Final = {
    StoppedBy.BUDGET: "the budget does not allow another execution",
    StoppedBy.INTERRUPTED: "it was interrupted",
    StoppedBy.WAITING: "somebody would have to answer first",
}


def bisect_report(report: BisectReport, look: Look) -> str:
    """The verdict first; then how much is chance, what was tried, and what could not be."""
    parts = ["\n".join(_verdict(report, look))]
    if report.noise:
        parts.append("\n".join(_noise(report, look)))
    if report.trials:
        parts.append(_trials(report, look))
    named = [name for culprit in report.culprits for name in culprit.changes]
    left_out = [*_left_out(report.changes, named, look), *(look.paint(escape(note), "faint") for note in report.notes)]
    if left_out:
        parts.append("\n".join(left_out))
    if report.total.model_calls:
        parts.append(f"all of it cost {spending(report.total)}")
    return "\n\n".join(parts)


def bisect_plan(plan: BisectPlan, look: Look) -> str:
    """What changed, what swapping it would execute, and what all of it will probably cost."""
    head = f"run {escape(plan.good)} passes and run {escape(plan.bad)} does not: {escape(plan.judge)}"
    parts = [head]
    if plan.swaps:
        parts.append(table(_PLAN, [_plan_row(swap) for swap in (*plan.noise, *plan.swaps)], look))
    obstacles = [swap for swap in (*plan.noise, *plan.swaps) if swap.obstacle]
    lines = [f"{escape(swap.change)}: {escape(swap.obstacle)}" for swap in obstacles]
    left_out = [*_left_out(plan.changes, (), look), *(look.paint(line, "warn") for line in lines)]
    if left_out:
        parts.append("\n".join(left_out))
    each = "once" if plan.times == 1 else f"{plan.times:,} times"
    few, most = plan.fewest_trials, plan.most_trials
    mixtures = count(few, "mixture") if few == most else f"{few:,} to {count(most, 'mixture')}"
    cost = dollars(plan.probable_cost_usd)
    if plan.most_cost_usd != plan.probable_cost_usd:
        cost += f" to {dollars(plan.most_cost_usd)} at the worst"
    text = f"both runs again and {mixtures}, each {each}, will probably cost {cost}"
    if plan.unpriced:
        text += f"; not counting {escape(', '.join(plan.unpriced))}, whose cost is unknown"
    return "\n\n".join([*parts, text])


def trial_line(trial: Trial) -> str:
    """How one attempt went, for somebody who waits."""
    passed = f"{trial.passed:,} of {trial.total:,} pass" if trial.total else "cannot be tried"
    names = _some(trial.changes) if trial.changes else "nothing swapped"
    return f"{passed}: {escape(names)}"


def rate(trial: Trial) -> str:
    """``4 of 5 pass, 80 % (95 % interval 38 % to 96 %)``."""
    passed = f"{trial.passed:,} of {trial.total:,} pass"
    if trial.total < 2:
        return "passes" if trial.passed else "does not pass"
    return f"{passed}, {100 * trial.rate:.0f} % (95 % interval {_interval(trial)})"


def _verdict(report: BisectReport, look: Look) -> Iterator[str]:
    things = {thing.name: thing for thing in report.changes}
    match report.verdict:
        case BisectVerdict.FOUND:
            for culprit in report.culprits:
                yield from _culprit(culprit, things, report, look)
            if len(report.culprits) > 1:
                yield look.paint("  each of them is enough without the others", "faint")
            named = {name for culprit in report.culprits for name in culprit.changes}
            rest = [trial for trial in report.trials if named.isdisjoint(trial.changes) and not trial.total]
            if any(len(trial.changes) + len(named) == len(report.noise[1].changes) for trial in rest):
                yield look.paint("  whether something else moves it as well could not be tried", "faint")
        case BisectVerdict.NOISY:
            yield f"{look.mark('interrupted')} the difference may be chance: nothing was searched"
            yield look.paint("  take more samples with --times, or search all the same with --anyway", "faint")
        case BisectVerdict.NOT_FOUND:
            yield f"{look.mark('failed')} nothing that changed moves the outcome"
        case BisectVerdict.STOPPED:
            why = STOPPED[report.stopped_by] if report.stopped_by is not None else "it was stopped"
            yield f"{look.mark('interrupted')} not done: {why}"
            if report.narrowed_to:
                yield f"  so far it is known that {_strong(report.narrowed_to, look)} move the outcome together"


def _culprit(culprit: Culprit, things: dict[str, ChangedThing], report: BisectReport, look: Look) -> Iterator[str]:
    names = _strong(culprit.changes, look)
    what = f"{names} moves the outcome"
    if len(culprit.changes) > 1:
        what = f"{names} move the outcome, {'only together' if culprit.is_smallest else 'all together or some of them'}"
    yield f"{look.mark('completed')} {what}, {_sure(culprit.sureness, report.times)}"
    if not culprit.is_smallest:
        yield look.paint("    what would tell them apart could not be tried, see below", "faint")
        if any(thing.kind is ThingKind.CODE for name, thing in things.items() if name in culprit.changes):
            over_commits = f"binex bisect {escape(report.good)} {escape(report.bad)} --git"
            yield "    code that is in a git repository can be tried as it was: " + look.paint(over_commits, "strong")
    for name in culprit.changes:
        thing = things.get(name)
        if thing is None:
            yield from (f"    {_one_line(part.name)}: {_one_line(part.obstacle)}" for part in report.changes
                        if part.obstacle and not part.is_out_of_reach)  # fmt: skip
        elif thing.obstacle:
            yield f"    {_one_line(thing.obstacle)}; this is about {escape(', '.join(thing.nodes))}"
        elif thing.kind is ThingKind.ARTIFACT:
            node = thing.nodes[0]
            yield "    it was given the same in both runs, so this is chance or the world outside"
            yield "    how far it varies: " + look.paint(
                f"binex replay {escape(report.good)} --only {escape(node)} --times 20", "strong"
            )
        elif thing.kind is ThingKind.EDIT:
            yield "    somebody put something else in its place"
        elif thing.kind is ThingKind.CODE:
            yield f"    used by {escape(', '.join(thing.nodes))}"
        else:
            yield from _values(thing, look)


def _values(thing: ChangedThing, look: Look) -> Iterator[str]:
    good, bad = (_text(value) for value in (thing.good, thing.bad))
    if isinstance(thing.good, str) and isinstance(thing.bad, str):
        good, bad = excerpts(thing.good, thing.bad)
    room = look.width - 10 if look.is_terminal else _VALUE_SHOWN
    for side, text in (("good", good), ("bad ", bad)):
        yield f"    {look.paint(side, 'faint')}  {clip(_one_line(text), room, ellipsis=look.glyph('…', '~'))}"


def _noise(report: BisectReport, look: Look) -> Iterator[str]:
    yield f"judged by: {escape(report.judge)}"
    for name, run, trial in zip(("good", "bad "), (report.good, report.bad), report.noise, strict=False):
        told = f"{rate(trial)}, as it was recorded" if trial.runs == (run,) else f"executed again {rate(trial)}"
        yield f"  {look.paint(name, 'faint')}  run {escape(run)}: {told}"
        if trial.why:
            room = look.width - 10 if look.is_terminal else _VALUE_SHOWN
            yield look.paint(f"        {clip(_one_line(trial.why), room, ellipsis=look.glyph('…', '~'))}", "faint")


def _trials(report: BisectReport, look: Look) -> str:
    """What was tried; without intervals where everything was executed once."""
    rows = [_trial_row(trial, report) for trial in report.trials]
    if any(trial.total > 1 for trial in report.trials):
        return table(_TRIALS, rows, look)
    return table([_TRIALS[0], *_TRIALS[2:]], [[row[0], *row[2:]] for row in rows], look)


def _trial_row(trial: Trial, report: BisectReport) -> list[Cell]:
    if not trial.total:
        what = f"{_all_but(trial.changes, report.noise[1].changes)}: {trial.why}"
        return [Cell("-"), Cell(""), Cell("cannot be tried", "warn"), Cell(what)]
    outcome, style = ("as in bad", "bad") if trial.moved is Moved.YES else ("as in good", "good")
    names = _all_but(trial.changes, report.noise[1].changes)
    interval = _interval(trial) if trial.total > 1 else ""
    unclear = "" if trial.is_clear else ", perhaps"
    return [Cell(f"{trial.passed:,} of {trial.total:,}"), Cell(interval), Cell(outcome + unclear, style), Cell(names)]


def _left_out(changes: Sequence[ChangedThing], named: Collection[str], look: Look) -> Iterator[str]:
    """What was not tried, and why; *named* was explained already."""
    for thing in changes:
        if thing.is_cleared:
            yield f"not to blame: {escape(thing.name)}: with today's code in both, the runs differ all the same"
        elif thing.is_out_of_reach:
            yield look.paint(f"not tried: {escape(thing.name)} does not lead to what is judged", "faint")
        elif thing.obstacle and thing.name not in named:
            yield f"not by itself: {escape(thing.name)}: {escape(thing.obstacle)}"


def _plan_row(swap: SwapPlan) -> list[Cell]:
    if swap.plan is None:
        return [Cell(swap.change), Cell("-"), Cell(""), Cell("cannot be tried", "warn")]
    running = [node for node in swap.plan.nodes if node.decision in (Decision.RUN, Decision.MAY_RUN)]
    names = ", ".join(node.node + ("" if node.decision is Decision.RUN else "?") for node in running)
    return [
        Cell(swap.change, "strong"),
        Cell(f"{len(running):,}"),
        Cell(dollars(swap.plan.highest_cost_usd)),
        Cell(names, "faint"),
    ]


def _sure(sureness: float, times: int) -> str:
    if times == 1 and sureness == 1:
        return "if nothing in it is left to chance"
    words = "almost certainly" if sureness >= 0.95 else "probably" if sureness >= 0.8 else "perhaps"
    return f"{words} ({100 * min(sureness, 0.999):.1f} %)"


def _strong(names: Sequence[str], look: Look) -> str:
    return " and ".join(look.paint(escape(name), "strong") for name in names)


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return ", ".join(names[:_NAMES_SHOWN]) + more


def _all_but(names: Sequence[str], everything: Sequence[str]) -> str:
    """*names*, or what they are without where that is less to say."""
    others = [name for name in everything if name not in names]
    return f"all but {_some(others)}" if len(others) < len(names) else _some(names)


def _interval(trial: Trial) -> str:
    return f"{100 * trial.low:.0f} % to {100 * trial.high:.0f} %"


def _text(value: JsonValue) -> str:
    if value is None:
        return "nothing"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _one_line(text: str) -> str:
    return escape(" ".join(text[:_VALUE_SHOWN].split()))
