"""The port to models: a normalised request in, normalised events out, whoever the provider is.

Both go on the tape as JSON, so that a replay needs neither a provider's library nor a key. What is secret or
belongs to the wire alone (:class:`Connection`) is not a part of the request.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, Protocol

from pydantic import Field, JsonValue

from binex.errors import FieldFault
from binex.models.base import Model
from binex.models.call import Usage


class ToolCall(Model):
    """A model wants a tool to be used."""

    id: str
    name: str
    arguments: str
    """JSON, as the model wrote it."""


class Message(Model):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant", "tool"]
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    """What an assistant asked for."""
    tool_call_id: str | None = None
    """Which tool call this is the result of."""
    name: str | None = None
    """The tool whose result this is."""


class ToolSpec(Model):
    """A tool that a model may ask for."""

    name: str
    description: str = ""
    parameters: dict[str, JsonValue]
    """A JSON Schema of an object."""


class ModelRequest(Model):
    """What a model is asked."""

    provider: str
    model: str
    messages: tuple[Message, ...]
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """`temperature`, `max_tokens` and the like, under one set of names for all providers."""
    tools: tuple[ToolSpec, ...] = ()
    output_schema: dict[str, JsonValue] | None = None
    """Where given, the provider's structured output is wanted; see :meth:`ModelBackend.has_structured_output`."""


class TextDelta(Model):
    """The model said something more."""

    type: Literal["text"] = "text"
    text: str


class ReasoningDelta(Model):
    """The model let something of its reasoning be seen."""

    type: Literal["reasoning"] = "reasoning"
    text: str


class ToolCallMade(Model):
    """The model asked for a tool, and has said all about it."""

    type: Literal["tool_call"] = "tool_call"
    call: ToolCall


class FinishReason:
    """Why a model stopped, in the words of this port."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    REFUSAL = "refusal"
    """It will not answer, or a filter of the provider will not let it."""


class Finished(Model):
    """The reply is complete: always the last event of one that is."""

    type: Literal["finished"] = "finished"
    reason: str
    """One of :class:`FinishReason`, or the provider's own word where none fits."""
    usage: Usage | None = None
    model: str = ""
    """The model that answered, in the provider's words."""
    id: str = ""
    """The provider's id of the reply."""
    cost_usd: float | None = None
    """What the reply cost, where whoever gave it says so itself."""


ModelEvent = Annotated[TextDelta | ReasoningDelta | ToolCallMade | Finished, Field(discriminator="type")]


@dataclass(frozen=True, slots=True)
class Connection:
    """How to reach a provider for one node; never kept."""

    api_base: str | None = None
    api_key: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, JsonValue] = field(default_factory=dict)
    """What only this provider needs, as in `api_version`."""


class ModelBackend(Protocol):
    """Speaks to one or several providers."""

    def faults(self, provider: str, model: str, settings: Mapping[str, JsonValue]) -> list[FieldFault]:
        """What is wrong with a node's `config` for this provider, by reading alone; paths begin with `config`.

        Nothing is connected to, and no library of a provider is imported.
        """
        ...

    def has_structured_output(self, provider: str, model: str) -> bool:
        """Whether `output_schema` of a request is kept to by the provider itself."""
        ...

    def key_variables(self, provider: str) -> tuple[str, ...]:
        """The environment variables in which the provider's key is expected, in order; empty where it needs none."""
        ...

    def stream(self, request: ModelRequest, connection: Connection) -> AsyncIterator[ModelEvent]:
        """Ask once, without any retry, and give what comes in as it comes in.

        Raises:
            RemoteError: the provider could not be reached, refused or failed.
            BadReplyError: what came back is no valid reply; it may be raised after some events.
        """
        ...

    async def list_models(self, provider: str, connection: Connection) -> list[str] | None:
        """The models that can be had now, asked of the provider; None where it cannot tell. Raises as `stream`."""
        ...
