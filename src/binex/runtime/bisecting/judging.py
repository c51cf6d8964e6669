"""A judge that somebody has written: a function of the project, called as local functions are."""

import inspect
import os
from collections.abc import Sequence
from typing import Final

from pydantic import JsonValue

from binex.adapters.local_call import Handler, load
from binex.adapters.local_finding import SCHEME, LocalName
from binex.adapters.local_source import Sources
from binex.adapters.threads import Threads
from binex.analysis.bisection.judge import Judged, read_targets, shown
from binex.errors import InputError
from binex.models.run import Run
from binex.stores.run_store import RunStore

PASSES_FROM: Final = 0.5
"""A function that answers with a number says that a run passes from here on."""


class FunctionJudge:
    """A run passes if a function says so of what the nodes have made.

    It is given the output itself where one node with one output is judged; otherwise a dict by the names of the nodes,
    or of the outputs. Its answer is a bool, or a number from 0 to 1.
    """

    def __init__(self, name: str, handler: Handler, nodes: Sequence[str]) -> None:
        self._name = name
        self._handler = handler
        self._nodes = nodes
        self._threads = Threads(1)

    @classmethod
    async def find(cls, name: str, folder: str, nodes: Sequence[str]) -> "FunctionJudge":
        """The function called *name*, looked for in *folder* first.

        Raises:
            InputError: there is none, or it does not take one argument.
        """
        wanted = LocalName.of(SCHEME + name.removeprefix(SCHEME))
        if not wanted.module:
            raise InputError(f"--by {name:.80}: this names no function", fix="write --by module.function")
        found = await Threads(1).run("judge", load, wanted, _absolute(folder), Sources())
        if not isinstance(found, Handler):
            raise InputError(f"--by {name:.80}: {found.message}", fix=found.fix)
        required = len(found.parameters.required) if found.parameters is not None else 1
        most = len(found.parameters.names) if found.parameters is not None else 1
        if required > 1 or most < 1:
            raise InputError(
                f"--by {name:.80}: it must take what is judged as its only argument", fix="def judge(output) -> bool"
            )
        return cls(name, found, nodes)

    @property
    def text(self) -> str:
        """The name of the function."""
        return self._name

    async def judge(self, store: RunStore, run: Run) -> Judged:
        """Call the function; one that fails is no answer.

        Raises:
            InputError: it raised, or answered with something else.
        """
        targets = await read_targets(store, run, self._nodes)
        if targets.missing:
            return Judged(False, targets.missing)
        by_node: dict[str, JsonValue] = {}
        for node, sample in targets.samples.items():
            values = list(sample.outputs.values())
            by_node[node] = values[0] if len(values) == 1 else dict(sample.outputs) or None
        given = by_node[self._nodes[0]] if len(self._nodes) == 1 else by_node
        answer = await self._ask(given)
        number = f", which it gives {answer:g}" if not isinstance(answer, bool) else ""
        return Judged(answer >= PASSES_FROM, shown(targets) + number)

    async def _ask(self, given: JsonValue) -> float:
        try:
            answer = await self._threads.run("judge", self._handler.function, given)
            if inspect.isawaitable(answer):
                answer = await answer
        except Exception as error:
            raise InputError(f"--by {self._name} raised {type(error).__name__}: {error}") from error
        if isinstance(answer, int | float) and 0 <= answer <= 1:
            return answer
        said = f"{answer:g}" if isinstance(answer, int | float) else f"a value of type {type(answer).__name__}"
        raise InputError(f"--by {self._name} answered with {said}", fix="return True or False, or a number from 0 to 1")


def _absolute(folder: str) -> str:
    return os.path.abspath(folder)  # noqa: PTH100 - links stay as they are
