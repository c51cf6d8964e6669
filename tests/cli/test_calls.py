"""``binex calls``, and what models say while they say it."""

import pytest

from tests.cli.conftest import Shell

FLOW = """
nodes:
  ask:
    agent: llm://mock/teller
    inputs: {question: "How many tides?"}
    config:
      answers: [{text: "two a day\\nor one", price: 0.25, usage: {input_tokens: 10, output_tokens: 3}}]
  hold:
    agent: local://echo
    inputs: {said: "${ask.output}"}
"""


@pytest.fixture
def done(shell: Shell) -> Shell:
    shell.write("flow.yaml", FLOW)
    assert shell("run", "flow.yaml", "-q").code == 0
    return shell


def test_the_list_has_a_line_for_each_call(done: Shell) -> None:
    said = done("calls", "list")
    assert said.code == 0
    (line,) = [line for line in said.out.splitlines() if line.startswith("ask:1.1")]
    assert line.split()[:3] == ["ask:1.1", "model", "mock/teller"]
    assert "10/3" in line
    assert "$0.25" in line


def test_a_call_is_shown_word_for_word(done: Shell) -> None:
    said = done("calls", "show", "ask")
    assert "How many tides?" in said.out
    assert said.out.endswith("two a day\nor one\n")
    assert done("calls", "show", "latest", "ask:1.1").out == said.out


def test_the_list_and_a_call_as_json(done: Shell) -> None:
    (call,) = done("calls", "list", "--json").json()["calls"]
    assert call["cost_usd"] == 0.25
    shown = done("calls", "show", "ask", "--json").json()
    assert shown["request"]["value"]["messages"][-1]["content"].endswith("How many tides?")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("calls", "show", "aks"), "did you mean 'ask'?"),
        (("calls", "show", "ask:1.7"), "name one of them: ask:1.1"),
        (("calls", "show", ""), "no calls of a task ''"),
        (("calls", "list", "--task", "hold"), "tasks with calls: ask"),
        (("calls", "show", "a", "b", "c"), "too many arguments"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(done: Shell, arguments: tuple[str, ...], message: str) -> None:
    said = done(*arguments)
    assert said.code == 2
    assert message in said.err


def test_a_run_without_calls_says_so(shell: Shell) -> None:
    shell.write("flow.yaml", "nodes: {a: {agent: 'local://echo', inputs: {x: 1}}}")
    shell("run", "flow.yaml", "-q")
    assert "no calls" in shell("calls", "list").out


def test_with_stream_every_line_that_a_model_says_is_shown_with_the_name_of_its_task(done: Shell) -> None:
    said = done("run", "flow.yaml", "--stream")
    assert "ask | two a day\nask | or one\n" in said.err
    assert "ask |" not in said.out
    assert "ask |" not in done("run", "flow.yaml").err


def test_a_run_says_in_the_end_what_it_cost(done: Shell) -> None:
    assert "$0.25 for 1 model call" in done("run", "flow.yaml").err


def test_what_a_model_says_cannot_command_the_terminal(shell: Shell) -> None:
    flow = 'nodes: {ask: {agent: "llm://mock/x", inputs: {q: 1}, config: {answers: [{text: "\\e[31mred\\a"}]}}}'
    shell.write("flow.yaml", flow)
    said = shell("run", "flow.yaml", "--stream")
    shown = shell("calls", "show", "ask")
    assert "\x1b" not in said.err + said.out + shown.out
    assert "\\x1b[31mred" in said.err
