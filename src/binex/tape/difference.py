"""What differs between two requests, in few words."""

import json
from collections.abc import Iterator
from typing import Final

from pydantic import JsonValue

from binex.tape.asked import is_by_chance

_MOST_CHANGES: Final = 5
_MOST_LEAVES: Final = 2000
_SHOWN: Final = 40
"""How many characters of a value are shown on either side, around the first that differs."""
_BEFORE: Final = 12
"""How many of them stand before it."""
_BLOCK: Final = 4096
_ABSENT: Final = object()

Leaves = dict[str, object]


def difference_of(recorded: bytes, asked: bytes) -> str:
    """What is asked otherwise than it was recorded: ``messages[1].content: "…tides…" → "…waves…"``."""
    one, other = _leaves_of(recorded), _leaves_of(asked)
    if one is None or other is None:
        return change_of("the request", _text_of(recorded), _text_of(asked))
    paths = [path for path in dict.fromkeys([*one, *other]) if _differs(path, one, other)]
    shown = [change_of(path, one.get(path, _ABSENT), other.get(path, _ABSENT)) for path in paths[:_MOST_CHANGES]]
    if not shown:
        return "only the order or the form of what is asked differs"
    more = len(paths) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def change_of(what: str, before: object, after: object) -> str:
    """One change in words; of long texts only what is around the first difference."""
    at = 0
    if isinstance(before, str) and isinstance(after, str):
        at = _first_difference(before, after)
    return f"{shorten_text(what)}: {_shown(before, at)} → {_shown(after, at)}"


def shorten_text(text: str, *, most: int = _SHOWN) -> str:
    """*text*, cut where it is longer than anybody reads."""
    return text if len(text) <= most else f"{text[:most]}…"


def likeness_of(one: bytes, other: bytes) -> float:
    """How much two requests have in common, from 0 to 1."""
    left, right = _parts_of(one), _parts_of(other)
    common, together = len(left & right), len(left | right)
    return common / together if together else 1.0


def _leaves_of(data: bytes) -> Leaves | None:
    """The values of a JSON object or list by their paths; None for anything else."""
    if not data.lstrip().startswith((b"{", b"[")):
        return None
    try:
        value: JsonValue = json.loads(data)
    except (ValueError, RecursionError):
        return None
    leaves: Leaves = {}
    for path, leaf in _walk(value):
        if len(leaves) >= _MOST_LEAVES:
            break
        leaves[path] = leaf
    return leaves


def _walk(value: JsonValue) -> Iterator[tuple[str, JsonValue]]:
    """Depth first, without recursion: a body may be nested as deep as somebody liked."""
    waiting: list[tuple[str, JsonValue]] = [("", value)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, dict) and found:
            waiting += [(f"{path}.{key}" if path else key, item) for key, item in reversed(found.items())]
        elif isinstance(found, list) and found:
            waiting += [(f"{path}[{n}]", found[n]) for n in reversed(range(len(found)))]
        else:
            yield path or "the request", found


def _differs(path: str, one: Leaves, other: Leaves) -> bool:
    before, after = one.get(path, _ABSENT), other.get(path, _ABSENT)
    if before is after or (type(before) is type(after) and before == after):
        return False
    if path == "id" and "jsonrpc" in one and "jsonrpc" in other:
        return False
    return not is_by_chance(path.rpartition(".")[2], before, after)


def _first_difference(one: str, other: str) -> int:
    """Where two texts differ first; their common end where they do not."""
    length = min(len(one), len(other))
    for start in range(0, length, _BLOCK):
        if one[start : start + _BLOCK] != other[start : start + _BLOCK]:
            pairs = enumerate(zip(one[start:], other[start:], strict=False), start)
            return next((at for at, (left, right) in pairs if left != right), length)
    return length


def _shown(value: object, at: int) -> str:
    if value is _ABSENT:
        return "nothing"
    if not isinstance(value, str):
        return shorten_text(json.dumps(value, ensure_ascii=False))
    start = max(0, at - _BEFORE) if len(value) > _SHOWN else 0
    end = start + _SHOWN
    return json.dumps(f"{'…' * (start > 0)}{value[start:end]}{'…' * (end < len(value))}", ensure_ascii=False)


def _parts_of(data: bytes) -> set[object]:
    leaves = _leaves_of(data)
    if leaves is not None:
        return {(path, str(leaf)) for path, leaf in leaves.items()}
    return set(data[:100_000].split())


def _text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")
