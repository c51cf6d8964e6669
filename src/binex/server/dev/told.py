"""What the development environment tells: each thing that happens, as a model; ``binex dev --json`` prints them."""

from collections.abc import Callable
from typing import Literal, TypeAlias

from binex.analysis.differences.model import RunDiff
from binex.models.base import Model
from binex.models.complaint import Complaint
from binex.models.fork import ForkPlan
from binex.models.health import AgentHealth
from binex.models.run import RunSummary


class PageOpened(Model):
    """The page is there."""

    event: Literal["page"] = "page"
    url: str


class ModelsServed(Model):
    """Models are scripted from now on: nothing that comes of them is real."""

    event: Literal["models"] = "models"
    url: str
    """For clients of OpenAI; without its `/v1` for those of Anthropic."""
    script: str | None = None
    """The file that they answer from."""


class AgentStarted(Model):
    """An agent's program was started."""

    event: Literal["agent_started"] = "agent_started"
    agent: str
    pid: int
    uri: str
    """What a workflow calls it."""
    restarts: int = 0
    """How often it was started before."""


class AgentReady(Model):
    """An agent answers for the first time since it was started."""

    event: Literal["agent_ready"] = "agent_ready"
    agent: str
    health: AgentHealth


class AgentSaid(Model):
    """An agent wrote a line."""

    event: Literal["agent_said"] = "agent_said"
    agent: str
    line: str
    """As it was written; it may hold anything."""


class AgentLost(Model):
    """An agent's program ended, or does not answer."""

    event: Literal["agent_lost"] = "agent_lost"
    agent: str
    why: str
    again_in_ms: int | None = None
    """When it is started again; None where it is not, since it was too often."""


class FileChecked(Model):
    """A workflow was read, and this is wrong with it."""

    event: Literal["checked"] = "checked"
    file: str
    name: str | None = None
    node_count: int = 0
    faults: tuple[Complaint, ...] = ()

    @property
    def is_usable(self) -> bool:
        return not self.faults


class Saved(Model):
    """Files were saved."""

    event: Literal["saved"] = "saved"
    files: tuple[str, ...]


class RunBegins(Model):
    """A run is started."""

    event: Literal["run_begins"] = "run_begins"
    file: str
    plan: ForkPlan | None = None
    """What is executed and what is reused; None where all is executed."""


class RunLeft(Model):
    """A run was interrupted, since something was saved meanwhile, or all is to stop."""

    event: Literal["run_left"] = "run_left"
    file: str
    run: str | None = None
    """None where it had not begun."""
    is_stopped: bool = False
    """Whether all is to stop; otherwise another run begins."""


class RunDone(Model):
    """A run ended."""

    event: Literal["run_done"] = "run_done"
    file: str
    summary: RunSummary
    diff: RunDiff | None = None
    """How it differs from the run before; None where there was none."""
    since_save_ms: float | None = None
    """How long ago the file was saved, in milliseconds."""


class NothingToRun(Model):
    """What was saved reaches no node."""

    event: Literal["nothing_to_run"] = "nothing_to_run"
    file: str


class Trouble(Model):
    """Something cannot be done."""

    event: Literal["trouble"] = "trouble"
    message: str
    fix: str | None = None


class Stopped(Model):
    """All that was started has ended."""

    event: Literal["stopped"] = "stopped"


DevEvent: TypeAlias = (
    PageOpened
    | ModelsServed
    | AgentStarted
    | AgentReady
    | AgentSaid
    | AgentLost
    | FileChecked
    | Saved
    | RunBegins
    | RunLeft
    | RunDone
    | NothingToRun
    | Trouble
    | Stopped
)
Tell: TypeAlias = Callable[[DevEvent], None]
