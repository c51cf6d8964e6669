"""Carries out a plan of what goes."""

from typing import Final

from binex.analysis.room.retention import CleaningPlan, CleaningReport
from binex.analysis.room.stored_size import total_of
from binex.stores.removal_store import Moment, RemovalStore

_LEAST_UNUSED: Final = 64 * 1024
_SHARE: Final = 4
"""A database is rebuilt by itself where a quarter of it is unused."""


async def clean(
    store: RemovalStore, plan: CleaningPlan, moment: Moment, *, is_rebuilt: bool | None = None
) -> CleaningReport:
    """Remove what goes by *plan*, which was made at *moment*, and give the room back.

    With *is_rebuilt* the database is written anew, and with False it is not; with None it is where that is worth it
    and nobody executes a run.

    Raises:
        RunError: the store has changed since, so that something else is needed now; what was not removed yet stays.
        StoreError: the store cannot be written.
    """
    await store.remove_runs([run.id for run in plan.runs], moment)
    freed = await store.remove_unneeded()
    if is_rebuilt is None:
        stock = await store.take_stock()
        is_worth_it = stock.folder.free >= max(_LEAST_UNUSED, stock.folder.database // _SHARE)
        is_rebuilt = is_worth_it and not stock.has_live_owner
    await store.give_back(is_rebuilt=is_rebuilt)
    stock = await store.take_stock()
    return CleaningReport(
        plan=plan,
        is_done=True,
        bodies=freed.bodies,
        bodies_left=freed.is_left,
        size=total_of(stock),
        unused=stock.folder.free,
    )
