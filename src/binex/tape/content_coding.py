"""Undoes the compression of a body while it comes in, so that it can be read, and secrets can be cut out of it."""

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Final, cast

Decoder = Callable[[bytes], bytes]
"""Takes a body piece by piece."""


def decoder_of(encoding: str) -> Decoder | None:
    """What undoes a ``Content-Encoding``; None where there is nothing to undo.

    What cannot be undone becomes nothing: nobody could look for secrets in it.
    """
    names = [name.strip().lower() for name in encoding.split(",")]
    makers = [_MAKERS.get(name, _nothing) for name in reversed(names) if name not in ("", "identity")]
    if not makers:
        return None
    steps = [make() for make in makers]
    is_broken = False

    def decode(data: bytes) -> bytes:
        nonlocal is_broken
        if is_broken:
            return b""
        try:
            for step in steps:
                data = step(data)
        except Exception:  # noqa: BLE001 - each library has errors of its own
            is_broken = True
            return b""
        return data

    return decode


def _gzip() -> Decoder:
    return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress


def _deflate() -> Decoder:
    found: list[Decoder] = []

    def decode(data: bytes) -> bytes:
        if not found:  # some servers leave the header out
            has_header = data[:1] and data[0] & 0x0F == 8 and int.from_bytes(data[:2], "big") % 31 == 0
            found.append(zlib.decompressobj(zlib.MAX_WBITS if has_header else -zlib.MAX_WBITS).decompress)
        return found[0](data)

    return decode


def _brotli() -> Decoder:
    for name in ("brotli", "brotlicffi"):
        try:
            made = import_module(name).Decompressor()
        except ImportError:
            continue
        return cast(Decoder, getattr(made, "process", None) or made.decompress)
    return _nothing()


def _zstd() -> Decoder:
    try:
        return cast(Decoder, import_module("compression.zstd").ZstdDecompressor().decompress)
    except ImportError:
        pass
    try:
        return cast(Decoder, import_module("zstandard").ZstdDecompressor().decompressobj().decompress)
    except ImportError:
        return _nothing()


def _nothing() -> Decoder:
    return lambda _: b""


_MAKERS: Final[dict[str, Callable[[], Decoder]]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}
