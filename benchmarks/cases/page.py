"""The page: how large it is, how fast runs are seen on it, what following costs, how soon it shows what happens."""

import json
from functools import partial
from pathlib import Path

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import run, scratch
from benchmarks.harness import HERE, Command, Measured, measure, run_once
from benchmarks.report import Criterion, Row
from benchmarks.venvs import REPOSITORY, our_program, program_with_page

_RUNS = 10_000
_BUILT = REPOSITORY / "src" / "binex" / "server" / "static"
_SHAPES = {
    "layers": "40 layers with random edges",
    "fans": "four fans of alike nodes",
    "chain": "one chain",
}


def page(rounds: int) -> Taken:
    """Fill the stores once, then look at them with Chromium, each time in a new one."""
    library, one = workloads.articles(), workloads.articles("articles-once")
    large = {
        "layers": workloads.layered(2000, 5),
        "fans": workloads.fans(2000),
        "chain": workloads.echoes(2000, 2000),
    }
    contest = {
        "size": _looked("size", _BUILT),
        "view": _looked("view", library.parent),
        "view of one": _looked("view", one.parent),
        **{shape: _looked("graph", flow.parent, shape) for shape, flow in large.items()},
        "following": _looked("following", scratch("page-following")),
        "tokens": _looked("tokens", scratch("page-tokens")),
        "saves": _looked("saves", scratch("page-saves")),
    }
    try:
        run_once(_filling(library, _RUNS))
        run_once(_filling(one, 1))
        for flow in large.values():
            run_once(run(flow, "normal"))
    except RuntimeError as error:
        measured = Measured({}, {"fill": str(error)})
    else:
        measured = measure(contest, rounds)
    rows = [
        _size(measured),
        _view(measured),
        _graph(measured),
        _following(measured),
        _tokens(measured),
        _saves(measured),
    ]
    return Taken(rows, measured)


def _size(measured: Measured) -> Row:
    return Row(
        name="page-size",
        work="the built page, gzipped",
        target="≤ 350 kB for the first view, ≤ 1.1 MB in all",
        ours=[
            _text(measured, "size", "first_kb", "kB, the list of runs"),
            _text(measured, "size", "run_kb", "kB, a run with its graph, without what lays it out"),
            _text(measured, "size", "all_kb", "kB, all of it"),
        ],
        beside=[],
        criteria=[
            _criterion("first view of a run", measured, "size", "run_kb", "kB", 350),
            _criterion("in all", measured, "size", "all_kb", "kB", 1100),
        ],
    )


def _view(measured: Measured) -> Row:
    return Row(
        name="page-view",
        work="10,000 runs of 10 tasks stored; from the address of the latest to its graph, timeline and summary",
        target="≤ 1 s",
        ours=[
            _text(measured, "view", "first_s", "s, the first view after the server has started"),
            _text(measured, "view", "again_s", "s, by another browser that has kept nothing"),
        ],
        beside=[
            _text(measured, "view of one", "first_s", "s, with one run stored, the first view"),
            _text(measured, "view of one", "again_s", "s, with one run stored, by another browser"),
        ],
        criteria=[_criterion("first view", measured, "view", "first_s", "s", 1)],
    )


def _graph(measured: Measured) -> Row:
    return Row(
        name="page-graph",
        work="a run of 2,000 nodes, from its address to its graph; and the graph drawn along with the mouse",
        target="folded and laid out in ≤ 3 s; ≤ 16 ms of script a frame",
        ours=[
            line
            for shape, says in _SHAPES.items()
            for line in (
                _text(measured, shape, "drawn_s", f"s, {says}"),
                _text(measured, shape, "script_ms", "ms of script a frame"),
                _text(measured, shape, "task_ms", "ms a frame with style, layout and painting"),
            )
        ],
        beside=[_text(measured, "view of one", "first_graph_s", "s, a graph of 10 nodes")],
        criteria=[
            criterion
            for shape, says in _SHAPES.items()
            for criterion in (
                _criterion(f"drawn, {says}", measured, shape, "drawn_s", "s", 3),
                _criterion(f"a frame, {says}", measured, shape, "script_ms", "ms", 16),
            )
        ],
    )


def _following(measured: Measured) -> Row:
    alone, followed = measured.values("following", "alone_s"), measured.values("following", "followed_s")
    slower = [100 * (after / before - 1) for before, after in zip(alone, followed, strict=True)]
    middle = sorted(slower)[len(slower) // 2] if slower else None
    return Row(
        name="page-following",
        work="2,500 tasks, about 500 a second, while ten pages in Chromium on the same machine follow the run",
        target="≤ 10 % slower than with none",
        ours=[
            _text(measured, "following", "followed_tasks_per_s", "tasks/s"),
            _text(measured, "following", "followed_cpu_ms", "ms of CPU of the server's process a task"),
        ],
        beside=[
            _text(measured, "following", "alone_tasks_per_s", "tasks/s with no page"),
            _text(measured, "following", "alone_cpu_ms", "ms of CPU a task with no page"),
            _text(measured, "following", "heard_tasks_per_s", "tasks/s with ten that only read what pages are told"),
        ],
        criteria=[Criterion("slower", middle, 10, "%")],
    )


def _tokens(measured: Measured) -> Row:
    return Row(
        name="page-tokens",
        work="words of a model, 20 a second, from when its server sends one until it stands on the page",
        target="≤ 100 ms",
        ours=[
            _text(measured, "tokens", "median_ms", "ms"),
            _text(measured, "tokens", "most_ms", "ms, 19 of 20 are faster"),
            _text(measured, "tokens", "slowest_ms", "ms, the slowest"),
        ],
        beside=[],
        criteria=[_criterion("19 of 20", measured, "tokens", "most_ms", "ms", 100)],
    )


def _saves(measured: Measured) -> Row:
    spans = [measured.spread("saves", figure) for figure in ("shown_s", "listed_s")]
    worst = max((span.median for span in spans if span), default=None)
    return Row(
        name="page-saves",
        work="a function saved under `binex dev`, until its new output is shown",
        target="≤ 0.5 s",
        ours=[
            _text(measured, "saves", "shown_s", "s in the terminal"),
            _text(measured, "saves", "listed_s", "s until the run stands on the page as completed"),
        ],
        beside=[],
        criteria=[Criterion("the later of both", worst, 0.5, "s")],
    )


def _looked(what: str, folder: Path, name: str = "") -> Command:
    result = scratch("page") / f"{what}-{name or folder.name}.json"
    argv = (program_with_page("python"), "-m", "benchmarks.page", what, str(folder), str(result))
    return Command(argv, REPOSITORY, probe=partial(_read, result))


def _read(result: Path) -> dict[str, float]:
    return dict(json.loads(result.read_text()))


def _filling(flow: Path, runs: int) -> Command:
    argv = (our_program("python"), str(HERE / "fill_store.py"), flow.name, ".binex", str(runs), "subject")
    return Command(argv, flow.parent, fresh=".binex")


def _text(measured: Measured, name: str, figure: str, unit: str) -> str:
    spread = measured.spread(name, figure)
    return spread.text(1, unit) if spread else f"{unit}: not measured"


def _criterion(says: str, measured: Measured, name: str, figure: str, unit: str, bound: float) -> Criterion:
    spread = measured.spread(name, figure)
    return Criterion(says, spread.median if spread else None, bound, unit)
