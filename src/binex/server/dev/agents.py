"""The agents that a project declares for its development: started, asked for their health, started again."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from binex.adapters.tools.mcp_process import INHERITED
from binex.errors import InputError
from binex.models.health import AgentHealth, HealthStatus
from binex.models.settings import DevAgent
from binex.models.task import now
from binex.server.dev.kept_program import KeptProgram, keeping
from binex.server.dev.ports import free_port, is_taken
from binex.server.dev.told import AgentLost, AgentReady, AgentSaid, AgentStarted, Tell

Ask = Callable[[str], Awaitable[AgentHealth]]
"""How an agent is, by its URI."""

MOST_RESTARTS: Final = 5
"""How often in a row an agent is started again that does not stay."""
_FIRST_PAUSE_S: Final = 0.25
_STAYED_S: Final = 30.0
"""One that has answered for so long has stayed."""
_ASK_PAUSE_S: Final = 0.1
_ASK_S: Final = 2.0
_MOST_LINES: Final = 200
"""So many lines of an agent are shown within a second."""


@dataclass(frozen=True, slots=True)
class DevPlan:
    """One agent, ready to be started."""

    name: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str]
    port: int
    uri: str
    ready_s: float

    @classmethod
    def of(cls, name: str, agent: DevAgent, project: Path, extra: Mapping[str, str]) -> "DevPlan":
        """What *agent* of the project in that folder means on this machine.

        Raises:
            InputError: its folder is not inside the project, or not there.
        """
        root = project.resolve()
        folder = (root / agent.cwd).resolve()
        if not folder.is_relative_to(root):
            raise InputError(f"dev.agents.{name}.cwd is outside of the project", fix=f"put it under {root}")
        if not folder.is_dir():
            raise InputError(f"dev.agents.{name}.cwd: there is no folder '{agent.cwd:.80}' in {root}")
        port = agent.port or free_port()

        def filled(text: str) -> str:
            return text.replace("{port}", str(port)).replace("{python}", sys.executable)

        names = (*INHERITED, *agent.env)
        environment = {each: os.environ[each] for each in names if each in os.environ} | dict(extra)
        return cls(
            name=name,
            command=(filled(agent.command), *map(filled, agent.args)),
            folder=folder,
            environment=environment | {"PORT": str(port), "PYTHONUNBUFFERED": "1"},
            port=port,
            uri=f"a2a://127.0.0.1:{port}{agent.path}",
            ready_s=agent.ready_ms / 1000,
        )


class DevAgents:
    """All of them, each kept by a task of its own."""

    def __init__(self, plans: list[DevPlan], ask: Ask, tell: Tell) -> None:
        self._kept = [_Keeping(plan, ask, tell) for plan in plans]

    async def wait_until_ready(self) -> bool:
        """Wait until each of them answers, or is given up; whether all answer."""
        return all(await asyncio.gather(*(kept.ready for kept in self._kept)))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Have them running while the block lasts; nothing of them is left afterwards."""
        tasks = [asyncio.create_task(kept.keep()) for kept in self._kept]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


class _Keeping:
    """One agent: started, and started again when it ends."""

    def __init__(self, plan: DevPlan, ask: Ask, tell: Tell) -> None:
        self._plan = plan
        self._ask = ask
        self._tell = tell
        self._second = 0.0
        self._lines = 0
        self._ready_at: float | None = None
        """Since when it answers; None where it has not yet, since it was started."""
        self.ready: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        """Whether it has answered; false where it was given up."""

    async def keep(self) -> None:
        """Until cancelled, or given up."""
        restarts, in_a_row, loop = 0, 0, asyncio.get_running_loop()
        try:
            while True:
                why = await self._run(restarts)
                has_stayed = self._ready_at is not None and loop.time() - self._ready_at > _STAYED_S
                in_a_row = 0 if has_stayed else in_a_row
                pause = _FIRST_PAUSE_S * 2**in_a_row if in_a_row < MOST_RESTARTS else None
                again = None if pause is None else round(pause * 1000)
                self._tell(AgentLost(agent=self._plan.name, why=why, again_in_ms=again))
                if pause is None:
                    return
                await asyncio.sleep(pause)
                restarts, in_a_row = restarts + 1, in_a_row + 1
        finally:
            self._know(is_ready=False)

    async def _run(self, restarts: int) -> str:
        """Have it running once; returns why it is no longer."""
        plan, self._ready_at = self._plan, None
        if is_taken(plan.port):
            return f"port {plan.port} is taken by another program"
        try:
            async with keeping(plan.command, plan.folder, plan.environment, self._hear) as program:
                self._tell(AgentStarted(agent=plan.name, pid=program.pid, uri=plan.uri, restarts=restarts))
                return await self._watch(program)
        except OSError as error:
            return f"it cannot be started: {error.strerror or error}"

    async def _watch(self, program: KeptProgram) -> str:
        """Wait until it answers, and then until it ends."""
        ending = asyncio.ensure_future(program.wait())
        asking = asyncio.ensure_future(self._wait_until_it_answers())
        try:
            await asyncio.wait({ending, asking}, return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                health = asking.result()
                if health.status is HealthStatus.UNREACHABLE:
                    self._know(is_ready=False)  # it is started again, and nobody waits for that
                    return f"it did not answer in {self._plan.ready_s:g} s: {health.detail}"
                self._ready_at = asyncio.get_running_loop().time()
                self._tell(AgentReady(agent=self._plan.name, health=health))
                self._know(is_ready=True)
            code = await ending
            return f"it ended with exit code {code}"
        finally:
            for task in (ending, asking):
                task.cancel()

    async def _wait_until_it_answers(self) -> AgentHealth:
        """Its health, when it is no longer unreachable, or its time is over."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + self._plan.ready_s
        while True:
            health = await self._ask_once(min(_ASK_S, max(0.05, deadline - loop.time())))
            if health.status is not HealthStatus.UNREACHABLE or loop.time() >= deadline:
                return health
            await asyncio.sleep(_ASK_PAUSE_S)

    async def _ask_once(self, patience_s: float) -> AgentHealth:
        try:
            async with asyncio.timeout(patience_s):
                return await self._ask(self._plan.uri)
        except TimeoutError:
            detail = f"no answer in {patience_s:.3g} s"
        return AgentHealth(agent=self._plan.uri, status=HealthStatus.UNREACHABLE, detail=detail, checked_at=now())

    def _hear(self, line: str) -> None:
        """Pass on what it says, but for most of what it says without an end."""
        moment = asyncio.get_running_loop().time()
        if moment - self._second > 1:
            if self._lines > _MOST_LINES:
                left_out = f"… and {self._lines - _MOST_LINES:,} lines more"
                self._tell(AgentSaid(agent=self._plan.name, line=left_out))
            self._second, self._lines = moment, 0
        self._lines += 1
        if self._lines <= _MOST_LINES:
            self._tell(AgentSaid(agent=self._plan.name, line=line))

    def _know(self, *, is_ready: bool) -> None:
        if not self.ready.done():
            self.ready.set_result(is_ready)
