"""A bundle is from somewhere else: one that was damaged, or made to do harm, is refused whole."""

import io
import json
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from binex.errors import InputError
from binex.models.json_value import MAX_DEPTH
from binex.stores.backends.memory import MemoryStore
from binex.stores.bundles import layout
from binex.stores.bundles.archive import ATTRIBUTES
from binex.stores.bundles.layout import MANIFEST, MEMBERS, BundleError
from binex.stores.bundles.reading import Bundle
from tests.stores.bundling import (
    CHILD,
    PARENT,
    Members,
    exported,
    keep_family,
    members_of,
    packed,
    with_lines,
    with_row,
    write_entry,
)

Change = Callable[[dict[str, Any]], object]


@pytest.fixture
async def good() -> bytes:
    store = MemoryStore()
    return await exported(store, await keep_family(store))


def refusal(data: bytes) -> str:
    """Why a bundle is refused."""
    with pytest.raises(BundleError) as caught:
        Bundle.open(io.BytesIO(data))
    assert caught.value.exit_code == 2
    assert "nothing was imported" in caught.value.message
    assert caught.value.fix
    return caught.value.message


def test_the_changed_bundles_are_good_where_nothing_is_changed(good: bytes) -> None:
    assert set(Bundle.open(io.BytesIO(packed(members_of(good)))).runs) == {PARENT, CHILD}
    assert set(Bundle.open(io.BytesIO(with_row(good, layout.RUNS, 0, lambda _: None))).runs) == {PARENT, CHILD}


# --- the archive ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "a/b.json", "C:\\x", "RUNS.JSONL", ""])
def test_a_member_with_another_name_is_refused(good: bytes, name: str) -> None:
    members = members_of(good)
    first = {(name if one == layout.RUNS else one): data for one, data in members.items()}
    refusal(packed_as(first, members))
    behind = {**{one: members[one] for one in MEMBERS[:-1]}, name: b"x", MANIFEST: members[MANIFEST]}
    refusal(packed_as(behind, members))


def test_a_name_that_ends_early_is_refused(good: bytes) -> None:
    data = packed(members_of(good))
    assert data.count(b"runs.jsonl") == 2
    refusal(data.replace(b"runs.jsonl", b"runs.json\0"))
    refusal(data.replace(b"runs.jsonl", b"runs.json\0", 1))
    refusal(data[::-1].replace(b"runs.jsonl"[::-1], b"runs.json\0"[::-1], 1)[::-1])


def packed_as(members: Members, original: Members) -> bytes:
    """An archive of *members* as they are, with the manifest of the original ones."""
    file = io.BytesIO()
    manifest = members_of(packed(original))[MANIFEST]
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            write_entry(archive, name, manifest if name == MANIFEST else data)
    return file.getvalue()


def test_two_members_with_one_name_are_refused(good: bytes) -> None:
    members = members_of(good)
    for twice in (layout.RUNS, layout.RUNS.upper(), MANIFEST):
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as archive, pytest.warns() if twice in members else warning_free():
            for name in MEMBERS[:-1]:
                write_entry(archive, name, members[name])
            write_entry(archive, twice, members.get(twice, b"x"))
            write_entry(archive, MANIFEST, members[MANIFEST])
        refusal(file.getvalue())


class warning_free:  # noqa: N801 - reads like pytest.warns
    def __enter__(self) -> None: ...
    def __exit__(self, *_: object) -> None: ...


def test_a_missing_member_and_another_order_are_refused(good: bytes) -> None:
    members = members_of(good)
    for name in MEMBERS:
        refusal(packed_as({one: data for one, data in members.items() if one != name}, members))
    swapped = dict(reversed(members.items()))
    refusal(packed_as(swapped, members))


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: setattr(entry, "external_attr", 0o120777 << 16),  # a symbolic link
        lambda entry: setattr(entry, "external_attr", 0o040755 << 16 | 0x10),  # a folder
        lambda entry: setattr(entry, "external_attr", 0o104755 << 16),  # a program with its owner's rights
        lambda entry: setattr(entry, "compress_type", zipfile.ZIP_BZIP2),
        lambda entry: setattr(entry, "compress_type", zipfile.ZIP_LZMA),
        lambda entry: setattr(entry, "comment", b"hello"),
    ],
    ids=["link", "folder", "setuid", "bzip2", "lzma", "comment"],
)
def test_a_member_that_is_no_plain_packed_file_is_refused(
    good: bytes, change: Callable[[zipfile.ZipInfo], None]
) -> None:
    refusal(packed(members_of(good), lambda entry: change(entry) if entry.filename == layout.CALLS else None))


