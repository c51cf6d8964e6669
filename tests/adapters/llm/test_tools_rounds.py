"""A model uses tools before it answers: every round is a call, and there is an end to it."""

import asyncio
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from pydantic import JsonValue

from binex.adapters.llm.backends import Backends
from binex.adapters.llm.exchange import Exchange
from binex.adapters.llm.messages import opening_messages
from binex.adapters.llm.models import Models
from binex.adapters.llm.port import ToolCall, ToolSpec
from binex.adapters.llm.rounds import Conversation
from binex.adapters.llm.settings import read_settings
from binex.adapters.llm.structured import Shape
from binex.errors import AgentError
from binex.models.call import CallKind
from tests.adapters.llm.bench import Bench, a_task

TWO_TOOLS: JsonValue = [
    {"tool_calls": [{"name": "slow", "arguments": {"n": 1}}, {"name": "fast", "arguments": "not JSON"}]},
    {"text": "done"},
]


@dataclass
class Tools:
    """A toolbox whose slow tool waits for the fast one."""

    specs: tuple[ToolSpec, ...] = (ToolSpec(name="slow", parameters={}), ToolSpec(name="fast", parameters={}))
    used: list[ToolCall] = field(default_factory=list)
    was_stopped: bool = False
    _fast: asyncio.Event = field(default_factory=asyncio.Event)

    async def call(self, call: ToolCall) -> str:
        self.used.append(call)
        if call.name == "fast":
            self._fast.set()
        elif call.name == "broken":
            raise AgentError("the tape has no such call", is_retryable=False)
        else:
            try:
                async with asyncio.timeout(5):
                    await self._fast.wait()
            except asyncio.CancelledError:
                self.was_stopped = True
                raise
        return f"{call.name} said {call.arguments}"


async def converse(bench: Bench, tools: Tools, max_rounds: int = 10, **config: JsonValue) -> JsonValue:
    task = a_task("llm://mock/writer", config=config)
    with bench.around.attempt(task):
        models = Models(task, read_settings(task.config), Backends(), Exchange(10_000, {}))
        talk = Conversation(models, opening_messages(task), Shape.of(task), tools, max_rounds)
        return await talk.answer(task.repair)


async def test_tools_of_one_round_work_side_by_side_and_answer_in_order() -> None:
    bench, tools = Bench(), Tools()
    assert await converse(bench, tools, answers=TWO_TOOLS, tool_choice="required") == "done"
    assert len(bench.calls) == 2
    first, second = bench.request(0), bench.request(1)
    assert [tool.name for tool in first.tools] == ["slow", "fast"]
    asked, *results = second.messages[1:]
    assert [call.name for call in asked.tool_calls] == ["slow", "fast"]
    assert [(one.role, one.name, one.content) for one in results] == [
        ("tool", "slow", 'slow said {"n":1}'),
        ("tool", "fast", "fast said not JSON"),
    ]
    assert [one.tool_call_id for one in results] == [call.id for call in asked.tool_calls]
    assert first.settings == {"tool_choice": "required"}
    assert second.settings == {}  # it would have to use a tool each time


async def test_a_model_that_never_stops_using_tools_is_stopped() -> None:
    bench, tools = Bench(), Tools()
    with pytest.raises(AgentError, match=r"after 3 rounds of tools \(config.max_tool_rounds\).*: fast") as caught:
        await converse(bench, tools, 3, answers=[{"tool_calls": [{"name": "fast"}]}])
    assert not caught.value.is_retryable
    assert (len(bench.calls), len(tools.used)) == (4, 3)


async def test_where_one_tool_fails_for_good_the_others_are_stopped() -> None:
    bench, tools = Bench(), Tools()
    answers: JsonValue = [{"tool_calls": [{"name": "slow"}, {"name": "broken"}]}]
    with pytest.raises(AgentError, match="the tape has no such call"):
        await converse(bench, tools, answers=answers)
    assert tools.was_stopped


async def test_what_a_model_says_beside_its_tool_calls_stays_in_the_conversation() -> None:
    bench = Bench()
    answers: JsonValue = [{"text": "Let me look.", "tool_calls": [{"name": "fast"}]}, {"text": "done"}]
    assert await converse(bench, Tools(), answers=answers) == "done"
    assert bench.request(1).messages[1].content == "Let me look."
    assert "".join(bench.around.streamed) == "Let me look.\ndone"


async def test_a_python_function_is_a_tool(tmp_path: Path) -> None:
    (tmp_path / "facts.py").write_text(
        'def wings(animal: str) -> int:\n    """How many wings an animal has."""\n    return {"bee": 4}[animal]\n',
        "utf-8",
    )
    bench = Bench()
    answers: JsonValue = [
        {"tool_calls": [{"name": "wings", "arguments": {"animal": "bee"}}, {"name": "legs", "arguments": {}}]},
        {"text": "Four.", "when": {"contains": "there is no tool 'legs'"}},
    ]
    answer = await bench.answer(tools=("python://facts.wings",), folder=str(tmp_path), config={"answers": answers})
    assert answer == "Four."
    (spec,) = bench.request(0).tools
    assert (spec.name, spec.description) == ("wings", "How many wings an animal has.")
    assert bench.request(1).messages[-2].content == "4"
    assert [call.kind for call in bench.around.calls] == [CallKind.MODEL, CallKind.TOOL, CallKind.MODEL]
