"""``runs``, ``trace``, ``debug``, ``artifacts``, ``validate`` and ``schema``."""

import json
from pathlib import Path

import jsonschema
import pytest

from tests.cli.conftest import Shell


@pytest.fixture
def two_runs(shell: Shell) -> Shell:
    """A folder with a run that completed and, after it, one that failed."""
    shell("run", "good.yaml", "-q")
    shell("run", "bad.yaml", "-q")
    return shell


def ids(shell: Shell) -> list[str]:
    return [run["id"] for run in shell("runs", "--json").json()["runs"]]


def test_runs_are_listed_newest_first(two_runs: Shell) -> None:
    lines = two_runs("runs").out.splitlines()
    assert lines[0].split() == ["RUN", "WORKFLOW", "STATUS", "TASKS", "TOOK", "STARTED"]
    assert lines[1].split()[1:6] == ["bad", "✗", "failed", "3,", "1"]
    assert lines[2].split()[1:5] == ["good", "✓", "completed", "2"]


def test_runs_are_paged_and_picked(two_runs: Shell) -> None:
    newest, oldest = ids(two_runs)
    first = two_runs("runs", "-n", "1").out
    assert newest in first
    assert oldest not in first
    assert "--page 2" in first
    second = two_runs("runs", "-n", "1", "--page", "2").out
    assert oldest in second
    assert "--page" not in second
    assert two_runs("runs", "-n", "1", "--page", "3").out == "no more runs\n"
    assert oldest in two_runs("runs", "--workflow", "good").out
    assert newest in two_runs("runs", "--status", "failed").out
    assert two_runs("runs", "--status", "interrupted").out == "no runs\n"


def test_a_trace_shows_every_task(two_runs: Shell) -> None:
    text = two_runs("trace").out
    assert text.startswith("✗ bad ")
    lines = [line.split() for line in text.splitlines()[4:]]
    assert [line[:2] for line in lines if line[0] in "✓✗○"] == [["✓", "a"], ["✗", "b"], ["○", "c"]]
    assert "ValueError: no luck" in text
    assert "skipped: 'b' failed" in text


def test_debug_shows_the_verdict_first_and_the_traceback(two_runs: Shell) -> None:
    said = two_runs("debug", "bad")
    assert said.code == 0
    assert said.out.index("Failed: 'b' failed and blocked 1 more.") < said.out.index("What went wrong")
    assert 'raise ValueError("no luck")' in said.out
    assert "binex resume" in said.out


def test_debug_says_that_a_fan_out_failed_after_its_items_and_not_before(shell: Shell) -> None:
    shell.write(
        "each.yaml",
        """
nodes:
  list: {agent: local://steps.give, inputs: {value: [1]}}
  each: {foreach: "${list}", agent: local://steps.fail, inputs: {value: "${item}"}}
  none: {foreach: "${list.output.nothing}", agent: local://steps.give, inputs: {value: "${item}"}}
""",
    )
    assert shell("run", "each.yaml", "-q").code == 1
    told = [line.strip() for line in shell("debug").out.splitlines()]
    assert told[told.index("✗ each  failed  local://steps.fail") + 1] == "after its items"
    assert told[told.index("✗ none  failed  local://steps.give") + 1] == "before it could start"


@pytest.mark.parametrize("command", [["trace"], ["debug"], ["artifacts", "list"]])
def test_a_run_is_named_in_every_way(two_runs: Shell, command: list[str]) -> None:
    newest, oldest = ids(two_runs)
    for text, id in (
        (oldest, oldest),
        (oldest[:-1], oldest),
        ("latest~1", oldest),
        ("good", oldest),
        ("latest", newest),
    ):
        said = two_runs(*command, text, "--json")
        assert said.code == 0
        assert said.json()["run"]["id"] == id


def test_json_is_the_whole_of_it(two_runs: Shell) -> None:
    found = two_runs("debug", "--json").json()
    assert found["verdict"] == "Failed: 'b' failed and blocked 1 more."
    assert found["failures"][0]["error"]["traceback"]
    assert {task["timing"]["task"] for task in found["tasks"]} == {"a", "b", "c"}
    assert two_runs("trace", "--json").json()["tasks"][0]["attempts"][0]["status"] == "completed"


