"""Chain of 1,000 nodes: the cost of a node beside its limit and its peers, at both durabilities."""

from benchmarks import workloads
from benchmarks.bench import Taken
from benchmarks.commands import limit, peer_chain, published, run
from benchmarks.harness import Command, Measured, measure
from benchmarks.report import Criterion, Row, ratio

NODES = 1000
_PEERS = {"langgraph": "LangGraph, SqliteSaver", "burr": "Burr, SQLitePersister"}
_VARIANTS = (
    ("langgraph", "langgraph", ""),
    ("langgraph normal", "langgraph", "NORMAL"),
    ("burr", "burr", ""),
    ("burr normal", "burr", "NORMAL"),
)


def chain(rounds: int) -> Taken:
    """Both rows come from the same rounds."""
    contest: dict[str, Command] = {}
    for durability, synchronous in (("normal", "NORMAL"), ("full", "FULL")):
        for nodes in (NODES, 1):
            contest[f"binex {durability} {nodes}"] = run(workloads.chain(nodes), durability)
        for nodes in (NODES, 1):
            contest[f"limit {durability} {nodes}"] = limit(nodes, synchronous)
    for nodes in (NODES, 1):
        contest[f"binex async {nodes}"] = run(workloads.chain(nodes, "step_async"), "normal")
    for nodes in (NODES, 1):
        folder = workloads.published_chain(nodes).parent
        contest[f"binex-0.8.1 {nodes}"] = published(folder, "run", "flow.yaml")
    for name, peer, synchronous in _VARIANTS:
        for nodes in (NODES, 1):
            contest[f"{name} {nodes}"] = peer_chain(peer, nodes, synchronous)
    measured = measure(contest, rounds)
    return Taken([_normal(measured), _full(measured)], measured)


def _normal(measured: Measured) -> Row:
    ours = _per_node(measured, "binex normal")
    compared = [("binex-0.8.1", "0.8.1", 8.0), ("langgraph", "LangGraph", 6.0), ("burr", "Burr", 4.0)]
    criteria = [Criterion("over the limit", ratio(ours, _per_node(measured, "limit normal")), 2, "times")]
    for name, title, times in compared:
        less = ratio(_per_node(measured, name), ours)
        criteria.append(Criterion(f"less than {title}", less, times, "times", at_least=True))
    return Row(
        name="chain-normal",
        work="chain of 1,000 `local://` nodes, `normal`",
        target=(
            "≤ 2 times the limit per node; ≥ 8 times less than 0.8.1, ≥ 6 times less than LangGraph, "
            "≥ 4 times less than Burr"
        ),
        ours=[_text(measured, "binex normal", "plain functions"), _text(measured, "binex async", "async functions")],
        beside=[
            _text(measured, "limit normal", "limit"),
            _text(measured, "binex-0.8.1", "binex 0.8.1"),
            *(_text(measured, peer, f"{title}, its default") for peer, title in _PEERS.items()),
            *(_text(measured, f"{peer} normal", f"{title}, WAL and `NORMAL`") for peer, title in _PEERS.items()),
        ],
        criteria=criteria,
        profile=run(workloads.chain(NODES), "normal"),
    )


def _full(measured: Measured) -> Row:
    ours = _per_node(measured, "binex full")
    return Row(
        name="chain-full",
        work="the same, `full`",
        target="≤ 2 times the limit; less than LangGraph at its default",
        ours=[_text(measured, "binex full", "plain functions")],
        beside=[
            _text(measured, "limit full", "limit"),
            *(_text(measured, peer, f"{title}, its default") for peer, title in _PEERS.items()),
        ],
        criteria=[
            Criterion("over the limit", ratio(ours, _per_node(measured, "limit full")), 2, "times"),
            Criterion("of LangGraph", ratio(ours, _per_node(measured, "langgraph")), 1, "times"),
        ],
        profile=run(workloads.chain(NODES), "full"),
    )


def _per_node(measured: Measured, name: str) -> float | None:
    slope = measured.slope(f"{name} {NODES}", f"{name} 1", NODES - 1)
    return slope.median if slope else None


def _text(measured: Measured, name: str, title: str) -> str:
    slope = measured.slope(f"{name} {NODES}", f"{name} 1", NODES - 1)
    whole = measured.spread(f"{name} {NODES}")
    cpu = measured.slope(f"{name} {NODES}", f"{name} 1", NODES - 1, "cpu_seconds")
    if slope is None or whole is None or cpu is None:
        return f"{title}: not measured"
    return f"{title}: {slope.text(1e3, 'ms a node')}, CPU {cpu.text(1e3, 'ms')}, whole process {whole.text(1, 's')}"
