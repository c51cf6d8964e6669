"""All that is known of one of two runs that are compared, before any content is read."""

from collections.abc import Iterable, Mapping, Sequence

from pydantic import JsonValue

from binex.analysis.differences.given import Given
from binex.analysis.differences.model import TaskSide
from binex.analysis.differences.snapshots import Bound, Snapshots
from binex.analysis.tasks.values import TaskValues, read_values
from binex.graph.dag import PlannedNode
from binex.graph.reference import Source
from binex.models.call import Spend
from binex.models.names import item_of, node_of
from binex.models.run import Run
from binex.models.task import ExecutionRecord, final_records
from binex.stores.run_store import RunStore


class RunSide:
    """The tasks of one run, and its workflow where that is asked for."""

    def __init__(self, store: RunStore, run: Run, records: Sequence[ExecutionRecord], snapshots: Snapshots) -> None:
        self.run = run
        self.given = Given(run.variables)
        self.final: Mapping[str, ExecutionRecord] = final_records(records)
        self.attempts: dict[str, list[ExecutionRecord]] = {}
        self.last: dict[str, ExecutionRecord] = {}
        self.made_by: dict[str, str] = {}
        """The task of this run whose output an artifact is; in the run that made it, it may have another name."""
        self.items: dict[str, list[str]] = {}
        """The items of each foreach, in their order."""
        self._store = store
        self._snapshots = snapshots
        self._lists: dict[str, list[JsonValue]] = {}
        self._latest: tuple[str, TaskValues | None] | None = None
        for record in records:
            self.attempts.setdefault(record.task, []).append(record)
            self.last[record.task] = record
        for path, record in self.final.items():
            self.made_by |= dict.fromkeys(record.output_artifacts, path)
        for path in self.last:
            if path != node_of(path):
                self.items.setdefault(node_of(path), []).append(path)
        for items in self.items.values():
            items.sort(key=lambda path: item_of(path) or 0)

    @classmethod
    async def of(cls, store: RunStore, run: Run, snapshots: Snapshots) -> "RunSide":
        """The side of *run*."""
        return cls(store, run, await store.list_records(run.id), snapshots)

    @property
    def paths(self) -> Iterable[str]:
        """Every task that has ended or was begun, in the order in which they ended."""
        return {**self.final, **self.last}

    def task(self, path: str) -> TaskSide:
        """How the task at *path* went."""
        attempts = self.attempts[path]
        final = self.final.get(path)
        record = final or self.last[path]
        spends = [attempt.spend for attempt in attempts if attempt.spend is not None and attempt.reused_from is None]
        spend = spends[0] if spends else None
        for other in spends[1:]:
            spend = (spend or Spend()).plus(other)
        return TaskSide(
            task=path,
            agent=record.agent,
            status=None if final is None else final.status,
            skip_reason=record.skip_reason,
            blocked_by=record.blocked_by,
            error=record.error,
            attempts=sum(attempt.attempt > 0 for attempt in attempts),
            duration_ms=sum(attempt.duration_ms for attempt in attempts if attempt.reused_from is None),
            spend=spend,
            reused_from=record.reused_from,
            is_edited=record.is_edited,
        )

    async def bound(self) -> Bound | None:
        """The workflow and its graph; None where it is damaged."""
        return await self._snapshots.bound(self.run)

    async def node(self, path: str) -> PlannedNode | None:
        """The node of a task, where the workflow is known and has it."""
        bound = await self.bound()
        return None if bound is None else bound[1].nodes.get(node_of(path))

    async def needed(self, path: str, *, is_by_plan: bool) -> list[str]:
        """The tasks whose outputs the one at *path* was given, and its items.

        With *is_by_plan* also those that the workflow names: what was skipped or joined was given nothing.
        """
        record = self.last.get(path)
        found = dict.fromkeys(self.items.get(path, ()))
        if record is not None:
            found |= {made: None for id in record.input_artifacts if (made := self.made_by.get(id)) is not None}
            if record.blocked_by is not None:
                found[record.blocked_by] = None
        if is_by_plan:
            node = await self.node(path)
            found |= dict.fromkeys(() if node is None else node.depends_on)
        return list(found)

    async def variables_in(self, path: str, text: str | None = None) -> set[str]:
        """The variables that the node of *path* uses; with *text*, those that stand in it, or in its item's list."""
        node = await self.node(path)
        if node is None:
            return set()
        references = [reference for reference in node.references if text is None or reference.text in text]
        if any(reference.source in (Source.ITEM, Source.INDEX) for reference in references) and node.foreach:
            references.append(node.foreach)
        return {reference.name for reference in references if reference.source is Source.USER}

    async def value(self, path: str, name: str) -> JsonValue:
        """What a part of the key of the task at *path* was made of; None where that is not known."""
        for variable in self.given.names(self.last[path].key_parts.get(name, "")):
            return self.run.variables[variable]
        values = await self._values(path)
        return None if values is None else values.value(name)

    async def _values(self, path: str) -> TaskValues | None:
        """What can be shown of the task, kept until another one is asked for."""
        if self._latest is None or self._latest[0] != path:
            bound = await self.bound()
            values = None
            if bound is not None:
                values = await read_values(self._store, self.run, path, self.last, lambda _: bound, self._lists)
            self._latest = (path, values)
        return self._latest[1]

    async def written(self, path: str, name: str) -> JsonValue:
        """What the workflow says for a part of the key, references still in it; None where it says nothing."""
        bound = await self.bound()
        node_id = node_of(path)
        if bound is None or node_id not in bound[0].nodes:
            return None
        spec, node = bound[0], bound[0].nodes[node_id]
        group, _, field = name.partition(".")
        said: JsonValue = None
        match group:
            case "prompt":
                said = spec.system_prompt_of(node_id)
            case "messages":
                said = spec.messages_of(node_id)
            case "config":
                said = node.config.get(field)
            case "inputs":
                said = (node.inputs or {}).get(field)
            case "mcp_servers" if field in spec.mcp_servers:
                said = spec.mcp_servers[field].model_dump(mode="json")
        return said