def patched(data: bytes, local: int, central: int, form: str, value: int) -> bytes:
    """The bundle with one field of its second entry changed, in each of its two descriptions that has an offset."""
    changed = bytearray(data)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        start = archive.infolist()[1].header_offset
        at = archive.start_dir
    second = at + 46 + len(MEMBERS[0])
    if local >= 0:
        struct.pack_into(form, changed, start + local, value)
    if central >= 0:
        struct.pack_into(form, changed, second + central, value)
    return bytes(changed)


@pytest.mark.parametrize(
    ("local", "central", "form", "value"),
    [
        (6, 8, "<H", 1),  # encrypted
        (6, -1, "<H", 1),
        (6, 8, "<H", 8),  # its sizes stand behind it
        (6, 8, "<H", 0x800),
        (8, -1, "<H", 0),  # described in two ways
        (-1, 10, "<H", 0),
        (-1, 20, "<L", 1),  # packed size
        (-1, 24, "<L", 1),  # size
        (-1, 24, "<L", 0x7FFFFFFF),
        (14, 16, "<L", 0),  # checksum
        (-1, 42, "<L", 0),  # overlaps the first
        (-1, 42, "<L", 0x7FFFFFFF),
        (28, -1, "<H", 500),  # something hidden in an extra field
        (-1, 34, "<H", 1),  # on another disk
    ],
)
def test_an_entry_that_lies_is_refused(good: bytes, local: int, central: int, form: str, value: int) -> None:
    data = packed(members_of(good))
    Bundle.open(io.BytesIO(data))
    if (local, central, value) == (-1, 34, 1):
        Bundle.open(io.BytesIO(patched(data, local, central, form, value)))  # nobody asks for disks
        return
    refusal(patched(data, local, central, form, value))


def test_a_bundle_that_is_cut_off_anywhere_is_refused(good: bytes) -> None:
    for length in {0, 1, 21, 22, 23, 100, len(good) // 2, len(good) - 22, len(good) - 1, *range(0, len(good), 97)}:
        refusal(good[:length])


def test_something_before_or_behind_a_bundle_is_refused(good: bytes) -> None:
    for data in (b"#!/bin/sh\n" + good, good + b"\n", good + good, b"\0" + good, good + b"\0" * 70_000):
        refusal(data)


def test_every_changed_byte_is_noticed(good: bytes) -> None:
    """Whatever is changed, nothing else than what was exported is ever read."""
    honest = Bundle.open(io.BytesIO(good))
    whole = (list(honest.records()), list(honest.calls()), [info for info, _ in honest.artifacts()])
    for place in range(0, len(good), 23):
        changed = bytearray(good)
        changed[place] ^= 0x55
        try:
            bundle = Bundle.open(io.BytesIO(bytes(changed)))
        except InputError:
            continue
        assert (list(bundle.records()), list(bundle.calls()), [info for info, _ in bundle.artifacts()]) == whole


def test_an_archive_of_a_million_members_is_refused_before_their_list_is_read(tmp_path: Path) -> None:
    count = 1_000_000
    name = b"x"
    local = struct.pack("<4s5H3L2H", b"PK\x03\x04", 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0) + name
    entry = struct.pack(
        "<4s6H3L5H2L", b"PK\x01\x02", 788, 20, 0, 0, 0, 33, 0, 0, 0, len(name), 0, 0, 0, 0, ATTRIBUTES, 0
    )
    directory = (entry + name) * count
    at = len(local)
    end64 = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(directory), at)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, at + len(directory), 1)
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    file = tmp_path / "many.binex"
    file.write_bytes(local + directory + end64 + locator + end)
    with file.open("rb") as opened:
        with pytest.raises(BundleError, match="1,000,000 members"):
            Bundle.open(opened)
        assert opened.tell() > len(directory)  # at its end: the list was not gone through
    short = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 12, 12, len(directory), at, 0)
    assert "12 members" in refusal(local + directory + short)


def test_a_bomb_is_refused_before_it_is_unpacked(good: bytes) -> None:
    members = members_of(good) | {layout.CONTENTS: b"\0" * (100 * 1024 * 1024)}
    assert "unpacked" in refusal(packed(members))


