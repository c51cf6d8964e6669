"""The doctor finds every damage to calls, bodies, questions and bookmarks, and salvages the rest."""

import hashlib
import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from binex.errors import DamagedDataError
from binex.models.call import Call
from binex.models.run import RunStatus
from binex.stores.doctor import Severity, examine, repair, salvage
from binex.tape.bodies import Chains
from tests.stores.making import (
    SOURCE,
    OpenStore,
    bodies_of,
    keep_exchange,
    make_answer,
    make_call,
    make_question,
    make_record,
    make_run,
)
from tests.stores.test_doctor import change, damage, seen
from tests.stores.test_keeping_calls import blob_files
from tests.stores.test_opening import content_of

SMALL = hashlib.sha256(b"small").hexdigest()[:12]
LARGE = hashlib.sha256(b"x" * 100_000).hexdigest()
FIRST = "call 1 of attempt 1 at plan in run therun"
SECOND = "call 2 of attempt 1 at plan in run therun"


@pytest.fixture
async def kept(open_store: OpenStore) -> list[Call]:
    """A sound store with a run of two calls, two questions and two bookmarks."""
    run = make_run("therun")
    async with open_store() as store, store.open_run(run, SOURCE):
        calls = [
            keep_exchange(store, make_call(run.id, number=1), b"small", b"x" * 100_000),
            keep_exchange(store, make_call(run.id, number=2), b"another", b"told"),
        ]
        for key in ("one", "two"):
            await store.ask(make_question(run.id, key=key))
            await store.keep_bookmark(run.id, "gate", key, key)
        await store.answer("therun~gate~one", make_answer())
        await store.settle([make_record(run.id)])
        await store.save_run(run.model_copy(update={"status": RunStatus.COMPLETED}))
    return calls


async def test_a_sound_store_with_calls_has_no_damage(kept: list[Call], folder: Path) -> None:
    before = content_of(folder)
    findings = examine(folder)
    assert not seen(findings, Severity.DAMAGE) + seen(findings, Severity.WARNING)
    assert not any("blob" in text for text in seen(findings, Severity.INFO))
    assert {name: hash for name, hash in content_of(folder).items() if not name.endswith("-wal")} == before
    assert repair(folder) == []


@pytest.mark.parametrize(
    ("table", "subject"),
    [
        ("calls", "therun: plan: call 1 of attempt 1"),
        ("questions", "therun: therun~gate~one"),
        ("bookmarks", "therun: gate"),
    ],
)
async def test_a_damaged_row_is_found_and_hides_no_other(
    kept: list[Call], folder: Path, table: str, subject: str
) -> None:
    change(folder, f"UPDATE {table} SET doc = '{{' WHERE seq = 1", "UPDATE blobs SET content = x'00' WHERE seq = 4")
    row, blob = sorted(damage(folder), key=lambda text: not text.startswith("therun"))
    assert row.startswith(subject)
    assert blob.startswith("blob ") and blob.endswith(f"{SECOND} needs it")


@pytest.mark.parametrize("table", ["calls", "questions", "bookmarks"])
async def test_rows_of_no_run_are_found(kept: list[Call], folder: Path, table: str) -> None:
    change(folder, f"UPDATE {table} SET run = 77 WHERE seq = 1")
    assert any(text.startswith(f"{table}: ") and "run number 77" in text for text in damage(folder))


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        ("UPDATE blobs SET content = x'00' WHERE size = 5", f"blob {SMALL}: blob {SMALL} in the database is not"),
        ("DELETE FROM blobs WHERE size = 5", f"its blob {SMALL} is missing; {FIRST} needs it"),
        ("UPDATE links SET previous = x'00' WHERE blob = (SELECT sha256 FROM blobs WHERE size = 5)", "is not what was"),
        (
            "DELETE FROM links WHERE blob = (SELECT sha256 FROM blobs WHERE size = 5)",
            f"{FIRST}: the body of its request",
        ),
        (
            "DELETE FROM links WHERE blob = (SELECT sha256 FROM blobs WHERE size = 4)",
            f"{SECOND}: the body of its response",
        ),
    ],
)
async def test_a_damaged_body_is_found_by_the_call_that_needs_it(
    kept: list[Call], folder: Path, harm: str, text: str
) -> None:
    change(folder, harm)
    (found,) = damage(folder)
    assert text in found
    repair(folder)
    assert damage(folder) == [found], "there is no other copy to repair it from"


async def test_a_link_whose_beginning_is_gone_is_found(open_store: OpenStore, folder: Path) -> None:
    run = make_run("therun")
    body = b'{"messages":[' + b",".join(b'{"content":"%s"}' % (b"%d" % number * 3000) for number in range(3)) + b"]}"
    async with open_store() as store, store.open_run(run, SOURCE):
        keep_exchange(store, make_call(run.id), body, chains=Chains())
    change(folder, "DELETE FROM links WHERE length(previous) = 0")
    (found,) = damage(folder)
    assert "before it is missing" in found and found.endswith(f"{FIRST} needs it")


