"""What a model was asked and what it said, from the attributes of a foreign span to the form of our port.

Understood are OpenInference (``llm.input_messages.0.message.content``), the GenAI conventions as they are now
(``gen_ai.input.messages``) and as they were (``gen_ai.prompt``, events such as ``gen_ai.user.message``), and the
flattened form of instrumentations (``gen_ai.prompt.0.content``).
"""

from collections.abc import Iterable, Iterator
from typing import Final

from pydantic import JsonValue

from binex.models.call import Usage
from binex.models.json_value import encode_json
from binex.telemetry import conventions as names
from binex.telemetry.foreign.span import Attributes, ForeignSpan, as_text, indexed, parsed

Json = dict[str, JsonValue]

_ROLES: Final = {
    "system": "system", "developer": "system",
    "assistant": "assistant", "ai": "assistant", "model": "assistant",
    "tool": "tool", "function": "tool",
}  # fmt: skip
"""Who speaks; everybody else is the user."""
_EVENTS: Final = {f"gen_ai.{role}.message": role for role in ("system", "user", "assistant", "tool")}
_DETAILS: Final = "gen_ai.client.inference.operation.details"


class Talk:
    """One exchange with a model."""

    def __init__(self, span: ForeignSpan) -> None:
        details = [event for event in span.events if event.name == _DETAILS]
        for event in details:  # the same attributes, only kept apart from the span
            span.attributes = {**event.attributes, **span.attributes}
        self._span = span
        self.provider = span.text(names.PROVIDER, "gen_ai.system", "llm.provider", "llm.system") or "unknown"
        self.model = span.text(
            names.REQUEST_MODEL, "llm.model_name", "embedding.model_name", names.RESPONSE_MODEL, "llm.request.model"
        )
        self.asked = list(_without_doubles(self._asked()))
        self.said = list(self._said())

    @property
    def target(self) -> str:
        """Whom exactly was asked."""
        return f"{self.provider}/{self.model or 'unknown'}"

    @property
    def usage(self) -> Usage | None:
        """How many tokens that took."""
        span = self._span
        usage = Usage(
            input_tokens=span.count(names.INPUT_TOKENS, "llm.token_count.prompt", "gen_ai.usage.prompt_tokens"),
            output_tokens=span.count(
                names.OUTPUT_TOKENS, "llm.token_count.completion", "gen_ai.usage.completion_tokens"
            ),
            cached_tokens=span.count(names.CACHED_TOKENS, "llm.token_count.prompt_details.cache_read"),
            reasoning_tokens=span.count(names.REASONING_TOKENS, "llm.token_count.completion_details.reasoning"),
        )
        return usage if usage != Usage() else None

    @property
    def cost_usd(self) -> float | None:
        """What it cost, where the trace says so."""
        for name in (names.COST, "llm.cost.total", "gen_ai.usage.cost"):
            value = self._span.attributes.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12:
                return float(value)
        return None

    @property
    def reply(self) -> JsonValue:
        """What the model said, as an output: its text, or else the tools that it asked for."""
        text = "".join(as_text(message.get("content")) for message in self.said)
        calls: list[JsonValue] = [call for message in self.said for call in _list(message.get("tool_calls"))]
        return text or calls or None

    def request(self) -> bytes:
        """The request as our port has it."""
        request: Json = {"provider": self.provider, "model": self.model or "unknown", "messages": [*self.asked]}
        settings = self._settings()
        if settings:
            request["settings"] = settings
        tools: list[JsonValue] = [*self._tools()]
        if tools:
            request["tools"] = tools
        return encode_json(request)

    def response(self) -> bytes:
        """The reply as our port has it: one event a line."""
        events: list[Json] = []
        for message in self.said:
            if message.get("reasoning"):
                events.append({"type": "reasoning", "text": message["reasoning"]})
            if message.get("content"):
                events.append({"type": "text", "text": message["content"]})
            events += [{"type": "tool_call", "call": call} for call in _list(message.get("tool_calls"))]
        if events or self.usage is not None:
            events.append(self._finished())
        return b"".join(encode_json(event) + b"\n" for event in events)

    def _finished(self) -> Json:
        reasons = self._span.value(names.FINISH_REASONS)
        reason = reasons[0] if isinstance(reasons, list) and reasons else self._span.text("llm.finish_reason")
        said = next((message["finish_reason"] for message in self.said if message.get("finish_reason")), "")
        finished: Json = {"type": "finished", "reason": as_text(reason) or as_text(said) or "stop"}
        if self.usage is not None:
            finished["usage"] = self.usage.model_dump(exclude_none=True)
        for field, value in (
            ("model", self._span.text(names.RESPONSE_MODEL)),
            ("id", self._span.text(names.RESPONSE_ID)),
        ):
            if value:
                finished[field] = value
        return finished

    def _asked(self) -> Iterator[Json]:
        span = self._span
        for part in _list(span.value(names.SYSTEM_INSTRUCTIONS)):
            yield {"role": "system", "content": _text_of(part)}
        found = [
            *(_message(one) for one in _list(span.value(names.INPUT_MESSAGES))),
            *map(_openinference, span.indexed("llm.input_messages")),
            *map(_flat, span.indexed("gen_ai.prompt")),
        ]
        if not found:
            found = [_of_event(event.attributes, _EVENTS[event.name]) for event in span.events if event.name in _EVENTS]
        if not found:
            found = list(_whole(self._attribute_or_event("gen_ai.prompt", "gen_ai.content.prompt"), "user"))
        if not found:
            found = list(_whole(span.value("input.value", "traceloop.entity.input"), "user"))
        yield from found

    def _said(self) -> Iterator[Json]:
        span = self._span
        found = [
            *(_message(one) for one in _list(span.value(names.OUTPUT_MESSAGES))),
            *map(_openinference, span.indexed("llm.output_messages")),
            *map(_flat, span.indexed("gen_ai.completion")),
        ]
        if not found:
            found = [_of_event(event.attributes, "assistant") for event in span.events if event.name == "gen_ai.choice"]
        if not found:
            whole = self._attribute_or_event("gen_ai.completion", "gen_ai.content.completion")
            found = list(_whole(whole, "assistant"))
        if not found:
            found = list(_whole(span.value("output.value", "traceloop.entity.output"), "assistant"))
        yield from found

    def _attribute_or_event(self, attribute: str, event: str) -> JsonValue:
        found = self._span.value(attribute)
        if found is None:
            found = next(
                (parsed(one.attributes.get(attribute)) for one in self._span.events if one.name == event), None
            )
        return found

    def _settings(self) -> Json:
        span = self._span
        settings = {
            ours: span.attributes[theirs] for ours, theirs in names.SETTINGS.items() if theirs in span.attributes
        }
        said = span.value("llm.invocation_parameters")
        if isinstance(said, dict):
            settings |= {name: value for name, value in said.items() if name not in ("messages", "model", "tools")}
        return settings

    def _tools(self) -> Iterator[Json]:
        flattened = [parsed(one.get("tool.json_schema")) for one in self._span.indexed("llm.tools")]
        for tool in (*_list(self._span.value(names.TOOL_DEFINITIONS)), *flattened):
            said = tool.get("function", tool) if isinstance(tool, dict) else None
            if isinstance(said, dict) and said.get("name"):
                schema = said.get("parameters", said.get("input_schema"))
                yield {
                    "name": as_text(said["name"]),
                    "description": as_text(said.get("description")),
                    "parameters": schema if isinstance(schema, dict) else {},
                }


