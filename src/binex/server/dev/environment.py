"""The whole development environment: page, stand-ins, agents, and workflows that are executed as they are saved."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from binex.adapters.base import AgentAdapter, ReportsHealth
from binex.errors import InputError
from binex.loader import load_settings
from binex.loader.settings import FILE_NAME
from binex.models.health import AgentHealth, HealthStatus
from binex.models.limits import Limits
from binex.models.run import RunSummary
from binex.models.task import now
from binex.runtime.assembly import People
from binex.runtime.desk import Patience
from binex.runtime.journal import Listener
from binex.runtime.session import Session, open_session
from binex.server.dev.agents import Ask, DevAgents, DevPlan
from binex.server.dev.place import Place, has_nodes, place_at
from binex.server.dev.told import ModelsServed, PageOpened, Saved, Stopped, Tell, Trouble
from binex.server.dev.watching import Contents, watching
from binex.server.dev.workflow import Bench, DevWorkflow, note_start
from binex.server.extra import needing_extra

if TYPE_CHECKING:
    from binex.server.mock_models.script import LiveScript
    from binex.server.mock_models.server import ModelServer
    from binex.server.mock_models.stand_in import ScriptedAdapter


@dataclass(frozen=True, slots=True)
class PageWish:
    """A page that somebody wants served."""

    session: Session
    """Whose runs are shown, while they are executed."""
    stands_in: Mapping[str, AgentAdapter]
    """What runs that are started on the page must be executed with as well."""
    folder: Path
    """Whose workflows it shows."""
    allow_paths: tuple[Path, ...]
    """Folders elsewhere that prompts may be in."""
    port: int | None
    who: str
    say: Callable[[str], None]


OpenPage = Callable[[PageWish], AbstractAsyncContextManager[str]]
"""Serves the page while a block lasts, and gives its address."""


@dataclass(frozen=True, slots=True)
class DevWish:
    """What somebody wants of the development environment."""

    place: Path
    """A workflow file, or a folder of some."""
    directory: Path
    """The ``.binex`` folder."""
    is_once: bool = False
    """Whether all is to end with the first runs; otherwise those that ask people wait until they are answered."""
    allow_paths: tuple[Path, ...] = ()
    """Folders elsewhere that prompts may be in."""
    variables: Mapping[str, str] = field(default_factory=dict)
    are_models_scripted: bool = False
    script: Path | None = None
    page: OpenPage | None = None
    port: int | None = None
    who: str = ""
    """Who answers questions on the page."""
    limits: Limits = field(default_factory=Limits)


class Development:
    """The development environment, while it is open."""

    def __init__(self, bench: Bench, agents: DevAgents, place: Place, others: Sequence[Path]) -> None:
        self._bench = bench
        self._agents = agents
        self._place = place
        self._workflows = [DevWorkflow(file, bench) for file in place.files]
        self._others = others
        self._contents = Contents()

    async def run_once(self) -> tuple[bool, list[RunSummary | None]]:
        """Wait until the agents answer, and execute every workflow; whether they do, and what came of it.

        None stands for a workflow that could not be executed.
        """
        if not await self._agents.wait_until_ready():
            return False, []
        return True, [await one.start() if one.check() else None for one in self._workflows]

    async def follow(self) -> None:
        """Execute what is saved, until cancelled."""
        async with watching(self._place.folder, self._others) as saved:
            self._note_contents()
            usable = [one for one in self._workflows if one.check()]
            self._note_contents()
            beginning = asyncio.create_task(self._begin([] if len(self._workflows) > 1 else usable))
            try:
                while True:
                    files = await saved.next()
                    await self._take(files, asyncio.get_running_loop().time())
            finally:
                beginning.cancel()

    async def _begin(self, workflows: Sequence[DevWorkflow]) -> None:
        """Execute them when the agents answer, or are known not to; unless a save has had them executed before."""
        await self._agents.wait_until_ready()
        for workflow in workflows:
            if not workflow.has_run:
                workflow.start()

    async def leave(self) -> None:
        """Interrupt all that goes on."""
        await asyncio.gather(*(one.leave(is_stopped=True) for one in self._workflows))

    async def _take(self, files: set[Path], at: float) -> None:
        changed = self._contents.changed(files)
        self._contents.note(changed)
        if any(file.name == FILE_NAME for file in changed):
            fix = "end binex dev, and start it again"
            self._bench.tell(Trouble(message=f"{FILE_NAME} is only read at the start", fix=fix))
        self._workflows += [DevWorkflow(file, self._bench) for file in changed if self._is_new(file)]
        concerned = {one: [file for file in changed if one.concerns(file)] for one in self._workflows}
        if named := sorted({str(file) for found in concerned.values() for file in found}):
            self._bench.tell(Saved(files=tuple(named)))
        if fault := self._bench.script_fault(changed):
            self._bench.tell(Trouble(message=fault.message, fix=fault.fix))
            concerned = {
                one: [file for file in found if file != self._bench.script] for one, found in concerned.items()
            }
        for workflow, found in concerned.items():
            is_worked_on = len(self._workflows) == 1 or (workflow.has_run and workflow.is_there)
            if found and (is_worked_on or workflow.file in found):
                await workflow.save(found, at)
        self._note_contents()

    def _is_new(self, file: Path) -> bool:
        """Whether it is a workflow that was not there before."""
        return self._place.may_hold(file) and all(file != one.file for one in self._workflows)

    def _note_contents(self) -> None:
        """Know what the files hold that workflows name, so that only what changes counts."""
        script = self._bench.script
        files = {file for one in self._workflows for file in one.files} | ({script} if script is not None else set())
        self._contents.note(file for file in files if file not in self._contents)


@asynccontextmanager
async def open_development(wish: DevWish, tell: Tell, listeners: Sequence[Listener] = ()) -> AsyncIterator[Development]:
    """Start all that is wanted; at the end of the block nothing of it is left.

    Raises:
        InputError: there is no workflow, the script is none, or ``binex.toml`` cannot be used.
        StoreError: the store cannot be opened.
    """
    place = place_at(wish.place)
    project = load_settings(wish.directory.parent)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: tell(Stopped()))
        stands_in: dict[str, AgentAdapter] = {}
        variables: dict[str, str] = {}
        script: LiveScript | None = None
        if wish.are_models_scripted:
            server = await _script_models(wish, stack, tell)
            script, variables = server.script, server.variables
            scripted = _stand_in(server, wish.limits)
            stack.push_async_callback(scripted.close)
            stands_in["llm"] = scripted
        patience = Patience.DEADLINE if wish.is_once else Patience.ENDLESS
        opening = open_session(
            wish.directory,
            listeners=(*listeners, note_start),
            people=People(patience=patience),
            limits=wish.limits,
            allow_paths=wish.allow_paths,
            stands_in=stands_in,
        )
        session = await stack.enter_async_context(opening)
        if wish.page is not None:
            wanted = PageWish(
                session=session,
                stands_in=stands_in,
                folder=place.folder,
                allow_paths=wish.allow_paths,
                port=wish.port,
                who=wish.who,
                say=lambda message: tell(Trouble(message=message)),
            )
            tell(PageOpened(url=await stack.enter_async_context(wish.page(wanted))))
        plans = [DevPlan.of(name, one, wish.directory.parent, variables) for name, one in project.dev.agents.items()]
        agents = DevAgents(plans, _asking(session), tell)
        await stack.enter_async_context(agents.running())
        bench = Bench(session, tell, wish.variables, script)
        others = [wish.directory.parent.resolve() / FILE_NAME, *(path.resolve() for path in wish.allow_paths)]
        others += [] if bench.script is None else [bench.script]
        development = Development(bench, agents, place, others)
        stack.push_async_callback(development.leave)
        yield development


async def _script_models(wish: DevWish, stack: AsyncExitStack, tell: Tell) -> "ModelServer":
    """Serve scripted models, and have programs find them."""
    with needing_extra():
        from binex.server.mock_models.script import LiveScript
        from binex.server.mock_models.server import open_model_server
    if wish.script is not None and has_nodes(wish.script):
        message = f"{wish.script} is a workflow, and no script that models could answer from"
        raise InputError(message, fix=f"name the workflow first: binex dev {wish.script} --mock-models")
    script = LiveScript(wish.script)
    script.backend()  # whose faults are told before anything is started
    server = await stack.enter_async_context(open_model_server(script))
    stack.enter_context(_with_variables(server.variables))
    tell(ModelsServed(url=server.openai_url, script=None if wish.script is None else str(wish.script)))
    return server


def _stand_in(server: "ModelServer", limits: Limits) -> "ScriptedAdapter":
    """What asks the server in the place of all models."""
    from binex.server.mock_models.stand_in import ScriptedAdapter

    return ScriptedAdapter(server, limits)


@contextmanager
def _with_variables(variables: Mapping[str, str]) -> Iterator[None]:
    """Have them in the environment of this process: functions of the project may use the vendors' own libraries."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _asking(session: Session) -> Ask:
    """Asks agents how they are, as ``binex agents --check`` does."""

    async def ask(uri: str) -> AgentHealth:
        adapter = session.registry.adapter_for(uri)
        if isinstance(adapter, ReportsHealth):
            return await adapter.health(uri)
        return AgentHealth(agent=uri, status=HealthStatus.UNKNOWN, checked_at=now())

    return ask
