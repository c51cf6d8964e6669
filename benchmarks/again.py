"""What it costs to run again: a replay, the beginning of a fork, a key; figures as JSON into a file.

python -m benchmarks.again replay|fork|key FILE
"""

import argparse
import asyncio
import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import workloads
from benchmarks.commands import scratch
from binex.models.event import Event, TaskStarted
from binex.models.run import Versions
from binex.models.task import TaskNode
from binex.runtime.forks.request import ForkRequest
from binex.runtime.keys import Keys
from binex.runtime.session import open_session
from binex.tape.redaction import Redactor

NODES = 1000
LARGE = 10_000
MIDDLE = "n5050"
KEYS = 2000
_TEXT = "What is the difference between a process and a thread? " * 37
"""2 kB."""

Figures = dict[str, float]


async def replay() -> Figures:
    """Nodes per second: live with the scripted model, and answered from the tape."""
    with _folder() as folder:
        async with open_session(folder, durability="normal") as session:
            small = await session.run(workloads.asks(1))
            await session.replay(small.run.id)  # modules and validators are made when they are first used
            with _timed() as live:
                run = await session.run(workloads.asks(NODES))
        async with open_session(folder, durability="normal") as session:  # nothing is left to do from the run
            with _timed() as again:
                replayed = await session.replay(run.run.id)
            calls = await session.store.list_calls(replayed.run.id)
    assert run.status == replayed.status == "completed"
    assert len(calls) == NODES
    return {
        "live_nodes_per_s": NODES / live["wall"],
        "replay_nodes_per_s": NODES / again["wall"],
        "replay_nodes_per_cpu_s": NODES / again["cpu"],
    }


async def fork() -> Figures:
    """Seconds until the first node of a fork starts, and what the whole run took."""
    started: list[tuple[float, float]] = []

    def hear(event: Event) -> None:
        if isinstance(event, TaskStarted):
            started.append((time.perf_counter(), time.process_time()))

    with _folder() as folder:
        async with open_session(folder, durability="normal") as session:
            small = await session.run(workloads.echoes(3))
            await session.fork(small.run.id, ForkRequest(from_=("n1",)))
            with _timed() as whole:
                run = await session.run(workloads.echoes(LARGE))
        async with open_session(folder, durability="normal", listeners=[hear]) as session:
            wall, cpu = time.perf_counter(), time.process_time()
            forked = await session.fork(run.run.id, ForkRequest(from_=(MIDDLE,)))
    assert forked.status == "completed"
    return {"first_s": started[0][0] - wall, "first_cpu_s": started[0][1] - cpu, "whole_s": whole["wall"]}


async def key() -> Figures:
    """Microseconds for the key of a task, whose code was hashed before; and for the bare hash of what it is given."""
    secrets = [f"value-{number}-of-a-secret-{number * 7919}" for number in range(10)]
    text = {"question": _TEXT[:2000]}
    several = {f"input{number}": {"text": _TEXT[:400], "numbers": [1, 2, 3]} for number in range(5)}
    return {
        "text_us": _microseconds(_key_of(text, [])),
        "text_with_secrets_us": _microseconds(_key_of(text, secrets)),
        "several_with_secrets_us": _microseconds(_key_of(several, secrets)),
        "bare_us": _microseconds(lambda: hashlib.sha256(json.dumps(text).encode()).hexdigest()),
    }


def _key_of(inputs: dict[str, object], secrets: list[str]) -> Callable[[], object]:
    agent = "llm://openai/gpt-4o-mini"
    keys = Keys(Versions(binex="1", python="3", adapters={"llm": "1"}), Redactor(secrets))
    task = TaskNode.model_validate(
        {
            "run_id": "run",
            "path": "node",
            "node_id": "node",
            "agent": agent,
            "inputs": inputs,
            "system_prompt": "You answer in one sentence, with no more words than are needed.",
            "config": {"temperature": 0.2, "max_tokens": 200},
        }
    )
    return lambda: keys.of(task)


def _microseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    for _ in range(KEYS):
        work()
    return (time.perf_counter() - start) / KEYS * 1e6


@contextmanager
def _timed() -> Iterator[Figures]:
    """What the block took, known when it is over."""
    took: Figures = {}
    wall, cpu = time.perf_counter(), time.process_time()
    yield took
    took |= {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}


@contextmanager
def _folder() -> Iterator[Path]:
    """The folder of a new store, which is gone afterwards."""
    folder = Path(tempfile.mkdtemp(dir=scratch("again")))
    try:
        yield folder / ".binex"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["replay", "fork", "key"])
    parser.add_argument("file", type=Path)
    options = parser.parse_args()
    measure = {"replay": replay, "fork": fork, "key": key}[options.what]
    options.file.write_text(json.dumps(asyncio.run(measure())))
