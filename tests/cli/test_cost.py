"""``binex cost``: what is printed about money."""

import asyncio
import re
import shlex
from pathlib import Path
from typing import Any

import pytest

from binex.models.call import Call, CallKind, Usage
from binex.models.task import now
from binex.stores.backends.sqlite import open_sqlite_store
from tests.cli.conftest import Shell

FLOW = """
name: paid
budget: {max_cost: 1.00, policy: warn}
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}, budget: 0.25}
  b: {agent: local://steps.give, inputs: {value: 2}}
"""


@pytest.fixture
def paid(shell: Shell) -> Shell:
    """A folder with a run whose nodes have no models, and calls that were put beside it."""
    shell.write("paid.yaml", FLOW)
    assert shell("run", "paid.yaml", "-q").code == 0
    return shell


def keep(shell: Shell, *calls: tuple[str, str, float | None]) -> None:
    run_id = shell("runs", "--json").json()["runs"][0]["id"]

    async def write() -> None:
        async with open_sqlite_store(shell.folder / ".binex") as store:
            for number, (task, model, cost) in enumerate(calls, start=1):
                values: dict[str, Any] = {"cost_usd": cost, "priced_by": "" if cost is None else "prices 1"}
                used = Usage(input_tokens=1200, output_tokens=30)
                store.keep_call(
                    Call(
                        run_id=run_id,
                        task=task,
                        attempt=1,
                        number=number,
                        kind=CallKind.MODEL,
                        target=model,
                        started_at=now(),
                        usage=used,
                        **values,
                    ),
                    (),
                )
            await store.flush()

    asyncio.run(write())


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_the_cost_is_shown_by_node_and_by_model(paid: Shell) -> None:
    keep(paid, ("a", "openai/gpt-4o", 0.3), ("b", "openai/gpt-4o", 0.125), ("b", "mock/m", 0.0))
    said = paid("cost")
    assert said.code == 0
    assert said.out.startswith("✓ paid ")
    lines = rows(said.out)
    assert ["NODE", "CALLS", "IN", "CACHED", "OUT", "REASONING", "COST"] in lines
    assert ["a", "1", "1,200", "·", "30", "·", "$0.30"] in lines
    assert ["b", "2", "2,400", "·", "60", "·", "$0.125"] in lines
    assert ["openai/gpt-4o", "2", "2,400", "·", "60", "·", "$0.425"] in lines
    assert ["mock/m", "1", "1,200", "·", "30", "·", "$0"] in lines
    assert "$0.425 for 3 model calls" in said.out
    assert "budget of the run: $1.00, $0.575 left (policy: warn)" in said.out
    assert "budget of a: $0.25, exceeded by $0.05 (policy: stop)" in said.out
    assert said.out.endswith("prices: prices 1\n")


def test_what_is_unknown_is_called_unknown_and_never_nothing(paid: Shell) -> None:
    keep(paid, ("a", "own/x", None), ("b", "openai/gpt-4o", 0.125))
    lines = rows(paid("cost").out)
    assert ["own/x", "1", "1,200", "·", "30", "·", "unknown"] in lines
    assert any(line[:3] == ["at", "least", "$0.125"] for line in lines)


def test_all_of_it_is_there_as_json(paid: Shell) -> None:
    keep(paid, ("a", "openai/gpt-4o", 0.3), ("a", "own/x", None))
    found = paid("cost", "latest", "--json").json()
    assert found["total"]["cost_usd"] == 0.3
    assert found["total"]["unpriced_calls"] == 1
    assert found["budget"] == {"max_cost": 1.0, "policy": "warn", "left": 0.7}
    assert [one["model"] for one in found["models"]] == ["openai/gpt-4o", "own/x"]


def test_a_run_without_models_says_so(paid: Shell) -> None:
    assert "no calls of models" in paid("cost").out


def test_an_unknown_run_is_bad_input(paid: Shell) -> None:
    said = paid("cost", "nothing-like-it")
    assert said.code == 2
    assert "no run" in said.err


