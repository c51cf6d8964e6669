"""Events put together: what a remote task has come to."""

from typing import Any

import pytest

from binex.adapters.a2a.bookmark import Bookmark
from binex.adapters.a2a.message import message_id
from binex.adapters.a2a.reading import TaskReading
from binex.errors import BadReplyError
from binex.models.task import TaskNode


def _task(state: str, **status: Any) -> dict[str, Any]:
    return {"task": {"id": "t1", "contextId": "c1", "status": {"state": f"TASK_STATE_{state}", **status}}}


def _asks(message_id: str = "", at: str = "") -> dict[str, Any]:
    message = {"messageId": message_id, "parts": [{"text": "who?"}]}
    return _task("INPUT_REQUIRED", message=message, **({"timestamp": at} if at else {}))


def _reading(*events: dict[str, Any], before: TaskReading | None = None) -> TaskReading:
    reading = TaskReading("host", before)
    for event in events:
        reading.take(event)
    return reading


@pytest.mark.parametrize(("first", "again"), [(_asks("m1"), _asks("m1")), (_asks(at="1"), _asks(at="1"))])
def test_a_question_that_was_answered_is_not_asked_again(first: dict[str, Any], again: dict[str, Any]) -> None:
    reading = _reading(again, before=_reading(first))
    assert reading.is_unmoved
    assert not reading.is_settled
    reading.take(_task("SUBMITTED"))
    assert reading.state == "SUBMITTED"


@pytest.mark.parametrize(
    ("first", "again"), [(_asks("m1"), _asks("m2")), (_asks(at="1"), _asks(at="2")), (_asks(), _asks())]
)
def test_another_question_is_one_even_where_it_is_worded_alike(first: dict[str, Any], again: dict[str, Any]) -> None:
    assert _reading(again, before=_reading(first)).is_interrupted


def test_what_is_said_twice_is_shown_once() -> None:
    message = {"messageId": "m", "parts": [{"text": "half done"}]}
    reading = TaskReading("host")
    assert reading.take(_task("WORKING", message=message)) == "half done\n"
    assert reading.take(_task("WORKING", message=message)) == ""


def test_a_task_that_leaves_its_artifacts_out_has_still_made_them() -> None:
    update = {"taskId": "t1", "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}}
    reading = _reading(_task("WORKING"), {"artifactUpdate": update}, _task("COMPLETED"))
    assert list(reading.artifacts) == ["a"]


def test_a_chunk_for_an_artifact_that_is_not_there_begins_it() -> None:
    update = {"taskId": "t1", "append": True, "artifact": {"artifactId": "a", "parts": [{"text": "x"}]}}
    assert list(_reading({"artifactUpdate": update}).artifacts) == ["a"]


@pytest.mark.parametrize("event", [{}, {"task": None}, {"artifactUpdate": {"taskId": "t1"}}, {"task": {"id": 7}}])
def test_what_is_no_event_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(BadReplyError):
        TaskReading("host").take(event)


def test_a_question_is_counted_once_where_it_can_be_told_from_others() -> None:
    task = TaskNode(run_id="r", path="n", node_id="n", agent="a2a://h", inputs={}, idempotency_key="k")
    mark = Bookmark.of(None, task, "a2a://h")
    assert mark.message_id == message_id(task)
    assert [mark.asking("x").asking("x").questions, mark.asking("x").asking("y").questions] == [1, 2]
    assert mark.asking("").asking("").questions == 2
    assert Bookmark.of(mark.asking("x").as_json(), task, "a2a://h") == mark.asking("x")
