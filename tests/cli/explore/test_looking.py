"""Looking at runs on the screen."""

import asyncio
import sqlite3

import pytest

from binex.cli.explore_screen.diff_screen import DiffScreen
from binex.cli.explore_screen.listing import Listing
from binex.cli.explore_screen.run_screen import RunScreen
from binex.cli.explore_screen.runs_screen import RunsScreen
from binex.cli.explore_screen.task_tree import TaskTree
from binex.runtime.session import open_session
from binex.stores.backends.sqlite import open_sqlite_store
from tests.cli.explore.conftest import Lab


async def test_runs_are_listed_newest_first_and_one_is_opened(lab: Lab) -> None:
    first, second = await lab.run(), await lab.run("bad.yaml")
    async with lab.explore() as looker:
        await looker.sees(first.id, second.id)
        assert looker.text.index(second.id) < looker.text.index(first.id)
        await looker.press("enter")
        await looker.on(RunScreen)
        await looker.sees("'broken' failed (ValueError", "blocked", "✗ broken", "○ after")


async def test_every_tab_answers_its_question(lab: Lab) -> None:
    run = await lab.run()
    async with lab.explore(run) as looker:
        await looker.sees("Completed.", 'topic = "tides"', f"binex artifacts list {run.id}")
        await looker.press("2")
        await looker.sees("━")
        await looker.press("3")
        await looker.sees("A line leads down")
        await looker.press("4")
        await looker.sees("Choose a task on the left")
        await looker.press("down", "down")
        await looker.sees("→ reply", "The moon pulls the water.")
        await looker.press("5")
        await looker.sees("think.output")
        await looker.press("6")
        await looker.sees("think:1.1", "request", "response")
        await looker.press("y")
        await looker.sees(f"binex calls show {run.id} think:1.1")


async def test_items_stand_under_their_foreach_and_lists_are_those_of_the_highlighted_task(lab: Lab) -> None:
    run = await lab.run("bad.yaml")
    async with lab.explore(run) as looker:
        await looker.sees("each (3)")
        tree = looker.app.screen.query_one(TaskTree)
        tree.choose("each")
        await looker.press("space")
        await looker.sees("each[2]")
        tree.choose("each[1]")
        await looker.press("5")
        await looker.sees("each[1].output", "2")
        assert "each[0].output" not in looker.text


async def test_two_marked_runs_are_compared_the_older_one_first(lab: Lab) -> None:
    old, new = await lab.run(topic="tides"), await lab.run(topic="bees")
    async with lab.explore() as looker:
        await looker.sees(old.id)
        await looker.press("space", "space", "d")
        await looker.on(DiffScreen)
        await looker.sees("variable 'topic' is different", f"{old.id} → {new.id}")
        await looker.press("f")
        await looker.sees("think  inputs")
        await looker.press("y")
        await looker.sees(f"binex diff {old.id} {new.id} --full")


async def test_a_text_is_searched_and_shown_where_it_was_found(lab: Lab) -> None:
    run = await lab.run()
    other = await lab.run("bad.yaml")
    async with lab.explore() as looker:
        await looker.sees(run.id, other.id)
        await looker.press("slash")
        await looker.fill("moon")
        await looker.press("enter")
        await looker.sees("The moon pulls the water", "think.output")
        assert other.id not in looker.text
        await looker.press("escape")
        await looker.sees(other.id)


@pytest.mark.parametrize(
    ("typed", "options"),
    [
        ("status:failed", "--status failed"),
        ("workflow:bad", "--workflow bad"),
        ("failed-at:broken", "--failed-at broken"),
    ],
)
async def test_a_filter_leaves_the_rest_out_and_its_command_can_be_copied(lab: Lab, typed: str, options: str) -> None:
    good, bad = await lab.run(), await lab.run("bad.yaml")
    async with lab.explore() as looker:
        await looker.sees(good.id, bad.id)
        await looker.press("slash")
        await looker.fill(typed)
        await looker.press("enter")
        await looker.until(lambda: good.id not in looker.text and bad.id in looker.text)
        await looker.press("y")
        await looker.sees(f"binex runs {options}")


async def test_a_filter_that_means_nothing_is_explained(lab: Lab) -> None:
    await lab.run()
    async with lab.explore() as looker:
        await looker.press("slash")
        await looker.fill("status:odd")
        await looker.press("enter")
        await looker.sees("'odd' is not one of")


