"""Python functions as tools: what a model is told about them, and what happens when it calls them."""

import asyncio

import pytest

from binex.errors import AgentError
from tests.adapters.tools.bench import ToolBench

KINDS = """
    import asyncio
    import datetime
    import enum
    import sys
    import threading
    from dataclasses import dataclass
    from typing import Annotated, Literal, Optional

    from pydantic import BaseModel, Field

    import words

    class Colour(enum.Enum):
        RED = "red"
        BLUE = "blue"

    class Place(BaseModel):
        name: str
        floor: int = 0

    @dataclass
    class Found:
        at: datetime.date
        colour: Colour

    def search(query: str, limit: int = 3, *, tags: Optional[list[str]] = None) -> list[str]:
        '''Searches the shelves.

        Args:
            query: What to look for.
            limit: How many hits.
        '''
        return [f"{query} {at}" for at in range(limit)] + (tags or [])

    async def later(seconds: float) -> str:
        await asyncio.sleep(seconds)
        return "now"

    def thread() -> bool:
        return threading.current_thread() is threading.main_thread()

    def visit(place: Place, colour: Colour = Colour.RED, mode: Literal["walk", "run"] = "walk") -> str:
        return f"{mode} to {place.name} on {place.floor}, {colour.name}"

    def noted(count: Annotated[int, Field(ge=1, description="At least one.")]) -> int:
        return count

    def found() -> Found:
        return Found(datetime.date(2026, 1, 2), Colour.BLUE)

    def ordered(first: int, second: int = 2, /, third: int = 3) -> list[int]:
        return [first, second, third]

    def loose(schema, **rest):
        return {"schema": schema, "rest": rest}

    def wrapped(seconds: float):
        return later(seconds)

    def raises() -> None:
        raise LookupError("the shelf is empty")

    def mute() -> None:
        raise LookupError

    def leaves() -> None:
        sys.exit(3)

    async def leaves_later() -> None:
        sys.exit(3)

    def secret() -> object:
        return object()

    def neighbour() -> str:
        return words.HELLO

    class Counter:
        '''Counts.'''

        def __call__(self, to: int) -> list[int]:
            return list(range(to))

    def impossible(what: threading.Lock) -> None: ...

    def unknown(what: "Nowhere") -> None: ...
"""


@pytest.fixture
def kit(bench: ToolBench) -> ToolBench:
    bench.write(KINDS)
    bench.write("HELLO = 'from beside'", "words.py")
    return bench


async def test_a_model_is_told_the_signature_and_the_docstring(kit: ToolBench) -> None:
    async with kit.open("python://kit.search") as box:
        (spec,) = box.specs
    assert (spec.name, spec.description) == ("search", "Searches the shelves.")
    assert spec.parameters == {
        "type": "object",
        "properties": {
            "query": {"type": "string", "description": "What to look for."},
            "limit": {"type": "integer", "default": 3, "description": "How many hits."},
            "tags": {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}], "default": None},
        },
        "required": ["query"],
        "additionalProperties": False,
    }


