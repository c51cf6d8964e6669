"""Attempts at tasks of any kind, kept in a store; run as a program, it makes them again with nothing but the store.

``python -m tests.adapters.hermetic.attempts FOLDER`` reads tasks from ``FOLDER/tasks.json``, keeps every library out
that speaks to anybody, refuses every connection, and prints how each attempt ended.
"""

import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from pydantic import JsonValue

from binex.adapters.attempt import Ask
from binex.adapters.human_tape import ask_on_tape
from binex.adapters.registry import Registry
from binex.models.agent_settings import McpServer
from binex.models.question import Answer
from binex.models.task import TaskNode
from binex.runtime.failure import describe
from binex.stores.backends.sqlite import open_sqlite_store
from binex.tape.player import Player
from tests.attempts import FakeSurroundings
from tests.stores.making import SOURCE, make_run

KEPT_OUT = frozenset(
    {"pydantic_ai", "openai", "anthropic", "google.genai", "ollama", "litellm", "genai_prices", "a2a", "mcp"}
    | {"httpx", "httpx2", "requests", "aiohttp"}
)


class TapedSurroundings(FakeSurroundings):
    """People are asked through the tape, as in a run."""

    async def ask(self, ask: Ask) -> Answer:
        return await ask_on_tape(ask, super().ask)


def task_of(values: Mapping[str, Any]) -> TaskNode:
    """The task that is written so in JSON."""
    servers = {name: McpServer.model_validate(server) for name, server in values.get("mcp_servers", {}).items()}
    return TaskNode.model_validate({**values, "mcp_servers": servers})


async def outcome_of(registry: Registry, task: TaskNode, around: FakeSurroundings) -> JsonValue:
    """What an attempt made, or how it failed."""
    with around.attempt(task):
        try:
            made = await registry.adapter_for(task.agent).execute(task, [], "trace")
        except Exception as error:
            return describe(error).model_dump(mode="json", exclude={"traceback"})
    return {artifact.output: artifact.content for artifact in made}


async def keep(folder: Path, around: FakeSurroundings) -> None:
    """Write what was recorded to a store."""
    async with open_sqlite_store(folder) as store, store.open_run(make_run("run"), SOURCE):
        for call in around.calls:
            bodies = [body.last for body in (call.request, call.response) if body is not None]
            parts = []
            while bodies:
                if last := bodies.pop():
                    parts.append(around.parts[last])
                    bodies.append(around.parts[last].previous)
            store.keep_call(call, parts[::-1])


class _KeptOut(MetaPathFinder):
    """Nothing of what is kept out can be imported."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name in KEPT_OUT:
            raise ModuleNotFoundError(f"{name} is kept out", name=name)
        return None


def _refuse_connection(event: str, args: tuple[object, ...]) -> None:
    if event in ("socket.connect", "socket.getaddrinfo", "subprocess.Popen", "os.posix_spawn"):
        raise RuntimeError(f"{event} {args}")


async def _replay(folder: Path) -> Mapping[str, JsonValue]:
    tasks = [task_of(task) for task in json.loads((folder / "tasks.json").read_text())]
    async with open_sqlite_store(folder / "store") as store:
        calls = await store.list_calls("run")
        bodies = {body.last: await store.read_body(body) for call in calls if (body := call.response) is not None}
    sys.addaudithook(_refuse_connection)
    registry = Registry()
    ended: dict[str, JsonValue] = {}
    for task in tasks:
        of_attempt = [call for call in calls if call.task == task.path]
        around = TapedSurroundings(player=Player(of_attempt, lambda body: bodies[body.last]))
        outcome = await outcome_of(registry, task, around)
        costs: list[JsonValue] = [call.cost_usd for call in around.calls if call.spend.model_calls]
        ended[task.path] = {"outcome": outcome, "asked": len(around.asked), "costs": costs}
    await registry.close()
    return ended


if __name__ == "__main__":
    sys.meta_path.insert(0, _KeptOut())
    found = asyncio.run(_replay(Path(sys.argv[1])))
    loaded = sorted(KEPT_OUT & set(sys.modules))
    print(json.dumps({"ended": found, "loaded": loaded}))
