"""Which runs took outcomes over from another."""

from binex.models.run import RunStatus
from binex.stores.run_store import RunStore
from tests.stores.making import SOURCE, make_record, make_run


async def keep(store: RunStore, *reused_from: str | None) -> str:
    """A run with a task for each of these runs, whose outcome it took over; its id."""
    run = make_run()
    async with store.open_run(run, SOURCE):
        for number, other in enumerate(reused_from):
            await store.settle([make_record(run.id, task=f"t{number}", reused_from=other)])
        await store.save_run(run.model_copy(update={"status": RunStatus.COMPLETED}))
    return run.id


async def test_runs_that_took_an_outcome_over_are_known_in_the_order_in_which_they_were_made(store: RunStore) -> None:
    first = await keep(store, None, None)
    second = await keep(store, None, first, first)
    third = await keep(store, first, second)
    assert await store.list_reusers(first) == [second, third]
    assert await store.list_reusers(second) == [third]
    assert await store.list_reusers(third) == []
    assert await store.list_reusers("no-such-run") == []
    assert await store.list_reusers('"') == []
