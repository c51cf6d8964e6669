"""The hashes of artifacts by their ids, whichever run made them."""

from binex.stores.run_store import RunStore


class Hashes:
    """Looks hashes up, each run's artifacts once."""

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._by_run: dict[str, dict[str, str]] = {}

    async def of(self, artifact_id: str) -> str:
        """The SHA-256 of an artifact's content; something that no hash is where there is no such artifact."""
        return await self.find(artifact_id) or f"missing: {artifact_id}"

    async def find(self, artifact_id: str) -> str | None:
        """The SHA-256 of an artifact's content; None where there is no such artifact."""
        run_id = artifact_id.partition("~")[0]
        if run_id not in self._by_run:
            self._by_run[run_id] = await self._store.list_hashes(run_id)
        return self._by_run[run_id].get(artifact_id)
