"""H1, H6 and H7: replays that reach nobody and leave the run as it was, and stores of other versions."""

import hashlib
import json
import shutil
import signal
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.a2a_server import AgentServer, serving
from tests.faults.ended import project_of
from tests.faults.harness import Project, environment
from tests.faults.test_agents_misbehave import connected_to
from tests.faults.tracing import needs_strace, watching
from tests.model_server import Answer, ModelServer, Wire

FIXTURES = Path(__file__).parents[1] / "stores" / "fixtures"
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


@pytest.mark.parametrize(("version", "run"), [("v1", "1p8t6y0b459y"), ("v2", "1p9b5ytw8nvt"), ("v3", "1p9ewf5cez6c")])
def test_a_run_that_an_earlier_version_has_recorded_is_replayed(version: str, run: str, tmp_path: Path) -> None:
    """H7."""
    project = project_of(tmp_path, {"unused": {"agent": "local://echo", "inputs": {"x": 1}}})
    shutil.copytree(FIXTURES / version, project.store)
    for path in [project.store, *project.store.rglob("*")]:
        path.chmod(0o700 if path.is_dir() else 0o600)
    before = kept_of(project, run)
    finished = project.binex("replay", run, "--json")
    assert finished.code == 0, finished
    verdict = json.loads(finished.out)
    assert verdict["is_equal"]
    assert verdict["artifacts"] >= 3
    assert kept_of(project, run) == before


def test_the_run_that_is_replayed_or_forked_is_never_written_to(recorded: Project) -> None:
    """H6."""
    run = json.loads(recorded.binex("runs", "--json").out)["runs"][0]["id"]
    before = kept_of(recorded, run)
    assert recorded.binex("replay", run).code == 0
    assert recorded.binex("replay", run, "--from", "scripted", "--only", "scripted", "--plan").code == 0
    assert recorded.binex("replay", run, "--edit", "chance.output=[1, 2]", "--only", "each").code == 0
    assert kept_of(recorded, run) == before


HOUSEKEEPING = ("is_confirmed", "content")
"""What the store itself changes: a small content leaves the database once its file is known to be there."""


def kept_of(project: Project, run: str) -> str:
    """Every byte that is kept of a run: its rows and its files, as a hash."""
    hashed = hashlib.sha256()
    with closing(sqlite3.connect(project.store / "binex.db")) as database:
        row = database.execute("SELECT seq, id, workflow, status, epoch, doc FROM runs WHERE id = ?", (run,)).fetchone()
        if row is None:
            raise AssertionError(f"no run {run}")
        hashed.update(repr(row).encode())
        for table in ("records", "artifacts", "calls", "questions", "bookmarks"):
            columns = [name for _, name, *_ in database.execute(f"PRAGMA table_info({table})")]
            kept = ", ".join(name for name in columns if name not in HOUSEKEEPING)
            if kept:  # else an earlier version had no such table
                for one in database.execute(f"SELECT {kept} FROM {table} WHERE run = ? ORDER BY seq", (row[0],)):
                    hashed.update(repr(one).encode())
    for file in sorted((project.store / "artifacts" / run).iterdir()):
        hashed.update(file.name.encode() + file.read_bytes())
    return hashed.hexdigest()


def test_a_run_that_was_killed_between_two_tries_is_replayed_with_the_tries_of_its_last_session(tmp_path: Path) -> None:
    node = {
        "agent": "llm://openai/gpt-4o",
        "inputs": {"question": "How many tides?"},
        "retry_policy": {"max_retries": 1, "delay_ms": 10},
    }
    with ModelServer([Wire(429, b"{}", headers={"Retry-After": "60"}), Wire(429, b"{}"), Answer("Two")]) as server:
        project = project_of(tmp_path, {"ask": {**node, "config": {"api_base": server.url(), "api_key": "a-key"}}})
        process = project.start("run", project.file)
        process.wait_for_text(r"again in|retr")
        process.signal(signal.SIGKILL)
        process.wait()
        resumed = project.binex("resume", "latest")
        assert resumed.code == 0, resumed
        assert len(server.requests) == 3
    replayed = project.binex("replay", "latest")
    assert replayed.code == 0, replayed
