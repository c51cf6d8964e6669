"""Reads the archive of a bundle, and believes nothing that is in it.

An archive is taken only where it is laid out as we lay it out: our members in our order, one right behind the other
from the first byte on, described alike in both places, with nothing between, before or behind them. So no two can
overlap, none can hide, and what a name, a link or a flag in it might mean to another program is never asked.
"""

import hashlib
import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import IO, Final, Self

from pydantic import ValidationError
from pydantic_core import from_json

from binex.errors import InputError
from binex.stores.bundles.layout import (
    FORMAT,
    MANIFEST,
    MANIFEST_BYTES,
    MEMBERS,
    PIECE_BYTES,
    ROW_BYTES,
    TABLES,
    TOTAL_BYTES,
    VERSION,
    BundleError,
    Manifest,
    Member,
    is_too_dense,
)

ATTRIBUTES: Final = 0o100600 << 16
"""A regular file of its owner's; see "external file attributes" in APPNOTE.TXT of the ZIP format."""
_MOST_MEMBERS: Final = 64
"""A newer Binex may have more than this one."""
_DIRECTORY_BYTES: Final = 16 * 1024
_END: Final = struct.Struct("<4s4H2LH")
_LOCATOR: Final = struct.Struct("<4sLQL")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCAL: Final = struct.Struct("<4s5H3L2H")


class Archive:
    """The members of a bundle. Opened by :meth:`open`; closes nothing that it was given."""

    def __init__(self, archive: zipfile.ZipFile, manifest: Manifest) -> None:
        self._archive = archive
        self.manifest = manifest

    @classmethod
    def open(cls, file: IO[bytes]) -> Self:
        """Look at the layout of *file*, which can seek, and read its manifest.

        Raises:
            InputError: it is not a bundle, not a whole one, made to do harm, or one of a newer Binex.
        """
        with _refusing():
            size = file.seek(0, os.SEEK_END)
            end_of_directory = _find_end(file, size)
            archive = zipfile.ZipFile(file)
            infos = archive.infolist()
            _require_gapless(file, infos, archive.start_dir)
            if archive.start_dir + _directory_size(infos) != end_of_directory:
                raise BundleError("its list of members is not where it must be")
            manifest = _read_manifest(archive, infos)
            _require_members(infos, manifest, size)
        return cls(archive, manifest)

    def rows(self, table: str) -> Iterator[bytes]:
        """The lines of a table, each without its end.

        Raises:
            BundleError: the member is not what the manifest says.
        """
        with self.member(table) as member:
            rest = b""
            while piece := member.read(PIECE_BYTES):
                *lines, rest = (rest + piece).split(b"\n") if b"\n" in piece else (rest + piece,)
                if len(rest) > ROW_BYTES or any(len(line) > ROW_BYTES for line in lines):
                    raise BundleError(f"{table} has a row of more than {ROW_BYTES:,} bytes")
                yield from lines
            member.end()
            if rest:
                raise BundleError(f"the last row of {table} is not complete")

    @contextmanager
    def member(self, name: str) -> Iterator["MemberReader"]:
        """A member, to be read from its beginning."""
        with ExitStack() as stack:
            with _refusing():
                source = stack.enter_context(self._archive.open(name))
            yield MemberReader(source, name, self.manifest.members[name])


class MemberReader:
    """Reads a member, which must be as long as the manifest says, and have its hash."""

    def __init__(self, source: IO[bytes], name: str, expected: Member) -> None:
        self._source = source
        self._name = name
        self._expected = expected
        self._hash = hashlib.sha256()
        self._size = 0

    def read(self, size: int) -> bytes:
        """Up to *size* bytes; none at the end."""
        with _refusing():
            data = self._source.read(size)
        self._size += len(data)
        self._hash.update(data)
        return data

    def end(self) -> None:
        """Raise BundleError unless everything was read, and was what it must be."""
        if self.read(1) or self._size != self._expected.size or self._hash.hexdigest() != self._expected.sha256:
            raise BundleError(f"{self._name} is not what its manifest says")


@contextmanager
def _refusing() -> Iterator[None]:
    """What goes wrong in an archive is the archive's fault; a file that cannot be read is not."""
    try:
        yield
    except (zipfile.BadZipFile, zlib.error, EOFError, struct.error) as error:
        raise BundleError(f"it is damaged, or not a bundle ({error})") from error
    except (NotImplementedError, RuntimeError, ValueError, KeyError, OverflowError) as error:
        raise BundleError(f"it is not laid out as a bundle ({error})") from error


