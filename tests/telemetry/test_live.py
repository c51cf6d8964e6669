"""Spans that are sent while a run is executed, and the trace that requests name."""

import asyncio
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from binex.errors import InputError
from binex.models.call import CallKind
from binex.models.event import Event, Notice
from binex.models.run import RunStatus
from binex.models.span_ids import attempt_span_id, call_span_id, trace_id_of
from binex.runtime.session import open_session
from binex.telemetry import live
from binex.telemetry.live import Sender
from binex.telemetry.run_spans import RunSpans
from tests.a2a_server import AgentServer
from tests.a2a_server import serving as serving_agent
from tests.otlp_receiver import Receiver, attributes_of, receiving
from tests.servers import serving
from tests.telemetry.conftest import FLOW, ODD, Shapes

FETCHING = """
name: fetching
nodes:
  one: {{agent: local://web.{function}, inputs: {{url: "{url}"}}, {more}}}
"""
WEB = """
def by_httpx(url):
    import httpx
    return httpx.get(url).json()

async def by_async_httpx(url):
    import httpx
    async with httpx.AsyncClient() as client:
        return (await client.get(url)).json()

def by_redirect(url):
    import httpx
    return httpx.get(url.replace("/json", "/redirect"), follow_redirects=True).json()

def by_urllib3(url):
    import urllib3
    return urllib3.PoolManager().request("GET", url).json()

def by_requests(url):
    import requests
    return requests.get(url).json()

async def by_aiohttp(url):
    import aiohttp
    async with aiohttp.ClientSession() as client, client.get(url) as answer:
        return await answer.json()

def of_its_own(url):
    import httpx
    return httpx.get(url, headers={"Traceparent": "00-" + "1" * 32 + "-" + "2" * 16 + "-01"}).json()
"""
STEPS = """
import asyncio, pathlib

async def wait(file):
    while not pathlib.Path(file).exists():
        await asyncio.sleep(0.02)
"""
WAITING = """
nodes:
  a: {{agent: local://echo, inputs: {{x: 1}}}}
  b: {{agent: local://steps.wait, inputs: {{file: "{go}"}}}}
"""
FUNCTIONS = ("by_httpx", "by_async_httpx", "by_urllib3", "by_requests", "by_aiohttp")


