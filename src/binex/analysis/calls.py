"""What was said on any wire: the calls of a run, and one of them word for word."""

import re
from collections.abc import Collection
from shlex import quote

from pydantic import JsonValue

from binex.analysis.artifacts import Damage
from binex.analysis.state import as_seen
from binex.errors import DamagedDataError, InputError, suggest
from binex.models.base import Model
from binex.models.call import Body, Call, CallKind
from binex.models.json_value import decode_json
from binex.models.run import Run
from binex.stores.run_store import RunStore

_NAME = re.compile(r"(?P<task>.*?)(?::(?P<attempt>\d{1,6})\.(?P<number>\d{1,6}))?\Z", re.S)
_LONGEST_NAME = 300


class CallList(Model):
    """The calls of a run, or of one task of it."""

    run: Run
    """The run as it is now."""
    calls: tuple[Call, ...]
    """In the order in which they ended."""


class Said(Model):
    """One side of a call."""

    media_type: str = ""
    """What it is, as in `application/json`."""
    size: int = 0
    """How many bytes it has."""
    text: str | None = None
    """What it says, where it is text."""
    value: JsonValue = None
    """What it says as a value, where it is JSON."""


class CallDetail(Model):
    """One call word for word, as it was kept: without secrets."""

    call: Call
    """Everything but the two bodies."""
    request: Said | None = None
    """What was asked."""
    response: Said | None = None
    """What came back."""
    reply: str | None = None
    """The text that a model's reply adds up to, where it came in pieces."""
    damage: tuple[Damage, ...] = ()
    """What of it can no longer be read."""


async def list_calls(store: RunStore, run: Run, task: str | None = None) -> CallList:
    """The calls of *run*, or of one task of it.

    Raises:
        InputError: no such task has made a call.
    """
    calls = await store.list_calls(run.id)
    if task is not None:
        found = [call for call in calls if call.task == task]
        if not found:
            raise await _no_calls(store, run, task, {call.task for call in calls})
        calls = found
    return CallList(run=await as_seen(store, run), calls=tuple(calls))


async def find_call(store: RunStore, run: Run, text: str) -> Call:
    """The call that *text* names: ``plan:1.2`` is the second one of the first attempt, ``plan`` the only one.

    Raises:
        InputError: there is none, or more than one.
    """
    match = _NAME.match(text)
    assert match is not None
    calls = (await list_calls(store, run, match["task"])).calls
    if match["attempt"] is not None:
        wanted = (int(match["attempt"]), int(match["number"]))
        calls = tuple(call for call in calls if (call.attempt, call.number) == wanted)
    if len(calls) == 1:
        return calls[0]
    all_of_task = (await list_calls(store, run, match["task"])).calls
    names = ", ".join(name_of(call) for call in all_of_task[:12]) + (", …" if len(all_of_task) > 12 else "")
    what = f"task '{match['task']:.60}' made {len(calls)} calls" if calls else f"no call '{text:.60}' in run {run.id}"
    raise InputError(what, fix=f"name one of them: {names}")


async def call_detail(store: RunStore, call: Call) -> CallDetail:
    """Everything about a call; what can no longer be read is named in ``damage``, and the rest is there."""
    damage: list[Damage] = []
    sides: dict[str, Said | None] = {}
    for side, body in (("request", call.request), ("response", call.response)):
        try:
            sides[side] = None if body is None else _said(body, await store.read_body(body))
        except DamagedDataError as error:
            damage.append(Damage(where=f"{name_of(call)} {side}", message=error.message, fix=error.fix))
            sides[side] = None
    response = sides["response"]
    reply = _joined(response.text) if call.kind is CallKind.MODEL and response and response.text else None
    return CallDetail(call=call, request=sides["request"], response=response, reply=reply, damage=tuple(damage))


def name_of(call: Call) -> str:
    """What a call is called within its run: ``plan:1.2``, the second one of the first attempt."""
    return f"{call.task}:{call.attempt}.{call.number}"


async def _no_calls(store: RunStore, run: Run, task: str, known: Collection[str]) -> InputError:
    message = f"no calls of a task '{task:.60}' in run {run.id}"
    records = [record for record in await store.list_records(run.id) if record.task == task]
    if records and records[-1].reused_from is not None:
        there, name = records[-1].executed_as
        path = quote(name)
        return InputError(
            f"{message}: its outcome was taken over from run {there}",
            fix=f"binex calls list {there} --task {path} shows what was said when it was made",
        )
    fix = suggest(task[:_LONGEST_NAME], known, "tasks with calls") if known else "the run made no calls at all"
    return InputError(message, fix=fix)


def _joined(lines: str) -> str | None:
    """The text in a reply's events, which stand as JSON, one a line; None where there is none."""
    pieces: list[str] = []
    for line in lines.splitlines():
        try:
            event = decode_json(line.encode())
        except ValueError:
            continue
        if isinstance(event, dict) and event.get("type") == "text":
            pieces.append(str(event.get("text", "")))
    return "".join(pieces) or None


def _said(body: Body, data: bytes) -> Said:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Said(media_type=body.media_type, size=body.size)
    try:
        value = decode_json(data)
    except ValueError:
        value = None
    return Said(media_type=body.media_type, size=body.size, text=text, value=value)
