"""What sort of failure a task met: every class is built in for real, and then recognised with its evidence."""

import asyncio
import re
from collections.abc import Iterator

import pytest

from binex.analysis.failures.classes import FailureClass, FailureKind, classify
from binex.analysis.failures.failed_tasks import failures
from binex.analysis.failures.groups import FailureGroup, group_failures
from binex.analysis.failures.user_frame import last_user_frame
from binex.models.run import RunStatus
from binex.models.task import ErrorInfo, ErrorKind, ExecutionRecord, TaskStatus
from binex.runtime.assembly import People
from binex.runtime.desk import Patience
from binex.runtime.session import open_session
from tests.analysis.conftest import Ledger, at, error
from tests.model_server import ModelServer, Wire
from tests.servers import serving

STEPS = """
import os, time

def get(url):
    import httpx
    return httpx.get(url).raise_for_status().text

def outer(value):
    return inner(value)

def inner(value):
    return [][value]

def parse(text):
    import json
    return json.loads(text)

async def rest(seconds):
    import asyncio
    await asyncio.sleep(seconds)

def die(): os._exit(3)
def odd(): return object()
def give(value): return value
def pick(n):
    if n % 2:
        raise ValueError(f"no luck with {n}")
    return n
def fetch(url, n):
    return get(url)
def plain(url):
    import urllib.error, urllib.request
    try:
        return urllib.request.urlopen(url).read()
    except urllib.error.HTTPError as error:
        error.close()
        raise
def connect():
    import socket
    with socket.socket() as to:
        to.connect(("127.0.0.1", 9))
"""
FLOW = """
name: faults
nodes:
  code: {agent: local://steps.outer, inputs: {value: 1}}
  library: {agent: local://steps.parse, inputs: {text: "{"}}
  deadline: {agent: local://steps.rest, inputs: {seconds: 60}, deadline_ms: 150}
  slow_model:
    agent: llm://mock/a
    inputs: {q: hi}
    deadline_ms: 200
    config: {answers: [{text: late, delay_ms: 60000}]}
  limited:
    agent: llm://openai/the-model
    inputs: {q: hi}
    retry_policy: {max_retries: 1, delay_ms: 1}
    config: {api_base: LIMITED, api_key: k}
  forbidden: {agent: llm://openai/the-model, inputs: {q: hi}, config: {api_base: FORBIDDEN, api_key: k}}
  refused:
    agent: llm://mock/a
    inputs: {q: hi}
    config: {answers: [{error: {status: 400, body: no such model}}]}
  broken:
    agent: llm://mock/a
    inputs: {q: hi}
    retry_policy: {max_retries: 0}
    config: {answers: [{error: malformed}]}
  reset:
    agent: llm://mock/a
    inputs: {q: hi}
    retry_policy: {max_retries: 0}
    config: {answers: [{error: reset}]}
  schema: {agent: local://steps.give, inputs: {value: {n: 3}}, output_schema: {properties: {n: {type: string}}},
           retry_policy: {max_retries: 0}}
  output: {agent: local://steps.odd}
  process: {agent: local://steps.die, isolation: process, retry_policy: {max_retries: 0}}
  budget:
    agent: llm://mock/a
    inputs: {q: hi}
    budget: 0.1
    config: {max_tokens: 10, answers: [{text: dear, price: 2}]}
  human: {agent: "human://input", inputs: {q: 1}, deadline_ms: 300}
  input: {foreach: "${code_less}", agent: local://echo}
  code_less: {agent: local://steps.give, inputs: {value: text}}
  wire_limited: {agent: local://steps.get, inputs: {url: "SERVER/429"}, retry_policy: {max_retries: 0}}
  wire_failed: {agent: local://steps.get, inputs: {url: "SERVER/500"}, retry_policy: {max_retries: 0}}
  wire_refused: {agent: local://steps.get, inputs: {url: "SERVER/404"}, retry_policy: {max_retries: 0}}
  wire_nobody: {agent: local://steps.get, inputs: {url: "http://127.0.0.1:9/"}, retry_policy: {max_retries: 0}}
  plain_limited: {agent: local://steps.plain, inputs: {url: "SERVER/429"}, retry_policy: {max_retries: 0}}
  plain_key: {agent: local://steps.plain, inputs: {url: "SERVER/401"}, retry_policy: {max_retries: 0}}
  plain_nobody: {agent: local://steps.connect, retry_policy: {max_retries: 0}}
  no_right:
    agent: llm://mock/a
    inputs: {q: hi}
    config: {answers: [{error: {status: 403, body: not in your country}}]}
  list: {agent: local://steps.give, inputs: {value: [1, 2, 3, 4, 5]}}
  each: {foreach: "${list}", agent: local://steps.pick, inputs: {n: "${item}"}, retry_policy: {max_retries: 0}}
  fetches: {foreach: "${list}", agent: local://steps.fetch, inputs: {url: "SERVER/429", n: "${item}"},
            retry_policy: {max_retries: 0}, on_item_failure: fail_fast}
"""


