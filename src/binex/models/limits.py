"""Every limit, its default, and its name in errors (``limits.<field>``)."""

from typing import Annotated

from pydantic import Field

from binex.models.base import Model

Size = Annotated[int, Field(ge=1)]


class Limits(Model):
    """What a workflow file, an agent's answer and a run may not exceed."""

    file_bytes: Size = 1024 * 1024
    """The size of a workflow or prompt file."""
    depth: Size = 50
    """How deep a workflow file may be nested."""
    nodes: Size = 100_000
    """How many YAML nodes a file may expand to through its aliases."""
    output_bytes: Size = 10 * 1024 * 1024
    """The size of one output of an agent, as JSON."""
    workers: Size = 256
    """How many threads may run plain functions at a time."""
    store_wait_ms: Size = 60_000
    """How long another process's lock on the store is waited for, in milliseconds."""
