"""Bisects over the commits between two runs: each is executed in a worktree of its own, and judged."""

from pathlib import Path

from binex.analysis.bisection.commits import Bounds, Commit, CommitReport, CommitState, CommitTrial, halve
from binex.analysis.bisection.judge import Judge
from binex.analysis.bisection.report import BisectVerdict, Trial, are_apart
from binex.analysis.find import find_run
from binex.errors import InputError, RunError
from binex.models.call import Spend
from binex.models.fork import Decision
from binex.models.run import Run
from binex.runtime.account import with_maximum
from binex.runtime.bisecting.bisector import DEFAULT_TIMES, STEADY
from binex.runtime.bisecting.hybrids import Hybrid
from binex.runtime.bisecting.repository import Repository, in_words
from binex.runtime.bisecting.request import BisectRequest, find_judge, require_outcomes
from binex.runtime.bisecting.sides import Base, open_sides
from binex.runtime.bisecting.trying import Stopped, Trying
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session
from binex.tape.redaction import REDACTED

_LOCAL = "local://"


class CommitBisector:
    """The search for the first commit at which a workflow comes out badly.

    Each commit is executed as a fork of the good run with the workflow of that commit: local functions are executed
    with its code and its files, and models are only asked where they are asked something else.
    """

    def __init__(
        self, session: Session, request: BisectRequest, runs: tuple[Base, Base], judge: Judge, targets: tuple[str, ...]
    ) -> None:
        self._session = session
        self._request = request
        self._good, self._bad = runs
        self._judge = judge
        self._targets = targets
        agents = [node.agent for base in runs for node in base.side.spec.nodes.values()]
        is_steady = all(agent.startswith(STEADY) for agent in agents)
        self.times = request.times or (1 if is_steady else DEFAULT_TIMES)
        self.trying = Trying(session, judge, self.times, request.max_cost)
        self._trials: list[CommitTrial] = []
        self._threshold = 0.5
        self._repository: Repository
        self._file = ""
        self._commits: list[str] = []
        self._first = ""

    @classmethod
    async def prepare(
        cls, session: Session, good: str, bad: str, request: BisectRequest, revisions: tuple[str | None, str | None]
    ) -> "CommitBisector":
        """Find out all that can be wrong, before anything is executed.

        Raises:
            InputError: there is no repository or no such commit, or the runs do not come out as they are called.
            RunError: a run was imported, and names a folder of this machine.
        """
        request.require_sense()
        with_maximum(None, request.max_cost)
        runs = [await find_run(session.store, text) for text in (good, bad)]
        for run in runs:
            if run.is_imported and not session.settings.is_trusting:
                raise RunError(f"run {run.id} was imported, and so was the folder that it names", fix="say --trust")
        sides = await open_sides(session, *runs)
        judge, targets = await find_judge(session, request, sides[0])
        await require_outcomes(session, judge, *runs)
        bisector = cls(session, request, sides, judge, targets)
        bisector._find_commits(revisions)
        return bisector

    @property
    def announcement(self) -> str:
        """What is going to be done, in one line."""
        count, times = len(self._commits), "once" if self.times == 1 else f"{self.times} times"
        looks = f"about {2 + count.bit_length()} of them are executed, each {times}"
        return f"{count} commit{'' if count == 1 else 's'} from {self._first[:12]} to {self._commits[-1][:12]}; {looks}"

    async def run(self) -> CommitReport:
        """Execute the good commit and the bad one, and then halve what is between them.

        Raises:
            StoreError: something could not be kept.
        """
        bounds = Bounds(len(self._commits))
        try:
            if not await self._confirm():
                return self._report(BisectVerdict.NOISY, bounds)
            bounds = await halve(self._commits, self._state_of)
        except Stopped:
            return self._report(BisectVerdict.STOPPED, self._bounds_so_far())
        finally:
            await self.trying.leave()
        is_found = len(bounds.suspects) == 1
        return self._report(BisectVerdict.FOUND if is_found else BisectVerdict.NOT_FOUND, bounds)

    def _find_commits(self, revisions: tuple[str | None, str | None]) -> None:
        source = self._good.source
        self._repository = repository = Repository.of(Path(source.folder))
        try:
            file = Path(source.file).resolve().relative_to(repository.top.resolve())
        except ValueError as error:
            raise InputError(f"{source.file} is not in the repository {repository.top}") from error
        self._file = file.as_posix()
        good, bad = (
            repository.resolve(said or _commit_of(base.side.run), what)
            for said, base, what in zip(revisions, (self._good, self._bad), ("good", "bad"), strict=True)
        )
        if good == bad:
            changed = repository.uncommitted()
            now = f"; not committed are {in_words(changed)}" if changed else ""
            raise InputError(
                f"both runs were made at commit {good[:12]}, so what changed was not committed then{now}",
                fix="bisect without --git, or commit what is to be told apart and run it again",
            )
        if revisions == (None, None):
            for base, commit in ((self._good, good), (self._bad, bad)):
                self._require_committed(base, commit)
        self._first = good
        self._commits = repository.path_between(good, bad)

    def _require_committed(self, base: Base, commit: str) -> None:
        """Raise InputError where the workflow of a run was not the one of its commit."""
        kept = base.source.text
        at_commit = self._repository.text_at(commit, self._file)
        if at_commit is not None and _plain(at_commit) != _plain(kept) and REDACTED not in kept:
            raise InputError(
                f"run {base.id} was made with another {self._file} than commit {commit[:12]} has, one never committed",
                fix="name the commits that are meant: binex bisect GOOD BAD GOODREV BADREV --git",
            )

    async def _confirm(self) -> bool:
        """Execute the good commit and the bad one. Whether they come out as they should.

        Raises:
            InputError: one of them cannot be judged.
        """
        found = []
        for commit, state in ((self._first, CommitState.GOOD), (self._commits[-1], CommitState.BAD)):
            trial = await self._attempt(commit)
            told = self._repository.commit(commit)
            self._trials.append(CommitTrial(commit=told, state=state, trial=trial))
            if not trial.total:
                raise InputError(f"the {state} commit {commit[:12]} cannot be judged: {trial.why}")
            found.append(trial)
        good, bad = found
        self._threshold = (good.rate + bad.rate) / 2
        return are_apart(good, bad) or (self._request.is_anyway and good.rate > bad.rate)

    async def _state_of(self, commit: str) -> CommitState:
        trial = await self._attempt(commit)
        state = CommitState.SKIPPED
        if trial.total:
            state = CommitState.BAD if trial.rate < self._threshold else CommitState.GOOD
        told = self._repository.commit(commit)
        self._trials.append(CommitTrial(commit=told, state=state, trial=trial))
        return state

    async def _attempt(self, commit: str) -> Trial:
        """Execute the workflow as it is at *commit*."""
        try:
            with self._repository.worktree(commit) as folder:
                request = await self._request_at(folder / self._file)
                return await self.trying.attempt(Hybrid(self._good, request), (commit,))
        except InputError as error:
            return Trial(changes=(commit,), base=self._good.id, why=error.message)

    async def _request_at(self, file: Path) -> ForkRequest:
        """The fork of the good run that executes the workflow in *file*.

        Raises:
            InputError: it is not usable, or has not what is judged.
        """
        spec, _ = await self._session.workflow_of(self._good.id, file)
        gone = [node for node in self._targets if node not in spec.nodes]
        if gone:
            raise InputError(f"the workflow has no node '{gone[0]}'")
        local = [node_id for node_id, node in spec.nodes.items() if node.agent.startswith(_LOCAL)]
        request = ForkRequest(from_=tuple(local), workflow=file)
        if self.times == 1:
            return request
        plan = await self._session.plan_fork(self._good.id, request)
        live = [node.node for node in plan.nodes if node.decision in (Decision.RUN, Decision.MAY_RUN)]
        return ForkRequest(from_=tuple(live), workflow=file)

    def _bounds_so_far(self) -> Bounds:
        bounds = Bounds(len(self._commits))
        for one in self._trials[2:]:
            bounds.note(self._commits.index(one.commit.id), one.state)
        return bounds

    def _report(self, verdict: BisectVerdict, bounds: Bounds) -> CommitReport:
        first: Commit | None = None
        suspects: tuple[Commit, ...] = ()
        if verdict is BisectVerdict.FOUND:
            first = self._repository.commit(self._commits[bounds.bad], with_files=True)
        elif verdict is not BisectVerdict.NOISY:
            suspects = tuple(self._repository.commit(self._commits[place]) for place in bounds.suspects)
        total = Spend()
        for summary in self.trying.summaries:
            total = total.plus(summary.run.spend)
        return CommitReport(
            good=self._good.id,
            bad=self._bad.id,
            judge=self._judge.text,
            workflow=self._file,
            times=self.times,
            verdict=verdict,
            first_bad=first,
            suspects=suspects,
            count=len(self._commits),
            trials=tuple(self._trials),
            stopped_by=self.trying.stopped_by,
            max_cost=self._request.max_cost,
            total=total,
        )


def _commit_of(run: Run) -> str:
    """The commit that a run was made at.

    Raises:
        InputError: it was made in no repository.
    """
    if run.versions.git_commit is None:
        raise InputError(
            f"run {run.id} was made in no git repository",
            fix="name the commits: binex bisect GOOD BAD GOODREV BADREV --git",
        )
    return run.versions.git_commit


def _plain(text: str) -> str:
    """*text* whatever its lines end with, which git may change."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n")
