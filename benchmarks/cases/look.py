"""Finding out: how fast a store with 10,000 runs answers, and how fast large runs are compared and drawn."""

import shutil
import sys
from pathlib import Path

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import ours
from benchmarks.harness import HERE, Command, Measured, measure, run_once
from benchmarks.report import Criterion, Row
from benchmarks.venvs import our_program

_RUNS = 10_000
_MEMORY_MB = 120
_WORDS = "subject number 4321"
_ANSWERS = (
    # name, what is asked, its bound in seconds
    ("runs", "`runs`", 0.3),
    ("trace", "`trace latest`", 0.3),
    ("debug", "`debug latest`", 0.3),
    ("search", "`runs --text`", 0.5),
    ("diff", "`diff` of two runs of 1,000 tasks, of which 871 came out otherwise", 0.6),
    ("graph", "`trace --graph` of 2,000 nodes with 5 edges each", 1.0),
)


def look(rounds: int) -> Taken:
    """Fill the stores once, then ask them."""
    library = workloads.articles()
    large = workloads.layered(1000, 5, start="${user.start}")
    drawn = workloads.layered(2000, 5)
    contest = {
        "runs": _asked(library, "runs"),
        "trace": _asked(library, "trace", "latest"),
        "debug": _asked(library, "debug", "latest"),
        "search": _asked(library, "runs", "--text", _WORDS),
        "diff": _asked(large, "diff", "latest~1", "latest"),
        "graph": _asked(drawn, "trace", "latest", "--graph"),
        "grep": Command((_grep(), "-rlF", "number 4321:", ".binex/artifacts"), library.parent),
        "imports": Command((our_program("python"), "-c", "import asyncio, click, pydantic, sqlite3"), library.parent),
    }
    try:
        run_once(_filling(library, _RUNS, "subject"))
        for start in ("1", "2"):
            run_once(_run(large, start))
        run_once(_run(drawn, ""))
        # The first search indexes what is there.
        first = run_once(contest["search"])
    except RuntimeError as error:
        measured = Measured({}, {"fill": str(error)})
    else:
        measured = measure(contest, max(rounds, 7))
        measured.samples["first search"] = [first]
    return Taken([_row(measured)], measured)


def _row(measured: Measured) -> Row:
    texts, criteria = [], []
    for name, says, bound in _ANSWERS:
        spread, memory = measured.spread(name), measured.spread(name, "peak_mb")
        texts.append(f"{says} {spread.text(1, 's')}" if spread else f"{says}: not measured")
        criteria.append(Criterion(says, spread.median if spread else None, bound, "s"))
        criteria.append(Criterion(f"{says}, memory", memory.median if memory else None, _MEMORY_MB, "MB"))
    first, grep, imports = (measured.spread(name) for name in ("first search", "grep", "imports"))
    texts.append(
        f"the first search, which indexes: {first.text(1, 's')}" if first else "the first search: not measured"
    )
    return Row(
        name="look",
        work="10,000 runs of 10 tasks stored; and large runs, whole processes",
        target="`runs`, `trace`, `debug` ≤ 0.3 s; search ≤ 0.5 s; `diff` ≤ 0.6 s; `--graph` ≤ 1 s; ≤ 120 MB everywhere",
        ours=texts,
        beside=[
            f"`grep -rlF` through the same artifacts: {grep.text(1, 's')}" if grep else "grep: not measured",
            f"only the imports (asyncio, click, pydantic, sqlite3): {imports.text(1, 's')}" if imports else "",
        ],
        criteria=criteria,
        profile=ours(workloads.articles().parent, "runs", "--dir", ".binex"),
    )


def _asked(flow: Path, *arguments: str) -> Command:
    return ours(flow.parent, *arguments, "--dir", ".binex")


def _run(flow: Path, start: str) -> Command:
    given = ("--var", f"start={start}") if start else ()
    return ours(flow.parent, "run", flow.name, "--quiet", "--durability", "normal", "--dir", ".binex", *given)


def _filling(flow: Path, runs: int, variable: str) -> Command:
    argv = (our_program("python"), str(HERE / "fill_store.py"), flow.name, ".binex", str(runs), variable)
    return Command(argv, flow.parent, fresh=".binex")


def _grep() -> str:
    found = shutil.which("grep")
    if found is None:
        print("  grep is not installed", file=sys.stderr)
    return found or "grep"
