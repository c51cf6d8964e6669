"""People as agents: what is asked, what counts as an answer, and what becomes of it."""

from pathlib import Path
from typing import Any

import pytest

from binex.adapters.attempt import Ask
from binex.adapters.base import KeepsDeadlines, NodeUse
from binex.adapters.human import HumanAdapter
from binex.adapters.human_answer import MAX_ANSWER_BYTES, check_answer, read_answer
from binex.errors import AgentError, FieldFault, InputError, UnansweredError
from binex.models.call import CallKind
from binex.models.health import HealthStatus
from binex.models.question import OnTimeout, QuestionKind
from binex.models.task import TaskNode
from tests.attempts import FakeSurroundings


def task(agent: str, **fields: Any) -> TaskNode:
    given: dict[str, Any] = {"run_id": "run", "path": "gate", "node_id": "gate", "inputs": {}, **fields}
    return TaskNode(agent=agent, **given)


def use(
    agent: str,
    *,
    outputs: tuple[str, ...] = ("output",),
    has_instructions: bool = False,
    has_schema: bool = False,
    **config: Any,
) -> NodeUse:
    return NodeUse("gate", agent, None, (), config, outputs, has_instructions=has_instructions, has_schema=has_schema)


def faults(agent: str, **options: Any) -> list[FieldFault]:
    return HumanAdapter().check(use(agent, **options))


async def outcome(around: FakeSurroundings, asked: TaskNode) -> dict[str, Any]:
    with around.attempt(asked):
        made = await HumanAdapter().execute(asked, [], "trace")
    return {artifact.output: artifact.content for artifact in made}


# --- what is asked ------------------------------------------------------------------------------------------


async def test_the_inputs_are_what_the_person_is_shown() -> None:
    around = FakeSurroundings(answers=["fine"])
    asked = task("human://input", inputs={"draft": {"a": 1}}, config={"text": "Well?"}, deadline_ms=5000)
    assert await outcome(around, asked) == {"output": "fine"}
    assert around.asked == [Ask(QuestionKind.INPUT, "Well?", shown={"draft": {"a": 1}}, deadline_ms=5000)]


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"config": {"prompt": "From prompt"}}, "From prompt"),
        ({"system_prompt": "From system_prompt"}, "From system_prompt"),
        ({}, "Is this approved?"),
    ],
)
async def test_the_question_comes_from_where_it_is_written(fields: dict[str, Any], text: str) -> None:
    around = FakeSurroundings(answers=["approved"])
    await outcome(around, task("human://approve", **fields))
    assert around.asked[0].text == text


async def test_a_default_is_taken_in_the_end_unless_the_node_says_otherwise() -> None:
    for config, expected in (
        ({"default": "approve"}, OnTimeout.DEFAULT),
        ({"default": "reject", "on_timeout": "fail"}, OnTimeout.FAIL),
        ({}, OnTimeout.FAIL),
    ):
        around = FakeSurroundings(answers=["approved"])
        await outcome(around, task("human://approve", config=config))
        assert around.asked[0].on_timeout is expected
    assert around.asked[0].default is None


async def test_choices_may_come_from_another_node() -> None:
    around = FakeSurroundings(answers=["b"])
    assert await outcome(around, task("human://choose", config={"choices": ["a", "b"]})) == {"output": "b"}
    assert around.asked[0].choices == ("a", "b")


@pytest.mark.parametrize("choices", [[], None, "a", ["a", {}], ["a", "a"], [1]])
async def test_a_list_that_is_none_fails_the_task_and_says_so(choices: Any) -> None:
    with pytest.raises(AgentError, match="choices") as caught:
        await outcome(FakeSurroundings(answers=["a"]), task("human://choose", config={"choices": choices}))
    assert not caught.value.is_retryable


# --- what becomes of the answer -----------------------------------------------------------------------------


async def test_an_approval_has_feedback_that_nobody_declared() -> None:
    around = FakeSurroundings(answers=["approved"])
    made = await outcome(around, task("human://approve", outputs=("verdict", "feedback")))
    assert made == {"verdict": "approved", "feedback": None}


async def test_several_outputs_are_filled_from_one_object() -> None:
    around = FakeSurroundings(answers=[{"title": "T", "body": ["x"]}])
    made = await outcome(around, task("human://input", outputs=("title", "body")))
    assert made == {"title": "T", "body": ["x"]}
    assert around.asked[0].choices == ("title", "body")


async def test_with_a_schema_the_one_output_is_json() -> None:
    around = FakeSurroundings(answers=[{"any": [1, None]}])
    asked = task("human://input", output_schema={"type": "object"})
    assert await outcome(around, asked) == {"output": {"any": [1, None]}}


