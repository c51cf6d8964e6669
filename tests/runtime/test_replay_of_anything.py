"""Any workflow, run and then replayed: the same tasks end in the same way, and every artifact is the same."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from binex.analysis.replayed import compare_replay
from binex.loader import parse_workflow
from binex.models.run import RunStatus
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session, open_session

EXAMPLES = 500
CODE = """
import asyncio
import binex

def fail(**given):
    raise ValueError("not today")

def chance(**given):
    return [binex.random(), str(binex.uuid()), binex.now().isoformat()]

async def wait(**given):
    await asyncio.sleep(0.001)
    return given

def numbers(**given):
    return [1, 2, 0]

def picky(**given):
    if any(value in (0, None) for value in given.values()):
        raise RuntimeError("picky")
    return given
"""

texts = st.sampled_from(["one", "two", "[1, 2]", ""])
answers = st.one_of(
    texts.filter(bool).map(lambda text: {"text": text}),
    st.just({"json": [1, "a", 0]}),
    st.just({"error": {"status": 500, "body": "down"}}),
    st.just({"error": {"status": 401, "body": "who?"}}),
    st.just({"error": "half_stream", "text": "cut off here"}),
    st.just({"error": "refusal", "text": "no"}),
    st.just({"chunks": ["in ", "pieces"], "chunk_delay_ms": 1}),
    st.just({"error": "hang"}),
)


@st.composite
def agents(draw: st.DrawFn) -> dict[str, Any]:
    """Who does the work of a node, with what belongs to that."""
    local = draw(st.sampled_from(["echo", "steps.fail", "steps.chance", "steps.wait", "steps.numbers", "steps.picky"]))
    if draw(st.booleans()):
        return {"agent": f"local://{local}"}
    script = draw(st.lists(answers, min_size=1, max_size=3))
    node: dict[str, Any] = {"agent": "llm://mock/a", "config": {"answers": script}}
    if draw(st.booleans()):
        node["fallbacks"] = ["llm://mock/b"]
    if any(answer.get("error") == "hang" for answer in script):
        node["deadline_ms"] = 60
    return node


@st.composite
def workflows(draw: st.DrawFn) -> dict[str, Any]:
    """Up to seven nodes, each after any of those before it."""
    nodes: dict[str, Any] = {}
    for number in range(draw(st.integers(1, 7))):
        before = list(nodes)
        upstream = draw(st.lists(st.sampled_from(before), unique=True, max_size=3)) if before else []
        node = draw(agents())
        node["inputs"] = {"own": number} | {f"in{i}": f"${{{name}.output}}" for i, name in enumerate(upstream)}
        conditions = ["${user.list} == []", *(f"${{{name}.output}} != 0" for name in upstream)]
        if draw(st.integers(0, 3)) == 0:
            node["foreach"] = draw(st.sampled_from(["${user.list}", *upstream[:1]]))
            node["inputs"]["item"] = "${item}"
            node["max_parallel"] = draw(st.sampled_from([1, 2, 9]))
            node["on_item_failure"] = draw(st.sampled_from(["continue", "fail_fast"]))
            conditions.append("${item} != 0")
        if draw(st.integers(0, 3)) == 0:
            node["when"] = draw(st.sampled_from(conditions))
        if draw(st.booleans()):
            node["retry_policy"] = {"max_retries": draw(st.integers(1, 2)), "delay_ms": 1}
        nodes[f"n{number}"] = node
    return {"name": "any", "inputs": {"list": {"type": "array", "default": [1, 0, 2]}}, "nodes": nodes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "steps.py").write_text(CODE)
    return tmp_path


def test_a_replay_of_any_workflow_is_equal_and_a_fork_from_anywhere_executes_only_what_follows(folder: Path) -> None:
    with asyncio.Runner() as runner:
        opening = open_session(folder / ".binex", durability="normal")
        session = runner.run(opening.__aenter__())
        try:

            @given(workflows(), st.data())
            @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
            def check(workflow: dict[str, Any], data: st.DataObject) -> None:
                start = data.draw(st.sampled_from(sorted(workflow["nodes"])))
                runner.run(replay_and_fork(session, folder, workflow, start))

            check()
        finally:
            runner.run(opening.__aexit__(None, None, None))


async def replay_and_fork(session: Session, folder: Path, workflow: dict[str, Any], start: str) -> None:
    spec = parse_workflow(json.dumps(workflow), file="any.yaml", folder=folder, registry=session.registry)
    run = await session.run(spec)
    assert run.status in (RunStatus.COMPLETED, RunStatus.FAILED)
    verdict = await compare_replay(session.store, (await session.replay(run.run_id)).run, run.run)
    assert verdict.is_equal, verdict.first
    fork = await session.fork(run.run_id, ForkRequest(from_=(start,)))
    reached = descendants(workflow, start)
    for record in await session.store.list_records(fork.run_id):
        if record.node_id not in reached:
            assert record.reused_from == run.run_id
    again = await compare_replay(session.store, (await session.replay(fork.run_id)).run, fork.run)
    assert again.is_equal, again.first


def descendants(workflow: dict[str, Any], start: str) -> set[str]:
    found = {start}
    for node_id, node in workflow["nodes"].items():  # in an order in which nobody comes before what it needs
        needed = json.dumps([node.get("inputs"), node.get("when"), node.get("foreach")])
        if any(f"${{{name}.output}}" in needed or node.get("foreach") == name for name in found):
            found.add(node_id)
    return found
