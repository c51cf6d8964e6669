"""E1 to E9 in whole runs: providers that refuse, break, hang, talk nonsense or never stop, one request an attempt.

One run asks them all, each node a server of its own, so that it also shows that none of them disturbs another.
"""

import json
import re
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from binex.models.call import CallKind
from binex.models.task import ErrorKind, SkipReason, TaskStatus
from tests.adapters.llm.asking import MODELS
from tests.faults.ended import Ended, project_of
from tests.faults.harness import check_commands, check_sound
from tests.faults.test_limits import MEASURED, used
from tests.model_server import PROTOCOLS, Answer, ModelServer, Protocol, Seen, Tokens, Wire, sse

ODD: Final = [
    {"kind": "binary", "data": "aGVsbG8=", "media_type": "image/png"},
    {"lc": 1, "type": "constructor", "id": ["os", "system"], "kwargs": {"command": "touch pwned"}},
    {"$ref": "#/$defs/other"},
    {"__class__": "subprocess.Popen", "__reduce__": ["os.system", ["touch pwned"]]},
    {"py/object": "os.system", "!!python/object/apply:os.system": ["touch pwned"]},
    "${secret.HOME} {{7*7}}",
]
"""Outputs that look like objects of other frameworks."""
STEPS = f"""
import os, time
from pathlib import Path

def die_once():
    "Kills its process the first time."
    if not Path("died").exists():
        Path("died").touch()
        time.sleep(0.5)  # by when calls are kept that wait for nothing
        os.kill(os.getpid(), 9)
    return "alive"

def give():
    "Gives what looks like objects."
    return {ODD!r}

def take(said):
    return said
"""


@dataclass(frozen=True)
class Fault:
    """How a provider misbehaves, and the node that asks it."""

    replies: Sequence[Answer | Wire] = ()
    default: Answer | Wire = field(default_factory=Answer)
    retries: int = 2
    protocol: Protocol = "openai"
    config: Mapping[str, Any] = field(default_factory=dict)
    more: Mapping[str, Any] = field(default_factory=dict)
    """Further fields of the node."""

    def node(self, api_base: str) -> dict[str, Any]:
        return {
            "agent": "llm://{}/{}".format(*MODELS[self.protocol]),
            "inputs": {"question": "How many tides?"},
            "config": {"api_base": api_base, "api_key": "a-key", **self.config},
            "retry_policy": {"max_retries": self.retries, "delay_ms": 10},
            **self.more,
        }


def refusal(status: int, **headers: str) -> Wire:
    body = json.dumps({"error": {"message": f"the words of a {status}"}}).encode()
    return Wire(status, body, headers={name.replace("_", "-"): value for name, value in headers.items()})


def stream(*events: bytes) -> Wire:
    return Wire(body=events, media_type="text/event-stream")


def nonsense() -> dict[str, Wire]:
    """Replies that are none."""
    nothing = {"choices": [{"index": 0, "delta": {"content": None}, "finish_reason": "stop"}]}
    return {
        "html": Wire(body=b"<html>\x1b[31mLog in</html>" + b"x" * 500, media_type="text/html"),
        "bad_json": stream(b'data: {"choices": [{"del\n\n'),
        "no_choices": stream(sse({"id": "x", "choices": []}), b"data: [DONE]\n\n"),
        "null": stream(sse(nothing), b"data: [DONE]\n\n"),
        "empty": stream(),
    }


