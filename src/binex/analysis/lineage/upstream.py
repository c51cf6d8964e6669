"""Which tasks of a run had to settle before one of them could begin."""

from collections.abc import Iterable, Mapping, Sequence

from binex.analysis.artifacts import Damage
from binex.analysis.tasks.values import Binds
from binex.errors import BinexError
from binex.models.names import item_of, node_of, read_artifact_id
from binex.models.run import Run
from binex.models.task import ExecutionRecord
from binex.stores.run_store import RunStore


class Upstream:
    """The nodes that each node depends on."""

    def __init__(self, nodes: Mapping[str, Sequence[str]], damage: Iterable[Damage] = ()) -> None:
        self.damage = tuple(damage)
        self._nodes = nodes

    def of(self, path: str) -> Sequence[str]:
        """The nodes that had to settle before the task at *path* could begin."""
        return self._nodes.get(node_of(path), ())


async def read_upstream(store: RunStore, run: Run, records: Sequence[ExecutionRecord], bind: Binds) -> Upstream:
    """What depends on what in *run*: by its workflow, or by the artifacts that were given where that is damaged."""
    try:
        _, dag = bind(await store.get_source(run.workflow_hash))
        return Upstream({name: node.depends_on for name, node in dag.nodes.items()})
    except BinexError as error:
        return Upstream(_by_artifacts(records), [Damage(where="workflow", message=error.message, fix=error.fix)])


def _by_artifacts(records: Sequence[ExecutionRecord]) -> dict[str, tuple[str, ...]]:
    found: dict[str, dict[str, None]] = {}
    for record in records:
        of_node = found.setdefault(node_of(record.task), {})
        for id in record.input_artifacts:
            of_node[node_of(read_artifact_id(id).task)] = None
        if record.blocked_by is not None and item_of(record.task) is None:
            of_node[record.blocked_by] = None
    return {node: tuple(before) for node, before in found.items()}