def test_the_example_of_the_page_about_cost_does_what_the_page_says(shell: Shell) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "cost.md").read_text("utf-8")
    for name, text in re.findall(r'^```\w+ title="(\S+)"\n(.*?)^```$', page, re.M | re.S):
        shell.write(name, text)
    (shell.folder / ".binex").mkdir()
    run, cost, answer, resume, after, stats = (
        shlex.split(line)
        for line in re.findall(r"^\$ binex (.*)$", page, re.M)
        if "reviews.yaml" not in line or "run" in line
    )
    assert shell(*run).code == 75
    assert "$0.0144 for 2 model calls" in shell(*cost).out
    assert shell(*answer).code == 0
    assert shell(*resume).code == 0
    lines = rows(shell(*after).out)
    assert ["mock/large", "2", "800", "·", "160", "·", "$0.0144"] in lines
    assert ["mock/small", "3", "1,200", "·", "240", "·", "$0.00216"] in lines
    spent = shell(*stats).out
    assert re.search(r"mock/large.*\$0\.0144", spent), spent
    assert shell("run", "reviews.yaml", "-q").code == 0
    assert shell("cost", "--json").json()["total"]["cost_usd"] == pytest.approx(0.036)


MANY = """
name: many
budget: 1.00
nodes:
  list: {agent: local://steps.give, inputs: {value: [%s]}}
  ask:
    foreach: "${list.output}"
    agent: llm://mock/m
    inputs: {v: "${item}"}
    config: {answers: [{text: yes, price: 0.10}]}
concurrency: 50
"""


def test_why_a_refused_request_costs_nothing_reads_as_a_price(shell: Shell) -> None:
    answers = "[{error: {status: 503}}, {text: hi}]"
    shell.write(
        "busy.yaml",
        f"nodes: {{a: {{agent: llm://mock/a, inputs: {{x: 1}}, retry_policy: {{max_retries: 1, delay_ms: 1}}, "
        f"config: {{answers: {answers}}}}}}}",
    )
    assert shell("run", "busy.yaml", "-q").code == 0
    assert "prices: llm://mock is free; unanswered requests are free" in shell("cost").out


@pytest.mark.parametrize("amount", ["nan", "inf", "-1", "much"])
@pytest.mark.parametrize("command", [("run", "paid.yaml"), ("resume",)])
def test_what_is_no_amount_of_money_is_refused_before_anything_runs(
    paid: Shell, command: tuple[str, ...], amount: str
) -> None:
    said = paid(*command, "--budget", amount)
    assert said.code == 2
    assert "--budget" in said.err
    assert amount in said.err


def test_fifty_calls_at_once_cost_no_more_than_the_budget_and_a_larger_one_does_the_rest(shell: Shell) -> None:
    shell.write("many.yaml", MANY % ", ".join(map(str, range(50))))
    assert shell("run", "many.yaml", "-q").code == 1
    (run,) = shell("runs", "--json").json()["runs"]
    assert run["status"] == "over_budget"
    found = shell("cost", "--json").json()
    assert (found["total"]["model_calls"], found["total"]["cost_usd"]) == (10, pytest.approx(1.0))
    assert shell("resume", "latest", "--budget", "10", "-q").code == 0
    found = shell("cost", "--json").json()
    assert (found["total"]["model_calls"], found["total"]["cost_usd"]) == (50, pytest.approx(5.0))
    assert found["budget"]["left"] == pytest.approx(5.0)


def test_a_node_that_is_over_its_budget_fails_and_the_run_goes_on(shell: Shell) -> None:
    text = MANY.replace("budget: 1.00", "") % "1, 2, 3"
    shell.write("few.yaml", text.replace("agent: llm", "budget: 0.25\n    agent: llm"))
    shell("run", "few.yaml", "-q")
    (run,) = shell("runs", "--json").json()["runs"]
    assert (run["status"], run["counts"]["failed"]) == ("completed", 1)  # a failed item leaves a null
    assert '"budget"' in shell("debug", "--json").out
    found = shell("cost", "--json").json()
    assert (found["total"]["model_calls"], found["nodes"][0]["budget"]["left"]) == (2, pytest.approx(0.05))
