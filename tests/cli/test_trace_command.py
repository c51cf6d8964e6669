"""``binex trace`` and ``binex debug`` with everything that can be asked of them."""

import re
import shlex
import sqlite3
from contextlib import closing

import pytest

from binex.cli.render.text import width_of
from tests.cli.conftest import Shell
from tests.cli.terminals import on_a_terminal

FAULTS = """
name: faults
nodes:
  list: {agent: local://steps.give, inputs: {value: [1, 2, 3]}}
  each: {foreach: "${list}", agent: local://steps.fail, inputs: {value: "${item}"}, retry_policy: {max_retries: 0}}
  ask:
    agent: llm://mock/a
    system_prompt: Be brief
    inputs: {q: "${list}"}
    config: {answers: [{text: "a rather long answer to a question that nobody asked", price: 0.5,
                        usage: {input_tokens: 1234, output_tokens: 5}}]}
  limited:
    agent: llm://mock/a
    inputs: {q: hi}
    retry_policy: {max_retries: 1, delay_ms: 400}
    config: {answers: [{error: {status: 429, body: slow down}}]}
  after: {agent: local://steps.give, inputs: {value: "${limited}"}}
"""


@pytest.fixture
def faults(shell: Shell) -> Shell:
    shell.write("faults.yaml", FAULTS)
    assert shell("run", "faults.yaml", "-q").code == 1
    return shell