def _message(value: JsonValue) -> Json:
    """A message of the conventions as they are, with ``parts``; or as providers have it, with ``content``."""
    if not isinstance(value, dict):
        return _plain("user", as_text(value))
    message = _plain(as_text(value.get("role")), "")
    texts: list[str] = []
    calls: list[JsonValue] = [_call(call) for call in _list(value.get("tool_calls"))]
    parts = value.get("parts", value.get("content"))
    for part in parts if isinstance(parts, list) else [parts]:
        kind = part.get("type") if isinstance(part, dict) else "text"
        if not isinstance(part, dict):
            texts.append(as_text(part))
        elif kind in ("tool_call", "tool_use"):
            calls.append(_call(part))
        elif kind in ("tool_call_response", "tool_result"):
            message |= {"role": "tool", "tool_call_id": as_text(part.get("id", part.get("tool_use_id")))}
            texts.append(as_text(part.get("response", part.get("result", part.get("content")))))
        elif kind in ("reasoning", "thinking"):
            message["reasoning"] = as_text(part.get("content", part.get("thinking")))
        else:
            texts.append(_text_of(part))
    message["content"] = "\n".join(filter(None, texts))
    if calls:
        message["tool_calls"] = calls
    for ours, theirs in (("tool_call_id", "tool_call_id"), ("name", "name"), ("finish_reason", "finish_reason")):
        if value.get(theirs):
            message[ours] = as_text(value[theirs])
    return message


