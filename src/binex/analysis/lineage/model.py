"""The model of a lineage: what was made from what."""

from enum import StrEnum

from binex.analysis.artifacts import Damage
from binex.models.base import Model
from binex.models.run import Run
from binex.models.task import TaskStatus


class LineageKind(StrEnum):
    """What sort of thing an artifact was made from, or became."""

    ARTIFACT = "artifact"
    INPUT = "input"
    """An input of the workflow: what `--var` gave, or its default."""
    VALUE = "value"
    """Something that the workflow says in full, as an input of the task."""
    PROMPT = "prompt"
    """The instructions or the conversation that the workflow says."""
    TASK = "task"
    """A task that was given it and made nothing."""


class LinkKind(StrEnum):
    """In which way something was made from something else."""

    DATA = "data"
    """The task was given it."""
    CONDITION = "condition"
    """The task's condition asked for it."""
    ORDER = "order"
    """The task came after it, and was given nothing of it."""
    ITEM = "item"
    """It is one of the items of a foreach that its node has joined."""
    EDIT = "edit"
    """Somebody put the one in the place of the other."""


class LineageNode(Model):
    """One thing in a lineage."""

    id: str
    """An artifact's id; for anything else a name that is unique here."""
    kind: LineageKind
    """What it is."""
    name: str
    """What it is called in its run: `plan.output`, `user.topic`, `plan: system_prompt`."""
    run_id: str
    """The run that made it, or in which it was given."""
    task: str = ""
    """The path of the task that made it, or that was given it."""
    agent: str = ""
    """The agent's URI."""
    attempt: int = 0
    """The attempt that made it."""
    size: int = 0
    """How many bytes it has."""
    is_edited: bool = False
    """Whether a person put it in the place of what the agent made."""
    status: TaskStatus | None = None
    """How a task ended that made nothing."""
    also_in: tuple[str, ...] = ()
    """Other runs that took it over as an output of their own."""
    damage: str | None = None
    """What is wrong with it."""


class LineageLink(Model):
    """That one thing was made from another."""

    before: str
    """What was there first, by its id."""
    after: str
    """What was made from it."""
    kind: LinkKind
    """In which way."""


class ArtifactLineage(Model):
    """Where an artifact comes from and where it went."""

    run: Run
    """The run in which it was asked for."""
    artifact: str
    """Its id."""
    nodes: tuple[LineageNode, ...]
    """The artifact itself first, then what it was made from, the nearest first; then what was made from it."""
    links: tuple[LineageLink, ...]
    """Between them."""
    cut: tuple[str, ...] = ()
    """Those beyond which there is more than was asked for."""
    damage: tuple[Damage, ...] = ()
    """What could not be read."""
