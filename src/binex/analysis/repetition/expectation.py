"""What is expected of a task that is executed many times: a condition over what it makes."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from pydantic import JsonValue

from binex.errors import ExpressionError, InputError
from binex.graph.condition import Condition
from binex.graph.dag import DAG
from binex.graph.reference import Names, Reference, Source, as_text, follow
from binex.models.names import node_of
from binex.models.run import Run
from binex.models.task import ExecutionRecord
from binex.models.workflow import WorkflowSpec
from binex.stores.run_store import RunStore

_SHOWN: Final = 80
_KNOWN: Final = (Source.NODE, Source.USER)


class Judgement(NamedTuple):
    """Whether an expectation holds."""

    holds: bool
    why_not: str = ""
    """The values that it met, or why it could not be decided."""


class Expectation:
    """A condition in the grammar of ``when``, about one task.

    ``${N.output}`` is what the task has made; for one item of a foreach, what that item has made. Every other node
    that does not depend on it stands for what was recorded, and ``${user.x}`` for what the workflow was given.
    """

    def __init__(self, text: str, task: str, spec: WorkflowSpec, dag: DAG) -> None:
        """Read *text*.

        Raises:
            InputError: it is malformed, or names what there is not, or what is not there when it is asked.
        """
        self.text = text
        self.node = node_of(task)
        names = Names(
            {node_id: node.spec.outputs for node_id, node in dag.nodes.items()},
            frozenset(spec.inputs) if spec.inputs else None,
            implied={node_id: node.outputs[len(node.spec.outputs) :] for node_id, node in dag.nodes.items()},
        )
        try:
            self._condition = Condition(text, names)
        except ExpressionError as error:
            raise InputError(f"--expect: {error.message}", fix=error.fix) from error
        below = _descendants(dag, self.node)
        for reference in self._condition.references:
            if reference.source not in _KNOWN:
                raise InputError(
                    f"--expect: {reference.text} is not known when the answer is",
                    fix=f"speak of what a node makes, as in ${{{self.node}.{dag.nodes[self.node].outputs[0]}}}",
                )
            if reference.source is Source.NODE and reference.name in below:
                raise InputError(
                    f"--expect: {reference.text} depends on '{self.node}', and only that is executed",
                    fix=f"speak of what '{self.node}' makes, or of what it is given",
                )

    @property
    def nodes(self) -> tuple[str, ...]:
        """The nodes that it speaks of."""
        named = (one.name for one in self._condition.references if one.source is Source.NODE)
        return tuple(dict.fromkeys(named))

    async def check(self, store: RunStore, parent: Run, *, changed: Collection[str] = ()) -> None:
        """See to it that what is recorded has what the condition asks of it, before anything is executed.

        Variables and nodes in *changed* have another value then.

        Raises:
            InputError: a variable has no value, or a recorded value not the field that is asked for.
        """
        asked = [one for one in self._condition.references if one.name not in changed and one.name != self.node]
        records = {record.task: record for record in await store.list_records(parent.id) if record.is_final}
        try:
            for reference in asked:
                await _value_of(reference, store, parent.variables, records)
        except ExpressionError as error:
            raise InputError(f"--expect: {error.message}", fix=error.fix) from error

    async def judge(
        self,
        store: RunStore,
        run: Run,
        records: Mapping[str, ExecutionRecord],
        outputs: Mapping[str, JsonValue],
    ) -> Judgement:
        """Whether it holds for *outputs*, which the task has made in *run*; *records* has the last one of each task."""
        values: dict[str, JsonValue] = {}
        try:
            for reference in self._condition.references:
                if reference.source is Source.NODE and reference.name == self.node:
                    values[reference.text] = follow(outputs.get(reference.output), reference.fields, reference.text)
                else:
                    values[reference.text] = await _value_of(reference, store, run.variables, records)
            if self._condition.holds(lambda reference: values[reference.text]):
                return Judgement(True)
        except ExpressionError as error:
            return Judgement(False, error.message)
        return Judgement(False, ", ".join(f"{text} is {_shown(value)}" for text, value in values.items()))


async def _value_of(
    reference: Reference,
    store: RunStore,
    variables: Mapping[str, JsonValue],
    records: Mapping[str, ExecutionRecord],
) -> JsonValue:
    """What a reference stands for; null for the output of a node that made none."""
    value: JsonValue = None
    if reference.source is Source.USER:
        if reference.name not in variables:
            raise ExpressionError(f"{reference.text} has no value", fix="pass it with --var")
        value = variables[reference.name]
    elif reference.name in records:
        for id in records[reference.name].output_artifacts:
            artifact = await store.get(id) if id.endswith(f"~{reference.output}") else None
            value = value if artifact is None else artifact.content
    return follow(value, reference.fields, reference.text)


def _descendants(dag: DAG, node_id: str) -> set[str]:
    found: set[str] = set()
    waiting = [node_id]
    while waiting:
        new = [dependent for dependent in dag.dependents[waiting.pop()] if dependent not in found]
        found.update(new)
        waiting += new
    return found


def _shown(value: JsonValue) -> str:
    text = as_text(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
