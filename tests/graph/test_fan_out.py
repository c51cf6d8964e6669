"""A node for each item of a list."""

from typing import Any

import pytest

from binex.models.task import ErrorKind, SkipReason, TaskStatus
from tests.graph.play import Play, completed, ended, failed, skipped


def fan_out(content: object = ("x", "y", "z"), **node: Any) -> Play:
    """``plan`` has made *content*, and ``each`` runs over it; ``after`` takes in what comes out."""
    known = node.pop("known", ())
    attempts = node.pop("attempts", None)
    concurrency = node.pop("concurrency", None)
    play = Play(
        {"plan": {}, "each": {"foreach": "plan", **node}, "after": {"inputs": {"all": "${each}"}}}
        if "outputs" not in node
        else {"plan": {}, "each": {"foreach": "plan", **node}, "after": {"depends_on": ["each"]}},
        known=known,
        attempts=attempts,
        concurrency=concurrency,
    )
    if not known:
        play.complete("plan", content)
    return play


def test_every_item_is_a_task_of_its_own_and_the_results_keep_the_order() -> None:
    play = fan_out()
    assert play.running == ["each[0]", "each[1]", "each[2]"]
    assert [play.task(path).inputs for path in play.running] == [{"item": "x"}, {"item": "y"}, {"item": "z"}]
    assert [(found.path, len(found)) for found in play.scheduler.new_fan_outs()] == [("each", 3)]
    assert play.scheduler.new_fan_outs() == []
    for path in ("each[2]", "each[0]", "each[1]"):
        play.complete(path, f"made by {path}")
    assert play.content("each") == ["made by each[0]", "made by each[1]", "made by each[2]"]
    assert play.task("after").inputs == {"all": play.content("each")}


def test_items_and_their_index_are_filled_in() -> None:
    play = fan_out(
        [{"t": "a", "n": [1]}, {"t": "b", "n": [2]}],
        inputs={"t": "${item.t}", "n": "${item.n.0}", "i": "${index}", "text": "${index}: ${item}", "all": "${plan}"},
        config={"first": "${item.t}"},
        system_prompt="No. ${index}",
    )
    task = play.task("each[1]")
    assert task.inputs == {
        "t": "b",
        "n": 2,
        "i": 1,
        "text": '1: {"t":"b","n":[2]}',
        "all": [{"t": "a", "n": [1]}, {"t": "b", "n": [2]}],
    }
    assert (task.node_id, task.config, task.system_prompt) == ("each", {"first": "b"}, "No. 1")
    assert [artifact.id for artifact in play.works["each[1]"].inputs] == ["run~plan~output"]


def test_several_outputs_become_a_list_each() -> None:
    play = fan_out([1, 2, 3], outputs=["title", "text"])
    play.complete("each[1]", title="t1", text="x1")
    play.complete("each[0]", title="t0", text={"a": 0})
    play.fail("each[2]")
    assert play.content("each", "title") == ["t0", "t1", None]
    assert play.content("each", "text") == [{"a": 0}, "x1", None]
    assert play.task("after").inputs == {"each.title": ["t0", "t1", None], "each.text": [{"a": 0}, "x1", None]}


def test_the_joined_list_knows_what_it_was_made_from() -> None:
    play = fan_out(["a", "b"], attempts={"each": 2})
    play.complete("each[0]", "A")
    play.fail("each[1]")
    (artifact,) = play.outcomes["each"].artifacts
    assert artifact.id == "run~each~output"
    assert artifact.lineage.derived_from == ("run~each[0]~output",)
    assert artifact.lineage.attempt == play.record("each").attempt == 3
    assert play.record("each").output_artifacts == (artifact.id,)
    assert artifact.size == len(artifact.data)


def test_an_empty_list_gives_an_empty_list() -> None:
    play = fan_out([], outputs=["a", "b"])
    assert (play.content("each", "a"), play.content("each", "b")) == ([], [])
    assert play.running == ["after"]


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, "null"), ("text", "text"), (5, "a number"), (True, "a boolean"), ({"a": 1}, "an object")],
)
def test_what_is_not_a_list_fails_the_node(content: object, kind: str) -> None:
    play = fan_out(content)
    assert play.why("each") == f"foreach needs a list, and ${{plan}} is {kind}"
    assert play.record("after").blocked_by == "each"


