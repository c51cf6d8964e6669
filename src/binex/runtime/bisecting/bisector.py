"""Bisects two runs: measures chance, searches for the changes that move the outcome, and says how sure that is."""

from typing import Final

from binex.analysis.bisection.changes import find_changes, find_sampled, other_versions, shared_nodes
from binex.analysis.bisection.judge import Judge
from binex.analysis.bisection.report import (
    BisectPlan,
    BisectReport,
    BisectVerdict,
    Culprit,
    SwapPlan,
    Trial,
    are_apart,
    sureness_of,
)
from binex.analysis.bisection.search import Moved, find_causes, most_trials
from binex.analysis.find import find_run
from binex.errors import InputError
from binex.models.call import Spend
from binex.runtime.account import with_maximum
from binex.runtime.bisecting.hybrids import Hybrid, Hybrids
from binex.runtime.bisecting.request import BisectRequest, find_judge, require_outcomes
from binex.runtime.bisecting.sides import open_sides
from binex.runtime.bisecting.trying import Stopped, Trying
from binex.runtime.session import Session

DEFAULT_TIMES: Final = 5
"""How often each mixture is executed where somebody outside has a part in it."""
STEADY: Final = ("local://", "llm://mock/")
"""Agents that come out the same each time, unless somebody says otherwise."""


