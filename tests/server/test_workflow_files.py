"""Workflow files through the server: rows I6 and I15 of the matrix, and writing that loses nothing."""

import asyncio
import hashlib
import json
import os
import shutil
from typing import Any

import pytest

from tests.server.conftest import GOOD, OpenSite, Site

OUTSIDE = (
    "steps.py",
    ".env",
    ".git",
    ".env.yaml",
    "x.yml.py",
    "x",
    "x.json",
    "x.yaml.",
    "x.yaml%00.py",
    "x%0a.yaml",
    "%20.yaml",
    "..%2fx.yaml",
    "..%2f..%2fx.yaml",
    "%2e%2e%2fhere-too%2fx.yaml",
    "sub%2fx.yaml",
    "%2ftmp%2fx.yaml",
    "x%5cy.yaml",
    "C:x.yaml",
    "x:y.yaml",
    "\u202ex.yaml",
    "ﬀ.yaml",
    f"{'x' * 70}.yaml",
    "x.YAML",
    "x.yml",
)


def listing(site: Site) -> dict[str, bytes]:
    """Every file around the folder, by name."""
    root = site.folder.parent
    found = {path.relative_to(root).as_posix(): path for path in root.rglob("*") if path.is_file()}
    return {name: path.read_bytes() for name, path in found.items() if ".binex" not in name}


async def put(site: Site, name: str, text: str, **headers: str) -> Any:
    return await site.client.put(
        f"/api/workflows/{name}", json={"text": text}, headers={k.replace("_", "-"): v for k, v in headers.items()}
    )


@pytest.mark.parametrize("name", OUTSIDE)
async def test_nothing_is_written_but_workflow_files_of_the_folder(site: Site, name: str) -> None:
    sibling = site.folder.parent / "here-too"
    sibling.mkdir()
    before = listing(site)
    for headers in ({"if_none_match": "*"}, {"if_match": f'"{hashlib.sha256(b"").hexdigest()}"'}):
        response = await put(site, name, "nodes: {}", **headers)
        assert response.status_code in (400, 404), (name, response.text)
    assert listing(site) == before


async def test_no_link_is_followed(site: Site) -> None:
    outside = site.folder.parent / "outside.yaml"
    outside.write_text("nodes: {secret: 1}")
    (site.folder / "link.yaml").symlink_to(outside)
    (site.folder / "folder.yaml").mkdir()
    os.mkfifo(site.folder / "pipe.yaml")
    for name in ("link.yaml", "folder.yaml", "pipe.yaml"):
        assert (await site.client.get(f"/api/workflows/{name}")).status_code == 400
        hash = hashlib.sha256(outside.read_bytes()).hexdigest()
        assert (await put(site, name, "nodes: {}", if_match=f'"{hash}"')).status_code == 400
        assert (await put(site, name, "nodes: {}", if_none_match="*")).status_code == 409
        assert (await site.client.post(f"/api/workflows/{name}/run", json={})).status_code == 400
        assert (await site.client.get(f"/api/agents?workflow={name}")).status_code == 400
    assert outside.read_text() == "nodes: {secret: 1}"
    names = [found["name"] for found in (await site.json("/api/workflows"))["workflows"]]
    assert names == ["bad.yaml", "gate.yaml", "good.yaml", "long.yaml", "spoken.yaml"]


async def test_a_file_is_read_and_written_word_for_word(site: Site) -> None:
    found = await site.json("/api/workflows/good.yaml")
    assert found["text"] == (site.folder / "good.yaml").read_text()
    (site.folder / "good.yaml").chmod(0o640)
    text = f"# ein Köter ✓\n{found['text']}"
    response = await put(site, "good.yaml", text, if_match=f'"{found["sha256"]}"')
    assert response.status_code == 200, response.text
    assert (site.folder / "good.yaml").read_text(encoding="utf-8") == text
    assert (site.folder / "good.yaml").stat().st_mode & 0o777 == 0o640
    assert response.headers["etag"] == f'"{hashlib.sha256(text.encode()).hexdigest()}"'
    assert not list(site.folder.glob(".*tmp"))


async def test_what_somebody_else_has_changed_is_not_overwritten(site: Site) -> None:
    found = await site.json("/api/workflows/good.yaml")
    site.write("good.yaml", "# changed in an editor")
    for headers in ({"if_match": f'"{found["sha256"]}"'}, {"if_none_match": "*"}, {}, {"if_match": '"x"'}):
        response = await put(site, "good.yaml", "mine", **headers)
        assert (response.status_code, response.json()["error"]["kind"]) == (409, "changed")
    assert (site.folder / "good.yaml").read_text() == "# changed in an editor"
    assert (await put(site, "gone.yaml", "mine", if_match=f'"{found["sha256"]}"')).status_code == 409
    assert not (site.folder / "gone.yaml").exists()
    assert (await put(site, "new.yaml", "mine", if_none_match="*")).status_code == 200
    assert (site.folder / "new.yaml").read_text() == "mine"