LATER: Final = {"depends_on": ["limited"]}
"""Deadlines are tried when the libraries have been loaded, which the first to need them waits for."""
FAULTS: Final[Mapping[str, Fault]] = {
    "limited": Fault([refusal(429, Retry_After="1")]),
    "limited_for_good": Fault(default=refusal(429, Retry_After="0")),
    "overloaded": Fault(default=refusal(529)),
    **{f"passing_{protocol}": Fault([refusal(500), refusal(503)], protocol=protocol) for protocol in PROTOCOLS},
    "reset": Fault([Wire(before_headers=True, end="reset")]),
    "wrong_request": Fault(default=refusal(400), retries=3),
    "wrong_key": Fault(default=refusal(401), retries=3),
    "hangs": Fault(default=Answer(["one", "two"], cut=3, end="hang"), retries=1, more={"deadline_ms": 1500, **LATER}),
    "drips": Fault(
        default=Wire(body=[b":\n"] * 1000, media_type="text/event-stream", pause=0.1),
        retries=0,
        more={"deadline_ms": 1500, **LATER},
    ),
    "half": Fault(default=Answer(["Half a", " sentence"], cut=3), retries=1),
    "torn": Fault(default=Answer(["Half a", " sentence"], cut=3, end="reset"), retries=1),
    **{name: Fault(default=wire, retries=1) for name, wire in nonsense().items()},
    "refuses": Fault(default=Answer("I must not.", finish="content_filter"), retries=1),
    "wrong_tool": Fault(
        [Answer(calls=[("c1", "no_such_tool", "{}")]), Answer("Done without.")], more={"tools": ["python://steps.give"]}
    ),
    "no_tools": Fault(default=Answer(calls=[("c1", "no_such_tool", "{}")]), retries=1),
    "never_stops": Fault(
        default=Answer(calls=[("c1", "give", "{}")]),
        config={"max_tool_rounds": 2},
        more={"tools": ["python://steps.give"]},
    ),
    "no_usage": Fault([Answer("Two.", tokens=None)]),
    "odd_usage": Fault([Answer("Two.", tokens=Tokens(read=-7, written=-1, cached=0, reasoned=0))]),
    "odd": Fault([Answer(json.dumps(ODD))], more={"output_schema": {"type": "array"}}),
    "odd_tool": Fault([Answer(calls=[("c1", "give", "{}")]), Answer("Seen.")], more={"tools": ["python://steps.give"]}),
    "after_odd": Fault(more={"inputs": {"said": "${odd.output}"}}),
}


@dataclass(frozen=True)
class Misbehaved(Ended):
    """The run that asked all of them."""

    servers: Mapping[str, ModelServer]

    def requests(self, task: str) -> list[Seen]:
        return self.servers[task].requests

    def host(self, task: str) -> str:
        return f"127.0.0.1:{self.servers[task].port}"


def closed_port() -> int:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        return int(unused.getsockname()[1])


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Misbehaved]:
    with ExitStack() as stack:
        servers = {
            name: stack.enter_context(ModelServer(fault.replies, default=fault.default))
            for name, fault in FAULTS.items()
        }
        nodes = {name: fault.node(servers[name].url(fault.protocol)) for name, fault in FAULTS.items()}
        nodes["nobody_there"] = Fault().node(f"http://127.0.0.1:{closed_port()}/v1")
        nodes["no_such_host"] = Fault().node("http://no-such-host.invalid/v1")
        for name in ("half", "torn", "hangs"):
            nodes[f"after_{name}"] = {"agent": "local://steps.take", "inputs": {"said": f"${{{name}.output}}"}}
        nodes["odd_taken"] = {"agent": "local://steps.take", "inputs": {"said": "${odd.output}"}}
        project = project_of(tmp_path_factory.mktemp("models"), nodes, STEPS)
        finished = project.run()
        assert finished.code == 1, finished
        assert "Traceback" not in finished.err, finished
        yield Misbehaved.of(project, finished, servers=servers)


# --- Retries are counted in one place ------------------------------------------------------------------------


def test_what_the_store_counts_is_what_was_on_the_wire(ended: Misbehaved) -> None:
    for name in FAULTS:
        on_the_wire = len(ended.requests(name))
        assert len(ended.calls(name, CallKind.MODEL)) == on_the_wire, name
        assert len(ended.calls(name, CallKind.HTTP)) == on_the_wire, name
        if name not in ("wrong_tool", "never_stops", "odd_tool"):
            assert len(ended.records(name)) == on_the_wire, f"{name}: one request an attempt"


def test_an_attempt_is_repeated_as_often_as_the_node_says(ended: Misbehaved) -> None:
    failed = {name: fault for name, fault in FAULTS.items() if ended.last(name).status is not TaskStatus.COMPLETED}
    once = {"wrong_request", "wrong_key", "refuses", "never_stops"}
    assert once <= failed.keys()
    for name, fault in failed.items():
        assert len(ended.records(name)) == (1 if name in once else 1 + fault.retries), name


