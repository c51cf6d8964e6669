"""A session on a real store in a folder of the test's own, with scripted agents."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from binex.loader import parse_workflow
from binex.models.event import Event
from binex.models.run import RunSummary
from binex.models.task import ExecutionRecord
from binex.models.workflow import WorkflowSpec
from binex.runtime.session import Session, open_session
from tests.scripted import ScriptedAdapter


class Bench:
    """Runs workflow texts and keeps what listeners were told."""

    def __init__(self, session: Session, agents: ScriptedAdapter, events: list[Event], folder: Path) -> None:
        self.session = session
        self.agents = agents
        self.events = events
        self.folder = folder

    def spec(self, text: str) -> WorkflowSpec:
        registry = self.session.registry
        return parse_workflow(dedent(text), file="test.yaml", folder=self.folder, registry=registry)

    async def run(self, text: str, **variables: Any) -> RunSummary:
        return await self.session.run(self.spec(text), vars=variables)

    async def records(self, run: RunSummary) -> dict[str, ExecutionRecord]:
        """The last record of every task."""
        return {record.task: record for record in await self.session.store.list_records(run.run_id)}

    def told(self, kind: type[Event]) -> list[Event]:
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def open_bench(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Bench]]]:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:

        async def open_one(**options: Any) -> Bench:
            agents = options.pop("agents", None) or ScriptedAdapter()
            events: list[Event] = []
            listeners = [events.append, *options.pop("listeners", ())]
            session = await stack.enter_async_context(
                open_session(tmp_path / ".binex", adapters={"script": agents}, listeners=listeners, **options)
            )
            return Bench(session, agents, events, tmp_path)

        yield open_one
