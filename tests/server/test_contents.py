"""What agents have made, as a browser gets it: rows I8, I9 and I18 of the matrix."""

import base64
import json

import pytest

from tests.server.conftest import Site

SCRIPTS = (
    "<script>alert(1)</script>",
    '<img src=x onerror="alert(1)">',
    "[x](javascript:alert(1))",
    "<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    "data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "data:image/svg+xml;base64,PHN2Zz48c2NyaXB0PmFsZXJ0KDEpPC9zY3JpcHQ+PC9zdmc+",
    "data:image/png;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg==",
    "data:image/png;base64,!!!",
    "\x1b]0;owned\x07\x1b[2J\u202egnp.exe\x9b31m\r\n",
)
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


async def content_of(site: Site, value: str) -> "tuple[str, object]":
    """The id of an artifact that holds *value*, and what the server says of it."""
    run = (await site.run_elsewhere(text=value)).run_id
    id = f"{run}~a~output"
    return id, await site.json(f"/api/artifacts/{id}")


@pytest.mark.parametrize("value", SCRIPTS)
async def test_what_agents_say_is_never_a_page(site: Site, value: str) -> None:
    id, _ = await content_of(site, value)
    response = await site.client.get(f"/api/artifacts/{id}")
    assert response.headers["content-type"] == "application/json"
    assert json.loads(response.content)["value"] == value
    content = await site.client.get(f"/api/artifacts/{id}/content")
    assert content.headers["content-type"] == "application/octet-stream"
    assert content.headers["content-disposition"] == 'attachment; filename="a.output.txt"'
    assert content.headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in content.headers["content-security-policy"]
    assert "script-src" not in content.headers["content-security-policy"]
    assert content.content.decode() == value


async def test_an_image_is_handed_out_as_one(site: Site) -> None:
    id, _ = await content_of(site, "data:image/png;base64," + base64.b64encode(PNG).decode())
    content = await site.client.get(f"/api/artifacts/{id}/content")
    assert content.headers["content-type"] == "image/png"
    assert content.headers["content-disposition"] == 'attachment; filename="a.output.png"'
    assert content.content == PNG


async def test_a_value_that_is_large_is_only_handed_out_as_a_file(site: Site) -> None:
    large = "x" * (1024 * 1024 + 10)
    _id, found = await content_of(site, large)
    assert isinstance(found, dict)
    assert found["value"] is None
    assert found["info"]["size"] > 1024 * 1024
    assert len((await site.client.get(found["blob"])).content) == len(large)


async def test_contents_are_found_by_id_and_never_by_path(site: Site) -> None:
    id, _ = await content_of(site, "words")
    run = id.partition("~")[0]
    for odd in (f".binex%2fartifacts%2f{run}", f"{run}~a~output.json", f"{run}~..~output", f"{run}~a", f"{run}~a~"):
        assert (await site.client.get(f"/api/artifacts/{odd}/content")).status_code in (400, 404)
    await site.json(f"/api/artifacts/{id}")


async def test_errors_and_names_of_others_are_text_in_json(site: Site) -> None:
    run = (await site.run_elsewhere("bad.yaml")).run_id
    response = await site.client.get(f"/api/runs/{run}")
    assert response.headers["content-type"] == "application/json"
    assert "no <b>luck</b>" in response.json()["failures"][0]["error"]["message"]
    missing = await site.client.get("/api/runs/%3Cscript%3E")
    assert missing.headers["content-type"] == "application/json"
    assert missing.headers["x-content-type-options"] == "nosniff"


async def test_text_with_half_a_character_is_still_json(site: Site) -> None:
    site.write("steps.py", 'def give(value): return "half \\ud800 of it"\n')
    run = (await site.run_elsewhere()).run_id
    found = await site.json(f"/api/artifacts/{run}~a~output")
    assert found["value"] in ("half \ud800 of it", "half \\ud800 of it")
    assert (await site.client.get(f"/api/artifacts/{run}~a~output/content")).status_code == 200
    await site.json(f"/api/runs/{run}/tasks/a")
