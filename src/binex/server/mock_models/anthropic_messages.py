"""Anthropic's messages, from the server's side.

The form is that of https://docs.anthropic.com/en/api/messages and …/messages-streaming.
"""

from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from binex.adapters.llm.port import (
    Finished,
    FinishReason,
    Message,
    ModelEvent,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallMade,
)
from binex.models.call import Usage
from binex.server.mock_models.form import Body, Form, Said, arguments_of, event_bytes, inside, text_of

_REASONS: Final = {
    FinishReason.STOP: "end_turn",
    FinishReason.LENGTH: "max_tokens",
    FinishReason.TOOL_CALLS: "tool_use",
    FinishReason.REFUSAL: "refusal",
}
_KINDS: Final = {400: "invalid_request_error", 401: "authentication_error", 403: "permission_error",
                 404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error",
                 529: "overloaded_error"}  # fmt: skip


class AnthropicMessages(Form):
    """One message of Claude's."""

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        self._has_begun = False
        self._index = -1
        self._open = ""

    @property
    def schema(self) -> JsonValue:
        """Of `output_config`, or of `output_format` as it was called before."""
        return inside(self.body, "output_config", "format", "schema") or inside(self.body, "output_format", "schema")

    def messages(self) -> Iterator[Message]:
        """The conversation so far; each result of a tool is a message of its own."""
        if system := text_of(self.body.get("system")):
            yield Message(role="system", content=system)
        for message in self.body["messages"]:
            if not isinstance(message, dict):
                continue
            content = message.get("content")
            blocks = [block for block in content if isinstance(block, dict)] if isinstance(content, list) else []
            results = [block for block in blocks if block.get("type") == "tool_result"]
            for block in results:
                name = str(block.get("tool_use_id", ""))
                yield Message(role="tool", content=text_of(block.get("content")), tool_call_id=name)
            others = content if isinstance(content, str) else [block for block in blocks if block not in results]
            if others or not results:
                role = "assistant" if message.get("role") == "assistant" else "user"
                yield Message.model_validate({"role": role, "content": text_of(others), "tool_calls": ()})

    def whole(self, said: Said) -> Body:
        """The reply as one document."""
        finished = said.finished or Finished(reason=FinishReason.STOP)
        content: list[JsonValue] = []
        if said.thoughts:
            content.append({"type": "thinking", "thinking": said.thoughts, "signature": ""})
        if said.text:
            content.append({"type": "text", "text": said.text})
        content += [{**_block_of(made.call), "input": arguments_of(made.call.arguments)} for made in said.calls]
        return self._message(finished.id, content, _reason_of(finished), finished.usage)

    def pieces(self, event: ModelEvent) -> Iterator[bytes]:
        """The events for *event*."""
        if not self._has_begun:
            self._has_begun = True
            yield event_bytes({"type": "message_start", "message": self._message("", [], None, None)}, "message_start")
        match event:
            case TextDelta():
                yield from self._in_block("text", {"type": "text", "text": ""})
                yield self._delta({"type": "text_delta", "text": event.text})
            case ReasoningDelta():
                yield from self._in_block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
                yield self._delta({"type": "thinking_delta", "thinking": event.text})
            case ToolCallMade():
                yield from self._in_block("", _block_of(event.call))
                yield self._delta({"type": "input_json_delta", "partial_json": event.call.arguments})
            case Finished():
                yield from self._close()
                delta: dict[str, JsonValue] = {"stop_reason": _reason_of(event), "stop_sequence": None}
                usage = _usage_of(event.usage)
                yield event_bytes({"type": "message_delta", "delta": delta, "usage": usage}, "message_delta")
                yield event_bytes({"type": "message_stop"}, "message_stop")

    def _in_block(self, kind: str, block: dict[str, JsonValue]) -> Iterator[bytes]:
        """See that a block of this kind is open; every tool has one of its own."""
        if kind and kind == self._open:
            return
        yield from self._close()
        self._index += 1
        self._open = kind or "tool_use"
        start: JsonValue = {"type": "content_block_start", "index": self._index, "content_block": block}
        yield event_bytes(start, "content_block_start")

    def _close(self) -> Iterator[bytes]:
        if self._open:
            self._open = ""
            yield event_bytes({"type": "content_block_stop", "index": self._index}, "content_block_stop")

    def _delta(self, delta: JsonValue) -> bytes:
        event: JsonValue = {"type": "content_block_delta", "index": self._index, "delta": delta}
        return event_bytes(event, "content_block_delta")

    def _message(self, reply_id: str, content: list[JsonValue], reason: str | None, usage: Usage | None) -> Body:
        return {
            "id": f"msg_{reply_id or 'mock'}",
            "type": "message",
            "role": "assistant",
            "model": self.name,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": None,
            "usage": _usage_of(usage),
        }


def error_body(status: int, message: str) -> Body:
    """An error as Anthropic says it."""
    return {"type": "error", "error": {"type": _KINDS.get(status, "api_error"), "message": message}}


def model_list(names: list[str]) -> Body:
    """The models there are."""
    data = [model_entry(name) for name in names]
    return {"data": data, "has_more": False, "first_id": names[0], "last_id": names[-1]}


def model_entry(name: str) -> Body:
    """One model."""
    return {"type": "model", "id": name, "display_name": f"{name} (scripted)", "created_at": "1970-01-01T00:00:00Z"}


def _block_of(call: ToolCall) -> dict[str, JsonValue]:
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}


def _reason_of(finished: Finished) -> str:
    return _REASONS.get(finished.reason, finished.reason)


def _usage_of(usage: Usage | None) -> dict[str, JsonValue]:
    usage = usage or Usage()
    cached = usage.cached_tokens or 0
    return {
        "input_tokens": max(0, (usage.input_tokens or 0) - cached),
        "output_tokens": usage.output_tokens or 0,
        "cache_read_input_tokens": cached,
        "cache_creation_input_tokens": 0,
    }
