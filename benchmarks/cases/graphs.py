"""Graphs that are not chains: a fan-out, many that wait at once, random layers."""

from functools import partial

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import run
from benchmarks.harness import Measured, measure
from benchmarks.report import Criterion, Row, ratio
from benchmarks.timeline import run_seconds, tenths

CHAIN = 1000
ITEMS = 10_000
CONCURRENCY = 100


def fan_out(rounds: int) -> Taken:
    """1 → 10,000 → 1, beside the chain in the same rounds."""
    wide = workloads.fan_out(ITEMS, CONCURRENCY)
    contest = {}
    for durability in ("normal", "full"):
        contest[f"fan-out {durability}"] = run(wide, durability, partial(tenths, wide.parent, "each"))
        contest[f"chain {durability}"] = run(workloads.chain(CHAIN), durability)
        contest[f"one {durability}"] = run(workloads.chain(1), durability)
    measured = measure(contest, rounds)
    lines, beside, criteria = [], [], []
    for durability in ("normal", "full"):
        task = measured.slope(f"fan-out {durability}", f"one {durability}", ITEMS + 1)
        link = measured.slope(f"chain {durability}", f"one {durability}", CHAIN - 1)
        whole = measured.spread(f"fan-out {durability}")
        if task and link and whole:
            lines.append(f"`{durability}`: {task.text(1e3, 'ms a task')}, whole {whole.text(1, 's')}")
            beside.append(f"chain, `{durability}`: {link.text(1e3, 'ms a node')}")
        times = ratio(task.median if task else None, link.median if link else None)
        criteria.append(Criterion(f"of the chain, `{durability}`", times, 0.5, "times"))
        last = measured.spread(f"fan-out {durability}", "last_tenth")
        first = measured.spread(f"fan-out {durability}", "first_tenth")
        growth = ratio(last.median if last else None, first.median if first else None)
        criteria.append(Criterion(f"last tenth over first, `{durability}`", growth, 1.3, "times"))
        peak = measured.spread(f"fan-out {durability}", "peak_mb")
        criteria.append(Criterion(f"peak memory, `{durability}`", peak.median if peak else None, 150, "MB"))
    row = Row(
        name="fan-out",
        work=f"1 → 10,000 → 1 (`foreach`, plain functions, `concurrency: {CONCURRENCY}`)",
        target="≤ 0.5 times the chain's cost per node; the last tenth ≤ 1.3 times the first; peak memory ≤ 150 MB",
        ours=lines or ["not measured"],
        beside=beside,
        criteria=criteria,
        profile=run(wide, "normal"),
    )
    return Taken([row], measured)


def naps(rounds: int) -> Taken:
    """1,000 nodes that await 0.1 s at the same time."""
    flow = workloads.naps(1000, 0.1)
    contest = {
        f"naps {durability}": run(flow, durability, partial(run_seconds, flow.parent))
        for durability in ("normal", "full")
    }
    measured = measure(contest, rounds)
    lines, criteria = [], []
    for durability in ("normal", "full"):
        took = measured.spread(f"naps {durability}", "run_seconds")
        whole = measured.spread(f"naps {durability}")
        if took and whole:
            lines.append(f"`{durability}`: {took.text(1, 's')} for the run, whole process {whole.text(1, 's')}")
        criteria.append(Criterion(f"run, `{durability}`", took.median if took else None, 0.45, "s"))
    row = Row(
        name="naps",
        work="1,000 nodes that await 0.1 s, concurrency 1,000",
        target="≤ 0.45 s for the run (ideal 0.1 s)",
        ours=lines or ["not measured"],
        beside=[],
        criteria=criteria,
        profile=run(flow, "normal"),
    )
    return Taken([row], measured)


def layered(rounds: int) -> Taken:
    """Random layers, beside the chain in the same rounds."""
    flow = workloads.layered(1000, 5)
    contest = {
        "layered": run(flow, "normal"),
        "chain": run(workloads.chain(CHAIN), "normal"),
        "one": run(workloads.chain(1), "normal"),
    }
    measured = measure(contest, rounds)
    node = measured.slope("layered", "one", 999)
    link = measured.slope("chain", "one", CHAIN - 1)
    row = Row(
        name="layered",
        work="random layered graph, 1,000 nodes, 5 edges each, `normal`",
        target="≤ 1.0 times the chain per node",
        ours=[_whole(measured, "layered"), node.text(1e3, "ms a node") if node else "not measured"],
        beside=[f"chain: {link.text(1e3, 'ms a node')}" if link else "chain: not measured"],
        criteria=[
            Criterion("of the chain", ratio(node.median if node else None, link.median if link else None), 1, "times")
        ],
        profile=run(flow, "normal"),
    )
    return Taken([row], measured)


def _whole(measured: Measured, name: str) -> str:
    whole = measured.spread(name)
    return f"whole process {whole.text(1, 's')}" if whole else ""
