"""What a page has executed: started, forked, replayed, resumed, cancelled, answered."""

import asyncio
import os
import signal
import subprocess
from pathlib import Path

import httpx

from binex.models.question import Answer
from binex.models.task import now
from binex.runtime.session import open_session
from binex.server.executing import MOST_AT_A_TIME
from binex.server.serving import ServerOptions, serving
from tests.server.conftest import OpenSite, Site, command, environment

IMPLIED = """
nodes:
  one: {agent: local://steps.give, inputs: {value: "1"}}
  two: {agent: local://steps.give, inputs: {value: "2"}}
  three: {agent: local://steps.give, inputs: {value: "3"}}
  all: {agent: local://echo, depends_on: [one, two, three]}
"""


async def test_a_workflow_is_started_and_seen_to_its_end(site: Site) -> None:
    run = (await site.post("/api/workflows/good.yaml/run", {"vars": {"text": "words"}}))["run"]
    found = await site.ended(run)
    assert found["run"]["variables"] == {"text": "words"}
    assert (await site.json(f"/api/artifacts/{run}~b~output"))["value"] == "words"


async def test_a_workflow_that_is_not_usable_is_refused_before_there_is_a_run(site: Site) -> None:
    site.write("broken.yaml", "nodes: {a: {agent: nothing://}}")
    error = (await site.post("/api/workflows/broken.yaml/run", {}, 422))["error"]
    assert (error["kind"], "broken.yaml" in error["message"]) == ("workflow", True)
    error = (await site.post("/api/workflows/good.yaml/run", {"vars": {"nothing": 1}}, 422))["error"]
    assert error["kind"] == "input"
    assert (await site.json("/api/runs"))["runs"] == []


async def test_a_fork_runs_what_is_changed_and_the_diff_says_so(site: Site) -> None:
    parent = (await site.run_elsewhere()).run_id
    change = {"fields": [{"node": "b", "path": ["inputs", "value"], "value": "changed"}]}
    plan = await site.post(f"/api/runs/{parent}/fork/plan", change)
    assert {node["node"]: node["decision"] for node in plan["nodes"]} == {"a": "reused", "b": "run"}
    fork = (await site.post(f"/api/runs/{parent}/fork", change))["run"]
    await site.ended(fork)
    diff = await site.json(f"/api/diff?before={parent}&after={fork}")
    assert [cause["tasks"][0] for cause in diff["causes"]] == ["b"]
    assert (await site.json(f"/api/artifacts/{fork}~b~output"))["value"] == "changed"
    family = (await site.json(f"/api/runs/{parent}/family"))["families"][0]
    assert [member["run"]["id"] for member in family["runs"]] == [parent, fork]


async def test_a_fork_may_have_another_output_another_variable_or_todays_file(site: Site) -> None:
    parent = (await site.run_elsewhere()).run_id
    edits = {"edits": [{"task": "a", "output": "output", "value": {"written": "by hand"}}]}
    fork = (await site.post(f"/api/runs/{parent}/fork", edits))["run"]
    await site.ended(fork)
    assert (await site.json(f"/api/artifacts/{fork}~b~output"))["value"] == {"written": "by hand"}
    fork = (await site.post(f"/api/runs/{parent}/fork", {"variables": {"text": "other"}}))["run"]
    await site.ended(fork)
    assert (await site.json(f"/api/artifacts/{fork}~b~output"))["value"] == "other"
    site.write("good.yaml", (site.folder / "good.yaml").read_text().replace("${a.output}", "new ${a.output}"))
    fork = (await site.post(f"/api/runs/{parent}/fork", {"workflow": "good.yaml"}))["run"]
    await site.ended(fork)
    assert (await site.json(f"/api/artifacts/{fork}~b~output"))["value"] == "new hello"


async def test_one_output_is_not_edited_twice(site: Site) -> None:
    parent = (await site.run_elsewhere()).run_id
    edits = [{"task": "a", "output": "output", "value": value} for value in ("one", "other")]
    for path in ("fork/plan", "fork"):
        error = (await site.post(f"/api/runs/{parent}/{path}", {"edits": edits}, 422))["error"]
        assert error["message"] == "--edit a.output: it is edited twice"


async def test_several_inputs_of_a_node_that_has_none_written_are_all_changed(site: Site) -> None:
    site.write("implied.yaml", IMPLIED)
    parent = (await site.run_elsewhere("implied.yaml")).run_id
    fields = [{"node": "all", "path": ["inputs", name], "value": f"new {name}"} for name in ("one", "two")]
    fork = (await site.post(f"/api/runs/{parent}/fork", {"fields": fields}))["run"]
    await site.ended(fork)
    made = (await site.json(f"/api/artifacts/{fork}~all~output"))["value"]
    assert made == {"one": "new one", "two": "new two", "three": "3"}


