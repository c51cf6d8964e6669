"""Rules of running: dependencies, conditions, failures, known outcomes, capacity."""

from typing import Any

import pytest

from binex.models.agent_settings import Isolation
from binex.models.task import ErrorKind, SkipReason, TaskStatus
from tests.graph.play import Play, completed, failed, skipped


def test_a_node_runs_when_all_that_it_depends_on_is_settled() -> None:
    play = Play({"a": {}, "b": {}, "c": {"depends_on": ["a", "b"]}})
    assert play.running == ["a", "b"]
    play.complete("b")
    assert play.running == ["a"]
    play.complete("a")
    assert play.running == ["c"]
    play.complete("c")
    assert play.is_complete


def test_a_task_is_handed_out_with_everything_filled_in() -> None:
    play = Play(
        {
            "a": {"outputs": ["x", "y"]},
            "b": {},
            "c": {
                "depends_on": ["b"],
                "inputs": {"n": "${a.x.n}", "text": "${a.y}/${user.t}", "all": ["${a.x}"]},
                "config": {"key": "${secret.K}"},
                "system_prompt": "Be ${env.MOOD}, ${a.y}",
                "deadline_ms": 5,
                "retry_policy": {"max_retries": 3},
                "isolation": "process",
            },
        },
        variables={"t": "v"},
        environment={"K": "k3y", "MOOD": "kind"},
    )
    play.complete("a", x={"n": 1}, y="why")
    play.complete("b", "bee")
    task, work = play.task("c"), play.works["c"]
    assert task.inputs == {"n": 1, "text": "why/v", "all": [{"n": 1}]}
    assert task.config == {"key": "k3y"}
    assert task.system_prompt == "Be kind, why"
    assert (task.run_id, task.path, task.node_id, task.folder) == ("run", "c", "c", "folder")
    assert (task.attempt, task.deadline_ms, task.isolation) == (1, 5, Isolation.PROCESS)
    assert work.retry_policy.max_retries == 3
    assert [artifact.id for artifact in work.inputs] == ["run~b~output", "run~a~x", "run~a~y"]


def test_a_node_without_inputs_is_given_what_its_dependencies_made() -> None:
    play = Play({"a": {}, "b": {"outputs": ["x", "y"]}, "c": {"depends_on": ["a", "b"]}})
    play.complete("a", [1])
    play.complete("b", x=2, y=None)
    assert play.task("c").inputs == {"a": [1], "b.x": 2, "b.y": None}


def test_what_a_task_does_to_its_inputs_reaches_nobody_else() -> None:
    node = {"depends_on": ["a"], "inputs": {"x": "${user.list}", "y": "${user.list}", "z": "${a.output}"}}
    play = Play({"a": {}, "b": node, "c": node}, variables={"list": [1]}, concurrency=1)
    play.complete("a", [2])
    inputs = play.task("b").inputs
    for name in ("x", "z"):
        value = inputs[name]
        assert isinstance(value, list)
        value.append("changed")
    assert inputs["y"] == [1]
    play.complete("b")
    assert play.task("c").inputs == {"x": [1], "y": [1], "z": [2]}


def test_the_idempotency_key_depends_on_run_task_and_given_artifacts() -> None:
    def key(content: object, attempts: int = 0) -> str:
        play = Play({"a": {}, "b": {"depends_on": ["a"]}}, attempts={"b": attempts})
        play.complete("a", content)
        assert play.task("b").attempt == attempts + 1
        return play.task("b").idempotency_key

    assert key(1) == key(1, attempts=2) != key(2)


@pytest.mark.parametrize("status", [TaskStatus.FAILED, TaskStatus.TIMED_OUT, TaskStatus.CANCELLED])
def test_a_failed_node_skips_what_needs_it_and_spares_the_rest(status: TaskStatus) -> None:
    play = Play({"a": {}, "b": {"depends_on": ["a"]}, "c": {"depends_on": ["b"]}, "x": {}, "y": {"depends_on": ["x"]}})
    play.fail("a", status)
    for path in ("b", "c"):
        assert play.status(path) is TaskStatus.SKIPPED
        assert play.record(path).skip_reason is SkipReason.BLOCKED
        assert play.record(path).blocked_by == "a"
        assert play.record(path).attempt == 0
    play.complete("x")
    play.complete("y")
    assert play.is_complete


def test_a_skipped_node_is_blocked_by_the_first_that_failed_and_skipped_once() -> None:
    play = Play({"a": {}, "b": {}, "c": {"depends_on": ["a", "b"]}, "d": {"depends_on": ["c", "b"]}})
    play.fail("b")
    assert play.running == ["a"]
    assert play.record("c").blocked_by == play.record("d").blocked_by == "b"
    play.fail("a")
    assert play.is_complete


def test_a_false_condition_skips_a_node_and_what_only_depends_on_it_runs() -> None:
    play = Play(
        {
            "a": {},
            "b": {"when": "${a.output} == yes"},
            "c": {"depends_on": ["b"]},
            "d": {"inputs": {"b": "${b.output}", "deep": "${b.output.x.y}", "text": "<${b.output}>"}},
        }
    )
    play.complete("a", "no")
    assert play.record("b").skip_reason is SkipReason.WHEN
    assert play.record("b").blocked_by is None
    assert play.running == ["c", "d"]
    assert play.task("c").inputs == {"b": None}
    assert play.task("d").inputs == {"b": None, "deep": None, "text": "<null>"}
    assert play.works["c"].inputs == ()


def test_a_true_condition_changes_nothing() -> None:
    play = Play({"a": {}, "b": {"when": "${a.output} == yes"}})
    play.complete("a", "yes")
    assert play.running == ["b"]


