"""What somebody puts in the place of what a task is given, or of what it has made."""

import hashlib
from dataclasses import replace
from typing import Final, cast

from pydantic import JsonValue

from binex.graph.scheduler import Work
from binex.models.json_value import encode_json, is_same_json
from binex.models.task import Outcome

_KEY_CHARACTERS: Final = 32


def with_inputs(work: Work, inputs: JsonValue) -> Work:
    """*work* with other inputs; for systems elsewhere it is another task, with an idempotency key of its own."""
    assert work.task is not None
    key = hashlib.sha256(work.task.idempotency_key.encode() + encode_json(inputs)).hexdigest()[:_KEY_CHARACTERS]
    return replace(work, task=work.task.model_copy(update={"inputs": inputs, "idempotency_key": key}))


def with_outputs(outcome: Outcome, edited: JsonValue) -> Outcome:
    """*outcome* with other contents: of the only output, or of every output by its name."""
    one = len(outcome.artifacts) == 1
    contents = {outcome.artifacts[0].output: edited} if one else cast(dict[str, JsonValue], edited)
    artifacts = []
    for made in outcome.artifacts:
        content = contents[made.output]
        if not is_same_json(content, made.content):
            lineage = made.lineage.model_copy(update={"edited": True})
            made = made.with_content(content).model_copy(update={"lineage": lineage})  # noqa: PLW2901 - the same one
        artifacts.append(made)
    record = outcome.record.model_copy(update={"is_edited": True})
    return outcome.model_copy(update={"record": record, "artifacts": tuple(artifacts)})


def restored(edited: JsonValue, shown: JsonValue, real: JsonValue) -> JsonValue:
    """*edited* with the secrets that were cut out of what was *shown*, wherever that was left as it was."""
    if is_same_json(edited, shown):
        return real
    if isinstance(edited, dict) and isinstance(shown, dict) and isinstance(real, dict):
        return {
            name: restored(value, shown[name], real[name]) if name in shown and name in real else value
            for name, value in edited.items()
        }
    if isinstance(edited, list) and isinstance(shown, list) and isinstance(real, list) and len(shown) == len(real):
        known = len(shown)
        return [
            restored(value, shown[index], real[index]) if index < known else value for index, value in enumerate(edited)
        ]
    return edited