def test_a_bomb_that_lies_about_its_size_is_refused(good: bytes) -> None:
    """The entry says that it is small, and would go on for 100 MiB."""
    members = members_of(good)
    honest = len(members[layout.CONTENTS])
    data = bytearray(packed(members | {layout.CONTENTS: members[layout.CONTENTS] + b"\0" * (100 * 1024 * 1024)}))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        place = archive.getinfo(layout.CONTENTS).header_offset
        at = archive.start_dir
        for info in archive.infolist():
            if info.filename == layout.CONTENTS:
                break
            at += 46 + len(info.filename)
    struct.pack_into("<L", data, place + 22, honest)
    struct.pack_into("<L", data, at + 24, honest)
    refusal(bytes(data))


# --- the manifest ---------------------------------------------------------------------------------------------


def test_a_newer_bundle_says_that_binex_has_to_be_upgraded(good: bytes) -> None:
    members = members_of(good)
    said = json.loads(members[MANIFEST]) | {"version": 2, "something": "new"}
    for data in (
        packed_with_manifest(members, said),
        packed_with_manifest({"other.bin": b"x", MANIFEST: b""}, said),
    ):
        with pytest.raises(InputError, match="written by a newer Binex") as caught:
            Bundle.open(io.BytesIO(data))
        assert "upgrade Binex" in (caught.value.fix or "")
        assert caught.value.exit_code == 2


def test_rows_that_only_another_binex_understands_say_which_one_wrote_them(good: bytes) -> None:
    data = with_row(good, layout.CALLS, 0, rename("from_the_future", 1))
    members = members_of(data)
    with pytest.raises(BundleError, match="from_the_future") as caught:
        Bundle.open(io.BytesIO(packed(members, binex="99.0")))
    assert "Binex 99.0 wrote it" in (caught.value.fix or "")


def packed_with_manifest(members: Members, manifest: object) -> bytes:
    file = io.BytesIO()
    text = manifest if isinstance(manifest, bytes) else json.dumps(manifest).encode()
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            write_entry(archive, name, text if name == MANIFEST else data)
    return file.getvalue()


@pytest.mark.parametrize(
    "change",
    [
        {"format": "other"},
        {"version": 0},
        {"version": "1"},
        {"version": None},
        {"version": 1e400},
        {"run": "1nowhere"},
        {"run": "../x"},
        {"more": 1},
        {"counts": {}},
        {"members": {}},
    ],
    ids=str,
)
def test_a_manifest_that_is_none_is_refused(good: bytes, change: dict[str, Any]) -> None:
    members = members_of(good)
    refusal(packed_with_manifest(members, json.loads(members[MANIFEST]) | change))


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 10_000, b'{"format": NaN}', b" " * 70_000]
)
def test_a_manifest_that_is_no_json_is_refused(good: bytes, text: bytes) -> None:
    refusal(packed_with_manifest(members_of(good), text))


def test_absurd_sizes_and_counts_are_refused(good: bytes) -> None:
    members = members_of(good)
    said = json.loads(members[MANIFEST])
    for size in (-1, 0, 10**30, 2**63, 1.5):
        said["members"][layout.CONTENTS]["size"] = size
        refusal(packed_with_manifest(members, said))
    said = json.loads(members[MANIFEST])
    said["counts"][layout.CALLS] = 10**12
    assert "its manifest says" in refusal(packed_with_manifest(members, said))
    said = json.loads(members[MANIFEST])
    said["members"][layout.CALLS]["sha256"] = "0" * 64
    assert "not what its manifest says" in refusal(packed_with_manifest(members, said))


# --- rows -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"null",
        b'{"x": NaN}',
        b"\xff",
        b"[" * 300 + b"]" * 300,
        b"1" * 10_000,
        b"",
        b"{}",
        b'{"a":1}{"b":2}',
    ],
    ids=repr,
)
@pytest.mark.parametrize("table", layout.TABLES)
def test_a_line_that_is_no_row_is_refused(good: bytes, table: str, line: bytes) -> None:
    refusal(with_lines(good, table, lambda lines: [*lines, line[:400]]))


def test_a_row_without_an_end_is_refused(good: bytes) -> None:
    members = members_of(good)
    refusal(packed(members | {layout.CALLS: members[layout.CALLS][:-1]}))


