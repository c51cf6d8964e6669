"""``binex replay --only NODE --times N`` in front of somebody: what is executed, what is said, how it exits."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from binex.analysis.find import find_original
from binex.analysis.repetition.report import RepeatReport, StopReason
from binex.cli.changing import read_request
from binex.cli.executing import Execution
from binex.cli.fork_options import ForkOptions
from binex.cli.line_progress import LineProgress
from binex.cli.options import ExecutionOptions
from binex.cli.render.look import Look, words_of
from binex.cli.render.repeat import how_it_went, repeat_report
from binex.cli.render.spending import spending
from binex.cli.render.text import escape
from binex.cli.render.units import count, duration
from binex.cli.streams import write_note
from binex.errors import InputError
from binex.models.event import Event, RunEnded
from binex.models.money import dollars
from binex.models.run import RunStatus, RunSummary
from binex.runtime.repeating import PARALLEL, Repeater, RepeatRequest
from binex.runtime.session import Session

_NOT_AS_WANTED: Final = 1
_STATUS: Final = {
    StopReason.BUDGET: RunStatus.OVER_BUDGET,
    StopReason.INTERRUPTED: RunStatus.INTERRUPTED,
    StopReason.WAITING: RunStatus.WAITING,
}


@dataclass(frozen=True, slots=True)
class RepeatOptions:
    """How often a node is executed, as it was typed."""

    times: int
    parallel: int = PARALLEL
    expect: str | None = None
    max_cost: float | None = None
    is_trusting: bool = False


def repeat(run: str, changes: ForkOptions, repeats: RepeatOptions, options: ExecutionOptions) -> int:
    """Execute one node of *run* several times, compare what it made, and return the exit code.

    It is 0 where as many samples were made as were asked for, at least one of them completed and, with an
    expectation, every single one is as expected; 1 where not, 75 where somebody has to answer first, 128 and the
    number of the signal where one ended it.

    Raises:
        InputError: something that is named does not exist, or the expectation cannot be read.
    """
    if options.is_streamed:
        raise InputError("--stream shows what one run says, and --times makes several", fix="leave one of them out")
    repeater: Repeater | None = None
    report: RepeatReport | None = None
    progress = _Progress(repeats.times, options)

    async def work(session: Session) -> RunSummary:
        nonlocal repeater, report
        parent = await find_original(session.store, run)
        fork = await read_request(changes, session, parent.id)
        request = RepeatRequest(fork, repeats.times, repeats.parallel, repeats.max_cost, repeats.expect)
        repeater = await Repeater.prepare(session, parent.id, request)
        progress.begin(repeater)
        report = await repeater.report(await repeater.run())
        return _as_one(repeater.summaries, report.repetition.stopped_by)

    def interrupt(_: Session) -> None:
        if repeater is not None:
            repeater.interrupt()

    def end(_: RunSummary, look: Look, __: Path | None) -> str:
        return "" if report is None else how_it_went(report, look)

    execution = replace(
        Execution.of_run(options, end=end, is_trusting=repeats.is_trusting),
        show=lambda _, look: "" if report is None else repeat_report(report, look),
        document=lambda summary: summary if report is None else report,
        judge=lambda _: None if report is None else _exit_code(report),
        interrupt=interrupt,
        progress=lambda: nullcontext(progress),
    )
    return execution.execute(work)


def _as_one(summaries: list[RunSummary], stopped_by: StopReason | None) -> RunSummary:
    """A summary that stands for all: that of the last repetition, with the status that all of it ended with."""
    last = summaries[-1]
    status = RunStatus.COMPLETED if stopped_by is None else _STATUS[stopped_by]
    return last.model_copy(update={"run": last.run.model_copy(update={"status": status})})


def _exit_code(report: RepeatReport) -> int | None:
    """The exit code, where it is not that of the last repetition's status."""
    if report.repetition.stopped_by is StopReason.WAITING:
        return None
    is_expected = report.pass_rate is None or report.pass_rate.passed == report.pass_rate.total
    return 0 if report.is_done and report.completed and is_expected else _NOT_AS_WANTED


class _Progress(LineProgress):
    """A line for each repetition."""

    def __init__(self, times: int, options: ExecutionOptions) -> None:
        super().__init__(options.directory)
        self._times = times
        self._is_quiet = options.is_quiet
        self._task = ""
        self._made = 0

    def begin(self, repeater: Repeater) -> None:
        """Say what is going to be done, and what that will probably cost."""
        self._task = repeater.task
        if self._is_quiet:
            return
        cost, each = "", repeater.probable_cost_usd
        if each is None:
            cost = ", at a cost that is unknown"
        elif each:
            cost = f", probably for {dollars(each * self._times)}"
        what = f"{count(self._times, 'repetition')} of {escape(repeater.task)}"
        write_note(f"run {escape(repeater.parent)}: {what}{cost}")

    def __call__(self, event: Event) -> None:
        if isinstance(event, RunEnded) and not self._is_quiet:
            self._line(event.summary)
        super().__call__(event)

    def _line(self, summary: RunSummary) -> None:
        run, status, number = summary.run, words_of(summary.status), ""
        if summary.status.has_come_to_all:
            # A run fails also where a task has failed that was taken over.
            status = "failed" if any(failure.task == self._task for failure in summary.failures) else "completed"
            self._made += 1
            number = f"{self._made:,} of {self._times:,}  "
        spent = f", {spending(run.spend)}" if run.spend.model_calls else ""
        self.write_line(f"{number}run {run.id} {status} in {duration(run.duration_ms)}{spent}")
