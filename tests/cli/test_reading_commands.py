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
    assert said.out.index("Failed: 'b' failed (ValueError at steps.py:6) and blocked 1 more.") < said.out.index(
        "What went wrong"
    )
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
    after = told.index("✗ none  failed  local://steps.give")
    assert "before it could start" in told[after : after + 4]


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
    assert found["verdict"] == "Failed: 'b' failed (ValueError at steps.py:6) and blocked 1 more."
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


KIN = """
name: kin
inputs: {topic: {default: tides}, n: {type: array, default: [1, 2, 3]}}
nodes:
  plan: {agent: local://steps.give, inputs: {value: "${user.topic}"}}
  think:
    agent: llm://mock/a
    inputs: {plan: "${plan.output}"}
    config: {answers: [{text: hi, price: 0.25}]}
  each: {foreach: "${user.n}", agent: local://steps.give, inputs: {value: "${item}"}}
  broken: {agent: local://steps.fail, inputs: {value: "${each.output}"}}
  after: {agent: local://steps.give, inputs: {value: "${broken.output}"}}
  end: {agent: local://steps.give, inputs: {value: "${think.output}"}}
"""


@pytest.fixture
def family(shell: Shell) -> Shell:
    """A run, its replay, a fork of it, and a fork of the fork; oldest first."""
    shell.write("kin.yaml", KIN)
    assert shell("run", "kin.yaml", "-q").code == 1
    assert shell("replay", "latest", "-q").code == 0
    assert shell("replay", "latest~1", "--edit", "plan.output=by hand", "-q").code == 1
    assert shell("replay", "latest", "--var", "n=[1, 2, 9]", "-q").code == 1
    return shell


def test_runs_are_shown_as_a_family(family: Shell) -> None:
    fork_of_fork, fork, replay, run = ids(family)
    lines = family("runs", "--tree").out.splitlines()
    assert lines[0].split() == ["RUN", "WHAT", "STATUS", "TASKS", "TOOK", "STARTED"]
    assert [line.partition("✗")[0].rstrip() for line in lines[1:]] == [
        f"{run}        kin",
        f"├─ {replay}     replay",
        f"└─ {fork}     edited plan.output",
        f"   └─ {fork_of_fork}  --var n",
    ]
    assert family("runs", "--tree", fork).out.splitlines()[1].startswith(run)
    (found,) = family("runs", "--tree", "--json").json()["families"]
    assert [(one["run"]["id"], one["depth"], one["change"]) for one in found["runs"]] == [
        (run, 0, ""),
        (replay, 1, "replay"),
        (fork, 1, "edited plan.output"),
        (fork_of_fork, 2, "--var n"),
    ]
    assert found["runs"][1]["run"]["origin"]["parent"] == run
    flat = family("runs").out.splitlines()
    assert flat[0].split()[-2:] == ["MADE", "FROM"]
    assert flat[3].endswith(f"replay of {run}")


def test_families_are_paged_and_picked(family: Shell) -> None:
    family("run", "good.yaml", "-q")
    first, second = (family("runs", "--tree", "-n", "2", "--page", page).out for page in "12")
    assert len(first.splitlines()) == 3
    assert "--page 2" in first
    assert len(second.splitlines()) == 5
    assert family("runs", "--tree", "-n", "2", "--page", "3").out == "no more runs\n"
    assert len(family("runs", "--tree", "--workflow", "good").out.splitlines()) == 2
    assert family("runs", "--tree", "--status", "waiting").out == "no runs\n"


@pytest.mark.parametrize("arguments", [["latest"], ["latest", "--tree", "--page", "2"], ["nothing", "--tree"]])
def test_a_list_of_one_run_is_bad_input(family: Shell, arguments: list[str]) -> None:
    said = family("runs", *arguments)
    assert said.code == 2
    assert said.err.startswith("Error: ")
    assert "  fix: " in said.err


@pytest.mark.parametrize("command", [["trace"], ["debug"], ["artifacts", "list"], ["cost"], ["calls", "list"]])
def test_every_view_of_a_run_says_what_it_was_made_from(family: Shell, command: list[str]) -> None:
    _, fork, replay, run = ids(family)
    for made, said in ((replay, f"  a replay of run {run}"), (fork, f"  a fork of run {run}: edited plan.output")):
        assert family(*command, made).out.splitlines()[1] == said
        assert family(*command, made, "--json").json()["run"]["origin"]["parent"] == run


def test_a_trace_says_what_was_taken_over(family: Shell) -> None:
    fork_of_fork, fork, _, run = ids(family)
    lines = [line.strip() for line in family("trace").out.splitlines()]
    assert "6 completed" not in lines[2]
    assert lines[2].endswith("; 5 of them taken over")
    assert f"✓ plan      edited, taken over from run {run}" in lines
    assert f"✓ think     taken over from run {fork}" in lines
    assert f"2 of 3 items taken over from run {run}" in lines
    assert f"taken over from run {run}" in family("trace", "--items").out
    assert fork_of_fork in lines[0]


def test_debug_says_that_a_failure_was_taken_over(family: Shell) -> None:
    _, fork, _, run = ids(family)
    text = family("debug", fork).out
    assert f", taken over from run {run}) and blocked 1 more." in text
    assert f"attempt 1 in run {run}: only how it ended was taken over" in text
    assert "before it could start" not in text
    assert f"binex replay {fork} --from broken" in text


def test_what_was_left_out_is_said_in_words(family: Shell) -> None:
    family("replay", "latest~3", "--only", "think", "-q")
    for command in ("trace", "debug"):
        assert "left out: the fork was to execute another task alone" in family(command).out


def test_artifacts_that_were_taken_over_are_listed_and_shown(family: Shell) -> None:
    fork_of_fork, fork, _, run = ids(family)
    rows = {
        line.split()[0]: line for line in family("artifacts", "list", "--items").out.splitlines() if ".output" in line
    }
    assert rows["plan.output"].endswith(f"edited in run {fork}")
    assert rows["think.output"].endswith(f"from run {fork}")
    assert rows["each[0].output"].endswith(f"from run {run}")
    assert rows["each[2].output"].split()[-1] != run
    assert family("artifacts", "show", "plan").out == "by hand\n"
    assert family("artifacts", "show", fork_of_fork, "each").out.split() == ["[", "1,", "2,", "9", "]"]
    assert family("artifacts", "show", "think", "--json").json()["run_id"] == fork
    assert family("artifacts", "list", fork).out.count("  edited") == 1


def test_what_was_replayed_or_taken_over_costs_nothing(family: Shell) -> None:
    _, fork, replay, run = ids(family)
    assert "no calls of models" in family("cost").out
    assert f"$0.25 for 1 model call\nwhat was taken over has its cost in run {run}\n" in family("cost", fork).out
    assert "$0 for 1 model call, replayed" in family("cost", replay).out
    (line,) = [line for line in family("calls", "list", replay).out.splitlines() if line.startswith("think:1.1")]
    assert line.split()[-2:] == ["replayed", "ok"]
    said = family("calls", "list", "--task", "think")
    assert said.code == 2
    assert f"binex calls list {fork} --task think" in said.err
