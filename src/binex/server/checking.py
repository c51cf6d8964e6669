"""What is wrong with a workflow while it is typed, and what it looks like. Nothing is executed or connected to."""

import asyncio

from pydantic import Field

from binex.adapters.registry import Registry
from binex.analysis.graph_fold import GraphGroup, groups_of
from binex.analysis.run_graph import GraphEdge, GraphNode, graph_of
from binex.errors import WorkflowError
from binex.graph.dag import DAG
from binex.loader import find_literal_keys, parse_workflow
from binex.models.base import Model
from binex.models.complaint import Complaint, complaints_of, faults_of
from binex.models.run import Run, RunStatus, Versions
from binex.models.task import now
from binex.models.workflow import InputSpec, WorkflowSpec
from binex.server.looking import open_registry
from binex.server.parts import Parts


class TextGraph(Model):
    """What a workflow looks like before it was run."""

    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    groups: tuple[GraphGroup, ...]
    """What may be shown as one."""


class CheckedText(Model):
    """A text, read as a workflow."""

    is_usable: bool
    name: str | None = None
    description: str = ""
    faults: tuple[Complaint, ...] = ()
    """Everything that is wrong with it, in its order."""
    warnings: tuple[Complaint, ...] = ()
    """What works and should not stand there, such as a key."""
    graph: TextGraph | None = None
    """None where it is not usable."""
    inputs: dict[str, InputSpec] = Field(default_factory=dict)
    """What somebody who runs it has to give."""


async def check_text(text: str, name: str, parts: Parts) -> CheckedText:
    """What is to be said about *text*, as if it stood in the file *name*."""
    async with open_registry(parts) as registry:
        return await asyncio.to_thread(_check, text, name, parts, registry)


def _check(text: str, name: str, parts: Parts, registry: Registry) -> CheckedText:
    allowed = parts.executions.allow_paths
    try:
        spec = parse_workflow(text, file=name, folder=parts.folder, registry=registry, allow_paths=allowed)
    except WorkflowError as error:
        return CheckedText(is_usable=False, faults=faults_of(error))
    warnings = complaints_of(find_literal_keys(spec.source)) if spec.source else ()
    return CheckedText(
        is_usable=True,
        name=spec.name,
        description=spec.description,
        warnings=warnings,
        graph=_graph(spec),
        inputs=spec.inputs,
    )


def _graph(spec: WorkflowSpec) -> TextGraph:
    """The graph as that of a run of which nothing has happened."""
    unborn = Run(
        id="",
        workflow=spec.name,
        workflow_hash="",
        status=RunStatus.WAITING,
        started_at=now(),
        versions=Versions(binex="", python=""),
    )
    graph = graph_of(unborn, DAG.from_workflow(spec), [])
    return TextGraph(nodes=graph.nodes, edges=graph.edges, groups=groups_of(graph.nodes, graph.edges))
