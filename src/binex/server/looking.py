"""What workflows are read with that are looked at and not executed: by the same rules as what is executed here."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from binex.adapters.registry import Registry
from binex.loader import load_settings
from binex.server.parts import Parts


@asynccontextmanager
async def open_registry(parts: Parts) -> AsyncIterator[Registry]:
    """Adapters that are there while the block lasts.

    Raises:
        InputError: ``binex.toml`` cannot be used.
    """
    registry = Registry(project=load_settings(parts.directory.parent), stands_in=parts.executions.stands_in)
    try:
        yield registry
    finally:
        await registry.close()