def test_more_items_than_allowed_are_refused_before_the_first_one_runs() -> None:
    play = fan_out(list(range(101)))
    assert play.why("each") == (
        "foreach over ${plan}: 101 items, limit 100 (max_items) "
        "(set max_items: 101 on node 'each', or make the list shorter)"
    )
    assert "each[0]" not in play.works
    assert len(fan_out(list(range(101)), max_items=101, concurrency=1000).running) == 101
    assert "1,000,000 items" in fan_out([0] * 1_000_000).why("each")


def test_the_list_may_lie_inside_an_output_or_be_a_variable() -> None:
    play = Play(
        {"a": {"foreach": "${user.deep.list}"}, "b": {"foreach": "${user.deep.list}", "inputs": {"x": "${user.deep}"}}},
        variables={"deep": {"list": ["p", "q"]}},
        concurrency=1,
    )
    play.complete_all()
    assert play.task("b[0]").inputs == play.task("b[1]").inputs == {"x": {"list": ["p", "q"]}}
    assert play.task("a[1]").inputs == {"item": "q"}
    assert play.is_complete


def test_no_more_items_run_at_a_time_than_max_parallel() -> None:
    play = fan_out(list(range(5)), max_parallel=2)
    assert play.running == ["each[0]", "each[1]"]
    play.complete("each[1]")
    assert play.running == ["each[0]", "each[2]"]
    play.fail("each[0]")
    assert play.running == ["each[2]", "each[3]"]
    play.complete_all()
    assert play.is_complete


def test_a_fan_out_leaves_room_for_other_nodes() -> None:
    play = Play(
        {"a": {"foreach": "${user.l}"}, "b": {"foreach": "${user.l}"}, "c": {}},
        variables={"l": [1, 2, 3]},
        concurrency=3,
    )
    assert play.running == ["a[0]", "b[0]", "c"]
    play.complete("c")
    assert play.running == ["a[0]", "b[0]", "a[1]"]


def test_a_failed_item_leaves_null_and_the_others_go_on() -> None:
    play = fan_out()
    play.fail("each[1]")
    play.fail("each[0]", TaskStatus.TIMED_OUT)
    play.complete("each[2]", "Z")
    assert play.content("each") == [None, None, "Z"]
    assert play.scheduler.to_cancel() == []
    assert play.running == ["after"]


def test_where_all_items_failed_the_node_has_failed() -> None:
    play = fan_out(["a", "b"])
    play.fail("each[1]")
    play.fail("each[0]")
    assert play.status("each") is TaskStatus.FAILED
    error = play.record("each").error
    assert error is not None
    assert error.kind is ErrorKind.ITEMS
    assert error.message == "2 of 2 items failed; each[0]: each[0] broke"
    assert play.record("after").blocked_by == "each"


def test_fail_fast_stops_the_other_items_and_fails_the_node() -> None:
    play = fan_out(list(range(6)), max_parallel=3, on_item_failure="fail_fast")
    play.complete("each[0]")
    assert play.running == ["each[1]", "each[2]", "each[3]"]
    play.fail("each[2]")
    assert play.scheduler.to_cancel() == ["each[1]", "each[3]"]
    assert play.scheduler.to_cancel() == []
    for path in ("each[4]", "each[5]"):
        assert play.record(path).skip_reason is SkipReason.BLOCKED
        assert play.record(path).blocked_by == "each[2]"
    play.fail("each[1]", TaskStatus.CANCELLED)
    assert "each" not in play.outcomes
    play.complete("each[3]")
    assert play.scheduler.to_cancel() == []
    assert play.why("each") == "2 of 6 items failed; each[2]: each[2] broke"
    assert play.record("after").blocked_by == "each"
    assert play.is_complete


def test_only_what_an_agent_works_on_is_stopped() -> None:
    play = Play(
        {"each": {"foreach": "${user.list}", "when": "${item} != 2", "on_item_failure": "fail_fast"}},
        variables={"list": [1, 2, 3]},
        is_settling_decisions=False,
    )
    assert play.running == ["each[0]", "each[2]"]
    play.fail("each[0]")
    assert play.scheduler.to_cancel() == ["each[2]"]


