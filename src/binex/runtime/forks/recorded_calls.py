"""What was said in the tasks of a run: their calls, and the bytes of these, read a little ahead."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Final

from binex.errors import DamagedDataError
from binex.models.call import Body, Call
from binex.stores.call_store import CallStore

_TASKS_AHEAD: Final = 32
_BYTES_AHEAD: Final = 256 << 10
"""So much is read at once for tasks that come soon: to read it for each by itself takes several times as long."""


class RecordedCalls:
    """The calls of one run. *order* is that in which its tasks will probably be asked for."""

    def __init__(self, store: CallStore, run_id: str, order: Iterable[str] = ()) -> None:
        self._store = store
        self._run_id = run_id
        self._to_come = dict.fromkeys(order)
        self._by_task: dict[str, list[Call]] | None = None
        self._ahead: dict[str, dict[str, bytes]] = {}

    async def of(self, task: str) -> Sequence[Call]:
        """The calls of all attempts at a task."""
        if self._by_task is None:
            by_task: dict[str, list[Call]] = {}
            for call in await self._store.list_calls(self._run_id):
                by_task.setdefault(call.task, []).append(call)
            self._by_task = by_task
        return self._by_task.get(task, ())

    async def bodies_of(self, task: str) -> dict[str, bytes]:
        """All that was said in the calls of a task, by the last link of each body.

        Raises:
            DamagedDataError: some of it is missing or not what was kept.
        """
        self._to_come.pop(task, None)
        if task not in self._ahead:
            bodies = {task: _said_in(await self.of(task))}
            try:
                await self._read(bodies | await self._soon(_size_of(bodies[task])))
            except DamagedDataError:  # it may be another task's, and is told when that is asked for
                await self._read(bodies)
        return self._ahead.pop(task)

    async def _soon(self, size: int) -> dict[str, dict[str, Body]]:
        """What was said in the tasks that come soon, as far as there is room for it beside *size* bytes."""
        bodies = {}
        for task in list(islice(self._to_come, _TASKS_AHEAD)):
            said = _said_in(await self.of(task))
            size += _size_of(said)
            if size > _BYTES_AHEAD:
                break
            bodies[task] = said
        return bodies

    async def _read(self, bodies: dict[str, dict[str, Body]]) -> None:
        """Have the bodies of several tasks at hand."""
        wanted = {last: body for said in bodies.values() for last, body in said.items()}
        data = dict(zip(wanted, await self._store.read_bodies(list(wanted.values())), strict=True))
        for task, said in bodies.items():
            self._ahead[task] = {last: data[last] for last in said}
            self._to_come.pop(task, None)


def _said_in(calls: Iterable[Call]) -> dict[str, Body]:
    both = (body for call in calls for body in (call.request, call.response))
    return {body.last: body for body in both if body is not None and body.last}


def _size_of(said: dict[str, Body]) -> int:
    return sum(body.size for body in said.values())
