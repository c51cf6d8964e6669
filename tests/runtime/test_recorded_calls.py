"""What a run keeps of the calls that its attempts make: durable, priced, told, and there again when it goes on."""

import asyncio
from pathlib import Path

import pytest

import binex
from binex.errors import InputError
from binex.loader import parse_workflow
from binex.models.call import NOT_MADE, CallKind
from binex.models.event import CallRecorded, Event, Streamed, TaskSettled
from binex.models.question import Answer
from binex.models.run import RunStatus, RunSummary
from binex.models.task import ErrorKind, now
from binex.models.workflow import NodeSpec, WorkflowSpec

PRICED = """
nodes:
  ask:
    agent: llm://mock/teller
    inputs: {question: How many tides?}
    config:
      answers:
        - {text: two a day, price: 0.25, usage: {input_tokens: 10, output_tokens: 3, cached_tokens: 4}}
  again:
    agent: llm://mock/teller
    inputs: {said: "${ask.output}"}
    config: {answers: [{text: I said so, price: 0.5}]}
"""


async def run_text(folder: Path, text: str, *, listeners: list[Event] | None = None, **more: float) -> RunSummary:
    told = [] if listeners is None else [listeners.append]
    async with binex.open_session(folder / ".binex", listeners=told) as session:
        return await session.run(parse_workflow(text, folder=folder), **more)  # type: ignore[arg-type]


async def test_every_call_of_a_model_is_kept_with_its_price_and_counted_once(tmp_path: Path) -> None:
    run = await run_text(tmp_path, PRICED)
    async with binex.open_session(tmp_path / ".binex", read_only=True) as session:
        calls = await session.store.list_calls(run.run_id)
        records = {record.task: record for record in await session.store.list_records(run.run_id)}
        assert [(call.task, call.kind, call.target, call.cost_usd) for call in calls] == [
            ("again", CallKind.MODEL, "mock/teller", 0.5),
            ("ask", CallKind.MODEL, "mock/teller", 0.25),
        ]
        assert all([body is not None and await session.store.read_body(body) for body in (calls[0].request,)])
    assert records["ask"].spend is not None
    assert records["ask"].spend.cost_usd == 0.25
    assert (records["ask"].spend.input_tokens, records["ask"].spend.cached_tokens) == (10, 4)
    assert run.run.spend.cost_usd == 0.75
    assert run.run.spend.model_calls == 2


async def test_listeners_hear_what_a_model_says_and_of_each_call_before_its_task_settles(tmp_path: Path) -> None:
    told: list[Event] = []
    await run_text(tmp_path, PRICED, listeners=told)
    said = "".join(event.text for event in told if isinstance(event, Streamed) and event.task == "ask")
    assert said == "two a day"
    kinds = [
        (type(event).__name__, event.call.task if isinstance(event, CallRecorded) else event.record.task)
        for event in told
        if isinstance(event, CallRecorded | TaskSettled)
    ]
    assert kinds == [(kind, task) for task in ("ask", "again") for kind in ("CallRecorded", "TaskSettled")]


async def test_a_budget_that_is_used_up_ends_the_run_and_more_money_takes_it_up_again(tmp_path: Path) -> None:
    run = await run_text(tmp_path, PRICED, max_cost=0.3)
    assert run.status is RunStatus.OVER_BUDGET
    assert run.run.spend.cost_usd == 0.25
    async with binex.open_session(tmp_path / ".binex") as session:
        still = await session.resume(run.run_id)
        assert still.status is RunStatus.OVER_BUDGET
        done = await session.resume(run.run_id, max_cost=1.0)
        calls = await session.store.list_calls(run.run_id)
    assert done.status is RunStatus.COMPLETED
    assert done.run.spend.cost_usd == 0.75, "what was spent before counts on"
    made = [call.task for call in calls if call.priced_by != NOT_MADE]
    assert sorted(made) == ["again", "ask"], "nothing was paid for twice"


async def test_a_budget_s_question_that_was_answered_with_stop_in_between_stops_the_run_once(tmp_path: Path) -> None:
    text = "budget: {max_cost: 0.3, policy: ask}\n" + PRICED
    run = await run_text(tmp_path, text)
    assert run.status is RunStatus.WAITING
    async with binex.open_session(tmp_path / ".binex") as session:
        await session.store.answer(run.questions[0].id, Answer(value="stop", at=now()))
        assert (await session.resume(run.run_id)).status is RunStatus.OVER_BUDGET
        assert (await session.resume(run.run_id)).status is RunStatus.WAITING, "whoever goes on is asked again"


