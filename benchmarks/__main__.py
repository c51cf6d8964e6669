"""python -m benchmarks [name ...] [--runs 5]: measure, and write the table into benchmarks/README.md."""

import argparse
import shutil
import sys

from benchmarks.about import about
from benchmarks.bench import Case
from benchmarks.cases.again import fork, key, replay
from benchmarks.cases.chain import chain
from benchmarks.cases.graphs import fan_out, layered, naps
from benchmarks.cases.look import look
from benchmarks.cases.models import model_calls
from benchmarks.cases.page import page
from benchmarks.cases.startup import installation, one_node, validate, version
from benchmarks.cases.store import store
from benchmarks.cases.tape import tape
from benchmarks.cases.texts import texts
from benchmarks.harness import RESULTS
from benchmarks.profiles import profile_of
from benchmarks.report import README, Finished, render, write_readme
from benchmarks.venvs import ours

CASES: dict[str, Case] = {
    "chain": chain,
    "fan-out": fan_out,
    "naps": naps,
    "layered": layered,
    "texts": texts,
    "version": version,
    "one-node": one_node,
    "validate": validate,
    "store": store,
    "installation": installation,
    "model-calls": model_calls,
    "tape": tape,
    "replay": replay,
    "fork": fork,
    "key": key,
    "look": look,
    "page": page,
}
ENOUGH = 5
_OF_SEVERAL = {
    "chain": ["chain-normal", "chain-full"],
    "page": ["page-size", "page-view", "page-graph", "page-following", "page-tokens", "page-saves"],
}
"""The rows of cases that have more than one, or one of another name."""
ROWS = [row for case in CASES for row in _OF_SEVERAL.get(case, [case])]


def main() -> None:
    """Run the chosen benchmarks; the table keeps the latest result of the others."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(CASES)}; all if none is named")
    parser.add_argument(
        "--runs", type=int, default=5, help="rounds, after one to warm up (default 5, fewer for a trial)"
    )
    options = parser.parse_args()
    if unknown := [name for name in options.names if name not in CASES]:
        parser.error(f"no benchmark named {', '.join(unknown)}; there are {', '.join(CASES)}")
    RESULTS.mkdir(exist_ok=True)
    ours()
    try:
        fresh = [row for name in options.names or CASES for row in _take(name, options.runs)]
    finally:
        shutil.rmtree(RESULTS / "tmp", ignore_errors=True)
    print(render(fresh))
    if options.runs < ENOUGH:
        print(f"a trial: the table takes results of {ENOUGH} rounds and more", file=sys.stderr)
        return
    for row in fresh:
        row.save()
    known = [result for row in ROWS if (result := Finished.load(row))]
    if len(known) == len(ROWS):
        write_readme(render(known))
        print(f"written to {README.parent.name}/{README.name}", file=sys.stderr)
    else:
        missing = ", ".join(row for row in ROWS if not Finished.load(row))
        print(f"{README.name} is written once every row has a result; still missing: {missing}", file=sys.stderr)


def _take(name: str, rounds: int) -> list[Finished]:
    print(name, file=sys.stderr)
    conditions = about()
    taken = CASES[name](rounds)
    return [
        Finished.of(row, taken.measured, conditions, profile_of(row.profile) if row.is_missed and row.profile else "")
        for row in taken.rows
    ]


if __name__ == "__main__":
    main()
