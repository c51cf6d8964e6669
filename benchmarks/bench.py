"""What a benchmark is given and what it gives back."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.harness import Measured
from benchmarks.report import Row


@dataclass(frozen=True)
class Taken:
    """The rows of one benchmark and the samples that they rest on."""

    rows: list[Row]
    measured: Measured


Case = Callable[[int], Taken]
"""Takes the number of rounds."""
