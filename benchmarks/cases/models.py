"""Calls of models: what a thousand at once cost, beside the library alone."""

import json
from functools import partial
from pathlib import Path

from benchmarks.bench import Taken
from benchmarks.commands import scratch
from benchmarks.harness import Command, Measured, measure
from benchmarks.report import Criterion, Row, ratio
from benchmarks.venvs import REPOSITORY, python_with_agents

CALLS = 1000
SECONDS = 1.0


def model_calls(rounds: int) -> Taken:
    """1,000 calls of 1 s at the same time, in one process, against a server in another."""
    python = python_with_agents()
    contest = {who: _contestant(python, who) for who in ("run", "backend", "bare", "bare-spread")}
    measured = measure(contest, rounds)
    wall, cpu = measured.spread("run", "wall"), measured.spread("run", "cpu")
    over, own = (wall.median - SECONDS if wall else None), (cpu.median if cpu else None)
    bare, spread = (measured.spread(who, "cpu") for who in ("bare", "bare-spread"))
    limit, stricter = bare.median if bare else None, spread.median if spread else None
    row = Row(
        name="model-calls",
        work=f"{CALLS:,} calls of a model at once, {SECONDS:g} s each, one process",
        target="1 s plus at most 1.3 times the CPU time of the bare library for the same calls",
        ours=[_cost(measured, "run", "a whole run"), _cost(measured, "backend", "its backend alone")],
        beside=[
            _cost(measured, "bare", "`pydantic_ai.direct`, its client with our limits"),
            _cost(measured, "bare-spread", "`pydantic_ai.direct` over our HTTP client"),
        ],
        criteria=[
            Criterion("time beyond 1 s, of the CPU of `direct` with its client", ratio(over, limit), 1.3, "times"),
            Criterion("time beyond 1 s, of the CPU of `direct` over our client", ratio(over, stricter), 1.3, "times"),
            Criterion("CPU, of `direct` over our client", ratio(own, stricter), 1.3, "times"),
        ],
    )
    return Taken([row], measured)


def _contestant(python: str, who: str) -> Command:
    result = scratch("model-calls") / f"{who}.json"
    options = ("--calls", str(CALLS), "--seconds", str(SECONDS), "--result", str(result))
    return Command((python, "-m", "benchmarks.model_calls", who, *options), REPOSITORY, probe=partial(_read, result))


def _read(result: Path) -> dict[str, float]:
    return dict(json.loads(result.read_text()))


def _cost(measured: Measured, who: str, title: str) -> str:
    wall, cpu = measured.spread(who, "wall"), measured.spread(who, "cpu")
    if not wall or not cpu:
        return f"{title}: not measured"
    return f"{title}: {wall.text(1, 's')}, CPU {cpu.text(1e3 / CALLS, 'ms a call')}"
