"""What happens, as it happens: in this process and in others, without losing anything, and without slowing anything."""

import asyncio
import json
import socket
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from binex.errors import StoreError
from binex.models.event import Notice, Streamed
from binex.runtime.session import open_session
from binex.server import watching
from binex.server.event_hub import MOST_FOLLOWERS
from binex.stores.run_store import RunStore
from tests.server.conftest import OpenSite, Site, command, environment, raw


@dataclass
class Happened:
    """One event."""

    id: int | None
    name: str
    data: Any
    at: float


class Stream:
    """An open stream of events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.seen: list[Happened] = []
        self.last_id: int | None = None
        self._lines = response.aiter_lines()

    async def next(self) -> Happened:
        """The next event."""
        fields: dict[str, str] = {}
        async for line in self._lines:
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
                continue
            if "id" in fields:
                self.last_id = int(fields["id"])
            if "data" in fields:
                id = int(fields["id"]) if "id" in fields else None
                found = Happened(id, fields["event"], json.loads(fields["data"]), time.monotonic())
                self.seen.append(found)
                return found
            fields = {}
        raise EOFError

    async def until(self, name: str, **wanted: Any) -> Happened:
        """The next event of that name whose data says that."""
        async with asyncio.timeout(20):
            while True:
                found = await self.next()
                if found.name == name and all(found.data.get(key) == value for key, value in wanted.items()):
                    return found


@asynccontextmanager
async def follow(site: Site, query: str = "", **headers: str) -> AsyncIterator[Stream]:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    async with site.client.stream("GET", f"/api/events{query}", headers=given, timeout=None) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield Stream(response)


async def test_a_run_of_this_process_is_told_from_beginning_to_end(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    async with follow(site, f"?run={run}") as stream:
        question = await site.question(run)
        await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
        end = await stream.until("end")
    assert end.data["run"]["status"] == "completed"
    told = [(one.name, one.data["type"], one.data.get("task")) for one in stream.seen]
    assert ("task", "TaskSettled", "publish") in told
    assert "QuestionSettled" in [kind for _, kind, _ in told]
    ids = [one.id for one in stream.seen if one.id is not None]
    assert ids == sorted(set(ids))
    assert {one.data["run_id"] for one in stream.seen} == {run}


async def test_what_is_said_comes_while_it_is_said_and_in_few_pieces(site: Site) -> None:
    words = [f"w{n} " for n in range(40)]
    site.write(
        "slow.yaml",
        "nodes:\n  gate: {agent: human://approve}\n  say: {agent: llm://mock/x, system_prompt: hi, depends_on: [gate],"
        f" config: {{answers: [{{chunks: {json.dumps(words)}, chunk_delay_ms: 5}}]}}}}\n",
    )
    run = (await site.post("/api/workflows/slow.yaml/run"))["run"]
    async with follow(site, f"?run={run}") as stream:
        question = await site.question(run)
        await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
        await stream.until("end")
    said = [one for one in stream.seen if one.name == "token"]
    assert "".join(one.data["text"] for one in said) == "".join(words)
    assert 1 < len(said) < len(words)


async def test_a_token_comes_before_the_next_is_said(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    async with follow(site, f"?run={run}") as stream:
        await asyncio.sleep(0.1)
        for n in range(5):
            site.served.hub.publish(Streamed(run_id=run, task="a", attempt=1, text=str(n)))
            assert (await stream.until("token")).data["text"] == str(n)


async def test_a_run_of_another_process_is_told_as_well(site: Site) -> None:
    with subprocess.Popen(command("run", "gate.yaml", "--wait", "-q"), cwd=site.folder, env=environment()) as process:
        async with asyncio.timeout(20):
            while not (runs := (await site.json("/api/runs"))["runs"]):
                await asyncio.sleep(0.05)
        run = runs[0]["id"]
        question = await site.question(run)
        async with follow(site, f"?run={run}") as stream, follow(site) as overview:
            await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
            end = await stream.until("end")
            assert end.data["run"]["status"] == "completed"
            assert (await overview.until("end", run_id=run)).data["run"]["status"] == "completed"
        settled = [one.data["task"] for one in stream.seen if one.data["type"] == "TaskSettled"]
        assert settled == ["gate", "publish"]
        assert await asyncio.to_thread(process.wait, 20) == 0


async def test_who_follows_all_runs_hears_of_new_ones_everywhere(site: Site) -> None:
    async with follow(site) as stream:
        elsewhere = (await site.run_elsewhere()).run_id
        await stream.until("end", run_id=elsewhere)
        here = (await site.post("/api/workflows/good.yaml/run"))["run"]
        await stream.until("run", run_id=here, type="RunStarted")
        await stream.until("end", run_id=here)
    assert {one.name for one in stream.seen} <= {"run", "end", "question"}


async def test_a_run_that_goes_on_later_is_followed_again(site: Site) -> None:
    run = (await site.run_elsewhere("gate.yaml")).run_id
    async with follow(site, f"?run={run}") as stream:
        question = await site.question(run)
        await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
        with subprocess.Popen(command("resume", run, "-q"), cwd=site.folder, env=environment()) as process:
            end = await stream.until("end")
            assert end.data["run"]["status"] == "completed"
            await asyncio.to_thread(process.wait, 20)
    async with follow(site, f"?run={run}") as stream:
        fork = (await site.post(f"/api/runs/{run}/fork", {"from": ["publish"]}))["run"]
        await site.ended(fork)


ASKED_FIRST = """
nodes:
  gate: {agent: human://approve}
  say: {agent: llm://mock/x, system_prompt: hi, depends_on: [gate], config: {answers: [{text: words}]}}
"""


async def test_what_begins_and_ends_between_two_looks_is_told_as_well(site: Site) -> None:
    """A run that another session goes on with takes a moment; the server looks a few times a second."""
    site.write("quick.yaml", ASKED_FIRST)
    run = (await site.run_elsewhere("quick.yaml")).run_id
    question = await site.question(run)
    async with follow(site, f"?run={run}") as stream, follow(site) as overview:
        await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
        async with open_session(site.folder / ".binex") as session:
            await session.resume(run)
        end = await stream.until("end")
        assert end.data["run"]["status"] == "completed"
        told = [(one.data["type"], one.data.get("task")) for one in stream.seen]
        wanted = [("RunStarted", None), ("TaskSettled", "gate"), ("TaskStarted", "say")]
        wanted += [("CallRecorded", "say"), ("TaskSettled", "say"), ("RunEnded", None)]
        assert [one for one in told if one in wanted] == wanted
        call = next(one.data["call"] for one in stream.seen if one.name == "call" and one.data["task"] == "say")
        assert (call["chunks"], call["request_headers"]) == ([], [])
        await overview.until("end", run_id=run)

        new = (await site.run_elsewhere()).run_id
        await overview.until("end", run_id=new)
        told = [(one.name, one.data["type"]) for one in overview.seen if one.data["run_id"] == new]
        assert told[0] == ("run", "RunStarted")
        assert [name for name, _ in told].count("end") == 1


async def test_a_run_that_is_removed_while_it_is_followed_harms_nobody(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    other = (await site.run_elsewhere()).run_id
    async with follow(site, f"?run={run}") as stream, follow(site) as overview:
        done = await asyncio.to_thread(
            subprocess.run,
            command("clean", run, "--yes"),
            cwd=site.folder, env=environment(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert (await site.client.get(f"/api/runs/{run}")).status_code == 404
        new = (await site.run_elsewhere()).run_id
        await overview.until("end", run_id=new)
        assert [found["id"] for found in (await site.json("/api/runs"))["runs"]] == [new, other]
        site.served.hub.publish(Notice(run_id=run, message="still here"))
        await stream.until("run", message="still here")
    assert (await site.client.get(f"/api/events?run={run}")).status_code == 404
    assert site.said == []


async def test_of_more_new_runs_than_are_looked_at_it_is_said_that_some_were_missed(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    copy_run(site, run, 40, "0")
    async with follow(site) as overview:
        copy_run(site, run, 40, "1")
        assert (await overview.until("reset")).data == {"type": "Reset", "run_id": ""}


def copy_run(site: Site, run: str, times: int, suffix: str) -> None:
    """As many runs like that one, all at once."""
    with sqlite3.connect(site.folder / ".binex/binex.db") as connection:
        connection.executemany(
            "INSERT INTO runs (id, workflow, status, epoch, doc) "
            "SELECT ?, workflow, status, epoch, replace(doc, ?, ?) FROM runs WHERE id = ?",
            [(id, run, id, run) for id in (f"{run[:-4]}{suffix}{n:03}" for n in range(times))],
        )
    connection.close()


async def test_who_comes_back_goes_on_after_what_was_seen(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    question = await site.question(run)
    async with follow(site, f"?run={run}") as stream:
        site.served.hub.publish(Notice(run_id=run, message="one"))
        seen = await stream.until("run", message="one")
    await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
    await site.ended(run)
    async with follow(site, f"?run={run}", last_event_id=str(seen.id)) as again:
        end = await again.until("end")
    assert again.seen[0].id == (seen.id or 0) + 1
    assert "reset" not in [one.name for one in again.seen]
    async with follow(site, f"?run={run}&since={seen.id}") as third:
        assert (await third.until("end")).id == end.id
    assert [one.id for one in third.seen] == [one.id for one in again.seen]


async def test_before_anything_has_happened_there_is_a_number_to_go_on_from(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    await site.question(run)
    async with follow(site, f"?run={run}") as stream:
        site.served.hub.publish(Notice(run_id="", message="for all"))
        await stream.until("run", message="for all")
        assert stream.last_id == site.served.hub.last_id


async def test_what_is_not_remembered_is_said_to_be_missing(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    for last in ("1", str(10**15), str(site.served.hub.last_id - 10)):
        async with follow(site, f"?run={run}", last_event_id=last) as stream:
            assert (await stream.next()).name == "reset"
    for odd in ("x", "-1", "9" * 30, ""):
        async with follow(site, f"?run={run}", last_event_id=odd) as stream:
            site.served.hub.publish(Notice(run_id=run, message="now"))
            assert (await stream.next()).data["message"] == "now"


async def test_who_comes_back_when_nobody_watched_a_run_of_another_process_has_missed_something(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "_LINGER_S", 0.0)
    run = (await site.run_elsewhere("gate.yaml")).run_id
    async with follow(site, f"?run={run}") as stream, follow(site) as overview:
        site.served.hub.publish(Notice(run_id="", message="seen"))
        seen = (await stream.until("run", message="seen")).id
        assert (await overview.until("run", message="seen")).id == seen
    await nobody_follows(site)
    await asyncio.sleep(0.05)
    question = await site.question(run)
    await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
    async with open_session(site.folder / ".binex") as session:
        await session.resume(run)
    for query in (f"?run={run}", ""):
        async with follow(site, query, last_event_id=str(seen)) as again:
            assert (await again.next()).name == "reset"


async def test_what_changed_while_the_store_could_not_be_read_is_told_later(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_broken = False
    look = watching._look

    async def failing(store: RunStore) -> Any:
        if is_broken:
            raise StoreError("the store is busy")
        return await look(store)

    monkeypatch.setattr(watching, "_look", failing)
    monkeypatch.setattr(watching, "_PAUSE_S", 0.02)
    async with follow(site) as overview:
        is_broken = True
        await asyncio.sleep(0.1)
        run = (await site.run_elsewhere()).run_id
        await asyncio.sleep(0.1)
        is_broken = False
        await overview.until("end", run_id=run)


async def test_one_who_does_not_read_is_left_behind_and_nobody_waits_for_him(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    head = f"GET /api/events?run={run} HTTP/1.1\r\nHost: 127.0.0.1:{site.served.port}\r\nCookie: {site.cookie}\r\n\r\n"
    with raw(site) as sleeper:
        sleeper.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await asyncio.to_thread(sleeper.sendall, head.encode())
        async with follow(site, f"?run={run}") as reader:
            for n in range(100):
                site.served.hub.publish(Notice(run_id=run, message=f"{n} {'x' * 100_000}"))
                await reader.until("run")
            assert [one.data["message"].split()[0] for one in reader.seen] == [str(n) for n in range(100)]
        received = await asyncio.to_thread(drain, sleeper)
    assert received < 15_000_000
    await nobody_follows(site)


async def nobody_follows(site: Site) -> None:
    """Return when the server has noticed that everybody is gone."""
    async with asyncio.timeout(10):
        while site.served.hub.followers:
            await asyncio.sleep(0.02)


def drain(connection: socket.socket) -> int:
    """How much there still is to read until the other side ends it."""
    size = 0
    try:
        while piece := connection.recv(1 << 20):
            size += len(piece)
    except ConnectionResetError:
        pass
    return size


async def test_three_hundred_followers_are_too_many_and_harm_nobody(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    limits = httpx.Limits(max_connections=400)
    async with httpx.AsyncClient(base_url=site.base, cookies=site.client.cookies, limits=limits, timeout=30) as client:
        responses = await asyncio.gather(
            *(client.send(client.build_request("GET", f"/api/events?run={run}"), stream=True) for _ in range(300))
        )
        statuses = [response.status_code for response in responses]
        assert set(statuses) == {200, 503}
        assert statuses.count(200) == MOST_FOLLOWERS
        refused = next(response for response in responses if response.status_code == 503)
        assert json.loads(await refused.aread())["error"]["kind"] == "followers"
        async with asyncio.timeout(10):
            assert (await site.client.get("/api/runs")).status_code == 200
        await asyncio.gather(*(response.aclose() for response in responses))
    await nobody_follows(site)
    async with follow(site, f"?run={run}"):
        pass


async def test_an_unknown_run_is_not_followed(site: Site) -> None:
    response = await site.client.get("/api/events?run=nothing")
    assert (response.status_code, response.json()["error"]["kind"]) == (404, "missing")


async def test_the_streams_end_with_the_server(open_site: OpenSite, folder: object) -> None:
    from pathlib import Path

    from binex.server.serving import ServerOptions, serving

    async with httpx.AsyncClient() as client:
        async with serving(ServerOptions(Path(str(folder)) / ".binex")) as served:
            base = f"http://127.0.0.1:{served.port}"
            await client.post(f"{base}/api/login", json={"token": served.token})
            request = client.build_request("GET", f"{base}/api/events")
            response = await client.send(request, stream=True)
            reading = asyncio.create_task(response.aread())
            await asyncio.sleep(0.1)
            began = time.monotonic()
        await reading
        assert time.monotonic() - began < 5  # promised


async def test_ten_followers_hear_all_of_a_run_in_its_order(site: Site) -> None:
    """Ten pages, and a run of a few hundred tasks: all of it comes, in order, to all of them."""
    site.write(
        "many.yaml",
        """
        nodes:
          gate: {agent: human://approve}
          each: {agent: local://echo, foreach: "${user.items}", max_items: 1000, depends_on: [gate]}
        inputs: {items: {type: array}}
        """,
    )
    run = (await site.post("/api/workflows/many.yaml/run", {"vars": {"items": list(range(300))}}))["run"]
    question = await site.question(run)

    async def watch() -> list[str]:
        async with follow(site, f"?run={run}") as stream:
            ready.append(1)
            await stream.until("end")
            return [one.data["task"] for one in stream.seen if one.data["type"] == "TaskSettled"]

    ready: list[int] = []
    watching = [asyncio.create_task(watch()) for _ in range(10)]
    while len(ready) < 10:
        await asyncio.sleep(0.02)
    await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
    seen = await asyncio.gather(*watching)
    assert all(tasks == seen[0] for tasks in seen)
    assert set(seen[0]) >= {f"each[{n}]" for n in range(300)}
