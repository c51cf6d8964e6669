"""A machine that gives no more threads."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from binex.errors import StoreError
from tests.stores.making import SOURCE, OpenStore, artifact_file, make_artifact, make_record, make_run


class PoolWithoutThreads(ThreadPoolExecutor):
    """Keeps what it is given and finds no thread for it, as a pool does at the limit of processes."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Callable[[], Any]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        self.kept.append(lambda: fn(*args, **kwargs))
        raise RuntimeError("can't start new thread")


async def test_a_large_artifact_without_a_thread_is_a_named_error_and_comes_never(
    open_store: OpenStore, folder: Path
) -> None:
    pool = PoolWithoutThreads()
    run = make_run()
    large = make_artifact(run.id, "large", "x" * 100_000)
    async with open_store() as store, store.open_run(run, SOURCE):
        asyncio.get_running_loop().set_default_executor(pool)
        with pytest.raises(StoreError, match=r"cannot write artifact .*: the machine gives no more threads") as caught:
            await store.settle([make_record(run.id, "large")], [large])
        assert "ulimit -u" in (caught.value.fix or "")
        for late in pool.kept:
            with pytest.raises(RuntimeError):
                late()
        assert not artifact_file(folder, large).exists()
        assert await store.list_records(run.id) == []
        await store.settle([make_record(run.id, "small")], [make_artifact(run.id, "small")])


async def test_a_large_content_that_cannot_be_read_for_want_of_a_thread_is_a_named_error(
    open_store: OpenStore,
) -> None:
    run = make_run()
    large = make_artifact(run.id, "large", "x" * 2_000_000)
    async with open_store() as store, store.open_run(run, SOURCE):
        await store.settle([], [large])
        asyncio.get_running_loop().set_default_executor(PoolWithoutThreads())
        with pytest.raises(StoreError, match=r"cannot read .*large~output.json: the machine gives no more threads"):
            await store.get(large.id)
