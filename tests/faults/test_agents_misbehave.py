"""B10, E10 to E14 and E16 in whole runs: remote agents, MCP servers, and machines without a network.

One run asks all the remote agents that get it wrong, and one that does not. What it connects to is watched.
"""

import asyncio
import re
import shutil
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest
from a2a.types.a2a_pb2 import Part

from binex.models.call import CallKind
from binex.models.task import ErrorKind, TaskStatus
from tests.a2a_server import AgentServer, RawServer, Request, Turn, http, raw_card, rpc_result, serving, serving_raw
from tests.adapters.tools import bench
from tests.faults.ended import Ended, project_of
from tests.faults.harness import Process, Project, check_sound
from tests.faults.tracing import needs_strace, watching

Answer = Callable[[RawServer, Request], Iterator[bytes]]
METADATA: Final = "http://169.254.169.254/latest/meta-data"
"""Where clouds give away the keys of a machine."""


def connected_to(trace: Path) -> set[str]:
    """The network addresses in a trace of ``connect``."""
    return set(re.findall(r'(?:inet_addr\(|inet_pton\(AF_INET6, )"([^"]+)"', trace.read_text()))


# --- E10 to E12: agents that are dead, fail, hang, say what is no answer, or lead elsewhere ------------------


def fail(server: RawServer, request: Request) -> Iterator[bytes]:
    yield http("out of paper", 500)


def hang(server: RawServer, request: Request) -> Iterator[bytes]:
    yield from [b""] * 400  # some seconds, which are more than anybody has here


def drip(server: RawServer, request: Request) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    yield from [b" ", *[b""] * 9] * 40


def task_at(state: str, **more: Any) -> dict[str, Any]:
    return {"id": "t", "contextId": "c", "status": {"state": f"TASK_STATE_{state}"}, **more}


def accept_and_get_lost(server: RawServer, request: Request) -> Iterator[bytes]:
    """Accept a task, be away when asked after it, and have it done at the next time."""
    match server.rpcs:
        case [_]:
            yield http(rpc_result(request, {"task": task_at("WORKING")}))
        case [_, _]:
            yield b""  # the connection ends without an answer
        case _:
            yield http(
                rpc_result(request, task_at("COMPLETED", artifacts=[{"artifactId": "a", "parts": [{"text": "done"}]}]))
            )


def make_nothing(server: RawServer, request: Request) -> Iterator[bytes]:
    yield http(rpc_result(request, {"task": task_at("COMPLETED")}))


def lead_elsewhere(server: RawServer, request: Request) -> Iterator[bytes]:
    yield http("", 307, Location=METADATA)


@dataclass(frozen=True)
class Fault:
    """How an agent misbehaves, and the node that asks it."""

    answer: Answer
    retries: int = 0
    card: dict[str, Any] = field(default_factory=dict)
    more: dict[str, Any] = field(default_factory=dict)
    """Further fields of the node."""

    def serve(self, server: RawServer, request: Request) -> Iterator[bytes]:
        """Show the card, and misbehave when asked anything else."""
        if request.method == "GET":
            yield http(raw_card(server, **self.card))
        else:
            yield from self.answer(server, request)


def node(uri: str, retries: int = 0, **more: Any) -> dict[str, Any]:
    policy = {"max_retries": retries, "delay_ms": 10}
    return {"agent": uri, "inputs": {"text": "Are you there?"}, "retry_policy": policy, **more}


INTERFACE: Final = {"url": METADATA, "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
LATER: Final = {"deadline_ms": 1500, "depends_on": ["fine"]}
"""Deadlines are tried when the libraries have been loaded, which the first to need them waits for."""
FAULTS: Final = {
    "fails": Fault(fail, retries=1),
    "hangs": Fault(hang, more=LATER),
    "drips": Fault(drip, more=LATER),
    "made_nothing": Fault(make_nothing),
    "redirects": Fault(lead_elsewhere, retries=2),
    "points_elsewhere": Fault(fail, retries=2, card={"supportedInterfaces": [INTERFACE]}),
}


@dataclass(frozen=True)
class Misbehaved(Ended):
    """The run that asked all of them."""

    servers: dict[str, RawServer]
    trace: Path


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Misbehaved]:
    folder = tmp_path_factory.mktemp("agents")
    trace = folder / "connect.trace"
    with ExitStack() as stack:
        fine = stack.enter_context(serving(AgentServer()))
        faults = {**FAULTS, "gets_lost": Fault(accept_and_get_lost, retries=1)}
        servers = {name: stack.enter_context(serving_raw(RawServer(fault.serve))) for name, fault in faults.items()}
        nodes = {name: node(servers[name].uri, fault.retries, **fault.more) for name, fault in faults.items()}
        unused = stack.enter_context(socket.socket())
        unused.bind(("127.0.0.1", 0))
        nodes["dead"] = node(f"a2a://127.0.0.1:{unused.getsockname()[1]}", retries=1)
        nodes["fine"] = node(fine.uri)
        project = project_of(folder, nodes)
        finished = project.run(before=watching(trace, "connect") if shutil.which("strace") else ())
        assert finished.code == 1, finished
        assert "Traceback" not in finished.err, finished
        yield Misbehaved.of(project, finished, servers=servers, trace=trace)