_PORT = re.compile(r"(?<=127\.0\.0\.1):\d+")


class Faults:
    """How every node of one run failed."""

    def __init__(self, tasks: dict[str, FailureClass], groups: tuple[FailureGroup, ...]) -> None:
        self.tasks = tasks
        self.groups = groups

    def __getitem__(self, task: str) -> FailureClass:
        return self.tasks[task]


@pytest.fixture(scope="module")
def faults(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faults]:
    folder = tmp_path_factory.mktemp("faults")
    (folder / "steps.py").write_text(STEPS, "utf-8")
    limited = Wire(status=429, body=b'{"error": {"message": "slow down"}}', headers={"Retry-After": "1"})
    forbidden = Wire(status=401, body=b'{"error": {"message": "who are you"}}')
    with ModelServer(default=limited) as first, ModelServer(default=forbidden) as second, serving() as server:
        text = FLOW.replace("LIMITED", first.url()).replace("FORBIDDEN", second.url()).replace("SERVER", server.url)
        (folder / "flow.yaml").write_text(text, "utf-8")

        async def run() -> Faults:
            people = People(patience=Patience.ENDLESS)
            async with open_session(folder / ".binex", durability="normal", people=people) as session:
                made = (await session.run(folder / "flow.yaml")).run
                found = await failures(session.store, made)
                groups = await group_failures(session.store, await session.store.list_records(made.id))
                return Faults({task.failure.task: task.failure for task in found.tasks}, groups)

        yield asyncio.run(run())


@pytest.mark.parametrize(
    ("task", "kind", "cause"),
    [
        ("code", FailureKind.CODE, "IndexError at steps.py:12"),
        ("library", FailureKind.CODE, "JSONDecodeError at steps.py:16"),
        ("deadline", FailureKind.DEADLINE, "no answer within 150 ms"),
        ("slow_model", FailureKind.DEADLINE, "no answer within 200 ms, waiting for mock/a"),
        ("limited", FailureKind.RATE_LIMIT, "rate limited by 127.0.0.1"),
        ("forbidden", FailureKind.AUTHENTICATION, "127.0.0.1 did not accept the key (401)"),
        ("refused", FailureKind.REFUSED, "mock refused the request (400)"),
        ("broken", FailureKind.BAD_REPLY, "no valid reply from mock"),
        ("reset", FailureKind.UNREACHABLE, "mock could not be reached, or failed"),
        ("schema", FailureKind.SCHEMA, "the answer does not fit output_schema"),
        ("output", FailureKind.OUTPUT, "not JSON: a value of type object"),
        ("process", FailureKind.PROCESS, "process exited with code 3 before it answered"),
        ("budget", FailureKind.BUDGET, "the budget of node 'budget' ($0.10) does not allow the next call"),
        ("human", FailureKind.HUMAN, "nobody answered in time"),
        ("input", FailureKind.INPUT, "foreach needs a list, and ${code_less} is text"),
        ("wire_limited", FailureKind.RATE_LIMIT, "rate limited by 127.0.0.1"),
        ("wire_failed", FailureKind.UNREACHABLE, "127.0.0.1 failed (500)"),
        ("wire_refused", FailureKind.REFUSED, "127.0.0.1 refused the request (404)"),
        ("plain_limited", FailureKind.RATE_LIMIT, "rate limited by the other side"),
        ("plain_key", FailureKind.AUTHENTICATION, "the other side did not accept the key (401)"),
        ("plain_nobody", FailureKind.UNREACHABLE, "the other side could not be reached, or failed"),
        ("no_right", FailureKind.AUTHENTICATION, "mock does not allow that with this key (403)"),
        ("wire_nobody", FailureKind.UNREACHABLE, "127.0.0.1 could not be reached, or failed"),
    ],
)
def test_every_failure_is_of_its_kind(faults: Faults, task: str, kind: FailureKind, cause: str) -> None:
    found = faults[task]
    assert (found.kind, _PORT.sub("", found.cause)) == (kind, cause)
    assert found.advice
    assert "\n" not in found.advice


def test_code_is_shown_by_its_own_last_line_and_not_by_a_librarys(faults: Faults) -> None:
    frame = faults["code"].evidence.frame
    assert frame is not None
    assert (frame.place, frame.function, frame.code) == ("steps.py:12", "inner", "return [][value]")
    frame = faults["library"].evidence.frame
    assert frame is not None
    assert (frame.function, frame.code) == ("parse", "return json.loads(text)")
    frame = faults["wire_nobody"].evidence.frame
    assert frame is not None
    assert frame.function == "get"


def test_a_deadline_says_how_long_it_took_and_what_it_was_waiting_for(faults: Faults) -> None:
    found = faults["slow_model"].evidence
    assert found.deadline_ms == 200
    assert found.took_ms >= 195
    (pending,) = found.pending
    assert (pending.name, pending.target) == ("slow_model:1.1", "mock/a")
    assert 0 < pending.waited_ms <= found.took_ms
    assert "mock/a" in faults["slow_model"].advice
    assert faults["deadline"].evidence.pending == ()


