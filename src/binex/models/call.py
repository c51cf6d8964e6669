"""One exchange of an attempt with the outside, as it is kept: what was asked, what came back, what it cost."""

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from functools import cache
from typing import Final, Literal, NamedTuple

from binex.models.base import AnyText, Model

NOT_MADE: Final = "not made"
"""Stands as ``priced_by`` of a model's call that the budget did not allow: its error is what was decided."""

ENDED_FIRST: Final = "the attempt ended first"
"""The error of a call that was still going on when its attempt ended."""


def is_cancellation(error: str) -> bool:
    """Whether the error of a call says that who had made it gave it up."""
    return error.partition(":")[0] == "CancelledError"


def was_given_up(error: str | None) -> bool:
    """Whether a call with this error was given up by who had made it, or was ended with its attempt."""
    return error is not None and (error == ENDED_FIRST or is_cancellation(error))


def outcome_of(error: str | None) -> Literal["completed", "failed", "cancelled"]:
    """What became of a call with this error, or none."""
    if error is None:
        return "completed"
    return "cancelled" if was_given_up(error) else "failed"


class CallKind(StrEnum):
    """With whom an attempt spoke."""

    MODEL = "model"
    """A model, at our own port: normalised request and events, whatever the provider's wire looks like."""
    HTTP = "http"
    """A request over HTTP, word for word; made by an adapter, or by any library inside a local function."""
    A2A = "a2a"
    """A message to a remote agent."""
    TOOL = "tool"
    """A tool that a model asked for: a Python function, or one of an MCP server."""
    HUMAN = "human"
    """A question to a person."""
    VALUE = "value"
    """A moment, a random number or an id that a local function asked Binex for."""


class Usage(Model):
    """Tokens of one call. None where the provider did not say."""

    input_tokens: int | None = None
    """All that the model read, what it had cached included."""
    output_tokens: int | None = None
    """All that it wrote, its reasoning included."""
    cached_tokens: int | None = None
    """How many of the input tokens came from the provider's cache."""
    reasoning_tokens: int | None = None
    """How many of the output tokens were reasoning."""


class Spend(Model):
    """What calls cost together."""

    cost_usd: float = 0.0
    """The sum of the prices that are known."""
    model_calls: int = 0
    """How many calls of models there were."""
    unpriced_calls: int = 0
    """How many of them have no known price; where there are any, the cost is at least ``cost_usd``."""
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0

    def plus(self, other: "Spend") -> "Spend":
        """The sum of both."""
        return Spend(**{name: getattr(self, name) + getattr(other, name) for name in Spend.model_fields})


class BodyPart(NamedTuple):
    """One link of a body: the bytes *data*, standing behind those of the link *previous* (empty for the first).

    ``id`` is the SHA-256 (hexadecimal) of the previous link's id and the data's hash, so that bodies which
    begin alike, as the turns of a conversation do, share their links, and a link names all that is before it.
    """

    id: str
    previous: str
    sha256: str
    data: bytes


class Body(Model):
    """The bytes of one side of a call, kept as a chain of parts."""

    last: str
    """The id of the chain's last part; empty for a body without bytes."""
    size: int
    """How many bytes all parts have together."""
    media_type: AnyText = ""
    """What the bytes are, as in `application/json`."""


class Chunk(NamedTuple):
    """One piece of a stream as it came in."""

    offset_ms: float
    """When it came, from the beginning of the call, in milliseconds."""
    size: int
    """How many of the response's bytes it brought."""


class Call(Model):
    """One exchange of an attempt with the outside."""

    run_id: str
    """The run."""
    task: str
    """The path of the task."""
    attempt: int
    """The attempt, from 1."""
    number: int
    """Which call of the attempt it is, from 1, in the order in which they began."""
    parent: int | None = None
    """The number of the call that it was made for: the model call that a request on the wire belongs to."""
    kind: CallKind
    """With whom."""
    target: AnyText
    """Whom exactly: `openai/gpt-4o-mini`, `POST https://host/path`, `mcp://server/tool`."""
    asked: str = ""
    """The hash of what was asked, without what changes by chance; calls are matched by it when they are replayed."""
    request: Body | None = None
    request_headers: tuple[tuple[AnyText, AnyText], ...] = ()
    response: Body | None = None
    response_headers: tuple[tuple[AnyText, AnyText], ...] = ()
    status: int | None = None
    """The HTTP status."""
    chunks: tuple[Chunk, ...] = ()
    """How a streamed response came in; empty where it was not streamed."""
    is_complete: bool = True
    """Whether the response came to its end."""
    started_at: datetime
    duration_ms: float = 0.0
    usage: Usage | None = None
    """Tokens, for a model's call."""
    cost_usd: float | None = None
    """Its price; None where it is unknown or there is none."""
    priced_by: str = ""
    """The price table and its version; empty where no price is known; :data:`NOT_MADE` where nothing was asked."""
    error: AnyText | None = None
    """Why it failed."""

    @property
    def id(self) -> str:
        """Unique everywhere."""
        return f"{self.run_id}~{self.task}~{self.attempt}~{self.number}"

    @property
    def spend(self) -> Spend:
        """What it adds to the cost of its run; only calls of models cost."""
        if self.kind is not CallKind.MODEL or self.priced_by == NOT_MADE:
            return Spend()
        usage = self.usage or Usage()
        return Spend(
            cost_usd=self.cost_usd or 0.0,
            model_calls=1,
            unpriced_calls=int(self.cost_usd is None),
            input_tokens=usage.input_tokens or 0,
            output_tokens=usage.output_tokens or 0,
            cached_tokens=usage.cached_tokens or 0,
            reasoning_tokens=usage.reasoning_tokens or 0,
        )


def call_of(values: Mapping[str, object]) -> Call:
    """A call of *values* that need no check, each of its field's type, and each text such that it can be written.

    It takes a third of the time, which matters: a call is made for each request of an agent.
    """
    return _any_call().model_copy(update=values)


@cache
def _any_call() -> Call:
    began = datetime.fromtimestamp(0, UTC)
    return Call(run_id="", task="", attempt=1, number=1, kind=CallKind.HTTP, target="", started_at=began)