class Notices:
    """What a person would be told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def __call__(self, event: Event) -> None:
        if isinstance(event, Notice):
            self.told.append(event.message)


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


async def test_what_is_sent_live_is_what_is_exported_afterwards(tmp_path: Path, receiver: Receiver) -> None:
    write(tmp_path, "odd.py", ODD)
    file = write(tmp_path, "shapes.yaml", FLOW)
    notices = Notices()
    async with open_session(tmp_path / ".binex", is_traced=True, listeners=[notices]) as session:
        run = (await session.run(file)).run
    assert notices.told == []
    live_spans = {span.span_id.hex(): span for span in receiver.spans}
    async with open_session(tmp_path / ".binex") as session:
        stored = {span.span_id: span for span in await Shapes(session, tmp_path).spans(run)}
    assert live_spans.keys() == stored.keys()
    for id, span in stored.items():
        sent = live_spans[id]
        assert sent.name == span.name
        assert (sent.start_time_unix_nano, sent.end_time_unix_nano) == (span.start_ns, span.end_ns)
        assert attributes_of(sent) == dict(span.attributes)
    assert len(receiver.spans) == len(stored)


async def test_replays_are_sent_although_the_network_is_refused_to_them(tmp_path: Path, receiver: Receiver) -> None:
    write(tmp_path, "odd.py", ODD)
    file = write(tmp_path, "shapes.yaml", FLOW)
    async with open_session(tmp_path / ".binex") as session:
        run = (await session.run(file)).run
    async with open_session(tmp_path / ".binex", is_traced=True) as session:
        replayed = (await session.replay(run.id)).run
    root = receiver.by_name["invoke_workflow shapes"]
    assert root.trace_id.hex() == trace_id_of(replayed.id)
    assert root.links[0].trace_id.hex() == trace_id_of(run.id)


async def test_spans_come_while_the_run_goes_on(tmp_path: Path, receiver: Receiver) -> None:
    write(tmp_path, "steps.py", STEPS)
    go = tmp_path / "go"
    file = write(tmp_path, "flow.yaml", WAITING.format(go=go))
    async with open_session(tmp_path / ".binex", is_traced=True) as session:
        running = asyncio.ensure_future(session.run(file))
        async with asyncio.timeout(10):
            while "task a" not in receiver.by_name:
                await asyncio.sleep(0.02)
        assert "task b" not in receiver.by_name
        go.touch()
        await running
    assert "task b" in receiver.by_name


async def test_a_collector_that_is_away_neither_fails_nor_slows_a_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    file = write(tmp_path, "flow.yaml", "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}}")
    notices = Notices()
    async with open_session(tmp_path / ".binex", is_traced=True, listeners=[notices]) as session:
        began = time.monotonic()
        summary = await session.run(file)
        assert time.monotonic() - began < live.FLUSH_S  # else the run had waited for the collector
    assert summary.status is RunStatus.COMPLETED
    [told] = notices.told
    assert told.startswith("3 spans were not sent: the collector at http://127.0.0.1:9/v1/traces")
    assert told.endswith("connection refused")


async def test_a_collector_that_says_nothing_holds_the_end_up_for_five_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path, "flow.yaml", "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}}")
    notices = Notices()
    with receiving(is_holding=True) as slow:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", slow.url)
        async with open_session(tmp_path / ".binex", is_traced=True, listeners=[notices]) as session:
            began = time.monotonic()
            await session.run(file)
            assert time.monotonic() - began < live.FLUSH_S
            began = time.monotonic()
        assert time.monotonic() - began < live.FLUSH_S + 5
    [told] = notices.told
    assert told.startswith("3 spans were not sent")


async def test_a_collector_that_comes_back_gets_everything(tmp_path: Path, receiver: Receiver) -> None:
    receiver.statuses = [500, 404]
    file = write(tmp_path, "flow.yaml", "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}}")
    notices = Notices()
    async with open_session(tmp_path / ".binex", is_traced=True, listeners=[notices]) as session:
        await session.run(file)
        async with asyncio.timeout(10):
            while not receiver.spans:
                await asyncio.sleep(0.02)
    assert len(receiver.spans) == 3
    assert notices.told == []


async def test_what_a_collector_will_never_take_is_not_sent_again_and_holds_nothing_up(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses = [413]
    file = write(tmp_path, "flow.yaml", "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}}")
    notices = Notices()
    async with open_session(tmp_path / ".binex", is_traced=True, listeners=[notices]) as session:
        await session.run(file)
        async with asyncio.timeout(10):
            while not receiver.paths:
                await asyncio.sleep(0.02)
        receiver.rejects = 2
        await session.run(file)
    assert len(receiver.paths) == 2
    [told] = notices.told
    assert told.startswith("5 spans were not sent: the collector at")
    assert told.endswith("rejected 2 of 3 spans: too old")


class _Slow:
    """Takes spans when it is let to."""

    def __init__(self) -> None:
        self.taken = 0

    def send(self, spans: list[Any]) -> None:
        self.taken += len(spans)

    def close(self) -> None:
        pass


def _never() -> _Slow:
    raise OSError("no collector can be made")


async def test_no_burst_is_lost_and_what_cannot_wait_is_counted(
    shapes: Shapes, monkeypatch: pytest.MonkeyPatch
) -> None:
    span = RunSpans(await shapes.run()).root(await shapes.run(), {})
    slow = _Slow()
    sender = Sender(lambda: slow)
    for _ in range(300):
        sender.put([span] * 200)
    sender.close(5)
    assert (slow.taken, sender.lost) == (60_000, 0)
    sender = Sender(_never)
    sender.put([span] * (live.MOST_WAITING + 5))
    sender.close(5)
    assert (sender.lost, sender.failure) == (live.MOST_WAITING + 5, "more than 100,000 spans were waiting")


async def test_without_opentelemetry_it_is_said_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(InputError, match="needs OpenTelemetry, which is not installed") as raised:
        async with open_session(tmp_path / ".binex", is_traced=True):
            pass
    assert raised.value.fix == "pip install 'binex[otel]'"


# --- the trace that requests name -----------------------------------------------------------------------------


async def fetch(
    folder: Path, url: str, function: str, *, is_traced: bool, more: str = ""
) -> tuple[str, Any, list[Any]]:
    """The run, what the server saw, and the calls."""
    write(folder, "web.py", WEB)
    file = write(folder, "fetching.yaml", FETCHING.format(function=function, url=url, more=more))
    async with open_session(folder / ".binex", is_traced=is_traced) as session:
        summary = await session.run(file)
        assert summary.status is RunStatus.COMPLETED, summary.failures
        seen = summary.outputs["one"]["output"]
        assert isinstance(seen, dict)
        headers = seen["headers"]
        assert isinstance(headers, dict)
        calls = await session.store.list_calls(summary.run_id)
        return summary.run_id, {name.lower(): value for name, value in headers.items()}, calls


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_requests_of_functions_name_the_span_of_their_call(
    tmp_path: Path, receiver: Receiver, function: str
) -> None:
    with serving() as server:
        run, headers, [call] = await fetch(tmp_path, f"{server.url}/json", function, is_traced=True)
    assert headers["traceparent"] == f"00-{trace_id_of(run)}-{call_span_id(run, 'one', 1, 1)}-01"
    assert receiver.by_name["GET"].span_id.hex() == call_span_id(run, "one", 1, 1)
    assert "traceparent" not in {name.lower() for name, _ in call.request_headers}


@pytest.mark.parametrize("function", FUNCTIONS)
async def test_without_telemetry_nothing_is_added_to_requests(tmp_path: Path, function: str) -> None:
    with serving() as server:
        _, headers, _ = await fetch(tmp_path, f"{server.url}/json", function, is_traced=False)
    assert "traceparent" not in headers


async def test_a_request_after_a_redirect_names_its_own_span(tmp_path: Path, receiver: Receiver) -> None:
    with serving() as server:
        run, headers, calls = await fetch(tmp_path, f"{server.url}/json", "by_redirect", is_traced=True)
    assert [call.status for call in calls] == [302, 200]
    assert headers["traceparent"].split("-")[2] == call_span_id(run, "one", 1, 2)


async def test_a_trace_that_the_users_code_names_stays(tmp_path: Path, receiver: Receiver) -> None:
    with serving() as server:
        _, headers, _ = await fetch(tmp_path, f"{server.url}/json", "of_its_own", is_traced=True)
    assert headers["traceparent"] == "00-" + "1" * 32 + "-" + "2" * 16 + "-01"


async def test_requests_of_isolated_functions_name_the_span_of_their_attempt(
    tmp_path: Path, receiver: Receiver
) -> None:
    with serving() as server:
        run, headers, _ = await fetch(
            tmp_path, f"{server.url}/json", "by_httpx", is_traced=True, more="isolation: process"
        )
    assert headers["traceparent"] == f"00-{trace_id_of(run)}-{attempt_span_id(run, 'one', 1)}-01"


async def test_naming_the_trace_changes_neither_what_calls_are_matched_by_nor_the_key(
    tmp_path: Path, receiver: Receiver
) -> None:
    with serving() as server:
        url = f"{server.url}/json"
        traced, _, [one] = await fetch(tmp_path, url, "by_httpx", is_traced=True)
        plain, _, [other] = await fetch(tmp_path, url, "by_httpx", is_traced=False)
    assert one.asked == other.asked
    async with open_session(tmp_path / ".binex") as session:
        keys = [[record.key for record in await session.store.list_records(run)] for run in (traced, plain)]
        assert keys[0] == keys[1]
        assert (await session.replay(traced)).status is RunStatus.COMPLETED  # with the server gone


async def test_remote_agents_are_told_the_trace(tmp_path: Path, receiver: Receiver) -> None:
    with serving_agent(AgentServer()) as server:
        file = write(tmp_path, "flow.yaml", f"nodes: {{a: {{agent: '{server.uri}', inputs: {{x: 1}}}}}}")
        async with open_session(tmp_path / ".binex", is_traced=True) as session:
            summary = await session.run(file)
            assert summary.status is RunStatus.COMPLETED
            calls = await session.store.list_calls(summary.run_id)
    spoken = next(call for call in calls if call.kind is CallKind.A2A)
    posted = next(call for call in calls if call.parent == spoken.number and call.target.startswith("POST"))
    assert f"00-{trace_id_of(summary.run_id)}-{call_span_id(posted.run_id, 'a', 1, posted.number)}-01" in {
        request.headers.get("traceparent") for request in server.requests
    }
    assert receiver.by_name["invoke_agent 127.0.0.1"].span_id.hex() == call_span_id(
        spoken.run_id, "a", 1, spoken.number
    )