def test_an_item_that_cannot_be_put_together_fails_alone() -> None:
    play = fan_out([{"t": 1}, "text", {"t": 3}], inputs={"t": "${item.t}"})
    assert play.running == ["each[0]", "each[2]"]
    assert play.why("each[1]") == "${item.t}: text has no field 't'"
    play.complete_all()
    assert play.content("each") == ["each[0].output", None, "each[2].output"]


def test_an_item_that_cannot_be_put_together_stops_the_rest_under_fail_fast() -> None:
    play = fan_out([{}, {"t": 1}], inputs={"t": "${item.t}"}, on_item_failure="fail_fast", max_parallel=1)
    assert play.record("each[1]").blocked_by == "each[0]"
    assert play.status("each") is TaskStatus.FAILED
    assert play.is_complete


def test_a_condition_about_the_item_skips_items() -> None:
    play = fan_out([1, 5, 2, 7], when="${item} > 1 and ${index} < 3", max_parallel=1)
    assert play.record("each[0]").skip_reason is SkipReason.WHEN
    play.complete("each[1]", "five")
    play.complete("each[2]", "two")
    assert play.record("each[3]").skip_reason is SkipReason.WHEN
    assert play.content("each") == [None, "five", "two", None]


def test_where_every_item_is_skipped_by_its_condition_the_node_completes() -> None:
    play = fan_out([1, 2], when="${item} > 5")
    assert play.content("each") == [None, None]


def test_where_no_item_completed_and_one_failed_the_node_has_failed() -> None:
    play = fan_out([1, 9], when="${item} > 5")
    play.fail("each[1]")
    assert play.why("each") == "1 of 2 items failed; each[1]: each[1] broke"


def test_a_condition_about_something_else_skips_the_whole_node() -> None:
    play = fan_out([1, 2], when="${plan.output} == []")
    assert play.record("each").skip_reason is SkipReason.WHEN
    assert play.scheduler.new_fan_outs() == []
    assert play.task("after").inputs == {"all": None}


def test_known_items_do_not_run_again() -> None:
    known = [
        completed("plan", ["x", "y", "z", "w"]),
        completed("each[2]", "Z"),
        failed("each[0]"),
        completed("each[9]"),
    ]
    play = fan_out(known=known, max_parallel=1, attempts={"each[1]": 1})
    assert play.running == ["each[1]"]
    assert play.task("each[1]").attempt == 2
    play.complete("each[1]", "Y")
    assert play.running == ["each[3]"]
    play.complete("each[3]", "W")
    assert play.content("each") == [None, "Y", "Z", "W"]


def test_where_all_items_are_known_only_the_list_is_made() -> None:
    play = fan_out(known=[completed("plan", [1, 2]), completed("each[1]", "B"), completed("each[0]", "A")])
    assert play.content("each") == ["A", "B"]
    assert play.running == ["after"]


def test_a_known_failed_item_stops_the_rest_under_fail_fast() -> None:
    play = fan_out(known=[completed("plan", [1, 2, 3]), failed("each[1]")], on_item_failure="fail_fast")
    assert play.running == []
    assert play.record("each[0]").blocked_by == play.record("each[2]").blocked_by == "each[1]"
    assert play.why("each") == "1 of 3 items failed; each[1]: each[1] broke"
    known = [completed("plan", [1, 2]), failed("each[1]"), skipped("each[0]", SkipReason.BLOCKED, "each[1]")]
    assert fan_out(known=known, on_item_failure="fail_fast").status("each") is TaskStatus.FAILED


def test_fan_outs_follow_one_another() -> None:
    play = Play(
        {"a": {"foreach": "${user.l}"}, "b": {"foreach": "a", "inputs": {"x": "${item}"}}}, variables={"l": [1, 2]}
    )
    play.complete("a[0]", {"deep": [1]})
    play.fail("a[1]")
    assert [play.task(path).inputs for path in play.running] == [{"x": {"deep": [1]}}, {"x": None}]


def test_an_item_with_odd_text_is_joined_like_any_other() -> None:
    play = fan_out(["a", "b"])
    play.complete("each[0]", "\ud800")
    play.settle(ended("each[1]", TaskStatus.COMPLETED, {"output": ("tuple",)}))
    assert play.content("each") == ["\ud800", ["tuple"]]
