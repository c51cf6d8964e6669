"""What the URIs of tools name: ``python://module.function``, ``mcp://server/tool``, ``mcp://server``."""

from dataclasses import dataclass
from typing import Final, TypeAlias

from binex.adapters.local_finding import LocalName
from binex.errors import InputError

PYTHON: Final = "python://"
MCP: Final = "mcp://"
BUILTIN: Final = "builtin://"
_FIX: Final = "write python://module.function, mcp://server/tool, or mcp://server for all tools of a server"


@dataclass(frozen=True, slots=True)
class PythonUri:
    """A function of a module beside the workflow, or of the environment."""

    uri: str
    name: LocalName


@dataclass(frozen=True, slots=True)
class McpUri:
    """A tool of an MCP server, or with an empty *tool* all that it has."""

    uri: str
    server: str
    tool: str = ""


ToolUri: TypeAlias = PythonUri | McpUri


def read_uri(uri: str) -> ToolUri:
    """What *uri* names.

    Raises:
        InputError: it is not the URI of a tool.
    """
    if uri.startswith(PYTHON):
        try:
            name = LocalName.of(uri.removeprefix(PYTHON))
        except InputError:
            name = LocalName("", "")
        if name.module:
            return PythonUri(uri, name)
        raise InputError(
            f"'{uri:.200}' does not name a function",
            fix="write python://module.function, for a module beside the workflow file",
        )
    if uri.startswith(MCP):
        server, _, tool = uri.removeprefix(MCP).partition("/")
        if server:
            return McpUri(uri, server, tool)
    if uri.startswith(BUILTIN):
        raise InputError(
            f"'{uri:.200}' is not supported yet",
            fix="write a function and name it as python://module.function, or use a tool of an MCP server: mcp://server/tool",
        )
    raise InputError(f"'{uri:.200}' does not name a tool", fix=_FIX)
