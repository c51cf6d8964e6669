"""The snapshot of a workflow that nobody wrote: the tasks of a trace, and what each depended on."""

import json
from collections.abc import Iterable, Iterator
from io import StringIO
from typing import Final

from pydantic import JsonValue

from binex.models.names import is_name
from binex.models.workflow_source import WorkflowSource
from binex.telemetry.foreign.kinds import Cut
from binex.telemetry.foreign.plan import PlannedTask
from binex.telemetry.foreign.span import as_text
from binex.telemetry.foreign.spool import Spool

FILE: Final = "<trace>"
"""Where the workflow of such a run lies: nowhere."""
OUTPUT: Final = "output"
"""What a task makes, where nobody says what that is called."""
_SHOWN_INPUT: Final = 16_384
"""How much of what a task was given stands in the snapshot, in characters."""
_SHOWN_INPUTS: Final = 4 << 20
"""How much of that altogether."""


class Snapshot:
    """Is told of the tasks one by one, and keeps the text of the node of each on disk."""

    def __init__(self, spool: Spool, cut: Cut) -> None:
        self._spool = spool
        self._cut = cut
        self._nodes: dict[str, int] = {}
        self._room = _SHOWN_INPUTS

    def tell(self, task: PlannedTask, agent: str, outputs: Iterable[str], given: JsonValue) -> None:
        """A task was done by *agent* and made *outputs*; *given* is its input."""
        known = self._nodes.get(task.node_id)
        node: dict[str, JsonValue] = {"agent": agent}
        if known is not None:  # another item of it
            node = json.loads(self._spool.read(known))
        before = node.get("depends_on")
        upstream = {one.node_id for one in task.needs if one.node_id != task.node_id}
        upstream |= {str(name) for name in before} if isinstance(before, list) else set()
        if upstream:
            node["depends_on"] = [*sorted(upstream)]
        made = [*outputs]
        if any(output != OUTPUT for output in made):
            node["outputs"] = [*made]
        if given is not None and self._room > 0:
            shown = self._cut(as_text(given))[:_SHOWN_INPUT]
            self._room -= len(shown)
            node["inputs"] = {"input": shown.replace("${", "$${")}
        self._nodes[task.node_id] = self._spool.add(json.dumps(node).encode())

    def source(self, name: str, description: str, variables: Iterable[str]) -> WorkflowSource:
        """The whole of it."""
        head: dict[str, JsonValue] = {"name": name, "description": description}
        declared = [name for name in variables if is_name(name)]
        if declared:
            head["inputs"] = {name: {} for name in declared}
        text = StringIO()
        text.writelines(self._text(json.dumps(head, indent=1)))
        return WorkflowSource(file=FILE, folder="", text=text.getvalue())

    def _text(self, head: str) -> Iterator[str]:
        """A node a line."""
        yield head.removesuffix("\n}")
        yield ',\n "nodes": {'
        comma = "\n"
        for node_id, place in self._nodes.items():
            yield f"{comma}  {json.dumps(node_id)}: {self._spool.read(place).decode()}"
            comma = ",\n"
        yield "\n }\n}"
