"""Foreign traces as runs: OpenInference, the GenAI conventions now and before, our own, and hostile ones."""

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import ParseDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from binex.adapters.llm.port import ModelRequest
from binex.analysis.failures.classes import classify
from binex.analysis.failures.kind import FailureKind
from binex.errors import RunError
from binex.models.call import Call, CallKind
from binex.models.names import is_name
from binex.models.run import Run, RunMode, RunStatus
from binex.models.task import ErrorKind, ExecutionRecord, TaskStatus
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.run_store import RunStore
from binex.telemetry.foreign import fields, json_walk, reading
from binex.telemetry.foreign.importing import ImportedTrace, import_traces
from binex.telemetry.foreign.span import TraceError
from binex.telemetry.otlp_json import write_json
from tests.telemetry import traces
from tests.telemetry.conftest import Shapes


async def take(store: RunStore, document: Any) -> list[ImportedTrace]:
    """Import a document, or bytes."""
    data = document if isinstance(document, bytes) else json.dumps(document).encode()
    return list((await import_traces(store, io.BytesIO(data))).traces)


async def take_one(store: RunStore, *spans: dict[str, Any]) -> ImportedTrace:
    [trace] = await take(store, traces.request(*spans))
    return trace


async def records_of(store: RunStore, run: Run) -> dict[str, ExecutionRecord]:
    return {record.task: record for record in await store.list_records(run.id)}


