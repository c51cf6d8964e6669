"""The bytes of bodies: a chain of links, each naming a blob, which stands in the database or in a file of its own."""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from binex.errors import DamagedDataError
from binex.models.call import Body
from binex.stores.backends.failures import os_failure, shown
from binex.stores.backends.filesystem import blob_path

_FIX: Final = "see what else is damaged with: binex doctor"
_AT_ONCE: Final = 200
"""So many links are asked for at once."""


class Blob(NamedTuple):
    """Bytes by their hash; ``content`` is None where they are in a file."""

    sha256: str
    size: int | None
    """None where there is no such blob."""
    content: bytes | None


class Link(NamedTuple):
    """The end of a body, and the id of the link before it."""

    previous: str
    blob: Blob


def link_id(previous: str, sha256: str) -> str:
    """The id of a link, which names all that is before it."""
    return hashlib.sha256(f"{previous}{sha256}".encode()).hexdigest()


def find_links(connection: sqlite3.Connection, bodies: Iterable[Body]) -> dict[str, Link]:
    """The links of some bodies by their ids, as far as they are there."""
    links: dict[str, Link] = {}
    wanted = list(dict.fromkeys(body.last for body in bodies if body.last))
    while wanted:
        some, wanted = wanted[:_AT_ONCE], wanted[_AT_ONCE:]
        found = connection.execute(
            "SELECT id, previous, blob, size, content FROM links LEFT JOIN blobs ON sha256 = blob"
            f" WHERE id IN ({','.join('?' * len(some))})",
            [_bytes(at) for at in some],
        )
        for id, previous, sha256, size, content in found:
            link = links[id.hex()] = Link(hex_of(previous), Blob(hex_of(sha256), size, content))
            if link.previous and link.previous not in links and link.previous not in wanted:
                wanted.append(link.previous)
    return links


def blobs_of(body: Body, links: Mapping[str, Link]) -> list[Blob]:
    """The blobs of a body, from its first to its last, every link verified.

    Raises:
        DamagedDataError: a link is missing or not what was kept.
    """
    blobs: list[Blob] = []
    at = body.last
    while at:  # verified links cannot lead back to where they come from
        link = links.get(at)
        if link is None:
            raise damaged(body, f"its link {at[:12]} is missing")
        if link_id(link.previous, link.blob.sha256) != at:
            raise damaged(body, f"its link {at[:12]} is not what was kept")
        if link.blob.size is None:
            raise damaged(body, f"its blob {link.blob.sha256[:12]} is missing")
        blobs.append(link.blob)
        at = link.previous
    return blobs[::-1]


def join_blobs(folder: Path, body: Body, blobs: Iterable[Blob]) -> bytes:
    """The bytes of a body, verified.

    Raises:
        DamagedDataError: some of them are missing or not what was kept.
        StoreError: a file is there and cannot be read.
    """
    try:
        data = b"".join(read_blob(folder, blob) for blob in blobs)
    except DamagedDataError as error:
        raise damaged(body, error.message, error.fix) from error
    if len(data) != body.size:
        raise damaged(body, f"its parts have {len(data)} bytes")
    return data


def read_blob(folder: Path, blob: Blob) -> bytes:
    """The bytes of a blob, verified.

    Raises:
        DamagedDataError: they are missing or not what was kept.
        StoreError: its file is there and cannot be read.
    """
    name = blob.sha256[:12]
    if blob.content is not None:
        if isinstance(blob.content, bytes) and hashlib.sha256(blob.content).hexdigest() == blob.sha256:
            return blob.content
        raise DamagedDataError(f"blob {name} in the database is not what was kept", fix=_FIX)
    path = blob_path(folder, blob.sha256)
    fix = f"restore {shown(path)} from a copy; its name is its sha256"
    try:
        content = path.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise DamagedDataError(f"blob {name} is missing: {shown(path)} is gone", fix=fix) from None
    except IsADirectoryError:
        raise DamagedDataError(f"blob {name} is missing: {shown(path)} is a folder", fix=fix) from None
    except OSError as error:
        raise os_failure("read", path, error) from error
    found = hashlib.sha256(content).hexdigest()
    if found != blob.sha256:
        raise DamagedDataError(
            f"blob {name} is not what was kept: {shown(path)} has sha256 {found} ({len(content)} bytes),"
            f" expected {blob.size} bytes",
            fix=fix,
        )
    return content


def damaged(body: Body, what: str, fix: str | None = None) -> DamagedDataError:
    """The error for a body (of which only the end has a name) that cannot be read."""
    return DamagedDataError(
        f"the body {body.last[:12]} ({body.size} bytes) of a call cannot be read: {what}", fix=fix or _FIX
    )


def _bytes(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:
        return b""


def hex_of(value: object) -> str:
    """A hash in a row as text; empty where it is none."""
    return value.hex() if isinstance(value, bytes) else ""
