"""The whole development environment: page, stand-ins, agents, and workflows that are executed as they are saved."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

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
from binex.server.dev.agents import DevAgents, DevPlan
from binex.server.dev.told import ModelsServed, PageOpened, Saved, Stopped, Tell, Trouble
from binex.server.dev.watching import Contents, watching
from binex.server.dev.workflow import Bench, DevWorkflow, note_start

_NODES: Final = re.compile(r"^nodes\s*:", re.MULTILINE)
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class PageWish:
    """A page that somebody wants served."""

    session: Session
    """Whose runs are shown, while they are executed."""
    stands_in: Mapping[str, AgentAdapter]
    """What runs that are started on the page must be executed with as well."""
    folder: Path
    """Whose workflows it shows."""
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

    def __init__(self, bench: Bench, agents: DevAgents, workflows: Sequence[DevWorkflow], folder: Path) -> None:
        self._bench = bench
        self._agents = agents
        self._workflows = workflows
        self._folder = folder
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
        folder, script = self._folder, self._bench.script
        async with watching(folder, [] if script is None else [script]) as saved:
            self._note_contents()
            usable = [one for one in self._workflows if one.check()]
            self._note_contents()
            beginning = asyncio.create_task(self._begin(usable if len(self._workflows) == 1 else []))
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
        concerned = {one: [file for file in changed if one.concerns(file)] for one in self._workflows}
        if named := sorted({str(file) for found in concerned.values() for file in found}):
            self._bench.tell(Saved(files=tuple(named)))
        for workflow, found in concerned.items():
            if found and (workflow.has_run or workflow.file in found or len(self._workflows) == 1):
                await workflow.save(found, at)
        self._note_contents()

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
    files, folder = _workflows_at(wish.place)
    project = load_settings(wish.directory.parent)
    async with AsyncExitStack() as stack:
        stack.callback(lambda: tell(Stopped()))
        stands_in: dict[str, AgentAdapter] = {}
        variables: dict[str, str] = {}
        if wish.are_models_scripted:
            stands_in["llm"], variables = await _script_models(wish, stack, tell)
        patience = Patience.DEADLINE if wish.page is None else Patience.ENDLESS
        opening = open_session(
            wish.directory,
            listeners=(*listeners, note_start),
            people=People(patience=patience),
            limits=wish.limits,
            stands_in=stands_in,
        )
        session = await stack.enter_async_context(opening)
        if wish.page is not None:
            wanted = PageWish(
                session=session,
                stands_in=stands_in,
                folder=folder,
                port=wish.port,
                who=wish.who,
                say=lambda message: tell(Trouble(message=message)),
            )
            tell(PageOpened(url=await stack.enter_async_context(wish.page(wanted))))
        plans = [DevPlan.of(name, one, wish.directory.parent, variables) for name, one in project.dev.agents.items()]
        agents = DevAgents(plans, _asking(session), tell)
        await stack.enter_async_context(agents.running())
        script = None if wish.script is None else wish.script.resolve()
        bench = Bench(session, tell, wish.variables, script)
        development = Development(bench, agents, [DevWorkflow(file, bench) for file in files], folder)
        stack.push_async_callback(development.leave)
        yield development


async def _script_models(wish: DevWish, stack: AsyncExitStack, tell: Tell) -> tuple[AgentAdapter, dict[str, str]]:
    """Serve scripted models; gives what asks them, and the variables by which programs find them."""
    try:
        from binex.server.mock_models.script import LiveScript
        from binex.server.mock_models.server import open_model_server
        from binex.server.mock_models.stand_in import ScriptedAdapter
    except ImportError as error:
        raise InputError(f"'{error.name}' is not installed", fix="pip install 'binex[ui]'") from error
    if wish.script is not None and _has_nodes(wish.script):
        message = f"{wish.script} is a workflow, and no script that models could answer from"
        raise InputError(message, fix=f"name the workflow first: binex dev {wish.script} --mock-models")
    script = LiveScript(wish.script)
    script.backend()  # whose faults are told before anything is started
    server = await stack.enter_async_context(open_model_server(script))
    stack.enter_context(_with_variables(server.variables))
    tell(ModelsServed(url=server.openai_url, script=None if wish.script is None else str(wish.script)))
    return ScriptedAdapter(server, wish.limits), server.variables


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


def _asking(session: Session) -> Callable[[str], "asyncio.Future[AgentHealth]"]:
    """Asks agents how they are, as ``binex agents --check`` does."""

    async def ask(uri: str) -> AgentHealth:
        adapter = session.registry.adapter_for(uri)
        if isinstance(adapter, ReportsHealth):
            return await adapter.health(uri)
        return AgentHealth(agent=uri, status=HealthStatus.UNKNOWN, checked_at=now())

    return lambda uri: asyncio.ensure_future(ask(uri))


def _workflows_at(place: Path) -> tuple[list[Path], Path]:
    """The workflow files that are meant, and the folder that is watched.

    Raises:
        InputError: there is none.
    """
    place = place.resolve()
    if not place.is_dir():
        if not place.parent.is_dir():
            raise InputError(f"there is no folder {place.parent}", fix="name a workflow file, or a folder of some")
        return [place], place.parent
    files = [file for file in sorted(place.iterdir()) if file.suffix in _SUFFIXES and _has_nodes(file)]
    if not files:
        raise InputError(f"there is no workflow in {place}", fix="name one, or write one: binex hello shows how")
    return files, place


def _has_nodes(file: Path) -> bool:
    """Whether a YAML file looks like a workflow, be it a broken one."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return _NODES.search(stream.read(1 << 20)) is not None
    except OSError:
        return False
