"""Bundles of honest runs, and the same bundles changed by somebody who means harm."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from binex.models.run import Origin, Run, RunMode, RunStatus
from binex.models.task import Lineage, TaskStatus
from binex.stores.bundles.archive import ATTRIBUTES
from binex.stores.bundles.importing import Imported, bring_in
from binex.stores.bundles.layout import MANIFEST, MEMBERS, TABLES
from binex.stores.bundles.reading import Bundle
from binex.stores.bundles.writing import write_bundle
from binex.stores.run_store import RunStore
from binex.tape.bodies import Chains
from tests.stores.making import (
    SOURCE,
    keep_exchange,
    make_answer,
    make_artifact,
    make_call,
    make_question,
    make_record,
    make_run,
)

LARGE = 200_000
PARENT, CHILD = "1parent00000", "1zchild00000"


async def keep_family(store: RunStore) -> Run:
    """A run with a bit of everything, and a fork of it that reuses some of that; returns the fork."""
    parent = make_run(PARENT, workflow_hash="5e" * 32)
    plan = make_artifact(PARENT, "plan", {"steps": ["a", "b"]})
    large = make_artifact(PARENT, "read[0]", "x" * LARGE)
    chains = Chains()
    async with store.open_run(parent, SOURCE):
        keep_exchange(store, make_call(PARENT, "plan"), b"first " * 10, b"an answer", chains)
        keep_exchange(store, make_call(PARENT, "plan", 2), b"first " * 10 + b"second", b"z" * LARGE, chains)
        await store.settle([make_record(PARENT, "plan", 1, status=TaskStatus.FAILED, is_final=False)])
        await store.settle([make_record(PARENT, "plan", 2, output_artifacts=(plan.id,))], [plan])
        await store.settle([make_record(PARENT, "read[0]", output_artifacts=(large.id,))], [large])
        await store.keep_bookmark(PARENT, "plan", "remote", {"task": "t-1"})
        await store.ask(make_question(PARENT))
        await store.answer(f"{PARENT}~gate~question", make_answer())
        await store.flush()
        await store.save_run(parent.model_copy(update={"status": RunStatus.COMPLETED}))
    child = make_run(CHILD, workflow_hash="6f" * 32, origin=Origin(parent=PARENT, mode=RunMode.FORK))
    made = make_artifact(CHILD, "write", "a text")
    made = made.model_copy(update={"lineage": Lineage(task="write", agent="local://x.y", derived_from=(plan.id,))})
    async with store.open_run(child, SOURCE.model_copy(update={"text": "nodes: {a: {}}"})):
        keep_exchange(store, make_call(CHILD, "write"), b"first " * 10, b"", chains)
        await store.settle([make_record(CHILD, "plan", 2, output_artifacts=(plan.id,), reused_from=PARENT)])
        await store.settle(
            [make_record(CHILD, "write", input_artifacts=(plan.id,), output_artifacts=(made.id,))], [made]
        )
        await store.flush()
        await store.save_run(child.model_copy(update={"status": RunStatus.COMPLETED}))
    return child.model_copy(update={"status": RunStatus.COMPLETED})


async def exported(store: RunStore, run: Run) -> bytes:
    """The bundle of a run."""
    file = io.BytesIO()
    await write_bundle(store, run, file)
    return file.getvalue()


async def imported(store: RunStore, data: bytes, folder: Path | None = None) -> Imported:
    """What comes of importing a bundle."""
    return await bring_in(store, Bundle.open(io.BytesIO(data)), folder)


# --- changed bundles ------------------------------------------------------------------------------------------

Members = dict[str, bytes]


def members_of(data: bytes) -> Members:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def packed(members: Members, change: Callable[[zipfile.ZipInfo], None] = lambda _: None, **manifest: Any) -> bytes:
    """A bundle of *members*, its manifest made to fit them; *change* is told of every entry."""
    said = json.loads(members[MANIFEST]) | {
        "members": {
            name: {"size": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in members.items()
            if name in MEMBERS and name != MANIFEST
        },
        "counts": {table: members[table].count(b"\n") for table in TABLES if table in members},
    }
    members = members | {MANIFEST: json.dumps(said | manifest).encode()}
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            write_entry(archive, name, data, change)
    return file.getvalue()


def write_entry(
    archive: zipfile.ZipFile, name: str, data: bytes, change: Callable[[zipfile.ZipInfo], None] = lambda _: None
) -> None:
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.create_system = 3
    entry.external_attr = ATTRIBUTES
    entry.compress_type = zipfile.ZIP_DEFLATED
    change(entry)
    archive.writestr(entry, data)


def with_row(data: bytes, table: str, number: int, change: Callable[[dict[str, Any]], object]) -> bytes:
    """The bundle with one row of a table changed, and its manifest made to fit."""
    members = members_of(data)
    lines = members[table].splitlines()
    row = json.loads(lines[number])
    change(row)
    lines[number] = json.dumps(row).encode()
    return packed(members | {table: b"".join(line + b"\n" for line in lines)})


def with_lines(data: bytes, table: str, change: Callable[[list[bytes]], list[bytes]]) -> bytes:
    """The bundle with the lines of a table changed, and its manifest made to fit."""
    members = members_of(data)
    return packed(members | {table: b"".join(line + b"\n" for line in change(members[table].splitlines()))})