def test_artifacts_are_listed_and_shown(two_runs: Shell) -> None:
    text = two_runs("artifacts", "list", "good").out
    assert "a.output" in text
    assert "b.output" in text
    assert "7 B" in text
    run = ids(two_runs)[1]
    for which in (["good", "b"], ["good", "b.output"], [f"{run}~b~output"], ["latest~1", "a"]):
        assert two_runs("artifacts", "show", *which).out == "hello\n"
    assert two_runs("artifacts", "show", "a").out == "1\n"
    shown = two_runs("artifacts", "show", "good", "b", "--json").json()
    assert shown["content"] == "hello"
    assert shown["lineage"]["task"] == "b"


def test_artifacts_of_items_are_folded_into_their_node(shell: Shell) -> None:
    shell.write("many.yaml", 'nodes: {a: {foreach: "${user.n}", agent: "local://echo", inputs: {v: "${item}"}}}\n')
    shell.write(
        "many.yaml",
        """
        inputs: {n: {type: array, default: [1, 2, 3]}}
        nodes: {a: {foreach: "${user.n}", agent: "local://steps.give", inputs: {value: "${item}"}}}
        """,
    )
    assert json.loads(shell("run", "many.yaml").out) == [1, 2, 3]
    folded = shell("artifacts", "list").out
    assert "a.output" in folded
    assert "a[1].output" not in folded
    assert "and those of 3 items: --items" in folded
    assert "a[1].output" in shell("artifacts", "list", "--items").out
    assert shell("artifacts", "show", "a[1]").out == "2\n"


def test_content_is_written_to_a_file_as_it_is(shell: Shell) -> None:
    shell("run", "good.yaml", "--var", "text=\u001b[31mred", "-q")
    said = shell("artifacts", "show", "b", "-o", "out.txt")
    assert (said.code, said.out) == (0, "")
    assert (shell.folder / "out.txt").read_text() == "\u001b[31mred"
    said = shell("artifacts", "show", "b", "-o", "no/such/folder/out.txt")
    assert said.code == 2
    assert "cannot write 'no/such/folder/out.txt'" in said.err


def test_a_damaged_artifact_is_named_and_the_rest_is_shown(shell: Shell) -> None:
    shell.write("big.py", "def make(): return 'x' * 200_000")
    shell.write(
        "big.yaml",
        """
        nodes: {a: {agent: "local://big.make"}, b: {agent: "local://steps.give", inputs: {value: 1}}}
        """,
    )
    shell("run", "big.yaml", "-q")
    (file,) = (shell.folder / ".binex" / "artifacts").glob("*/*~a~output.json")
    file.write_bytes(file.read_bytes()[:1000])
    for command in (["artifacts", "list"], ["debug"]):
        said = shell(*command)
        assert said.code == 4
        assert "a.output" in said.out
        assert "b" in said.out
    said = shell("artifacts", "show", "a")
    assert said.code == 4
    assert said.err.startswith("Error: ")
    assert shell("artifacts", "show", "b").code == 0
    assert len(shell("artifacts", "list", "--json").json()["damage"]) == 1


@pytest.mark.parametrize("text", ["..", "*", "", "x" * 5000, "1\u0000", "nothing", "latest~9", "../../etc"])
@pytest.mark.parametrize("command", [["trace"], ["debug"], ["artifacts", "list"], ["resume"], ["cancel"]])
def test_an_odd_run_is_bad_input(two_runs: Shell, command: list[str], text: str) -> None:
    said = two_runs(*command, text)
    assert said.code == 2
    assert said.err.startswith("Error: no run '")
    assert "\u0000" not in said.err
    assert said.out == ""


@pytest.mark.parametrize("text", ["..", "*", "", "x" * 5000, "1\u0000~a~b", "~", "nothing", "a.nothing", "a[7]"])
def test_an_odd_artifact_is_bad_input(two_runs: Shell, text: str) -> None:
    said = two_runs("artifacts", "show", text)
    assert said.code == 2
    assert said.err.startswith("Error: no artifact '")


