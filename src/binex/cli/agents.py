"""``binex agents``: whom a workflow would talk to."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option

if TYPE_CHECKING:
    from binex.analysis.agents import AgentList


@click.command("agents")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--check", "is_checking", is_flag=True, help="Ask each of them whether it is there.")
@click.option("--allow-path", "allow_paths", multiple=True, type=click.Path(path_type=Path), help="See 'binex run'.")
@json_option
@directory_option
def command(file: Path, is_checking: bool, allow_paths: tuple[Path, ...], as_json: bool, directory: Path | None) -> int:
    """Show whom the workflow in FILE talks to: agents, models and tools.

    With their prices, and where their keys are expected. Nothing is connected to without --check, which asks each of
    them and starts the MCP servers; the exit code is then 1 where one cannot be used.
    """
    from binex.cli.printing import print_json
    from binex.cli.render.agents import agent_list
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result

    found = find_agents(file, directory, allow_paths, is_checking=is_checking)
    if as_json:
        print_json(found)
    else:
        write_result(agent_list(found, Look.of(sys.stdout)))
    return 1 if is_checking and not found.is_usable else 0


def find_agents(
    file: Path, directory: Path | None, allow_paths: tuple[Path, ...] = (), *, is_checking: bool
) -> "AgentList":
    """The agents of the workflow in *file*, asked whether they are there if that is wanted.

    Raises:
        WorkflowError: the file is not usable; with all its faults.
    """
    import asyncio
    import os

    from binex.adapters.registry import Registry
    from binex.analysis.agents import Agents
    from binex.cli.reading import store_folder
    from binex.loader import bind_workflow, load_settings

    project = load_settings(store_folder(directory).parent)

    async def find() -> "AgentList":
        registry = Registry(project=project)
        try:
            bound = bind_workflow(file, registry=registry, allow_paths=allow_paths)
            agents = Agents(bound.spec, bound.dag, registry, os.environ)
            return await agents.check() if is_checking else agents.list()
        finally:
            await registry.close()

    return asyncio.run(find())