@pytest.mark.parametrize("table", layout.TABLES)
def test_a_row_that_is_there_twice_is_refused(good: bytes, table: str) -> None:
    def twice(lines: list[bytes]) -> list[bytes]:
        return [*lines, lines[0]]

    if table == layout.ARTIFACTS:
        members = members_of(good)
        rows = members[table].splitlines(keepends=True)
        size = json.loads(rows[0])["size"]
        content = members[layout.CONTENTS]
        refusal(packed(members | {table: b"".join([*rows, rows[0]]), layout.CONTENTS: content + content[:size]}))
    else:
        refusal(with_lines(good, table, twice))


BAD_IDS = [
    "../x",
    "/etc",
    "a/b",
    "a\\b",
    "..",
    ".",
    "",
    "x\0",
    "x\n",
    "x\x1b[31m",
    "x" * 500,
    "\u202ex",
    "CON",
    "1ABC",
    "x~y",
    "latest",  # which means another run
    "-x",
    "research",  # the name of a workflow
]


@pytest.mark.parametrize("bad", BAD_IDS, ids=repr)
def test_ids_that_could_be_something_else_are_refused(good: bytes, bad: str) -> None:
    def everywhere(text: bytes) -> bytes:
        return text.replace(json.dumps(PARENT).encode(), json.dumps(bad).encode()).replace(
            PARENT.encode() + b"~", json.dumps(bad).encode()[1:-1] + b"~"
        )

    members = members_of(good)
    refusal(packed({name: data if name.endswith(".bin") else everywhere(data) for name, data in members.items()}))


def rename(field: str, value: object) -> Change:
    return lambda row: row.update({field: value})


@pytest.mark.parametrize(
    ("table", "change"),
    [
        (layout.RUNS, rename("id", CHILD)),
        (layout.RUNS, rename("id", "1other")),
        (layout.RUNS, rename("status", "excellent")),
        (layout.RUNS, rename("origin", {"parent": "1gone", "mode": "fork"})),
        (layout.RUNS, rename("origin", {"parent": PARENT, "mode": "replay"})),
        (layout.RUNS, rename("origin", {"parent": CHILD, "mode": "replay"})),  # which was made from it
        (layout.RUNS, rename("workflow_hash", "00" * 32)),
        (layout.RUNS, rename("started_at", "yesterday")),
        (layout.RUNS, rename("started_at", "2026-11-22T10:00:00")),  # nothing compares with it
        (layout.RUNS, rename("started_at", "9999-12-31T23:59:59Z")),  # the next year somewhere on Earth
        (layout.QUESTIONS, lambda row: row["answer"].update(at="2026-11-22T10:00:00")),
        (layout.RUNS, rename("duration_ms", 10**400)),
        (layout.RUNS, rename("surprise", 1)),
        (layout.WORKFLOWS, rename("hash", "00" * 32)),
        (layout.WORKFLOWS, lambda row: row["source"].update(folder="a\0b")),
        (layout.RECORDS, rename("run_id", "1gone")),
        (layout.RECORDS, rename("task", "../plan")),
        (layout.RECORDS, rename("task", "plan\x1b]0;x\x07")),
        (layout.RECORDS, rename("task", "a/../b")),
        (layout.RECORDS, rename("attempt", -1)),
        (layout.RECORDS, rename("attempt", 2**64)),
        (layout.RECORDS, rename("reused_from", "1gone")),
        (layout.RECORDS, rename("output_artifacts", [f"{PARENT}~none~output"])),
        (layout.RECORDS, rename("output_artifacts", ["1gone~plan~output"])),
        (layout.RECORDS, rename("output_artifacts", ["../../x"])),
        (layout.RECORDS, rename("input_artifacts", [f"{PARENT}~a/b~output"])),
        (layout.ARTIFACTS, rename("id", f"{PARENT}~plan~other")),
        (layout.ARTIFACTS, rename("id", f"{PARENT}~../../x~output")),
        (layout.ARTIFACTS, rename("output", "../x")),
        (layout.ARTIFACTS, rename("task", "..")),
        (layout.ARTIFACTS, rename("run_id", CHILD)),
        (layout.ARTIFACTS, rename("size", 0)),
        (layout.ARTIFACTS, rename("size", -5)),
        (layout.ARTIFACTS, rename("size", 10**15)),
        (layout.ARTIFACTS, lambda row: row.update(size=row["size"] - 1)),
        (layout.ARTIFACTS, lambda row: row.update(size=row["size"] + 1)),
        (layout.ARTIFACTS, rename("sha256", "00" * 32)),
        (layout.ARTIFACTS, rename("sha256", "../x")),
        (layout.CALLS, rename("number", 0)),
        (layout.CALLS, rename("number", 2**63)),
        (layout.CALLS, rename("run_id", "1gone")),
        (layout.CALLS, lambda row: row["request"].update(last="00" * 32)),
        (layout.CALLS, lambda row: row["request"].update(last="../x")),
        (layout.CALLS, lambda row: row["request"].update(size=1)),
        (layout.CALLS, lambda row: row["request"].update(size=-1)),
        (layout.CALLS, rename("chunks", [[0.0, 9], [1.0, -9], [2.0, 9]])),
        (layout.CALLS, lambda row: row.pop("response")),  # its bytes belong to nothing then
        (layout.LINKS, rename("id", "00" * 32)),
        (layout.LINKS, rename("sha256", "00" * 32)),
        (layout.LINKS, rename("previous", "00" * 32)),
        (layout.BLOBS, rename("sha256", "00" * 32)),
        (layout.BLOBS, rename("sha256", "/etc/passwd")),
        (layout.BLOBS, rename("size", 10**15)),
        (layout.QUESTIONS, rename("id", f"{CHILD}~gate~question")),
        (layout.QUESTIONS, rename("id", f"{PARENT}~gate~")),
        (layout.QUESTIONS, rename("id", f"{PARENT}~gate~a\nb")),
        (layout.QUESTIONS, rename("state", "odd")),
        (layout.QUESTIONS, rename("run_id", "1gone")),
        (layout.BOOKMARKS, rename("task", "")),
        (layout.BOOKMARKS, rename("name", "")),
        (layout.BOOKMARKS, rename("run_id", "1gone")),
    ],
)
def test_a_row_that_does_not_fit_is_refused(good: bytes, table: str, change: Change) -> None:
    refusal(with_row(good, table, 0, change))


