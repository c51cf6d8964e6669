"""What a run would do, asked of the server: with what is typed and not yet written, and without executing anything."""

from pathlib import Path

import pytest

from tests.server.conftest import GOOD, Site

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