async def said_in(store: RunStore, call: Call) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The request, which our port must be able to read, and the events of the reply."""
    assert call.request is not None
    assert call.response is not None
    request = await store.read_body(call.request)
    ModelRequest.model_validate_json(request)
    return json.loads(request), [json.loads(line) for line in (await store.read_body(call.response)).splitlines()]


@pytest.fixture
def store(shapes: Shapes) -> RunStore:
    return shapes.store


async def test_openinference_becomes_tasks_with_calls_messages_tokens_and_recorded_prices(store: RunStore) -> None:
    [trace] = await take(store, traces.openinference())
    run = trace.run
    assert (run.status, run.workflow, run.is_imported, run.is_trace) == (RunStatus.COMPLETED, "Agent.run", True, True)
    assert (trace.spans, trace.tasks, trace.calls, trace.notes) == (4, 4, 3, ())
    assert run.duration_ms == 100
    assert run.variables == {"input": "Weather in Oslo?"}
    records = await records_of(store, run)
    assert list(records) == ["ChatCompletion", "weather", "ChatCompletion-2", "weather_agent"]
    assert records["ChatCompletion"].agent == "otel://model/openai/gpt-4o-mini"
    assert records["weather"].duration_ms == 9
    calls = {call.task: call for call in await store.list_calls(run.id)}
    request, reply = await said_in(store, calls["ChatCompletion"])
    assert request["messages"] == [
        {"role": "system", "content": "Be brief"},
        {"role": "user", "content": "Weather in Oslo?"},
    ]
    assert request["settings"] == {"temperature": 0.2}
    assert [tool["name"] for tool in request["tools"]] == ["weather"]
    assert reply[0]["call"] == {"id": "call_1", "name": "weather", "arguments": '{"city": "Oslo"}'}
    request, reply = await said_in(store, calls["ChatCompletion-2"])
    assert request["messages"][2] == {"role": "tool", "content": "4 degrees, rain", "tool_call_id": "call_1"}
    assert reply[0] == {"type": "text", "text": "Cold and wet."}
    assert (calls["ChatCompletion-2"].cost_usd, calls["ChatCompletion-2"].priced_by) == (0.0125, "the trace")
    assert calls["ChatCompletion"].cost_usd is None  # unknown, and not nothing
    assert run.spend.unpriced_calls == 1
    assert (run.spend.input_tokens, run.spend.output_tokens, run.spend.cached_tokens) == (60, 12, 16)
    tool = calls["weather"]
    assert tool.kind is CallKind.TOOL
    assert tool.request is not None
    assert json.loads(await store.read_body(tool.request)) == {"city": "Oslo"}


async def test_what_came_before_is_what_a_task_was_made_of(store: RunStore) -> None:
    [trace] = await take(store, traces.openinference())
    made = {info.task: info for info in await store.list_artifacts(trace.run.id)}
    assert set(made) == {"ChatCompletion", "weather", "ChatCompletion-2", "weather_agent"}
    assert made["ChatCompletion"].lineage.derived_from == ()
    assert made["weather"].lineage.derived_from == (made["ChatCompletion"].id,)
    assert made["ChatCompletion-2"].lineage.derived_from == (made["weather"].id,)
    assert made["weather_agent"].lineage.derived_from == (made["ChatCompletion-2"].id,)
    artifact = await store.get(made["ChatCompletion-2"].id)
    assert artifact is not None
    assert artifact.content == "Cold and wet."
    flow = json.loads((await store.get_source((await _stored(store, trace.run)).workflow_hash)).text)
    assert flow["nodes"]["ChatCompletion-2"]["depends_on"] == ["weather"]


@pytest.mark.parametrize(
    ("type_name", "kind"),
    [
        ("openai.RateLimitError", ErrorKind.RATE_LIMIT),
        ("AuthenticationError", ErrorKind.AUTHENTICATION),
        ("httpx.ConnectError", ErrorKind.UNREACHABLE),
        ("TimeoutError", ErrorKind.DEADLINE),
        ("KeyError", ErrorKind.CODE),
    ],
)
async def test_failures_are_told_apart_by_what_was_raised(store: RunStore, type_name: str, kind: ErrorKind) -> None:
    raised = ("exception", {"exception.type": type_name, "exception.message": "no"})
    trace = await take_one(store, traces.span(1, "x", 0, 1, {}, status=traces.failed("no"), events=[raised]))
    [record] = (await records_of(store, trace.run)).values()
    assert record.error is not None
    assert (record.error.kind, record.error.type) == (kind, type_name)


async def test_what_goes_on_side_by_side_does_not_depend_on_each_other(store: RunStore) -> None:
    said = {"openinference.span.kind": "CHAIN", "output.value": "x"}
    trace = await take_one(
        store,
        traces.span(1, "all", 0, 100, {}),
        traces.span(2, "first", 0, 10, said, parent=1),
        traces.span(3, "left", 20, 50, said, parent=1),
        traces.span(4, "right", 21, 40, said, parent=1),
        traces.span(5, "last", 60, 90, said, parent=1),
        traces.span(6, "inner", 61, 70, said, parent=5),
    )
    source = await store.get_source((await _stored(store, trace.run)).workflow_hash)
    needs = {name: node.get("depends_on", []) for name, node in json.loads(source.text)["nodes"].items()}
    assert needs == {
        "first": [],
        "left": ["first"],
        "right": ["first"],
        "inner": ["left", "right"],
        "last": ["inner", "left", "right"],
        "all": ["last"],
    }


async def _stored(store: RunStore, run: Run) -> Run:
    found = await store.get_run(run.id)
    assert found is not None
    return found


async def test_the_genai_conventions_of_today_are_read_with_failures_and_requests(store: RunStore) -> None:
    [trace] = await take(store, traces.genai())
    assert trace.run.status is RunStatus.FAILED
    records = await records_of(store, trace.run)
    failed = records["writer"]
    assert failed.status is TaskStatus.FAILED
    assert failed.error is not None
    assert (failed.error.type, failed.error.message) == ("ValueError", "too short")
    calls = await store.list_calls(trace.run.id)
    assert [(call.task, call.number, call.kind, call.parent) for call in calls] == [
        ("chat_claude-x", 1, CallKind.MODEL, None),
        ("chat_claude-x", 2, CallKind.HTTP, 1),
    ]
    request, reply = await said_in(store, calls[0])
    assert [message["content"] for message in request["messages"]] == ["Short.", "Summarise ${this}"]
    assert request["settings"] == {"max_tokens": 100}
    assert reply[-1] == {
        "type": "finished",
        "reason": "stop",
        "usage": {"input_tokens": 9, "output_tokens": 2},
        "model": "claude-x-2",
        "id": "msg_1",
    }
    assert calls[1].target == "POST https://api.example.com/v1/messages"
    assert calls[1].status == 200


async def test_the_conventions_of_before_are_read_in_all_their_forms(store: RunStore) -> None:
    [trace] = await take(store, traces.older())
    said = {}
    for call in await store.list_calls(trace.run.id):
        request, reply = await said_in(store, call)
        said[call.task] = ([message["content"] for message in request["messages"]], reply)
    assert said["by_event"][0] == ["Be kind", "Hello"]
    assert said["by_event"][1] == [{"type": "text", "text": "Hi you"}, {"type": "finished", "reason": "stop"}]
    assert said["flattened"][0] == ["One?"]
    assert said["flattened"][1][0]["text"] == "Two."
    assert said["flattened"][1][1]["reason"] == "length"
    assert said["flattened"][1][1]["usage"] == {"input_tokens": 3, "output_tokens": 4}
    assert said["whole"][0] == ["Three?"]
    assert said["whole"][1][0]["text"] == "Four."


async def test_protobuf_lines_of_json_and_one_document_are_the_same_trace(store: RunStore, tmp_path: Path) -> None:
    document = traces.openinference()
    [first] = await take(store, document)
    spans = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    lines = b"\n".join(json.dumps(traces.request(span)).encode() for span in spans)
    [by_lines] = await take(store, lines)
    assert (by_lines.is_new, by_lines.run.id) == (False, first.run.id)
    message = ExportTraceServiceRequest()
    ParseDict({"resourceSpans": document["resourceSpans"]}, message, ignore_unknown_fields=True)
    for out, span in zip(message.resource_spans[0].scope_spans[0].spans, spans, strict=True):
        out.trace_id, out.span_id = bytes.fromhex(span["traceId"]), bytes.fromhex(span["spanId"])
        out.parent_span_id = bytes.fromhex(span.get("parentSpanId", ""))
    [by_protobuf] = await take(store, message.SerializeToString())
    assert (by_protobuf.is_new, by_protobuf.run.id) == (False, first.run.id)
    assert len(await store.list_runs()) == 1


async def test_importing_twice_changes_nothing_and_another_trace_of_that_id_is_refused(store: RunStore) -> None:
    document = traces.openinference()
    [first] = await take(store, document)
    before = await store.list_records(first.run.id)
    [again] = await take(store, document)
    assert (first.is_new, again.is_new) == (True, False)
    assert await store.list_records(first.run.id) == before
    document["resourceSpans"][0]["scopeSpans"][0]["spans"].pop()
    with pytest.raises(RunError, match="is here already as run"):
        await take(store, document)


async def test_several_traces_come_in_together_or_not_at_all(store: RunStore) -> None:
    one, other = traces.span(1, "a", 0, 1, {}), traces.span(1, "b", 0, 1, {})
    other["traceId"] = "f" * 32
    assert [trace.is_new for trace in await take(store, traces.request(one, other))] == [True, True]
    assert len(await store.list_runs()) == 2
    broken = dict(other, spanId="xyz", traceId="e" * 32)
    with pytest.raises(TraceError, match=r"spans\[1\].spanId is 'xyz'"):
        await take(store, traces.request(dict(one, traceId="d" * 32), broken))
    assert len(await store.list_runs()) == 2


async def test_our_own_spans_become_the_run_that_they_were(shapes: Shapes, tmp_path: Path) -> None:
    run = await shapes.run()
    spans = await shapes.spans(run, with_content=True)
    file = io.BytesIO()

    async def all_of() -> Any:
        for span in spans:
            yield span

    await write_json(file, all_of())
    async with open_sqlite_store(tmp_path / "other") as store:
        [trace] = await take(store, file.getvalue())
        here, there = await records_of(store, trace.run), await records_of(shapes.store, run)
        assert set(here) == set(there)
        for path, record in there.items():
            assert here[path].status is record.status, path
            assert here[path].skip_reason == record.skip_reason
            assert here[path].attempt == record.attempt
            assert here[path].blocked_by == record.blocked_by
            if record.error is not None:
                ours = here[path].error
                assert ours is not None
                assert (ours.kind, ours.type, ours.message) == (
                    record.error.kind, record.error.type, record.error.message,
                )  # fmt: skip
        assert trace.run.status is run.status
        assert trace.run.workflow == run.workflow
        assert trace.run.variables == run.variables
        assert trace.run.counts == run.counts
        assert trace.run.spend == run.spend
        for task in ("plan", "think", "each", "each[1]"):
            info = next(one for one in await store.list_artifacts(trace.run.id) if one.task == task)
            original = next(one for one in await shapes.store.list_artifacts(run.id) if one.task == task)
            assert info.sha256 == original.sha256
        [call] = await store.list_calls(trace.run.id)
        request, reply = await said_in(store, call)
        assert request["messages"][0] == {"role": "system", "content": "Be brief"}
        assert reply[0]["text"] == "hi there"


async def test_a_trace_can_be_looked_at_and_not_executed(shapes: Shapes) -> None:
    session: Session = shapes.session
    [trace] = await take(shapes.store, traces.openinference())
    run = trace.run.id
    for doing in (
        session.replay(run),
        session.fork(run, ForkRequest(from_=("weather",))),
        session.resume(run),
        session.plan_fork(run, ForkRequest(only="weather")),
    ):
        with pytest.raises(RunError, match="is the trace of another program: it can be looked at, and not executed"):
            await doing
    assert {run.origin.mode for run in await shapes.store.list_runs() if run.origin} == set[RunMode]()


async def test_what_failed_elsewhere_is_mended_elsewhere(store: RunStore) -> None:
    trace = await take_one(store, traces.span(1, "x", 0, 1, {}, status=traces.failed("no luck")))
    [record] = (await records_of(store, trace.run)).values()
    failure = classify(record)
    assert (failure.kind, failure.cause) == (FailureKind.AGENT, "no luck")
    assert failure.advice == "mend it in the program that was traced: nothing of a trace is executed here"


def test_debug_says_that_another_program_was_traced(tmp_path: Path) -> None:
    (tmp_path / "trace.json").write_text(json.dumps(traces.openinference()))
    for arguments in (["import", "trace.json"], ["debug"]):
        done = subprocess.run(
            [sys.executable, "-m", "binex", *arguments], cwd=tmp_path, capture_output=True, text=True, check=True
        )
    assert "another program, whose trace binex" in done.stdout
    assert "Python" not in done.stdout


async def test_secrets_are_cut_out_of_what_comes_in(store: RunStore) -> None:
    key = "sk-proj-" + "abcDEF0123456789" * 3
    said = {"openinference.span.kind": "TOOL", "input.value": key, "output.value": f"used {key}"}
    chat = {"gen_ai.request.model": "m", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.0.content": f"my key is {key}"}
    trace = await take_one(
        store,
        traces.span(1, f"root {key}", 0, 9, {"input.value": key}),
        traces.span(2, "tool", 1, 2, said, parent=1, status=traces.failed(f"bad key {key}")),
        traces.span(3, "chat", 3, 4, chat, parent=1),
    )
    run = await _stored(store, trace.run)
    kept = [run.model_dump_json(), (await store.get_source(run.workflow_hash)).text]
    kept += [record.model_dump_json() for record in await store.list_records(run.id)]
    for info in await store.list_artifacts(run.id):
        artifact = await store.get(info.id)
        assert artifact is not None
        kept += [info.model_dump_json(), artifact.data.decode()]
    for call in await store.list_calls(run.id):
        kept.append(call.model_dump_json())
        kept += [(await store.read_body(body)).decode() for body in (call.request, call.response) if body is not None]
    assert key not in "".join(kept)
    assert "[redacted]" in "".join(kept)


# --- hostile ones ---------------------------------------------------------------------------------------------


async def test_circles_orphans_doubles_and_broken_clocks_are_set_right_and_named(store: RunStore) -> None:
    trace = await take_one(
        store,
        traces.span(1, "one", 0, 10, {}, parent=2),
        traces.span(2, "two", 5, 20, {}, parent=1),
        traces.span(3, "itself", 5, 6, {}, parent=3),
        traces.span(4, "orphan", 7, 8, {}, parent=99),
        traces.span(5, "twice", 7, 8, {}),
        traces.span(5, "twice", 7, 30, {}),
        traces.span(6, "backwards", 9, 3, {}),
        {**traces.span(7, "never", 0, 0, {}), "startTimeUnixNano": "18446744073709551615", "endTimeUnixNano": None},
    )
    assert trace.tasks == 7
    assert trace.notes == (
        "1 span came more than once: the last one counts",
        "2 spans had impossible times: they were moved",
        "1 span named a parent that is not there: they stand at the top",
        "2 spans stood below themselves: the circle was cut",
    )
    records = await records_of(store, trace.run)
    assert records["twice"].duration_ms == 23
    assert records["backwards"].duration_ms == 0
    assert records["never"].duration_ms == 0


async def test_a_trace_that_is_nothing_but_a_circle_is_a_run_all_the_same(store: RunStore) -> None:
    trace = await take_one(store, traces.span(3, "itself", 5, 6, {}, parent=3))
    assert (trace.run.workflow, trace.tasks) == ("itself", 1)


async def test_names_become_names_of_nodes_each_once(store: RunStore) -> None:
    odd = ["../../etc/passwd", "con", "user", "a b\x1b[31m", "a b\x1b[31m", "é" * 300, "\ud800", "", "-x", "a~b+c"]
    trace = await take_one(store, *(traces.span(at, name, at, at + 1, {}) for at, name in enumerate(odd, 1)))
    paths = list(await records_of(store, trace.run))
    assert len(set(paths)) == len(odd)
    assert all(is_name(path) for path in paths)


async def test_a_trace_that_pretends_to_be_ours_is_believed_only_as_far_as_it_makes_sense(store: RunStore) -> None:
    def own(id: int, path: str, **said: Any) -> dict[str, Any]:
        told = {"binex.span": "task", "binex.task.path": path, "binex.status": "completed", **said}
        return traces.span(id, path, id, id + 1, told, parent=1)

    ours = {f"binex.{key}": value for key, value in {"outputs": '{"output": 1, "../x": 2}'}.items()}
    trace = await take_one(
        store,
        traces.span(1, "run", 0, 50, {"binex.span": "run", "binex.run.status": "nonsense"}),
        own(2, "a", **ours, **{"binex.inputs": ["b~output"]}),
        own(3, "b", **ours, **{"binex.inputs": ["a~output", "gone~output"]}),
        own(4, "../../up"),
        own(5, "a"),
        own(6, "latest/x#2[1]", **{"binex.status": "running", "binex.skip_reason": "because"}),
    )
    assert trace.run.status is RunStatus.INTERRUPTED
    records = await records_of(store, trace.run)
    assert len(records) == 5
    made = {info.task: info for info in await store.list_artifacts(trace.run.id)}
    assert [info.output for info in made.values()] == ["output", "output"]
    assert made["b"].lineage.derived_from == (made["a"].id,)
    assert made["a"].lineage.derived_from == ()


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "it is empty"),
        (b"   \n ", "it is empty"),
        (b"hello", "neither JSON nor protobuf"),
        (b"\x1f\x8b\x08\x00", "it is compressed"),
        (b"\xef\xbb\xbf{}", "has no list 'resourceSpans'"),
        (b"{", "it is not JSON"),
        (b"[" * 500, "it is not JSON"),
        (b"{}", "has no list 'resourceSpans'"),
        (b'{"resourceSpans": []}', "there are no spans in it"),
        (b'{"resourceSpans": [{"scopeSpans": [{"spans": [{}]}]}]}', r"resourceSpans\[0\].*traceId is None"),
        (b'{"resourceSpans": []}\n{nonsense}', "line 2 is not JSON"),
        (b'[{"resourceSpans": []}, 7]', r"\[1\]has no list"),
        (json.dumps(traces.request({**traces.span(1, "x", 0, 1, {}), "traceId": "0" * 32})).encode(), "traceId is '00"),
        (
            json.dumps(traces.request({**traces.span(1, "x", 0, 1, {}), "startTimeUnixNano": "soon"})).encode(),
            r"spans\[0\].startTimeUnixNano is 'soon'",
        ),
    ],
)
async def test_what_is_no_trace_is_refused_with_its_place(store: RunStore, data: bytes, why: str) -> None:
    with pytest.raises(TraceError, match=why):
        await take(store, data)
    assert await store.list_runs() == []


async def test_what_is_too_much_is_refused_by_its_name(store: RunStore) -> None:
    deep: Any = "x"
    for _ in range(80):
        deep = [deep]
    with pytest.raises(TraceError, match="nested deeper than 64 levels"):
        await take_one(store, traces.span(1, "x", 0, 1, {"a": deep}))
    many = {f"a{at}": at for at in range(fields.MOST_ATTRIBUTES + 1)}
    with pytest.raises(TraceError, match="more than 10,000 attributes"):
        await take_one(store, traces.span(1, "x", 0, 1, many))
    values = b"[]," * (json_walk.MOST_VALUES + 1) + b"1]"
    with pytest.raises(TraceError, match="more than 200,000 values in one span"):
        await take(store, b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"a": [' + values + b"}]}]}]}")
    with pytest.raises(TraceError, match="more than 500,000 values that are no spans"):
        await take(store, b'{"x": [' + b"1," * json_walk.MOST_PASSED_BY + b'1], "resourceSpans": []}')
    with pytest.raises(TraceError, match="a span of more than 8,388,608 characters"):
        await take_one(store, traces.span(1, "x", 0, 1, {"a": "x" * (json_walk.MOST_AT_ONCE)}))
    with pytest.raises(TraceError, match="more than 30,000 spans"):
        await take_one(store, *[traces.span(1, "x", 0, 1, {})] * (reading.MOST_SPANS + 1))
    assert await store.list_runs() == []


async def test_a_long_chain_and_a_wide_fan_take_no_time(store: RunStore) -> None:
    chain = [traces.span(at, f"n{at}", at, 10_000 - at, {}, parent=at - 1) for at in range(1, 1500)]
    wide = [traces.span(5000 + at, "w", 20_000 + at % 2 * 100, 20_050 + at % 2 * 100, {}) for at in range(1500)]
    trace = await take_one(store, *chain, *wide)
    assert trace.tasks == 2999


def _around(attribute: str) -> bytes:
    """A request with one span, that says *attribute*."""
    request = json.dumps(traces.request(traces.span(1, "x", 0, 1, {"a": "HERE"})))
    assert '{"stringValue": "HERE"}' in request
    return request.replace('{"stringValue": "HERE"}', attribute).encode()


@pytest.mark.parametrize(
    "attribute",
    [
        '{"doubleValue": 1' + "0" * 400 + "}",
        '{"doubleValue": 1e999}',
        '{"doubleValue": "NaN"}',
        '{"intValue": "9' + "9" * 400 + '"}',
        '{"stringValue": ' + "[" * 300 + "]" * 300 + "}",
        '{"stringValue": "\\ud800 \\u202e \\u001b[31m"}',
        '{"boolValue": {"a": 1}}',
    ],
)
async def test_values_that_no_type_of_otlp_has_do_no_harm(store: RunStore, attribute: str) -> None:
    data = _around(attribute).replace(b'"a"', b'"output.value"', 1)
    [trace] = await take(store, data)
    assert trace.run.status is RunStatus.COMPLETED
    for info in await store.list_artifacts(trace.run.id):
        assert await store.get(info.id) is not None


async def test_a_program_may_be_named_behind_its_spans(store: RunStore) -> None:
    span = traces.span(1, "", 0, 1, {})
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": "shop"}}]}
    behind = {"resourceSpans": [{"scopeSpans": [{"spans": [dict(span, name="")]}], "resource": resource}]}
    before = {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [dict(span, name="")]}]}]}
    [first] = await take(store, behind)
    [again] = await take(store, before)
    assert (first.is_new, again.is_new) == (True, False)


async def test_protobuf_that_begins_as_json_might_is_protobuf(store: RunStore) -> None:
    for bracket in b"[{":
        message = ExportTraceServiceRequest()
        span = message.resource_spans.add().scope_spans.add().spans.add()
        span.trace_id, span.span_id, span.start_time_unix_nano = bytes([bracket]) * 16, b"b" * 8, 1
        span.name = "x"
        span.name = "x" * (1 + bracket + 2 - len(message.SerializeToString()))
        data = message.SerializeToString()
        assert data[:2] == bytes([0x0A, bracket])
        [trace] = await take(store, data)
        assert trace.spans == 1


async def test_a_value_is_found_wherever_the_pieces_end_that_a_file_is_read_in() -> None:
    text = json.dumps(
        {"a": ["\\", "é\u2028", '"', 1.5, True, None, {"b": [[], {}]}, "x" * 50], "c": -12}, ensure_ascii=False
    )

    class Slow(io.BytesIO):
        """Gives a byte at a time."""

        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(1, size or 1))

    walker = json_walk.Walker(Slow(f" {text} \n7".encode()))
    assert walker.value() == json.loads(text)
    assert walker.value() == 7
    assert walker.peek() == ""
    assert walker.line == 2
    walker = json_walk.Walker(Slow(text.encode()))
    walker.pass_by()
    assert walker.peek() == ""


def test_a_large_trace_is_taken_in_with_little_memory(tmp_path: Path) -> None:
    said = {
        "openinference.span.kind": "LLM",
        "input.value": "x" * 2000,
        "output.value": "y" * 2000,
        "llm.model_name": "m",
    }
    spans = [traces.span(at, "step", at, at + 1, said, parent=at // 10) for at in range(1, 4001)]
    file = tmp_path / "trace.json"
    file.write_text(json.dumps(traces.request(*spans)))
    assert file.stat().st_size > 16 << 20
    program = (
        "import runpy, sys; sys.argv = ['binex', 'import', '--format', 'otel', sys.argv[1], '--json']\n"
        "try: runpy.run_module('binex', run_name='__main__')\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "finally: print(*[line for line in open('/proc/self/status') if 'VmHWM' in line], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(file)], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    [used] = re.findall(r"VmHWM:\s+(\d+) kB", done.stderr)
    assert int(used) < 90_000, "the file alone is 18 MB, and what is in it much more"
