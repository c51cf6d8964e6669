"""What somebody means by what they typed."""

import pytest

from binex.analysis.find import find_artifact, find_run, find_task
from binex.errors import InputError
from binex.models.run import RunStatus
from tests.analysis.conftest import Ledger


async def refusal(ledger: Ledger, text: str) -> InputError:
    with pytest.raises(InputError) as caught:
        await find_run(ledger.store, text)
    return caught.value


async def test_a_run_is_found_by_its_id_a_unique_beginning_latest_and_its_workflows_name(ledger: Ledger) -> None:
    for id, workflow in (("1aaa1", "first"), ("1aab2", "second flow"), ("1bbb3", "first")):
        await ledger.run(id, workflow=workflow)
    for text, id in (
        ("1aaa1", "1aaa1"),
        ("1AAA1", "1aaa1"),
        ("1aaa", "1aaa1"),
        ("1b", "1bbb3"),
        ("latest", "1bbb3"),
        ("latest~0", "1bbb3"),
        ("latest~2", "1aaa1"),
        ("first", "1bbb3"),
        ("second flow", "1aab2"),
    ):
        assert (await find_run(ledger.store, text)).id == id, text


async def test_an_id_wins_over_longer_ones_that_begin_with_it(ledger: Ledger) -> None:
    await ledger.run("1aa")
    await ledger.run("1aab")
    assert (await find_run(ledger.store, "1aa")).id == "1aa"


async def test_an_ambiguous_beginning_names_the_candidates(ledger: Ledger) -> None:
    await ledger.run("1aaa1")
    await ledger.run("1aab2")
    refused = await refusal(ledger, "1aa")
    assert refused.message == "more than one run begins with '1aa'"
    assert refused.fix == "type more of the id: 1aab2, 1aaa1"


async def test_many_candidates_are_not_all_named(ledger: Ledger) -> None:
    for number in range(8):
        await ledger.run(f"1aaa{number}")
    assert (await refusal(ledger, "1a")).fix == "type more of the id: 1aaa7, 1aaa6, 1aaa5, 1aaa4, 1aaa3, …"


async def test_an_unknown_run_is_refused_with_the_nearest_and_the_newest(ledger: Ledger) -> None:
    await ledger.run("1aaa1", workflow="digest")
    refused = await refusal(ledger, "digset")
    assert refused.message == "no run 'digset'"
    assert refused.fix == "did you mean 'digest'? The newest are 1aaa1 (digest)"
    assert refused.exit_code == 2


async def test_going_further_back_than_there_are_runs_says_so(ledger: Ledger) -> None:
    await ledger.run("1aaa1")
    assert (await refusal(ledger, "latest~1")).message == "no run 'latest~1': there are not that many"


async def test_an_empty_store_says_how_to_get_a_run(ledger: Ledger) -> None:
    for text in ("latest", "latest~3", "1a", "nothing"):
        refused = await refusal(ledger, text)
        assert refused.message == f"no run '{text}': there are no runs yet"
        assert refused.fix is not None
        assert "binex hello" in refused.fix


@pytest.mark.parametrize(
    "text",
    ["..", "*", "", "%", "_", "?", "x" * 5000, "1a\0", "\0", "../1aaa1", "/etc/passwd", "latest~-1",
     "latest~" + "9" * 30, "1aaa1~a~output", "\x1b[31m", "\udcff", "' OR 1=1 --", "٣", "LATEST~x"],
    ids=range(19),
)  # fmt: skip
async def test_an_odd_id_is_no_run(ledger: Ledger, text: str) -> None:
    await ledger.run("1aaa1")
    refused = await refusal(ledger, text)
    assert refused.message.startswith("no run '")
    assert len(refused.message) < 200
    assert refused.exit_code == 2


async def test_a_run_whose_process_is_gone_is_found_as_interrupted(ledger: Ledger) -> None:
    await ledger.run("1aaa1", status=RunStatus.RUNNING)
    await ledger.run("1bbb2", status=RunStatus.RUNNING, is_alive=True)
    assert (await find_run(ledger.store, "1a")).status is RunStatus.INTERRUPTED
    assert (await find_run(ledger.store, "1b")).status is RunStatus.RUNNING


async def test_an_artifact_is_found_by_id_by_task_and_by_output(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1")
    stored = [
        ledger.artifact(run, "plan", 1),
        ledger.artifact(run, "corpus", 2, "counts"),
        ledger.artifact(run, "corpus", 3, "size"),
        ledger.artifact(run, "search[3]", 4),
        ledger.artifact(run, "a.b", 5),
    ]
    for artifact in stored:
        await ledger.store.store(artifact)
    for text, artifact in (
        ("plan", stored[0]),
        ("plan.output", stored[0]),
        ("corpus.size", stored[2]),
        ("search[3]", stored[3]),
        ("search[3].output", stored[3]),
        ("a.b", stored[4]),
        ("a.b.output", stored[4]),
        (stored[1].id, stored[1]),
    ):
        assert (await find_artifact(ledger.store, text, run)).id == artifact.id, text
    assert await find_artifact(ledger.store, stored[3].id) == stored[3].info


@pytest.mark.parametrize(
    "text", ["", "..", "plam", "plan.x", "1aaa1~..~output", "1aaa1~plan~output\0", "~", "x" * 5000]
)
async def test_an_unknown_artifact_is_refused_with_what_there_is(ledger: Ledger, text: str) -> None:
    run = await ledger.run("1aaa1")
    await ledger.store.store(ledger.artifact(run, "plan", 1))
    with pytest.raises(InputError, match="no artifact") as caught:
        await find_artifact(ledger.store, text, run)
    assert caught.value.fix is not None
    assert "plan.output" in caught.value.fix
    with pytest.raises(InputError, match="no artifact"):
        await find_artifact(ledger.store, text)


async def test_a_task_with_several_artifacts_asks_which(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1")
    await ledger.store.store(ledger.artifact(run, "corpus", 2, "counts"))
    await ledger.store.store(ledger.artifact(run, "corpus", 3, "size"))
    with pytest.raises(InputError) as caught:
        await find_artifact(ledger.store, "corpus", run)
    assert caught.value.message == "task 'corpus' made 2 artifacts"
    assert caught.value.fix == "name one of them: corpus.counts, corpus.size"


async def test_a_task_is_found_by_its_path(ledger: Ledger) -> None:
    run = await ledger.run("1aaa1")
    assert find_task(run, "search[3]", ["plan", "search[3]"]) == "search[3]"
    with pytest.raises(InputError, match=r"no task 'serch' in run 1aaa1") as caught:
        find_task(run, "serch", ["plan", "search"])
    assert caught.value.fix == "did you mean 'search'? tasks: plan, search"


async def test_a_kept_run_is_found_by_its_name_before_a_workflow_is(ledger: Ledger) -> None:
    await ledger.run("1a1", workflow="good")
    await ledger.run("1b2", workflow="other")
    await ledger.store.keep_run("1b2", "good")
    assert (await find_run(ledger.store, "good")).id == "1b2"
    await ledger.store.release_run("1b2")
    assert (await find_run(ledger.store, "good")).id == "1a1"


async def test_a_name_with_which_the_id_of_a_later_run_begins_is_not_guessed(ledger: Ledger) -> None:
    await ledger.run("1a1")
    await ledger.store.keep_run("1a1", "1b")
    assert (await find_run(ledger.store, "1b")).id == "1a1"
    await ledger.run("1b2")
    with pytest.raises(InputError, match="'1b' is the name of run 1a1"):
        await find_run(ledger.store, "1b")
    assert (await find_run(ledger.store, "1b2")).id == "1b2"
