"""What a bundle is: one file with everything that is kept of a run, and of the runs that it was made from.

A ZIP archive, because every machine has something to look into one with, of always the same members in always the
same order. They are never taken for paths; nothing is ever unpacked under a name that a bundle says. Rows stand as
one JSON document a line, as their models write them. Contents of artifacts, and blobs, stand one behind the other in
one member each, in the order of the rows that say their sizes and hashes; so a run of a million artifacts still has
twelve members, and an archive with more than that is refused before its list of them is read.

The manifest comes last, since it has the size and the SHA-256 of all others. No time and no name of a machine is in
it: the same run makes the same bytes.
"""

from typing import Annotated, Final, Literal

from pydantic import Field

from binex.errors import InputError
from binex.models.base import Model

FORMAT: Final = "binex-run"
VERSION: Final = 1
"""Changes when an older Binex could not understand a bundle any more."""
SUFFIX: Final = ".binex"

RUNS: Final = "runs.jsonl"
WORKFLOWS: Final = "workflows.jsonl"
RECORDS: Final = "records.jsonl"
ARTIFACTS: Final = "artifacts.jsonl"
CONTENTS: Final = "contents.bin"
CALLS: Final = "calls.jsonl"
LINKS: Final = "links.jsonl"
BLOBS: Final = "blobs.jsonl"
BODIES: Final = "blobs.bin"
QUESTIONS: Final = "questions.jsonl"
BOOKMARKS: Final = "bookmarks.jsonl"
MANIFEST: Final = "manifest.json"
TABLES: Final = (RUNS, WORKFLOWS, RECORDS, ARTIFACTS, CALLS, LINKS, BLOBS, QUESTIONS, BOOKMARKS)
"""The members that have rows."""
MEMBERS: Final = (
    RUNS, WORKFLOWS, RECORDS, ARTIFACTS, CONTENTS, CALLS, LINKS, BODIES, BLOBS, QUESTIONS, BOOKMARKS, MANIFEST,
)  # fmt: skip
"""All of them, in their order."""

PIECE_BYTES: Final = 1024 * 1024
"""How much of a content is in memory at a time."""
MANIFEST_BYTES: Final = 64 * 1024
ROW_BYTES: Final = 64 * 1024 * 1024
ROW_VALUES: Final = 4_000_000
"""How many values may stand in one row: a short text can be a lot of memory."""
ROWS: Final = 2_000_000
"""How many rows a table may have."""
CONTENT_BYTES: Final = 4 * 1024**3
"""The size of one artifact or blob."""
TOTAL_BYTES: Final = 64 * 1024**3
"""The size of all members together, unpacked."""
FREE_BYTES: Final = 64 * 1024 * 1024
RATIO: Final = 200
"""What is larger than ``FREE_BYTES`` unpacked may not be more than so many times as large as its file."""


Whole = Annotated[int, Field(ge=0, strict=True)]


class Member(Model):
    """One member, as it must be."""

    size: Whole
    """How many bytes it has, unpacked."""
    sha256: str


class Manifest(Model):
    """What a bundle says of itself."""

    format: Literal["binex-run"]
    version: Whole
    binex: str
    """The version of Binex that wrote it."""
    run: str
    """The run that was exported; the others are those it was made from."""
    counts: dict[str, Whole]
    """How many rows each table has."""
    members: dict[str, Member]
    """All members but the manifest."""


def is_too_dense(unpacked: int, packed: int) -> bool:
    """Whether a file of *packed* bytes could be one that is made to fill a disk."""
    return unpacked > FREE_BYTES + RATIO * packed


class BundleError(InputError):
    """A file is not a bundle, or not one that can be trusted; nothing of it is kept."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(
            f"the bundle is refused: {reason}; nothing was imported",
            fix="export the run again (binex export), and copy the file as it is",
        )
