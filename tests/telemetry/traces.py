"""Traces as others make them, written by hand after the conventions' own texts."""

import json
from typing import Any

TRACE = "0af7651916cd43dd8448eb211c80319c"
START = 1_790_000_000 * 10**9
MS = 10**6


def value(given: Any) -> dict[str, Any]:
    """A Python value as OTLP has it."""
    match given:
        case bool():
            return {"boolValue": given}
        case str():
            return {"stringValue": given}
        case int():
            return {"intValue": str(given)}
        case float():
            return {"doubleValue": given}
        case list():
            return {"arrayValue": {"values": [value(one) for one in given]}}
        case _:
            return {"kvlistValue": {"values": attributes(given)}}


def attributes(given: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"key": key, "value": value(one)} for key, one in given.items()]


def span(
    id: int, name: str, start_ms: float, end_ms: float, said: dict[str, Any], *, parent: int = 0, **more: Any
) -> dict[str, Any]:
    """A span that began and ended so many milliseconds after the trace."""
    events = [{"name": name, "attributes": attributes(told)} for name, told in more.pop("events", ())]
    return {
        "traceId": TRACE,
        "spanId": f"{id:016x}",
        **({"parentSpanId": f"{parent:016x}"} if parent else {}),
        "name": name,
        "startTimeUnixNano": str(START + int(start_ms * MS)),
        "endTimeUnixNano": str(START + int(end_ms * MS)),
        "attributes": attributes(said),
        "events": events,
        **more,
    }


def request(*spans: dict[str, Any], service: str = "elsewhere") -> dict[str, Any]:
    """An ExportTraceServiceRequest."""
    resource = {"attributes": attributes({"service.name": service})}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [{"scope": {"name": "x"}, "spans": list(spans)}]}]}


def failed(message: str) -> dict[str, Any]:
    return {"code": 2, "message": message}


def openinference() -> dict[str, Any]:
    """An agent that asks a model, uses a tool, and asks again."""
    question = {"llm.input_messages.0.message.role": "system", "llm.input_messages.0.message.content": "Be brief"}
    question |= {
        "llm.input_messages.1.message.role": "user",
        "llm.input_messages.1.message.content": "Weather in Oslo?",
    }
    call = "llm.output_messages.0.message.tool_calls.0.tool_call"
    first = {
        "openinference.span.kind": "LLM",
        "llm.system": "openai",
        "llm.provider": "openai",
        "llm.model_name": "gpt-4o-mini",
        "llm.invocation_parameters": json.dumps({"temperature": 0.2}),
        **question,
        "llm.output_messages.0.message.role": "assistant",
        f"{call}.id": "call_1",
        f"{call}.function.name": "weather",
        f"{call}.function.arguments": '{"city": "Oslo"}',
        "llm.token_count.prompt": 20,
        "llm.token_count.completion": 7,
        "llm.tools.0.tool.json_schema": json.dumps(
            {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
        ),
    }
    tool = {
        "openinference.span.kind": "TOOL",
        "tool.name": "weather",
        "input.value": '{"city": "Oslo"}',
        "input.mime_type": "application/json",
        "output.value": "4 degrees, rain",
    }
    second = {
        "openinference.span.kind": "LLM",
        "llm.provider": "openai",
        "llm.model_name": "gpt-4o-mini",
        **question,
        "llm.input_messages.2.message.role": "tool",
        "llm.input_messages.2.message.tool_call_id": "call_1",
        "llm.input_messages.2.message.content": "4 degrees, rain",
        "llm.output_messages.0.message.role": "assistant",
        "llm.output_messages.0.message.contents.0.message_content.type": "text",
        "llm.output_messages.0.message.contents.0.message_content.text": "Cold and wet.",
        "llm.token_count.prompt": 40,
        "llm.token_count.completion": 5,
        "llm.token_count.prompt_details.cache_read": 16,
        "llm.cost.total": 0.0125,
    }
    agent = {
        "openinference.span.kind": "AGENT",
        "agent.name": "weather agent",
        "input.value": "Weather in Oslo?",
        "output.value": "Cold and wet.",
    }
    return request(
        span(1, "Agent.run", 0, 100, agent),
        span(2, "ChatCompletion", 5, 30, first, parent=1),
        span(3, "weather", 31, 40, tool, parent=1),
        span(4, "ChatCompletion", 41, 95, second, parent=1),
    )


def genai() -> dict[str, Any]:
    """The same by the GenAI conventions as they are now; the model's answer is refused, and the agent fails."""
    asked = [{"role": "user", "parts": [{"type": "text", "content": "Summarise ${this}"}]}]
    chat = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "anthropic",
        "gen_ai.request.model": "claude-x",
        "gen_ai.request.max_tokens": 100,
        "gen_ai.response.model": "claude-x-2",
        "gen_ai.response.id": "msg_1",
        "gen_ai.response.finish_reasons": ["stop"],
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 2,
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": "Short."}]),
        "gen_ai.input.messages": json.dumps(asked),
        "gen_ai.output.messages": [
            {"role": "assistant", "parts": [{"type": "text", "content": "A summary."}], "finish_reason": "stop"}
        ],
    }
    http = {
        "http.request.method": "POST",
        "url.full": "https://api.example.com/v1/messages?key=sk-ant-abc",
        "http.response.status_code": 200,
    }
    raised = {"exception.type": "ValueError", "exception.message": "too short", "exception.stacktrace": "at x.py:1"}
    return request(
        span(1, "invoke_agent writer", 0, 60, {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "writer"},
             status=failed("it failed"), events=[("exception", raised)]),
        span(2, "chat claude-x", 10, 50, chat, parent=1),
        span(3, "POST", 12, 48, http, parent=2, kind=3),
    )  # fmt: skip


def older() -> dict[str, Any]:
    """The conventions as they were: messages as events, as flattened attributes, and as one attribute."""
    common = {"gen_ai.system": "openai", "gen_ai.request.model": "gpt-3.5"}
    events = [
        ("gen_ai.system.message", {"content": "Be kind"}),
        ("gen_ai.user.message", {"content": "Hello"}),
        ("gen_ai.choice", {"finish_reason": "stop", "message": json.dumps({"role": "assistant", "content": "Hi you"})}),
    ]
    flat = {
        "gen_ai.prompt.0.role": "user",
        "gen_ai.prompt.0.content": "One?",
        "gen_ai.completion.0.role": "assistant",
        "gen_ai.completion.0.content": "Two.",
        "gen_ai.completion.0.finish_reason": "length",
        "gen_ai.usage.prompt_tokens": 3,
        "gen_ai.usage.completion_tokens": 4,
    }
    whole = {
        "gen_ai.prompt": json.dumps([{"role": "user", "content": "Three?"}]),
        "gen_ai.completion": json.dumps([{"role": "assistant", "content": "Four."}]),
    }
    return request(
        span(1, "by event", 0, 10, common, events=events),
        span(2, "flattened", 20, 30, common | flat),
        span(3, "whole", 40, 50, common | whole),
    )
