"""A folder of the test's own, and stores of every kind in it."""

import functools
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import Popen
from typing import Any

import pytest

from binex.models.run import Durability
from binex.stores.backends.memory import MemoryStore
from binex.stores.backends.sqlite import SqliteStore, open_sqlite_store
from binex.stores.run_store import RunStore
from tests.stores import making


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / ".binex"


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture(params=["memory", "sqlite-full", "sqlite-normal"])
async def store(request: pytest.FixtureRequest, folder: Path, notices: list[str]) -> AsyncIterator[RunStore]:
    """One store of each kind; every one must do the same."""
    kind, _, durability = request.param.partition("-")
    if kind == "memory":
        yield MemoryStore()
        return
    async with open_sqlite_store(folder, durability=Durability(durability), on_notice=notices.append) as opened:
        yield opened


@pytest.fixture
def open_store(folder: Path, notices: list[str]) -> making.OpenStore:
    """Opens the SQLite store in ``folder``; `normal`, so that tests are quick."""

    @asynccontextmanager
    async def open_one(**options: Any) -> AsyncIterator[SqliteStore]:
        settings: dict[str, Any] = {"durability": Durability.NORMAL, "on_notice": notices.append} | options
        async with open_sqlite_store(folder, **settings) as opened:
            yield opened

    return open_one


@pytest.fixture
def start(folder: Path) -> Iterator[Any]:
    """Starts other processes on ``folder``, and leaves none of them behind."""
    processes: list[Popen[str]] = []

    @functools.wraps(making.other_process)
    def start_one(body: str, *arguments: str, **options: Any) -> "Popen[str]":
        process = making.other_process(body, folder, *arguments, **options)
        processes.append(process)
        return process

    yield start_one
    for process in processes:
        process.kill()
        process.communicate()


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Any]:
    """Mounts a small file system: ``mount("size=2m")`` is its folder, ``mount.read_only()`` makes it so."""
    place = tmp_path / "disk"
    place.mkdir()

    class Disk:
        def __call__(self, options: str) -> Path:
            made = subprocess.run(
                ["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, text=True, check=False
            )
            if made.returncode:
                pytest.skip(f"a file system cannot be mounted here: {made.stderr.strip()}")
            return place

        def read_only(self) -> None:
            subprocess.run(["mount", "-o", "remount,ro", place], check=True)

    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    yield Disk()
    subprocess.run(["umount", "-l", place], check=False, capture_output=True)