def _find_end(file: IO[bytes], size: int) -> int:
    """Where the list of members ends; it is not read before it is known to be short."""
    last = size - _END.size
    if last < 0:
        raise BundleError("it is too short for a bundle")
    signature, disk, first_disk, here, count, length, _, comment = _END.unpack(_read_at(file, last, _END.size))
    if signature != b"PK\x05\x06" or disk or first_disk or comment or here != count:
        raise BundleError("it is cut off, has something behind its end, or is not a bundle")
    end = last
    if last >= _LOCATOR.size + _END64.size:
        mark, _, at, _ = _LOCATOR.unpack(_read_at(file, last - _LOCATOR.size, _LOCATOR.size))
        if mark == b"PK\x06\x07":
            end = last - _LOCATOR.size - _END64.size
            signature, _, _, _, _, _, here, count, length, _ = _END64.unpack(_read_at(file, end, _END64.size))
            if signature != b"PK\x06\x06" or at != end or here != count:
                raise BundleError("its end is not laid out as that of a bundle")
    if count > _MOST_MEMBERS or length > _DIRECTORY_BYTES:
        raise BundleError(f"it has {count:,} members, and a bundle has {len(MEMBERS)}")
    return end


def _read_at(file: IO[bytes], offset: int, size: int) -> bytes:
    file.seek(offset)
    data = file.read(size)
    if len(data) != size:
        raise BundleError("it is cut off")
    return data


def _require_gapless(file: IO[bytes], infos: list[zipfile.ZipInfo], end: int) -> None:
    at = 0
    for info in infos:
        if info.header_offset != at:
            raise BundleError("members overlap, or something stands between them")
        header = _LOCAL.unpack(_read_at(file, at, _LOCAL.size))
        signature, _, flags, method, *_, name_length, extra_length = header
        name = _read_at(file, at + _LOCAL.size, name_length)
        if signature != b"PK\x03\x04" or flags or method != info.compress_type or name != info.filename.encode():
            raise BundleError("a member is described in two ways")
        at += _LOCAL.size + name_length + extra_length + info.compress_size
    if at != end:
        raise BundleError("something stands behind its members")


def _directory_size(infos: list[zipfile.ZipInfo]) -> int:
    return sum(46 + len(info.filename.encode()) + len(info.extra) + len(info.comment) for info in infos)


def _read_manifest(archive: zipfile.ZipFile, infos: list[zipfile.ZipInfo]) -> Manifest:
    """What the bundle says of itself; a newer one is told by its version, whatever else it has.

    Raises:
        InputError: there is none, or it is one of a newer Binex.
    """
    if not infos or infos[-1].filename != MANIFEST or infos[-1].file_size > MANIFEST_BYTES:
        raise BundleError("it has no manifest where a bundle has one")
    with archive.open(infos[-1]) as member:
        said = from_json(member.read(MANIFEST_BYTES), allow_inf_nan=False)
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BundleError("its manifest is not that of a bundle")
    version = said.get("version")
    if isinstance(version, int) and version > VERSION:
        raise InputError(
            f"the bundle was written by a newer Binex: it has version {version}, this one knows {VERSION}",
            fix="upgrade Binex (pip install --upgrade binex), or export the run with this version",
        )
    try:
        manifest = Manifest.model_validate(said)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise BundleError(f"its manifest is wrong: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    if manifest.version != VERSION:
        raise BundleError(f"there is no version {manifest.version} of bundles")
    if set(manifest.members) != set(MEMBERS) - {MANIFEST} or set(manifest.counts) != set(TABLES):
        raise BundleError("its manifest does not name the members of a bundle")
    return manifest


def _require_members(infos: list[zipfile.ZipInfo], manifest: Manifest, size: int) -> None:
    if [info.filename for info in infos] != list(MEMBERS):
        raise BundleError("its members are not those of a bundle")
    for info in infos:
        if info.flag_bits or info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BundleError(f"{info.filename} is encrypted, or packed in a way that bundles are not")
        if info.external_attr != ATTRIBUTES or info.comment:
            raise BundleError(f"{info.filename} is not a plain file")
        if info.filename != MANIFEST and info.file_size != manifest.members[info.filename].size:
            raise BundleError(f"{info.filename} is not as long as the manifest says")
        if info.compress_type == zipfile.ZIP_STORED and info.file_size != info.compress_size:
            raise BundleError(f"{info.filename} is described in two ways")
    unpacked = sum(info.file_size for info in infos)
    if unpacked > TOTAL_BYTES or is_too_dense(unpacked, size):
        raise BundleError(f"it would be {unpacked:,} bytes unpacked, which {size:,} bytes of a bundle cannot be")
