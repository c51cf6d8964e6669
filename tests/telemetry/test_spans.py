"""What spans a run has: read back from a real receiver, as protobuf, and from a file, as JSON."""

import io
import json
from importlib import import_module
from typing import Any

import pytest

from binex.errors import RunError
from binex.models.event import TaskStarted
from binex.models.run import RunStatus
from binex.models.span_ids import run_span_id, task_span_id, trace_id_of
from binex.telemetry import conventions as names
from binex.telemetry.otlp_json import write_json
from binex.telemetry.sending import Collector, endpoint_of
from tests.otlp_receiver import Receiver, attributes_of
from tests.telemetry.conftest import Shapes


async def test_a_receiver_gets_a_span_for_the_run_each_task_each_attempt_and_each_call(
    shapes: Shapes, receiver: Receiver
) -> None:
    run = await shapes.run()
    Collector().send(await shapes.spans(run))
    spans = receiver.by_name
    assert set(spans) == {
        "invoke_workflow shapes",
        "task plan", "attempt 1 of plan",
        "task think", "attempt 1 of think", "chat a",
        "task each", "task each[0]", "task each[1]", "task each[2]",
        "attempt 1 of each[0]", "attempt 1 of each[1]", "attempt 1 of each[2]",
        "task never",
        "task broken", "attempt 1 of broken", "attempt 2 of broken",
        "task after",
    }  # fmt: skip
    root = spans["invoke_workflow shapes"]
    assert root.trace_id.hex() == trace_id_of(run.id)
    assert root.span_id.hex() == run_span_id(run.id)
    assert not root.parent_span_id
    assert {span.trace_id for span in spans.values()} == {root.trace_id}
    below = {"task plan": root, "task each": root, "task each[1]": spans["task each"], "chat a": None}
    for name, parent in below.items():
        assert parent is None or spans[name].parent_span_id == parent.span_id
    assert spans["chat a"].parent_span_id == spans["attempt 1 of think"].span_id
    assert spans["attempt 1 of think"].parent_span_id == spans["task think"].span_id
    ids = {span.span_id for span in spans.values()}
    assert all(span.parent_span_id in ids for span in spans.values() if span.parent_span_id)
    for child in spans.values():
        assert child.start_time_unix_nano <= child.end_time_unix_nano
        assert root.start_time_unix_nano <= child.start_time_unix_nano
    assert spans["task each"].start_time_unix_nano == spans["task each[0]"].start_time_unix_nano


async def test_a_call_of_a_model_speaks_the_genai_conventions(shapes: Shapes, receiver: Receiver) -> None:
    run = await shapes.run()
    Collector().send(await shapes.spans(run))
    chat = receiver.by_name["chat a"]
    said = attributes_of(chat)
    assert chat.kind == 3  # CLIENT
    assert said["gen_ai.operation.name"] == "chat"
    assert said["gen_ai.provider.name"] == "mock"
    assert said["gen_ai.request.model"] == "a"
    assert said["gen_ai.request.temperature"] == 0.5
    assert said["gen_ai.response.finish_reasons"] == ["stop"]
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) == (10, 3)
    assert said["binex.cost_usd"] == 0.25
    assert not [name for name in said if "messages" in name or "instructions" in name]


async def test_contents_are_there_only_where_they_are_asked_for(shapes: Shapes) -> None:
    run = await shapes.run()
    said = {span.name: span.attributes for span in await shapes.spans(run, with_content=True)}
    chat = said["chat a"]
    assert json.loads(str(chat["gen_ai.system_instructions"])) == [{"type": "text", "content": "Be brief"}]
    [asked] = json.loads(str(chat["gen_ai.input.messages"]))
    assert asked["role"] == "user"
    assert "tides" in asked["parts"][0]["content"]
    assert json.loads(str(chat["gen_ai.output.messages"])) == [
        {"role": "assistant", "parts": [{"type": "text", "content": "hi there"}], "finish_reason": "stop"}
    ]
    assert json.loads(str(said["task plan"]["binex.outputs"])) == {"output": "tides"}
    assert json.loads(str(said["invoke_workflow shapes"]["binex.run.variables"]))["topic"] == "tides"
    without = [span.attributes for span in await shapes.spans(run)]
    assert not [name for said in without for name in said if name in ("binex.outputs", "binex.run.variables")]
    assert "tides" not in str(without)


