"""What an artifact was made from, up to what somebody wrote, and all that was made from it, across runs."""

from binex.analysis.lineage.model import ArtifactLineage, LineageKind, LineageLink, LineageNode, LinkKind
from binex.analysis.lineage.sources import Sources
from binex.errors import DamagedDataError
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord, final_records


async def lineage(
    run: Run,
    artifact: ArtifactInfo,
    sources: Sources,
    *,
    is_up: bool = True,
    is_down: bool = True,
    depth: int | None = None,
) -> ArtifactLineage:
    """The lineage of *artifact* of *run*, at most *depth* steps to each side.

    Downwards it goes on in every run that took outcomes over from those that it reaches: forks, and runs with a cache.

    Raises:
        StoreError: the store cannot be read.
    """
    search = _Search(sources, depth)
    search.keep(await sources.node_of(artifact))
    if is_up:
        await search.go_up(artifact)
    if is_down:
        reached = _Reached(sources)
        await search.go_down(artifact, reached)
    return ArtifactLineage(
        run=run,
        artifact=artifact.id,
        nodes=tuple(search.nodes.values()),
        links=tuple(search.links),
        cut=tuple(search.cut),
        damage=tuple(sources.damage),
    )


class _Search:
    """Goes from artifact to artifact, breadth first, and keeps each one once."""

    def __init__(self, sources: Sources, depth: int | None) -> None:
        self.nodes: dict[str, LineageNode] = {}
        self.links: dict[LineageLink, None] = {}
        self.cut: dict[str, None] = {}
        self._sources = sources
        self._depth = depth

    def keep(self, node: LineageNode) -> None:
        self.nodes.setdefault(node.id, node)

    async def go_up(self, start: ArtifactInfo) -> None:
        level, seen, depth = [start], {start.id}, 0
        while level:
            above: list[ArtifactInfo] = []
            for info in level:
                if depth == self._depth:
                    if info.lineage.derived_from or await self._sources.roots_of(info):
                        self.cut[info.id] = None
                    continue
                for root in await self._sources.roots_of(info):
                    self._link(root, info.id, LinkKind.DATA)
                for id in info.lineage.derived_from:
                    kind = await self._sources.link_of(id, info)
                    given = await self._sources.info(id)
                    node = self._sources.missing(id, info) if given is None else await self._sources.node_of(given)
                    self.keep(node)
                    self.links[LineageLink(before=id, after=info.id, kind=kind)] = None
                    if given is not None and kind is not LinkKind.ORDER and id not in seen:
                        seen.add(id)
                        above.append(given)
            level, depth = above, depth + 1

    async def go_down(self, start: ArtifactInfo, reached: "_Reached") -> None:
        level, seen, depth = [start.id], {start.id}, 0
        while level:
            below: list[str] = []
            for id in level:
                await reached.look_around(id)
                self._note_copies(id, reached)
                made = reached.made_from(id)
                tasks = reached.ended_with(id)
                if depth == self._depth:
                    if made or tasks:
                        self.cut[id] = None
                    continue
                for info in made:
                    kind = await self._sources.link_of(id, info)
                    self.keep(await self._sources.node_of(info))
                    self.links[LineageLink(before=id, after=info.id, kind=kind)] = None
                    if kind is not LinkKind.ORDER and info.id not in seen:
                        seen.add(info.id)
                        below.append(info.id)
                for record in tasks:
                    task = _task(record)
                    self.keep(task)
                    self.links[LineageLink(before=id, after=task.id, kind=LinkKind.DATA)] = None
            level, depth = below, depth + 1

    def _link(self, root: LineageNode, after: str, kind: LinkKind) -> None:
        self.keep(root)
        self.links[LineageLink(before=root.id, after=after, kind=kind)] = None

    def _note_copies(self, id: str, reached: "_Reached") -> None:
        runs = reached.holders(id)
        if runs:
            self.nodes[id] = self.nodes[id].model_copy(update={"also_in": runs})


class _Reached:
    """What the runs that were looked at have made from what."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._seen: set[str] = set()
        self._looked_around: set[str] = set()
        self._made: dict[str, list[ArtifactInfo]] = {}
        self._ended: dict[str, list[ExecutionRecord]] = {}
        self._holders: dict[str, list[str]] = {}

    async def look_around(self, id: str) -> None:
        """Take in the run that made an artifact, and those in which outcomes of that run stand for tasks."""
        run_id = id.partition("~")[0]
        if run_id in self._looked_around:
            return
        self._looked_around.add(run_id)
        for other in (run_id, *await self._sources.store.list_reusers(run_id)):
            if other not in self._seen:
                self._seen.add(other)
                await self._look_into(other)

    async def _look_into(self, run_id: str) -> None:
        for info in await self._sources.artifacts_of(run_id):
            for id in info.lineage.derived_from:
                self._made.setdefault(id, []).append(info)
        try:
            records = final_records(await self._sources.store.list_records(run_id))
        except DamagedDataError as error:
            self._sources.note(f"run {run_id}", error.message, error.fix)
            return
        for record in records.values():
            for id in record.output_artifacts:
                if not id.startswith(f"{run_id}~"):
                    self._holders.setdefault(id, []).append(run_id)
            if not record.output_artifacts:
                for id in record.input_artifacts:
                    self._ended.setdefault(id, []).append(record)

    def made_from(self, id: str) -> list[ArtifactInfo]:
        """The artifacts that an artifact was given to the making of."""
        return self._made.get(id, [])

    def ended_with(self, id: str) -> list[ExecutionRecord]:
        """The tasks that were given an artifact and made none."""
        return self._ended.get(id, [])

    def holders(self, id: str) -> tuple[str, ...]:
        """The runs that took an artifact over."""
        return tuple(self._holders.get(id, ()))


def _task(record: ExecutionRecord) -> LineageNode:
    return LineageNode(
        id=f"{record.run_id}~{record.task}",
        kind=LineageKind.TASK,
        name=record.task,
        run_id=record.run_id,
        task=record.task,
        agent=record.agent,
        attempt=record.attempt,
        status=record.status,
    )
