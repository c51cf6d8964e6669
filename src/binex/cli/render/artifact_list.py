"""The artifacts of a run."""

from collections.abc import Collection, Sequence

from binex.analysis.artifacts import ArtifactList, RunArtifact
from binex.cli.render.damage import damage_lines
from binex.cli.render.look import Look
from binex.cli.render.run_head import run_head
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.units import count, size
from binex.models.names import item_of, node_of

COLUMNS = (
    Column("ARTIFACT", least=12),
    Column("SIZE", is_right=True),
    Column("AGENT", least=10, weight=1),
    Column("SHA-256", weight=2),
    Column("MADE", least=8, weight=3),
)


def artifact_list(found: ArtifactList, look: Look, *, with_items: bool = False) -> str:
    """One line an artifact, in the order in which they were made; then what is damaged.

    Without *with_items* those of a foreach's items are left out where its node has joined them.
    """
    parts = [run_head(found.run, look)]
    if found.artifacts:
        nodes = {artifact.path for artifact in found.artifacts}
        joined = {path for path in nodes if item_of(path) is not None and node_of(path) in nodes}
        damaged = {damage.where for damage in found.damage}
        shown = [artifact for artifact in found.artifacts if with_items or artifact.path not in joined]
        parts.append(_table(shown, damaged, look))
        if joined and not with_items:
            parts[-1] += "\n" + look.paint(f"and those of {count(len(joined), 'item')}: --items", "faint")
    else:
        parts.append("no artifacts")
    if found.damage:
        parts.append("\n".join(damage_lines(found.damage, look)))
    return "\n\n".join(parts)


def cells_of(artifact: RunArtifact, *, is_damaged: bool) -> list[Cell]:
    """What stands of an artifact under `COLUMNS`."""
    return [
        Cell(artifact.name, "bad" if is_damaged else "plain"),
        Cell(size(artifact.size)),
        Cell(artifact.lineage.agent, "faint"),
        Cell(artifact.sha256[:12], "faint"),
        Cell(_origin_of(artifact), "faint"),
    ]


def _origin_of(artifact: RunArtifact) -> str:
    """``from run 1k3x``, ``edited``; nothing for what a task of this run has made."""
    edited = "edited" if artifact.lineage.edited else ""
    if artifact.taken_from is None:
        return edited
    name = f"{artifact.task}.{artifact.output}"
    made_as = "" if artifact.task == artifact.path else f", {name} there"
    return f"{edited} in run {artifact.taken_from}{made_as}" if edited else f"from run {artifact.taken_from}{made_as}"


def _table(artifacts: Sequence[RunArtifact], damaged: Collection[str], look: Look) -> str:
    rows = [cells_of(artifact, is_damaged=artifact.name in damaged) for artifact in artifacts]
    is_any_special = any(_origin_of(artifact) for artifact in artifacts)
    return table(COLUMNS if is_any_special else COLUMNS[:-1], rows, look)
