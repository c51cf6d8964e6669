"""H1, H6 and H7: replays that reach nobody and leave the run as it was, and stores of other versions."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.a2a_server import AgentServer, serving
from tests.faults.ended import project_of
from tests.faults.harness import Project, environment
from tests.faults.test_agents_misbehave import connected_to
from tests.faults.tracing import needs_strace, watching
from tests.model_server import ModelServer

CODE = """
import httpx, requests
import binex

def fetch(url):
    return [httpx.get(url).json(), requests.get(url).json()]

def chance():
    return [binex.random(), str(binex.uuid())]
"""


def nodes_with(models: str, agent: str) -> dict[str, dict[str, Any]]:
    """One node of every kind of agent."""
    return {
        "fetch": {"agent": "local://steps.fetch", "inputs": {"url": f"{models}/models"}},
        "apart": {"agent": "local://steps.fetch", "inputs": {"url": f"{models}/models"}, "isolation": "process"},
        "chance": {"agent": "local://steps.chance"},
        "model": {
            "agent": "llm://openai/the-model",
            "inputs": {"x": "${chance.output}"},
            "config": {"api_base": models, "api_key": "${env.MODEL_KEY}"},
        },
        "scripted": {"agent": "llm://mock/m", "inputs": {"x": 1}},
        "remote": {"agent": agent, "inputs": {"x": "${scripted.output}"}},
        "each": {"agent": "llm://mock/m", "foreach": "${chance.output}", "inputs": {"x": "${item}"}},
        "never": {"agent": "local://echo", "when": "${model.output} == 'nothing'", "inputs": {"x": 1}},
    }


@pytest.fixture
def recorded(tmp_path: Path) -> Project:
    """A run whose model server and remote agent are gone."""
    with ModelServer() as models, serving(AgentServer()) as agent:
        project = project_of(tmp_path, nodes_with(models.url(), agent.uri), CODE)
        finished = project.binex("run", project.file, env=environment(MODEL_KEY="sk-test-0123456789abcdef"))
        assert finished.code == 0, finished
    return project


@needs_strace
def test_a_replay_of_every_kind_of_agent_is_equal_and_opens_no_connection(recorded: Project, tmp_path: Path) -> None:
    """H6."""
    trace = tmp_path / "replay.trace"
    finished = recorded.binex("replay", "--json", before=watching(trace, "connect"))
    assert finished.code == 0, finished
    verdict = json.loads(finished.out)
    assert verdict["is_equal"]
    assert verdict["tasks"] == 10
    assert connected_to(trace) == set()
