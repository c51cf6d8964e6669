"""Chain of 100 that passes 1 MB on, beside the bare write of the same bytes."""

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import bare_write, run
from benchmarks.harness import measure
from benchmarks.report import Criterion, Row, ratio

NODES = 100
SIZE = 1_000_000


def texts(rounds: int) -> Taken:
    """The whole cost of the 100 nodes, start-up taken off, at both durabilities."""
    flow = workloads.chain_of_texts(NODES, SIZE)
    contest = {}
    for durability in ("normal", "full"):
        contest[f"binex {durability}"] = run(flow, durability)
        contest[f"one {durability}"] = run(workloads.chain_of_texts(1, 2), durability)
        contest[f"bare {durability}"] = bare_write(NODES, SIZE, sync=durability == "full")
        contest[f"none {durability}"] = bare_write(0, SIZE, sync=durability == "full")
    measured = measure(contest, rounds)
    lines, beside, criteria = [], [], []
    for durability in ("normal", "full"):
        ours = measured.slope(f"binex {durability}", f"one {durability}", NODES)
        bare = measured.slope(f"bare {durability}", f"none {durability}", NODES)
        if ours:
            lines.append(f"`{durability}`: {ours.text(1e3, 'ms a node')}")
        if bare:
            beside.append(f"bare write, `{durability}`: {bare.text(1e3, 'ms a file')}")
        times = ratio(ours.median if ours else None, bare.median if bare else None)
        criteria.append(Criterion(f"of the bare write, `{durability}`", times, 2, "times"))
    row = Row(
        name="texts",
        work="chain of 100 passing 1 MB",
        target="≤ 2 times the bare write of the bytes",
        ours=lines or ["not measured"],
        beside=beside,
        criteria=criteria,
        profile=run(flow, "full"),
    )
    return Taken([row], measured)
