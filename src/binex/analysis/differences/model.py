"""What is said about how two runs differ: what `binex diff --json` prints and every page shows."""

from enum import StrEnum
from typing import Final

from pydantic import JsonValue

from binex.analysis.artifacts import Damage
from binex.analysis.differences.json_diff import JsonDiff
from binex.analysis.differences.text_diff import TextDiff
from binex.models.base import Model
from binex.models.call import Spend
from binex.models.names import node_of
from binex.models.run import Run
from binex.models.task import ErrorInfo, SkipReason, TaskStatus

BEFORE: Final = " (before)"
"""Stands behind the path of a task that only the earlier run has, where the later one calls another task so."""


class Aspect(StrEnum):
    """What can be different about a task."""

    STATUS = "status"
    """How it ended."""
    ERROR = "error"
    """Why it failed."""
    OUTPUT = "output"
    """What it made."""
    INPUTS = "inputs"
    """What it was given."""
    PROMPT = "prompt"
    """Its instructions, or the conversation that it was given."""
    MODEL = "model"
    """The model that it asked, or those to ask instead."""
    AGENT = "agent"
    """Who did the work, where that is no model."""
    CODE = "code"
    """The code of its function, or of its tools."""
    CONFIG = "config"
    """The settings of its adapter."""
    TOOLS = "tools"
    """The tools of its model, and the servers that they come from."""
    SCHEMA = "schema"
    """What its outputs are called, must look like, and what is done where they do not."""
    RULES = "rules"
    """When, how often and how long it may run: `when`, `foreach`, `retry_policy`, `deadline_ms`."""
    VERSION = "version"
    """The version of its adapter, or of the way in which keys are made."""
    HAND = "hand"
    """Whether a person changed what it was given or what it made."""
    NAME = "name"
    """What it is called."""


class Side(StrEnum):
    """In which of the two runs something is."""

    BOTH = "both"
    BEFORE = "before"
    AFTER = "after"


class ValueDiff(Model):
    """How two values differ: texts word by word, all else by its structure."""

    text: TextDiff | None = None
    """Where both are text."""
    json_value: JsonDiff | None = None
    """Where one of them is not."""
    before: JsonValue = None
    """The value, where there is none to compare it with: something that only one of the two runs has."""
    after: JsonValue = None
    is_cut: bool = False
    """Whether the values were too large to be compared as a whole; what is behind the cut is not shown."""


class PartDiff(Model):
    """One thing that a task's outcome depends on and that was different."""

    name: str
    """As in `prompt`, `config.temperature`, `inputs.topic`, `when`."""
    aspect: Aspect
    """What sort of thing it is."""
    side: Side = Side.BOTH
    """Which run has it."""
    is_own: bool = True
    """Whether the task itself was changed; else only what was filled in is different: variables, outputs of others."""
    variables: tuple[str, ...] = ()
    """The variables that it uses and that are different, where it was only filled in otherwise."""
    value: ValueDiff | None = None
    """How it differs; None where that was not looked at or is not known, as for secrets."""


class OutputDiff(Model):
    """One output of a task that came out otherwise."""

    output: str
    """Its name."""
    side: Side = Side.BOTH
    """Which run has it."""
    before_id: str | None = None
    """The id of the artifact."""
    after_id: str | None = None
    value: ValueDiff | None = None
    """How it differs; None where that was not looked at, or could not be read."""


class TaskSide(Model):
    """How a task went in one of the two runs."""

    task: str
    """Its path there."""
    agent: str
    """The agent's URI."""
    status: TaskStatus | None = None
    """How it ended; None where it has not."""
    skip_reason: SkipReason | None = None
    """Why it was skipped."""
    blocked_by: str | None = None
    """The path of the task whose failure kept it from running."""
    error: ErrorInfo | None = None
    """Why it failed."""
    attempts: int = 0
    """How many there were."""
    duration_ms: float = 0.0
    """How long all its attempts took together, in milliseconds."""
    spend: Spend | None = None
    """What all its attempts' calls of models cost together; None where it made none, or they were made elsewhere."""
    reused_from: str | None = None
    """The run that the outcome was taken from, where it was not executed here."""
    is_edited: bool = False
    """Whether a person changed what it was given or what it made."""


class Likeness(StrEnum):
    """By what the two sides of a task were found to belong together."""

    NAME = "name"
    """Both have the same path."""
    ITEM = "item"
    """Items of a foreach that were given the same: the list was changed before them."""
    KEY = "key"
    """All that its outcome depends on is the same; it has another name."""
    PLACE = "place"
    """It has another name, and the same agent and place in the workflow."""


class CauseKind(StrEnum):
    """Why a task came out otherwise, where that is not because others did."""

    CHANGED = "changed"
    """The task itself was changed: its prompt, model, settings, code."""
    VARIABLE = "variable"
    """The run was given other variables."""
    ADDED = "added"
    """Only the later workflow has it."""
    REMOVED = "removed"
    """Only the earlier workflow has it."""
    EDITED = "edited"
    """A person changed what it was given or what it made."""
    FAULT = "fault"
    """Its calls were made to fail."""
    SAMPLING = "sampling"
    """A model was asked the same and answered otherwise."""
    FAILURE = "failure"
    """The same was asked, and once it failed."""
    CHANCE = "chance"
    """The same was asked and another answer came: the agent is not deterministic, or is a person."""
    STOPPED = "stopped"
    """One of the two runs never came to it."""
    MISSING = "missing"
    """One of the runs came to its end, and there is no record of the task in it: it was damaged."""
    UNKNOWN = "unknown"
    """What it was given is different, and where that comes from was not kept."""


