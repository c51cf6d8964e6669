"""Binex: a debuggable runtime for AI agent workflows.

::

    import asyncio, binex

    async def main():
        async with binex.open_session() as session:
            run = await session.run("flow.yaml", vars={"topic": "tides"})
            print(run.status, run.outputs)

    asyncio.run(main())

Inside a function that a node calls, ``binex.now()``, ``binex.random()`` and ``binex.uuid()`` give the moment, a random
number and an id, which are recorded with the run: a replay gives the same ones.

Public names are loaded when they are first used, so that ``import binex`` costs next to nothing.
"""

from importlib import import_module

__version__ = "0.1.0"

TYPE_CHECKING = False  # as in typing, which takes longer to import than all of this
if TYPE_CHECKING:
    from binex.adapters.base import AgentAdapter as AgentAdapter
    from binex.errors import AgentError as AgentError
    from binex.errors import BinexError as BinexError
    from binex.models.limits import Limits as Limits
    from binex.models.run import Durability as Durability
    from binex.models.run import RunStatus as RunStatus
    from binex.models.run import RunSummary as RunSummary
    from binex.models.task import Artifact as Artifact
    from binex.models.task import TaskNode as TaskNode
    from binex.models.workflow import WorkflowSpec as WorkflowSpec
    from binex.runtime.session import Session as Session
    from binex.runtime.session import open_session as open_session
    from binex.tape.values import now as now
    from binex.tape.values import random as random
    from binex.tape.values import uuid as uuid

_HOMES = {
    "AgentAdapter": "binex.adapters.base",
    "AgentError": "binex.errors",
    "Artifact": "binex.models.task",
    "BinexError": "binex.errors",
    "Durability": "binex.models.run",
    "Limits": "binex.models.limits",
    "RunStatus": "binex.models.run",
    "RunSummary": "binex.models.run",
    "Session": "binex.runtime.session",
    "TaskNode": "binex.models.task",
    "WorkflowSpec": "binex.models.workflow",
    "now": "binex.tape.values",
    "open_session": "binex.runtime.session",
    "random": "binex.tape.values",
    "uuid": "binex.tape.values",
}

__all__ = [*_HOMES, "__version__"]  # noqa: PLE0604 - names, all of them text


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'binex' has no attribute '{name}'")
    found: object = getattr(import_module(_HOMES[name]), name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