async def test_runs_of_others_appear_by_themselves(lab: Lab) -> None:
    first = await lab.run()
    async with lab.explore() as looker:
        await looker.sees(first.id)
        second = await lab.run("bad.yaml")
        await looker.sees(second.id)
        assert looker.app.screen.query_one(Listing).key == first.id  # what was highlighted stays so


GATED = """
nodes:
  a: {agent: local://echo, inputs: {x: 1}}
  b: {agent: local://steps.wait, inputs: {value: "${a.output}"}}
"""
GATE = """
import asyncio, pathlib

async def wait(value):
    while not pathlib.Path("go").exists():
        await asyncio.sleep(0.01)
    return value
"""


async def test_a_run_that_goes_on_elsewhere_is_seen_to_its_end(lab: Lab) -> None:
    lab.write("steps.py", GATE)
    lab.write("gated.yaml", GATED)
    running = asyncio.create_task(lab.run("gated.yaml"))
    async with asyncio.timeout(20):
        while not lab.store.joinpath("binex.db").exists():
            await asyncio.sleep(0.01)
    async with lab.explore() as looker:
        await looker.sees("▸ running")
        await looker.press("enter")
        await looker.sees("✓ a", "▸ b")
        lab.write("go", "")
        await looker.sees("✓ b", "Completed.")
        await looker.press("escape")
        await looker.sees("✓ completed")
    await running


async def test_an_empty_store_says_what_to_type(lab: Lab) -> None:
    async with open_sqlite_store(lab.store):
        pass
    async with lab.explore() as looker:
        await looker.sees("no runs yet: 'binex run FILE'")
        await looker.press("enter", "space", "d", "R", "end")
        await looker.on(RunsScreen)


async def test_damage_is_named_in_its_place_and_the_rest_is_shown(lab: Lab) -> None:
    run = await lab.run()
    with sqlite3.connect(lab.store / "binex.db") as database:
        database.execute("UPDATE artifacts SET content = x'00' WHERE name LIKE 'think~%'")
    database.close()
    for file in (lab.store / "artifacts").rglob("*~think~*"):
        file.write_text("?", "utf-8")
    async with lab.explore(run) as looker:
        await looker.sees("Damaged", "think.output", "✓ plan")
        await looker.press("5")
        await looker.sees("think.output  ")
        looker.app.screen.query_one("#artifacts Listing", Listing).highlight("think.output")
        await looker.sees("Error:")


async def test_help_names_the_keys_and_quitting_ends_with_zero(lab: Lab) -> None:
    await lab.run()
    async with lab.explore() as looker:
        await looker.press("question_mark")
        await looker.sees("execute it again from the highlighted task on")
        await looker.press("escape")
        await looker.press("q")
        await looker.until(lambda: looker.app.return_value is not None)
        assert looker.app.return_value == 0


@pytest.mark.parametrize("size", [(80, 24), (40, 24), (20, 8)])
async def test_every_size_of_terminal_is_usable(lab: Lab, size: tuple[int, int]) -> None:
    run = await lab.run("bad.yaml")
    async with lab.explore(size=size) as looker:
        await looker.sees(run.id[:8])
        await looker.press("enter")
        await looker.on(RunScreen)
        await looker.sees("broken")
        for tab in "123456":
            await looker.press(tab)
            assert len(looker.picture) == size[1]
        await looker.press("question_mark", "escape", "y", "escape")


async def test_the_mouse_opens_what_is_clicked_twice(lab: Lab) -> None:
    first, _ = await lab.run(), await lab.run("bad.yaml")
    async with lab.explore() as looker:
        await looker.sees(first.id)
        await looker.pilot.click(Listing, offset=(5, 2))
        assert looker.app.screen.query_one(Listing).key == first.id
        await looker.pilot.click(Listing, offset=(5, 2))
        assert (await looker.on(RunScreen))._run.id == first.id


async def test_more_runs_than_fit_are_read_when_somebody_gets_there(lab: Lab) -> None:
    lab.write("small.yaml", "name: small\nnodes: {a: {agent: 'local://echo', inputs: {x: 1}}}")
    async with open_session(lab.store, durability="normal") as session:
        runs = [(await session.run(lab.folder / "small.yaml")).run for _ in range(205)]
    async with lab.explore() as looker:
        await looker.sees(runs[-1].id)
        assert runs[0].id not in looker.text
        await looker.press("end")
        await looker.sees(runs[0].id)
        await looker.press("end")
        assert looker.app.screen.query_one(Listing).key == runs[0].id
        assert "  205\n" in looker.text
