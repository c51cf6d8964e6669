"""``binex run --plan``: what a run would do, without one."""

import pytest

from tests.cli.conftest import Shell

PAID = """
name: paid
budget: 2
inputs: {topic: {type: string}, depth: {type: integer, default: 3}}
nodes:
  late: {agent: local://echo, when: "${ask.output} == yes", inputs: {said: "${ask.output}"}}
  ask:
    agent: llm://mock/a
    system_prompt: Say ${user.topic}.
    config: {answers: [{text: yes, price: 0.10}]}
  each: {agent: "llm://openai/gpt-4o", system_prompt: Go., foreach: "${list.output}", inputs: {one: "${item}"}}
  list: {agent: local://echo, inputs: {value: "${user.depth}"}}
"""
UNTOLD = """
name: untold
nodes:
  a: {agent: "local://steps.give", inputs: {value: "${env.BINEX_TEST_NOT_SET}"}}
"""


@pytest.fixture(autouse=True)
def without_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "BINEX_TEST_NOT_SET"):
        monkeypatch.delenv(name, raising=False)


def test_nodes_stand_in_the_waves_in_which_they_can_begin_and_no_store_is_made(shell: Shell) -> None:
    shell.write("paid.yaml", PAID)
    found = shell("run", "paid.yaml", "--plan", "--var", "topic=tides", "--json").json()
    assert [(node["wave"], node["node"], node["after"]) for node in found["nodes"]] == [
        (1, "ask", []),
        (1, "list", []),
        (2, "late", ["ask"]),
        (2, "each", ["list"]),
    ]
    assert [node["cost_usd"] for node in found["nodes"]] == [0.0, 0.0, 0.0, None]
    assert (found["waves"], found["unpriced"], found["budget"]["max_cost"]) == (2, ["each"], 2.0)
    assert found["nodes"][2]["when"] == "${ask.output} == yes"
    assert found["nodes"][3]["foreach"] == "${list.output}"
    assert "per million tokens" in found["nodes"][3]["price"]
    assert not (shell.folder / ".binex").exists()


def test_all_that_is_missing_is_named_at_once_and_the_exit_code_says_so(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell.write("paid.yaml", PAID)
    said = shell("run", "paid.yaml", "--plan")
    assert said.code == 2
    assert "2 things missing" in said.out
    assert "variable 'topic' has no value" in said.out
    assert "OPENAI_API_KEY is not in the environment, for llm://openai/gpt-4o" in said.out
    shell.write("untold.yaml", UNTOLD)
    said = shell("run", "untold.yaml", "--plan")
    assert said.code == 2
    assert "export BINEX_TEST_NOT_SET=..." in said.out
    monkeypatch.setenv("BINEX_TEST_NOT_SET", "s3cret-value")
    said = shell("run", "untold.yaml", "--plan")
    assert (said.code, "s3cret" in said.out) == (0, False)


def test_what_nodes_cost_before_is_what_they_will_probably_cost(shell: Shell) -> None:
    text = PAID.replace("llm://openai/gpt-4o", "local://echo").replace('value: "${user.depth}"', "value: [1, 2]")
    shell.write("paid.yaml", text)
    for _ in range(2):
        assert shell("run", "paid.yaml", "--var", "topic=tides").code == 0
    before = shell("runs", "--json").json()
    found = shell("run", "paid.yaml", "--plan", "--var", "topic=tides", "--json").json()
    costs = {node["node"]: (node["cost_usd"], node["tasks"]) for node in found["nodes"]}
    assert costs["ask"] == (pytest.approx(0.10), 1)
    assert costs["each"][1] in (2, 3)  # the items, and what holds them
    assert found["probable_cost_usd"] == pytest.approx(0.10)
    assert len(found["known_from"]) == 2
    assert (
        "will probably cost $0.10, going by the 2 runs before"
        in shell("run", "paid.yaml", "--plan", "--var", "topic=x").out
    )
    assert shell("runs", "--json").json() == before


def test_a_variable_of_another_type_and_a_file_that_is_no_workflow_are_refused_as_by_a_run(shell: Shell) -> None:
    shell.write("paid.yaml", PAID)
    said = shell("run", "paid.yaml", "--plan", "--var", "depth=deep")
    assert (said.code, said.out) == (2, "")
    assert "must be a whole number" in said.err
    shell.write("none.yaml", "nodes: {a: {agnt: x}}")
    said = shell("run", "none.yaml", "--plan")
    assert (said.code, said.out) == (2, "")