def test_a_rate_limit_says_who_what_and_how_long_it_asked_to_be_left_alone(faults: Faults) -> None:
    found = faults["limited"].evidence
    assert (found.status, found.retry_after_ms, found.attempts) == (429, 1000, 2)
    assert found.over_ms >= 1000  # the pause that was asked for was kept
    assert "slow down" in (found.body or found.message)
    assert found.call is not None
    assert found.call.startswith("limited:2.")
    wire = faults["wire_limited"].evidence
    assert (wire.status, wire.retry_after_ms, wire.call) == (429, 7000, "wire_limited:1.1")


def test_a_schema_miss_says_what_does_not_fit(faults: Faults) -> None:
    (miss,) = faults["schema"].evidence.misses
    assert "3 is not of type" in miss


def test_a_call_that_was_never_made_is_not_to_be_looked_at(faults: Faults) -> None:
    assert faults["budget"].evidence.call is None
    assert faults["human"].evidence.call is None


def test_failures_that_are_alike_are_one_group(faults: Faults) -> None:
    groups = {(group.node, group.kind): group for group in faults.groups}
    each = groups["each", FailureKind.CODE]
    assert sorted(each.tasks) == ["each[0]", "each[2]", "each[4]"]
    assert each.cause == "ValueError at steps.py:27"
    fetches = groups["fetches", FailureKind.RATE_LIMIT]
    assert len(fetches.tasks) >= 1
    assert groups["fetches", FailureKind.ITEMS].tasks == ("fetches",)


async def test_items_that_failed_in_different_ways_are_different_groups(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1", status=RunStatus.FAILED, node_count=1)
    for number, message in enumerate(["no 17", "no 18", "other", "no 19"]):
        told = ErrorInfo(kind=ErrorKind.AGENT, type="AgentError", message=message)
        await ledger.attempt(run, f"s[{number}]", number, 1, status=TaskStatus.FAILED, error=told)
    groups = await group_failures(ledger.store, await ledger.store.list_records(run.id))
    assert [group.tasks for group in groups] == [("s[0]", "s[1]", "s[3]"), ("s[2]",)]


def record(info: ErrorInfo, **fields: object) -> ExecutionRecord:
    given = {"attempt": 1, "status": TaskStatus.FAILED, "ended_at": at(5), "started_at": at(0), **fields}
    return ExecutionRecord(run_id="1aaa1", task="a", node_id="a", agent="local://x.y", error=info, **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        (ErrorKind.CODE, "StoreError", FailureKind.STORE),
        (ErrorKind.AGENT, "ReplayError", FailureKind.TAPE),
        (ErrorKind.AGENT, "AgentError", FailureKind.AGENT),
        (ErrorKind.OFFLINE, "OfflineError", FailureKind.OFFLINE),
        (ErrorKind.CANCELLED, "Cancelled", FailureKind.CANCELLED),
        (ErrorKind.ITEMS, "ItemsFailed", FailureKind.ITEMS),
    ],
)
def test_the_rest_is_told_by_the_error_alone(kind: ErrorKind, name: str, expected: FailureKind) -> None:
    assert classify(record(ErrorInfo(kind=kind, type=name, message="x"))).kind is expected


def test_every_kind_of_error_has_a_class() -> None:
    for kind in ErrorKind:
        assert classify(record(ErrorInfo(kind=kind, type="X", message="x"))).advice


def test_an_attempt_that_failed_otherwise_before_is_told() -> None:
    first = record(error("boom"), is_final=False, retry_in_ms=5)
    last = record(ErrorInfo(kind=ErrorKind.RATE_LIMIT, type="RemoteError", message="429"), attempt=2, ended_at=at(50))
    found = classify(last, (), [first, last]).evidence
    assert (found.attempts, found.over_ms, found.other_kinds) == (2, 50, {FailureKind.CODE: 1})


def test_what_has_not_failed_is_no_failure() -> None:
    with pytest.raises(ValueError, match="has not failed"):
        classify(record(error()).model_copy(update={"error": None}))


@pytest.mark.parametrize("text", ["", "no traceback", 'File "', 'File "x", line 99999999999, in y', "\x00" * 50])
def test_what_is_no_traceback_has_no_frame(text: str) -> None:
    assert last_user_frame(text) is None


def test_code_inside_the_workflows_folder_comes_before_other_code() -> None:
    text = '  File "/flow/a.py", line 3, in f\n    g()\n  File "/elsewhere/b.py", line 4, in g\n    boom()\nError: x\n'
    assert (last_user_frame(text, "/flow") or pytest.fail()).place == "a.py:3"
    assert (last_user_frame(text) or pytest.fail()).place == "b.py:4"