VIEWS = [
    ["trace"],
    ["trace", "--items"],
    ["trace", "--calls"],
    ["trace", "--critical-path"],
    ["trace", "--graph"],
    ["trace", "--node", "ask"],
    ["trace", "--node", "each"],
    ["trace", "--node", "each[1]"],
    ["trace", "--node", "after"],
    ["debug"],
    ["debug", "--errors"],
    ["debug", "--node", "limited"],
]


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
@pytest.mark.parametrize("width", [80, 40])
def test_every_view_is_readable_at_any_width(
    faults: Shell, view: list[str], width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    command, *options = view
    said = faults(command, "latest", *options)
    assert (said.code, said.err) == (0, "")
    assert "faults" in said.out
    assert "\x1b" not in said.out


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_has_its_model_as_json(faults: Shell, view: list[str]) -> None:
    command, *options = view
    found = faults(command, *options, "--json").json()
    assert (found.get("run") or found["trace"]["run"])["workflow"] == "faults"


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_every_view_works_in_an_old_terminal(faults: Shell, view: list[str]) -> None:
    command, *options = view
    said = faults.process(command, *options, env={"LC_ALL": "C", "PYTHONIOENCODING": "ascii", "COLUMNS": "40"})
    assert (said.code, said.err) == (0, "")
    said.out.encode("ascii")


@pytest.mark.parametrize(
    "options",
    [
        ("--node", "ask", "--calls"),
        ("--graph", "--critical-path"),
        ("--follow", "--node", "ask"),
        ("--items", "--graph"),
        ("--unfold",),
    ],
)
def test_what_excludes_each_other_is_bad_usage(faults: Shell, options: tuple[str, ...]) -> None:
    said = faults("trace", *options)
    assert (said.code, said.out) == (2, "")
    assert "Traceback" not in said.err
    assert options[0] in said.err


def test_errors_and_node_exclude_each_other(faults: Shell) -> None:
    assert faults("debug", "--errors", "--node", "ask").code == 2


@pytest.mark.parametrize("command", ["trace", "debug"])
@pytest.mark.parametrize("task", ["asc", "each[99]", "", "../x", "\x1b[31m", "a" * 5000])
def test_an_unknown_task_is_bad_input_and_the_nearest_is_told(faults: Shell, command: str, task: str) -> None:
    said = faults(command, "--node", task)
    assert (said.code, said.out) == (2, "")
    assert "\x1b" not in said.err
    assert len(said.err) < 2000
    assert "tasks: " in said.err


def test_a_timeline_shows_retries_and_says_what_the_sign_means(faults: Shell) -> None:
    text = faults("trace").out
    assert "┈" in text
    assert "pause before a retry" in text


def test_calls_stand_under_their_task_with_tokens_and_cost(faults: Shell) -> None:
    lines = faults("trace", "--calls").out.splitlines()
    at = next(i for i, line in enumerate(lines) if "✓ ask" in line)
    assert "model 1.1" in lines[at + 1]
    assert re.search(r"mock/a, at \d+ ms, 1,234/5 tokens, \$0\.50", lines[at + 2])


def test_the_critical_path_names_its_parts_and_what_to_speed_up(faults: Shell) -> None:
    said = faults("trace", "--critical-path")
    assert "from start to end, made of" in said.out
    assert "limited" in said.out
    assert "What it would help to make faster" in said.out
    found = faults("trace", "--critical-path", "--json").json()
    parts = [link["parts"] for link in found["links"]] + [found["ending"]]
    assert sum(sum(one.values()) for one in parts) == pytest.approx(found["span_ms"])


def test_a_node_shows_what_it_was_given_and_what_was_said(faults: Shell) -> None:
    text = faults("trace", "--node", "ask").out
    for told in ("q = ${list}", "[1, 2, 3]", "Be brief", "system", "a rather long answer", "$0.50", "attempt 1"):
        assert told in text


def test_the_verdict_groups_what_is_alike_and_says_why(faults: Shell) -> None:
    verdict = faults("debug", "--json").json()["verdict"]
    assert "3 items of 'each' failed (ValueError at steps.py:" in verdict
    assert "'limited' failed (rate limited by mock) and blocked 1 more" in verdict


def test_errors_shows_every_failed_task_with_its_evidence_and_no_other(faults: Shell) -> None:
    text = faults("debug", "--errors").out
    assert [line for line in text.splitlines() if line.startswith("✗ each[")].__len__() == 3
    for told in ("rate limit  rate limited by mock", "mock said: slow down", "2 attempts in", "fix: ", "Traceback"):
        assert told in text
    assert "✓ ask" not in text
    tasks = faults("debug", "--errors", "--json").json()["tasks"]
    assert {task["failure"]["kind"] for task in tasks} == {"code", "items", "rate_limit"}


def test_errors_of_a_run_without_any_says_so(shell: Shell) -> None:
    assert shell("run", "good.yaml", "-q").code == 0
    said = shell("debug", "--errors")
    assert (said.code, said.out.splitlines()[-1]) == (0, "no task failed")


def test_errors_of_a_run_that_the_budget_stopped_names_the_task_and_the_way_on(shell: Shell) -> None:
    shell.write("steps.py", "def give(value): return value\n")
    shell.write(
        "dear.yaml",
        """
        budget: {max_cost: 1}
        nodes:
          a: {agent: llm://mock/a, inputs: {q: 1}, config: {answers: [{text: hi, price: 0.9}]}}
          b: {agent: llm://mock/a, inputs: {q: "${a}"}, config: {answers: [{text: hi, price: 0.9}]}}
        """,
    )
    assert shell("run", "dear.yaml", "-q").code == 1
    for view in (["debug"], ["debug", "--errors"]):
        found = shell(*view, "--json").json()
        assert "; 'b' failed (the budget of the run ($1.00) does not allow the next call)." in found["verdict"]
        assert [group["kind"] for group in found["causes"]] == ["budget"]
        text = shell(*view).out
        assert re.search(r"fix: go on with more: binex resume \w+ --budget AMOUNT", text)


def test_a_failed_task_whose_record_is_damaged_is_missed_and_the_calls_of_others_are_not_needed(faults: Shell) -> None:
    with closing(sqlite3.connect(faults.folder / ".binex" / "binex.db")) as connection, connection:
        connection.execute("UPDATE records SET doc = 'torn' WHERE task LIKE 'each%'")
        connection.execute("UPDATE calls SET doc = 'torn' WHERE task = 'limited'")
    said = faults("debug", "--errors")
    assert said.code == 4
    assert "4 of 8 cannot be read" in said.out
    assert "rate limit  rate limited by mock" in said.out
    named = said.err.splitlines()
    assert len(named) == len(set(named))  # each once, however many questions came upon it
    assert any("call 1 of attempt 1 at limited" in line for line in named)


@pytest.mark.parametrize("view", [["debug"], ["debug", "--errors"], ["debug", "--node", "limited"]], ids=" ".join)
def test_the_commands_that_are_told_work_where_they_are_typed(faults: Shell, view: list[str]) -> None:
    (faults.folder / ".binex").rename(faults.folder / "a store")
    text = faults(*view, "--dir", "a store").out
    (told,) = re.findall(r"word for word: binex (.*limited.*)", text)
    assert faults(*shlex.split(told)).code == 0
    for line in text.partition("Next\n")[2].splitlines():
        assert line.split("   ")[0].endswith("--dir 'a store'")


def test_a_run_that_cannot_be_read_is_damaged_and_not_unknown(faults: Shell) -> None:
    with closing(sqlite3.connect(faults.folder / ".binex" / "binex.db")) as connection, connection:
        connection.execute("UPDATE runs SET doc = 'torn'")
    for command in ("trace", "debug"):
        said = faults(command, "latest")
        assert (said.code, said.out) == (4, "")
        assert "its document is not JSON" in said.err
        assert "fix: binex doctor" in said.err


def test_debug_of_a_node_says_first_why_it_failed(faults: Shell) -> None:
    debug, trace = faults("debug", "--node", "limited").out, faults("trace", "--node", "limited").out
    assert debug.index("Why it failed") < debug.index("Attempts")
    assert trace.index("Why it failed") > trace.index("Attempts")


def test_what_agents_say_cannot_obey_the_terminal(shell: Shell) -> None:
    shell.write("steps.py", 'def fail(value): raise ValueError("\\x1b]0;owned\\x07 " + value)\n')
    shell.write("evil.yaml", 'nodes: {a: {agent: local://steps.fail, inputs: {value: "\\u001b[31mred\\u202e"}}}')
    assert shell("run", "evil.yaml", "-q").code == 1
    for view in (["trace"], ["trace", "--node", "a"], ["debug"], ["debug", "--errors"], ["debug", "--node", "a"]):
        said = shell(*view)
        assert not set("\x1b\x07\u202e") & set(said.out + said.err)
        assert "owned" in said.out


def test_damaged_pieces_are_named_and_the_rest_is_shown(shell: Shell) -> None:
    shell.write("steps.py", 'def blow(): return "x" * 100_000\n')
    shell.write(
        "big.yaml", 'nodes: {big: {agent: local://steps.blow}, next: {agent: local://echo, inputs: {v: "${big}"}}}'
    )
    assert shell("run", "big.yaml", "-q").code == 0
    run = shell("runs", "--json").json()["runs"][0]["id"]
    (shell.folder / ".binex" / "artifacts" / run / f"{run}~big~output.json").write_bytes(b"[9]")
    for view in (["trace", "--node", "next"], ["trace", "--node", "big"], ["debug"], ["debug", "--node", "big"]):
        said = shell(*view)
        assert said.code == 4
        assert "big.output" in said.out
        assert "Traceback" not in said.err
    node = shell("trace", "--node", "next")
    assert "can no longer be read" in node.out
    assert "xxxxx" in node.out  # what it made itself is there


@pytest.mark.parametrize("view", VIEWS, ids=" ".join)
def test_a_terminals_lines_are_no_wider_than_it(faults: Shell, view: list[str]) -> None:
    code, seen = on_a_terminal(faults, 40, *view, NO_COLOR="1")
    assert code == 0
    lines = [line for line in seen.splitlines() if not line.startswith("  binex ")]  # what is to be copied is whole
    assert [line for line in lines if width_of(line) > 40] == []
    assert len(lines) > 3


def test_a_run_that_has_ended_is_told_at_once(faults: Shell) -> None:
    said = faults("trace", "--follow")
    assert (said.code, said.out) == (1, "")
    assert "limited  failed" in said.err
    assert "each  has 3 items" in said.err
