"""``binex export --format json|csv|html``: a run for other programs and other people."""

import csv
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TIMEOUT_S, Shell, environment

FLOW = """
name: everything
inputs: {topic: {default: tides}}
nodes:
  list: {agent: local://steps.give, inputs: {value: [1, -2.5, "=1+1"]}}
  each: {foreach: "${list.output}", agent: local://steps.give, inputs: {value: "${item}"}}
  big: {agent: local://more.big}
  ask:
    agent: llm://mock/model
    system_prompt: Be brief about ${user.topic}
    inputs: {all: "${each.output}"}
    config: {answers: [{text: "=two a day", usage: {input_tokens: 10, output_tokens: 3}, price: 0.25}]}
  never: {agent: local://steps.give, when: "${user.topic} == never", inputs: {value: 1}}
  fails: {agent: local://more.refuse, inputs: {value: "${list.output}"}, retry_policy: {max_retries: 1, delay_ms: 1}}
  blocked: {agent: local://steps.give, inputs: {value: "${fails.output}"}}
"""
MORE = """
def big():
    return "large " * 30_000

def refuse(value):
    raise ValueError("=HYPERLINK(\\"http://127.0.0.1\\")\\x1b[31m \\ud800 ü")
"""
DATA_FORMATS = ("json", "csv", "html")


@pytest.fixture
def run(shell: Shell) -> str:
    """A run with a bit of everything; its id."""
    (shell.folder / ".binex").mkdir(0o700)
    shell.write("everything.yaml", FLOW)
    shell.write("more.py", MORE)
    assert shell("run", "everything.yaml", "-q").code == 1
    return str(shell("runs", "--json").json()["runs"][0]["id"])


def document(shell: Shell, run: str = "latest") -> Any:
    """The JSON document of a run."""
    said = shell("export", run, "--format", "json", "-o", "run.json", "--force")
    assert said.code == 0, said.err
    return json.loads((shell.folder / "run.json").read_text("utf-8"))


