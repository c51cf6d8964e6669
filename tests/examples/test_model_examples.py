"""The examples with models, tools and people, run as their readers run them."""

import os
import sys
from pathlib import Path

import pytest

import binex
from binex.models.call import CallKind
from binex.models.question import Answer
from binex.models.run import RunStatus
from binex.models.task import TaskStatus, now

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def python_is_this_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """`command: python` in a workflow means the one that is first on the path, as in an activated environment."""
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.usefixtures("python_is_this_one")
async def test_research_uses_an_mcp_tool_and_a_function_for_every_question(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        run = await session.run(EXAMPLES / "research" / "flow.yaml")
        calls = await session.store.list_calls(run.run_id)
    assert run.status is RunStatus.COMPLETED
    assert run.run.counts[TaskStatus.COMPLETED] == 6
    assert "Bay of Fundy" in str(run.outputs["report"]["output"])
    tools = sorted((call.task, call.target) for call in calls if call.kind is CallKind.TOOL and call.target.count("/") > 2)
    assert tools == [
        ("search[0]", "mcp://shelf/find"),
        ("search[1]", "mcp://shelf/find"),
        ("search[2]", "mcp://shelf/find"),
    ]
    assert any(call.target == "python://counting.count_words" for call in calls)


async def test_review_waits_for_a_person_and_goes_on_as_they_decide(tmp_path: Path) -> None:
    async with binex.open_session(tmp_path / ".binex") as session:
        run = await session.run(EXAMPLES / "review" / "flow.yaml")
        assert run.status is RunStatus.WAITING
        (question,) = run.questions
        assert question.task == "approval"
        assert isinstance(question.shown, dict)
        assert set(question.shown) == {"draft", "remark"}
        answer = Answer(value="rejected", feedback="Say where they can be had.", by="somebody", at=now())
        await session.store.answer(question.id, answer)
        done = await session.resume(run.run_id)
        calls = await session.store.list_calls(run.run_id)
        body = next(call.request for call in calls if call.task == "revise")
        assert body is not None
        asked = (await session.store.read_body(body)).decode()
    assert done.status is RunStatus.COMPLETED
    assert "every harbour office" in str(done.outputs["revise"]["output"])
    assert "Say where they can be had." in asked
    assert len([call for call in calls if call.task == "draft"]) == 1, "nothing is asked again"
