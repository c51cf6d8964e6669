"""What a store must be able to do for runs to leave it in a bundle, and to come into it from one."""

from collections.abc import AsyncIterator, Container, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from pydantic import JsonValue

from binex.models.call import Call
from binex.models.question import Question
from binex.models.run import Run
from binex.models.task import ArtifactInfo, ExecutionRecord
from binex.models.workflow_source import WorkflowSource


class Link(NamedTuple):
    """One link of the body of a call: the blob *sha256*, standing behind all that the link *previous* names."""

    id: str
    previous: str
    """Empty for the first one."""
    sha256: str


class Bookmark(NamedTuple):
    """What a task must still know when it is executed again."""

    run_id: str
    task: str
    name: str
    value: JsonValue


class Content(NamedTuple):
    """Bytes by their hash, in pieces, which can be read once, and before the next content is asked for."""

    sha256: str
    size: int
    pieces: Iterator[bytes]


class Cargo(Protocol):
    """Whole runs from elsewhere, all verified. Everything can be asked for more than once.

    An iterator raises InputError where it comes upon something else than what was verified.
    """

    @property
    def runs(self) -> Sequence[Run]:
        """The runs, those first that others were made from."""
        ...

    @property
    def sources(self) -> Mapping[str, WorkflowSource]:
        """The snapshots of their workflows, by hash."""
        ...

    def records(self) -> Iterator[ExecutionRecord]: ...

    def artifacts(self) -> Iterator[tuple[ArtifactInfo, Content]]: ...

    def calls(self) -> Iterator[Call]: ...

    def links(self) -> Iterator[Link]:
        """Every link that a call names, each behind its previous one."""
        ...

    def blobs(self) -> Iterator[Content]:
        """Every blob that a link names."""
        ...

    def questions(self) -> Iterator[Question]: ...

    def bookmarks(self) -> Iterator[Bookmark]: ...


class BundleStore(Protocol):
    """Runs that travel. Raises StoreError where the store cannot be read or written."""

    async def list_links(self, last: str, known: Container[str] = ()) -> list[Link]:
        """The links that end with *last*, from the first to it; those in *known*, and what is before them, left out.

        Raises:
            DamagedDataError: a link is missing or not what was kept.
        """
        ...

    def read_pieces(self, info: ArtifactInfo) -> AsyncIterator[bytes]:
        """The content of an artifact, a large one piece by piece. Only who reads to the end knows that it is whole.

        Raises:
            DamagedDataError: it is missing or not what was stored.
        """
        ...

    async def read_blob(self, sha256: str) -> bytes:
        """The bytes with that hash, verified.

        Raises:
            DamagedDataError: they are missing or not what was kept.
        """
        ...

    async def take_in(self, cargo: Cargo) -> None:
        """Keep runs that come from elsewhere: all of it or nothing, also if this process is killed meanwhile.

        Raises:
            StoreError: there is a run with one of the ids already.
            InputError: the cargo is no longer what was verified.
        """
        ...
