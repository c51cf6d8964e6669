"""Says of a call that nothing on the tape answers which recorded one is nearest, and what it asked otherwise."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Final

from binex.errors import BinexError
from binex.models.call import Body, Call, CallKind
from binex.tape.asked import Asked
from binex.tape.difference import change_of, difference_of, likeness_of, shorten_text

_MOST_COMPARED: Final = 100
_MOST_BYTES: Final = 16 << 20
"""A task may have made thousands of calls; the first so many of them, of so many bytes together, are compared."""
_SHOWN: Final = 200
"""How many characters of a target are shown."""

ReadBody = Callable[[Body], bytes]


def describe_nearest(
    kind: CallKind, target: str, asked: Asked, calls: Sequence[Call], left: Sequence[Call], read_body: ReadBody
) -> str:
    """What is nearest to what is asked: of the *calls* that are *left*, one of the same kind, and then target."""
    same = [call for call in calls if call.asked == asked]
    if same:
        times = "once" if len(same) == 1 else f"{len(same)} times"
        return f"this was asked {times} when it was recorded, and no {kind} call of it is left on the tape"
    alike = [call for call in left if call.kind is kind]
    if not alike:
        others = f"; what is left there: {_counted(left)}" if left else ""
        return f"no {kind} call of it is left on the tape{others}"
    nearest, request = _find_nearest(target, asked, alike, read_body)
    if nearest.target == target:
        said = [f"what it asks is not what was asked there when this was recorded; call {nearest.number} is nearest"]
    else:
        name = shorten_text(nearest.target, most=_SHOWN)
        said = [f"the nearest that was recorded is {name} (call {nearest.number})"]
        if len(nearest.target) > _SHOWN:
            said.append(change_of("target", nearest.target, target))
    if request is not None and request != asked.request:
        said.append(difference_of(request, asked.request))
    return "; ".join(said)


def _find_nearest(target: str, asked: Asked, alike: Sequence[Call], read_body: ReadBody) -> tuple[Call, bytes | None]:
    """The nearest of some calls of the same kind, and what it asked; None where that is not at hand."""
    there = [call for call in alike if call.target == target]
    if not there:
        near = get_close_matches(target, {call.target for call in alike[:_MOST_COMPARED]}, n=1, cutoff=0.0)
        there = [call for call in alike if call.target == near[0]]
    best, best_request, highest, read = there[0], _request_of(there[0], read_body), -1.0, 0
    for call in there[:_MOST_COMPARED]:
        request = _request_of(call, read_body)
        if request is None:
            continue
        likeness = likeness_of(request, asked.request)
        if likeness > highest:
            best, best_request, highest = call, request, likeness
        read += len(request)
        if read > _MOST_BYTES:
            break
    return best, best_request


def _counted(calls: Sequence[Call]) -> str:
    kinds = [call.kind.value for call in calls]
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in sorted(set(kinds)))


def _request_of(call: Call, read_body: ReadBody) -> bytes | None:
    """What was asked; None where that is not at hand."""
    if call.request is None or not call.request.last:
        return b""
    try:
        return read_body(call.request)
    except (LookupError, BinexError):
        return None