def test_agents_that_get_it_wrong_do_not_disturb_one_that_does_not(ended: Misbehaved) -> None:
    assert ended.output("fine") == "hello Are you there?"
    failed = {task for task in [*FAULTS, "dead"] if ended.last(task).status is not TaskStatus.COMPLETED}
    assert failed == {*FAULTS, "dead"}
    check_sound(ended.project)


@pytest.mark.parametrize(
    ("name", "said", "status"),
    [
        ("dead", r"cannot connect to 127\.0\.0\.1:\d+: Connection refused; 2 tries in \d+\.\d s", None),
        ("fails", r"127\.0\.0\.1 answered 500.*: out of paper; 2 tries in \d+\.\d s", 500),
    ],
)
def test_a_dead_agent_and_one_that_fails_are_asked_again_and_then_named(
    name: str, said: str, status: int | None, ended: Misbehaved
) -> None:
    error = ended.error(name)
    assert re.fullmatch(said, error.message), error.message
    assert (error.kind, error.host, error.status) == (ErrorKind.UNREACHABLE, "127.0.0.1", status)
    assert len(ended.records(name)) == 2
    if name in ended.servers:
        assert len(ended.servers[name].rpcs) == 2, "one request an attempt"
        assert "out of paper" in (error.body or "")


@pytest.mark.parametrize(
    ("name", "how_far"), [("hangs", r"nothing came back"), ("drips", r"connected, [1-9]\d* bytes")]
)
def test_a_slow_agent_is_left_at_the_deadline(name: str, how_far: str, ended: Misbehaved) -> None:
    record = ended.last(name)
    assert record.status is TaskStatus.TIMED_OUT
    said = ended.error(name).message
    assert re.fullmatch(rf"no complete answer \({how_far}\) in 1,500 ms \(deadline_ms\)", said), said
    assert record.duration_ms < 1500 + 2500
    assert not any(call.is_complete for call in ended.calls(name, CallKind.A2A))


def test_an_answer_without_what_was_asked_for_is_no_valid_reply(ended: Misbehaved) -> None:
    error = ended.error("made_nothing")
    assert error.kind is ErrorKind.BAD_REPLY
    assert "not a valid A2A reply" in error.message
    assert "no artifact" in error.message


@pytest.mark.parametrize(
    ("name", "said"),
    [("redirects", f"redirects to {METADATA} are not followed"), ("points_elsewhere", "169.254.169.254")],
)
def test_an_agent_that_leads_elsewhere_is_refused_once_and_for_all(name: str, said: str, ended: Misbehaved) -> None:
    (record,) = ended.records(name)
    error = ended.error(name)
    assert error.kind is ErrorKind.REFUSED
    assert said in error.message
    assert record.duration_ms < 5000
    assert len(ended.servers[name].rpcs) == (1 if name == "redirects" else 0)


@needs_strace
def test_nobody_connects_to_where_an_agent_leads(ended: Misbehaved) -> None:
    assert connected_to(ended.trace) == {"127.0.0.1"}


# --- E13, E14: a remote task outlives a process, and is cancelled with its run --------------------------------


def test_an_agent_that_is_lost_after_it_accepted_a_task_is_only_asked_for_it_again(ended: Misbehaved) -> None:
    first, second = ended.records("gets_lost")
    assert first.error is not None
    assert first.error.kind is ErrorKind.UNREACHABLE
    assert (second.status, ended.output("gets_lost")) == (TaskStatus.COMPLETED, "done")
    assert ended.servers["gets_lost"].rpcs == ["SendMessage", "GetTask", "GetTask"]


class Working:
    """An agent that begins, says so, and goes on when it is told to."""

    def __init__(self) -> None:
        self.go = threading.Event()

    async def __call__(self, turn: Turn) -> None:
        await turn.accept()
        await turn.updater.start_work(turn.says("I am working\n"))
        while not self.go.is_set():
            await asyncio.sleep(0.01)
        await turn.updater.add_artifact([Part(text="done")])
        await turn.updater.complete()


@pytest.fixture
def working() -> Iterator[AgentServer]:
    act = Working()
    with serving(AgentServer(act)) as server:
        yield server
        act.go.set()


def start_working(folder: Path, server: AgentServer) -> tuple[Project, Process]:
    """A run whose agent has accepted its task, which the run knows."""
    project = project_of(folder, {"ask": node(server.uri)})
    process = project.start("run", project.file, "--stream")
    process.wait_for_text("I am working")  # an event after the one that names the task
    return project, process


