"""What is kept of the outputs of tasks."""

from typing import Protocol

from binex.models.task import Artifact, ArtifactInfo


class ArtifactStore(Protocol):
    """Artifacts by id. Raises StoreError where the store cannot be read or written."""

    async def store(self, artifact: Artifact) -> None:
        """Keep an artifact. Storing it again changes nothing.

        Raises:
            StoreError: there is another artifact with that id; the first one stays.
        """
        ...

    async def get(self, artifact_id: str) -> Artifact | None:
        """The artifact with that id, its content verified; None where there was never one.

        Raises:
            DamagedDataError: its content is missing or is not what was stored.
        """
        ...

    async def list_artifacts(self, run_id: str) -> list[ArtifactInfo]:
        """The envelopes of a run's artifacts, in the order in which they were stored."""
        ...

    async def list_hashes(self, run_id: str) -> dict[str, str]:
        """The SHA-256 of the content of each of a run's artifacts, by its id; far quicker than the envelopes."""
        ...