def _openinference(flat: Json) -> Json:
    """A message that stands as ``message.role``, ``message.contents.0.message_content.text`` and the like."""
    pieces = [as_text(part.get("message_content.text")) for part in indexed(flat, "message.contents")]
    message = _plain(as_text(flat.get("message.role")), as_text(flat.get("message.content")) or "\n".join(pieces))
    calls: list[JsonValue] = [
        {
            "id": as_text(call.get("tool_call.id")),
            "name": as_text(call.get("tool_call.function.name")),
            "arguments": as_text(call.get("tool_call.function.arguments")),
        }
        for call in indexed(flat, "message.tool_calls")
    ]
    return message | ({"tool_calls": calls} if calls else {}) | _of_tool(flat, "message.")


def _flat(flat: Json) -> Json:
    """A message that stands as ``role``, ``content`` and ``tool_calls.0.name``."""
    content = parsed(flat.get("content"))
    if isinstance(content, list):
        message = _message({"role": flat.get("role"), "content": content})
    else:
        message = _plain(as_text(flat.get("role")), as_text(content))
    calls: list[JsonValue] = [_call(call) for call in indexed(flat, "tool_calls")]
    if calls:
        message["tool_calls"] = calls
    if flat.get("finish_reason"):
        message["finish_reason"] = as_text(flat["finish_reason"])
    return message | _of_tool(flat, "")


def _of_event(attributes: Attributes, role: str) -> Json:
    said = dict(attributes)
    body = parsed(said.get("gen_ai.event.content", said.get("body")))
    said |= body if isinstance(body, dict) else {}
    inner = parsed(said.get("message"))
    said |= inner if isinstance(inner, dict) else {}
    message = _message({"role": role, **said, "content": parsed(said.get("content", inner))})
    calls = parsed(said.get("tool_calls"))
    if calls:
        message["tool_calls"] = [_call(call) for call in _list(calls)]
    return message | _of_tool(said, "")


def _of_tool(said: Json, prefix: str) -> Json:
    found = said.get(f"{prefix}tool_call_id", said.get("id"))
    return {"tool_call_id": as_text(found)} if found else {}


def _whole(value: JsonValue, role: str) -> Iterator[Json]:
    """The messages of what holds all of them, or is one text."""
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        value = value["messages"]
    if isinstance(value, list) and value and all(isinstance(one, dict) for one in value):
        yield from map(_message, value)
    elif value is not None:
        yield _plain(role, as_text(value))


def _call(value: JsonValue) -> Json:
    said = value if isinstance(value, dict) else {}
    inner = said.get("function")
    said = said | inner if isinstance(inner, dict) else said
    arguments = said.get("arguments", said.get("input"))
    return {
        "id": as_text(said.get("id")),
        "name": as_text(said.get("name")),
        "arguments": as_text(arguments) or "{}",
    }


def _plain(role: str, content: str) -> Json:
    return {"role": _ROLES.get(role.lower(), "user"), "content": content}


def _text_of(part: JsonValue) -> str:
    if not isinstance(part, dict):
        return as_text(part)
    text = part.get("content", part.get("text"))
    return as_text(part if text is None else text)


def _without_doubles(messages: Iterable[Json]) -> Iterator[Json]:
    """What is asked may only have the fields of our port; a system message may be said twice, in two places."""
    seen_system: set[str] = set()
    for message in messages:
        kept = {name: value for name, value in message.items() if name not in ("reasoning", "finish_reason")}
        if kept["role"] == "system":
            if kept["content"] in seen_system:
                continue
            seen_system.add(str(kept["content"]))
        yield kept


def _list(value: JsonValue) -> list[JsonValue]:
    return value if isinstance(value, list) else [] if value is None else [value]