async def test_annotations_describe_parameters_too(kit: ToolBench) -> None:
    async with kit.open("python://kit.noted") as box:
        assert box.specs[0].parameters["properties"] == {
            "count": {"type": "integer", "minimum": 1, "description": "At least one."}
        }


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        ("search", {"query": "a", "limit": 2}, '["a 0","a 1"]'),
        ("search", {"query": "a", "limit": "1", "tags": ["b"]}, '["a 0","b"]'),
        ("later", {"seconds": 0}, "now"),
        ("wrapped", {"seconds": 0}, "now"),
        ("thread", {}, "false"),
        ("visit", {"place": {"name": "home", "floor": 2}, "colour": "blue", "mode": "run"}, "run to home on 2, BLUE"),
        ("visit", {"place": {"name": "home"}}, "walk to home on 0, RED"),
        ("found", {}, '{"at":"2026-01-02","colour":"blue"}'),
        ("ordered", {"first": 1}, "[1,2,3]"),
        ("ordered", {"first": 1, "second": 5, "third": 6}, "[1,5,6]"),
        ("loose", {"schema": [1], "more": None}, '{"schema":[1],"rest":{"more":null}}'),
        ("neighbour", {}, "from beside"),
        ("Counter", {"to": 2}, "[0,1]"),
    ],
)
async def test_what_a_function_returns_is_told(
    kit: ToolBench, function: str, arguments: dict[str, object], told: str
) -> None:
    assert await kit.told(f"python://kit.{function}", **arguments) == told  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("function", "arguments", "told"),
    [
        ("search", "{}", "error: bad arguments for search: query: Field required"),
        ("search", '{"query": 1, "x": 2}', "error: bad arguments for search: query: Input should be a valid string; "),
        ("noted", '{"count": 0}', "error: bad arguments for noted: count: Input should be greater than or equal to 1"),
        ("visit", '{"place": {}}', "error: bad arguments for visit: place.name: Field required"),
        (
            "visit",
            '{"place": {"name": "a"}, "colour": "green"}',
            "error: bad arguments for visit: colour: ",
        ),
        ("search", "{query: a}", "error: bad arguments for search: they are not JSON: "),
        ("search", "[1]", "error: bad arguments for search: they are not a JSON object"),
        ("noted", '{"count": NaN}', "error: bad arguments for noted: they are not JSON: NaN is no number of JSON"),
        ("raises", "{}", "error: LookupError: the shelf is empty"),
        ("raises", "", "error: LookupError: the shelf is empty"),
        ("mute", "{}", "error: LookupError"),
        ("leaves", "{}", "error: called sys.exit(3)"),
        ("leaves_later", "{}", "error: called sys.exit(3)"),
        ("secret", "{}", "error: ValueError: the function returned what is not JSON: "),
    ],
)
async def test_what_goes_wrong_is_told_and_recorded(kit: ToolBench, function: str, arguments: str, told: str) -> None:
    async with kit.open(f"python://kit.{function}") as box:
        said = await box.call(kit.raw_call(function, arguments))
    assert said.startswith(told)
    (call,) = kit.surroundings.calls
    assert call.error == said.removeprefix("error: ")


async def test_a_use_is_one_call_on_the_tape(kit: ToolBench) -> None:
    async with kit.open("python://kit.search") as box:
        await box.call(kit.raw_call("search", '{"query": "a", "limit": 1}'))
    (call,) = kit.surroundings.calls
    assert (call.kind, call.target, call.error) == ("tool", "python://kit.search", None)
    assert kit.surroundings.request_of(call) == b'{"query": "a", "limit": 1}'
    assert kit.surroundings.response_of(call) == b'["a 0"]'


async def test_a_tool_that_is_not_there_is_an_answer_with_the_nearest_one(kit: ToolBench) -> None:
    async with kit.open("python://kit.search", "python://kit.later") as box:
        said = await box.call(kit.call("serch"))
    assert said == "error: there is no tool 'serch'; did you mean 'search'? tools: later, search"
    assert kit.surroundings.calls == []


async def test_an_answer_is_cut_at_the_limit(bench: ToolBench) -> None:
    bench.write("def big() -> str:\n    return 'ä' * 1000\n")
    async with bench.open("python://kit.big", output_bytes=101) as box:
        said = await box.call(bench.call("big"))
    assert said == "ä" * 50 + "\n[cut: the first 101 of 2,000 bytes (limits.output_bytes)]"
    assert len(bench.surroundings.response_of(bench.surroundings.calls[0])) == 2002


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("python://kit.impossible", "python://kit.impossible cannot be a tool: "),
        ("python://kit.unknown", "python://kit.unknown cannot be a tool: name 'Nowhere' is not defined"),
        ("python://kit.serch", "the tool python://kit.serch: module 'kit' has no function 'serch'"),
        ("python://nowhere.search", "the tool python://nowhere.search: there is no module 'nowhere'"),
        ("python://search", "'python://search' does not name a function"),
        ("ftp://a.b", "'ftp://a.b' does not name a tool"),
    ],
)
async def test_what_cannot_be_a_tool_fails_the_attempt_for_good(kit: ToolBench, uri: str, message: str) -> None:
    with pytest.raises(AgentError) as caught:
        async with kit.open(uri):
            pass
    assert caught.value.message.startswith(message)
    assert caught.value.fix
    assert not caught.value.is_retryable


async def test_calls_may_be_made_at_a_time(kit: ToolBench) -> None:
    async with kit.open("python://kit.search", "python://kit.later") as box:
        calls = [kit.call("search", query=str(at), limit=1) for at in range(20)]
        told = await asyncio.gather(*(box.call(call) for call in calls))
    assert told == [f'["{at} 0"]' for at in range(20)]


async def test_a_tool_goes_with_the_attempt_that_is_cancelled(kit: ToolBench) -> None:
    async with kit.open("python://kit.later") as box:
        task = asyncio.create_task(box.call(kit.call("later", seconds=600)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert kit.surroundings.calls[0].error == "CancelledError"
