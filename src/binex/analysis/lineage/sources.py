"""What is kept of the making of artifacts: envelopes by id, and what the workflow says that their tasks were given."""

from binex.analysis.artifacts import Damage
from binex.analysis.lineage.model import LineageKind, LineageNode, LinkKind
from binex.analysis.tasks.values import Binds
from binex.errors import BinexError, DamagedDataError
from binex.graph.dag import DAG, PlannedNode
from binex.graph.reference import Source
from binex.models.json_value import encode_json
from binex.models.names import item_of, node_of, read_artifact_id
from binex.models.run import Run
from binex.models.task import ArtifactInfo
from binex.models.workflow import WorkflowSpec
from binex.stores.run_store import RunStore


class Sources:
    """Reads each run, each snapshot and each envelope once; what cannot be read is noted in ``damage``."""

    def __init__(self, store: RunStore, bind: Binds) -> None:
        self.store = store
        self.bind = bind
        self.damage: list[Damage] = []
        self._runs: dict[str, Run | None] = {}
        self._made: dict[str, dict[str, ArtifactInfo]] = {}
        self._bound: dict[str, tuple[WorkflowSpec, DAG] | None] = {}
        self._problems: dict[str, str | None] = {}

    def note(self, where: str, message: str, fix: str | None = None) -> None:
        """Note something that is missing or damaged, once."""
        damage = Damage(where=where, message=message, fix=fix)
        if damage not in self.damage:
            self.damage.append(damage)

    async def run(self, run_id: str) -> Run | None:
        """A run; None where it is not in the store or cannot be read."""
        if run_id not in self._runs:
            try:
                self._runs[run_id] = await self.store.get_run(run_id)
            except DamagedDataError as error:
                self._runs[run_id] = None
                self.note(f"run {run_id}", error.message, error.fix)
        return self._runs[run_id]

    async def artifacts_of(self, run_id: str) -> list[ArtifactInfo]:
        """The envelopes of what a run made."""
        if run_id not in self._made:
            try:
                self._made[run_id] = {info.id: info for info in await self.store.list_artifacts(run_id)}
            except DamagedDataError as error:
                self._made[run_id] = {}
                self.note(f"artifacts of run {run_id}", error.message, error.fix)
        return list(self._made[run_id].values())

    async def info(self, id: str) -> ArtifactInfo | None:
        """The envelope of an artifact; None where it is not in the store."""
        run_id = id.partition("~")[0]
        await self.artifacts_of(run_id)
        return self._made[run_id].get(id)

    async def node_of(self, info: ArtifactInfo) -> LineageNode:
        """An artifact as a thing of a lineage, its content verified."""
        if info.id not in self._problems:
            self._problems[info.id] = await self._problem(info)
        return LineageNode(
            id=info.id,
            kind=LineageKind.ARTIFACT,
            name=f"{info.task}.{info.output}",
            run_id=info.run_id,
            task=info.task,
            agent=info.lineage.agent,
            attempt=info.lineage.attempt,
            size=info.size,
            is_edited=info.lineage.edited,
            damage=self._problems[info.id],
        )

    def missing(self, id: str, user: ArtifactInfo) -> LineageNode:
        """An artifact that is named and not there."""
        name = read_artifact_id(id)
        message = f"artifact {id} is not in the store"
        self.note(f"{name.task}.{name.output}", f"{message}, and {user.id} was made from it", "binex doctor")
        return LineageNode(
            id=id,
            kind=LineageKind.ARTIFACT,
            name=f"{name.task}.{name.output}",
            run_id=name.run_id,
            task=name.task,
            damage=message,
        )

    async def planned(self, info: ArtifactInfo) -> PlannedNode | None:
        """The node that made an artifact, as its run's workflow has it; None where that cannot be known."""
        bound = await self.bound(info.run_id)
        return None if bound is None else bound[1].nodes.get(node_of(info.task))

    async def bound(self, run_id: str) -> tuple[WorkflowSpec, DAG] | None:
        """The workflow of a run."""
        if run_id not in self._bound:
            self._bound[run_id] = None
            run = await self.run(run_id)
            if run is not None:
                try:
                    self._bound[run_id] = self.bind(await self.store.get_source(run.workflow_hash))
                except BinexError as error:
                    self.note(f"workflow of run {run_id}", f"its snapshot cannot be used: {error.message}", error.fix)
        return self._bound[run_id]

    async def link_of(self, before: str, after: ArtifactInfo) -> LinkKind:
        """In which way an artifact was made from another one, by its id."""
        if after.lineage.edited:
            return LinkKind.EDIT
        name = read_artifact_id(before)
        if name.run_id == after.run_id and node_of(name.task) == after.task != name.task:
            return LinkKind.ITEM
        node, bound = await self.planned(after), await self.bound(after.run_id)
        wanted = (node_of(name.task), name.output)
        if node is None or bound is None or wanted[0] not in node.depends_on:
            return LinkKind.DATA
        asked = {(reference.name, reference.output) for reference in (node.when.references if node.when else ())}
        templates = (node.inputs, node.config, node.system_prompt, node.messages, node.mcp_servers)
        references = [*(reference for template in templates if template for reference in template.references)]
        given = {(one.name, one.output) for one in (*references, *((node.foreach,) if node.foreach else ()))}
        if node.inputs is None:
            given |= {(upstream, output) for _, upstream, output in bound[1].default_inputs(node)}
        if wanted in given:
            return LinkKind.DATA
        return LinkKind.CONDITION if wanted in asked else LinkKind.ORDER

    async def roots_of(self, info: ArtifactInfo) -> list[LineageNode]:
        """What of that which somebody wrote its task was given: inputs of the workflow, values, prompts."""
        node, run = await self.planned(info), await self.run(info.run_id)
        is_joined = node is not None and node.foreach is not None and item_of(info.task) is None
        if node is None or run is None or info.lineage.edited or is_joined:
            return []
        found = []
        for name in dict.fromkeys(ref.name for ref in node.references if ref.source is Source.USER):
            size = len(encode_json(run.variables[name])) if name in run.variables else 0
            found.append(_root(LineageKind.INPUT, f"user.{name}", run, size=size))
        for name, value in (node.spec.inputs or {}).items():
            if b"${" not in (data := encode_json(value)):
                found.append(_root(LineageKind.VALUE, f"{node.id}: inputs.{name}", run, size=len(data)))
        bound = await self.bound(info.run_id)
        if bound is not None and node.system_prompt is not None:
            text = bound[0].system_prompt_of(node.id) or ""
            found.append(_root(LineageKind.PROMPT, f"{node.id}: system_prompt", run, size=len(text.encode())))
        if node.spec.messages is not None:
            size = sum(len(encode_json(message.model_dump(mode="json"))) for message in node.spec.messages)
            found.append(_root(LineageKind.PROMPT, f"{node.id}: messages", run, size=size))
        return found

    async def _problem(self, info: ArtifactInfo) -> str | None:
        try:
            if await self.store.get(info.id) is not None:
                return None
            message, fix = f"artifact {info.id} is listed and is not there", "binex doctor"
        except DamagedDataError as error:
            message, fix = error.message, error.fix or ""
        self.note(f"{info.task}.{info.output}", message, fix or None)
        return message


def _root(kind: LineageKind, name: str, run: Run, *, size: int) -> LineageNode:
    return LineageNode(id=f"{run.id}~{name}", kind=kind, name=name, run_id=run.id, size=size)
