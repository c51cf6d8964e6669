"""The store that a run is executed on: records and artifacts that become durable together."""

from collections.abc import Sequence
from typing import Protocol

from binex.models.task import Artifact, ExecutionRecord
from binex.stores.artifact_store import ArtifactStore
from binex.stores.bundle_store import BundleStore
from binex.stores.call_store import CallStore
from binex.stores.execution_store import ExecutionStore
from binex.stores.key_store import KeyStore
from binex.stores.question_store import QuestionStore
from binex.stores.removal_store import RemovalStore
from binex.stores.search_store import SearchStore


class RunStore(
    ExecutionStore, ArtifactStore, CallStore, QuestionStore, KeyStore, BundleStore, SearchStore, RemovalStore, Protocol
):
    """All stores in one place, so that an outcome is kept whole or not at all."""

    async def settle(self, records: Sequence[ExecutionRecord], artifacts: Sequence[Artifact] = ()) -> None:
        """Keep records and the artifacts that they name, together; durable on return.

        Calls that wait at the same time share one commit.
        """
        ...

    async def flush(self) -> None:
        """Return when everything that was kept is in its final place, the artifacts' files included."""
        ...
