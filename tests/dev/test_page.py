"""The page that ``binex dev`` serves: on the same store, and with the same stand-ins."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.dev.conftest import Dev, Project, wait_until
from tests.dev.test_saving import run_of, write_asking


@contextmanager
def page_of(dev: Dev) -> Iterator[httpx.Client]:
    """A client that has got in."""
    url = dev.next("page")["url"]
    address, _, token = url.partition("/#token=")
    assert urlsplit(url).hostname == "127.0.0.1"
    with httpx.Client(base_url=address, headers={"Origin": address}, timeout=20) as client:
        assert client.post("/api/login", json={"token": token}).status_code == 204
        yield client


def test_the_page_shows_the_run_and_what_it_starts_is_scripted_as_well(project: Project) -> None:
    write_asking(project)
    dev = project.dev("chain.yaml", "--mock-models", "script.yaml", page=True)
    with page_of(dev) as client:
        done = run_of(dev.next("run_done"))["id"]
        assert [run["id"] for run in client.get("/api/runs").json()["runs"]] == [done]
        made = client.post("/api/workflows/chain.yaml/run", json={"vars": {}}).json()["run"]

        def run() -> Any:
            return client.get(f"/api/runs/{made}").json()["run"]

        wait_until(lambda: run()["status"] not in ("running", "waiting"))
        assert run()["status"] == "completed"
        assert "scripted" in run()["versions"]["adapters"]["llm"]


def test_what_the_page_looks_at_takes_the_scripted_models_from_nobody(project: Project) -> None:
    write_asking(project)
    dev = project.dev("chain.yaml", "--mock-models", "script.yaml", page=True)
    with page_of(dev) as client:
        dev.next("run_done")
        text = (project.folder / "chain.yaml").read_text()
        assert client.get("/api/agents", params={"workflow": "chain.yaml", "check": True}).status_code == 200
        assert client.post("/api/workflows/plan", json={"text": text}).json()["can_begin"] is True
        project.write("script.yaml", "- text: said after that")
        assert run_of(dev.next("run_done"))["status"] == "completed"


def test_what_the_page_starts_reads_prompts_from_the_folders_that_are_allowed(
    project: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    write_asking(project)
    shared = tmp_path_factory.mktemp("shared")
    (shared / "p.md").write_text("be brief")
    chain = project.folder / "chain.yaml"
    there = f"file://{os.path.relpath(shared, project.folder)}/p.md"
    project.write("chain.yaml", chain.read_text().replace("file://prompts/p.md", there))
    assert there in chain.read_text()
    dev = project.dev("chain.yaml", "--mock-models", "script.yaml", "--allow-path", str(shared), page=True)
    with page_of(dev) as client:
        dev.next("run_done")
        assert client.get("/api/workflows/chain.yaml/check").json()["is_usable"] is True
        made = client.post("/api/workflows/chain.yaml/run", json={"vars": {}}).json()["run"]
        wait_until(lambda: client.get(f"/api/runs/{made}").json()["run"]["status"] == "completed")


def test_the_page_is_told_of_a_run_as_it_happens(project: Project) -> None:
    write_asking(project)
    dev = project.dev("chain.yaml", "--mock-models", "script.yaml", page=True)
    with page_of(dev) as client:
        dev.next("run_done")
        with client.stream("GET", "/api/events") as events:
            lines = events.iter_lines()
            project.write("script.yaml", "- text: live from the script")
            told = [json.loads(line.removeprefix("data: ")) for line in _until_end(lines)]
        done = run_of(dev.next("run_done"))["id"]
    assert [(event["type"], event["run_id"]) for event in told] == [("RunStarted", done)]


def _until_end(lines: Any) -> list[str]:
    found = []
    for line in lines:
        if line.startswith("data: "):
            found.append(line)
        if line == "event: end":
            break
    return found
