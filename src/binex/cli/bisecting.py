"""``binex bisect`` in front of somebody: what is executed, what is said about it, which exit code it has."""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from typing import Final, Generic, Protocol, TypeVar

from binex.analysis.bisection.commits import CommitReport
from binex.analysis.bisection.report import BisectPlan, BisectReport, BisectVerdict, StoppedBy
from binex.analysis.find import find_run
from binex.cli.executing import Execution
from binex.cli.line_progress import LineProgress
from binex.cli.options import ExecutionOptions
from binex.cli.printing import print_json
from binex.cli.render.bisect import bisect_plan, bisect_report, trial_line
from binex.cli.render.bisect_commits import commit_report
from binex.cli.render.look import Look
from binex.cli.render.text import escape
from binex.cli.streams import write_note, write_result
from binex.errors import InputError
from binex.models.run import Run, RunStatus, RunSummary
from binex.runtime.bisecting.bisector import Bisector
from binex.runtime.bisecting.commits import CommitBisector
from binex.runtime.bisecting.request import BisectRequest
from binex.runtime.bisecting.trying import Trying
from binex.runtime.session import Session, open_session

_NOT_FOUND: Final = 1
_STATUS: Final = {
    None: RunStatus.COMPLETED,
    StoppedBy.BUDGET: RunStatus.OVER_BUDGET,
    StoppedBy.INTERRUPTED: RunStatus.INTERRUPTED,
    StoppedBy.WAITING: RunStatus.WAITING,
}


@dataclass(frozen=True, slots=True)
class Bisecting:
    """What ``binex bisect`` does with two runs."""

    good: str
    bad: str
    request: BisectRequest
    options: ExecutionOptions
    is_trusting: bool = False
    """Whether runs that were imported may execute functions and programs."""

    def plan(self) -> int:
        """Say what would be executed; nothing is."""
        options = self.options

        async def ask() -> BisectPlan:
            limits = Execution.of(options).limits
            async with open_session(options.directory, read_only=True, limits=limits) as session:
                return await (await Bisector.prepare(session, self.good, self.bad, self.request)).plan()

        found = asyncio.run(ask())
        if options.as_json:
            print_json(found)
        else:
            write_result(bisect_plan(found, Look.of(sys.stdout)))
        return 0

    def bisect(self) -> int:
        """Execute mixtures of the two runs until the change is found."""

        async def prepare(session: Session) -> Bisector:
            return await Bisector.prepare(session, self.good, self.bad, self.request)

        return _Bisection(prepare, bisect_report).execute(self)

    def over_commits(self, revisions: tuple[str | None, str | None]) -> int:
        """Execute the commits between the two runs until the first bad one is found."""

        async def prepare(session: Session) -> CommitBisector:
            return await CommitBisector.prepare(session, self.good, self.bad, self.request, revisions)

        return _Bisection(prepare, commit_report).execute(self)


_Report = TypeVar("_Report", BisectReport, CommitReport)
_Found_co = TypeVar("_Found_co", BisectReport, CommitReport, covariant=True)


class _Search(Protocol[_Found_co]):
    """A bisection that was prepared."""

    trying: Trying

    @property
    def announcement(self) -> str: ...

    async def run(self) -> _Found_co: ...


@dataclass(slots=True)
class _Bisection(Generic[_Report]):
    """One bisection: how it is prepared, and how what it finds is shown."""

    prepare: Callable[[Session], Awaitable[_Search[_Report]]]
    show: Callable[[_Report, Look], str]
    search: _Search[_Report] | None = None
    report: _Report | None = None

    def execute(self, asked: Bisecting) -> int:
        """Search, print what was found, and return the exit code."""
        if asked.options.is_streamed:
            raise InputError("--stream shows what one run says, and bisect makes several", fix="leave it out")
        progress = _Progress(asked.options)

        async def work(session: Session) -> RunSummary:
            self.search = await self.prepare(session)
            progress.begin(self.search.announcement, self.search.trying)
            self.report = await self.search.run()
            made = self.search.trying.summaries
            run = made[-1].run if made else await find_run(session.store, self.report.good)
            return _as_one(run, self.report.stopped_by)

        execution = replace(
            Execution.of_run(asked.options, end=lambda *_: "", is_trusting=asked.is_trusting),
            show=lambda _, look: "" if self.report is None else self.show(self.report, look),
            document=lambda summary: summary if self.report is None else self.report,
            judge=lambda _: None if self.report is None else _exit_code(self.report),
            interrupt=lambda _: None if self.search is None else self.search.trying.interrupt(),
            progress=lambda: nullcontext(progress),
        )
        return execution.execute(work)


def _as_one(run: Run, stopped_by: StoppedBy | None) -> RunSummary:
    """A summary that stands for all that was executed."""
    return RunSummary(run=run.model_copy(update={"status": _STATUS[stopped_by]}))


def _exit_code(report: BisectReport | CommitReport) -> int | None:
    """The exit code, where it is not that of the status."""
    if report.stopped_by is StoppedBy.WAITING:
        return None
    return 0 if report.verdict is BisectVerdict.FOUND else _NOT_FOUND


class _Progress(LineProgress):
    """A line for each mixture or commit."""

    def __init__(self, options: ExecutionOptions) -> None:
        super().__init__(options.directory)
        self._is_quiet = options.is_quiet

    def begin(self, announcement: str, trying: Trying) -> None:
        """Say what is going to be done, and listen to how it goes."""
        if not self._is_quiet:
            write_note(escape(announcement))
            trying.listener = lambda trial: self.write_line(trial_line(trial))