async def test_of_many_runs_that_are_wanted_at_once_no_more_are_executed_than_may_be(site: Site) -> None:
    wanted = [site.client.post("/api/workflows/long.yaml/run", json={}) for _ in range(MOST_AT_A_TIME + 5)]
    statuses = [response.status_code for response in await asyncio.gather(*wanted)]
    assert (statuses.count(200), statuses.count(503)) == (MOST_AT_A_TIME, 5)


async def test_a_replay_is_made_from_the_tape(site: Site) -> None:
    parent = (await site.run_elsewhere("spoken.yaml")).run_id
    replay = (await site.post(f"/api/runs/{parent}/replay"))["run"]
    found = await site.ended(replay)
    assert found["run"]["origin"]["mode"] == "replay"
    before, after = [(await site.json(f"/api/artifacts/{run}~say~output"))["value"] for run in (parent, replay)]
    assert before == after == "one two three four"


async def test_a_run_is_cancelled(site: Site) -> None:
    run = (await site.post("/api/workflows/long.yaml/run"))["run"]
    await site.post(f"/api/runs/{run}/cancel")
    await site.ended(run, "cancelled")
    error = (await site.post(f"/api/runs/{run}/cancel", {}, 409))["error"]
    assert "has ended already" in error["message"]


async def test_a_run_that_failed_goes_on(site: Site) -> None:
    run = (await site.run_elsewhere("bad.yaml")).run_id
    site.write("steps.py", "def give(value): return value\ndef fail(value=None): return value\n")
    assert (await site.post(f"/api/runs/{run}/resume", {"retry_failed": True}))["run"] == run
    await site.ended(run)
    assert (await site.post(f"/api/runs/{run}/resume"))["run"] == run  # there is nothing left to do


async def test_a_run_that_another_process_executes_is_not_taken_from_it(site: Site) -> None:
    with subprocess.Popen(command("run", "long.yaml", "-q"), cwd=site.folder, env=environment()) as process:
        async with asyncio.timeout(20):
            while not (runs := (await site.json("/api/runs"))["runs"]):
                await asyncio.sleep(0.05)
        run = runs[0]["id"]
        await site.until(run, lambda found: any(t["timing"]["task"] == "b" for t in found["tasks"]))
        error = (await site.post(f"/api/runs/{run}/resume", {}, 409))["error"]
        assert (error["kind"], f"pid {process.pid}" in error["message"]) == ("run_owned", True)
        await site.post(f"/api/runs/{run}/cancel")
        await site.ended(run, "cancelled")
        await asyncio.to_thread(process.wait, 20)