async def test_what_is_only_shown_asks_nobody_and_is_handed_on() -> None:
    around = FakeSurroundings()
    assert await outcome(around, task("human://output", inputs={"report": [1, 2]})) == {"output": [1, 2]}
    assert around.asked == []
    (call,) = around.calls
    assert (call.kind, call.target, around.request_of(call)) == (CallKind.HUMAN, "human://output", b'{"report":[1,2]}')


async def test_what_does_not_fit_the_schema_is_asked_for_again_with_the_reason() -> None:
    around = FakeSurroundings(answers=[{"n": "many"}, [], {"n": 3}])
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    asked = task("human://input", output_schema=schema, config={"text": "How many?"})
    assert await outcome(around, asked) == {"output": {"n": 3}}
    assert [ask.key for ask in around.asked] == ["question", "question-2", "question-3"]
    assert around.asked[2].text.startswith("How many?\nThe answer before does not fit: ")
    assert around.asked[2].text.count("does not fit") == 1


async def test_nobody_answers_and_the_task_fails() -> None:
    with pytest.raises(UnansweredError, match="nobody answered"):
        await outcome(FakeSurroundings(), task("human://input"))


@pytest.mark.parametrize(
    ("agent", "answer"),
    [("human://approve", "perhaps"), ("human://input", {"__class__": "x"}), ("human://input", "x" * MAX_ANSWER_BYTES)],
)
async def test_a_forged_answer_that_went_around_every_check_fails_the_task(agent: str, answer: Any) -> None:
    with pytest.raises(AgentError, match="cannot be used") as caught:
        await outcome(FakeSurroundings(answers=[answer]), task(agent))
    assert not caught.value.is_retryable


def test_the_time_to_answer_is_not_the_deadline_of_an_attempt() -> None:
    assert isinstance(HumanAdapter(), KeepsDeadlines)


async def test_health_knows_the_questions() -> None:
    assert (await HumanAdapter().health("human://input")).status is HealthStatus.OK
    unknown = await HumanAdapter().health("human://aprove")
    assert unknown.status is HealthStatus.UNREACHABLE
    assert "aprove" in unknown.detail


# --- what counts as an answer -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "choices", "typed", "meant"),
    [
        (QuestionKind.APPROVE, (), "y", "approved"),
        (QuestionKind.APPROVE, (), " Reject ", "rejected"),
        (QuestionKind.CHOOSE, ("a", "b"), "2", "b"),
        (QuestionKind.CHOOSE, ("2", "1"), "2", "2"),
        (QuestionKind.INPUT, (), '{"as": "it is"}', '{"as": "it is"}'),
        (QuestionKind.INPUT, (), "", ""),
        (QuestionKind.OUTPUT, (), '{"a": 1}', {"a": 1}),
        (QuestionKind.OUTPUT, (), "plain words", "plain words"),
        (QuestionKind.OUTPUT, ("a", "b"), '{"b": 1, "a": 2}', {"a": 2, "b": 1}),
        (QuestionKind.BUDGET, (), "raise to 5", "raise to 5"),
        (QuestionKind.AGENT, (), "blue", "blue"),
    ],
)
def test_what_is_typed_is_understood(kind: QuestionKind, choices: tuple[str, ...], typed: str, meant: Any) -> None:
    assert read_answer(Ask(kind, "?", choices=choices), typed) == meant


