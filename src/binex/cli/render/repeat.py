"""What a task has made when it was executed many times: in how many ways, how far apart, as expected or not."""

import json
from collections import Counter
from collections.abc import Callable, Iterator

from pydantic import JsonValue

from binex.analysis.repetition.likeness import Group, Standing
from binex.analysis.repetition.report import PassRate, RepeatReport, Spread, Spreads, StopReason
from binex.analysis.repetition.samples import Sample
from binex.cli.render.errors import brief
from binex.cli.render.look import Look, words_of
from binex.cli.render.spending import cost_of, spending
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import clip, escape
from binex.cli.render.units import count, duration
from binex.models.call import Spend
from binex.models.money import dollars

_GROUPS_SHOWN = 12
_FAILURES_SHOWN = 6
_OUTPUT_SHOWN = 160
_GROUPS = (
    Column("SAMPLES", is_right=True),
    Column("SHARE", is_right=True, weight=2),
    Column("ALIKE", weight=1),
    Column("RUN", weight=3),
    Column("OUTPUT", least=20),
)
_SPREADS = (
    Column(""),
    Column("LEAST", is_right=True),
    Column("MEDIAN", is_right=True),
    Column("P90", is_right=True),
    Column("MOST", is_right=True),
    Column("RECORDED", is_right=True, weight=1),
)
_STOPPED = {
    StopReason.BUDGET: "the budget is used up",
    StopReason.INTERRUPTED: "it was interrupted",
    StopReason.WAITING: "somebody has to answer first",
}


def repeat_report(report: RepeatReport, look: Look) -> str:
    """What came out, in groups; how far it varies; whether what was recorded is usual; whether it is as expected."""
    parts = ["\n".join(_head(report, look))]
    if report.groups:
        parts.append(_group_table(report, look))
    if report.spreads is not None:
        parts.append(_spread_table(report.spreads, report.recorded, look))
    last = [*_recorded(report, look), *_expected(report, look)]
    if last:
        parts.append("\n".join(last))
    return "\n\n".join(parts)


def how_it_went(report: RepeatReport, look: Look) -> str:
    """Whether all was done that was asked for, and what that cost."""
    repetition, made = report.repetition, len(report.samples)
    cost = f"; {spending(report.total)}" if report.total.model_calls else ""
    if report.is_done:
        return f"{look.mark('completed')} all {count(made, 'repetition')} made{cost}"
    why = _STOPPED[repetition.stopped_by] if repetition.stopped_by is not None else "not all came to an end"
    if repetition.stopped_by is StopReason.BUDGET and repetition.max_cost is not None:
        why = f"the budget of {dollars(repetition.max_cost)} for all of them does not allow another one"
    return f"{look.mark('interrupted')} {made:,} of {count(repetition.times, 'repetition')} made: {why}{cost}"


def _head(report: RepeatReport, look: Look) -> Iterator[str]:
    repetition = report.repetition
    name = look.paint(escape(repetition.task), "strong")
    ways = f", in {count(len(report.groups), 'group')}" if report.completed else ""
    yield f"{name} of run {escape(repetition.parent)}: {count(len(report.samples), 'sample')}{ways}"
    if report.failed:
        yield f"{look.mark('failed')} {len(report.failed):,} did not complete"
    reasons = Counter(_reason(sample) for sample in report.failed)
    for reason, times in reasons.most_common(_FAILURES_SHOWN):
        room = look.width - 8 if look.is_terminal else 400
        yield f"    {times:,} x {clip(reason, room, ellipsis=look.glyph('…', '~'))}"
    if len(reasons) > _FAILURES_SHOWN:
        yield f"    and {len(reasons) - _FAILURES_SHOWN:,} more reasons: --json"
    if report.unfinished:
        states = Counter(words_of(run.status) for run in report.unfinished)
        said = ", ".join(f"{times:,} {state}" for state, times in states.items())
        yield look.paint(f"  not counted: {count(len(report.unfinished), 'run')} without an end ({said})", "faint")


def _reason(sample: Sample) -> str:
    return words_of(sample.status) if sample.error is None else f"{words_of(sample.status)}: {brief(sample.error)}"


def _group_table(report: RepeatReport, look: Look) -> str:
    by_run = {sample.run_id: sample for sample in report.samples}
    total = len(report.completed)
    rows = [_group_row(group, by_run[group.representative], total) for group in report.groups[:_GROUPS_SHOWN]]
    text = table(_GROUPS, rows, look)
    rest = report.groups[_GROUPS_SHOWN:]
    if rest:
        samples = sum(len(group.samples) for group in rest)
        text += "\n" + look.paint(f"and {count(len(rest), 'group')} with {count(samples, 'sample')}: --json", "faint")
    return text


