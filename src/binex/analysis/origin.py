"""What a run was made from another one for, in a few words."""

import json
from collections.abc import Iterator, Sequence
from typing import Final

from pydantic import JsonValue

from binex.models.change import Change, ChangeKind
from binex.models.run import Origin, RunMode

_SHOWN: Final = 4
_LONGEST_VALUE: Final = 40


def change_in_words(origin: Origin) -> str:
    """``replay``, ``from think``, ``think: config.temperature=0``, ``--var topic=bees``, ``edited plan.output``."""
    parts = list(_parts(origin))
    shown = parts[:_SHOWN]
    if len(parts) > _SHOWN:
        shown.append(f"and {len(parts) - _SHOWN} more")
    return "; ".join(shown) or origin.mode.value


def _parts(origin: Origin) -> Iterator[str]:
    if origin.mode is RunMode.REPLAY:
        yield "replay"
    if origin.fork_points:
        yield f"{'only' if origin.is_alone else 'from'} {_some(origin.fork_points)}"
    fields: dict[str, list[str]] = {}
    for change in origin.changes:
        if change.kind is ChangeKind.FIELD:
            fields.setdefault(change.node, []).append(_dotted(change.path) + _value(change))
    for node, changed in fields.items():
        yield f"{node}: {_some(changed)}"
    for change in origin.changes:
        match change.kind:
            case ChangeKind.VARIABLE:
                yield f"--var {_dotted(change.path)}{_value(change)}"
            case ChangeKind.ARTIFACT:
                yield f"edited {change.node}.{_dotted(change.path)}"
            case ChangeKind.FAULT:
                yield f"{change.node}: fault{_value(change)}"
            case ChangeKind.WORKFLOW:
                yield "today's workflow"
            case ChangeKind.FIELD:
                pass  # together with the other fields of its node


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _dotted(path: Sequence[str | int]) -> str:
    """``messages[0].content``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}"
    return text.removeprefix(".")


def _value(change: Change) -> str:
    """``=0.2``; nothing for what takes more than a word to say."""
    text = _word(change.value)
    return f"={text}" if text else ""


def _word(value: JsonValue) -> str:
    if isinstance(value, dict | list):
        return ""
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _LONGEST_VALUE and text.isprintable() and " " not in text else ""
