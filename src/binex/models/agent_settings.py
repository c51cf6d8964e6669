"""What an agent is given to work with, besides its inputs."""

from enum import StrEnum
from typing import Annotated, Final

from pydantic import Field

from binex.models.base import Model


class Isolation(StrEnum):
    """Where a local function runs."""

    THREAD = "thread"
    PROCESS = "process"


class McpServer(Model):
    """A server of the Model Context Protocol: a program to start, or an address."""

    command: str | None = None
    """The program that speaks MCP on its standard input and output."""
    args: tuple[str, ...] = ()
    """Its arguments."""
    env: dict[str, str] = Field(default_factory=dict)
    """The environment that it gets besides PATH, HOME and the like; it gets nothing else."""
    url: str | None = None
    """The address of a server that is there already."""
    headers: dict[str, str] = Field(default_factory=dict)
    """What to send along to that address."""


class Repair(Model):
    """What to do about an answer of a model that does not fit `output_schema`."""

    max_attempts: Annotated[int, Field(ge=0, le=20, strict=True)] = 2
    """How often to ask again, with the error."""
    escalate: str | None = None
    """The model to ask when that did not help, as a URI."""


DEFAULT_REPAIR: Final = Repair.model_construct()
"""What is done where the workflow does not say."""