def test_a_number_that_would_be_infinite_is_refused(good: bytes) -> None:
    members = members_of(good)
    calls = members[layout.CALLS].replace(b'"number":1', b'"duration_ms":1e999,"number":1', 1)
    assert "too large" in refusal(packed(members | {layout.CALLS: calls}))


@pytest.mark.parametrize(
    "content", [b"NaN", b"{", b"\xff\xff", b"[" * 202 + b"]" * 202, b"1e999", b"1" * 5000, b"'x'", b"[1,]"], ids=repr
)
@pytest.mark.parametrize("padding", [0, 2 * 1024 * 1024])
def test_an_artifact_that_is_no_json_is_refused(good: bytes, content: bytes, padding: int) -> None:
    """Short ones and long ones are checked in different ways."""
    import hashlib

    content = b" " * padding + content
    members = members_of(good)
    row = json.loads(members[layout.ARTIFACTS].splitlines()[0])
    rest = members[layout.CONTENTS][row["size"] :]
    row |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    rows = [json.dumps(row).encode(), *members[layout.ARTIFACTS].splitlines()[1:]]
    data = packed(members | {layout.ARTIFACTS: b"".join(row + b"\n" for row in rows), layout.CONTENTS: content + rest})
    assert "is not JSON" in refusal(data)


def test_bytes_that_belong_to_no_row_are_refused(good: bytes) -> None:
    members = members_of(good)
    for name in (layout.CONTENTS, layout.BODIES):
        refusal(packed(members | {name: members[name] + b"more"}))


def test_a_short_row_that_would_be_much_memory_is_refused(good: bytes) -> None:
    bomb = b'{"variables":{"x":[' + b"[],".join([b""] * 5_000_000) + b"[]]}}"
    assert "values" in refusal(with_lines(good, layout.RUNS, lambda lines: [*lines, bomb]))


def test_what_is_nested_as_deep_as_is_allowed_is_taken(good: bytes) -> None:
    deep: Any = []
    for _ in range(MAX_DEPTH - 10):
        deep = [deep]
    Bundle.open(io.BytesIO(with_row(good, layout.BOOKMARKS, 0, rename("value", deep))))