def test_a_condition_of_a_blocked_node_is_never_asked() -> None:
    play = Play({"a": {}, "b": {}, "c": {"when": "${a.output.x} > 1", "depends_on": ["b"]}})
    play.complete("a", "text")
    play.fail("b")
    assert play.record("c").skip_reason is SkipReason.BLOCKED
    assert play.is_complete


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"when": "${a.output} < 1"}, "text and a number have no order"),
        ({"when": "${a.output.x}"}, "text has no field 'x'"),
        ({"inputs": {"x": "${a.output.x}"}}, "${a.output.x}: text has no field 'x'"),
        ({"config": {"x": "${a.output.x}"}}, "${a.output.x}: text has no field 'x'"),
        ({"system_prompt": "${a.output.x}"}, "${a.output.x}: text has no field 'x'"),
        ({"inputs": {"x": "${user.nobody} ${a.output}"}}, "${user.nobody} has no value (pass it with --var)"),
    ],
)
def test_a_task_that_cannot_be_put_together_has_failed(node: dict[str, object], message: str) -> None:
    play = Play({"a": {}, "b": {"depends_on": ["a"], **node}, "c": {"depends_on": ["b"]}}, attempts={"b": 2})
    play.complete("a", "text")
    assert play.status("b") is TaskStatus.FAILED
    assert play.record("b").attempt == 3
    error = play.record("b").error
    assert error is not None
    assert error.kind is ErrorKind.BAD_INPUT
    assert message in play.why("b")
    assert play.record("c").blocked_by == "b"
    assert play.is_complete


def test_odd_text_in_an_output_is_data_in_messages_too() -> None:
    play = Play({"a": {}, "b": {"inputs": {"x": "${a.output.y}"}}, "c": {"inputs": {"x": "<${a.output}>"}}})
    play.complete("a", {"\ud800": 1})
    assert "\\ud800" in play.why("b")
    assert play.task("c").inputs == {"x": '<{"\ud800":1}>'}


def test_no_more_tasks_run_than_there_is_room_for() -> None:
    play = Play({name: {} for name in "abcde"}, concurrency=2)
    assert play.running == ["a", "b"]
    play.complete("b")
    assert play.running == ["a", "c"]
    play.complete_all()
    assert play.is_complete


def test_every_provider_has_room_of_its_own() -> None:
    play = Play(
        {
            **{f"l{i}": {"agent": "llm://openai/gpt"} for i in range(3)},
            **{f"e{i}": {} for i in range(3)},
        },
        concurrency={"default": 2, "openai": 1},
    )
    assert sorted(play.running) == ["e0", "e1", "l0"]
    play.complete("l0")
    assert sorted(play.running) == ["e0", "e1", "l1"]


def test_known_nodes_do_not_run_again() -> None:
    nodes: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"depends_on": ["a"]},
        "c": {"inputs": {"a": "${a.output}", "b": "${b.output}"}},
    }
    play = Play(nodes, known=[completed("b", 2), completed("a", 1)])
    assert play.running == ["c"]
    assert play.task("c").inputs == {"a": 1, "b": 2}


def test_a_run_of_which_everything_is_known_is_complete() -> None:
    assert Play({"a": {}, "b": {"depends_on": ["a"]}}, known=[completed("a"), completed("b")]).is_complete


def test_a_known_failure_blocks_what_is_left() -> None:
    nodes: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"depends_on": ["a"]},
        "c": {"depends_on": ["b"]},
        "d": {"depends_on": ["c"]},
    }
    assert Play(nodes, known=[failed("a")]).record("d").blocked_by == "a"
    play = Play(nodes, known=[failed("a"), skipped("b", SkipReason.BLOCKED, "a")])
    assert play.outcomes.keys() == {"c", "d"}
    assert play.record("d").blocked_by == "a"


def test_a_known_skip_by_condition_counts_as_settled() -> None:
    nodes: dict[str, dict[str, Any]] = {"a": {}, "b": {"when": "${a.output}"}, "c": {"inputs": {"b": "${b.output}"}}}
    play = Play(nodes, known=[completed("a", False), skipped("b", SkipReason.WHEN)])
    assert play.task("c").inputs == {"b": None}


def test_a_known_node_below_one_that_runs_again_is_left_alone() -> None:
    nodes: dict[str, dict[str, Any]] = {
        "a": {},
        "b": {"depends_on": ["a"]},
        "c": {"inputs": {"a": "${a.output}", "b": "${b.output}"}},
    }
    play = Play(nodes, known=[completed("b", "old")])
    assert play.running == ["a"]
    play.complete("a", "new")
    assert play.task("c").inputs == {"a": "new", "b": "old"}
    play.complete("c")
    assert play.is_complete
    play = Play(nodes, known=[completed("b", "old")])
    play.fail("a")
    assert play.outcomes.keys() == {"a", "c"}


def test_attempts_are_counted_on() -> None:
    play = Play({"a": {}, "b": {"foreach": "${user.list}"}}, variables={"list": [1, 2]}, attempts={"a": 2, "b[1]": 4})
    assert [play.task(path).attempt for path in ("a", "b[0]", "b[1]")] == [3, 1, 5]


def test_time_is_taken_when_a_task_could_run() -> None:
    play = Play({"a": {}, "b": {}, "c": {"depends_on": ["a"]}}, concurrency=1)
    assert play.works["a"].ready_at
    play.complete("a")
    play.complete("b")
    assert play.works["a"].ready_at <= play.works["b"].ready_at <= play.works["c"].ready_at
