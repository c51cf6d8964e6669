"""Spans from the command line: exported, sent while a run goes on, and imported."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Shell
from tests.cli.test_start_up import modules_after
from tests.otlp_receiver import Receiver, receiving
from tests.telemetry import traces


@pytest.fixture(autouse=True)
def quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the machine says about collectors does not count."""
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)


def trace_file(shell: Shell, name: str = "trace.json") -> Path:
    return shell.write(name, json.dumps(traces.openinference()))


def names(receiver: Receiver) -> set[str]:
    return {span.name for span in receiver.spans}


OF_GOOD = {"invoke_workflow good", "task a", "attempt 1 of a", "task b", "attempt 1 of b"}

# --- export ---------------------------------------------------------------------------------------------------


def test_a_run_is_sent_to_an_endpoint_that_is_named_or_that_the_environment_names(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell("run", "good.yaml", "-q")
    with receiving() as receiver:
        said = shell("export", "--format", "otel", "--endpoint", receiver.url)
        assert said.code == 0
        assert f"5 spans sent to {receiver.url}/v1/traces" in said.out
        assert names(receiver) == OF_GOOD
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        told = shell("export", "--format", "otel", "--json").json()
        assert (told["spans"], told["endpoint"]) == (5, f"{receiver.url}/v1/traces")
        assert len(receiver.spans) == 10
        assert len({span.span_id for span in receiver.spans}) == 5


def test_what_cannot_be_sent_is_said_and_fails(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    said = shell("export", "--format", "otel", "--endpoint", "http://127.0.0.1:9")
    assert said.code == 1
    assert "the collector at http://127.0.0.1:9/v1/traces did not take 5 spans: connection refused" in said.err
    assert "Traceback" not in said.err
    with receiving() as receiver:
        receiver.statuses = [404]
        said = shell("export", "--format", "otel", "--endpoint", receiver.url)
        assert said.code == 1
        assert "HTTP 404" in said.err


def test_spans_are_written_as_json_with_or_without_contents(shell: Shell) -> None:
    shell("run", "good.yaml", "-q")
    said = shell("export", "--format", "otel", "-o", "-")
    assert said.code == 0
    [resource] = json.loads(said.out)["resourceSpans"]
    assert {span["name"] for span in resource["scopeSpans"][0]["spans"]} == OF_GOOD
    assert "hello" not in said.out
    assert shell("export", "--format", "otel", "-o", "spans.json", "--content").code == 0
    assert "hello" in (shell.folder / "spans.json").read_text()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["--format", "json", "--endpoint", "http://x"], "--endpoint means nothing for --format json"),
        (["--content"], "--content means nothing for --format run"),
        (["--format", "otel", "--endpoint", "host:4318"], "is not the address of a collector"),
        (["--format", "otel", "--endpoint", "http://x", "-o", "y"], "--endpoint and -o cannot be had together"),
    ],
)
def test_options_that_mean_nothing_are_refused(shell: Shell, arguments: list[str], why: str) -> None:
    shell("run", "good.yaml", "-q")
    said = shell("export", *arguments)
    assert said.code == 2
    assert why in said.err


# --- live -----------------------------------------------------------------------------------------------------


def test_a_run_is_sent_while_it_goes_on_where_that_is_asked_for(shell: Shell) -> None:
    with receiving() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        assert shell.process("run", "good.yaml", "-q", env=environment).code == 0
        assert names(receiver) == OF_GOOD
        off = environment | {"OTEL_TRACES_EXPORTER": "none"}
        assert shell.process("run", "good.yaml", "-q", env=off).code == 0
        assert len(receiver.spans) == 5
        assert shell.process("run", "good.yaml", "-q", "--otel", env=off).code == 0
        assert len(receiver.spans) == 10
        assert shell.process("replay", "--otel", env=environment).code == 0
        assert len(receiver.spans) == 15


def test_a_run_that_goes_on_later_has_one_root_at_its_end(shell: Shell) -> None:
    with receiving() as receiver:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
        assert shell.process("run", "bad.yaml", "-q", env=environment).code == 1
        assert shell.process("resume", "--retry-failed", "-q", "--otel", env=environment).code == 1
        roots = [span for span in receiver.spans if span.name == "invoke_workflow bad"]
        assert len({root.span_id for root in roots}) == 1
        assert roots[-1].end_time_unix_nano > roots[0].end_time_unix_nano
        [_, task] = [span for span in receiver.spans if span.name == "task b"]
        assert task.start_time_unix_nano == next(
            span.start_time_unix_nano for span in receiver.spans if span.name == "attempt 1 of b"
        )


def test_a_collector_that_is_away_is_named_once_at_the_end(shell: Shell) -> None:
    said = shell.process("run", "good.yaml", "--otel", env={"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"})
    assert said.code == 0
    assert said.out == "hello\n"
    assert said.err.count("connection refused") == 1
    assert "note: 5 spans were not sent: the collector at http://127.0.0.1:9/v1/traces" in said.err


