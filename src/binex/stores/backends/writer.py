"""The one writer of a store: what is asked for in the same turn of the event loop shares one commit.

Commits are made in the event loop itself, and so are the artifact files that follow them. A chain of small
nodes has one commit at a time and would pay for every switch to a thread and back; a fan-out shares its
commits anyway. Measured with a chain on two quiet cores, per node: files written in the loop 140 us in all, by
a thread 189 us, by a thread in batches of eight 159 us, of 64 186 us; on busy cores, no difference beyond noise.
"""

import asyncio
import random
import sqlite3
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Final

from binex.errors import BinexError, LostLeaseError, StoreError
from binex.stores.backends.failures import is_busy, shown, sqlite_failure
from binex.stores.backends.filesystem import Mirror
from binex.stores.backends.lease import RunLease

_FIRST_PAUSE_S: Final = 0.001
_LONGEST_PAUSE_S: Final = 0.05
_FIRST_NOTICE_S: Final = 1.0
_NOTICE_EVERY_S: Final = 10.0
_NO_HURRY_S: Final = 0.1

Apply = Callable[[sqlite3.Connection], object]
"""Does one part of a transaction. It may be called again when another part made the transaction fail."""


class _Part:
    """What one caller wants written, and the future that it waits for."""

    __slots__ = ("apply", "lease", "result")

    def __init__(self, apply: Apply, lease: RunLease | None, result: "asyncio.Future[object]") -> None:
        self.apply = apply
        self.lease = lease
        self.result = result

    def fail(self, error: BaseException) -> None:
        if not self.result.done():  # its caller may have been cancelled meanwhile
            self.result.set_exception(error)


