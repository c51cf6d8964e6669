"""A store with 1,000 runs of 10 nodes: how fast it answers and how much room it takes."""

from pathlib import Path

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import ours
from benchmarks.harness import HERE, Command, Measured, Spread, measure, run_once
from benchmarks.report import Criterion, Row
from benchmarks.venvs import our_program

RUNS, NODES = 1000, 10


def store(rounds: int) -> Taken:
    """Fill one store, then ask it."""
    flow = workloads.chain(NODES)
    fill = Command(
        (our_program("python"), str(HERE / "fill_store.py"), flow.name, ".binex", str(RUNS)),
        flow.parent,
        fresh=".binex",
    )
    try:
        filled = run_once(fill)
    except RuntimeError as error:
        measured = Measured({}, {"fill": str(error)})
    else:
        contest = {
            "runs": ours(flow.parent, "runs", "--dir", ".binex"),
            "trace": ours(flow.parent, "trace", "latest", "--dir", ".binex"),
        }
        measured = measure(contest, max(rounds, 7))
        measured.samples["store"] = [filled | _room(flow.parent / ".binex")]
    listed, traced = measured.spread("runs"), measured.spread("trace")
    room, blocks = measured.spread("store", "bytes"), measured.spread("store", "bytes_on_disk")
    row = Row(
        name="store",
        work="1,000 runs of 10 nodes stored",
        target="`runs`, `trace latest` ≤ 0.25 s; ≤ 2.5 kB a node in all",
        ours=[
            f"`runs` {listed.text(1, 's')}" if listed else "`runs`: not measured",
            f"`trace latest` {traced.text(1, 's')}" if traced else "`trace latest`: not measured",
            f"{_kilobytes(room)} kB a node, {_kilobytes(blocks)} kB in blocks of the disk"
            if room and blocks
            else "size: not measured",
        ],
        beside=[],
        criteria=[
            Criterion("`runs`", listed.median if listed else None, 0.25, "s"),
            Criterion("`trace latest`", traced.median if traced else None, 0.25, "s"),
            Criterion("a node", room.median / RUNS / NODES / 1e3 if room else None, 2.5, "kB"),
        ],
        profile=ours(flow.parent, "trace", "latest", "--dir", ".binex"),
    )
    return Taken([row], measured)


def _room(folder: Path) -> dict[str, float]:
    states = [file.stat() for file in folder.rglob("*") if file.is_file()]
    size, blocks = sum(state.st_size for state in states), sum(state.st_blocks for state in states)
    return {"bytes": size, "bytes_on_disk": blocks * 512}


def _kilobytes(spread: Spread) -> str:
    return f"{spread.median / RUNS / NODES / 1e3:.2f}"
