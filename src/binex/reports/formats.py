"""The formats that a run can be written in. A new one is one module and one line here."""

from collections.abc import Sequence
from importlib import import_module
from typing import IO, Final, NamedTuple, Protocol, cast

from pydantic import Field

from binex.analysis.artifacts import Damage
from binex.models.base import Model
from binex.models.run import Run
from binex.stores.run_store import RunStore


class Order(NamedTuple):
    """What is wanted besides the run."""

    rows: str = "attempts"
    """What a row of a table stands for: one of :data:`ROWS`."""
    with_content: bool = False
    """Whether spans have what was said in calls, and what tasks made."""
    notices: Sequence[str] = ()
    """What the store cannot read, as far as that is known; it grows while the store is read."""


class Written(Model):
    """What a file holds."""

    counts: dict[str, int] = Field(default_factory=dict)
    """How many there are of what, as in `{"tasks": 3}`."""
    damage: tuple[Damage, ...] = ()
    """What could not be read, and so is not in it; it is named there as well."""


class Writer(Protocol):
    """Writes one run; ``file`` is at its start, and can be read and sought.

    Raises:
        DamagedDataError: something cannot be read, and the format cannot do without.
    """

    async def __call__(self, store: RunStore, run: Run, file: IO[bytes], order: Order) -> Written: ...


class Format(NamedTuple):
    """One way of writing a run."""

    module: str
    """The module whose ``write`` is the writer; it is imported when it is needed."""
    suffix: str
    """How the name of the file ends."""
    is_readable: bool = False
    """Whether it is text that may stand on a terminal."""


ROWS: Final = ("attempts", "tasks", "calls", "artifacts")
"""What a row of a table can stand for."""

FORMATS: Final[dict[str, Format]] = {
    "run": Format("binex.reports.bundle", ".binex"),
    "json": Format("binex.reports.document", ".json", is_readable=True),
    "csv": Format("binex.reports.table", ".csv", is_readable=True),
    "html": Format("binex.reports.html.page", ".html"),
    "otel": Format("binex.reports.otel", ".otlp.json", is_readable=True),
}


def writer_of(format: str) -> Writer:
    """What writes a format of :data:`FORMATS`."""
    return cast("Writer", import_module(FORMATS[format].module).write)
