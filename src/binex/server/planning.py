"""What a run of a text that is being written would do. Nothing is executed, and nobody is asked."""

import asyncio
import os
from collections.abc import Mapping

from pydantic import JsonValue

from binex.adapters.registry import Registry
from binex.analysis.preview import RunPreview
from binex.graph.dag import DAG
from binex.loader import Bound, load_settings, parse_workflow
from binex.runtime.previewing import preview
from binex.server.parts import Parts


async def plan_text(text: str, name: str, given: Mapping[str, JsonValue], parts: Parts) -> RunPreview:
    """What a run of *text* would do, as if it stood in the file *name*.

    Raises:
        WorkflowError: the text is not usable; with all its faults.
    """
    registry = Registry(project=load_settings(parts.directory.parent), stands_in=parts.executions.stands_in)

    def read() -> Bound:
        spec = parse_workflow(text, file=name, folder=parts.folder, registry=registry)
        return Bound(spec, DAG.from_workflow(spec))

    try:
        bound = await asyncio.to_thread(read)
        return await parts.reader.ask(lambda store: preview(store, bound, registry, given, os.environ))
    finally:
        await registry.close()
