"""What was said between a task and its models: the exact messages, round by round, and the tools that were used."""

from collections.abc import Mapping, Sequence

from pydantic import Field, JsonValue

from binex.analysis.calls import CallDetail, name_of
from binex.models.base import AnyText, Model
from binex.models.call import CallKind
from binex.models.json_value import decode_json


class ToolUse(Model):
    """A tool that a model asked for."""

    id: AnyText = ""
    """What the model called the request."""
    name: AnyText
    """The tool."""
    arguments: AnyText = ""
    """JSON, as the model wrote it."""
    result: AnyText | None = None
    """What the model was told; None where it never was."""


class SeenMessage(Model):
    """One message of the conversation, exactly as the model was given it."""

    role: AnyText
    content: JsonValue = ""
    name: AnyText | None = None
    """The tool whose result it is."""
    tool_call_id: AnyText | None = None
    """The request that it is the result of."""
    tool_uses: tuple[ToolUse, ...] = ()
    """What the model had asked for in it."""


class Round(Model):
    """One question to a model and its reply."""

    call: str
    """The call, as in `plan:1.1`."""
    model: AnyText
    """Whom was asked, as in `openai/gpt-4o`."""
    messages: tuple[SeenMessage, ...] = ()
    """What the model saw; where it continues the round before, only what came since then."""
    is_continued: bool = False
    """Whether all that the model saw in the round before came before these messages."""
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """`temperature`, `max_tokens` and the like."""
    tools: tuple[AnyText, ...] = ()
    """The names of the tools that it was offered."""
    reply: AnyText | None = None
    """What it said."""
    tool_uses: tuple[ToolUse, ...] = ()
    """The tools that it asked for."""
    error: AnyText | None = None
    """Why there is no reply."""


def rounds_of(calls: Sequence[CallDetail]) -> tuple[Round, ...]:
    """The rounds in the calls of one attempt, which stand in the order in which they began."""
    rounds: list[Round] = []
    before: list[JsonValue] = []
    seen: list[tuple[CallDetail, list[JsonValue]]] = []
    for detail in calls:
        if detail.call.kind is CallKind.MODEL:
            request = detail.request.value if detail.request is not None else None
            seen.append((detail, _messages(request)))
    results = {id: content for _, messages in seen for id, content in _results(messages)}
    for detail, messages in seen:
        is_continued = bool(before) and messages[: len(before)] == before
        rounds.append(_round(detail, messages[len(before) if is_continued else 0 :], results, is_continued))
        before = messages
    return tuple(rounds)


def _round(detail: CallDetail, messages: Sequence[JsonValue], results: Mapping[str, str], is_continued: bool) -> Round:
    request = detail.request.value if detail.request is not None else None
    asked = request if isinstance(request, dict) else {}
    settings, tools = asked.get("settings"), asked.get("tools")
    offered = [tool.get("name") for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    return Round(
        call=name_of(detail.call),
        model=detail.call.target,
        messages=tuple(_message(message, results) for message in messages if isinstance(message, dict)),
        is_continued=is_continued,
        settings=settings if isinstance(settings, dict) else {},
        tools=tuple(str(name) for name in offered),
        reply=detail.reply,
        tool_uses=tuple(_asked_for(detail, results)),
        error=detail.call.error,
    )


def _messages(request: JsonValue) -> list[JsonValue]:
    messages = request.get("messages") if isinstance(request, dict) else None
    return messages if isinstance(messages, list) else []


def _results(messages: Sequence[JsonValue]) -> list[tuple[str, str]]:
    """What models were told about the tools that they had asked for, by the id of the request."""
    told = [(message.get("tool_call_id"), message) for message in messages if isinstance(message, dict)]
    return [(id, _text(message.get("content"))) for id, message in told if isinstance(id, str)]


def _message(message: Mapping[str, JsonValue], results: Mapping[str, str]) -> SeenMessage:
    uses = message.get("tool_calls")
    name, of = message.get("name"), message.get("tool_call_id")
    return SeenMessage(
        role=_text(message.get("role")),
        content=message.get("content", ""),
        name=None if name is None else _text(name),
        tool_call_id=None if of is None else _text(of),
        tool_uses=tuple(_use(use, results) for use in uses if isinstance(use, dict)) if isinstance(uses, list) else (),
    )


def _asked_for(detail: CallDetail, results: Mapping[str, str]) -> list[ToolUse]:
    """The tools in the events of a reply, which stand as JSON, one a line."""
    text = detail.response.text if detail.response is not None else None
    uses: list[ToolUse] = []
    for line in (text or "").splitlines():
        try:
            event = decode_json(line.encode())
        except ValueError:
            continue
        call = event.get("call") if isinstance(event, dict) and event.get("type") == "tool_call" else None
        if isinstance(call, dict):
            uses.append(_use(call, results))
    return uses


def _use(call: Mapping[str, JsonValue], results: Mapping[str, str]) -> ToolUse:
    id = _text(call.get("id"))
    arguments = _text(call.get("arguments"))
    return ToolUse(id=id, name=_text(call.get("name")), arguments=arguments, result=results.get(id))


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
