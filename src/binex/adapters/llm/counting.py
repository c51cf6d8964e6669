"""Token counts as providers send them: only what can be true is taken over."""

from math import isfinite

from binex.models.call import Usage


def tokens(value: object) -> int | None:
    """A count; None where the provider sent none, or something that cannot be one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        return None
    return int(value) if value == int(value) else None


def plus(*counts: object) -> int | None:
    """The sum of a first count, which must be known, and others, which are left out where they are None."""
    first, *others = counts
    total = tokens(first)
    for other in others:
        if other is not None:
            more = tokens(other)
            total = None if total is None or more is None else total + more
    return total


def usage_of(read: int | None, written: int | None, cached: object = None, reasoned: object = None) -> Usage | None:
    """The usage of a call; None where nothing is known. A part that is larger than its whole is not believed."""
    if read is None and written is None:
        return None
    return Usage(
        input_tokens=read,
        output_tokens=written,
        cached_tokens=_part(tokens(cached), read),
        reasoning_tokens=_part(tokens(reasoned), written),
    )


def _part(part: int | None, whole: int | None) -> int | None:
    return None if part is None or whole is None or part > whole else part
