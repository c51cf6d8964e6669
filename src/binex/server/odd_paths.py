"""Refuses addresses that are made to mean something else than they say."""

import unicodedata
from typing import Final
from urllib.parse import unquote_to_bytes

from binex.server.refusals import RefusedError

LONGEST_ADDRESS: Final = 8 * 1024
"""How long a path with its query may be, in bytes."""
_ROUNDS: Final = 4


def refuse_odd_path(raw: bytes) -> None:
    """Refuse a path, percent-encoded as it came in, with a step upwards in whatever disguise.

    No path of a request ever becomes one of the file system; this keeps it so whatever stands before or behind.

    Raises:
        RefusedError: it has one, or cannot be read as text.
    """
    if not raw.startswith(b"/"):
        raise _odd()
    data = raw
    for _ in range(_ROUNDS):
        _refuse(data)
        plain = unquote_to_bytes(data)
        if plain == data:
            return
        data = plain
    raise _odd()


def _refuse(data: bytes) -> None:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        raise _odd() from None
    if any(ord(character) < 0x20 or character in "\x7f\\" for character in text):
        raise _odd()
    for segment in unicodedata.normalize("NFKC", text).replace("\\", "/").split("/"):
        if segment.split(";")[0].strip() in (".", "..", "..."):
            raise _odd()
    if "//" in text:
        raise _odd()


def _odd() -> RefusedError:
    return RefusedError(400, "address", "this is no address of the server", "open the one that it printed")
