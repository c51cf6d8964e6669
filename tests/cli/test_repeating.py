"""A node executed many times, as somebody sees it: groups, numbers, exit codes, and Ctrl-C in between."""

import json
import signal
import subprocess
import sys
from typing import Any

import pytest

from binex.analysis.repetition.likeness import Group, Standing
from binex.analysis.repetition.report import RepeatReport, Repetition, Spread, Spreads
from binex.analysis.repetition.samples import Sample
from binex.cli.fork_options import ForkOptions
from binex.cli.options import ExecutionOptions
from binex.cli.render.look import Look
from binex.cli.render.repeat import repeat_report
from binex.cli.repeating import RepeatOptions, repeat
from binex.errors import InputError
from binex.models.call import Spend
from binex.models.task import TaskStatus
from tests.cli.conftest import TIMEOUT_S, Said, Shell, environment

TELLER = """
name: teller
nodes:
  ask:
    agent: llm://mock/teller
    inputs: {question: Which city?}
    config: {answers: [{text: "Paris \\e[31mor not", price: 0.25}]}
  vary: {agent: local://vary.answer, inputs: {said: "${ask.output}"}}
  bad: {agent: local://steps.fail}
"""
VARY = """
import itertools, threading, time

numbers, lock = itertools.count(), threading.Lock()

def answer(said):
    with lock:
        number = next(numbers)
    if number % 5 == 4:
        raise ValueError(f"no luck {said}")
    return {"score": 5 - number % 2, "why": "it is so"}

def slow(said):
    with lock:
        number = next(numbers)
    time.sleep(0.01 if number < 4 else 0.5)
    return "slept"
"""
ITSELF = """
import sys
from binex.cli.fork_options import ForkOptions
from binex.cli.options import ExecutionOptions
from binex.cli.repeating import RepeatOptions, repeat

options = ExecutionOptions(None, "normal", (), False, False, False, None)
fork = ForkOptions(only="vary", agents=("vary=local://vary.slow",))
sys.exit(repeat("latest", fork, RepeatOptions(times=500, parallel=2), options))
"""


@pytest.fixture
def teller(shell: Shell, capsys: pytest.CaptureFixture[str]) -> Any:
    """Repeats a node of a run in which one node has failed."""
    shell.write("teller.yaml", TELLER)
    shell.write("vary.py", VARY)
    run_id = json.loads(shell("run", "teller.yaml", "--json").out)["run"]["id"]

    def call(only: str, times: int, *, as_json: bool = False, is_quiet: bool = False, **more: Any) -> Said:
        options = ExecutionOptions(
            directory=None,
            durability="normal",
            limits=(),
            is_quiet=is_quiet,
            as_json=as_json,
            is_streamed=more.pop("is_streamed", False),
            waits=None,
        )
        capsys.readouterr()
        code = repeat(run_id, ForkOptions(only=only), RepeatOptions(times, **more), options)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return call


def test_the_groups_and_the_numbers_go_to_stdout_and_the_progress_to_stderr(teller: Any) -> None:
    said = teller("vary", 10)
    assert said.code == 0, "what failed is a result too"
    head, *rest = said.out.splitlines()
    assert head.startswith("vary of run ")
    assert head.endswith(": 10 samples, in 2 groups")
    assert rest[0] == "✗ 2 did not complete"
    assert rest[1] == r"    2 x failed: ValueError: no luck Paris \x1b[31mor not"
    assert "as recorded" in said.out
    assert "LEAST" in said.out
    assert "what was recorded is no outlier" in said.out
    assert "10 repetitions of vary" in said.err
    assert "10 of 10  run " in said.err
    assert said.err.rstrip().endswith("✓ all 10 repetitions made")
    assert "\x1b" not in said.out + said.err


def test_the_cost_is_told_with_what_it_will_probably_be(teller: Any) -> None:
    said = teller("ask", 6)
    assert "6 repetitions of ask, probably for $1.50" in said.err
    assert "all 6 repetitions made; $1.50 for 6 model calls" in said.err
    (cost,) = [line.split() for line in said.out.splitlines() if line.startswith("cost")]
    assert cost == ["cost", *["$0.25"] * 5]


def test_quiet_says_only_the_result(teller: Any) -> None:
    said = teller("ask", 2, is_quiet=True)
    assert said.code == 0
    assert "2 samples" in said.out
    assert said.err == ""


def test_json_is_the_whole_report(teller: Any) -> None:
    said = teller("vary", 5, as_json=True, expect="${vary.output.score} >= 4")
    report = RepeatReport.model_validate_json(said.out)
    assert report.pass_rate is not None
    assert (report.pass_rate.passed, report.pass_rate.total) == (4, 5)
    assert (said.code, len(report.samples)) == (1, 5)


