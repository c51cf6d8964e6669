"""OpenAI's chat completions, from the server's side.

The form is that of https://platform.openai.com/docs/api-reference/chat.
"""

import time
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
from binex.server.mock_models.form import Body, Form, Said, event_bytes, inside, text_of

_REASONS: Final = {FinishReason.REFUSAL: "content_filter"}
_ROLES: Final = {"developer": "system", "function": "tool"}


class OpenAiChat(Form):
    """One chat completion."""

    def __init__(self, body: Body) -> None:
        super().__init__(body)
        options = body.get("stream_options")
        self._has_usage = isinstance(options, dict) and options.get("include_usage") is True
        self._created = int(time.time())
        self._has_begun = False
        self._calls = 0

    @property
    def schema(self) -> JsonValue:
        """Of `response_format`."""
        return inside(self.body, "response_format", "json_schema", "schema")

    def messages(self) -> Iterator[Message]:
        """The conversation so far."""
        for message in self.body["messages"]:
            if not isinstance(message, dict):
                continue
            role = str(message.get("role"))
            role = _ROLES.get(role, role)
            calls = message.get("tool_calls")
            yield Message.model_validate(
                {
                    "role": role if role in ("system", "assistant", "tool") else "user",
                    "content": text_of(message.get("content")),
                    "tool_calls": [_call_of(call) for call in calls if isinstance(call, dict)]
                    if isinstance(calls, list)
                    else (),
                    "tool_call_id": message.get("tool_call_id"),
                }
            )

    def whole(self, said: Said) -> Body:
        """The reply as one document."""
        message: dict[str, JsonValue] = {"role": "assistant", "content": said.text or None, "refusal": None}
        if said.thoughts:
            message["reasoning_content"] = said.thoughts
        if said.calls:
            message["tool_calls"] = [_call_in(made.call) for made in said.calls]
        finished = said.finished or Finished(reason=FinishReason.STOP)
        reason = _reason_of(finished)
        choice: dict[str, JsonValue] = {"index": 0, "message": message, "logprobs": None, "finish_reason": reason}
        return self._document("chat.completion", finished.id, [choice]) | {"usage": _usage_of(finished.usage)}

    def pieces(self, event: ModelEvent) -> Iterator[bytes]:
        """The chunks for *event*."""
        if not self._has_begun:
            self._has_begun = True
            yield self._chunk({"role": "assistant", "content": ""})
        match event:
            case TextDelta():
                yield self._chunk({"content": event.text})
            case ReasoningDelta():
                yield self._chunk({"reasoning_content": event.text})
            case ToolCallMade():
                yield self._chunk({"tool_calls": [{"index": self._calls, **_call_in(event.call)}]})
                self._calls += 1
            case Finished():
                yield self._chunk({}, _reason_of(event))
                if self._has_usage:
                    document = self._document("chat.completion.chunk", "", [])
                    yield event_bytes(document | {"usage": _usage_of(event.usage)})
                yield b"data: [DONE]\n\n"

    def _chunk(self, delta: dict[str, JsonValue], reason: str | None = None) -> bytes:
        choice: dict[str, JsonValue] = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return event_bytes(self._document("chat.completion.chunk", "", [choice]))

    def _document(self, kind: str, reply_id: str, choices: list[JsonValue]) -> Body:
        return {
            "id": f"chatcmpl-{reply_id or 'mock'}",
            "object": kind,
            "created": self._created,
            "model": self.name,
            "system_fingerprint": "scripted",
            "choices": choices,
        }


def error_body(status: int, message: str) -> Body:
    """An error as OpenAI says it."""
    kind = "invalid_request_error" if status < 500 else "server_error"
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def model_list(names: list[str]) -> Body:
    """The models there are."""
    return {"object": "list", "data": [model_entry(name) for name in names]}


def model_entry(name: str) -> Body:
    """One model."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "scripted"}


def _call_of(call: Body) -> Body:
    function = call.get("function")
    function = function if isinstance(function, dict) else {}
    return {
        "id": str(call.get("id", "")),
        "name": str(function.get("name", "")),
        "arguments": str(function.get("arguments", "")),
    }


def _call_in(call: ToolCall) -> dict[str, JsonValue]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _reason_of(finished: Finished) -> str:
    return _REASONS.get(finished.reason, finished.reason)


def _usage_of(usage: Usage | None) -> JsonValue:
    usage = usage or Usage()
    read, written = usage.input_tokens or 0, usage.output_tokens or 0
    return {
        "prompt_tokens": read,
        "completion_tokens": written,
        "total_tokens": read + written,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens or 0},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
    }