WITHOUT = "import sys; sys.modules['opentelemetry'] = None; from binex.cli.main import main; sys.exit(main({}))"


def test_without_opentelemetry_asking_for_it_fails_and_the_environment_alone_is_only_noted(shell: Shell) -> None:
    import subprocess

    from tests.cli.conftest import environment

    def run(arguments: list[str], **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", WITHOUT.format(arguments)]
        return subprocess.run(
            command, cwd=shell.folder, env=environment(**env), capture_output=True, text=True, check=False
        )

    said = run(["run", "good.yaml", "--otel"])
    assert said.returncode == 2
    assert "--otel needs OpenTelemetry, which is not installed" in said.stderr
    assert "pip install 'binex[otel]'" in said.stderr
    said = run(["run", "good.yaml", "-q"], OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9")
    assert (said.returncode, said.stdout) == (0, "hello\n")
    assert said.stderr.count("OpenTelemetry is not installed") == 1
    trace_file(shell)
    assert run(["import", "trace.json"]).returncode == 0  # JSON needs nothing of it
    assert run(["export", "--format", "otel", "-o", "-"]).returncode == 0
    said = run(["export", "--format", "otel"])
    assert said.returncode == 2
    assert "pip install 'binex[otel]'" in said.stderr


def test_nothing_of_opentelemetry_is_loaded_where_nobody_asks_for_it(shell: Shell) -> None:
    for command in ("['run', '-q', 'good.yaml']", "['trace']", "['export', '--format', 'otel', '-o', '-']"):
        loaded = modules_after(f"from binex.cli.main import main; assert main({command}) == 0")
        assert not {name for name in loaded if name.startswith(("opentelemetry", "google.protobuf"))}, command
    loaded = modules_after("from binex.cli.main import main; assert main(['run', '-q', 'good.yaml']) == 0")
    assert not {name for name in loaded if name.startswith("binex.telemetry")}


# --- import ---------------------------------------------------------------------------------------------------


def test_a_trace_becomes_a_run_that_every_command_reads(shell: Shell) -> None:
    trace_file(shell)
    said = shell("import", "trace.json")
    assert said.code == 0, said.err
    assert f"imported trace {traces.TRACE} as run " in said.out
    assert "4 spans: 4 tasks and 3 calls" in said.out
    again = shell("import", "--format", "otel", "trace.json")
    assert again.code == 0
    assert f"nothing to do: trace {traces.TRACE} is there already" in again.out
    assert len(shell("runs", "--json").json()["runs"]) == 1
    assert "weather_agent" in shell("trace").out
    shown = shell("calls", "show", "latest", "ChatCompletion-2:1.1")
    assert "Cold and wet." in shown.out
    assert "Weather in Oslo?" in shown.out
    assert "$0.0125" in shell("cost").out
    assert "Cold and wet." in shell("artifacts", "show", "weather_agent").out
    assert shell("debug").code == 0
    assert shell("doctor").code == 0
    for refused in (["replay"], ["replay", "--from", "weather"], ["resume"]):
        said = shell(*refused)
        assert said.code == 1
        assert "is the trace of another program: it can be looked at, and not executed" in said.err


def test_a_trace_comes_from_a_pipe_and_goes_on_in_a_bundle(shell: Shell) -> None:
    with trace_file(shell).open("rb") as file:
        told = shell.process("import", "-", "--json", stdin=file)
    assert told.code == 0, told.err
    [trace] = told.json()["traces"]
    assert trace["is_new"]
    assert shell("export", "-o", "t.binex").code == 0
    assert shell("import", "t.binex", "--dir", "other/.binex").code == 0
    assert shell("import", "trace.json", "--dir", "other/.binex").out.startswith("nothing to do")
    said = shell("replay", "--dir", "other/.binex")
    assert said.code == 1
    assert "is the trace of another program" in said.err


def test_what_is_no_trace_is_refused_with_what_and_where(shell: Shell) -> None:
    shell.write("bad.json", json.dumps(traces.request({**traces.span(1, "x", 0, 1, {}), "spanId": "1"})))
    said = shell("import", "bad.json")
    assert said.code == 2
    assert "the trace is refused: resourceSpans[0].scopeSpans[0].spans[0].spanId is '1'" in said.err
    assert "nothing was imported" in said.err
    said = shell("import", "good.yaml", "--format", "otel")
    assert said.code == 2
    assert "it is neither JSON nor protobuf of OTLP" in said.err
    said = shell("import", "bad.json", "--folder", ".")
    assert said.code == 2


def test_what_a_trace_says_cannot_reach_the_terminal(shell: Shell) -> None:
    odd = traces.span(1, "evil\x1b[2J\x07", 0, 1, {"output.value": "\x1b[31m"})
    shell.write("odd.json", json.dumps(traces.request(odd)))
    assert shell("import", "odd.json").code == 0
    for command in (["trace"], ["debug"], ["runs"], ["artifacts", "list"], ["import", "odd.json"]):
        said = shell(*command)
        assert "\x1b" not in said.out + said.err
        assert "\x07" not in said.out + said.err
