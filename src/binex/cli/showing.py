"""One question about one run: asked of the store, and its answer on stdout, as text or as JSON."""

import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from pydantic import BaseModel

from binex.analysis.find import find_run
from binex.cli.printing import print_json
from binex.cli.reading import read
from binex.cli.render.look import Look
from binex.cli.streams import write_result
from binex.errors import DamagedDataError
from binex.models.run import Run
from binex.stores.run_store import RunStore

if TYPE_CHECKING:  # it takes long to import, and most questions do without
    from binex.analysis.tasks.values import Binds

_Answer = TypeVar("_Answer", bound=BaseModel)
_Answer_co = TypeVar("_Answer_co", bound=BaseModel, covariant=True)


class BoundQuestion(Protocol[_Answer_co]):
    """A question that needs the workflow of the run."""

    def __call__(self, store: RunStore, run: Run, bind: "Binds", /) -> Awaitable[_Answer_co]: ...


def show(
    run: str,
    directory: Path | None,
    question: Callable[[RunStore, Run], Awaitable[_Answer]],
    draw: Callable[[_Answer, Look], str],
    *,
    as_json: bool,
) -> int:
    """Print the answer to *question* about the run that *run* means, and return the exit code.

    An answer that names ``damage`` is printed, and the exit code says that there is some.
    """

    async def ask(store: RunStore) -> _Answer:
        return await question(store, await find_run(store, run))

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(draw(found, Look.of(sys.stdout)))
    return DamagedDataError.exit_code if getattr(found, "damage", ()) else code


def bound(question: BoundQuestion[_Answer]) -> Callable[[RunStore, Run], Awaitable[_Answer]]:
    """*question* with what reads the snapshots of workflows, which takes long to import."""

    async def ask(store: RunStore, run: Run) -> _Answer:
        from binex.loader import bind_source

        return await question(store, run, bind_source)

    return ask
