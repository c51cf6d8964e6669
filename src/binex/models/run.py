"""One execution of a workflow: what is kept of it, and what is said about it."""

from datetime import datetime
from enum import StrEnum

from pydantic import Field, JsonValue

from binex.models.base import Model
from binex.models.budget import Budget
from binex.models.call import Spend
from binex.models.change import Change
from binex.models.question import Question
from binex.models.task import ErrorInfo, TaskStatus


class RunStatus(StrEnum):
    """Where a run stands."""

    RUNNING = "running"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"
    """Its process died or was told to stop; `binex resume` goes on."""
    WAITING = "waiting"
    """Somebody has to answer first."""
    OVER_BUDGET = "over_budget"

    @property
    def has_come_to_all(self) -> bool:
        """Whether the run has come to all of its tasks, however they ended."""
        return self in (RunStatus.COMPLETED, RunStatus.FAILED)


class Durability(StrEnum):
    """What a reported completion survives."""

    FULL = "full"
    """Power loss, on a disk that honours a sync."""
    NORMAL = "normal"
    """The death of the process."""


class RunMode(StrEnum):
    """How a run came to be."""

    RUN = "run"
    """A workflow was executed from its start."""
    REPLAY = "replay"
    """A run was executed again, its calls answered from the tape."""
    FORK = "fork"
    """A part of a run was executed again, or something in it was changed."""


class Origin(Model):
    """The run that another one was made from, and what is different."""

    parent: str
    """The run."""
    mode: RunMode
    """What was done with it."""
    fork_points: tuple[str, ...] = ()
    """The paths of the tasks from which on it was executed again."""
    is_alone: bool = False
    """Whether only these were to be executed again, as for a sample, and nothing that depends on them."""
    changes: tuple[Change, ...] = ()
    """What was changed."""


class Versions(Model):
    """What a run was made with."""

    binex: str
    python: str
    handlers: dict[str, str] = Field(default_factory=dict)
    """The hash of the code of every local function and tool, and of what it imports from the project, by URI."""
    adapters: dict[str, str] = Field(default_factory=dict)
    """The version of every adapter that has one, by the scheme that it speaks."""
    git_commit: str | None = None
    """The commit of the workflow's folder."""

    def changed_since(self, before: "Versions") -> set[str]:
        """The agents and tools whose code is another than it was."""
        return {uri for uri, code in before.handlers.items() if self.handlers.get(uri, code) != code}


class Run(Model):
    """All that is kept of a run besides its records and artifacts; enough to resume it."""

    id: str
    """Sorts by time; see `new_run_id`."""
    workflow: str
    """The workflow's name."""
    workflow_hash: str
    """The snapshot of the workflow file and its prompts."""
    status: RunStatus
    """Where it stands."""
    started_at: datetime
    """When it began."""
    ended_at: datetime | None = None
    """When it ended, if it did."""
    duration_ms: float = 0.0
    """How long it was executed, over all its sessions, by the monotonic clock, in milliseconds."""
    variables: dict[str, JsonValue] = Field(default_factory=dict)
    """The values of the workflow's inputs, secrets cut out."""
    durability: Durability = Durability.FULL
    """What its reported completions survive."""
    versions: Versions
    """What it was made with."""
    resumed: int = 0
    """How often it was taken up again."""
    node_count: int = 0
    """How many nodes the workflow has."""
    counts: dict[TaskStatus, int] = Field(default_factory=dict)
    """How many tasks ended in which way; items of a foreach count each, beside their node."""
    error: str | None = None
    """What ended the run itself, where it was not a task."""
    origin: Origin | None = None
    """What it was made from, where that is another run."""
    budget: Budget | None = None
    """What they may cost, as the workflow says or as was said when the run was started or resumed."""
    spend: Spend = Field(default_factory=Spend)
    """What all its calls of models cost together, over all its sessions."""
    is_imported: bool = False
    """Whether it came from a bundle: its outcomes were not seen here, so runs that were not made from it reuse none."""

    @property
    def is_trace(self) -> bool:
        """Whether it is the trace of another program: no Python has executed it, and nothing of it can be executed."""
        return self.is_imported and not self.versions.python

    @property
    def may_be_reused(self) -> bool:
        """Whether its outcomes may stand for tasks of other runs: they were seen here, and not asked of a tape.

        What a replay was answered may be a fault that somebody asked for.
        """
        return not self.is_imported and (self.origin is None or self.origin.mode is not RunMode.REPLAY)


class TaskFailure(Model):
    """One failed task of a run, in short."""

    task: str
    status: TaskStatus
    error: ErrorInfo
    attempts: int
    blocked: tuple[str, ...] = ()
    """The paths of the tasks that were skipped because of it."""


class RunSummary(Model):
    """How a run went: what `binex run --json` prints and `Session.run` returns."""

    run: Run
    """The run itself."""
    reused: int = 0
    """How many outcomes were taken over from a record."""
    recalled: int = 0
    """How many tasks were answered by outcomes of other runs, since their keys were the same."""
    unmet_faults: dict[str, int] = Field(default_factory=dict)
    """How many of the faults that were asked for no call has met, by the path of the task."""
    was_done: bool = False
    """Whether there was nothing left to do."""
    failures: tuple[TaskFailure, ...] = ()
    """The tasks that failed."""
    questions: tuple[Question, ...] = ()
    """What it waits for an answer to."""
    outputs: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    """What the last nodes made, those that no other node depends on: by node, then by output."""

    @property
    def run_id(self) -> str:
        return self.run.id

    @property
    def status(self) -> RunStatus:
        return self.run.status
