"""The artifacts of a run."""

from binex.analysis.artifacts import ArtifactList
from binex.analysis.find import name_of
from binex.cli.render.look import Look
from binex.cli.render.run_head import run_head
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import escape
from binex.cli.render.units import count, size
from binex.models.names import item_of, node_of

_COLUMNS = (
    Column("ARTIFACT", least=12),
    Column("SIZE", is_right=True),
    Column("AGENT", least=10, weight=1),
    Column("SHA-256", weight=2),
)


def artifact_list(found: ArtifactList, look: Look, *, with_items: bool = False) -> str:
    """One line an artifact, in the order in which they were made; then what is damaged.

    Without *with_items* those of a foreach's items are left out where its node has joined them.
    """
    parts = [run_head(found.run, look)]
    if found.artifacts:
        nodes = {info.task for info in found.artifacts}
        joined = {
            info.task for info in found.artifacts if node_of(info.task) in nodes and item_of(info.task) is not None
        }
        damaged = {damage.where for damage in found.damage}
        rows = [
            [
                Cell(name_of(info), "bad" if name_of(info) in damaged else "plain"),
                Cell(size(info.size)),
                Cell(info.lineage.agent, "faint"),
                Cell(info.sha256[:12], "faint"),
            ]
            for info in found.artifacts
            if with_items or info.task not in joined
        ]
        parts.append(table(_COLUMNS, rows, look))
        if joined and not with_items:
            parts[-1] += "\n" + look.paint(f"and those of {count(len(joined), 'item')}: --items", "faint")
    else:
        parts.append("no artifacts")
    if found.damage:
        parts.append("\n".join(f"{look.paint('damaged:', 'bad')} {escape(d.message)}" for d in found.damage))
    return "\n\n".join(parts)
