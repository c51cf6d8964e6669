"""Replaying from the screen."""

from pathlib import Path

from binex.cli.explore_screen.diff_screen import DiffScreen
from binex.cli.explore_screen.execution_screen import ExecutionScreen
from binex.cli.explore_screen.run_screen import RunScreen
from binex.cli.explore_screen.task_tree import TaskTree
from binex.models.run import RunMode, RunStatus
from binex.runtime.session import open_session
from tests.cli.explore.conftest import Lab, Looker


async def choose(looker: Looker, task: str) -> None:
    """Highlight a task once it is there."""
    tree = looker.app.screen.query_one(TaskTree)
    await looker.until(lambda: task in tree.plain)
    tree.choose(task)
    await looker.until(lambda: tree.path == task)


async def test_a_task_is_replayed_after_its_plan_and_lands_in_the_difference(lab: Lab) -> None:
    run = await lab.run()
    async with lab.explore(run) as looker:
        await choose(looker, "count")
        await looker.press("r")
        await looker.sees("Replay from count", "is executed again", "reused", "will probably cost")
        await looker.press("enter")
        await looker.on(DiffScreen)
        await looker.sees("count", f"{run.id} →")
    assert Path("counted").read_text() == "xx"
    async with open_session(lab.store, read_only=True) as session:
        fork = (await session.store.list_runs(limit=1))[0]
    assert fork.origin is not None
    assert (fork.origin.parent, fork.origin.mode, fork.origin.fork_points) == (run.id, RunMode.FORK, ("count",))


async def test_nothing_is_executed_where_the_plan_is_declined(lab: Lab) -> None:
    run = await lab.run()
    async with lab.explore(run) as looker:
        await choose(looker, "count")
        await looker.press("r")
        await looker.sees("Replay from count")
        await looker.press("escape")
        await looker.on(RunScreen)
        assert looker.app.execution is None
    assert Path("counted").read_text() == "x"


async def test_a_replay_from_the_run_itself_says_what_to_choose(lab: Lab) -> None:
    run = await lab.run()
    async with lab.explore(run) as looker:
        await looker.press("r")
        await looker.sees("choose the task")


async def test_a_whole_run_is_replayed_from_its_tape_with_the_verdict(lab: Lab) -> None:
    run = await lab.run("bad.yaml")
    async with lab.explore() as looker:
        await looker.sees(run.id)
        await looker.press("R")
        await looker.on(ExecutionScreen)
        await looker.sees(f"of run {run.id} came out the same")
        await looker.press("y")
        await looker.sees(f"binex replay {run.id}")


async def test_what_cannot_be_executed_says_why(lab: Lab) -> None:
    run = await lab.run()
    lab.write("steps.py", "def give(value): return value\n")
    async with lab.explore(run) as looker:
        await choose(looker, "count")
        await looker.press("r")
        await looker.until(lambda: "Replay from" in looker.text or "steps" in looker.text)
        await looker.press("enter")
        await looker.sees("steps")


LONG = """
name: long
nodes:
  a: {agent: local://echo, inputs: {x: 1}}
  b: {agent: local://steps.wait, inputs: {value: "${a.output}"}}
"""
WAIT = """
import asyncio, pathlib

async def wait(value):
    if pathlib.Path("slow").exists():
        pathlib.Path("begun").touch()
        await asyncio.sleep(60)
    return value
"""


async def test_quitting_asks_first_and_then_interrupts_what_is_executed(lab: Lab) -> None:
    lab.write("long.yaml", LONG)
    lab.write("steps.py", WAIT)
    run = await lab.run("long.yaml")
    lab.write("slow", "")
    async with lab.explore(run) as looker:
        await choose(looker, "b")
        await looker.press("r")
        await looker.sees("Replay from b")
        await looker.press("enter")
        await looker.until(Path("begun").exists)
        await looker.press("escape")
        await looker.sees("is executed; x shows it")
        await looker.press("q")
        await looker.sees("is not at its end. It is interrupted")
        await looker.press("escape")
        assert looker.app.is_executing
        await looker.press("x")
        await looker.on(ExecutionScreen)
        await looker.press("ctrl+c")
        await looker.sees("Interrupt it and quit")
        await looker.press("enter")
        await looker.until(lambda: looker.app.return_value is not None)
        assert looker.app.return_value == 0
    Path("slow").unlink()
    async with open_session(lab.store) as session:
        fork = (await session.store.list_runs(limit=1))[0]
        assert fork.status is RunStatus.INTERRUPTED
        assert (await session.resume(fork.id)).status is RunStatus.COMPLETED
