"""What a run would execute on this machine: what has to be trusted before one that came from elsewhere is executed."""

from collections import defaultdict
from collections.abc import Iterator
from enum import StrEnum

from binex.analysis.tasks.values import Binds
from binex.errors import BinexError
from binex.models.base import Model
from binex.models.run import Run
from binex.models.workflow import WorkflowSpec
from binex.stores.run_store import RunStore

ECHO = "local://echo"
"""The one function that is Binex's own."""


class ProgramKind(StrEnum):
    """In which way something is executed."""

    FUNCTION = "function"
    """A local function that does the work of a node."""
    TOOL = "tool"
    """A local function that a model may use."""
    COMMAND = "command"
    """A program that is started, and speaks MCP."""


class Program(Model):
    """Something of this machine that a workflow executes."""

    kind: ProgramKind
    name: str
    """Its URI, or the program."""
    arguments: tuple[str, ...] = ()
    """What the program is started with."""
    nodes: tuple[str, ...] = ()
    """The nodes that name it; empty for a program, which stands beside them."""


class TrustReport(Model):
    """What somebody should know who is asked whether a run is trusted."""

    run: Run
    is_needed: bool
    """Whether it is executed only after somebody has said so: it came from elsewhere, and names programs."""
    is_executable: bool
    """Whether it can be executed at all; what another program has left behind cannot."""
    folder: str = ""
    """Where its functions are looked for."""
    programs: tuple[Program, ...] = ()
    """What it would execute, in the order of the workflow."""
    agents: tuple[str, ...] = ()
    """Whom else it would ask: models and remote agents, as URIs, and the addresses of servers of tools."""


async def trust_of(store: RunStore, run: Run, bind: Binds) -> TrustReport:
    """What *run* would execute, by the snapshot of its workflow (`loader.bind_source` reads it). Nothing is looked up.

    Raises:
        StoreError: the store cannot be read.
    """
    if run.is_trace:
        return TrustReport(run=run, is_needed=False, is_executable=False)
    try:
        source = await store.get_source(run.workflow_hash)
        spec, _ = bind(source)
    except BinexError:  # what cannot be read is refused when it is to be executed
        return TrustReport(run=run, is_needed=run.is_imported, is_executable=True)
    programs = programs_of(spec)
    return TrustReport(
        run=run,
        is_needed=run.is_imported and bool(programs),
        is_executable=True,
        folder=source.folder,
        programs=programs,
        agents=tuple(dict.fromkeys(_asked(spec))),
    )


def programs_of(spec: WorkflowSpec) -> tuple[Program, ...]:
    """The functions and programs that a workflow names."""
    nodes: defaultdict[tuple[ProgramKind, str], list[str]] = defaultdict(list)
    for node_id, node in spec.nodes.items():
        if node.agent.startswith("local://") and node.agent != ECHO:
            nodes[ProgramKind.FUNCTION, node.agent].append(node_id)
        for tool in node.tools:
            if tool.startswith("python://"):
                nodes[ProgramKind.TOOL, tool].append(node_id)
    functions = [Program(kind=kind, name=name, nodes=tuple(found)) for (kind, name), found in nodes.items()]
    commands = [
        Program(kind=ProgramKind.COMMAND, name=server.command, arguments=server.args)
        for server in spec.mcp_servers.values()
        if server.command is not None
    ]
    return (*functions, *commands)


def _asked(spec: WorkflowSpec) -> Iterator[str]:
    """Everybody whom the workflow asks and who is no function of this machine, nor a person."""
    for node in spec.nodes.values():
        yield from (uri for uri in (node.agent, *node.fallbacks) if not uri.startswith(("local://", "human://")))
    yield from (server.url for server in spec.mcp_servers.values() if server.url is not None)
