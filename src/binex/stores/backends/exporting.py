"""What an export reads of a store on disk, and nobody else does: links, blobs, and large contents in pieces."""

import hashlib
import sqlite3
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Final

from binex.errors import DamagedDataError
from binex.models.task import ArtifactInfo
from binex.stores.backends.bodies import Blob, hex_of, link_id
from binex.stores.backends.failures import os_failure
from binex.stores.backends.filesystem import read_content
from binex.stores.bundle_store import Link

_FIX: Final = "see what else is damaged with: binex doctor"
_PIECE_BYTES: Final = 1024 * 1024


def find_links(connection: sqlite3.Connection, last: str, known: Container[str]) -> list[Link]:
    """The links that end with *last*, from the first that is not *known*, verified.

    Raises:
        DamagedDataError: one is missing or not what was kept.
    """
    links: list[Link] = []
    at = last
    while at and at not in known:  # verified links cannot lead back to where they come from
        row = connection.execute("SELECT previous, blob FROM links WHERE id = ?", (_bytes(at),)).fetchone()
        if row is None:
            raise DamagedDataError(f"what was said in a call is missing: there is no link {at[:12]}", fix=_FIX)
        link = Link(at, hex_of(row[0]), hex_of(row[1]))
        if link_id(link.previous, link.sha256) != at:
            raise DamagedDataError(f"link {at[:12]} of a call is not what was kept", fix=_FIX)
        links.append(link)
        at = link.previous
    return links[::-1]


def find_blob(connection: sqlite3.Connection, sha256: str) -> Blob:
    """Where a blob is.

    Raises:
        DamagedDataError: there is no such blob.
    """
    row = connection.execute("SELECT size, content FROM blobs WHERE sha256 = ?", (bytes.fromhex(sha256),)).fetchone()
    if row is None:
        raise DamagedDataError(f"blob {sha256[:12]} is missing", fix=_FIX)
    return Blob(sha256, *row)


def large_pieces(path: Path, info: ArtifactInfo) -> Iterator[bytes]:
    """The content in the file of a large artifact, never all of it in memory.

    Raises:
        DamagedDataError: the file is missing or its content is not what was stored.
        StoreError: it is there and cannot be read.
    """
    found = hashlib.sha256()
    left = info.size
    try:
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - 1 - info.size, 0))
            while left and (piece := file.read(min(left, _PIECE_BYTES))):
                left -= len(piece)
                found.update(piece)
                yield piece
    except FileNotFoundError:
        pass
    except OSError as error:
        raise os_failure("read", path, error) from error
    if found.hexdigest() != info.sha256:
        read_content(path, info.id, info.size, info.sha256)  # says what is wrong
        raise DamagedDataError(f"artifact {info.id} changed while it was read", fix=_FIX)


def _bytes(hexadecimal: str) -> bytes:
    try:
        return bytes.fromhex(hexadecimal)
    except ValueError:  # nothing has this name
        return b""