def _group_row(group: Group, representative: Sample, total: int) -> list[Cell]:
    size = len(group.samples)
    alike = [] if size == 1 else ["equal"] if group.variants == 1 else [f"nearly ({group.variants:,} ways)"]
    alike += ["as recorded"] if group.has_recorded else []
    return [
        Cell(f"{size:,}", "strong"),
        Cell(f"{100 * size / total:.0f} %"),
        Cell(", ".join(alike)),
        Cell(representative.run_id, "faint"),
        Cell(_in_one_line(representative.outputs)),
    ]


def _in_one_line(outputs: dict[str, JsonValue]) -> str:
    value = next(iter(outputs.values())) if len(outputs) == 1 else outputs
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    # Cut before it is made safe: it may be large.
    return clip(" ".join(text[: 4 * _OUTPUT_SHOWN].split()), _OUTPUT_SHOWN)


def _spread_table(spreads: Spreads, recorded: Sample | None, look: Look) -> str:
    spend = None if recorded is None else recorded.spend
    tokens = spend if spend is not None and spend.model_calls else None
    rows = [
        _row("length", spreads.length, _number, None if recorded is None else recorded.length),
        _row("latency", spreads.latency_ms, duration, None if recorded is None else recorded.latency_ms),
    ]
    if spreads.input_tokens is not None and spreads.output_tokens is not None:
        rows.append(_row("tokens in", spreads.input_tokens, _number, tokens.input_tokens if tokens else None))
        rows.append(_row("tokens out", spreads.output_tokens, _number, tokens.output_tokens if tokens else None))
        rows.append(_cost_row(spreads, tokens))
    text = table(_SPREADS, rows, look)
    if spreads.cost_usd is not None and spreads.unpriced:
        text += "\n" + look.paint(f"the cost of {count(spreads.unpriced, 'more sample')} is unknown", "warn")
    return text


def _row(name: str, spread: Spread, say: Callable[[float], str], recorded: float | None) -> list[Cell]:
    numbers = (spread.least, spread.median, spread.p90, spread.most)
    return [
        Cell(name, "faint"),
        *(Cell(say(number)) for number in numbers),
        Cell("" if recorded is None else say(recorded)),
    ]


def _cost_row(spreads: Spreads, recorded: Spend | None) -> list[Cell]:
    said = Cell("" if recorded is None else cost_of(recorded))
    if spreads.cost_usd is None:
        return [Cell("cost", "faint"), *[Cell("unknown", "warn")] * 4, said]
    return [*_row("cost", spreads.cost_usd, dollars, None)[:-1], said]


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def _recorded(report: RepeatReport, look: Look) -> Iterator[str]:
    if report.recorded is None:
        yield look.paint("nothing that the task made was recorded in the run", "faint")
    elif report.standing is None:
        yield look.paint("too few samples to say whether what was recorded is unusual", "faint")
    else:
        yield from _standing(report.standing, look)


def _standing(standing: Standing, look: Look) -> Iterator[str]:
    home = f": {100 * standing.share:.0f} % of the samples are like it" if standing.share else ""
    if standing.is_outlier:
        yield f"{look.mark('failed')} what was recorded is an outlier{home}"
    else:
        yield f"{look.mark('completed')} what was recorded is no outlier{home}"
    measured = f"similarity to the samples: {standing.similarity:.2f}; 19 of 20 of them have {standing.threshold:.2f}"
    yield look.paint(f"    {measured} or more", "faint")


def _expected(report: RepeatReport, look: Look) -> Iterator[str]:
    rate = report.pass_rate
    if rate is None:
        return
    yield _rate(rate, look)
    reasons = Counter(sample.why_not for sample in report.samples if sample.is_passed is False)
    example = {sample.why_not: sample.run_id for sample in reversed(report.samples)}
    room = look.width - 24 if look.is_terminal else 400
    for reason, times in reasons.most_common(_FAILURES_SHOWN):
        said = clip(escape(reason), room, ellipsis=look.glyph("…", "~"))
        yield f"    {times:,} x {said}  {look.paint(example[reason], 'faint')}"
    if len(reasons) > _FAILURES_SHOWN:
        yield f"    and {len(reasons) - _FAILURES_SHOWN:,} more reasons: --json"


def _rate(rate: PassRate, look: Look) -> str:
    mark = look.mark("completed" if rate.passed == rate.total and rate.total else "failed")
    interval = f"95 % interval {100 * rate.low:.0f} % to {100 * rate.high:.0f} %"
    passed = f"{rate.passed:,} of {count(rate.total, 'sample')} pass, {100 * rate.rate:.0f} % ({interval})"
    return f"{mark} {escape(rate.expectation)}: {passed}"
