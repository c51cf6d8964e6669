"""The calls of a run, and one of them word for word."""

from datetime import datetime

from binex.analysis.calls import CallDetail, CallList, Said, name_of
from binex.cli.render.damage import damage_lines
from binex.cli.render.errors import in_one_line
from binex.cli.render.look import Look
from binex.cli.render.run_head import is_replay, run_head
from binex.cli.render.table import Cell, Column, table
from binex.cli.render.text import clip, escape, pretty_json
from binex.cli.render.units import count, duration, moment, size
from binex.models.call import NOT_MADE, Call, CallKind
from binex.models.money import dollars

COLUMNS = (
    Column("CALL", least=8),
    Column("KIND"),
    Column("WITH", least=16),
    Column("TOOK", is_right=True, weight=2),
    Column("TOKENS", is_right=True, weight=3),
    Column("COST", is_right=True, weight=3),
    Column("OUTCOME", least=8, weight=1),
)


def call_list(found: CallList, look: Look) -> str:
    """One line a call; those that were made for another one stand below it, indented."""
    head = run_head(found.run, look)
    if not found.calls:
        return f"{head}\n\nno calls"
    rows = [cells_of(call, look, is_replayed=is_replay(found.run)) for call in in_order(found.calls)]
    return f"{head}\n\n{table(COLUMNS, rows, look)}"


def call_text(found: CallDetail, look: Look) -> str:
    """What was asked and what came back, with all that is known about it."""
    call = found.call
    lines = [
        f"{look.paint(escape(name_of(call)), 'strong')}  {call.kind}  {escape(call.target)}",
        f"{moment(call.started_at)}, {duration(call.duration_ms)}, {outcome_of(call)}",
    ]
    if call.usage is not None or call.cost_usd is not None:
        lines.append(f"{tokens_of(call) or 'unknown'} tokens in/out, {cost_of(call)}")
    if call.chunks:
        first = duration(call.chunks[0].offset_ms)
        lines.append(f"streamed in {count(len(call.chunks), 'chunk')}, the first after {first}")
    if not call.is_complete:
        lines.append(look.paint("the response is not complete", "warn"))
    lines += _side("request", call.request_headers, found.request, look)
    lines += _side("response", call.response_headers, found.response, look)
    if found.reply is not None:
        lines += ["", _heading("reply", look), escape(found.reply, is_block=True).rstrip("\n")]
    lines += damage_lines(found.damage, look)
    return "\n".join(lines)


def tokens_of(call: Call) -> str:
    """``1,204/88``: tokens in and out."""
    usage = call.usage
    if usage is None or (usage.input_tokens is None and usage.output_tokens is None):
        return ""
    return "/".join("?" if n is None else f"{n:,}" for n in (usage.input_tokens, usage.output_tokens))


def cost_of(call: Call, *, is_replayed: bool = False) -> str:
    """Its price; ``unknown`` for a model without one."""
    if call.kind is not CallKind.MODEL:
        return ""
    if is_replayed and call.priced_by != NOT_MADE:
        return "replayed"
    return "unknown" if call.cost_usd is None else dollars(call.cost_usd)


def outcome_of(call: Call) -> str:
    """How it ended."""
    if call.error is not None:
        return f"{call.status} {in_one_line(call.error)}" if call.status else in_one_line(call.error)
    ended = str(call.status) if call.status is not None else "ok"
    return ended if call.is_complete else f"{ended}, incomplete"


def in_order(calls: tuple[Call, ...]) -> list[Call]:
    """Attempts by the time of their first calls, within each the calls in the order in which they began."""
    began: dict[tuple[str, int], datetime] = {}
    for call in calls:
        attempt = (call.task, call.attempt)
        began[attempt] = min(call.started_at, began.get(attempt, call.started_at))
    return sorted(calls, key=lambda call: (began[call.task, call.attempt], call.task, call.number))


def cells_of(call: Call, look: Look, *, is_replayed: bool) -> list[Cell]:
    """What stands of a call under `COLUMNS`."""
    is_bad = call.error is not None or not call.is_complete
    indent = "  " if call.parent is not None else ""
    return [
        Cell(indent + name_of(call), "faint" if indent else "plain"),
        Cell(call.kind),
        Cell(call.target),
        Cell(duration(call.duration_ms)),
        Cell(tokens_of(call), "faint"),
        Cell(cost_of(call, is_replayed=is_replayed), "faint"),
        Cell(clip(outcome_of(call), 60, ellipsis=look.glyph("…", "~")), "bad" if is_bad else "good"),
    ]


def _heading(name: str, look: Look) -> str:
    rule = look.glyph("──", "--")
    return look.paint(f"{rule} {name} {rule}", "strong")


def _side(name: str, headers: tuple[tuple[str, str], ...], said: Said | None, look: Look) -> list[str]:
    lines = ["", _heading(name, look)]
    lines += [look.paint(f"{escape(key)}: {escape(value)}", "faint") for key, value in headers]
    if said is None:
        return [*lines, look.paint("nothing is recorded", "faint")]
    if said.value is not None:
        return [*lines, pretty_json(said.value)]
    if said.text is not None:
        return [*lines, escape(said.text, is_block=True).rstrip("\n")]
    return [*lines, look.paint(f"{size(said.size)} of {escape(said.media_type) or 'binary data'}", "faint")]