async def test_more_money_counts_for_more_than_stop_in_between(tmp_path: Path) -> None:
    text = "budget: {max_cost: 0.3, policy: ask}\n" + PRICED
    run = await run_text(tmp_path, text)
    async with binex.open_session(tmp_path / ".binex") as session:
        await session.store.answer(run.questions[0].id, Answer(value="stop", at=now()))
        assert (await session.resume(run.run_id, max_cost=1.0)).status is RunStatus.COMPLETED


@pytest.mark.parametrize("amount", [-1.0, float("inf"), float("nan")])
async def test_what_is_no_amount_is_no_budget(tmp_path: Path, amount: float) -> None:
    with pytest.raises(InputError, match="a budget cannot be"):
        await run_text(tmp_path, PRICED, max_cost=amount)


async def test_a_budget_may_be_larger_than_all_money(tmp_path: Path) -> None:
    assert (await run_text(tmp_path, PRICED, max_cost=1e300)).status is RunStatus.COMPLETED


async def test_a_schema_that_cannot_be_used_fails_the_task(tmp_path: Path) -> None:
    node = NodeSpec(agent="local://echo", inputs={"x": 1}, output_schema={"type": "nope"})
    async with binex.open_session(tmp_path / ".binex") as session, asyncio.timeout(10):
        run = await session.run(WorkflowSpec(nodes={"a": node}))
    (failure,) = run.failures
    assert "output_schema" in failure.error.message


async def test_an_output_of_a_function_that_does_not_fit_its_schema_fails_with_what_is_wrong(tmp_path: Path) -> None:
    run = await run_text(
        tmp_path,
        """
nodes:
  hits:
    agent: local://echo
    inputs: {hits: none}
    output_schema: {type: array, minItems: 1}
""",
    )
    (failure,) = run.failures
    assert failure.error.kind is ErrorKind.SCHEMA
    assert "array" in failure.error.message


async def test_of_several_outputs_the_schema_describes_the_map_of_all(tmp_path: Path) -> None:
    text = """
nodes:
  pair:
    agent: local://echo
    inputs: {left: 1, right: two}
    outputs: [left, right]
    output_schema: {type: object, properties: {right: {type: RIGHT}}}
"""
    assert (await run_text(tmp_path, text.replace("RIGHT", "string"))).status is RunStatus.COMPLETED
    assert (await run_text(tmp_path, text.replace("RIGHT", "integer"))).status is RunStatus.FAILED


async def test_the_last_of_several_tries_says_how_many_there_were(tmp_path: Path) -> None:
    run = await run_text(
        tmp_path,
        """
nodes:
  ask:
    agent: llm://mock/busy
    inputs: {question: Are you there?}
    retry_policy: {max_retries: 2, delay_ms: 1}
    config: {answers: [{error: {status: 429, retry_after_ms: 1}}]}
""",
    )
    (failure,) = run.failures
    assert failure.error.kind is ErrorKind.RATE_LIMIT
    assert failure.error.status == 429
    assert "3 tries in" in failure.error.message


async def test_a_request_that_the_other_side_finds_wrong_is_tried_once(tmp_path: Path) -> None:
    run = await run_text(
        tmp_path,
        """
nodes:
  ask:
    agent: llm://mock/strict
    inputs: {question: Are you there?}
    retry_policy: {max_retries: 5, delay_ms: 1}
    config: {answers: [{error: {status: 400, body: no such parameter}}]}
""",
    )
    (failure,) = run.failures
    assert failure.attempts == 1
    assert failure.error.kind is ErrorKind.REFUSED


async def test_what_only_models_have_is_refused_elsewhere() -> None:
    with pytest.raises(InputError, match="'tools' in node 'a' is for models"):
        parse_workflow("nodes: {a: {agent: 'local://echo', inputs: {x: 1}, tools: ['python://x.y']}}")


async def test_a_fallback_that_nobody_speaks_is_found_when_the_file_is_read() -> None:
    with pytest.raises(InputError, match="no adapter for 'lm://'"):
        parse_workflow("nodes: {a: {agent: 'llm://mock/x', inputs: {x: 1}, fallbacks: ['lm://mock/y']}}")
