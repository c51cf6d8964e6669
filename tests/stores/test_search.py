"""Texts are found in artifacts and in what was said in calls, in every store alike."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from pydantic import JsonValue

from binex.errors import InputError
from binex.models.run import RunStatus
from binex.models.run_query import FoundText, RunQuery
from binex.models.task import Artifact
from binex.stores.backends import searching
from binex.stores.backends.sqlite import open_sqlite_store
from binex.stores.doctor import Severity, examine, repair
from binex.stores.run_store import RunStore
from binex.stores.wording import MOST_TEXT_BYTES
from binex.tape.bodies import Chains
from tests.stores.making import (
    SOURCE,
    OpenStore,
    artifact_file,
    finish,
    heard,
    keep_exchange,
    make_artifact,
    make_body,
    make_call,
    make_record,
    make_run,
)

JSON = "application/json"


async def keep(store: RunStore, run_id: str, *contents: JsonValue) -> list[Artifact]:
    """A run with an artifact for each content."""
    artifacts = [make_artifact(run_id, f"n{number}", content) for number, content in enumerate(contents)]
    async with store.open_run(make_run(run_id), SOURCE):
        for artifact in artifacts:
            await store.settle([make_record(run_id, artifact.task)], [artifact])
        await store.save_run(make_run(run_id, status=RunStatus.COMPLETED))
    return artifacts


async def found(store: RunStore, text: str) -> list[str]:
    """The ids of the runs with a text, which must be the same with an index as without."""
    runs = [run.id for run in (await store.find_runs(RunQuery(text=text))).runs]
    await store.index_texts()
    assert [run.id for run in (await store.find_runs(RunQuery(text=text))).runs] == runs
    texts = await store.find_texts(text, runs)
    assert list(dict.fromkeys(one.run_id for one in texts)) == runs
    return runs


CONTENTS: dict[str, JsonValue] = {
    "1text": "Ebb and flow, by the quay",
    "1json": {"Title": "Düne", "tags": ["Straße", "naïve"], "count": 1234, "rate": 0.5, "is_new": True},
    "1escapes": 'first line\nsecond\tcolumn "quoted" back\\slash \x00 nul \x1b[31m red',
    "1cjk": "今天天气很好。東京の天気、서울의 날씨",
    "1operators": "NOT a AND b OR c NEAR(d, 2) col:x ^y + - {z}",
    "1emoji": "a 😀 b",
    "1number": 31415926,
    "1null": None,
}
CASES: list[tuple[str, list[str]]] = [
    ("ebb", ["1text"]),
    ("EBB quay", ["1text"]),
    ("ebb tide", []),
    ('"ebb and flow"', ["1text"]),
    ('"flow and ebb"', []),
    ("eb", []),
    ("eb*", ["1text"]),
    ('"by the qu"*', ["1text"]),
    ("dune", ["1json"]),
    ("DÜNE", ["1json"]),
    ("STRASSE", ["1json"]),
    ("naive", ["1json"]),
    ("title", ["1json"]),
    ("1234", ["1json"]),
    ("0.5", ["1json"]),
    ("is_new", ["1json"]),
    ("second", ["1escapes"]),
    ("nsecond", []),
    ('"line second"', ["1escapes"]),
    ('"quoted', ["1escapes"]),
    ("back\\slash", ["1escapes"]),
    ("nul\x00red", []),
    ("nul red", ["1escapes"]),
    ("天气", ["1cjk"]),
    ("气天", []),
    ("東京", ["1cjk"]),
    ("날씨", ["1cjk"]),
    ("NOT AND OR", ["1operators"]),
    ("NEAR(d", ["1operators"]),
    ("col:x", ["1operators"]),
    ("x:col", []),
    ("^y + - {z}", ["1operators"]),
    ("a 😀 b", ["1operators", "1emoji"]),
    ("31415926", ["1number"]),
    ("null", ["1null"]),
]


async def test_words_phrases_and_beginnings_are_found_in_contents_of_every_kind(store: RunStore) -> None:
    for run_id, content in CONTENTS.items():
        await keep(store, run_id, content)
    for text, runs in CASES:
        assert sorted(await found(store, text)) == sorted(runs), text


@pytest.mark.parametrize("text", ["***", '""', "…", '"', "\x00", "😀"])
async def test_a_search_without_a_letter_or_digit_is_refused(store: RunStore, text: str) -> None:
    for ask in (store.find_runs(RunQuery(text=text)), store.find_texts(text, [])):
        with pytest.raises(InputError, match="nothing to look for") as caught:
            await ask
        assert caught.value.fix == 'as in: ebb tide, "ebb and flow", tid*'


async def test_all_words_must_stand_in_the_same_text(store: RunStore) -> None:
    await keep(store, "1a", "ebb", "flow")
    assert await found(store, "ebb flow") == []
    (text,) = await store.find_texts("flow", ["1a"])
    assert text == FoundText(run_id="1a", task="n1", artifact="1a~n1~output", text='"flow"')


async def test_a_message_that_runs_share_is_found_in_each_of_them_and_says_where(store: RunStore) -> None:
    """Each conversation begins with the same system prompt, which is kept once."""
    chains = Chains()
    prompt = "You are the harbour master. " + "Be brief. " * 400
    for number in range(4):
        messages = [{"role": "system", "content": prompt}, {"role": "user", "content": f"question {number}" * 100}]
        async with store.open_run(make_run(f"1a{number}"), SOURCE):
            for turn in (1, 2):
                request = json.dumps({"model": "m", "messages": messages}).encode()
                keep_exchange(store, make_call(f"1a{number}", "ask", turn), request, b'{"said":"aye"}', chains)
            await store.settle([make_record(f"1a{number}", "ask")])
    assert await found(store, '"harbour master"') == ["1a3", "1a2", "1a1", "1a0"]
    assert await found(store, '"question 2question"') == ["1a2"]
    texts = await store.find_texts("harbour", ["1a1"])
    assert [(text.task, text.call, text.artifact, text.is_response) for text in texts] == [
        ("ask", "ask:1.1", "", False)
    ]
    assert [text.is_response for text in await store.find_texts("aye", ["1a1"])] == [True]


async def test_a_word_that_a_model_said_in_two_pieces_is_found(store: RunStore) -> None:
    events = [{"type": "text", "text": "high wa"}, {"type": "text", "text": "ter"}]
    response = "".join(json.dumps(event) + "\n" for event in events).encode()
    body, parts = make_body(response)
    call = make_call("1a", response=body.model_copy(update={"media_type": "application/x-ndjson"}))
    async with store.open_run(make_run("1a"), SOURCE):
        store.keep_call(call, parts)
        await store.settle([make_record("1a")])
    assert await found(store, '"high water"') == ["1a"]


async def test_of_a_reply_in_events_only_what_was_said_is_shown(store: RunStore) -> None:
    events: list[JsonValue] = [
        {"type": "reasoning", "text": "the moon, "},
        {"type": "reasoning", "text": "I think"},
        {"type": "text", "text": "high wa"},
        {"type": "text", "text": "ter"},
        {"type": "tool_call", "call": {"id": "call_1", "name": "look", "arguments": '{"at":"quay"}'}},
        {"type": "finished", "reason": "stop", "usage": {"input_tokens": 8}, "model": "planner", "id": "x"},
    ]
    body, parts = make_body("".join(json.dumps(event) + "\n" for event in events).encode())
    call = make_call("1a", response=body.model_copy(update={"media_type": "application/x-ndjson"}))
    async with store.open_run(make_run("1a"), SOURCE):
        store.keep_call(call, parts)
        await store.settle([make_record("1a")])
    assert await found(store, "quay") == ["1a"]
    (text,) = await store.find_texts("water", ["1a"])
    assert text.text == 'the moon, I think\nhigh water\nlook {"at":"quay"}'
    assert await found(store, "stop") == await found(store, "planner") == []


async def test_large_contents_are_found_by_their_beginning(store: RunStore) -> None:
    filler = "lorem ipsum " * (10 * 1024 * 1024 // 12)
    artifacts = await keep(store, "1a", f"needle {filler} haystack", "in the middle " + "x " * 60_000 + "thread")
    assert len(artifacts[0].data) > 10 * 1024 * 1024 > MOST_TEXT_BYTES
    assert await found(store, "needle") == ["1a"]
    assert await found(store, "haystack") == []
    assert await found(store, "middle thread") == ["1a"]


async def test_what_lies_only_in_files_is_found(open_store: OpenStore) -> None:
    """Contents of which the database has no copy any more, and blobs that were too large for it."""
    async with open_store() as store:
        async with store.open_run(make_run("1a"), SOURCE):
            keep_exchange(store, make_call("1a"), b'{"asked":"' + b"word " * 20_000 + b'compass"}')
            await store.settle([make_record("1a")], [make_artifact("1a", content="anchor")])
            await store.flush()
            await store.save_run(make_run("1a", status=RunStatus.COMPLETED))
        with closing(sqlite3.connect(store.folder / "binex.db")) as connection:  # type: ignore[attr-defined]
            connection.execute("UPDATE artifacts SET content = NULL, is_confirmed = 1")
            connection.commit()
            assert connection.execute("SELECT count(*) FROM blobs WHERE content IS NULL").fetchone()[0] == 1
        assert await found(store, "anchor") == ["1a"]
        assert await found(store, "compass") == ["1a"]


async def test_a_content_that_is_gone_hides_no_other(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        lost, _ = await keep(store, "1a", "lost", "anchor " * 20_000)
        await keep(store, "1b", "anchor")
        with closing(sqlite3.connect(folder / "binex.db")) as connection:
            connection.execute("UPDATE artifacts SET content = NULL")
            connection.execute("UPDATE calls SET doc = 'x'")
            connection.commit()
        artifact_file(folder, lost).unlink()
        assert await found(store, "lost") == []
        assert await found(store, "anchor") == ["1b", "1a"]


async def test_a_store_that_cannot_be_written_is_looked_through(open_store: OpenStore) -> None:
    async with open_store() as store:
        await keep(store, "1a", "ebb")
        await store.index_texts()
        await keep(store, "1b", "ebb tide")
    async with open_store(read_only=True) as store:
        assert await store.count_unindexed() == 1
        result = await store.find_runs(RunQuery(text="ebb"))
        assert ([run.id for run in result.runs], result.is_partial) == (["1b", "1a"], False)
        assert [text.run_id for text in await store.find_texts("ebb", ["1b", "1a"])] == ["1b", "1a"]


async def test_a_store_on_a_disk_that_cannot_be_written_is_searched(mount: Any) -> None:
    folder = mount("size=8m") / ".binex"
    async with open_sqlite_store(folder) as store:
        await keep(store, "1a", "ebb")
    mount.read_only()
    done = subprocess.run(
        [sys.executable, "-m", "binex", "runs", "--text", "ebb", "--dir", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "research" in done.stdout
    assert 'n0.output: "ebb"' in done.stdout
    assert "searching without an index, which takes longer: cannot write" in done.stderr


async def test_the_index_grows_by_what_is_new_and_says_how_far_it_is(open_store: OpenStore) -> None:
    heard_of: list[tuple[int, int]] = []
    async with open_store() as store:
        await keep(store, "1a", *(f"word{number}" for number in range(2500)))
        await store.index_texts(lambda done, everything: heard_of.append((done, everything)))
        assert heard_of == [(1000, 2500), (2000, 2500), (2500, 2500)]
        await keep(store, "1b", "new")
        heard_of.clear()
        await store.index_texts(lambda done, everything: heard_of.append((done, everything)))
        assert heard_of == [(1, 1)]
        assert await found(store, "word2499") == ["1a"]


async def test_runs_are_executed_while_their_texts_are_indexed(
    open_store: OpenStore, start: Callable[..., Any]
) -> None:
    writer: subprocess.Popen[str] = start(
        """
        async with open_sqlite_store(folder, durability=Durability.NORMAL) as store:
            for number in range(150):
                async with store.open_run(make_run(f"1w{number:03}"), SOURCE):
                    keep_exchange(store, make_call(f"1w{number:03}"), f"message {number}".encode())
                    await store.settle([make_record(f"1w{number:03}")],
                                       [make_artifact(f"1w{number:03}", content=f"tide {number}")])
                if number == 20:
                    say("go")
        """
    )
    assert heard(writer) == "go"
    async with open_store() as store:
        while writer.poll() is None:
            await store.index_texts()
        finish(writer)
        await store.index_texts()
        assert len((await store.find_runs(RunQuery(text="tide"), limit=999)).runs) == 150
        assert len((await store.find_runs(RunQuery(text="message"), limit=999)).runs) == 150
        with closing(sqlite3.connect(store.folder / "binex.db")) as connection:  # type: ignore[attr-defined]
            assert connection.execute("SELECT count(*), count(DISTINCT artifact) FROM places").fetchone() == (300, 150)
            connection.execute("INSERT INTO texts (texts) VALUES ('integrity-check')")


def delete(folder: Path, run_ids: Sequence[str]) -> None:
    """What taking runs out of the store does, without the files."""
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        for run_id in run_ids:
            (run,) = connection.execute("SELECT seq FROM runs WHERE id = ?", (run_id,)).fetchone()
            for table in ("records", "artifacts", "calls"):
                connection.execute(f"DELETE FROM {table} WHERE run = ?", (run,))
            connection.execute("DELETE FROM runs WHERE seq = ?", (run,))
        searching.forget(connection)
        connection.commit()


async def test_what_is_deleted_is_not_found_and_its_numbers_may_be_given_again(
    open_store: OpenStore, folder: Path
) -> None:
    async with open_store() as store:
        for number in range(6):
            await keep(store, f"1a{number}", "ebb", "flow")
        await store.index_texts()
    delete(folder, ["1a5"])
    async with open_store() as store:
        await keep(store, "1b", "neap", "spring")
        assert await found(store, "ebb") == ["1a4", "1a3", "1a2", "1a1", "1a0"]
        assert await found(store, "neap") == ["1b"]
    delete(folder, ["1a4", "1a3", "1a2", "1a1"])  # more than is left: the index starts afresh
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        assert connection.execute("SELECT count(*) FROM texts_docsize").fetchone()[0] == 0
    async with open_store() as store:
        assert await store.count_unindexed() == 4
        assert await found(store, "ebb") == ["1a0"]
        assert await found(store, "spring") == ["1b"]


async def test_numbers_that_are_given_again_while_texts_are_indexed_get_their_own_words(
    open_store: OpenStore, folder: Path
) -> None:
    """A process has read what it is about to index when another one removes that and executes a run."""
    async with open_store() as store:
        await keep(store, "1a", "ebb")
        await keep(store, "1b", "flow")
        with closing(sqlite3.connect(folder / "binex.db", isolation_level=None)) as connection:
            piece = searching.prepare_piece(connection, folder)
            assert piece is not None
            stock = await store.take_stock()
            await store.remove_runs(["1b"], stock.moment)
            await keep(store, "1c", "neap")
            searching.keep_piece(connection, piece)
        assert await found(store, "flow") == []
        assert await found(store, "neap") == ["1c"]
        assert await found(store, "ebb") == ["1a"]


async def test_a_content_that_was_restored_is_found_by_its_words(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        await keep(store, "1a", "ebb")
        await keep(store, "1b", "flow")
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        connection.execute("UPDATE artifacts SET content = CAST('\"neap\"' AS BLOB) WHERE seq = 1")
        connection.commit()
    async with open_store() as store:
        await store.index_texts()
    repair(folder)
    async with open_store() as store:
        assert await found(store, "neap") == []
        assert await found(store, "ebb") == ["1a"]
        assert await found(store, "flow") == ["1b"]


@pytest.mark.parametrize("damaged", ["id > 10", "id = 10", "1"])
async def test_an_index_that_is_damaged_is_found_and_made_again(
    open_store: OpenStore, folder: Path, damaged: str
) -> None:
    async with open_store() as store:
        await keep(store, "1a", "ebb", "flow")
        await store.index_texts()
    assert [one for one in examine(folder) if one.severity is Severity.DAMAGE] == []
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        connection.execute(f"UPDATE texts_data SET block = x'0102030405' WHERE {damaged}")
        connection.commit()
    assert [one.message for one in examine(folder) if one.severity is Severity.DAMAGE] == [
        "its index of texts cannot be read; the texts are not in it"
    ]
    assert "its index of texts was emptied; the next search fills it again" in [one.message for one in repair(folder)]
    assert [one for one in examine(folder) if one.severity is Severity.DAMAGE] == []
    async with open_store() as store:
        assert await found(store, "flow") == ["1a"]


async def test_what_goes_while_it_is_being_indexed_stays_out(open_store: OpenStore, folder: Path) -> None:
    async with open_store() as store:
        await keep(store, "1a", "ebb")
        await keep(store, "1b", "flow")
    with closing(sqlite3.connect(folder / "binex.db")) as connection:
        piece = searching.prepare_piece(connection, folder)
        assert piece is not None
        connection.execute("DELETE FROM artifacts WHERE seq = 2")
        searching.keep_piece(connection, piece)
        searching.keep_piece(connection, piece)  # another process was quicker: nothing is added twice
        assert connection.execute("SELECT artifact FROM places").fetchall() == [(1,)]
