"""Calls in processes of their own."""

from binex.adapters.threads import Threads
from binex.models.task import Artifact, TaskNode


class ProcessCalls:
    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    async def run(self, task: TaskNode, folder: str | None, artifacts: list[Artifact]) -> list[Artifact]:
        raise NotImplementedError
