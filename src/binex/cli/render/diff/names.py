"""Names of tasks in a row, the items of a foreach folded into one."""

from collections.abc import Iterable
from typing import Final

from binex.analysis.differences.model import BEFORE
from binex.cli.render.text import escape
from binex.cli.render.units import count
from binex.models.names import node_of

_ITEMS: Final = 2
"""So many items of a node are named."""


def folded(tasks: Iterable[str], shown: int = 8) -> str:
    """``plan, each (37 items), write and 3 more``."""
    nodes: dict[str, list[str]] = {}
    for path in tasks:
        nodes.setdefault(node_of(path.removesuffix(BEFORE)), []).append(path)
    names: list[str] = []
    for node, paths in nodes.items():
        items = [path for path in paths if path != node]
        if len(items) > _ITEMS:
            names.append(f"{escape(node)} ({count(len(items), 'item')})")
        else:
            names += [escape(path) for path in paths if path != node or not items]
    more = f" and {len(names) - shown:,} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more