def test_the_store_is_sound_after_all_that_and_can_be_read(ended: Misbehaved) -> None:
    check_sound(ended.project)
    shown = ("hangs", "torn", "html", "never_stops")
    calls = [(task, call) for task in shown for call in ended.calls(task)[:1]]
    check_commands(
        ended.project,
        ("debug", "latest"),
        ("trace", "latest"),
        ("calls", "list", "latest"),
        *[("calls", "show", "latest", f"{task}:{call.attempt}.{call.number}") for task, call in calls],
    )


def test_what_a_killed_attempt_has_said_and_cost_stays_beside_what_the_next_one_says(tmp_path: Path) -> None:
    dying = {"tool_calls": [{"name": "die_once"}]}
    asking = {
        "agent": "llm://mock/teller",
        "inputs": {"question": "How many tides?"},
        "tools": ["python://steps.die_once"],
        "config": {"answers": [{**dying, "price": 0.25}, {**dying, "price": 0.125}, {"text": "Two.", "price": 0.5}]},
    }
    project = project_of(tmp_path, {"ask": asking}, STEPS)
    assert project.run().code == -signal.SIGKILL
    finished = project.binex("resume")
    assert finished.code == 0, finished
    kept = Ended.of(project, finished)
    calls = kept.calls("ask", CallKind.MODEL)
    assert [(call.attempt, call.cost_usd) for call in calls] == [(1, 0.25), (2, 0.125), (2, 0.5)]
    assert kept.last("ask").attempt == 2
    assert project.json("cost", "latest")["total"]["cost_usd"] == 0.875, "what the killed one cost is counted too"


# --- E1: too many requests -----------------------------------------------------------------------------------


def test_the_pause_that_a_provider_asks_for_is_kept(ended: Misbehaved) -> None:
    first, second = ended.records("limited")
    assert first.retry_in_ms is not None
    assert first.retry_in_ms >= 1000
    assert first.started_at is not None
    assert second.started_at is not None
    assert (second.started_at - first.ended_at).total_seconds() >= 0.95
    assert first.error is not None
    assert (first.error.kind, first.error.status) == (ErrorKind.RATE_LIMIT, 429)
    assert ended.output("limited") == "Hello"


def test_a_rate_limit_that_stays_says_who_how_often_and_how_long(ended: Misbehaved) -> None:
    error, host = ended.error("limited_for_good"), ended.host("limited_for_good")
    said = rf"rate limited by {re.escape(host)}: the words of a 429; 3 tries in \d+\.\d s"
    assert re.fullmatch(said, error.message), error.message
    assert re.search(said, ended.finished.err)
    assert (error.kind, error.status, error.host) == (ErrorKind.RATE_LIMIT, 429, host)
    assert "the words of a 429" in (error.body or "")


def test_a_pause_of_a_day_is_capped_and_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with ModelServer(default=refusal(429, Retry_After="86400")) as server:
        project = project_of(tmp_path, {"ask": Fault().node(server.url())})
        process = project.start("run", project.file)
        process.wait_for_text(r"again in|retr")
        process.signal(signal.SIGTERM)
        finished = process.wait(5)
        assert finished.code == 143, finished
        assert len(server.requests) == 1
    first = Ended.of(project, finished).records("ask")[0]
    assert first.retry_in_ms == 300_000


# --- E2: failures that may pass ------------------------------------------------------------------------------


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_passes_is_tried_again_and_each_attempt_has_its_own_record(protocol: Protocol, ended: Misbehaved) -> None:
    records = ended.records(f"passing_{protocol}")
    assert [record.error and record.error.status for record in records] == [500, 503, None]
    assert [call.status for call in ended.calls(f"passing_{protocol}", CallKind.HTTP)] == [500, 503, 200]
    assert ended.output(f"passing_{protocol}") == "Hello"
    first = records[0].error
    assert first is not None
    assert "the words of a 500" in first.message


