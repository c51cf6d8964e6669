"""The work of binding and scheduling grows with the workflow, not with its square; counted, not timed."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from binex.graph.dag import DAG
from binex.graph.scheduler import Scheduler
from binex.graph.scope import RunContext
from binex.models.task import Outcome, TaskStatus
from binex.models.workflow import WorkflowSpec
from tests.graph.play import ended, workflow

Nodes = dict[str, dict[str, Any]]


def chain(count: int) -> Nodes:
    return {f"n{i}": {"inputs": {"x": f"${{n{i - 1}.output}}"} if i else {}} for i in range(count)}


def star(count: int) -> Nodes:
    """One, then all the others, then one."""
    leaves: Nodes = {f"n{i}": {"depends_on": ["first"]} for i in range(count - 2)}
    return {"first": {}, **leaves, "last": {"depends_on": list(leaves), "inputs": {}}}


def layers(count: int) -> Nodes:
    """Layers of ten; every node needs five of the layer before."""
    return {
        f"n{i}": {"depends_on": [f"n{i - i % 10 - 10 + (i + k) % 10}" for k in range(5)] if i >= 10 else []}
        for i in range(count)
    }


def items(count: int) -> Nodes:
    return {
        "first": {},
        "each": {"foreach": "${user.list}", "max_items": count, "max_parallel": 50, "depends_on": ["first"]},
        "last": {"depends_on": ["each"], "inputs": {}},
    }


def operations(work: Callable[[], None]) -> int:
    """How many calls of Python and C functions *work* makes."""
    count = 0

    def note(frame: FrameType, event: str, arg: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        work()
    finally:
        sys.setprofile(before)
    return count


def play(spec: WorkflowSpec, count: int, first: TaskStatus) -> None:
    """A run from its binding to its end; the first node ends as *first*, all others well."""
    context = RunContext("run", variables={"list": list(range(count))})
    scheduler = Scheduler(DAG.from_workflow(spec), context, concurrency=100)
    waiting: list[Outcome] = []
    status = first
    while not scheduler.is_complete():
        for work in scheduler.ready_work():
            outputs = {"output": 1} if status is TaskStatus.COMPLETED else {}
            waiting.append(work.decided or ended(work.path, status, outputs))
            status = TaskStatus.COMPLETED
        scheduler.settle(waiting.pop())


@pytest.mark.parametrize("first", [TaskStatus.COMPLETED, TaskStatus.FAILED])
@pytest.mark.parametrize("shape", [chain, star, layers, items])
def test_four_times_the_nodes_are_four_times_the_work(shape: Callable[[int], Nodes], first: TaskStatus) -> None:
    def cost(count: int) -> int:
        spec = workflow(shape(count))
        return operations(lambda: play(spec, count, first))

    cost(20)  # what is done only once
    assert cost(1000) < 4.1 * cost(250)