@pytest.mark.parametrize("harm", ["missing", "half", "altered", "folder"])
async def test_a_damaged_file_of_a_blob_is_found(
    open_store: OpenStore, kept: list[Call], folder: Path, harm: str
) -> None:
    (file,) = blob_files(folder)
    if harm == "half":
        os.truncate(file, 50_000)
    elif harm == "altered":
        file.write_bytes(b"y" * 100_000)
    else:
        file.unlink()
        if harm == "folder":
            file.mkdir()
    (found,) = damage(folder)
    assert found.startswith(f"blob {LARGE[:12]}: ") and found.endswith(f"{FIRST} needs it")
    assert str(file.relative_to(folder)) in found
    async with open_store(read_only=True) as store:
        assert await bodies_of(store, kept[1]) == (b"another", b"told")
        with pytest.raises(DamagedDataError):
            await bodies_of(store, kept[0])


async def test_a_file_that_no_call_names_is_told_and_removed(kept: list[Call], folder: Path) -> None:
    name = hashlib.sha256(b"lost").hexdigest()
    orphan = folder / "blobs" / name[:2] / name
    orphan.parent.mkdir(exist_ok=True)
    orphan.write_bytes(b"lost")
    stranger = folder / "blobs" / "notes.txt"
    stranger.write_text("mine")
    findings = examine(folder)
    assert not seen(findings, Severity.DAMAGE)
    told = seen(findings, Severity.INFO)
    assert any("no call names it" in text and name in text for text in told)
    assert any("notes.txt: is not Binex's" in text for text in told)
    assert any(name in text and "was removed" in text for text in seen(repair(folder), Severity.INFO))
    assert not orphan.exists() and stranger.exists() and len(blob_files(folder)) == 1


async def test_files_of_a_run_that_is_being_executed_are_no_orphans(open_store: OpenStore, folder: Path) -> None:
    run = make_run("therun")
    async with open_store() as store, store.open_run(run, SOURCE):
        keep_exchange(store, make_call(run.id), b"x" * 100_000)
        await store.flush()
        change(folder, "DELETE FROM blobs", "DELETE FROM links", "DELETE FROM calls")
        assert not any("no call names it" in text for text in seen(examine(folder), Severity.INFO))


async def test_salvage_keeps_calls_questions_and_bookmarks(
    open_store: OpenStore, kept: list[Call], folder: Path
) -> None:
    async with open_store(read_only=True) as store:
        questions = await store.list_questions()
    done = salvage(folder)
    assert not seen(done, Severity.DAMAGE)
    assert damage(folder) == []
    async with open_store() as store:
        assert await store.list_calls("therun") == kept
        assert await bodies_of(store, kept[0]) == (b"small", b"x" * 100_000)
        assert await bodies_of(store, kept[1]) == (b"another", b"told")
        assert await store.list_questions() == questions
        assert await store.list_bookmarks("therun") == {"gate": {"one": "one", "two": "two"}}


async def test_salvage_finds_files_by_their_names_and_tells_what_is_lost(
    open_store: OpenStore, kept: list[Call], folder: Path
) -> None:
    change(folder, "DELETE FROM blobs WHERE size IN (5, 100000)")
    done = salvage(folder)
    assert any("blobs: 1 files whose rows are lost" in text for text in seen(done, Severity.INFO))
    assert any("blobs: 1 that calls name" in text for text in seen(done, Severity.DAMAGE))
    async with open_store() as store:
        assert kept[0].response is not None
        assert await store.read_body(kept[0].response) == b"x" * 100_000
        assert await bodies_of(store, kept[1]) == (b"another", b"told")


async def test_salvage_saves_what_it_can_of_a_torn_database(open_store: OpenStore, folder: Path) -> None:
    run = make_run("therun")
    async with open_store() as store, store.open_run(run, SOURCE):
        calls = [keep_exchange(store, make_call(run.id, number=n), os.urandom(900)) for n in range(300)]
    database = folder / "binex.db"
    with closing(sqlite3.connect(database)) as connection:
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'links'").fetchone()
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    root = (page - 1) * size
    leaf = int.from_bytes(database.read_bytes()[root + 8 : root + 12])  # its last child
    with database.open("r+b") as file:
        file.seek((leaf - 1) * size)
        file.write(b"\xff" * size)
    assert damage(folder)
    assert any("links" in text for text in seen(salvage(folder), Severity.DAMAGE))
    async with open_store() as store:
        assert len(await store.list_calls(run.id)) == 300
        readable = 0
        for call in calls:
            try:
                await bodies_of(store, call)
                readable += 1
            except DamagedDataError:
                pass
    assert 0 < readable < 300
