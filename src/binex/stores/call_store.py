"""What is kept of the exchanges with the outside, and of what they were about."""

from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from binex.models.call import Body, BodyPart, Call


class CallStore(Protocol):
    """Calls, their bodies, and bookmarks. Raises StoreError where the store cannot be read or written."""

    def keep_call(self, call: Call, parts: Sequence[BodyPart]) -> None:
        """Keep a call and the parts of its bodies. Durable with the next commit, at the latest 0.1 s from now.

        Parts that are there already are not kept again. A call that cannot be written fails the next commit.
        """
        ...

    async def list_calls(self, run_id: str, task: str | None = None) -> list[Call]:
        """The calls of a run, or of one task of it, by task in the order in which they ended up here."""
        ...

    async def read_body(self, body: Body) -> bytes:
        """The bytes of a body, verified.

        Raises:
            DamagedDataError: some of them are missing or not what was kept.
        """
        ...

    async def read_bodies(self, bodies: Sequence[Body]) -> list[bytes]:
        """What :meth:`read_body` gives for each of them, faster than one after the other."""
        ...

    async def keep_bookmark(self, run_id: str, task: str, name: str, value: JsonValue) -> None:
        """Keep something that a task must still know when it is executed again; the last value counts."""
        ...

    async def list_bookmarks(self, run_id: str) -> dict[str, dict[str, JsonValue]]:
        """The bookmarks of every task of a run, by the task's path and by name."""
        ...
