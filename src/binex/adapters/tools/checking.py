"""Finds faults in the tools of a node by reading alone: nothing is imported, started or connected to."""

import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from binex.adapters.local_source import Sources
from binex.adapters.tools.uris import McpUri, PythonUri, read_uri
from binex.errors import FieldFault, InputError, suggest
from binex.models.agent_settings import McpServer

_SOURCES = Sources()


def check_tools(uris: Sequence[str], mcp_servers: Mapping[str, McpServer], folder: Path | None) -> list[FieldFault]:
    """What is wrong with a node's `tools`; paths are relative to the node, and begin with it."""
    return [fault for at, _ in enumerate(uris) for fault in _faults(at, uris, mcp_servers, folder)]


def _faults(
    at: int, uris: Sequence[str], mcp_servers: Mapping[str, McpServer], folder: Path | None
) -> Iterator[FieldFault]:
    place = ("tools", at)
    try:
        named = read_uri(uris[at])
    except InputError as error:
        yield FieldFault(place, error.message, fix=error.fix)
        return
    if uris[at] in uris[:at]:
        yield FieldFault(place, f"the tool {uris[at]} is given twice", fix="remove one of them")
        return
    if isinstance(named, PythonUri):
        absolute = None if folder is None else os.path.abspath(folder)  # noqa: PTH100 - links stay as they are
        for fault in _SOURCES.faults(named.name, absolute, None):
            yield FieldFault(place, fault.message, fix=fault.fix)
        return
    if named.tool and f"mcp://{named.server}" in (uri.rstrip("/") for uri in uris):
        whole = f"mcp://{named.server}"
        yield FieldFault(place, f"the tool {uris[at]} is given twice: {whole} has it too", fix="remove one of them")
    yield from _server_faults(place, named, mcp_servers)


def _server_faults(place: tuple[str, int], named: McpUri, mcp_servers: Mapping[str, McpServer]) -> Iterator[FieldFault]:
    server = mcp_servers.get(named.server)
    if server is None:
        fix = suggest(named.server, mcp_servers, "mcp_servers")
        yield FieldFault(place, f"there is no MCP server '{named.server}'", fix=fix)
        return
    where = f"mcp_servers.{named.server}"
    if server.command is None and server.url is None:
        yield FieldFault(place, f"{where} has neither 'command' nor 'url'", fix="give it one of them")
    elif server.command is not None and server.url is not None:
        yield FieldFault(place, f"{where} has both 'command' and 'url'", fix="remove one of them")
    elif server.command is not None and server.headers:
        yield FieldFault(place, f"{where}: 'headers' are only sent to a 'url'", fix="use 'env', or remove them")
    elif server.url is not None and (server.args or server.env):
        fix = "use 'headers', or remove them"
        yield FieldFault(place, f"{where}: 'args' and 'env' are only for a 'command'", fix=fix)
