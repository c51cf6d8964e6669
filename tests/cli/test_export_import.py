"""``binex export`` and ``binex import``: a run goes to another machine, and every command works on it there."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TIMEOUT_S, Shell, environment
from tests.stores.bundling import members_of, packed

EVERYTHING = """
name: everything
inputs: {topic: {default: tides}}
nodes:
  list: {agent: local://steps.give, inputs: {value: [1, 2, 3]}}
  each: {foreach: "${list.output}", agent: local://steps.give, inputs: {value: "${item} of ${user.topic}"}}
  big: {agent: local://more.big}
  ask:
    agent: llm://mock/model
    system_prompt: file://prompt.md
    inputs: {all: "${each.output}"}
    config: {answers: [{text: "two a day", usage: {input_tokens: 10, output_tokens: 3}, price: 0.25}]}
  gate: {agent: human://approve, inputs: {text: "${ask.output}"}, config: {text: "Is it good?"}}
  end: {agent: local://steps.give, when: "${gate} == approved", inputs: {value: "${ask.output}"}}
  never: {agent: local://steps.give, when: "${gate} == rejected", inputs: {value: 1}}
  fails: {agent: local://steps.fail, inputs: {value: "${list.output}"}, retry_policy: {max_retries: 1, delay_ms: 1}}
  blocked: {agent: local://steps.give, inputs: {value: "${fails.output}"}}
"""
MORE = """
def big():
    return "large " * 30_000
"""
READ = (
    ("trace",),
    ("artifacts", "list"),
    ("calls", "list"),
    ("cost",),
    ("artifacts", "show", "big"),
    ("artifacts", "show", "each[1]"),
)


@pytest.fixture
def away(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> Callable[[], Path]:
    """Goes to another folder, as if it were another machine: what is in the first one is not used any more."""

    def go() -> Path:
        folder = shell.folder.parent / "away"
        folder.mkdir()
        (folder / ".binex").mkdir(0o700)
        monkeypatch.chdir(folder)
        return folder

    return go


@pytest.fixture
def run(shell: Shell) -> str:
    """A run with a bit of everything; its id."""
    (shell.folder / ".binex").mkdir(0o700)
    shell.write("everything.yaml", EVERYTHING)
    shell.write("more.py", MORE)
    shell.write("prompt.md", "Be brief about ${user.topic}.")
    assert shell("run", "everything.yaml", "-q").code == 75
    assert shell("answer", "latest", "gate", "approve").code == 0
    assert shell("resume", "latest", "-q").code == 1
    return str(shell("runs", "--json").json()["runs"][0]["id"])


def without_origin(answer: Any) -> Any:
    """An answer without what an import says about the run itself."""
    if isinstance(answer, dict):
        return {k: without_origin(v) for k, v in answer.items() if k not in ("is_imported", "workflow_hash")}
    return [without_origin(item) for item in answer] if isinstance(answer, list) else answer


def test_every_command_says_the_same_of_an_imported_run(shell: Shell, run: str, away: Callable[[], Path]) -> None:
    before = {words: shell(*words, "--json") for words in READ if words[1:2] != ("show",)}
    shown = {words: shell(*words) for words in READ}
    assert shell("export", run).code == 0
    away()
    said = shell("import", str(shell.folder / f"{run}.binex"))
    assert said.code == 0, said.err
    for words, first in before.items():
        again = shell(*words, "--json")
        assert (again.code, again.err) == (first.code, first.err)
        assert without_origin(again.json()) == without_origin(first.json())
    for words, first in shown.items():
        if words[0] == "artifacts":
            assert shell(*words).out.splitlines()[2:] == first.out.splitlines()[2:]  # the head says how long ago
    assert shell("doctor").code == 0
    assert shell("debug", "latest", "--json").json()["run"]["id"] == run


def test_an_imported_run_can_be_resumed(shell: Shell, run: str, away: Callable[[], Path]) -> None:
    shell("export", run, "-o", "run.binex")
    (shell.folder / "steps.py").write_text("def fail(value): return 'luck'\ndef give(value): return value\n")
    away()
    assert shell("import", str(shell.folder / "run.binex")).code == 0
    said = shell("resume", run, "--retry-failed", "--trust", "--json")
    assert said.code == 0, said.err
    assert said.json()["outputs"]["blocked"]["output"] == "luck"


def test_a_fork_travels_with_its_parent_and_can_be_replayed_there(shell: Shell, away: Callable[[], Path]) -> None:
    (shell.folder / ".binex").mkdir(0o700)
    shell("run", "good.yaml", "-q")
    shell("replay", "latest", "--from", "b", "-q")
    fork = shell("runs", "--json").json()["runs"][0]
    assert fork["origin"]["mode"] == "fork"
    assert shell("export", fork["id"], "-o", "fork.binex").code == 0
    away()
    said = shell("import", str(shell.folder / "fork.binex"), "--json").json()
    assert said["imported"] == [fork["origin"]["parent"], fork["id"]]
    for run in said["imported"]:
        assert shell("replay", run, "-q", "--trust").code == 0
        assert shell("trace", run).code == 0
    assert shell("doctor").code == 0


# --- export ---------------------------------------------------------------------------------------------------


def test_a_bundle_is_a_file_of_its_owner_named_after_the_run(shell: Shell, run: str) -> None:
    said = shell("export")
    assert said.code == 0
    file = shell.folder / f"{run}.binex"
    assert file.stat().st_mode & 0o777 == 0o600
    assert f"run {run} (everything) is in {run}.binex" in said.out
    assert [path.name for path in shell.folder.iterdir() if path.name.startswith(".tmp")] == []


def test_what_was_written_can_be_printed_as_json(shell: Shell, run: str) -> None:
    said = shell("export", run, "--json").json()
    assert said["run"]["id"] == run
    assert said["file"] == f"{run}.binex"
    assert said["counts"]["runs"] == 1
    assert said["counts"]["questions"] == 1
    assert said["size"] == (shell.folder / f"{run}.binex").stat().st_size


def test_a_file_that_is_there_stays_unless_it_is_forced(shell: Shell, run: str) -> None:
    file = shell.write("run.binex", "mine")
    said = shell("export", run, "-o", "run.binex")
    assert said.code == 2
    assert "there is a file 'run.binex' already" in said.err
    assert file.read_text() == "mine"
    assert shell("export", run, "-o", "run.binex", "--force").code == 0
    assert file.read_bytes().startswith(b"PK")


def test_a_link_is_not_followed_when_it_is_written_over(shell: Shell, run: str) -> None:
    target = shell.write("target", "mine")
    (shell.folder / "run.binex").symlink_to(target)
    assert shell("export", run, "-o", "run.binex").code == 2
    assert shell("export", run, "-o", "run.binex", "--force").code == 0
    assert target.read_text() == "mine"


def test_a_place_that_cannot_be_written_is_named(shell: Shell, run: str) -> None:
    for place, reason in (("none/run.binex", "No such file"), (".", "is a folder")):
        said = shell("export", run, "-o", place)
        assert said.code == 2
        assert reason in said.err


def test_a_bundle_can_go_through_a_pipe(shell: Shell, run: str) -> None:
    shell("export", run, "-o", "run.binex")
    there = shell.folder.parent / "there" / ".binex"
    there.parent.mkdir()
    export = subprocess.run(
        shell.command("export", run, "-o", "-"),
        cwd=shell.folder,
        env=environment(),
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert export.stdout == (shell.folder / "run.binex").read_bytes()
    assert b"is in stdout" in export.stderr
    done = subprocess.run(
        shell.command("import", "-", "--dir", str(there)),
        cwd=shell.folder,
        env=environment(),
        input=export.stdout,
        capture_output=True,
        timeout=TIMEOUT_S,
        check=True,
    )
    assert f"imported run {run}".encode() in done.stdout


def test_only_formats_that_there_are_can_be_asked_for(shell: Shell, run: str) -> None:
    assert shell("export", run, "--format", "run").code == 0
    assert shell("export", run, "--format", "pdf", "--force").code == 2


def test_an_unknown_run_is_an_error_and_makes_no_file(shell: Shell, run: str) -> None:
    said = shell("export", "1zzz", "-o", "x.binex")
    assert said.code == 2
    assert not (shell.folder / "x.binex").exists()


def test_a_damaged_run_is_named_and_makes_no_file(shell: Shell, run: str) -> None:
    (big,) = (shell.folder / ".binex" / "artifacts" / run).glob("*~big~*")
    big.write_text("{}")
    said = shell("export", run, "-o", "x.binex")
    assert said.code == 4
    assert f"{run}~big~output" in said.err
    assert not (shell.folder / "x.binex").exists()
    assert list(shell.folder.glob(".tmp*")) == []


def test_secrets_are_not_in_a_bundle(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
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
    shell("export", "-o", "run.binex")
    members = members_of((shell.folder / "run.binex").read_bytes())
    assert secret.encode() not in b"".join(members.values())


# --- import ---------------------------------------------------------------------------------------------------


def test_an_import_says_which_functions_of_this_machine_are_needed(
    shell: Shell, run: str, away: Callable[[], Path]
) -> None:
    shell("export", run, "-o", "run.binex")
    folder = away()
    (folder / "steps.py").write_text((shell.folder / "steps.py").read_text() + "\n# changed\n")
    said = shell("import", str(shell.folder / "run.binex"), "--folder", ".", "--json").json()
    assert said["imported"] == [run]
    assert said["run"]["is_imported"]
    assert said["folder"] == str(folder)
    assert said["recorded_folder"] == str(shell.folder)
    assert {(one["uri"], one["code"]) for one in said["functions"]} == {
        ("local://more.big", "missing"),
        ("local://steps.fail", "changed"),
        ("local://steps.give", "changed"),
    }


def test_without_its_folder_a_run_is_at_home_where_it_is_imported(
    shell: Shell, run: str, away: Callable[[], Path]
) -> None:
    shell("export", run, "-o", "run.binex")
    folder = away()
    data = (shell.folder / "run.binex").read_bytes()
    shell.folder.rename(shell.folder.parent / "gone")
    (folder / "run.binex").write_bytes(data)
    said = shell("import", "run.binex")
    assert said.code == 0
    assert f"from {folder} (then {shell.folder}; --folder names another)" in said.out
    assert "local://steps.give  not there" in said.out


def test_nothing_in_a_bundle_is_executed(shell: Shell, run: str, away: Callable[[], Path]) -> None:
    shell("export", run, "-o", "run.binex")
    folder = away()
    trap = "import pathlib; pathlib.Path('trapped').touch()\n"
    for name in ("steps.py", "more.py", "sitecustomize.py", "binex.py"):
        (folder / name).write_text(trap)
    assert shell.process("import", "run.binex", "--folder", str(folder)).code == 0
    assert not (folder / "trapped").exists()
    assert not (shell.folder / "trapped").exists()


def test_importing_again_is_no_error_and_does_nothing(shell: Shell, run: str, away: Callable[[], Path]) -> None:
    shell("export", run, "-o", "run.binex")
    assert f"nothing to do: run {run} is there already" in shell("import", "run.binex").out
    away()
    file = str(shell.folder / "run.binex")
    shell("import", file)
    said = shell("import", file, "--json")
    assert said.code == 0
    assert (said.json()["imported"], said.json()["present"]) == ([], [run])


def test_a_run_that_went_on_here_is_not_the_same_any_more(shell: Shell, run: str, away: Callable[[], Path]) -> None:
    shell("export", run, "-o", "run.binex")
    shell("resume", run, "--retry-failed", "-q")
    said = shell("import", "run.binex")
    assert said.code == 1
    assert f"there is a run {run} already, and it is not the one in the bundle" in said.err


def test_a_bundle_that_is_refused_does_not_even_make_a_store(shell: Shell, run: str) -> None:
    shell("export", run, "-o", "run.binex")
    data = (shell.folder / "run.binex").read_bytes()
    members = members_of(data)
    newer = json.loads(members["manifest.json"])["version"] + 1
    there = shell.folder.parent / "there" / ".binex"
    for bad, code in ((data[:-1], 2), (b"", 2), (b"not a bundle", 2), (packed(members, version=newer), 2)):
        (shell.folder / "bad.binex").write_bytes(bad)
        said = shell("import", "bad.binex", "--dir", str(there))
        assert said.code == code
        assert "Error:" in said.err and "fix:" in said.err
        assert not there.parent.exists()
    assert "upgrade Binex" in said.err


def test_a_file_that_cannot_be_read_is_named(shell: Shell) -> None:
    os.mkfifo(shell.folder / "pipe")
    for name in ("none.binex", ".", "pipe"):
        said = shell("import", name)
        assert said.code == 2
        assert f"'{name}'" in said.err
    assert not (shell.folder / ".binex").exists()


def test_a_folder_that_is_not_there_is_refused(shell: Shell, run: str) -> None:
    shell("export", run, "-o", "run.binex")
    assert shell("import", "run.binex", "--folder", "nowhere").code == 2


def test_what_a_bundle_says_is_shown_escaped(shell: Shell, run: str, away: Callable[[], Path]) -> None:
    shell("export", run, "-o", "run.binex")
    members = members_of((shell.folder / "run.binex").read_bytes())
    row = json.loads(members["runs.jsonl"]) | {"workflow": "bad\x1b]0;owned\x07\u202ename"}
    source = json.loads(members["workflows.jsonl"])
    source["source"]["folder"] = "/no\x1b[31mwhere"
    changed = {"runs.jsonl": json.dumps(row).encode() + b"\n", "workflows.jsonl": json.dumps(source).encode() + b"\n"}
    away()
    Path("bad.binex").write_bytes(packed(members | changed))
    said = shell("import", "bad.binex")
    assert said.code == 0, said.err
    assert not set("\x1b\x07\u202e") & set(said.out + said.err)


@pytest.mark.parametrize("command", [["replay"], ["replay", "--from", "end"], ["resume", "--retry-failed"]])
def test_what_was_imported_executes_nothing_of_this_machine_until_it_is_trusted(
    shell: Shell, run: str, away: Callable[[], Path], command: list[str]
) -> None:
    shell("export", run, "-o", "run.binex")
    touch = "import pathlib\npathlib.Path('executed').touch()\n"
    (shell.folder / "steps.py").write_text(f"{touch}def fail(value): return 1\ndef give(value): return value\n")
    folder = away()
    assert shell("import", str(shell.folder / "run.binex")).code == 0
    said = shell(command[0], run, *command[1:])
    assert said.code == 1
    assert "was imported, and would execute local://more.big, local://steps.fail" in said.err
    assert "--trust" in said.err
    assert not (folder / "executed").exists()
    assert not (shell.folder / "executed").exists()