class Writer:
    """Collects parts and commits them together.

    A lock that another process holds is waited for without holding up the loop, at most *patience_s*. Any
    other failure is final: nothing is claimed after a write that may not have happened.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        database: Path,
        *,
        mirror: Mirror,
        patience_s: float,
        on_notice: Callable[[str], None],
    ) -> None:
        self._connection = connection
        self._database = database
        self._mirror = mirror
        self._patience_s = patience_s
        self._on_notice = on_notice
        self._parts: list[_Part] = []
        self._next_flush: asyncio.Handle | None = None
        self._last_moment: asyncio.Handle | None = None
        self._urgent = 0
        self._is_lonely = False
        self._wait: _Wait | None = None
        self._gave_up = False
        self._failure: StoreError | None = None
        self._refusal: StoreError | None = None

    def submit(
        self, apply: Apply, lease: RunLease | None = None, *, is_urgent: bool = True
    ) -> "asyncio.Future[object]":
        """Have *apply* done in the next transaction; the future has its result once that is durable.

        With a *lease*, only while that is still the run's: otherwise the future fails with LostLeaseError. What is
        not urgent waits for somebody else's transaction, at most 0.1 s.

        Raises:
            StoreError: an earlier write failed.
        """
        self.require_usable()
        loop = asyncio.get_running_loop()
        result: asyncio.Future[object] = loop.create_future()
        self._parts.append(_Part(apply, lease, result))
        if not is_urgent:
            self._last_moment = self._last_moment or loop.call_later(_NO_HURRY_S, self._flush_rest)
            return result
        self._urgent += 1
        if self._next_flush is None:
            self._next_flush = loop.call_soon(self._flush)
            if self._is_lonely:
                # One at a time, as in a chain: nobody would come before the loop's next turn, so do not wait for
                # it. Whoever comes in this turn after all waits for the call that is scheduled.
                self._commit_parts()
        return result

    def fail(self, error: StoreError) -> None:
        """Write nothing more, because of *error*."""
        self._failure = self._failure or error
        parts, self._parts = self._parts, []
        for part in parts:
            part.fail(_again(self._failure))

    def refuse(self, reason: StoreError) -> None:
        """Take no parts any more; nothing is lost by it."""
        self._refusal = reason

    def require_usable(self) -> None:
        """Raise StoreError where an earlier write failed, or where nothing may be written."""
        if reason := self._failure or self._refusal:
            raise _again(reason)

    async def finish(self) -> None:
        """Return when everything is written, the files included.

        Raises:
            StoreError: an earlier write failed, or one that was waiting does.
        """
        if self._parts:
            await self.submit(lambda _: None)
        while not self._mirror.is_done:
            self._write_some_files()
            await asyncio.sleep(0)
        if self._failure is not None:
            raise _again(self._failure)

    def close(self) -> None:
        """Write what is still waiting, as far as that can be done at once; take nothing more."""
        if self._failure is None:
            self._commit_parts()
        while not self._mirror.is_done:
            self._write_some_files()
        for planned in (self._next_flush, self._last_moment):
            if planned is not None:
                planned.cancel()
        closed = StoreError(f"{shown(self._database)} is closed")
        parts, self._parts = self._parts, []
        for part in parts:
            part.fail(closed)
        self.refuse(closed)

    def _flush(self) -> None:
        self._next_flush = None
        self._is_lonely = self._urgent <= 1
        if self._urgent:
            self._commit_parts()

    def _flush_rest(self) -> None:
        self._last_moment = None
        self._commit_parts()

    def _commit_parts(self) -> None:
        self._urgent = 0
        # Who was cancelled before the commit asked for nothing.
        parts, self._parts = [part for part in self._parts if not part.result.cancelled()], []
        if not parts:
            return
        try:
            self._commit(parts)
        except sqlite3.Error as error:
            self._roll_back()
            if is_busy(error):
                self._parts = [part for part in parts if not part.result.done()] + self._parts
                self._try_later()
            else:
                failure = sqlite_failure("write", self._database, error)
                for part in parts:
                    part.fail(_again(failure))
                self.fail(failure)
        except BaseException as error:
            self._roll_back()
            for part in parts:
                part.fail(error)
            raise
        else:
            self._wait = None
            self._gave_up = False
            if self._mirror.accept_staged():
                # At once, and not in the loop's next turn: a function that starts meanwhile in a thread would
                # compete for the interpreter at every system call (measured: 0.5 ms more for each small call).
                self._write_files()

    def _write_files(self) -> None:
        self._write_some_files()
        if not self._mirror.is_done:
            asyncio.get_running_loop().call_soon(self._write_files)

    def _write_some_files(self) -> None:
        try:
            self._mirror.write_some()
        except StoreError as error:
            self.fail(error)

    def _commit(self, parts: list[_Part]) -> None:
        """Write *parts* in one transaction; one that is refused is left out and its future fails."""
        execute = self._connection.execute
        waiting = parts
        while waiting:
            execute("BEGIN IMMEDIATE")
            waiting = self._still_owned(waiting)
            results: list[object] = []
            refused: _Part | None = None
            for part in waiting:
                try:
                    results.append(part.apply(self._connection))
                except (BinexError, ValueError, OverflowError) as error:  # its own fault: the others go on
                    refused = part
                    part.fail(error)
                    break
            if refused is None:
                execute("COMMIT")
                for part, result in zip(waiting, results, strict=True):
                    if not part.result.done():
                        part.result.set_result(result)
                return
            self._roll_back()
            waiting = [part for part in waiting if part is not refused]

    def require_owned(self, lease: RunLease) -> None:
        """Raise LostLeaseError where the run was taken over: what precedes a commit need not be begun then."""
        if not self._is_owned(lease):
            raise _lost(lease)

    def _still_owned(self, parts: list[_Part]) -> list[_Part]:
        """The parts whose lease, if they have one, is still the run's; the others fail."""
        leases = {part.lease for part in parts}
        lost = {lease for lease in leases if lease is not None and not self._is_owned(lease)}
        if not lost:
            return parts
        for part in parts:
            if part.lease in lost:
                part.fail(_lost(part.lease))
        return [part for part in parts if part.lease not in lost]

    def _is_owned(self, lease: RunLease) -> bool:
        # The number of a run that was removed may be another one's by now.
        where = (lease.key, lease.run_id)
        row = self._connection.execute("SELECT epoch FROM runs WHERE seq = ? AND id = ?", where).fetchone()
        return row is not None and bool(row[0] == lease.epoch)

    def _roll_back(self) -> None:
        self._mirror.forget_staged()
        if self._connection.in_transaction:
            try:
                self._connection.execute("ROLLBACK")
            except sqlite3.Error as error:
                self.fail(sqlite_failure("write", self._database, error))

    def _try_later(self) -> None:
        loop = asyncio.get_running_loop()
        if self._wait is None:
            self._wait = _Wait(loop.time())
        waited_s = loop.time() - self._wait.began
        # Who has waited in vain once need not wait as long again to hear the same.
        if waited_s >= (min(self._patience_s, _FIRST_NOTICE_S) if self._gave_up else self._patience_s):
            self._wait = None
            self._gave_up = True
            parts, self._parts = self._parts, []
            failure = StoreError(
                f"cannot write {shown(self._database)}: another process held its lock for {waited_s:.0f} s",
                fix=f"find out which (fuser {shown(self._database)}), let it finish or stop it",
            )
            for part in parts:
                part.fail(_again(failure))
            return
        if waited_s >= self._wait.next_notice_s:
            self._wait.next_notice_s += _NOTICE_EVERY_S
            self._on_notice(
                f"waiting for the store: another process holds the lock of {shown(self._database)}"
                f" since {self._wait.since:%H:%M:%S}"
            )
        self._is_lonely = False
        self._urgent = len(self._parts)
        if self._next_flush is not None:
            self._next_flush.cancel()
        self._next_flush = loop.call_later(self._wait.next_pause_s(), self._flush)


class _Wait:
    """A wait for another process's lock."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.since = datetime.now()
        self.next_notice_s = _FIRST_NOTICE_S
        self._pause_s = _FIRST_PAUSE_S

    def next_pause_s(self) -> float:
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)
        return self._pause_s * random.uniform(0.5, 1.0)


def _again(failure: StoreError) -> StoreError:
    """The same error for another caller: one exception object must not be raised in two places."""
    return type(failure)(failure.message, fix=failure.fix)


def _lost(lease: RunLease) -> LostLeaseError:
    return LostLeaseError(
        f"another process took run {lease.run_id} over while this one was paused;"
        " what this one did since is not recorded",
        fix=f"see what it became with: binex debug {lease.run_id}",
    )