async def test_failures_are_errors_with_an_exception_and_skips_say_why(shapes: Shapes, receiver: Receiver) -> None:
    run = await shapes.run()
    Collector().send(await shapes.spans(run))
    spans = receiver.by_name
    for name in ("task broken", "attempt 1 of broken", "attempt 2 of broken", "invoke_workflow shapes"):
        assert spans[name].status.code == 2
    for name in ("task plan", "task never", "task after", "chat a"):
        assert spans[name].status.code == 0
    [raised] = spans["attempt 1 of broken"].events
    assert raised.name == "exception"
    assert attributes_of(raised)["exception.type"] == "ValueError"
    assert attributes_of(raised)["exception.message"] == "no luck"
    assert "refuse" in attributes_of(raised)["exception.stacktrace"]
    assert attributes_of(spans["task broken"])["error.type"] == "ValueError"
    assert attributes_of(spans["task never"])["binex.skip_reason"] == "when"
    assert attributes_of(spans["task after"])["binex.blocked_by"] == "broken"


async def test_to_export_twice_gives_the_same_spans(shapes: Shapes) -> None:
    run = await shapes.run()
    assert await shapes.spans(run) == await shapes.spans(run)


async def test_a_task_that_was_tried_again_after_it_had_ended_is_one_span_of_its_whole_length(shapes: Shapes) -> None:
    run = await shapes.run()
    await shapes.session.resume(run.id, retry_failed=True)
    again = await shapes.store.get_run(run.id)
    assert again is not None
    spans = await shapes.spans(again)
    assert len({span.span_id for span in spans}) == len(spans)
    named = {span.name: span for span in spans}
    assert named["task broken"].start_ns == named["attempt 1 of broken"].start_ns
    assert named["task broken"].end_ns == named["attempt 4 of broken"].end_ns


async def test_what_has_not_ended_has_spans_as_far_as_it_came(shapes: Shapes) -> None:
    run = await shapes.run()
    started = TaskStarted(run_id="0123456789ab", task="each[1]", agent="local://x.y", attempt=1, at=run.started_at)
    going_on = run.model_copy(update={"id": "0123456789ab", "status": RunStatus.INTERRUPTED, "ended_at": None})
    async with shapes.store.open_run(going_on, await shapes.store.get_source(run.workflow_hash)):
        await shapes.store.note_running([started])
        spans = {span.name: span for span in await shapes.spans(going_on)}
    assert set(spans) == {"attempt 1 of each[1]", "task each[1]", "task each", "invoke_workflow shapes"}
    ids = {span.span_id for span in spans.values()}
    assert all(span.parent_id in ids for span in spans.values() if span.parent_id)
    assert spans["task each"].attributes["binex.status"] == "running"


async def test_what_is_made_from_another_run_links_to_it(shapes: Shapes) -> None:
    run = await shapes.run()
    for other in (await shapes.fork(run), (await shapes.session.replay(run.id)).run):
        spans = {span.name: span for span in await shapes.spans(other)}
        assert other.origin is not None
        [link] = spans["invoke_workflow shapes"].links
        assert (link.trace_id, link.span_id) == (trace_id_of(run.id), run_span_id(run.id))
        assert link.attributes == {"binex.link": other.origin.mode.value}
    forked = {span.name: span for span in await shapes.spans(await shapes.fork(run))}
    assert forked["task plan"].attributes["binex.reused_from"] == run.id
    assert forked["task plan"].links[0].span_id == task_span_id(run.id, "plan")
    assert "attempt 1 of plan" not in forked


