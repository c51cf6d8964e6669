"""What is counted of runs, attempts and calls of models, taken out of their documents by SQLite."""

import json
from collections.abc import Iterable
from typing import Final

from binex.models.call import NOT_MADE, outcome_of
from binex.models.run_query import AttemptFigures, CallFigures

RUNS_AT_ONCE: Final = 500
_SPENT: Final = ("spend.cost_usd", "spend.unpriced_calls", "spend.input_tokens", "spend.output_tokens")
_FIELDS: Final = ("node_id", "status", "is_final", "reused_from", "started_at", "duration_ms", *_SPENT)

_CALL_FIELDS: Final = (
    *("target", "error", "duration_ms", "cost_usd", "priced_by"),
    *("usage.input_tokens", "usage.output_tokens"),
)


def select_runs(condition: str) -> str:
    """The query for the figures of runs for which *condition* holds."""
    spent = ", ".join(f"ifnull(json_extract(runs.doc, '$.{name}'), 0)" for name in _SPENT)
    return (
        "SELECT id, workflow, status, json_extract(runs.doc, '$.started_at'),"
        f" ifnull(json_extract(runs.doc, '$.duration_ms'), 0.0), {spent} FROM runs"
        " WHERE CASE WHEN json_valid(runs.doc) THEN json_extract(runs.doc, '$.started_at') IS NOT NULL END"
        f" AND {condition} ORDER BY seq"
    )


SELECT_ATTEMPTS: Final = f"""
    SELECT runs.id, json_extract(records.doc, {", ".join(f"'$.{name}'" for name in _FIELDS)})
    FROM json_each(?) AS asked JOIN runs ON runs.seq = asked.value JOIN records ON records.run = runs.seq
    WHERE records.attempt > 0 AND json_valid(records.doc) ORDER BY records.seq
"""
"""The query for the figures of the attempts in runs, which are given by their numbers as a JSON list."""

SELECT_CALLS: Final = f"""
    SELECT runs.id, json_extract(calls.doc, {", ".join(f"'$.{name}'" for name in _CALL_FIELDS)})
    FROM json_each(?) AS asked JOIN runs ON runs.seq = asked.value JOIN calls ON calls.run = runs.seq
    WHERE CASE WHEN json_valid(calls.doc) THEN json_extract(calls.doc, '$.kind') = 'model' END ORDER BY calls.seq
"""
"""The query for the figures of the calls of models in runs, which are given as above."""


def read_attempts(found: Iterable[tuple[str, str]]) -> list[AttemptFigures]:
    """The figures in rows; an attempt that was taken over from another run, or asked no agent, has none."""
    attempts = []
    for run_id, fields in found:  # one document a row: to ask SQLite for each field takes twice as long
        node, status, is_final, reused_from, started_at, duration_ms, *spent = json.loads(fields)
        if node is not None and reused_from is None and started_at is not None:
            cost, unpriced, asked, told = (value or 0 for value in spent)
            attempts.append(
                AttemptFigures(
                    run_id, node, status or "", is_final is not False, duration_ms or 0.0, cost, unpriced, asked, told
                )
            )
    return attempts


def read_calls(found: Iterable[tuple[str, str]]) -> list[CallFigures]:
    """The figures in rows; a call that no budget allowed was not made."""
    calls = []
    for run_id, fields in found:
        model, error, duration_ms, cost, priced_by, asked, told = json.loads(fields)
        if model is not None and priced_by != NOT_MADE:
            calls.append(
                CallFigures(
                    run_id,
                    model,
                    outcome_of(error),
                    duration_ms or 0.0,
                    cost or 0.0,
                    int(cost is None),
                    asked or 0,
                    told or 0,
                )
            )
    return calls
