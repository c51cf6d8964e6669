"""What was asked of a model and what it said, from the form of our port to that of the conventions.

The port's form is that of the bodies on the tape: the request as one JSON document, the reply as one event a line.
The conventions' form is that of the JSON schemas of their ``gen_ai.input.messages`` and ``gen_ai.output.messages``.
"""

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from binex.models.json_value import decode_json, encode_json
from binex.telemetry import conventions as names
from binex.telemetry.span import Value

_FINISH_REASONS: Final = {"tool_calls": "tool_call", "refusal": "content_filter"}
"""Words of our port that stand otherwise in the conventions' messages."""

Json = dict[str, JsonValue]


def request_in(body: bytes, *, with_content: bool) -> dict[str, Value]:
    """What the request of a model's call says of itself; *with_content* its messages and tools too."""
    request = _object(body)
    if request is None:
        return {}
    said: dict[str, Value] = {}
    settings = request.get("settings")
    for name, value in settings.items() if isinstance(settings, dict) else ():
        known = names.SETTINGS.get(name)
        if known is not None and isinstance(value, str | bool | int | float):
            said[known] = [value] if known.endswith("stop_sequences") and isinstance(value, str) else value
        elif known is not None and isinstance(value, list):
            said[known] = [str(one) for one in value]
    if request.get("output_schema") is not None:
        said[names.OUTPUT_TYPE] = "json"
    if with_content:
        said |= _messages_in(request)
    return said


def reply_in(body: bytes, *, with_content: bool) -> dict[str, Value]:
    """What the reply of a model's call says of itself; *with_content* what the model said too."""
    said: dict[str, Value] = {}
    if not with_content:  # only the last event has what is wanted, and a reply may be long
        body = body.rstrip(b"\n").rpartition(b"\n")[2]
    events = list(_events(body))
    finished = next((event for event in reversed(events) if event.get("type") == "finished"), None)
    if finished is not None:
        said[names.FINISH_REASONS] = [str(finished.get("reason", ""))]
        for name, field in ((names.RESPONSE_MODEL, "model"), (names.RESPONSE_ID, "id")):
            if finished.get(field):
                said[name] = str(finished[field])
    if with_content and events:
        parts: list[JsonValue] = [*_parts_of(events)]
        if parts:
            reason = str(finished.get("reason", "")) if finished is not None else "error"
            message: Json = {"role": "assistant", "parts": parts, "finish_reason": _FINISH_REASONS.get(reason, reason)}
            said[names.OUTPUT_MESSAGES] = _encoded([message])
    return said


def _messages_in(request: Json) -> dict[str, Value]:
    instructions: list[JsonValue] = []
    messages: list[JsonValue] = []
    listed = request.get("messages")
    for message in listed if isinstance(listed, list) else ():
        if not isinstance(message, dict):
            continue
        parts: list[JsonValue] = [*_parts_in(message)]
        if message.get("role") == "system" and not messages:
            instructions += parts
        else:
            messages.append({"role": message.get("role", "user"), "parts": parts})
    said: dict[str, Value] = {names.INPUT_MESSAGES: _encoded(messages)}
    if instructions:
        said[names.SYSTEM_INSTRUCTIONS] = _encoded(instructions)
    tools = request.get("tools")
    if isinstance(tools, list) and tools:
        listed_tools = [{"type": "function", **tool} for tool in tools if isinstance(tool, dict)]
        said[names.TOOL_DEFINITIONS] = _encoded([*listed_tools])
    return said


def _parts_in(message: Json) -> Iterator[Json]:
    content, calls = message.get("content"), message.get("tool_calls")
    if message.get("role") == "tool":
        yield {"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content or ""}
        return
    if content:
        yield {"type": "text", "content": content}
    for call in calls if isinstance(calls, list) else ():
        if isinstance(call, dict):
            yield _tool_call(call)


def _parts_of(events: list[Json]) -> Iterator[Json]:
    """The parts of a reply: pieces of text that follow each other are one."""
    said: list[str] = []
    kind = ""
    for event in (*events, {}):
        is_text = event.get("type") in ("text", "reasoning")
        if said and (not is_text or event["type"] != kind):
            yield {"type": kind, "content": "".join(said)}
            said.clear()
        if is_text:
            kind = str(event["type"])
            said.append(str(event.get("text", "")))
        call = event.get("call")
        if isinstance(call, dict):
            yield _tool_call(call)


def _tool_call(call: Json) -> Json:
    arguments = call.get("arguments")
    value: JsonValue = arguments
    if isinstance(arguments, str):
        try:
            value = decode_json(arguments.encode())
        except ValueError:
            value = arguments
    return {"type": "tool_call", "id": call.get("id"), "name": call.get("name", ""), "arguments": value}


def _events(body: bytes) -> Iterator[Json]:
    for line in body.splitlines():
        event = _object(line)
        if event is not None:
            yield event


def _object(data: bytes) -> Json | None:
    try:
        value = decode_json(data) if data else None
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _encoded(value: JsonValue) -> str:
    return encode_json(value).decode()
