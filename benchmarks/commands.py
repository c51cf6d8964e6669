"""The commands that are measured: ours, the limit's and the peers'."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.harness import HERE, RESULTS, Command
from benchmarks.venvs import our_program, program_of, python_of

OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True"}
"""Spares the published release its waits for a price list on a machine without network."""


def run(flow: Path, durability: str, probe: Callable[[], Mapping[str, float]] | None = None) -> Command:
    """`binex run` of *flow* into a new store beside it."""
    argv = (our_program("binex"), "run", flow.name, "--quiet", "--dir", ".binex", "--durability", durability)
    return Command(argv, flow.parent, fresh=".binex", probe=probe)


def ours(folder: Path, *arguments: str) -> Command:
    """Any other command of ours."""
    return Command((our_program("binex"), *arguments), folder)


def published(folder: Path, *arguments: str) -> Command:
    """A command of the published release, with the chain's plug-in within reach."""
    env = OFFLINE | {"PYTHONPATH": str(HERE / "peers")}
    return Command((program_of("binex-0.8.1", "binex"), *arguments), folder, env, fresh=".binex")


def peer_chain(peer: str, nodes: int, synchronous: str = "") -> Command:
    """The chain in LangGraph or Burr; *synchronous* empty means everything at its default."""
    script = HERE / "peers" / f"{peer}_chain.py"
    argv = (python_of(peer), str(script), str(nodes), "chain.db", *filter(None, [synchronous]))
    return Command(argv, scratch(peer) / "store", fresh=".")


def limit(nodes: int, synchronous: str) -> Command:
    """The limit's chain."""
    script = str(HERE / "limit.py")
    options = ("--nodes", str(nodes), "--synchronous", synchronous, "--folder", "store")
    return Command((sys.executable, "-S", script, *options), scratch("limit"), fresh="store")


def bare_write(files: int, size: int, *, sync: bool) -> Command:
    """The same bytes, written without anything else."""
    script = str(HERE / "bare_write.py")
    options = ["--files", str(files), "--bytes", str(size), "--folder", "store", *(["--sync"] if sync else [])]
    return Command((sys.executable, "-S", script, *options), scratch("bare-write"), fresh="store")


def scratch(name: str) -> Path:
    """A folder to run in."""
    folder = RESULTS / "tmp" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder
