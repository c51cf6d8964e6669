"""What a run would do, asked of the server: with what is typed and not yet written, and without executing anything."""

from pathlib import Path

import pytest

from binex.models.task import Artifact, TaskNode
from tests.server.conftest import GOOD, OpenSite, Site

TOUCHING = 'nodes: {a: {agent: "local://steps.touch", inputs: {value: "${user.text}"}}}'


async def test_a_text_that_is_in_no_file_is_planned_and_nothing_is_executed(site: Site) -> None:
    ran = await site.json("/api/runs")
    response = await site.client.post("/api/workflows/plan", json={"text": TOUCHING, "name": "x.yaml", "vars": {}})
    found = response.json()
    assert response.status_code == 200
    assert (found["can_begin"], [node["node"] for node in found["nodes"]]) == (False, ["a"])
    assert "'text' has no value" in found["missing"][0]["message"]
    response = await site.client.post("/api/workflows/plan", json={"text": TOUCHING, "vars": {"text": "now"}})
    assert response.json()["can_begin"] is True
    assert not (site.folder / "touched").exists()
    assert not Path("touched").exists()
    assert await site.json("/api/runs") == ran


@pytest.mark.parametrize(("text", "status"), [("nodes: {a: {agnt: x}}", 422), ("nodes: [", 422)])
async def test_a_text_that_is_no_workflow_is_refused(site: Site, text: str, status: int) -> None:
    response = await site.client.post("/api/workflows/plan", json={"text": text, "vars": {}})
    assert response.status_code in (400, status)
    assert response.json()["error"]["message"]


async def test_a_file_is_checked_by_reading_it(site: Site) -> None:
    found = await site.json("/api/workflows/good.yaml/check")
    typed = await site.client.post("/api/workflows/check", json={"text": GOOD, "name": "good.yaml"})
    assert {**found, "graph": None} == {**typed.json(), "graph": None}
    assert [node["id"] for node in found["graph"]["nodes"]] == ["a", "b"]
    for name in ("..%2fx.yaml", "nothing.yaml", "steps.py"):
        assert (await site.client.get(f"/api/workflows/{name}/check")).status_code in (400, 404)


class StandsIn:
    """Takes the place of all models, and knows whether it was closed."""

    is_closed = False
    version = "stands in"

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        raise NotImplementedError

    async def close(self) -> None:
        self.is_closed = True


async def test_what_stands_in_for_models_is_closed_by_nobody_who_only_looks(open_site: OpenSite) -> None:
    adapter = StandsIn()
    site = await open_site(stands_in={"llm": adapter})
    assert (await site.client.get("/api/agents?workflow=spoken.yaml")).status_code == 200
    await site.post("/api/workflows/plan", {"text": GOOD})
    await site.post("/api/workflows/check", {"text": GOOD})
    assert not adapter.is_closed


async def test_prompts_of_a_folder_that_is_allowed_are_read_wherever_a_workflow_is_looked_at_or_run(
    open_site: OpenSite, tmp_path: Path
) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "say.md").write_text("Say it.")
    say = "{agent: llm://mock/x, system_prompt: 'file://../shared/say.md', config: {answers: [{text: x}]}}"
    text = f"name: said\nnodes: {{say: {say}}}"
    for allowed, is_usable in (((), False), ((shared,), True)):
        site = await open_site(allow_paths=allowed)
        site.write("said.yaml", text)
        assert (await site.post("/api/workflows/check", {"text": text}))["is_usable"] is is_usable
        wanted = 200 if is_usable else 422
        await site.post("/api/workflows/plan", {"text": text}, status=wanted)
        assert (await site.client.get("/api/agents?workflow=said.yaml")).status_code == wanted
        made = await site.post("/api/workflows/said.yaml/run", status=wanted)
    await site.ended(made["run"])