async def test_json_and_protobuf_say_the_same(shapes: Shapes, receiver: Receiver) -> None:
    from google.protobuf.json_format import MessageToDict

    run = await shapes.run()
    spans = await shapes.spans(run, with_content=True)
    Collector().send(spans)
    file = io.BytesIO()

    async def all_of() -> Any:
        for span in spans:
            yield span

    assert await write_json(file, all_of()) == len(spans)
    [resource] = json.loads(file.getvalue())["resourceSpans"]
    assert resource["resource"]["attributes"] == [{"key": "service.name", "value": {"stringValue": "binex"}}]
    [scope] = resource["scopeSpans"]
    assert scope["scope"]["name"] == "binex"
    sent = {span.span_id.hex(): span for span in receiver.spans}
    for told in scope["spans"]:
        other = MessageToDict(sent[told["spanId"]])
        assert told["name"] == other["name"]
        assert told["startTimeUnixNano"] == other["startTimeUnixNano"]
        assert told["endTimeUnixNano"] == other["endTimeUnixNano"]
        assert told["attributes"] == other["attributes"]
        assert told.get("status", {}).get("message") == other.get("status", {}).get("message")
        assert len(told.get("links", [])) == len(other.get("links", []))
    [request] = receiver.requests
    assert request.resource_spans[0].schema_url == names.SCHEMA_URL
    assert attributes_of(request.resource_spans[0].resource)["service.name"] == "binex"


def test_the_names_are_those_of_the_conventions_of_the_pinned_revision() -> None:
    registry = [
        import_module(f"opentelemetry.semconv.{module}")
        for module in (
            "_incubating.attributes.gen_ai_attributes",
            "attributes.error_attributes",
            "attributes.http_attributes",
            "attributes.url_attributes",
            "attributes.server_attributes",
            "attributes.exception_attributes",
            "attributes.service_attributes",
        )
    ]
    known = {value for module in registry for value in vars(module).values() if isinstance(value, str)}
    said = {value for name, value in vars(names).items() if name.isupper() and isinstance(value, str) and "." in value}
    ours = {value for value in said if value.startswith("binex.")} | {names.REVISION, names.SCHEMA_URL}
    assert said - ours <= known
    assert set(names.SETTINGS.values()) <= known
    schemas = import_module("opentelemetry.semconv.schemas").Schemas
    assert names.SCHEMA_URL in {schema.value for schema in schemas}


async def test_headers_and_names_come_from_the_environment(
    shapes: Shapes, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-key=abc")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")
    Collector().send(await shapes.spans(await shapes.run()))
    assert receiver.paths == ["/v1/traces"]
    assert receiver.headers[0]["x-key"] == "abc"
    assert attributes_of(receiver.requests[0].resource_spans[0].resource)["service.name"] == "mine"


async def test_what_a_collector_does_not_take_is_told(shapes: Shapes, receiver: Receiver) -> None:
    spans = await shapes.spans(await shapes.run())
    collector = Collector()
    receiver.statuses = [401]
    with pytest.raises(RunError, match="did not take 18 spans: HTTP 401") as refused:
        collector.send(spans)
    assert "OTEL_EXPORTER_OTLP_HEADERS" in str(refused.value.fix)
    receiver.rejects = 3
    with pytest.raises(RunError, match="rejected 3 of 18 spans: too old"):
        collector.send(spans)
    with pytest.raises(RunError, match="connection refused"):
        Collector("http://127.0.0.1:9/v1/traces").send(spans)


def test_an_address_gets_the_path_of_otlp_where_it_has_none() -> None:
    assert endpoint_of("http://host:4318") == "http://host:4318/v1/traces"
    assert endpoint_of("https://host/") == "https://host/v1/traces"
    assert endpoint_of("https://host/api/otel/v1/traces") == "https://host/api/otel/v1/traces"
