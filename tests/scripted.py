"""An agent whose behaviour the test writes down: a real adapter, given to the session by scheme."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable

from pydantic import JsonValue

from binex.models.task import Artifact, TaskNode

Behaviour = Callable[[TaskNode], JsonValue | Awaitable[JsonValue]]


class ScriptedAdapter:
    """Runs the behaviour named by the agent's URI (``script://name``) and counts what it was asked for.

    Without a behaviour of that name it gives back its inputs.
    """

    def __init__(self, **behaviours: Behaviour) -> None:
        self.behaviours = behaviours
        self.calls: Counter[str] = Counter()
        self.tasks: list[TaskNode] = []
        self.running = 0
        self.most_running = 0

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        self.calls[task.path] += 1
        self.tasks.append(task)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            answer = self.behaviours.get(task.agent.removeprefix("script://"), lambda t: dict(t.inputs))(task)
            if isinstance(answer, Awaitable):
                answer = await answer
        finally:
            self.running -= 1
        return [Artifact.of(task, output, answer) for output in task.outputs]


def fail_first(times: int, error: Callable[[], Exception] = lambda: ValueError("not yet")) -> Behaviour:
    """Fails that many times, then answers with the number of the attempt."""
    seen: Counter[str] = Counter()

    def behave(task: TaskNode) -> JsonValue:
        seen[task.path] += 1
        if seen[task.path] <= times:
            raise error()
        return seen[task.path]

    return behave


async def forever(task: TaskNode) -> JsonValue:
    """Never answers, and stops when told to."""
    await asyncio.get_running_loop().create_future()


async def stubborn(task: TaskNode) -> JsonValue:
    """Never answers, and does not stop when told to: only a second cancellation ends it."""
    try:
        await asyncio.get_running_loop().create_future()
    except asyncio.CancelledError:
        await asyncio.get_running_loop().create_future()