async def test_only_one_hash_said_in_so_many_words_lets_a_text_be_replaced(site: Site) -> None:
    sha = (await site.json("/api/workflows/good.yaml"))["sha256"]
    before = (site.folder / "good.yaml").read_text()
    odd = ("*", "", '""', f'"{sha.upper()}"', f'""{sha}""', f'"{sha}', f'"x", "{sha}"', f'"{sha}", "x"', sha[:-1])
    for said in odd:
        response = await put(site, "good.yaml", "mine", if_match=said)
        assert (response.status_code, response.json()["error"]["kind"]) == (409, "changed"), said
    twice = [("if-match", f'"{sha}"'), ("if-match", '"x"')]
    for headers in (twice, twice[::-1], [("if-none-match", "*"), ("if-match", f'"{sha}"')], [("if-none-match", '"*"')]):
        response = await site.client.put("/api/workflows/good.yaml", json={"text": "mine"}, headers=headers)
        assert response.status_code == 409, headers
    assert (site.folder / "good.yaml").read_text() == before
    for said in (sha, f'"{sha}"', f'W/"{sha}"'):
        assert (await put(site, "good.yaml", before, if_match=said)).status_code == 200


async def test_of_many_who_write_at_once_one_does(site: Site) -> None:
    for headers in ({"if_none_match": "*"}, {"if_match": f'"{hashlib.sha256(b"x").hexdigest()}"'}):
        if "if_match" in headers:
            (site.folder / "new.yaml").write_text("x")
        done = await asyncio.gather(*(put(site, "new.yaml", f"by {n}", **headers) for n in range(20)))
        statuses = [response.status_code for response in done]
        assert sorted(statuses) == [200] + [409] * 19
        assert (site.folder / "new.yaml").read_text() == f"by {statuses.index(200)}"
    assert not list(site.folder.glob(".*tmp"))


async def test_a_folder_that_is_gone_is_said_to_be(open_site: OpenSite) -> None:
    site = await open_site()
    shutil.rmtree(site.folder)
    assert (await site.json("/api/workflows"))["workflows"] == []
    assert (await site.client.get("/api/workflows/good.yaml")).status_code == 404
    response = await put(site, "new.yaml", "x", if_none_match="*")
    assert (response.status_code, response.json()["error"]["kind"]) == (503, "file")
    assert site.said == []


async def test_a_text_that_is_too_large_or_none_is_not_written(site: Site) -> None:
    before = listing(site)
    assert (await put(site, "new.yaml", "x" * (1024 * 1024 + 1), if_none_match="*")).status_code == 413
    assert (await put(site, "new.yaml", "x" * (3 * 1024 * 1024), if_none_match="*")).status_code == 413
    body = b'{"text": "\\ud800"}'
    headers = {"content-type": "application/json", "if-none-match": "*"}
    assert (await site.client.put("/api/workflows/new.yaml", content=body, headers=headers)).status_code == 400
    assert listing(site) == before


async def test_checking_a_text_names_every_fault_with_its_place(site: Site) -> None:
    text = "name: x\nnodes:\n  a: {agent: local://no.such, unknown: 1}"
    found = await site.post("/api/workflows/check", {"text": text})
    assert not found["is_usable"]
    assert found["graph"] is None
    assert {(fault["line"], fault["column"]) for fault in found["faults"]} >= {(3, 31)}
    assert all(fault["message"] for fault in found["faults"])


async def test_checking_a_text_shows_its_graph_and_its_inputs(site: Site) -> None:
    found = await site.post("/api/workflows/check", {"text": GOOD})
    assert found["is_usable"], found
    assert [node["id"] for node in found["graph"]["nodes"]] == ["a", "b"]
    assert [(edge["before"], edge["after"]) for edge in found["graph"]["edges"]] == [("a", "b")]
    assert found["inputs"]["text"]["default"] == "hello"
    assert found["name"] == "good"


FOREIGN = """
name: foreign
mcp_servers:
  evil: {command: touch, args: [touched]}
  far: {url: "http://127.0.0.1:9/mcp"}
nodes:
  a: {agent: local://steps.touch}
  b: {agent: llm://mock/x, tools: [mcp://evil/t, mcp://far/t, python://steps.touch], system_prompt: hi}
"""


async def test_opening_a_foreign_workflow_executes_and_connects_nothing(site: Site) -> None:
    site.write("foreign.yaml", FOREIGN)
    checked = await site.post("/api/workflows/check", {"text": FOREIGN, "name": "foreign.yaml"})
    assert checked["is_usable"], json.dumps(checked["faults"])
    assert (await site.json("/api/workflows/foreign.yaml"))["text"].strip() == FOREIGN.strip()
    agents = (await site.json("/api/agents?workflow=foreign.yaml"))["agents"]
    assert {agent["health"] for agent in agents} == {None}
    await site.json("/api/workflows")
    assert not (site.folder / "touched").exists()
    assert not (site.folder / ".binex").exists()


async def test_whom_a_workflow_talks_to_is_asked_only_on_demand(site: Site) -> None:
    found = await site.json("/api/agents?workflow=good.yaml&check=true")
    assert [agent["agent"] for agent in found["agents"]] == ["local://steps.give"]
    assert found["agents"][0]["health"]["status"] == "ok"
