"""How the contents of two tasks differ: outputs, prompts, inputs, settings, errors. Only this reads contents."""

from pydantic import JsonValue

from binex.analysis.artifacts import Damage
from binex.analysis.differences.json_diff import diff_json
from binex.analysis.differences.messages import first_messages
from binex.analysis.differences.model import Aspect, OutputDiff, PartDiff, Side, TaskDiff, ValueDiff
from binex.analysis.differences.parts import rules_of
from binex.analysis.differences.side import RunSide
from binex.analysis.differences.text_diff import diff_text
from binex.errors import DamagedDataError
from binex.models.json_value import decode_json
from binex.models.names import read_artifact_id
from binex.stores.run_store import RunStore

MOST_BYTES = 4_000_000
"""Larger values are compared as text, and only as far as texts are compared."""


class Contents:
    """Reads and compares what tasks of two runs were given and made."""

    def __init__(self, store: RunStore, before: RunSide, after: RunSide) -> None:
        self.damage: dict[str, Damage] = {}
        self._store = store
        self._before = before
        self._after = after

    async def of(self, task: TaskDiff) -> TaskDiff:
        """*task* with all its values."""
        outputs = [await self._output(task, output) for output in task.outputs]
        parts = await self._parts(task)
        return task.model_copy(update={"outputs": tuple(outputs), "parts": parts, "error": _error(task)})

    async def with_messages(self, task: TaskDiff) -> TaskDiff:
        """*task* with the messages that its model was given, where they differ."""
        if task.before is None or task.after is None:
            return task
        old, new = self._before.last[task.before.task], self._after.last[task.after.task]
        before, after = await first_messages(self._store, old), await first_messages(self._store, new)
        if before is None or after is None or before == after:
            return task
        return task.model_copy(update={"messages": diff_values(before, after)})

    async def _output(self, task: TaskDiff, output: OutputDiff) -> OutputDiff:
        before = await self._read(task, output.before_id)
        after = await self._read(task, output.after_id)
        if (before is None and output.before_id) or (after is None and output.after_id):
            return output
        if before is None or after is None:
            known = before or after
            value = _only(_decoded(known or b"null"), output.side)
        elif max(len(before), len(after)) > MOST_BYTES:
            value = ValueDiff(text=diff_text(_as_text(before), _as_text(after)), is_cut=True)
        else:
            value = diff_values(_decoded(before), _decoded(after))
        return output.model_copy(update={"value": value})

    async def _read(self, task: TaskDiff, artifact_id: str | None) -> bytes | None:
        if artifact_id is None:
            return None
        try:
            artifact = await self._store.get(artifact_id)
        except DamagedDataError as error:
            self.note(task.task, artifact_id, error.message, error.fix)
            return None
        if artifact is None:
            self.note(task.task, artifact_id, f"artifact {artifact_id} is missing", "binex doctor")
        return None if artifact is None else artifact.data

    def note(self, task: str, artifact_id: str, message: str, fix: str | None) -> None:
        """Name an output that cannot be read."""
        run_id, _, output = read_artifact_id(artifact_id)
        where = f"{task}.{output} of run {run_id}"
        self.damage[where] = Damage(where=where, message=message, fix=fix)

    async def _parts(self, task: TaskDiff) -> tuple[PartDiff, ...]:
        if not task.parts or task.before is None or task.after is None:
            return task.parts
        old, new = task.before.task, task.after.task
        sides = ((self._before, old), (self._after, new))
        rules = None
        found = []
        for part in task.parts:
            if part.aspect is Aspect.RULES:
                rules = rules or (await rules_of(self._before, old), await rules_of(self._after, new))
                before, after = rules[0].get(part.name), rules[1].get(part.name)
            else:
                before, after = [await side.value(path, part.name) for side, path in sides]
            value: ValueDiff | None = None
            if part.side is not Side.BOTH:
                value = _only(before if part.side is Side.BEFORE else after, part.side)
            elif before != after:  # equal ones were not kept as they were: secrets, or what the environment said
                value = diff_values(before, after)
            found.append(part.model_copy(update={"value": value}))
        return tuple(found)


def diff_values(before: JsonValue, after: JsonValue) -> ValueDiff:
    """How two values differ: texts word by word, all else by its structure."""
    if isinstance(before, str) and isinstance(after, str):
        text = diff_text(before, after)
        return ValueDiff(text=text, is_cut=text.is_cut)
    found = diff_json(before, after)
    return ValueDiff(json_value=found, is_cut=found.is_cut)


def _error(task: TaskDiff) -> ValueDiff | None:
    before = None if task.before is None or task.before.error is None else task.before.error.message
    after = None if task.after is None or task.after.error is None else task.after.error.message
    return None if before is None or after is None or before == after else diff_values(before, after)


def _only(value: JsonValue, side: Side) -> ValueDiff:
    return ValueDiff(before=value) if side is Side.BEFORE else ValueDiff(after=value)


def _decoded(data: bytes) -> JsonValue:
    try:
        return decode_json(data)
    except ValueError:
        return _as_text(data)


def _as_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")