def test_a_connection_that_is_reset_is_made_again(ended: Misbehaved) -> None:
    first, second = ended.records("reset")
    assert first.error is not None
    assert first.error.kind is ErrorKind.UNREACHABLE
    assert first.error.message.startswith(f"the connection to {ended.host('reset')} broke before an answer came")
    assert second.status is TaskStatus.COMPLETED


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("overloaded", r"127\.0\.0\.1:\d+ is overloaded \(529\): the words of a 529"),
        ("nobody_there", r"127\.0\.0\.1:\d+ refused the connection"),
        ("no_such_host", r"there is no host no-such-host\.invalid: .+"),
    ],
)
def test_the_last_cause_is_in_the_record(name: str, said: str, ended: Misbehaved) -> None:
    error = ended.error(name)
    assert re.fullmatch(rf"{said}; 3 tries in \d+\.\d s", error.message), error.message
    assert error.kind is ErrorKind.UNREACHABLE
    assert error.host
    assert len(ended.calls(name, CallKind.MODEL)) == 3


@pytest.mark.parametrize(
    ("name", "kind", "status"),
    [("wrong_request", ErrorKind.REFUSED, 400), ("wrong_key", ErrorKind.AUTHENTICATION, 401)],
)
def test_what_repetition_cannot_help_is_asked_once_although_more_is_allowed(
    name: str, kind: ErrorKind, status: int, ended: Misbehaved
) -> None:
    error = ended.error(name)
    assert (error.kind, error.status) == (kind, status)
    assert f"the words of a {status}" in error.message
    assert "tries" not in error.message
    assert len(ended.requests(name)) == 1


# --- E3, E4: hanging, dripping, half -------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "tries"), [("hangs", 2), ("drips", 1)])
def test_a_reply_that_does_not_end_is_left_at_the_deadline_and_says_how_far_it_came(
    name: str, tries: int, ended: Misbehaved
) -> None:
    for record in ended.records(name):
        assert record.status is TaskStatus.TIMED_OUT
        assert record.error is not None
        expected = r"no complete answer \(connected, ([\d,]+) bytes\) in 1,500 ms \(deadline_ms\)"
        said = re.match(expected, record.error.message)
        assert said, record.error.message
        assert int(said[1].replace(",", "")) > 0
        assert record.duration_ms < 1500 + 2500
    assert len(ended.records(name)) == tries
    assert all(seen.left.wait(5) for seen in ended.requests(name)), "the connection stays open"


@pytest.mark.parametrize(
    ("name", "kind"), [("half", ErrorKind.BAD_REPLY), ("torn", ErrorKind.UNREACHABLE), ("hangs", ErrorKind.DEADLINE)]
)
def test_half_a_reply_is_kept_as_incomplete_and_nothing_behind_it_runs(
    name: str, kind: ErrorKind, ended: Misbehaved
) -> None:
    assert ended.error(name).kind is kind
    assert ended.last(name).output_artifacts == ()
    for call in ended.calls(name):
        # A stream that ends well-formed and too early is a whole response, and half a reply.
        assert call.is_complete == (name == "half" and call.kind is CallKind.HTTP), call
        said = ended.body(call.response).decode()
        assert ("one" if name == "hangs" else "Half a") in said, "what came is kept"
    after = ended.last(f"after_{name}")
    assert (after.status, after.skip_reason, after.blocked_by) == (TaskStatus.SKIPPED, SkipReason.BLOCKED, name)


# --- E5: nonsense --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", nonsense())
def test_a_reply_that_is_none_is_a_bad_reply_that_shows_its_beginning(name: str, ended: Misbehaved) -> None:
    error = ended.error(name)
    assert error.kind is ErrorKind.BAD_REPLY
    assert error.message.startswith(f"bad reply from {ended.host(name)}: "), error.message
    assert len(error.message) < 600
    assert (ended.last(name).output_artifacts, error.host) == ((), ended.host(name))


def test_what_a_bad_reply_holds_does_not_command_the_terminal(ended: Misbehaved) -> None:
    assert r"<html>\x1b[31mLog in</html>" in ended.finished.err
    assert "\x1b" not in ended.finished.err