async def test_an_answer_lets_a_run_go_on(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    question = await site.question(run)
    assert question["shown"] == {"draft": "words"}
    settled = await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
    assert settled["goes_on"] is True
    assert settled["question"]["answer"]["by"] == "ada@host"
    await site.ended(run)
    assert (await site.json(f"/api/artifacts/{run}~publish~output"))["value"] == "published words"


async def test_what_is_no_answer_leaves_the_question_open(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    question = await site.question(run)
    for answer in ("perhaps", 1, None, {"x": 1}):
        error = (await site.post(f"/api/questions/{question['id']}/answer", {"answer": answer}, 422))["error"]
        assert error["kind"] == "input"
    refused = {"answer": "approved", "feedback": "but"}
    assert await site.post(f"/api/questions/{question['id']}/answer", refused, 422)
    assert (await site.question(run))["id"] == question["id"]
    rejected = {"answer": "rejected", "feedback": "too short"}
    settled = await site.post(f"/api/questions/{question['id']}/answer", rejected)
    assert settled["question"]["answer"]["feedback"] == "too short"
    await site.ended(run)


async def test_of_many_answers_at_the_same_time_one_is_heard(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    id = (await site.question(run))["id"]

    async def answer(client: httpx.AsyncClient, value: str) -> httpx.Response:
        return await client.post(f"/api/questions/{id}/answer", json={"answer": value})

    async with httpx.AsyncClient(base_url=site.base, cookies=site.client.cookies) as other:
        clients = (site.client, other) * 5
        said = await asyncio.gather(*(answer(c, v) for c, v in zip(clients, ("approved", "rejected") * 5, strict=True)))
    heard = [response for response in said if response.status_code == 200]
    assert len(heard) == 1
    assert {response.status_code for response in said} == {200, 409}
    error = next(response for response in said if response.status_code == 409).json()["error"]
    assert (error["kind"], "answered by ada@host at" in error["message"]) == ("answered", True)
    await site.ended(run)
    value = heard[0].json()["question"]["answer"]["value"]
    task = await site.json(f"/api/runs/{run}/tasks/gate")
    assert task["questions"][0]["answer"]["value"] == value


async def test_an_answer_that_comes_too_late_changes_nothing(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    id = (await site.question(run))["id"]
    await site.post(f"/api/runs/{run}/cancel")
    error = (await site.post(f"/api/questions/{id}/answer", {"answer": "approved"}, 410))["error"]
    assert error["kind"] == "gone"
    assert (await site.json(f"/api/runs/{run}"))["run"]["status"] == "cancelled"


async def test_what_was_answered_on_the_command_line_is_answered(site: Site) -> None:
    run = (await site.post("/api/workflows/gate.yaml/run"))["run"]
    id = (await site.question(run))["id"]
    async with open_session(site.folder / ".binex") as session:
        question = await session.store.get_question(id)
        assert question is not None
        await session.store.answer(id, Answer(value="rejected", by="bob@shell", at=now()))
    await site.ended(run)
    error = (await site.post(f"/api/questions/{id}/answer", {"answer": "approved"}, 409))["error"]
    assert "answered by bob@shell" in error["message"]


async def test_a_run_that_has_left_is_answered_and_resumed(site: Site) -> None:
    run = (await site.run_elsewhere("gate.yaml")).run_id
    question = await site.question(run)
    settled = await site.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
    assert settled["goes_on"] is False
    await site.post(f"/api/runs/{run}/resume")
    await site.ended(run)


async def test_what_is_executed_when_the_server_ends_can_be_resumed(folder: Path) -> None:
    async with serving(ServerOptions(folder / ".binex")) as served:
        base = f"http://127.0.0.1:{served.port}"
        async with httpx.AsyncClient(base_url=base) as client:
            await client.post("/api/login", json={"token": served.token})
            run = (await client.post("/api/workflows/gate.yaml/run", json={})).json()["run"]
            async with asyncio.timeout(20):
                while not (await client.get(f"/api/questions?run={run}")).json()["questions"]:
                    await asyncio.sleep(0.02)
    async with open_session(folder / ".binex", read_only=True) as session:
        found = await session.store.get_run(run)
        assert found is not None
        assert found.status == "interrupted"
        assert [question.state for question in await session.store.list_questions(run)] == ["open"]
        assert not await session.store.is_owned(run)


async def test_an_imported_run_executes_nothing_until_somebody_trusts_it(site: Site, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    async with open_session(elsewhere / ".binex") as session:
        run = (await session.run(site.folder / "good.yaml")).run_id
    done = subprocess.run(command("export", run, "-o", "run.binex"), cwd=elsewhere, env=environment(), check=False)
    assert done.returncode == 0
    subprocess.run(command("import", str(elsewhere / "run.binex")), cwd=site.folder, env=environment(), check=True)
    assert (await site.json(f"/api/runs/{run}"))["run"]["is_imported"] is True
    error = (await site.post(f"/api/runs/{run}/fork", {"from": ["b"]}, 409))["error"]
    assert "was imported, and would execute local://steps.give" in error["message"]
    assert error["kind"] == "trust"
    asked = await site.json(f"/api/runs/{run}/trust")
    assert (asked["is_needed"], asked["is_executable"]) == (True, True)
    assert {program["name"] for program in asked["programs"]} >= {"local://steps.give"}
    fork = (await site.post(f"/api/runs/{run}/fork", {"from": ["b"], "trust": True}))["run"]
    await site.ended(fork)


async def test_two_servers_on_one_folder_see_the_same(open_site: OpenSite) -> None:
    one, other = await open_site(), await open_site()
    run = (await one.post("/api/workflows/gate.yaml/run"))["run"]
    question = await other.question(run)
    settled = await other.post(f"/api/questions/{question['id']}/answer", {"answer": "approved"})
    assert settled["goes_on"] is True
    await one.ended(run)
    await other.ended(run)


def test_no_process_is_left(folder: Path) -> None:
    """A function in a process of its own ends with the server."""
    (folder / "apart.yaml").write_text(
        "nodes:\n  a: {agent: local://steps.rest, inputs: {seconds: 60}, isolation: process}\n"
    )
    with subprocess.Popen(
        command("ui", "--no-open"), cwd=folder, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        base, _, token = process.stdout.readline().strip().partition("/#token=")
        with httpx.Client(base_url=base) as client:
            client.post("/api/login", json={"token": token})
            run = client.post("/api/workflows/apart.yaml/run", json={}).json()["run"]
            assert client.get(f"/api/runs/{run}").status_code == 200
        process.send_signal(signal.SIGINT)
        assert process.wait(5) == 130
    for entry in Path("/proc").glob("[0-9]*/cwd"):
        try:
            assert entry.readlink() != folder or entry.parent.name == str(os.getpid())
        except OSError:
            continue
