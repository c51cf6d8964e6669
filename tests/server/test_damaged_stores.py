"""Stores that are damaged, of another version, removed or replaced while they are looked at."""

import os
import shutil
import sqlite3
from pathlib import Path

import pytest

from binex.runtime.session import open_session
from tests.server.conftest import OpenSite, Site

PATHS = ("/api/runs", "/api/runs/latest", "/api/runs/latest/graph", "/api/questions", "/api/stats")


def spoil(database: Path, how: str) -> None:
    """Make *database* one that cannot be read."""
    if how in ("newer", "older"):
        with sqlite3.connect(database) as connection:
            (version,) = connection.execute("PRAGMA user_version").fetchone()
            connection.execute(f"PRAGMA user_version = {version + 5 if how == 'newer' else 1}")
        connection.close()
        return
    for path in database.parent.glob("binex.db-*"):
        path.unlink()
    database.write_bytes(b"" if how == "empty" else os.urandom(50_000))


@pytest.mark.parametrize("how", ["newer", "older", "empty", "garbage"])
async def test_a_store_that_cannot_be_read_is_said_to_be_and_stays_as_it_is(open_site: OpenSite, how: str) -> None:
    site = await open_site()
    await site.run_elsewhere()
    database = site.folder / ".binex/binex.db"
    spoil(database, how)
    before = database.read_bytes()
    for path in (*PATHS, "/api/events?run=latest"):
        response = await site.client.get(path)
        assert (response.status_code, response.json()["error"]["kind"]) in ((503, "store"), (503, "damaged")), path
        assert response.json()["error"]["message"]
    for path in ("/api/runs/latest/cancel", "/api/runs/latest/fork/plan", "/api/runs/latest/fork"):
        assert (await site.client.post(path, json={})).status_code == 503
    assert database.read_bytes() == before
    assert (await site.json("/api/workflows/good.yaml"))["name"] == "good.yaml"
    assert site.said == []


async def test_a_store_that_takes_the_place_of_another_is_seen(site: Site) -> None:
    first = (await site.run_elsewhere()).run_id
    assert [run["id"] for run in (await site.json("/api/runs"))["runs"]] == [first]
    shutil.rmtree(site.folder / ".binex")
    assert (await site.json("/api/runs"))["runs"] == []
    second = (await site.run_elsewhere()).run_id
    assert [run["id"] for run in (await site.json("/api/runs"))["runs"]] == [second]
    assert (await site.client.get(f"/api/runs/{first}")).status_code == 404


async def test_one_damaged_object_spoils_no_other_answer(site: Site) -> None:
    run, other = [(await site.run_elsewhere()).run_id for _ in range(2)]
    with sqlite3.connect(site.folder / ".binex/binex.db") as connection:
        connection.execute("UPDATE records SET doc = '{' WHERE rowid = 1")
        connection.execute("UPDATE artifacts SET doc = '{' WHERE rowid = 1")
    connection.close()
    paths = ("", "/trace", "/graph", "/critical-path", "/cost", "/family", "/calls", "/artifacts", "/workflow")
    for id in (run, other):
        for path in (*paths, "/tasks/a", "/tasks/a/why", "/tasks/b", "/tasks/b/why"):
            assert (await site.client.get(f"/api/runs/{id}{path}")).status_code == 200, path
    for id in (run, other):
        assert (await site.client.get(f"/api/artifacts/{id}~b~output")).status_code == 200
    assert site.said
    assert all(line.startswith("damaged: ") for line in site.said)


async def test_a_process_that_runs_and_one_that_reads_do_not_disturb_each_other(site: Site) -> None:
    async with open_session(site.folder / ".binex") as session:
        for n in range(10):
            summary = await session.run(site.folder / "good.yaml")
            found = await site.json("/api/runs?limit=1")
            assert found["runs"][0]["id"] == summary.run_id
            assert len((await site.json("/api/runs"))["runs"]) == n + 1
    assert site.said == []
