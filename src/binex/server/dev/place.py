"""Where somebody works: one workflow, or all of a folder."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from binex.errors import InputError

_NODES: Final = re.compile(r"^nodes\s*:", re.MULTILINE)
_SUFFIXES: Final = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class Place:
    """The workflows that are worked on, and the folder that is watched."""

    files: tuple[Path, ...]
    """Those that were there at the start."""
    folder: Path
    is_folder: bool
    """Whether every workflow in it is meant, also one that is written later."""

    def may_hold(self, file: Path) -> bool:
        """Whether *file* is one of the workflows that are meant."""
        return self.is_folder and file.parent == self.folder and file.suffix in _SUFFIXES and has_nodes(file)


def place_at(path: Path) -> Place:
    """What *path* means.

    Raises:
        InputError: there is no workflow.
    """
    path = path.resolve()
    if not path.is_dir():
        if not path.parent.is_dir():
            raise InputError(f"there is no folder {path.parent}", fix="name a workflow file, or a folder of some")
        return Place((path,), path.parent, is_folder=False)
    files = tuple(file for file in sorted(path.iterdir()) if file.suffix in _SUFFIXES and has_nodes(file))
    if not files:
        raise InputError(f"there is no workflow in {path}", fix="name one, or write one: binex hello shows how")
    return Place(files, path, is_folder=True)


def has_nodes(file: Path) -> bool:
    """Whether a YAML file looks like a workflow, be it a broken one."""
    try:
        with file.open(encoding="utf-8", errors="replace") as stream:
            return _NODES.search(stream.read(1 << 20)) is not None
    except OSError:
        return False
