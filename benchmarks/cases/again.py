"""Running again: a replay beside the live run, the beginning of a fork, the key of a task."""

import json
from functools import partial
from pathlib import Path

from benchmarks.bench import Taken
from benchmarks.commands import scratch
from benchmarks.harness import Command, Measured, measure
from benchmarks.report import Criterion, Row
from benchmarks.venvs import REPOSITORY, our_program

_OURS = "binex"


def replay(rounds: int) -> Taken:
    """A replay of 1,000 nodes that each called a model once, beside the live run of them with the scripted model."""
    measured = measure({_OURS: _contestant("replay")}, rounds)
    row = Row(
        name="replay",
        work="replay of 1,000 nodes with one recorded model call each, `normal`; ten chains side by side",
        target="≥ 1,500 nodes/s, reading the workflow included",
        ours=[
            _text(measured, "replay_nodes_per_s", "nodes/s"),
            _text(measured, "replay_nodes_per_cpu_s", "nodes a second of CPU"),
        ],
        beside=[_text(measured, "live_nodes_per_s", "nodes/s, the run itself with the scripted model")],
        criteria=[_criterion("nodes a second", measured, "replay_nodes_per_s", "nodes/s", 1500, at_least=True)],
    )
    return Taken([row], measured)


def fork(rounds: int) -> Taken:
    """A fork from the middle of 10,000 nodes, up to the start of its first node."""
    measured = measure({_OURS: _contestant("fork")}, rounds)
    row = Row(
        name="fork",
        work="`--from` in the middle of 10,000 nodes (100 chains), until its first node starts",
        target="≤ 1 s",
        ours=[
            _text(measured, "first_s", "s"),
            _text(measured, "first_cpu_s", "s of CPU"),
        ],
        beside=[_text(measured, "whole_s", "s, the whole run"), "no peer forks a run"],
        criteria=[_criterion("first node", measured, "first_s", "s", 1)],
    )
    return Taken([row], measured)


def key(rounds: int) -> Taken:
    """The key of a task whose code was hashed before."""
    measured = measure({_OURS: _contestant("key")}, rounds)
    row = Row(
        name="key",
        work="the key of a task",
        target="≤ 100 µs",
        ours=[
            _text(measured, "text_us", "µs, 2 kB of text"),
            _text(measured, "text_with_secrets_us", "µs, the same with 10 secrets to be cut"),
            _text(measured, "several_with_secrets_us", "µs, five objects of 0.4 kB with 10 secrets"),
        ],
        beside=[_text(measured, "bare_us", "µs, `json.dumps` and SHA-256 of the 2 kB alone")],
        criteria=[
            _criterion("2 kB", measured, "text_us", "µs", 100),
            _criterion("2 kB with secrets", measured, "text_with_secrets_us", "µs", 100),
            _criterion("five objects with secrets", measured, "several_with_secrets_us", "µs", 100),
        ],
    )
    return Taken([row], measured)


def _contestant(what: str) -> Command:
    result = scratch("again") / f"{what}.json"
    argv = (our_program("python"), "-m", "benchmarks.again", what, str(result))
    return Command(argv, REPOSITORY, probe=partial(_read, result))


def _read(result: Path) -> dict[str, float]:
    return dict(json.loads(result.read_text()))


def _text(measured: Measured, figure: str, unit: str) -> str:
    spread = measured.spread(_OURS, figure)
    return spread.text(1, unit) if spread else f"{unit}: not measured"


def _criterion(
    says: str, measured: Measured, figure: str, unit: str, bound: float, *, at_least: bool = False
) -> Criterion:
    spread = measured.spread(_OURS, figure)
    return Criterion(says, spread.median if spread else None, bound, unit, at_least=at_least)