class Bisector:
    """The search for what makes one run bad."""

    def __init__(self, session: Session, request: BisectRequest, hybrids: Hybrids, judge: Judge) -> None:
        self._session = session
        self._request = request
        self._hybrids = hybrids
        self._judge = judge
        self.times = request.times or self._default_times()
        hybrids.is_chance = self.times > 1
        self.trying = Trying(session, judge, self.times, request.max_cost)
        self._noise: tuple[Trial, ...] = ()
        self._trials: dict[frozenset[str], Trial] = {}
        self._known: dict[frozenset[str], Trial] = {}
        """Mixtures that were executed before the search."""
        self._threshold = 0.5

    @classmethod
    async def prepare(cls, session: Session, good: str, bad: str, request: BisectRequest) -> "Bisector":
        """Find out all that can be wrong, before anything is executed.

        Raises:
            InputError: something that is named does not exist, or the runs do not come out as they are called.
        """
        request.require_sense()
        with_maximum(None, request.max_cost)
        runs = [await find_run(session.store, text) for text in (good, bad)]
        if runs[0].id == runs[1].id:
            raise InputError(f"both are run {runs[0].id}", fix="name a run that passes and one that does not")
        sides = await open_sides(session, *runs)
        judge, targets = await find_judge(session, request, sides[0])
        await require_outcomes(session, judge, *runs)
        before, after = sides[0].side, sides[1].side
        if not shared_nodes(before, after):
            raise InputError("the two runs have no node in common", fix="name two runs of the same workflow")
        sampled = {one.node: one for one in await find_sampled(session.store, before, after)}
        changes = find_changes(before, after, sampled.values())
        return cls(session, request, Hybrids(session.store, sides, changes, sampled, targets), judge)

    @property
    def announcement(self) -> str:
        """What is going to be done, in one line."""
        hybrids = self._hybrids
        things, times = len(hybrids.names), "once" if self.times == 1 else f"{self.times} times"
        what = (
            f"{things} thing{'' if things == 1 else 's'} to swap between run {hybrids.good.id} and run {hybrids.bad.id}"
        )
        return f"{what}; each mixture is executed {times}"

    async def plan(self) -> BisectPlan:
        """What would be executed, and what that would probably cost."""
        hybrids, names = self._hybrids, self._hybrids.names
        swaps = [await self._plan_of(name, await hybrids.of(frozenset([name]))) for name in names]
        noise = []
        for what, base in (("the good run again", hybrids.good), ("the bad run again", hybrids.bad)):
            noise.append(await self._plan_of(what, hybrids.again(base)))
        costs = [0.0 if swap.plan is None else swap.plan.highest_cost_usd for swap in swaps]
        certain = self.times * sum(swap.plan.highest_cost_usd for swap in noise if swap.plan is not None)
        most = most_trials(len(names))
        fewest = min(most, 2 * (len(names) - 1).bit_length()) if names else 0
        planned = [swap.plan for swap in (*swaps, *noise) if swap.plan is not None]
        return BisectPlan(
            good=hybrids.good.id,
            bad=hybrids.bad.id,
            judge=self._judge.text,
            targets=tuple(hybrids.targets),
            changes=hybrids.things,
            swaps=tuple(swaps),
            noise=tuple(noise),
            times=self.times,
            fewest_trials=fewest,
            most_trials=most,
            probable_cost_usd=certain + self.times * fewest * max(costs, default=0.0),
            most_cost_usd=certain + self.times * most * max(costs, default=0.0),
            unpriced=tuple(dict.fromkeys(node for plan in planned for node in plan.unpriced)),
        )

    async def run(self) -> BisectReport:
        """Measure chance, and search.

        Raises:
            StoreError: something could not be kept.
        """
        if not self._hybrids.names:
            return self._report(BisectVerdict.NOT_FOUND)
        try:
            good, bad = await self._measure_noise()
            if not are_apart(good, bad) and not self._request.is_anyway:
                return self._report(BisectVerdict.NOISY)
            self._threshold = (good.rate + bad.rate) / 2
            causes = await find_causes(self._hybrids.names, self._move)
        except Stopped:
            return self._report(BisectVerdict.STOPPED)
        finally:
            await self.trying.leave()
        culprits = tuple(self._culprit(cause) for cause in causes)
        return self._report(BisectVerdict.FOUND if culprits else BisectVerdict.NOT_FOUND, culprits)

    async def _plan_of(self, name: str, hybrid: Hybrid) -> SwapPlan:
        base = hybrid.base.id
        if hybrid.obstacle:
            return SwapPlan(change=name, base=base, obstacle=hybrid.obstacle)
        try:
            return SwapPlan(change=name, base=base, plan=await self._session.plan_fork(base, hybrid.request))
        except InputError as error:
            return SwapPlan(change=name, base=base, obstacle=error.message)

    async def _measure_noise(self) -> tuple[Trial, Trial]:
        """Execute both runs again, with nothing swapped.

        Where code has changed, both are executed with that of today first. If they still differ, it is something else
        that makes them, and all mixtures are executed with the same code. Only if not, code is swapped as well.
        """
        hybrids = self._hybrids
        if hybrids.codes:
            hybrids.has_todays_code = True
            good, bad = await self._execute_again()
            has_executed = good.runs != (hybrids.good.id,) and bad.runs != (hybrids.bad.id,)
            if hybrids.names and has_executed and are_apart(good, bad):
                return good, bad
            self._noise = ()
            hybrids.has_todays_code = False
            if has_executed:
                self._remember(good, bad)
        return await self._execute_again()

    def _remember(self, good: Trial, bad: Trial) -> None:
        """Keep what came of the runs with today's code, where that makes them mixtures: it is the other run's code."""
        hybrids = self._hybrids
        names, codes = frozenset(hybrids.names), frozenset(hybrids.codes)
        things = [(str(thing.path[0]), thing) for thing in hybrids.things if thing.name in codes]
        if codes < names and all(hybrids.good.today.get(uri) == thing.bad for uri, thing in things):
            self._known[codes] = good
        if codes < names and all(hybrids.bad.today.get(uri) == thing.good for uri, thing in things):
            self._known[names - codes] = bad

    async def _execute_again(self) -> tuple[Trial, Trial]:
        """Execute both runs again, as the mixtures are executed."""
        hybrids = self._hybrids
        everything = frozenset(hybrids.names)
        for base, changes in ((hybrids.good, ()), (hybrids.bad, self._in_order(everything))):
            trial = await self.trying.attempt(hybrids.again(base), changes)
            if not trial.total:  # it cannot be executed as it was: what was recorded is all there is
                recorded = await self.trying.attempt(Hybrid(base), changes)
                trial = recorded.model_copy(update={"why": trial.why, "spend": trial.spend})
            side = Moved.YES if base is hybrids.bad else Moved.NO
            self._noise = (*self._noise, trial.model_copy(update={"moved": side, "is_clear": True}))
        return self._noise[0], self._noise[1]

    async def _move(self, wanted: frozenset[str]) -> Moved:
        """Whether the outcome is the bad run's where *wanted* are as there; each set is tried once."""
        if not wanted:
            return Moved.NO
        if wanted == frozenset(self._hybrids.names):
            return Moved.YES
        if wanted not in self._trials:
            trial = self._known.get(wanted)
            if trial is None:
                trial = await self.trying.attempt(await self._hybrids.of(wanted), self._in_order(wanted))
            self._trials[wanted] = self._read(trial.model_copy(update={"changes": self._in_order(wanted)}))
        return self._trials[wanted].moved

    def _read(self, trial: Trial) -> Trial:
        """*trial*, with the side that it is on."""
        if not trial.total:
            return trial
        good, bad = self._noise
        is_moved = trial.rate < self._threshold
        is_clear = self.times == 1 or (trial.high < good.low if is_moved else trial.low > bad.high)
        return trial.model_copy(update={"moved": Moved.YES if is_moved else Moved.NO, "is_clear": is_clear})

    def _culprit(self, cause: frozenset[str]) -> Culprit:
        """How sure it is that *cause* moves the outcome, and that none of it can be left out."""
        smaller = [cause - {name} for name in cause if len(cause) > 1]
        rest = frozenset(self._hybrids.names) - cause
        tried = [self._trials[one] for one in (cause, *smaller, rest) if one in self._trials]
        return Culprit(
            changes=self._in_order(cause),
            sureness=sureness_of([*self._noise, *tried], self._threshold, is_chance=self.times > 1),
            is_smallest=all(self._trials[one].total for one in smaller if one in self._trials),
        )

    def _in_order(self, names: frozenset[str]) -> tuple[str, ...]:
        return tuple(name for name in self._hybrids.names if name in names)

    def _default_times(self) -> int:
        hybrids = self._hybrids
        agents = {
            base.side.spec.nodes[node_id].agent
            for base in (hybrids.good, hybrids.bad)
            for node_id in hybrids.live(base)
        }
        return 1 if all(agent.startswith(STEADY) for agent in agents) else DEFAULT_TIMES

    def _report(self, verdict: BisectVerdict, culprits: tuple[Culprit, ...] = ()) -> BisectReport:
        hybrids = self._hybrids
        trials = tuple(self._trials.values())
        moving = [trial.changes for trial in trials if trial.moved is Moved.YES]
        total = Spend()
        for summary in self.trying.summaries:
            total = total.plus(summary.run.spend)
        return BisectReport(
            good=hybrids.good.id,
            bad=hybrids.bad.id,
            judge=self._judge.text,
            targets=tuple(hybrids.targets),
            times=self.times,
            verdict=verdict,
            culprits=culprits,
            narrowed_to=min(moving, key=len, default=()) if verdict is BisectVerdict.STOPPED else (),
            changes=hybrids.things,
            noise=self._noise,
            trials=trials,
            notes=other_versions(hybrids.good.side.run, hybrids.bad.side.run),
            stopped_by=self.trying.stopped_by,
            max_cost=self._request.max_cost,
            total=total,
        )
