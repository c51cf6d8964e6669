"""What a run of a text that is being written would do. Nothing is executed, and nobody is asked."""

import asyncio
import os
from collections.abc import Mapping

from pydantic import JsonValue

from binex.analysis.preview import RunPreview
from binex.graph.dag import DAG
from binex.loader import Bound, parse_workflow
from binex.runtime.previewing import preview
from binex.server.looking import open_registry
from binex.server.parts import Parts


async def plan_text(text: str, name: str, given: Mapping[str, JsonValue], parts: Parts) -> RunPreview:
    """What a run of *text* would do, as if it stood in the file *name*.

    Raises:
        WorkflowError: the text is not usable; with all its faults.
    """
    async with open_registry(parts) as registry:

        def read() -> Bound:
            allowed = parts.executions.allow_paths
            spec = parse_workflow(text, file=name, folder=parts.folder, registry=registry, allow_paths=allowed)
            return Bound(spec, DAG.from_workflow(spec))

        bound = await asyncio.to_thread(read)
        return await parts.reader.ask(lambda store: preview(store, bound, registry, given, os.environ))