@pytest.mark.parametrize(
    ("kind", "choices", "typed", "reason"),
    [
        (QuestionKind.APPROVE, (), "perhaps", "not one of the choices"),
        (QuestionKind.CHOOSE, ("a", "b"), "3", "not one of the choices"),
        (QuestionKind.CHOOSE, ("a", "b"), "0", "not one of the choices"),
        (QuestionKind.CHOOSE, ("a", "b"), "²", "not one of the choices"),
        (QuestionKind.OUTPUT, ("a", "b"), "words", "not JSON"),
        (QuestionKind.OUTPUT, ("a", "b"), '{"a": 1}', "exactly the outputs"),
        (QuestionKind.OUTPUT, ("a", "b"), '{"a": NaN, "b": 1}', "not JSON"),
        (QuestionKind.OUTPUT, ("a", "b"), '{"a": ' + "[" * 5000 + "]" * 5000 + ', "b": 1}', "not JSON"),
        (QuestionKind.INPUT, (), "x" * 10_000_000, "too large"),
        (QuestionKind.INPUT, (), "half a \udc80", "not valid text"),
        (QuestionKind.OUTPUT, ("a", "b"), '{"a": [{"k": "\\ud800"}], "b": 1}', "not valid text"),
        (QuestionKind.OUTPUT, ("a", "b"), '{"a": {"\\ud800": 1}, "b": 1}', "not valid text"),
        (QuestionKind.OUTPUT, (), '"\\ud800"', "not valid text"),
        (QuestionKind.BUDGET, (), "more!", "no answer"),
        (QuestionKind.BUDGET, (), "cheaper llm://opnai/gpt-4o-mini", "nobody speaks to the provider 'opnai'"),
        (QuestionKind.BUDGET, (), "cheaper local://echo/loud", "nobody speaks to the provider 'local:'"),
    ],
)
def test_what_is_no_answer_is_refused_with_the_reason(
    kind: QuestionKind, choices: tuple[str, ...], typed: str, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        read_answer(Ask(kind, "?", choices=choices), typed)


def test_feedback_goes_with_a_rejection_only() -> None:
    approve = Ask(QuestionKind.APPROVE, "?")
    assert check_answer(approve, "rejected", "too long") == "rejected"
    with pytest.raises(InputError, match="goes with a rejection"):
        check_answer(approve, "approved", "good")
    with pytest.raises(InputError, match="too large"):
        check_answer(approve, "rejected", "x" * MAX_ANSWER_BYTES)


# --- what is wrong before anything runs ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agent", "options"),
    [
        ("human://approve", {}),
        ("human://approve", {"outputs": ("verdict", "feedback")}),
        ("human://approve", {"default": "approved", "on_timeout": "default"}),
        ("human://choose", {"choices": ["a", "b"], "default": "b"}),
        ("human://choose", {"choices": "${plan.cities}", "default": "Rome"}),
        ("human://choose", {"choices": ["${plan.first}", "other"]}),
        ("human://input", {"text": "Hello ${user.name}", "default": "${user.name}"}),
        ("human://input", {"outputs": ("a", "b"), "default": {"a": 1, "b": 2}}),
        ("human://output", {}),
    ],
)
def test_what_is_right_has_no_faults(agent: str, options: dict[str, Any]) -> None:
    assert faults(agent, **options) == []


@pytest.mark.parametrize(
    ("agent", "options", "path", "message"),
    [
        ("human://aprove", {}, ("agent",), "no question"),
        ("human://budget", {}, ("agent",), "no question"),
        ("human://input", {"txt": "?"}, ("config", "txt"), "no setting"),
        ("human://input", {"text": 5}, ("config", "text"), "must be text"),
        ("human://input", {"text": "a", "prompt": "b"}, ("config", "prompt"), "twice"),
        ("human://input", {"text": "a", "has_instructions": True}, ("system_prompt",), "twice"),
        ("human://input", {"choices": ["a"]}, ("config", "choices"), "only human://choose"),
        ("human://input", {"default": 5}, ("config", "default"), "must be text"),
        ("human://input", {"on_timeout": "wait"}, ("config", "on_timeout"), "'default' or 'fail'"),
        ("human://input", {"on_timeout": "default"}, ("config", "on_timeout"), "no 'default'"),
        ("human://choose", {}, ("config",), "nothing to choose"),
        ("human://choose", {"choices": []}, ("config", "choices"), "nothing to choose"),
        ("human://choose", {"choices": ["a", True]}, ("config", "choices"), "must be text"),
        ("human://choose", {"choices": ["a", "a"]}, ("config", "choices"), "twice"),
        ("human://choose", {"choices": ["a", "b"], "default": "c"}, ("config", "default"), "not one of the choices"),
        ("human://approve", {"default": "perhaps"}, ("config", "default"), "not one of the choices"),
        ("human://input", {"outputs": ("a", "b"), "default": {"a": 1}}, ("config", "default"), "exactly the outputs"),
        ("human://output", {"text": "?"}, ("config", "text"), "asks nothing"),
        ("human://approve", {"has_schema": True}, ("output_schema",), "no schema"),
        ("human://approve", {"outputs": ("feedback",)}, ("outputs",), "one output"),
        ("human://choose", {"choices": ["a"], "outputs": ("a", "b")}, ("outputs",), "one output"),
    ],
)
def test_what_is_wrong_is_found_by_reading(
    agent: str, options: dict[str, Any], path: tuple[str, ...], message: str
) -> None:
    found = faults(agent, **options)
    assert [fault.path for fault in found] == [path]
    assert message in found[0].message


def test_a_workflow_tells_where_the_fault_is(tmp_path: Path) -> None:
    from binex.errors import WorkflowError
    from binex.loader import parse_workflow

    text = "nodes:\n  gate:\n    agent: human://choose\n    config: {choices: [a, b], default: c}\n"
    with pytest.raises(WorkflowError) as caught:
        parse_workflow(text, file="flow.yaml", folder=tmp_path)
    assert [fault.line for fault in caught.value.faults] == [4]
