"""The adapter for people: ``human://input``, ``human://approve``, ``human://choose`` ask, ``human://output`` shows."""

from typing import Final

from pydantic import JsonValue

from binex.adapters.attempt import current_attempt
from binex.adapters.base import NodeUse
from binex.adapters.echo import echo
from binex.adapters.human_answer import check_answer
from binex.adapters.human_question import FEEDBACK, SHOWS, answer_output, ask_again, faults_of, kind_of, question_of
from binex.errors import AgentError, FieldFault, InputError
from binex.models.call import CallKind
from binex.models.health import AgentHealth, HealthStatus
from binex.models.json_value import encode_json
from binex.models.question import QuestionKind
from binex.models.task import Artifact, TaskNode, now


class HumanAdapter:
    """Puts a task before a person: shows its inputs, and makes its outputs of the answer, if it asks for one.

    The deadline of a task is how long there is to answer. It goes on while no process runs, so the desk keeps
    to it, and no attempt is ended by it.
    """

    keeps_deadlines: Final = True
    is_answered_by_tape: Final = True

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:  # noqa: ARG002 - what is shown are the inputs
        """Ask, and wait for the answer; or only show what there is to be seen.

        Raises:
            UnansweredError: nobody answered in time.
            AgentError: the task makes no question, or what is kept as its answer is none.
        """
        if task.agent == SHOWS:
            return _show(task)
        ask = first = question_of(task)
        while True:
            answer = await current_attempt().desk.ask(ask)
            try:
                value = check_answer(ask, answer.value, answer.feedback)
            except InputError as error:  # whoever wrote it went around every check
                raise AgentError(f"the answer cannot be used: {error.message}", is_retryable=False) from error
            misses = _find_misses(task, value) if ask.kind is QuestionKind.OUTPUT else []
            if not misses:
                break
            ask = ask_again(first, ask, misses)
        names = answer_output(ask.kind, task.outputs)
        made = value if ask.kind is QuestionKind.OUTPUT and isinstance(value, dict) and len(names) > 1 else None
        artifacts = [Artifact.of(task, name, value if made is None else made[name]) for name in names]
        if len(names) < len(task.outputs):
            artifacts.append(Artifact.of(task, FEEDBACK, answer.feedback))
        return artifacts

    def check(self, use: NodeUse) -> list[FieldFault]:
        """Whether there is such a question, and its settings are right."""
        return faults_of(use)

    async def health(self, agent: str) -> AgentHealth:
        """People are there when they answer; what can be said is whether there is such a question."""
        status, detail = HealthStatus.OK, "asks a person"
        try:
            if agent == SHOWS:
                detail = "shows its inputs to a person"
            else:
                kind_of(agent)
        except InputError as error:
            status, detail = HealthStatus.UNREACHABLE, error.message
        return AgentHealth(agent=agent, status=status, detail=detail, checked_at=now())


def _show(task: TaskNode) -> list[Artifact]:
    """The inputs, which a run shows in the end, as outputs; nobody is waited for."""
    shown = encode_json(task.inputs)
    with current_attempt().recorder.begin(CallKind.HUMAN, task.agent, shown, media_type="application/json"):
        return echo(task)


def _find_misses(task: TaskNode, value: JsonValue) -> list[str]:
    """Why what a person made does not fit the schema of the task, if it has one."""
    if task.output_schema is None:
        return []
    from binex.models.json_schema import find_misses

    return find_misses(task.output_schema, value)
