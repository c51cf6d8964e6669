"""All that can be known before the first node runs: agents, environment, code, and what must not be kept."""

import asyncio
import hashlib
import os
import platform
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from binex import __version__
from binex.adapters.base import AnsweredByTape, KnowsItsCode, NodeUse, PreparesNodes
from binex.adapters.local_finding import LocalName
from binex.adapters.registry import Registry
from binex.adapters.tools.uris import PYTHON
from binex.errors import FieldFault, InputError, WorkflowError
from binex.graph.reference import as_text
from binex.loader import Bound, bind_source, bind_workflow, literal_secrets, locate_faults, redact_source
from binex.models.limits import Limits
from binex.models.run import Versions
from binex.models.workflow_source import WorkflowSource
from binex.tape.redaction import REDACTED, Redactor


async def prepare_agents(
    registry: Registry, uses: Sequence[NodeUse], source: WorkflowSource, *, is_replay: bool = False
) -> None:
    """Let every adapter get ready for its nodes; in a replay only those whose agents are executed all the same.

    Raises:
        WorkflowError: an agent cannot be used as the workflow says; with all the faults.
    """
    by_adapter: dict[int, list[NodeUse]] = {}
    for use in uses:
        by_adapter.setdefault(id(registry.adapter_for(use.agent)), []).append(use)
    faults: list[FieldFault] = []
    for group in by_adapter.values():
        adapter = registry.adapter_for(group[0].agent)
        if is_replay and isinstance(adapter, AnsweredByTape):
            continue
        if isinstance(adapter, PreparesNodes):
            for node_id, found in (await adapter.prepare(group)).items():
                faults += [
                    FieldFault(("nodes", node_id, *fault.path), fault.message, fault.fix, fault.at_key)
                    for fault in found
                ]
    if faults:
        raise locate_faults(source, faults)


async def versions_of(registry: Registry, uses: Sequence[NodeUse], source: WorkflowSource) -> Versions:
    """What a run is made with: versions, the code of local functions and tools, the git commit."""
    handlers: dict[str, str] = {}
    adapters: dict[str, str] = {}
    with_code: dict[str, KnowsItsCode] = {}
    for use in uses:
        scheme = use.agent.partition("://")[0]
        if scheme not in adapters:
            adapters[scheme] = registry.version_of(use.agent)
            adapter = registry.adapter_for(use.agent)
            if isinstance(adapter, KnowsItsCode):
                with_code[scheme] = adapter
        if scheme in with_code and use.agent not in handlers:
            fingerprint = with_code[scheme].fingerprint(use)
            if fingerprint is not None:
                handlers[use.agent] = fingerprint
    return Versions(
        binex=__version__,
        python=platform.python_version(),
        handlers=handlers | _code_of_tools(uses, source.folder),
        adapters={scheme: version for scheme, version in adapters.items() if version},
        git_commit=await _git_commit(Path(source.folder)),
    )


def _code_of_tools(uses: Sequence[NodeUse], folder: str) -> dict[str, str]:
    """The hash of the code behind each tool that is a function of the project."""
    tools = {tool for use in uses for tool in use.tools if tool.startswith(PYTHON)}
    if not tools:
        return {}
    from binex.adapters.local_source import Sources

    sources = Sources()
    hashes: dict[str, str] = {}
    for tool in sorted(tools):
        module = LocalName.of(tool.removeprefix(PYTHON)).module
        found = sources.hash_of(module, os.path.abspath(folder))  # noqa: PTH100 - links stay as they are
        if found is not None:
            hashes[tool] = found
    return hashes


def hash_source(source: WorkflowSource) -> str:
    """The identity of a snapshot: what it says, and where it lay, since its functions are found there."""
    said = source.model_dump_json(exclude=None if source.changes else {"changes"})
    return hashlib.sha256(said.encode()).hexdigest()


def restore_source(kept: WorkflowSource, limits: Limits, registry: Registry | None) -> Bound:
    """The workflow of a snapshot. Literal keys that were cut out are read again from the file, if it is unchanged.

    Raises:
        InputError: keys were cut out, and the file is not what it was, or they were never in it.
    """
    for change in kept.changes:
        if REDACTED in as_text(change.value):
            raise InputError(
                f"{change.option} of an earlier fork looked like a secret and was not kept",
                fix="write ${env.NAME} instead of it, and fork the run again that this one was made from",
            )
    if not any(REDACTED in text for text in (kept.text, *kept.prompts.values())):
        return bind_source(kept, limits=limits, registry=registry)
    today = None
    with suppress(WorkflowError):
        today = bind_workflow(kept.file, limits=limits, registry=registry)
    source = None if today is None else today.spec.source
    unchanged = kept.model_copy(update={"changes": ()})
    if today is None or source is None or redact_source(source, Redactor(literal_secrets(source))) != unchanged:
        raise InputError(
            f"{kept.file} holds keys, which are never kept, and it has changed since",
            fix="write ${env.NAME} instead of the key, and run the workflow again",
        )
    if kept.changes:
        return bind_source(source.model_copy(update={"changes": kept.changes}), limits=limits, registry=registry)
    return today


async def _git_commit(folder: Path) -> str | None:
    try:
        process = await asyncio.create_subprocess_exec(
            "git", "-C", str(folder), "rev-parse", "HEAD",
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        async with asyncio.timeout(2):  # wait_for of Python 3.11 may swallow a cancellation
            output, _ = await process.communicate()
    except (OSError, TimeoutError):
        return None
    return output.decode().strip() or None if process.returncode == 0 else None
