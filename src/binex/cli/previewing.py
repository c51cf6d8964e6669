"""``binex run --plan``: what a run would do, without one."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from binex.adapters.registry import Registry
from binex.analysis.preview import RunPreview
from binex.cli.limits import read_limits
from binex.cli.options import ExecutionOptions
from binex.cli.printing import print_json
from binex.cli.reading import store_folder
from binex.cli.render.look import Look
from binex.cli.render.preview import run_preview
from binex.cli.streams import write_result
from binex.errors import InputError
from binex.loader import bind_workflow, load_settings, read_variables
from binex.runtime.previewing import preview
from binex.stores.backends.filesystem import DATABASE
from binex.stores.backends.memory import MemoryStore
from binex.stores.backends.sqlite import open_sqlite_store


def show_plan(file: Path, given: Mapping[str, str], allow_paths: tuple[Path, ...], options: ExecutionOptions) -> int:
    """Say what a run of the workflow in *file* would do; the exit code is that of a run which cannot begin, or 0.

    Raises:
        WorkflowError: the file is not usable; with all its faults.
        InputError: a variable is unknown or not of its type.
    """
    found = asyncio.run(_preview(file, given, allow_paths, options))
    if options.as_json:
        print_json(found)
    else:
        write_result(run_preview(found, Look.of(sys.stdout)))
    return 0 if found.can_begin else InputError.exit_code


async def _preview(
    file: Path, given: Mapping[str, str], allow_paths: tuple[Path, ...], options: ExecutionOptions
) -> RunPreview:
    folder = store_folder(options.directory)
    limits = read_limits(options.limits)
    registry = Registry(limits=limits, project=load_settings(folder.parent))
    try:
        bound = bind_workflow(file, limits=limits, registry=registry, allow_paths=allow_paths)
        values = read_variables(bound.spec, given, bound.dag)
        if not (folder / DATABASE).exists():  # no store is made for a question
            return await preview(MemoryStore(), bound, registry, values, os.environ)
        async with open_sqlite_store(folder, read_only=True) as store:
            return await preview(store, bound, registry, values, os.environ)
    finally:
        await registry.close()