def test_an_expectation_passes_only_where_every_sample_does(teller: Any) -> None:
    said = teller("ask", 3, expect="'Paris' in ${ask.output}")
    assert said.code == 0
    assert "✓ 'Paris' in ${ask.output}: 3 of 3 samples pass, 100 % (95 % interval 44 % to 100 %)" in said.out
    said = teller("vary", 8, parallel=1, expect="${vary.output.score} == 5")
    assert said.code == 1
    assert "✗ ${vary.output.score} == 5: " in said.out
    assert "x ${vary.output.score} is 4" in said.out
    assert "x it is failed" in said.out


def test_where_no_sample_completes_nothing_was_found_out(teller: Any) -> None:
    said = teller("bad", 2)
    assert said.code == 1
    assert "bad of run" in said.out
    assert "2 x failed: ValueError: no luck" in said.out


def test_a_budget_that_ends_it_is_named(teller: Any) -> None:
    said = teller("ask", 5, max_cost=0.6)
    assert said.code == 1
    assert "2 of 5 repetitions made: the budget of $0.60 for all of them does not allow another one" in said.err
    assert "$0.50 for 2 model calls" in said.err


@pytest.mark.parametrize("expect", ["${vary.output.score", "${vry.output} == 1"])
def test_a_faulty_expectation_is_bad_input_before_anything_is_executed(teller: Any, expect: str) -> None:
    with pytest.raises(InputError, match="--expect") as refused:
        teller("vary", 3, expect=expect)
    assert refused.value.exit_code == 2


def test_what_several_models_say_at_a_time_is_not_streamed(teller: Any) -> None:
    with pytest.raises(InputError, match="--stream"):
        teller("ask", 3, is_streamed=True)


def sample(number: int, text: str, spend: Spend) -> Sample:
    return Sample(
        run_id=f"1fork{number}",
        task="ask",
        status=TaskStatus.COMPLETED,
        outputs={"output": text},
        sha256=text,
        spend=spend,
    )


def shown(samples: list[Sample], **fields: Any) -> str:
    spread = Spread(least=1, median=2.5, p90=3, most=4)
    report = RepeatReport(
        repetition=Repetition(parent="1parent", task="ask", times=len(samples), runs=()),
        samples=tuple(samples),
        groups=tuple(
            Group(samples=(one.run_id,), representative=one.run_id, variants=1, has_recorded=False) for one in samples
        ),
        spreads=Spreads(
            length=spread, latency_ms=spread, input_tokens=spread, output_tokens=spread, **fields.pop("spreads", {})
        ),
        total=Spend(),
        **fields,
    )
    return repeat_report(report, Look(width=80, is_terminal=True))


def test_unknown_costs_are_said_to_be_unknown() -> None:
    unknown = Spend(model_calls=1, unpriced_calls=1)
    partly = Spend(model_calls=2, unpriced_calls=1, cost_usd=0.5)
    said = shown([sample(1, "a", unknown)], recorded=sample(0, "a", partly), spreads={"unpriced": 1})
    (cost,) = [line.split() for line in said.splitlines() if line.startswith("cost")]
    assert cost == ["cost", *["unknown"] * 4, "at", "least", "$0.50"]
    known = Spread(least=0.25, median=0.25, p90=0.25, most=0.25)
    said = shown([sample(1, "a", unknown)], spreads={"unpriced": 3, "cost_usd": known})
    assert "the cost of 3 more samples is unknown" in said


def test_an_outlier_is_said_to_be_one() -> None:
    standing = Standing(is_outlier=True, similarity=0.125, threshold=0.5, share=0.0)
    said = shown([sample(1, "a", Spend())], recorded=sample(0, "b", Spend()), standing=standing)
    assert "✗ what was recorded is an outlier" in said
    assert "similarity to the samples: 0.12; 19 of 20 of them have 0.50 or more" in said


def test_many_groups_are_cut_and_fit_the_terminal() -> None:
    said = shown([sample(number, f"\x1b[2J {number} " + "words " * 100, Spend()) for number in range(30)])
    assert "and 18 groups with 18 samples: --json" in said
    assert all(len(line) <= 80 for line in said.splitlines())
    assert "\x1b" not in said


def test_ctrl_c_ends_what_runs_and_shows_what_there_is(teller: Any, shell: Shell) -> None:
    shell.write("itself.py", ITSELF)
    with subprocess.Popen(
        [sys.executable, "itself.py"],
        cwd=shell.folder,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        try:
            for line in process.stderr:
                if "4 of 500" in line:
                    break
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=TIMEOUT_S)
        finally:
            process.kill()
    assert process.returncode == 130, err
    assert "vary of run" in out
    assert "slept" in out
    assert "of 500 repetitions made: it was interrupted" in err
    runs = json.loads(shell("runs", "--json").out)
    assert "interrupted" in str(runs)
