"""Which runs somebody asks for, and where in them a text was found."""

from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from binex.models.base import AnyText, Model
from binex.models.run import Run, RunStatus


class RunOrigin(StrEnum):
    """How a run came into the store."""

    RUN = "run"
    """A workflow was executed from its start."""
    REPLAY = "replay"
    FORK = "fork"
    IMPORTED = "imported"
    """It was executed elsewhere, whatever it was made from."""


class RunQuery(Model):
    """Which runs are asked for: those for which everything holds that is said here."""

    statuses: tuple[RunStatus, ...] = ()
    """Runs in one of these states; in any where there is none."""
    workflow: str | None = None
    """Runs of this workflow."""
    since: datetime | None = None
    """Runs that began then or later."""
    until: datetime | None = None
    """Runs that began before."""
    min_cost: float | None = None
    """Runs that cost at least so much, in US dollars, as far as prices are known."""
    max_cost: float | None = None
    """Runs that cost at most so much."""
    variables: tuple[tuple[AnyText, AnyText], ...] = ()
    """Runs whose inputs have these values, by name: as a text, or as the JSON value that it is the text of."""
    text: AnyText = ""
    """Runs with an artifact, or a message of a call, in which all these words occur. See `stores/wording.py`."""
    failed_at: str | None = None
    """Runs in which this node, or an item of it, failed at last."""
    origin: RunOrigin | None = None
    """Runs that came to be in this way."""
    is_whole: bool = False
    """Only runs that executed their workflow from its start, here or elsewhere: no forks and replays."""
    is_live: bool = False
    """Only runs that asked the outside, and not a tape: no replays."""

    @property
    def is_everything(self) -> bool:
        """Whether it leaves nothing out."""
        return self == RunQuery()

    @property
    def asks_who_is_alive(self) -> bool:
        """Whether the answer depends on which runs are being executed just now."""
        return bool({RunStatus.RUNNING, RunStatus.INTERRUPTED} & set(self.statuses))


class RunFigures(NamedTuple):
    """What is counted of one run."""

    run_id: str
    workflow: str
    status: str
    """What it is marked as; `running` also where its process is gone."""
    started_at: str
    """In ISO 8601."""
    duration_ms: float
    cost_usd: float
    unpriced_calls: int
    input_tokens: int
    output_tokens: int


class AttemptFigures(NamedTuple):
    """What is counted of one attempt at a task."""

    run_id: str
    node: str
    status: str
    is_final: bool
    """Whether the task was not tried again."""
    duration_ms: float
    cost_usd: float
    unpriced_calls: int
    input_tokens: int
    output_tokens: int


class CallFigures(NamedTuple):
    """What is counted of one call of a model."""

    run_id: str
    model: str
    """As in `openai/gpt-4o-mini`."""
    status: str
    """`completed`, `failed`, or `cancelled` where who had asked gave it up."""
    duration_ms: float
    cost_usd: float
    unpriced_calls: int
    """1 where no price is known."""
    input_tokens: int
    output_tokens: int


class FoundText(Model):
    """A text in which all that was looked for occurs."""

    run_id: str
    """The run in which it was found."""
    task: AnyText
    """The path of the task that made or exchanged it."""
    artifact: AnyText = ""
    """The id of the artifact; empty where it is a message."""
    call: AnyText = ""
    """The call whose message it is, as in `search:1.2`; empty where it is an artifact."""
    is_response: bool = False
    """Whether the message came back, and was not sent."""
    text: AnyText
    """What it says: the first 1 MiB of it."""


class FoundRuns(Model):
    """Runs that were asked for."""

    runs: tuple[Run, ...]
    """Some of them, newest first, as they are kept."""
    is_partial: bool = False
    """Whether older texts were not looked at, since there is no index of them and it would take too long."""
