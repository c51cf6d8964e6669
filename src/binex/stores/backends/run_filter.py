"""A query for runs in SQL."""

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from pydantic import JsonValue

from binex.errors import BinexError
from binex.models.json_value import encode_json, is_same_json
from binex.models.run import RunStatus
from binex.models.run_query import RunOrigin, RunQuery

_COST = "ifnull(json_extract(runs.doc, '$.spend.cost_usd'), 0.0)"
_STARTED = "julianday(json_extract(runs.doc, '$.started_at'))"
_ORIGINS = {
    RunOrigin.RUN: "json_extract(runs.doc, '$.origin') IS NULL AND json_extract(runs.doc, '$.is_imported') IS NULL",
    RunOrigin.REPLAY: "json_extract(runs.doc, '$.origin.mode') = 'replay'",
    RunOrigin.FORK: "json_extract(runs.doc, '$.origin.mode') = 'fork'",
    RunOrigin.IMPORTED: "json_extract(runs.doc, '$.is_imported') IS NOT NULL",
}
_FAILED_AT = """EXISTS (
    SELECT 1 FROM records AS last
    WHERE last.run = runs.seq AND (last.task = ? OR (last.task >= ? AND last.task < ?))
    AND json_valid(last.doc) AND json_extract(last.doc, '$.status') IN ('failed', 'timed_out')
    AND json_extract(last.doc, '$.is_final') IS NULL
    AND NOT EXISTS (SELECT 1 FROM records WHERE run = last.run AND task = last.task AND attempt > last.attempt)
)"""


class Condition(NamedTuple):
    """A part of a query, and the values for its marks."""

    sql: str
    values: tuple[str | int | float, ...] = ()


def conditions_of(query: RunQuery, alive: Collection[str] = ()) -> list[Condition]:
    """What has to hold for a run, without what stands in texts; *alive* are the ids of runs that are being executed.

    A row that cannot be read fulfils all that is said about its document, so that whoever reads it hears of it.
    """
    found = []
    if query.statuses:
        found.append(_of_status(query.statuses, alive))
    if query.workflow is not None:
        found.append(Condition("runs.workflow = ?", (query.workflow,)))
    in_document = list(_in_document(query))
    if in_document:
        together = " AND ".join(condition.sql for condition in in_document)
        values = tuple(value for condition in in_document for value in condition.values)
        found.append(Condition(f"CASE WHEN json_valid(runs.doc) THEN {together} ELSE 1 END", values))
    if query.failed_at is not None:
        node = query.failed_at
        found.append(Condition(_FAILED_AT, (node, f"{node}[", f"{node}\\")))  # "\" is what comes after "["
    return found


def _of_status(statuses: Sequence[RunStatus], alive: Collection[str]) -> Condition:
    settled = [status for status in statuses if status is not RunStatus.RUNNING]
    either = [f"runs.status IN ({', '.join('?' * len(settled))})"] if settled else []
    values: list[str] = [*settled]
    among = f"({', '.join('?' * len(alive))})"
    for status, is_among in ((RunStatus.RUNNING, "IN"), (RunStatus.INTERRUPTED, "NOT IN")):
        if status in statuses:
            either.append(f"(runs.status = 'running' AND runs.id {is_among} {among})")
            values += alive
    return Condition(f"({' OR '.join(either)})", tuple(values))


def _in_document(query: RunQuery) -> list[Condition]:
    found = []
    if query.since is not None:
        found.append(Condition(f"{_STARTED} >= julianday(?)", (query.since.isoformat(),)))
    if query.until is not None:
        found.append(Condition(f"{_STARTED} < julianday(?)", (query.until.isoformat(),)))
    if query.min_cost is not None:
        found.append(Condition(f"{_COST} >= ?", (query.min_cost,)))
    if query.max_cost is not None:
        found.append(Condition(f"{_COST} <= ?", (query.max_cost,)))
    if query.origin is not None:
        found.append(Condition(_ORIGINS[query.origin]))
    if query.is_whole:
        found.append(Condition("json_extract(runs.doc, '$.origin') IS NULL"))
    if query.is_live:
        found.append(Condition("json_extract(runs.doc, '$.origin.mode') IS NOT 'replay'"))
    for name, value in query.variables:
        written = _written(value)
        # Most documents have no such value anywhere, which is quick to see.
        sql = (
            f"CASE WHEN {' OR '.join(['instr(runs.doc, ?)'] * len(written))}"
            " THEN has_variable(json_extract(runs.doc, '$.variables'), ?, ?) ELSE 0 END"
        )
        found.append(Condition(sql, (*written, name, value)))
    return found


def has_variable(variables: str | None, name: str, value: str) -> bool:
    """What :func:`has_variable_of` says of the document of all variables. SQLite calls it."""
    held = json.loads(variables) if variables else {}
    return isinstance(held, dict) and has_variable_of(held, name, value)


def has_variable_of(variables: Mapping[str, JsonValue], name: str, value: str) -> bool:
    """Whether the variable has that value: as a text, or as what *value* is the JSON of."""
    if name not in variables:
        return False
    if variables[name] == value:
        return True
    try:
        return is_same_json(variables[name], json.loads(value))
    except (ValueError, RecursionError):
        return False


def _written(value: str) -> list[str]:
    """How a document may have the value: as a text, or as what it is the JSON of."""
    found = [encode_json(value).decode()]
    with suppress(ValueError, RecursionError, BinexError):
        found.append(encode_json(json.loads(value)).decode())
    return found
