"""What every store does with calls, their bodies, and bookmarks."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import JsonValue

from binex.errors import DamagedDataError
from binex.models.call import Body, CallKind, Chunk, Usage
from binex.models.names import new_run_id
from binex.models.task import now
from binex.stores.run_store import RunStore
from binex.tape.bodies import Chains
from tests.stores.making import (
    SOURCE,
    bodies_of,
    keep_exchange,
    make_body,
    make_call,
    make_record,
    make_run,
)
from tests.stores.test_conformance import JSON, KEEP_FIXTURE

SIZES = (0, 1, 64 * 1024, 64 * 1024 + 1, 3_000_000)


async def test_a_full_call_comes_back_as_it_was(store: RunStore) -> None:
    run = make_run()
    request, parts = make_body(b'{"messages": []}')
    call = make_call(
        run.id,
        "draft[3]",
        number=2,
        attempt=4,
        parent=1,
        kind=CallKind.MODEL,
        target="openai/gpt-4o-mini",
        asked="5e" * 32,
        request=request,
        request_headers=(("accept", "*/*"), ("accept", "text/plain")),
        response=Body(last="", size=0, media_type="text/event-stream"),
        response_headers=(("x", "ü \0"),),
        status=200,
        chunks=(Chunk(0.25, 10), Chunk(12.5, 0)),
        is_complete=False,
        started_at=now() - timedelta(days=1),
        duration_ms=12.75,
        usage=Usage(input_tokens=1, output_tokens=0),
        cost_usd=0.0,
        priced_by="table 1",
        error="\x1b[31m half",
    )
    async with store.open_run(run, SOURCE):
        store.keep_call(call, parts)
        await store.flush()
    assert await store.list_calls(run.id) == [call]


async def test_calls_are_listed_by_task_in_the_order_in_which_they_were_kept(store: RunStore) -> None:
    run = make_run()
    numbers = [("b", 2), ("a", 7), ("b", 1), ("a[1]", 1), ("a", 1)]
    async with store.open_run(run, SOURCE):
        for task, number in numbers:
            # One that takes a while to be written does not lose its place.
            keep_exchange(store, make_call(run.id, task, number), b"x" * (100_000 if number == 2 else 10))
        await store.flush()
    kept = await store.list_calls(run.id)
    assert [(call.task, call.number) for call in kept] == [("a", 7), ("a", 1), ("a[1]", 1), ("b", 2), ("b", 1)]
    assert [call.number for call in await store.list_calls(run.id, "b")] == [2, 1]
    assert await store.list_calls(run.id, "c") == []


async def test_a_settled_task_has_all_calls_that_were_kept_before(store: RunStore) -> None:
    run = make_run()
    async with store.open_run(run, SOURCE):
        for number, size in enumerate(SIZES, start=1):
            keep_exchange(store, make_call(run.id, number=number), b"x" * size)
        await store.settle([make_record(run.id)])
        assert [call.number for call in await store.list_calls(run.id)] == [1, 2, 3, 4, 5]


async def test_the_first_call_with_a_number_stays(store: RunStore) -> None:
    run = make_run()
    first = make_call(run.id, target="first")
    async with store.open_run(run, SOURCE):
        store.keep_call(first, [])
        store.keep_call(make_call(run.id, target="second"), [])
        await store.flush()
    assert await store.list_calls(run.id) == [first]


@pytest.mark.parametrize("odd", ["", "..", "a/b", "a\0b", "\udcff", "x" * 5000])
async def test_an_odd_name_has_no_calls_questions_or_bookmarks(store: RunStore, odd: str) -> None:
    assert await store.list_calls(odd) == []
    assert await store.list_calls("run", odd) == []
    assert await store.list_bookmarks(odd) == {}
    assert await store.list_questions(odd) == []
    assert await store.get_question(odd) is None


# --- bodies -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", SIZES)
async def test_bodies_of_every_size_come_back_byte_for_byte(store: RunStore, size: int) -> None:
    run = make_run()
    request, response = bytes(range(256)) * (size // 256), b"\xff" * size
    async with store.open_run(run, SOURCE):
        call = keep_exchange(store, make_call(run.id), request, response)
        await store.settle([make_record(run.id)])
        assert await bodies_of(store, call) == (request, response)
    assert await bodies_of(store, call) == (request, response)


async def test_calls_share_the_parts_that_their_bodies_begin_with(store: RunStore) -> None:
    run, chains = make_run(), Chains()
    messages = [f'{{"role":"user","content":"{"word " * 100}{number}"}}' for number in range(20)]
    bodies = [f'{{"messages":[{",".join(messages[: n + 1])}]}}'.encode() for n in range(20)]
    async with store.open_run(run, SOURCE):
        calls = [
            keep_exchange(store, make_call(run.id, number=number), body, chains=chains)
            for number, body in enumerate(bodies)
        ]
        await store.flush()
    assert [(await bodies_of(store, call))[0] for call in calls] == bodies
    requests = [call.request for call in calls if call.request is not None]
    assert await store.read_bodies([*requests, *reversed(requests)]) == [*bodies, *reversed(bodies)]


async def test_parts_that_are_given_again_are_kept_once(store: RunStore) -> None:
    run = make_run()
    body, parts = make_body(b"x" * 100_000)
    async with store.open_run(run, SOURCE):
        for number in range(3):
            store.keep_call(make_call(run.id, number=number, request=body), parts * 2)
        await store.flush()
        store.keep_call(make_call(run.id, number=3, request=body), parts)
        await store.flush()
    assert await store.read_body(body) == b"x" * 100_000


async def test_a_missing_part_is_a_named_error(store: RunStore) -> None:
    run = make_run()
    body, _ = make_body(b"never kept")
    async with store.open_run(run, SOURCE):
        store.keep_call(make_call(run.id, request=body), [])
        await store.flush()
    with pytest.raises(DamagedDataError, match=f"the body {body.last[:12]} .*: its link {body.last[:12]} is missing"):
        await store.read_body(body)


async def test_of_several_bodies_the_one_that_is_missing_is_named(store: RunStore) -> None:
    run = make_run()
    (kept, parts), (body, _) = make_body(b"kept"), make_body(b"never kept")
    async with store.open_run(run, SOURCE):
        store.keep_call(make_call(run.id, request=kept, response=body), parts)
        await store.flush()
    assert await store.read_bodies([]) == []
    with pytest.raises(DamagedDataError, match=f"the body {body.last[:12]} .*is missing"):
        await store.read_bodies([kept, body])


# --- bookmarks ----------------------------------------------------------------------------------------------


async def test_the_last_value_of_a_bookmark_counts(store: RunStore) -> None:
    run, other = make_run(), make_run()
    async with store.open_run(run, SOURCE), store.open_run(other, SOURCE):
        await store.keep_bookmark(run.id, "ask", "task", "t-1")
        await store.keep_bookmark(run.id, "ask", "context", {"deep": [1, None]})
        await store.keep_bookmark(run.id, "other", "task", None)
        await store.keep_bookmark(other.id, "ask", "task", "not this one")
        await store.keep_bookmark(run.id, "ask", "task", "t-2")
    expected = {"ask": {"task": "t-2", "context": {"deep": [1, None]}}, "other": {"task": None}}
    assert await store.list_bookmarks(run.id) == expected
    assert await store.list_bookmarks("unknown") == {}


@KEEP_FIXTURE
@given(value=JSON, name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
async def test_any_json_comes_back_from_a_bookmark(store: RunStore, value: JsonValue, name: str) -> None:
    run = make_run(new_run_id())
    async with store.open_run(run, SOURCE):
        await store.keep_bookmark(run.id, "ask", name, value)
    assert await store.list_bookmarks(run.id) == {"ask": {name: value}}
