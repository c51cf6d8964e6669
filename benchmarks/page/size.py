"""How large the page is, compressed as a server on the network would send it."""

import gzip
import re
from pathlib import Path

_IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+)["']""")


def measure(folder: Path) -> dict[str, float]:
    """Kilobytes of the files in *folder* (the built page): of the list of runs, of a run, and of all of them."""
    sizes = {path.name: len(gzip.compress(path.read_bytes(), 9)) for path in folder.rglob("*") if path.is_file()}
    html = (folder / "index.html").read_text()
    first = {name for name in sizes if name in html} | {"index.html"}
    of_run = {name for name in sizes if name.startswith(("run_view-", "graph_pane-"))}
    return {
        "first_kb": _sum(sizes, _with_imports(folder, first)),
        "run_kb": _sum(sizes, _with_imports(folder, first | of_run)),
        "all_kb": sum(sizes.values()) / 1000,
    }


def _with_imports(folder: Path, names: set[str]) -> set[str]:
    """*names* and what these load as they begin."""
    found: set[str] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name in found:
            continue
        found.add(name)
        file = folder / "assets" / name
        if file.suffix == ".js" and file.is_file():
            left += _IMPORTED.findall(file.read_text(errors="replace"))
    return found


def _sum(sizes: dict[str, int], names: set[str]) -> float:
    return sum(size for name, size in sizes.items() if name in names) / 1000
