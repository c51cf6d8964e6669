"""Artifacts that somebody put in the place of others."""

from collections.abc import Sequence

from pydantic import JsonValue

from binex.errors import InputError
from binex.graph.reference import kind_of
from binex.models.json_value import decode_json
from binex.models.names import artifact_id
from binex.models.task import Artifact, ExecutionRecord, Lineage, Outcome, now
from binex.runtime.forks.request import Edit
from binex.runtime.inheritance import read_artifacts
from binex.stores.run_store import RunStore


async def edited(store: RunStore, outcome: Outcome, record: ExecutionRecord, edits: Sequence[Edit]) -> Outcome:
    """The outcome with other artifacts in the place of some."""
    by_output = {edit.output: edit for edit in edits}
    artifacts = []
    for artifact in await read_artifacts(store, record, record.task):
        if edit := by_output.get(artifact.output):
            artifact = _made_by_hand(artifact, outcome.record, _value_of(edit, artifact))  # noqa: PLW2901 - in its place
        artifacts.append(artifact)
    made = tuple(artifact.id for artifact in artifacts)
    update = {"output_artifacts": made, "is_edited": True}
    return Outcome(record=outcome.record.model_copy(update=update), artifacts=tuple(artifacts))


def _made_by_hand(before: Artifact, record: ExecutionRecord, value: JsonValue) -> Artifact:
    """An artifact of the fork's own, derived from the one whose place it takes."""
    lineage = Lineage(
        task=record.task, agent=record.agent, attempt=record.attempt, derived_from=(before.id,), edited=True
    )
    update = {
        "id": artifact_id(record.run_id, record.task, before.output),
        "run_id": record.run_id,
        "task": record.task,
        "created_at": now(),
        "lineage": lineage,
    }
    return before.model_copy(update=update).with_content(value)


def _value_of(edit: Edit, before: Artifact) -> JsonValue:
    """What is put in the place of *before*.

    Raises:
        InputError: it should be JSON, as what it takes the place of, and is not.
    """
    if not edit.is_text or not isinstance(edit.value, str) or isinstance(before.content, str):
        return edit.value
    try:
        return decode_json(edit.value.encode())
    except (ValueError, RecursionError) as error:
        place, wanted = f"{edit.task}.{edit.output}", kind_of(before.content)
        raise InputError(
            f"--edit {place}: {wanted} is to be replaced, and this is no JSON: {error}",
            fix=f"""write JSON, as in --edit '{place}={{"a": 1}}'; text stands in double quotes""",
        ) from error