def test_a_refusal_is_a_failure_and_no_output(ended: Misbehaved) -> None:
    assert "refus" in ended.error("refuses").message
    assert ended.last("refuses").output_artifacts == ()


def test_a_tool_that_was_not_offered_is_not_looked_for(ended: Misbehaved) -> None:
    error = ended.error("no_tools")
    assert (error.kind, "asked for the tool 'no_such_tool'" in error.message) == (ErrorKind.BAD_REPLY, True)
    (record,) = ended.records("wrong_tool")
    assert record.status is TaskStatus.COMPLETED
    told = ended.requests("wrong_tool")[1].body["messages"][-1]
    assert (told["role"], told["tool_call_id"]) == ("tool", "c1")
    assert "no_such_tool" in told["content"]


# --- E6: too much --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "limit"),
    [
        (Wire(body=[b"x" * 2**20] * 60, media_type="text/event-stream"), "a line longer than 4 MiB, and was cut there"),
        (Answer(["y" * 2**20] * 60), r"longer than 10,485,760 bytes"),
    ],
    ids=["line", "text"],
)
def test_a_reply_of_60_mb_is_cut_in_bounded_memory_by_a_limit_that_is_named(
    reply: Answer | Wire, limit: str, tmp_path: Path
) -> None:
    with ModelServer(default=reply) as server:
        project = project_of(tmp_path, {"ask": Fault(retries=3).node(server.url())})
        finished = project.run(before=MEASURED)
        assert len(server.requests) == 1, "more of the same would not help"
    assert finished.code == 1, finished
    error = Ended.of(project, finished).error("ask")
    assert error.kind is ErrorKind.BAD_REPLY
    assert re.search(limit, error.message), error.message
    assert used(finished)[0] < 300
    check_sound(project)


# --- E7, E8: no usage, no end --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["no_usage", "odd_usage"])
def test_a_price_that_cannot_be_known_is_unknown_and_not_nothing(name: str, ended: Misbehaved) -> None:
    (call,) = ended.calls(name, CallKind.MODEL)
    assert (call.usage and call.usage.input_tokens, call.cost_usd) == (None, None)
    cost = ended.project.json("cost", "latest")
    (node,) = [node for node in cost["nodes"] if node["node"] == name]
    assert (node["spend"]["cost_usd"], node["spend"]["unpriced_calls"]) == (0.0, 1)
    shown = ended.project.binex("cost", "latest").out
    assert re.search(rf"^{name} +1 .* unknown$", shown, re.MULTILINE), shown
    assert "at least $" in shown


def test_a_model_that_never_stops_using_tools_is_stopped_by_name_of_the_limit(ended: Misbehaved) -> None:
    assert "after 2 rounds of tools (config.max_tool_rounds)" in ended.error("never_stops").message
    assert len(ended.requests("never_stops")) == 3
    assert len(ended.calls("never_stops", CallKind.TOOL)) == 2


# --- E9: what looks like an object ---------------------------------------------------------------------------


def test_what_looks_like_an_object_is_plain_data_wherever_it_goes(ended: Misbehaved) -> None:
    assert ended.output("odd") == ODD
    assert ended.output("odd_taken") == ODD
    (asked,) = ended.requests("after_odd")
    assert json.loads(asked.body["messages"][-1]["content"].removeprefix("said:\n")) == ODD
    told = ended.requests("odd_tool")[1].body["messages"][-1]
    assert json.loads(told["content"]) == ODD
    assert ended.project.json("artifacts", "show", "latest", "odd")["content"] == ODD
    assert not (ended.project.folder / "pwned").exists()


def test_what_looks_like_an_object_is_shown_as_the_text_that_it_is(ended: Misbehaved) -> None:
    (call,) = ended.calls("after_odd", CallKind.HTTP)
    shown = ended.project.json("calls", "show", "latest", f"after_odd:{call.attempt}.{call.number}")
    assert json.dumps(shown).count("aGVsbG8=") >= 1
    sent = json.loads(ended.body(call.request))
    assert json.loads(sent["messages"][-1]["content"].removeprefix("said:\n")) == ODD
