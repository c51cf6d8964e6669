"""Replays and forks in front of somebody: what is executed, what is said about it, which exit code it has."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace

from binex.analysis.find import find_original
from binex.analysis.replayed import ReplayVerdict, compare_replay
from binex.analysis.varying import Variation, find_varying
from binex.cli.breaking import go_on_anew
from binex.cli.changing import read_request
from binex.cli.executing import Execution
from binex.cli.fork_options import ForkOptions
from binex.cli.options import ExecutionOptions
from binex.cli.printing import print_json
from binex.cli.render.fork_plan import fork_plan
from binex.cli.render.look import Look
from binex.cli.render.replay_verdict import fault_verdict, replay_verdict
from binex.cli.render.results import results
from binex.cli.render.varying import varying
from binex.cli.repeating import RepeatOptions, repeat
from binex.cli.streams import write_result
from binex.models.fork import ForkPlan
from binex.models.run import RunMode, RunStatus, RunSummary
from binex.runtime.repeating import PARALLEL
from binex.runtime.session import Session, open_session
from binex.runtime.stops.stops import Stops
from binex.tape.faults import read_fault

_DIFFERENT = 1


@dataclass(frozen=True, slots=True)
class Replaying:
    """What ``binex replay`` does with one run."""

    run: str
    options: ExecutionOptions
    stops: Stops
    is_trusting: bool = False
    """Whether a run that was imported may execute functions and programs."""

    def replay(self, *, is_timed: bool) -> int:
        """Replay the run from its tape, and compare."""
        verdict: ReplayVerdict | None = None

        async def work(session: Session) -> RunSummary:
            nonlocal verdict
            parent = await find_original(session.store, self.run)
            replaying = session.replay(parent.id, is_timed=is_timed, stops=self.stops)
            summary = await go_on_anew(session, self.stops, replaying)
            if summary.run.origin is not None and summary.run.origin.mode is RunMode.REPLAY:
                verdict = await compare_replay(session.store, summary.run, parent)
            return summary

        def judge(summary: RunSummary) -> int | None:
            if verdict is None or summary.status not in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED):
                return None
            return 0 if verdict.is_equal else _DIFFERENT

        execution = replace(
            Execution.of_run(self.options, end=lambda *_: "", stops=self.stops, is_trusting=self.is_trusting),
            show=lambda made, look: replay_verdict(verdict, look) if verdict is not None else results(made, look),
            document=lambda summary: verdict if verdict is not None else summary,
            judge=judge,
        )
        return execution.execute(work)

    def with_faults(self, said: Sequence[str], *, is_timed: bool) -> int:
        """Replay the run with faults, to see whether it holds; the exit code is that of the run."""
        faults = [read_fault(text) for text in said]
        verdict: ReplayVerdict | None = None

        async def work(session: Session) -> RunSummary:
            nonlocal verdict
            parent = await find_original(session.store, self.run)
            summary = await session.replay(parent.id, is_timed=is_timed, faults=faults)
            verdict = await compare_replay(session.store, summary.run, parent)
            return summary

        execution = replace(
            Execution.of_run(self.options, is_trusting=self.is_trusting),
            show=lambda summary, look: (
                fault_verdict(verdict, summary.unmet_faults, look) if verdict is not None else ""
            ),
            document=lambda summary: verdict if verdict is not None else summary,
            judge=lambda summary: _DIFFERENT if summary.unmet_faults else None,
        )
        return execution.execute(work)

    def check(self, times: int) -> int:
        """Replay the run several times, and name what does not come out the same each time."""
        found: Variation | None = None

        async def work(session: Session) -> RunSummary:
            nonlocal found
            parent = await find_original(session.store, self.run)
            verdicts: list[ReplayVerdict] = []
            for _ in range(times):
                summary = await session.replay(parent.id)
                verdicts.append(await compare_replay(session.store, summary.run, parent))
                if summary.status not in (RunStatus.COMPLETED, RunStatus.FAILED, RunStatus.CANCELLED):
                    break
            found = await find_varying(session.store, parent, verdicts)
            return summary

        execution = replace(
            Execution.of_run(self.options, end=lambda *_: "", is_trusting=self.is_trusting),
            show=lambda _, look: varying(found, look) if found is not None else "",
            document=lambda summary: found if found is not None else summary,
            judge=lambda _: 0 if found is not None and found.is_deterministic else _DIFFERENT,
        )
        return execution.execute(work)

    def plan(self, changes: ForkOptions) -> int:
        """Say what a fork would do; nothing is executed."""
        options = self.options

        async def ask() -> ForkPlan:
            limits = Execution.of(options).limits
            async with open_session(options.directory, read_only=True, limits=limits) as session:
                parent = await find_original(session.store, self.run)
                return await session.plan_fork(parent.id, await read_request(changes, session, parent.id))

        plan = asyncio.run(ask())
        if options.as_json:
            print_json(plan)
        else:
            write_result(fork_plan(plan, Look.of(sys.stdout)))
        return 0

    def repeat(
        self, changes: ForkOptions, times: int, parallel: int | None, expect: str | None, max_cost: float | None
    ) -> int:
        """Execute one node several times, and compare what it makes."""
        repeats = RepeatOptions(times, parallel or PARALLEL, expect, max_cost, self.is_trusting)
        return repeat(self.run, changes, repeats, self.options)

    def fork(self, changes: ForkOptions, max_cost: float | None) -> int:
        """Execute what is changed, and what that reaches."""

        async def work(session: Session) -> RunSummary:
            parent = await find_original(session.store, self.run)
            request = await read_request(changes, session, parent.id)
            forking = session.fork(parent.id, request, max_cost=max_cost, stops=self.stops)
            return await go_on_anew(session, self.stops, forking)

        return Execution.of_run(self.options, stops=self.stops, is_trusting=self.is_trusting).execute(work)
