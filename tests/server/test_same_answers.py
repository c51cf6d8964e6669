"""The server says what the command line says: one question, one model."""

import json
from typing import Any

import pytest

from binex.cli.main import main
from tests.server.conftest import Site

QUESTIONS = (
    (("debug", "{run}"), "/api/runs/{run}"),
    (("trace", "{run}"), "/api/runs/{run}/trace"),
    (("trace", "{run}", "--critical-path"), "/api/runs/{run}/critical-path"),
    (("cost", "{run}"), "/api/runs/{run}/cost"),
    (("calls", "list", "{run}"), "/api/runs/{run}/calls"),
    (("why", "{run}", "b"), "/api/runs/{run}/tasks/b/why"),
    (("lineage", "{run}", "b"), "/api/runs/{run}/lineage?artifact=b"),
    (("runs",), "/api/runs"),
    (("stats",), "/api/stats"),
    (("stats", "good", "--forks", "--by", "day"), "/api/stats?workflow=good&forks=true&by=day"),
    (("stats", "--models"), "/api/stats?models=true"),
    (("diff", "{run}", "{other}"), "/api/diff?before={run}&after={other}"),
    (("diff", "{run}", "{other}", "{run}"), "/api/matrix?run={run}&run={other}&run={run}"),
    (("agents", "good.yaml"), "/api/agents?workflow=good.yaml"),
)


@pytest.mark.parametrize(("typed", "path"), QUESTIONS, ids=lambda value: value if isinstance(value, str) else "")
async def test_the_answer_is_the_one_that_the_command_prints(
    site: Site, capsys: pytest.CaptureFixture[str], typed: tuple[str, ...], path: str
) -> None:
    run = (await site.run_elsewhere()).run_id
    other = (await site.run_elsewhere(text="other")).run_id
    if "--models" in typed:
        await site.run_elsewhere("spoken.yaml")
    names = {"run": run, "other": other}
    said = await site.json(path.format(**names))
    import asyncio

    arguments = [word.format(**names) for word in typed]
    capsys.readouterr()
    code = await asyncio.to_thread(main, [*arguments, "--json"])
    printed: Any = json.loads(capsys.readouterr().out)
    assert code in (0, 1)
    assert comparable(said) == comparable(printed)


def comparable(value: Any) -> Any:
    """Without what is another at each look at the clock, and without what a command leaves out for its own reasons."""
    if isinstance(value, dict):
        return {name: comparable(part) for name, part in value.items() if name not in ("until", "since", "buckets")}
    return [comparable(part) for part in value] if isinstance(value, list) else value


async def test_pages_of_lists_follow_each_other(site: Site) -> None:
    runs = [(await site.run_elsewhere(text=str(n))).run_id for n in range(5)]
    first = await site.json("/api/runs?limit=2")
    second = await site.json("/api/runs?limit=2&offset=2")
    last = await site.json("/api/runs?limit=2&offset=4")
    shown = [run["id"] for page in (first, second, last) for run in page["runs"]]
    assert shown == runs[::-1]
    assert [page["has_more"] for page in (first, second, last)] == [True, True, False]
    response = await site.client.get(f"/api/runs/{runs[0]}/artifacts?limit=1&offset=1")
    assert response.headers["x-total-count"] == "2"
    assert [found["task"] for found in response.json()["artifacts"]] == ["b"]


async def test_filters_find_what_they_say(site: Site) -> None:
    good = (await site.run_elsewhere(text="needle")).run_id
    bad = (await site.run_elsewhere("bad.yaml")).run_id

    async def found(query: str) -> list[str]:
        return [run["id"] for run in (await site.json(f"/api/runs?{query}"))["runs"]]

    assert await found("status=failed") == [bad]
    assert await found("status=failed&status=completed") == [bad, good]
    assert await found("workflow=good") == [good]
    assert await found("text=needle") == [good]
    assert await found("var=text=needle") == [good]
    assert await found("failed_at=b") == [bad]
    assert await found("since=2001-01-01T00:00:00&until=2002-01-01") == []
    assert await found("min_cost=1") == []


async def test_an_empty_folder_is_an_empty_list(site: Site) -> None:
    assert (await site.json("/api/runs"))["runs"] == []
    assert (await site.json("/api/questions"))["questions"] == []
    assert (await site.json("/api/stats"))["series"] == []
    assert (await site.client.get("/api/runs/latest")).status_code == 404
    assert not (site.folder / ".binex").exists()


async def test_a_task_and_a_workflow_are_told_whole(site: Site) -> None:
    run = (await site.run_elsewhere()).run_id
    task = await site.json(f"/api/runs/{run}/tasks/b")
    assert task["outputs"][0]["value"] == "hello"
    graph = await site.json(f"/api/runs/{run}/graph")
    assert [edge["after"] for edge in graph["edges"]] == ["b"]
    found = await site.json(f"/api/runs/{run}/workflow")
    assert found["source"]["text"].strip().startswith("name: good")
    assert list(found["spec"]["nodes"]) == ["a", "b"]
    assert (await site.json(f"/api/runs/{run}/family"))["families"][0]["root"] == run
    assert (await site.json("/api/session"))["folder"] == "here"


async def test_a_call_is_told_word_for_word(site: Site) -> None:
    run = (await site.run_elsewhere("spoken.yaml")).run_id
    calls = (await site.json(f"/api/runs/{run}/calls"))["calls"]
    assert len(calls) == 1
    detail = await site.json(f"/api/runs/{run}/calls/say:1.1")
    assert detail["reply"] == "one two three four" or "one two three four" in json.dumps(detail)
    assert (await site.client.get(f"/api/runs/{run}/calls/say:9.9")).status_code == 404


async def test_damage_is_named_and_hides_nothing_else(site: Site) -> None:
    run = (await site.run_elsewhere(text="x" * 200_000)).run_id
    for file in (site.folder / ".binex" / "artifacts").rglob("*a~output*"):
        file.write_text("altered")
    found = await site.client.get(f"/api/artifacts/{run}~a~output")
    if found.status_code != 200:
        assert (found.status_code, found.json()["error"]["kind"]) == (503, "damaged")
    assert (await site.json(f"/api/runs/{run}"))["run"]["id"] == run


async def test_a_store_that_is_none_is_an_error_in_words(site: Site) -> None:
    (site.folder / ".binex").mkdir(mode=0o700)
    (site.folder / ".binex" / "binex.db").write_bytes(b"no database at all, but some text " * 100)
    response = await site.client.get("/api/runs")
    assert (response.status_code, response.json()["error"]["kind"]) == (503, "store")
    assert response.json()["error"]["fix"]
