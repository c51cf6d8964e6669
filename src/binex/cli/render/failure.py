"""Why a task failed: what it was, what shows that, and what to do about it."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import Final

from binex.analysis.failures.classes import Evidence, FailureClass
from binex.cli.options import typed
from binex.cli.render.blocks import block, sentence
from binex.cli.render.look import Look, words_of
from binex.cli.render.text import clip, escape, width_of
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord
from binex.models.units import count, duration

_BODY_SHOWN: Final = 300
_ENDLESS: Final = 1_000_000
_TRIES: Final = re.compile(r"; \d+ tries in [\d,.]+ s\Z")


def failure_lines(failure: FailureClass, look: Look, indent: int, run_id: str, directory: Path | None) -> Iterator[str]:
    """The kind and the cause, the evidence below it, and the advice."""
    words, cause = words_of(failure.kind.value), escape(failure.cause)
    kind = " " * indent + look.paint(words, "bad")
    if look.is_terminal and indent + len(words) + 2 + width_of(cause) > look.width:
        yield kind
        yield from sentence(cause, look, indent + 2)
    else:
        yield f"{kind}  {cause}"
    for line in _evidence(failure.evidence, look, run_id, directory):
        yield from sentence(line, look, indent + 2)
    yield from sentence(f"fix: {escape(failure.advice)}", look, indent + 2)


def _evidence(found: Evidence, look: Look, run_id: str, directory: Path | None) -> Iterator[str]:
    """What shows the kind of a failure, a line each, safe to show."""
    if found.body:
        said = clip(escape(" ".join(found.body.split())), _BODY_SHOWN, ellipsis=look.glyph("…", "~"))
        yield f"{escape(found.host or 'the other side')} said: {said}"
    if found.frame is not None:
        code = f": {escape(found.frame.code)}" if found.frame.code else ""
        yield f"{escape(found.frame.place)} in {escape(found.frame.function or '?')}{code}"
    for miss in found.misses:
        yield escape(miss)
    if found.deadline_ms is not None:
        yield f"allowed {duration(found.deadline_ms)} (deadline_ms), took {duration(found.took_ms)}"
    for call in found.pending:
        name = escape(call.name)
        yield f"was waiting for {escape(call.target)} ({name}) for {duration(call.waited_ms)}"
    if found.retry_after_ms is not None:
        yield f"it asked for a pause of {duration(found.retry_after_ms)} (Retry-After)"
    if found.attempts > 1:
        kinds = ", ".join(f"{number} {words_of(kind.value)}" for kind, number in found.other_kinds.items())
        earlier = f"; before, it failed otherwise: {kinds}" if kinds else ""
        yield f"{count(found.attempts, 'attempt')} in {duration(found.over_ms)}{earlier}"
    if found.call is not None:
        command = typed(f"calls show {run_id} {quote(found.call)}", directory)
        yield f"word for word: {escape(command)}"


def attempt_lines(
    records: Sequence[ExecutionRecord], look: Look, *, known: str = "", most: int = _ENDLESS
) -> Iterator[str]:
    """The attempts that failed, each with its error in at most *most* lines.

    One that says the same as the one before only says so, and what only says what is *known* says nothing.
    """
    before: ErrorInfo | None = None
    for record in records:
        if record.error is None:
            continue
        yield from sentence(_attempt(record), look, 4)
        if before is not None and _is_same(record.error, before):
            yield look.paint("      the same error", "faint")
        elif record.error.traceback or _TRIES.sub("", record.error.message) != known:
            yield from error_lines(record.error, look, 6, most=most)
        before = record.error


def error_lines(error: ErrorInfo, look: Look, indent: int, *, most: int = _ENDLESS) -> Iterator[str]:
    """The stack, or what was said; on a terminal no line is wider than it."""
    if error.traceback:
        yield from block(error.traceback, look, indent, most=most)
    else:
        yield from block(f"{error.type}: {error.message}", look, indent, "bad", most=most)


def _is_same(error: ErrorInfo, before: ErrorInfo) -> bool:
    """Whether both say the same; the last one of several also says how many tries there were."""
    return error.type == before.type and _TRIES.sub("", error.message) == _TRIES.sub("", before.message)


def _attempt(record: ExecutionRecord) -> str:
    if record.reused_from is not None:
        attempt = f"attempt {record.attempt} in" if record.attempt else "from"
        return f"{attempt} run {escape(record.reused_from)}: only how it ended was taken over"
    if record.started_at is None:
        is_join = record.error is not None and record.error.kind is ErrorKind.ITEMS
        return "after its items" if is_join else "before it could start"
    again = "" if record.retry_in_ms is None else f", tried again {duration(record.retry_in_ms)} later"
    return f"attempt {record.attempt}: {words_of(record.status)} in {duration(record.duration_ms)}{again}"
