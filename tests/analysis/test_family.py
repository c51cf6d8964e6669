"""Runs under those that they were made from."""

from typing import Any

from binex.analysis.family import FamilyPage, family_of, list_families
from binex.cli.render.look import Look
from binex.cli.render.run_tree import run_tree
from binex.models.run import Origin, RunMode, RunStatus
from binex.models.run_query import RunQuery
from tests.analysis.conftest import Kin, Ledger


def made_from(parent: str, **fields: Any) -> Origin:
    return Origin(parent=parent, mode=fields.pop("mode", RunMode.FORK), **fields)


def shape(page: FamilyPage) -> list[list[tuple[str, int]]]:
    return [[(member.run.id, member.depth) for member in family.runs] for family in page.families]


async def test_forks_and_replays_stand_under_their_parents_with_what_was_changed(kin: Kin) -> None:
    run = await kin.run()
    replay = await kin.replay(run)
    from_think = await kin.fork(run, from_=("think",))
    other = await kin.run()
    prompt = await kin.prompt(from_think)
    await kin.replay(prompt)
    await kin.edit(run)
    await kin.fork(run, variables={"topic": "bees"})
    await kin.fork(replay, workflow=kin.file)
    found = await list_families(kin.store)
    assert [family.root for family in found.families] == [run.id, other.id]
    assert [(member.depth, member.change) for member in found.families[0].runs] == [
        (0, ""),
        (1, "replay"),
        (2, "today's workflow"),
        (1, "from think"),
        (2, "think: system_prompt"),
        (3, "replay"),
        (1, "edited plan.output"),
        (1, "--var topic=bees"),
    ]
    assert not found.families[0].is_root_missing
    of_one = await family_of(kin.store, prompt)
    assert of_one.families == found.families[:1]
    assert of_one.asked_for == prompt.id
    assert FamilyPage.model_validate_json(found.model_dump_json()) == found


async def test_the_family_with_the_newest_run_comes_first_and_pages_have_whole_families(ledger: Ledger) -> None:
    await ledger.run("1a")
    await ledger.run("1b")
    await ledger.run("1c")
    await ledger.run("1d", origin=made_from("1a"))
    await ledger.run("1e", origin=made_from("1a"))
    await ledger.run("1f", origin=made_from("1d"))
    oldest = [("1a", 0), ("1d", 1), ("1f", 2), ("1e", 1)]
    pages = [await list_families(ledger.store, limit=2, page=number) for number in (1, 2, 3)]
    assert [shape(page) for page in pages] == [[oldest], [[("1c", 0)], [("1b", 0)]], []]
    assert [page.has_more for page in pages] == [True, False, False]
    assert shape(await list_families(ledger.store)) == [oldest, [("1c", 0)], [("1b", 0)]]


async def test_children_of_a_run_that_is_not_there_are_a_family_of_their_own(ledger: Ledger) -> None:
    await ledger.run("1b", origin=made_from("1gone"))
    await ledger.run("1c", origin=made_from("1b"))
    await ledger.run("1d", origin=made_from("1gone"))
    (family,) = (await list_families(ledger.store)).families
    assert (family.root, family.is_root_missing) == ("1gone", True)
    assert [(member.run.id, member.depth) for member in family.runs] == [("1b", 1), ("1c", 2), ("1d", 1)]
    text = run_tree(await list_families(ledger.store), Look())
    assert [line[:8].rstrip() for line in text.splitlines()[1:]] == [
        "1gone",
        "├─ 1b",
        "│  └─ 1c",
        "└─ 1d",
    ]
    assert "is not in this store" in text


async def test_a_parent_that_came_later_than_its_child_is_still_above_it(ledger: Ledger) -> None:
    await ledger.run("1b", origin=made_from("1a"))
    await ledger.run("1a")
    assert shape(await list_families(ledger.store)) == [[("1a", 0), ("1b", 1)]]


async def test_runs_that_name_each_other_in_a_circle_are_all_shown_once(ledger: Ledger) -> None:
    for id, parent in (("1a", "1b"), ("1b", "1c"), ("1c", "1a"), ("1d", "1d")):
        await ledger.run(id, origin=made_from(parent))
    found = await list_families(ledger.store)
    assert sorted(member.run.id for family in found.families for member in family.runs) == ["1a", "1b", "1c", "1d"]
    assert len((await family_of(ledger.store, found.families[0].runs[0].run)).families) == 1


async def test_families_are_picked_by_what_one_of_their_runs_is(ledger: Ledger) -> None:
    await ledger.run("1a", workflow="a")
    await ledger.run("1b", workflow="b", status=RunStatus.RUNNING)
    await ledger.run("1c", workflow="c", status=RunStatus.FAILED, origin=made_from("1a"))
    await ledger.run("1d", workflow="d", status=RunStatus.RUNNING, is_alive=True)

    async def roots(**picked: Any) -> list[str]:
        return [family.root for family in (await list_families(ledger.store, RunQuery(**picked))).families]

    assert await roots(workflow="c") == ["1a"]
    assert await roots(statuses=(RunStatus.FAILED,)) == ["1a"]
    assert await roots(workflow="a", statuses=(RunStatus.FAILED,)) == []
    assert await roots(statuses=(RunStatus.INTERRUPTED,)) == ["1b"]
    assert await roots(statuses=(RunStatus.RUNNING,)) == ["1d"]
    assert await roots(workflow="x") == []


async def test_a_long_chain_is_one_family_and_stays_readable(ledger: Ledger) -> None:
    for number in range(510):
        origin = made_from(f"1{number - 1:04}", mode=RunMode.REPLAY) if number else None
        await ledger.run(f"1{number:04}", origin=origin)
    found = await list_families(ledger.store)
    (family,) = found.families
    assert [member.depth for member in family.runs] == list(range(510))
    assert len(found.model_dump_json()) > 100_000
    assert max(map(len, run_tree(found, Look()).splitlines())) < 120


async def test_lines_tie_every_run_to_its_parent_also_without_unicode(ledger: Ledger) -> None:
    await ledger.run("1a")
    for id, parent in (("1b", "1a"), ("1c", "1b"), ("1d", "1b"), ("1e", "1a"), ("1f", "1e")):
        await ledger.run(id, origin=made_from(parent))
    found = await list_families(ledger.store)
    for look, drawn in (
        (Look(), ["1a", "├─ 1b", "│  ├─ 1c", "│  └─ 1d", "└─ 1e", "   └─ 1f"]),
        (Look(has_unicode=False), ["1a", "|- 1b", "|  |- 1c", "|  `- 1d", "`- 1e", "   `- 1f"]),
    ):
        width = max(map(len, drawn))
        assert [line[:width].rstrip() for line in run_tree(found, look).splitlines()[1:]] == drawn
        assert look.has_unicode or run_tree(found, look).isascii()
