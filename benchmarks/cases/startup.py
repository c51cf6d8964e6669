"""What every call costs: the version, one node, checking a file, what an installation brings."""

import importlib.metadata
import sys
from pathlib import Path

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import ours, published, run, scratch
from benchmarks.harness import Command, Measured, measure
from benchmarks.report import Criterion, Row
from benchmarks.venvs import REPOSITORY, create, our_program

_NOT_OURS = ("pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-precedence.pth")


def version(rounds: int) -> Taken:
    """`binex --version` over an interpreter that does nothing."""
    folder = scratch("version")
    contest = {
        "binex": ours(folder, "--version"),
        "python": Command((our_program("python"), "-c", "pass"), folder),
        "binex-0.8.1": published(folder, "--version"),
    }
    measured = measure(contest, max(rounds, 15))
    over = measured.slope("binex", "python", 1)
    row = Row(
        name="version",
        work="`binex --version`",
        target="≤ 80 ms over bare `python -c pass` (0.8.1: 0.8 s)",
        ours=[_time(measured, "binex", "whole process"), over.text(1e3, "ms over bare") if over else ""],
        beside=[_time(measured, "python", "`python -c pass`"), _time(measured, "binex-0.8.1", "0.8.1")],
        criteria=[Criterion("over bare", over.median * 1e3 if over else None, 80, "ms")],
        profile=contest["binex"],
    )
    return Taken([row], measured)


def one_node(rounds: int) -> Taken:
    """The smallest run there is."""
    flow = workloads.one_echo()
    contest = {"binex": run(flow, "full"), "binex-0.8.1": published(flow.parent, "run", flow.name)}
    measured = measure(contest, max(rounds, 7))
    whole, peak = measured.spread("binex"), measured.spread("binex", "peak_mb")
    row = Row(
        name="one-node",
        work="`binex run` of one local node, whole process",
        target="≤ 0.45 s, ≤ 60 MB (0.8.1: 4.2 s, 190 MB)",
        ours=[_time(measured, "binex", "`full`"), _peak(measured, "binex")],
        beside=[_time(measured, "binex-0.8.1", "0.8.1"), _peak(measured, "binex-0.8.1")],
        criteria=[
            Criterion("whole process", whole.median if whole else None, 0.45, "s"),
            Criterion("peak memory", peak.median if peak else None, 60, "MB"),
        ],
        profile=contest["binex"],
    )
    return Taken([row], measured)


def validate(rounds: int) -> Taken:
    """Checking a file of 1,000 and of 5,000 nodes."""
    contest = {
        f"binex {nodes}": ours(workloads.chain(nodes).parent, "validate", "flow.yaml") for nodes in (1, 1000, 5000)
    }
    contest["binex-0.8.1 1000"] = published(workloads.published_chain(1000).parent, "validate", "flow.yaml")
    measured = measure(contest, rounds)
    whole = measured.spread("binex 1000")
    small, large = measured.slope("binex 1000", "binex 1", 999), measured.slope("binex 5000", "binex 1", 4999)
    growth = large.median / small.median if small and large else None
    row = Row(
        name="validate",
        work="`binex validate` of 1,000 nodes",
        target="≤ 0.4 s; 5,000 nodes linear",
        ours=[_time(measured, f"binex {nodes}", f"{nodes:,} node{'s' * (nodes > 1)}") for nodes in (1000, 5000, 1)],
        beside=[_time(measured, "binex-0.8.1 1000", "0.8.1, 1,000 nodes")],
        criteria=[
            Criterion("1,000 nodes", whole.median if whole else None, 0.4, "s"),
            Criterion("cost of a node at 5,000 over that at 1,000", growth, 1.2, "times"),
        ],
        profile=contest["binex 1000"],
    )
    return Taken([row], measured)


def installation(_: int) -> Taken:
    """A new venv with the project and no extras: what came in, and how large it is with its byte code."""
    folder = scratch("installation") / "venv"
    fault = create(folder, (str(REPOSITORY),))
    measured = Measured({}, {"pip": fault} if fault else {})
    if fault is None:
        library = folder / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
        measured.samples["installation"] = [_contents(library)]
    brought, size = measured.spread("installation", "distributions"), measured.spread("installation", "mb")
    row = Row(
        name="installation",
        work="core installation",
        target="≤ 15 distributions, ≤ 30 MB",
        ours=[f"{brought.median:.0f} distributions, {size.median:.1f} MB"] if brought and size else ["not measured"],
        beside=[],
        criteria=[
            Criterion("distributions", brought.median if brought else None, 15, ""),
            Criterion("size", size.median if size else None, 30, "MB"),
        ],
    )
    return Taken([row], measured)


def _contents(library: Path) -> dict[str, float]:
    names = [found.metadata["Name"] for found in importlib.metadata.distributions(path=[str(library)])]
    files = [file for file in library.rglob("*") if file.is_file()]
    counted = [file for file in files if not file.relative_to(library).parts[0].startswith(_NOT_OURS)]
    size = sum(file.stat().st_size for file in counted)
    return {"distributions": len([name for name in names if name not in _NOT_OURS]), "mb": size / 1e6}


def _time(measured: Measured, name: str, title: str) -> str:
    spread = measured.spread(name)
    return f"{title}: {spread.text(1, 's')}" if spread else f"{title}: not measured"


def _peak(measured: Measured, name: str) -> str:
    spread = measured.spread(name, "peak_mb")
    return spread.text(1, "MB") if spread else ""
