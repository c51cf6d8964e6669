"""Artifacts, records and errors."""

import hashlib
import pickle

import pytest
from pydantic import ValidationError

from binex.errors import BadOutputError
from binex.models.task import Artifact, ArtifactInfo, ErrorInfo, ErrorKind, ExecutionRecord, TaskNode, TaskStatus, now


def a_task(path: str = "search[3]") -> TaskNode:
    return TaskNode(
        run_id="run", path=path, node_id="search", agent="local://a.b", inputs={}, attempt=2, input_artifacts=("x",)
    )


def test_an_artifact_knows_its_bytes_and_where_it_came_from() -> None:
    artifact = Artifact.of(a_task(), "hits", {"a": [1]})
    assert artifact.id == "run~search[3]~hits"
    assert artifact.data == b'{"a":[1]}'
    assert artifact.size == 9
    assert artifact.sha256 == hashlib.sha256(artifact.data).hexdigest()
    assert (artifact.lineage.task, artifact.lineage.attempt) == ("search[3]", 2)
    assert artifact.lineage.derived_from == ("x",)
    assert artifact.content == {"a": [1]}


def test_changing_the_content_that_was_read_changes_no_artifact() -> None:
    artifact = Artifact.of(a_task(), "hits", [1])
    content = artifact.content
    assert isinstance(content, list)
    content.append(2)
    assert artifact.content == [1]


def test_other_content_comes_with_its_own_size_and_hash() -> None:
    artifact = Artifact.of(a_task(), "hits", "secret").with_data(b'"***"')
    assert (artifact.size, artifact.content) == (5, "***")
    assert artifact.sha256 == hashlib.sha256(b'"***"').hexdigest()


def test_the_envelope_holds_everything_but_the_content() -> None:
    artifact = Artifact.of(a_task(), "hits", "text")
    assert type(artifact.info) is ArtifactInfo
    assert artifact.info.model_dump() == artifact.model_dump()
    assert "text" not in repr(artifact)


def test_an_artifact_of_something_else_than_json_is_refused() -> None:
    with pytest.raises(BadOutputError, match="not JSON"):
        Artifact.of(a_task(), "hits", {1, 2})


def test_models_are_frozen_and_refuse_unknown_fields() -> None:
    task = a_task()
    with pytest.raises(ValidationError, match="frozen"):
        task.path = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="Extra inputs"):
        ErrorInfo.model_validate({"kind": "code", "type": "E", "message": "m", "colour": "red"})


def test_an_error_is_never_empty() -> None:
    with pytest.raises(ValidationError, match="at least 1 character"):
        ErrorInfo(kind=ErrorKind.CODE, type="ValueError", message="")


def test_an_error_can_be_written_down_whatever_it_says() -> None:
    error = ErrorInfo(kind=ErrorKind.CODE, type="E\udfff", message="a \ud800 b", fix="\ud800", traceback="\ud800")
    assert error.message == "a \\ud800 b"
    assert ErrorInfo.model_validate_json(error.model_dump_json()) == error


def test_one_attempt_has_one_record_id() -> None:
    record = ExecutionRecord(
        run_id="run", task="a[1]", node_id="a", agent="x", attempt=2, status=TaskStatus.FAILED, ended_at=now()
    )
    assert record.id == "run~a[1]~2"
    assert pickle.loads(pickle.dumps(record)) == record


def test_a_text_that_was_just_made_equals_the_same_text_read_back() -> None:
    task = TaskNode(run_id="r", path="a", node_id="a", agent="x://y", inputs={})
    made = Artifact.of(task, "output", "hello")
    read = Artifact(**{name: getattr(made, name) for name in Artifact.model_fields})
    assert made.content == read.content == "hello"
    assert made == read
    assert made.with_data(b'"bye"').content == "bye"
