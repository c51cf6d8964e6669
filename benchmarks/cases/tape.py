"""The tape: what it adds to a request over HTTP, beside the bare client in the same process."""

import json
from functools import partial
from pathlib import Path

from benchmarks.bench import Taken
from benchmarks.commands import scratch
from benchmarks.harness import HERE, Command, Measured, measure
from benchmarks.report import Criterion, Row
from benchmarks.venvs import REPOSITORY, python_with_agents

WHO = "httpx"


def tape(rounds: int) -> Taken:
    """Requests with httpx to a server in another process, bare and taped in turn: single answers, and streams."""
    result = scratch("tape") / "figures.json"
    argv = (python_with_agents(), str(HERE / "tape_overhead.py"), str(result))
    measured = measure({WHO: Command(argv, REPOSITORY, probe=partial(_read, result))}, rounds)
    row = Row(
        name="tape",
        work="tape overhead: httpx, bare and taped in turn; answers of 0.7 kB, streams of 1,000 chunks",
        target="≤ 0.3 ms a call that is not streamed, ≤ 5 µs a chunk of a stream",
        ours=[_cost(measured, "call_ms", "ms more a call"), _cost(measured, "chunk_us", "µs more a chunk")],
        beside=[
            _cost(measured, "bare_call_ms", "ms a call, bare httpx"),
            _cost(measured, "bare_chunk_us", "µs a chunk, bare httpx"),
        ],
        criteria=[
            Criterion("a call", _median(measured, "call_ms"), 0.3, "ms"),
            Criterion("a chunk", _median(measured, "chunk_us"), 5, "µs"),
        ],
    )
    return Taken([row], measured)


def _read(result: Path) -> dict[str, float]:
    return dict(json.loads(result.read_text()))


def _median(measured: Measured, figure: str) -> float | None:
    spread = measured.spread(WHO, figure)
    return spread.median if spread else None


def _cost(measured: Measured, figure: str, unit: str) -> str:
    spread = measured.spread(WHO, figure)
    return spread.text(1, unit) if spread else f"{unit}: not measured"
