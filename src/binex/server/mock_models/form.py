"""What the two protocols have in common: a request read, and a reply in pieces."""

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias, cast

from pydantic import JsonValue, ValidationError

from binex.adapters.llm.port import Finished, Message, ModelEvent, ModelRequest, ReasoningDelta, TextDelta, ToolCallMade
from binex.errors import InputError

MARK: Final = " (scripted)"
"""Stands behind the name of every model that answers: nobody should take it for the real one."""

Body: TypeAlias = dict[str, Any]


@dataclass(slots=True)
class Said:
    """A whole reply."""

    thoughts: str = ""
    text: str = ""
    calls: list[ToolCallMade] = field(default_factory=list)
    finished: Finished | None = None

    def take(self, event: ModelEvent) -> None:
        """Add what comes in."""
        match event:
            case TextDelta():
                self.text += event.text
            case ReasoningDelta():
                self.thoughts += event.text
            case ToolCallMade():
                self.calls.append(event)
            case Finished():
                self.finished = event


class Form(ABC):
    """One request in one protocol, and how its reply is written."""

    def __init__(self, body: Body) -> None:
        self.model = body.get("model")
        if not isinstance(self.model, str) or not self.model:
            raise InputError("'model' must be the name of a model")
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise InputError("'messages' must be a list of messages")
        self.is_streamed = body.get("stream") is True
        self.body = body

    @property
    def name(self) -> str:
        """The model that answers."""
        return f"{self.model}{MARK}"

    def request(self) -> ModelRequest:
        """What is asked, in the words of the port.

        Raises:
            InputError: a message is none.
        """
        try:
            return ModelRequest(provider="mock", model=str(self.model), messages=tuple(self.messages()))
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(map(str, first["loc"]))
            raise InputError(f"a message is none: {place}: {first['msg']}") from None

    @property
    @abstractmethod
    def schema(self) -> JsonValue:
        """The JSON Schema that the reply is to keep to; null where there is none."""

    @abstractmethod
    def messages(self) -> Iterator[Message]:
        """The conversation so far."""

    @abstractmethod
    def whole(self, said: Said) -> Body:
        """The reply as one document."""

    @abstractmethod
    def pieces(self, event: ModelEvent) -> Iterator[bytes]:
        """What is streamed when *event* comes in; the beginning with the first, the end with :class:`Finished`."""


def inside(value: object, *names: str) -> JsonValue:
    """What stands in *value* under these names, one in the other; null where it does not."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return cast(JsonValue, value)


def text_of(content: object) -> str:
    """The text of a message, which may come in parts."""
    if isinstance(content, str):
        return content
    parts: Sequence[object] = content if isinstance(content, list) else []
    return "".join(_text_of_part(part) for part in parts)


def _text_of_part(part: object) -> str:
    if not isinstance(part, dict):
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    return text_of(part.get("content")) if part.get("type") == "tool_result" else ""


def arguments_of(text: str) -> JsonValue:
    """The arguments of a tool as a value; what is no object is left as it is, as real models sometimes do."""
    try:
        value: JsonValue = json.loads(text)
    except ValueError:
        return text
    return value


def event_bytes(value: JsonValue, name: str = "") -> bytes:
    """One server-sent event."""
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(value, ensure_ascii=False)}\n\n".encode("utf-8", "backslashreplace")
