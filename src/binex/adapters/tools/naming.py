"""The names under which models know tools: short, plain, and each once."""

import re
from collections.abc import Sequence
from typing import Final

LONGEST: Final = 64
_FOREIGN: Final = re.compile(r"[^a-zA-Z0-9_-]")


def unique_names(tools: Sequence[tuple[str, str]]) -> list[str]:
    """A name for each of *tools*, which are pairs of where a tool is from and its own name.

    It is the tool's own, as far as models allow it. Of tools that share one, each gets its origin in front.
    """
    own = [_plain(name) for _, name in tools]
    names: list[str] = []
    for (origin, name), short in zip(tools, own, strict=True):
        chosen = short if own.count(short) == 1 else _plain(f"{origin}_{name}")
        number = 2
        while chosen in names:
            chosen = f"{_plain(f'{origin}_{name}')[: LONGEST - len(str(number)) - 1]}_{number}"
            number += 1
        names.append(chosen)
    return names


def _plain(name: str) -> str:
    return _FOREIGN.sub("_", name)[:LONGEST] or "_"
