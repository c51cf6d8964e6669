"""What a run of many tasks takes when it is read: little, since all of it is read for most questions."""

import tracemalloc
from collections.abc import Awaitable, Callable, Sequence

import pytest

from binex.models.call import Spend
from binex.stores.run_store import RunStore
from tests.stores.making import SOURCE, OpenStore, keep_exchange, make_artifact, make_call, make_record, make_run

TASKS = 1000
READ: dict[str, tuple[Callable[[RunStore], Awaitable[Sequence[object]]], int]] = {
    "records": (lambda store: store.list_records("1a"), 2000),
    "artifacts": (lambda store: store.list_artifacts("1a"), 1100),
    "calls": (lambda store: store.list_calls("1a"), 1800),
}
"""Each list, and how many bytes an element of it may take while it is made."""


@pytest.mark.parametrize("kind", READ)
async def test_each_of_many_takes_little_memory(open_store: OpenStore, kind: str) -> None:
    async with open_store() as store:
        async with store.open_run(make_run("1a"), SOURCE):
            for number in range(TASKS):
                task = f"ask[{number}]"
                keep_exchange(store, make_call("1a", task), b"{}")
                record = make_record("1a", task, queued_ms=1.5, key="5e" * 32, spend=Spend(model_calls=1, cost_usd=0.1))
                made = make_artifact("1a", task, content=number)
                await store.settle([record.model_copy(update={"output_artifacts": (made.id,)})], [made])
        read, most = READ[kind]
        await read(store)  # what is made once, such as validators
        tracemalloc.start()
        try:
            found = await read(store)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(found) == TASKS
        assert peak / TASKS < most