@pytest.mark.parametrize("command", [["runs"], ["trace"], ["debug"], ["artifacts", "list"], ["artifacts", "show", "a"]])
def test_a_folder_without_runs_is_left_as_it_is(shell: Shell, command: list[str]) -> None:
    said = shell(*command)
    assert said.code == 2
    assert "nothing has been run here" in said.err
    assert "  fix: " in said.err
    assert not (shell.folder / ".binex").exists()


def test_the_folder_is_found_upwards_and_by_its_name(two_runs: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ids(two_runs)
    below = two_runs.folder / "some" / "where"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert ids(two_runs) == expected
    monkeypatch.chdir("/")
    monkeypatch.setenv("BINEX_DIR", str(two_runs.folder / ".binex"))
    assert ids(two_runs) == expected


def test_agents_text_is_shown_with_escapes_by_every_command(shell: Shell) -> None:
    evil = "\\u001b]0;owned\\u0007\\u009b5m\\u202e[red]"
    shell.write("evil.py", f'def boom(v): raise ValueError("{evil}")')
    shell.write(
        "evil.yaml",
        f"""
        name: "name {evil}"
        inputs: {{x: {{default: "{evil}"}}}}
        nodes:
          a: {{agent: "local://steps.give", inputs: {{value: "${{user.x}}"}}}}
          b: {{agent: "local://evil.boom", inputs: {{v: 1}}}}
        """,
    )
    said = [shell("run", "evil.yaml"), shell("resume")]
    said += [shell(*c) for c in (["runs"], ["trace"], ["debug"], ["artifacts", "list"], ["artifacts", "show", "a"])]
    said += [shell(*c, "--json") for c in (["runs"], ["trace"], ["debug"], ["artifacts", "list"])]
    said.append(shell("runs", "--workflow", "\u001b[31m"))
    said.append(shell("trace", "name \u001b]0;owned"))
    for one in said:
        assert not set("\u001b\u0007\u009b\u202e") & set(one.out + one.err)
    assert "\\x1b]0;owned\\x07\\x9b5m\\u202e[red]" in said[4].out


def test_good_files_are_validated_together(shell: Shell) -> None:
    said = shell("validate", "good.yaml", "bad.yaml")
    assert (said.code, said.err) == (0, "")
    assert said.out == "✓ good.yaml: good, 2 nodes\n✓ bad.yaml: bad, 3 nodes\n"
    assert not (shell.folder / ".binex").exists()


def test_every_file_is_validated_though_one_is_faulty(shell: Shell) -> None:
    shell.write("faulty.yaml", "nodes:\n  a: {agnt: 1}\n")
    said = shell("validate", "faulty.yaml", "missing.yaml", "good.yaml")
    assert said.code == 2
    assert said.out == "✓ good.yaml: good, 2 nodes\n"
    assert "Error: faulty.yaml:2:" in said.err
    assert "missing.yaml" in said.err
    found = shell("validate", "faulty.yaml", "good.yaml", "--json")
    assert found.code == 2
    faulty, good = found.json()["files"]
    assert not faulty["is_usable"]
    assert faulty["faults"][0]["line"] == 2
    assert (good["is_usable"], good["node_count"]) == (True, 2)


def test_a_literal_key_is_a_warning(shell: Shell) -> None:
    key = "sk-proj-" + "Ab3dEf6hIj" * 4
    shell.write("key.yaml", f'nodes: {{a: {{agent: "local://echo", inputs: {{key: "{key}"}}}}}}')
    said = shell("validate", "key.yaml")
    assert said.code == 0
    assert said.err.startswith("Warning: key.yaml:1:")
    assert key not in said.err + said.out


def test_validating_runs_nothing(shell: Shell) -> None:
    shell.write("danger.py", 'open("ran", "w")\ndef go(): pass\n')
    shell.write("danger.yaml", 'nodes: {a: {agent: "local://danger.go"}}')
    assert shell("validate", "danger.yaml").code == 0
    assert not Path("ran").exists()


def test_the_schema_is_one(shell: Shell) -> None:
    schema = shell("schema").json()
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "nodes" in schema["properties"]