def table(shell: Shell, *options: str) -> list[dict[str, str]]:
    """The rows of a CSV file, by the names of their columns."""
    said = shell("export", "--format", "csv", "-o", "run.csv", "--force", *options)
    assert said.code == 0, said.err
    with (shell.folder / "run.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


# --- json -----------------------------------------------------------------------------------------------------


def test_the_document_has_everything_about_a_run(shell: Shell, run: str) -> None:
    found = document(shell)
    assert (found["format"], found["schema_version"]) == ("binex-run", 1)
    assert found["run"]["id"] == run
    assert found["workflow"]["text"].strip() == FLOW.strip()
    tasks = {task["task"]: task for task in found["tasks"]}
    assert [task for task in tasks if tasks[task]["item"] is not None] == ["each[0]", "each[1]", "each[2]"]
    assert tasks["each"]["item_count"] == 3
    assert tasks["never"]["skip_reason"] == "when"
    assert tasks["blocked"]["blocked_by"] == "fails"
    assert [one["attempt"] for one in found["attempts"] if one["task"] == "fails"] == [1, 2]
    contents = {one["path"]: one["content"] for one in found["artifacts"]}
    assert contents["list"] == [1, -2.5, "=1+1"]
    assert contents["each[2]"] == "=1+1"
    assert contents["big"] == "large " * 30_000
    (call,) = found["calls"]
    assert call["name"] == "ask:1.1"
    assert call["request"]["json"]["messages"][0] == {"role": "system", "content": "Be brief about tides"}
    assert '"type":"finished"' in call["response"]["text"]
    assert call["reply"] == "=two a day"
    assert found["cost"]["total"]["cost_usd"] == 0.25
    edge = {"from": f"{run}~list~output", "to": f"{run}~each[0]~output", "task": "each[0]", "node": "each"}
    assert edge in found["lineage"]
    assert [cause["tasks"] for cause in found["causes"]] == [["fails"]]
    assert found["verdict"].startswith("Failed: 'fails' failed")
    assert found["next_steps"]
    assert found["damage"] == []


def test_the_same_run_makes_the_same_document(shell: Shell, run: str) -> None:
    document(shell)
    first = (shell.folder / "run.json").read_bytes()
    document(shell)
    assert (shell.folder / "run.json").read_bytes() == first
    assert not any(code in first.decode() for code in "\x1b\x9b\u202e")


def test_what_a_fork_took_over_is_in_its_document(shell: Shell) -> None:
    (shell.folder / ".binex").mkdir(0o700)
    shell("run", "good.yaml", "-q")
    shell("replay", "latest", "--from", "b", "-q")
    found = document(shell)
    parent = found["run"]["origin"]["parent"]
    made = {one["path"]: one for one in found["artifacts"]}
    assert (made["a"]["taken_from"], made["a"]["content"]) == (parent, "hello")
    assert made["b"]["taken_from"] is None
    assert {"from": f"{parent}~a~output", "to": made["b"]["id"], "task": "b", "node": "b"} in found["lineage"]


# --- csv ------------------------------------------------------------------------------------------------------


def test_a_row_stands_for_an_attempt_and_names_have_their_units(shell: Shell, run: str) -> None:
    rows = table(shell)
    assert [(row["task"], row["attempt"], row["status"]) for row in rows if row["node"] == "fails"] == [
        ("fails", "1", "failed"),
        ("fails", "2", "failed"),
    ]
    (ask,) = [row for row in rows if row["task"] == "ask"]
    assert (ask["cost_usd"], ask["input_tokens"], float(ask["duration_ms"]) > 0) == ("0.25", "10", True)
    assert {row["run_id"] for row in rows} == {run}


def test_what_an_agent_said_is_no_formula_and_hides_nothing(shell: Shell, run: str) -> None:
    (error,) = [row["error_message"] for row in table(shell) if (row["task"], row["attempt"]) == ("fails", "1")]
    assert error == '\'=HYPERLINK("http://127.0.0.1")\\x1b[31m \\ud800 ü'
    contents = {row["task"]: row["content"] for row in table(shell, "--rows", "artifacts")}
    assert contents["each[2]"] == "'=1+1"
    assert contents["ask"] == "'=two a day"
    assert json.loads(contents["list"]) == [1, -2.5, "=1+1"]


def test_a_row_can_stand_for_a_task_a_call_or_an_artifact(shell: Shell, run: str) -> None:
    tasks = {row["task"]: row for row in table(shell, "--rows", "tasks")}
    assert (tasks["fails"]["attempts"], tasks["fails"]["error_kind"]) == ("2", "code")
    assert (tasks["never"]["start_ms"], tasks["never"]["skip_reason"]) == ("", "when")
    (call,) = table(shell, "--rows", "calls")
    assert (call["call"], call["kind"], call["target"]) == ("ask:1.1", "model", "mock/model")
    sizes = {row["task"]: row["size_bytes"] for row in table(shell, "--rows", "artifacts")}
    assert sizes["big"] == str(len("large ") * 30_000 + 2)


def test_a_table_is_named_after_its_rows_and_ends_its_lines_as_the_rfc_says(shell: Shell, run: str) -> None:
    assert shell("export", "--format", "csv", "--rows", "tasks").code == 0
    data = (shell.folder / f"{run}-tasks.csv").read_bytes()
    assert data.startswith(b"run_id,task,")
    assert data.split(b"\n", 1)[0].endswith(b"\r")


def test_rows_mean_nothing_elsewhere(shell: Shell, run: str) -> None:
    said = shell("export", "--format", "json", "--rows", "tasks")
    assert said.code == 2
    assert "--rows means nothing for --format json" in said.err


# --- all ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", DATA_FORMATS)
def test_a_file_is_its_owners_and_is_not_written_over(shell: Shell, run: str, kind: str) -> None:
    file = shell.folder / f"out.{kind}"
    said = shell("export", run, "--format", kind, "-o", file.name, "--json").json()
    assert (said["file"], said["size"]) == (file.name, file.stat().st_size)
    assert said["counts"]
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_text("mine")
    again = shell("export", run, "--format", kind, "-o", file.name)
    assert (again.code, file.read_text()) == (2, "mine")
    assert shell("export", run, "--format", kind, "-o", file.name, "--force").code == 0
    assert list(shell.folder.glob(".tmp*")) == []


@pytest.mark.parametrize("kind", DATA_FORMATS)
def test_it_can_go_to_stdout_and_what_is_said_goes_elsewhere(shell: Shell, run: str, kind: str) -> None:
    assert shell("export", "--format", kind, "-o", f"out.{kind}").code == 0
    done = subprocess.run(
        shell.command("export", "--format", kind, "-o", "-"),
        cwd=shell.folder,
        env=environment(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert done.stdout == (shell.folder / f"out.{kind}").read_bytes()
    assert b"is in stdout" in done.stderr


def test_a_pipe_that_closes_early_is_no_failure(shell: Shell, run: str) -> None:
    process = subprocess.Popen(
        shell.command("export", "--format", "json", "-o", "-"),
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr:
        assert b"Traceback" not in process.stderr.read()
    process.wait(TIMEOUT_S)
    assert process.returncode == 0


@pytest.mark.parametrize("kind", DATA_FORMATS)
def test_an_unknown_run_makes_no_file(shell: Shell, run: str, kind: str) -> None:
    assert shell("export", "1zzz", "--format", kind, "-o", "x").code == 2
    assert not (shell.folder / "x").exists()


def damage_big(folder: Path, run: str) -> None:
    """Alter the one artifact that is large enough to be a file."""
    (big,) = (folder / ".binex" / "artifacts" / run).glob("*~big~*")
    big.write_text("{}")


@pytest.mark.parametrize(("kind", "rows"), [("json", None), ("html", None), ("csv", "artifacts")])
def test_what_is_damaged_is_named_and_the_rest_is_there(shell: Shell, run: str, kind: str, rows: str | None) -> None:
    damage_big(shell.folder, run)
    options = () if rows is None else ("--rows", rows)
    said = shell("export", "--format", kind, "-o", "out", *options)
    assert said.code == 4
    assert "damaged: big.output: " in said.err
    written = (shell.folder / "out").read_text("utf-8")
    assert "=two a day" in written
    if kind == "json":
        found = json.loads(written)
        assert [one["where"] for one in found["damage"]] == ["big.output"]
        assert "big" not in {one["path"] for one in found["artifacts"]}
    elif kind == "html":
        assert "It can no longer be read." in written
    else:
        assert "big" not in {row["task"] for row in csv.DictReader(io.StringIO(written, newline=""))}


def test_a_record_that_cannot_be_read_is_named_in_the_document(shell: Shell, run: str) -> None:
    import sqlite3

    connection = sqlite3.connect(shell.folder / ".binex" / "binex.db")
    with connection:
        connection.execute("UPDATE records SET doc = '{' WHERE task = 'ask'")
    connection.close()
    for kind in DATA_FORMATS:
        said = shell("export", "--format", kind, "-o", f"out.{kind}")
        assert said.code == 4, kind
        assert "ask" in said.err
    found = json.loads((shell.folder / "out.json").read_text("utf-8"))
    assert any("ask" in one["message"] for one in found["damage"])
    assert "list" in {task["task"] for task in found["tasks"]}
    assert [call["name"] for call in found["calls"]] == ["ask:1.1"]


@pytest.mark.parametrize("kind", DATA_FORMATS)
def test_secrets_are_in_no_format(shell: Shell, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    secret = "canary-7f3a9c-secret"
    monkeypatch.setenv("CANARY", secret)
    shell.write(
        "flow.yaml",
        """
        name: flow
        nodes:
          a: {agent: local://steps.give, inputs: {value: "it is ${secret.CANARY}"}}
          b: {agent: local://steps.fail, inputs: {value: "${secret.CANARY}"}}
        """,
    )
    shell("run", "flow.yaml", "-q")
    for rows in ("attempts", "artifacts") if kind == "csv" else (None,):
        options = () if rows is None else ("--rows", rows)
        assert shell("export", "--format", kind, "-o", "out", "--force", *options).code == 0
        assert secret not in (shell.folder / "out").read_text("utf-8")