def test_a_run_that_was_killed_goes_on_with_the_one_remote_task(tmp_path: Path, working: AgentServer) -> None:
    project, process = start_working(tmp_path, working)
    process.kill_all()
    process.wait()
    assert isinstance(working.act, Working)
    resumed = project.start("resume")
    resumed.wait_for_text("ask +started")
    working.act.go.set()
    finished = resumed.wait()
    assert finished.code == 0, finished
    assert "done" in finished.out
    assert len(working.turns) == 1, "the agent was given the task once"
    assert working.rpcs.count("GetTask") >= 1
    assert not working.cancelled
    kept = Ended.of(project, finished)
    assert kept.last("ask").attempt == 2
    assert {call.attempt for call in kept.calls("ask")} == {1, 2}, "what the killed process said is kept as well"


def test_cancelling_a_run_cancels_the_remote_task_within_five_seconds(tmp_path: Path, working: AgentServer) -> None:
    project, process = start_working(tmp_path, working)
    began = time.monotonic()
    cancelling = project.start("cancel", "latest")
    assert process.ends_within(5)
    assert time.monotonic() - began < 5
    finished = process.wait()
    assert cancelling.wait().code == 0
    assert working.cancelled == [working.turns[0].context.task_id]
    kept = Ended.of(project, finished)
    assert kept.kept.run is not None
    assert (kept.kept.run.status, kept.last("ask").status) == ("cancelled", TaskStatus.CANCELLED)


def test_a_signal_cancels_the_remote_task_and_a_resume_begins_another(tmp_path: Path, working: AgentServer) -> None:
    project, process = start_working(tmp_path, working)
    process.signal(signal.SIGTERM)
    assert process.ends_within(5)
    assert process.wait().code == 143
    assert working.cancelled == [working.turns[0].context.task_id]
    assert isinstance(working.act, Working)
    working.act.go.set()
    finished = project.binex("resume")
    assert finished.code == 0, finished
    first, second = (turn.message.message_id for turn in working.turns)
    assert first != second


# --- B10: an MCP server that does not want to end -------------------------------------------------------------


def with_stubborn_server(folder: Path, tool: str) -> Project:
    """A run whose model uses a tool of a server that ignores SIGTERM and the end of its input."""
    (folder / "pids").mkdir(parents=True)
    answers = [{"tool_calls": [{"name": tool}]}, {"text": "I have looked."}]
    asking = {
        "agent": "llm://mock/reader",
        "inputs": {"question": "What is there?"},
        "tools": [f"mcp://odd/{tool}"],
        "config": {"answers": answers},
    }
    server = {"command": sys.executable, "args": [str(bench.HERE / "odd_server.py"), "stubborn"]}
    return project_of(folder, {"ask": asking}, mcp_servers={"odd": server})


def processes_of(project: Project) -> list[int]:
    """The server and what it has started."""
    return [int(file.name) for file in (project.folder / "pids").iterdir()]


def test_a_run_ends_soon_after_its_work_whatever_its_mcp_server_does(tmp_path: Path) -> None:
    project = with_stubborn_server(tmp_path, "echo")
    process = project.start("run", project.file)
    process.wait_for_text(r"ask  completed")
    assert process.ends_within(5)
    finished = process.wait()
    assert finished.code == 0, finished
    assert len(processes_of(project)) == 2
    assert not any(map(bench.is_alive, processes_of(project)))


def test_a_signal_ends_a_run_that_waits_for_an_mcp_server_and_leaves_no_process(tmp_path: Path) -> None:
    project = with_stubborn_server(tmp_path, "hang")
    process = project.start("run", project.file)
    deadline = time.monotonic() + 30
    while len(processes_of(project)) < 2:
        assert time.monotonic() < deadline, process.err
        time.sleep(0.02)
    process.signal(signal.SIGTERM)
    assert process.ends_within(5)
    finished = process.wait()
    assert finished.code == 143, finished
    assert not any(map(bench.is_alive, processes_of(project)))


# --- E16: no network ------------------------------------------------------------------------------------------

OFFLINE: Final[dict[str, dict[str, Any]]] = {
    "plain": {"agent": "local://steps.give"},
    "apart": {"agent": "local://steps.take", "inputs": {"said": "${plain.output}"}, "isolation": "process"},
    "model": {
        "agent": "llm://mock/teller",
        "inputs": {"said": "${apart.output}"},
        "tools": ["python://steps.give"],
        "config": {"answers": [{"tool_calls": [{"name": "give"}]}, {"text": "two"}]},
    },
}


@needs_strace
def test_a_run_that_needs_no_network_connects_to_nobody(tmp_path: Path) -> None:
    code = 'def give():\n    "Gives."\n    return [1]\n\ndef take(said):\n    return said\n'
    project = project_of(tmp_path, OFFLINE, code)
    traces = {name: tmp_path / f"{name}.trace" for name in ("import", "run", "agents")}
    finished = project.run(before=watching(traces["run"], "connect"))
    assert finished.code == 0, finished
    project.binex("agents", project.file, before=watching(traces["agents"], "connect"))
    importing = Process([*watching(traces["import"], "connect"), sys.executable, "-c", "import binex"], cwd=tmp_path)
    assert importing.wait().code == 0
    assert {name: found for name, trace in traces.items() if (found := connected_to(trace))} == {}