class TaskState(StrEnum):
    """How the two sides of a task compare."""

    EQUAL = "equal"
    """It came out the same."""
    UNAFFECTED = "unaffected"
    """It came out the same, though it was changed or was given something else."""
    DIFFERENT = "different"
    """It came out otherwise."""
    ADDED = "added"
    """Only the later run has it."""
    REMOVED = "removed"
    """Only the earlier run has it."""


class TaskDiff(Model):
    """One task of the two runs."""

    task: str
    """Its path in the later run; else in the earlier one, followed by :data:`BEFORE` where it would be ambiguous."""
    state: TaskState
    """How the two sides compare."""
    before: TaskSide | None = None
    """How it went in the earlier run."""
    after: TaskSide | None = None
    """How it went in the later run."""
    matched_by: Likeness = Likeness.NAME
    """By what the two sides were found to belong together."""
    aspects: tuple[Aspect, ...] = ()
    """What is different about it."""
    parts: tuple[PartDiff, ...] = ()
    """What its outcome depends on, as far as that is different."""
    outputs: tuple[OutputDiff, ...] = ()
    """What it made, as far as that is different."""
    error: ValueDiff | None = None
    """How the messages of its errors differ."""
    messages: ValueDiff | None = None
    """How the messages differ that its model was given first; only where one task is looked at, and they do."""
    variables: tuple[str, ...] = ()
    """The variables with other values that decided whether it ran, or how many items there are."""
    causes: tuple[CauseKind, ...] = ()
    """Why it came out otherwise, where that is not because of others."""
    follows_from: tuple[str, ...] = ()
    """The tasks whose difference made it different, by their paths as in `task`."""

    @property
    def is_different(self) -> bool:
        """Whether it came out otherwise."""
        return self.state not in (TaskState.EQUAL, TaskState.UNAFFECTED)

    @property
    def node(self) -> str:
        """Its node."""
        return node_of(self.task.removesuffix(BEFORE))

    @property
    def has_contents(self) -> bool:
        """Whether there are contents to compare."""
        return bool(self.parts or self.outputs or Aspect.ERROR in self.aspects)

    def is_called(self, path: str) -> bool:
        """Whether it is called so in one of the runs."""
        return any(side is not None and side.task == path for side in (self.before, self.after))


class Cause(Model):
    """What made the runs different, apart from all that follows from it."""

    kind: CauseKind
    tasks: tuple[str, ...]
    """Where it shows first: one task, items of one foreach, or the tasks that use a variable."""
    node: str
    """The node of these tasks, where it is one; else that of the first."""
    aspects: tuple[Aspect, ...] = ()
    """What was changed about the task."""
    parts: tuple[str, ...] = ()
    """What exactly, as in `config.temperature`; for variables their names."""
    text: str
    """Cause and task in words, as in `its prompt changed`."""
    leads_to: tuple[str, ...] = ()
    """The tasks that are different because of it, in the order in which they ended."""
    follows_from: tuple[str, ...] = ()
    """Tasks that were different before it; empty where it is one of the first."""


class NamedDiff(Model):
    """Something about the runs as a whole that is different."""

    name: str
    """As in `topic`, `python`, `budget`."""
    side: Side = Side.BOTH
    """Which run has it."""
    value: ValueDiff
    """How it differs."""


class RunDiff(Model):
    """How two runs differ: the first causes, what follows from them, and every task."""

    before: Run
    """The run that is compared with; its cost and duration are here."""
    after: Run
    """The run that is looked at."""
    is_equal: bool
    """Whether every task ended in the same way and made the same."""
    is_same_workflow: bool
    """Whether both are runs of workflows with the same name."""
    causes: tuple[Cause, ...] = ()
    """What made them different, the earliest first."""
    tasks: tuple[TaskDiff, ...] = ()
    """Every task, in the order in which they ended in the later run; those that only the earlier one has last."""
    variables: tuple[NamedDiff, ...] = ()
    """The variables with other values."""
    versions: tuple[NamedDiff, ...] = ()
    """Other versions of Binex, Python, adapters, code, the commit."""
    budget: NamedDiff | None = None
    """Another budget."""
    workflow: TextDiff | None = None
    """How the texts of the workflow files differ, line by line; None where they are the same or cannot be read."""
    is_cut: bool = False
    """Whether the contents of only some of the tasks were compared; `--full`, `--json` and `--node` compare more."""
    damage: tuple[Damage, ...] = ()
    """What of the two runs is missing or cannot be read."""

    def task(self, path: str) -> TaskDiff | None:
        """The task that is called so, in the later run before the earlier one."""
        return next(
            (task for task in self.tasks if task.task == path),
            next((task for task in self.tasks if task.is_called(path)), None),
        )

    @property
    def different(self) -> tuple[TaskDiff, ...]:
        """The tasks that came out otherwise."""
        return tuple(task for task in self.tasks if task.is_different)
