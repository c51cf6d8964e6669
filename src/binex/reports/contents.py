"""What the files that are written of a run are made of, a piece at a time: all of it may be larger than memory."""

from collections.abc import AsyncIterator, Sequence

from binex.analysis.artifacts import Damage
from binex.analysis.calls import CallDetail, call_detail
from binex.analysis.state import as_seen
from binex.analysis.trace import Trace, trace_of
from binex.errors import DamagedDataError
from binex.models.call import Call
from binex.models.names import read_artifact_id
from binex.models.run import Run
from binex.models.task import Artifact, ExecutionRecord, final_records
from binex.stores.run_store import RunStore

MISSING_FIX = "binex doctor"


class Contents:
    """One run in its store, with its records at hand; what cannot be read is collected in ``damage``."""

    def __init__(self, store: RunStore, run: Run, records: Sequence[ExecutionRecord]) -> None:
        self.store = store
        self.run = run
        self.records = records
        self.final = final_records(records)
        self.damage: list[Damage] = []
        self._called: list[str] = []
        self._unnamed: list[str] = []

    @classmethod
    async def of(cls, store: RunStore, run: Run) -> "Contents":
        """What there is of *run*. Only names are kept of what is listed before the records: memory holds one list."""
        called = list(dict.fromkeys(call.task for call in await store.list_calls(run.id)))
        made = [info.id for info in await store.list_artifacts(run.id)]
        contents = cls(store, await as_seen(store, run), await store.list_records(run.id))
        named = {id for record in contents.final.values() for id in record.output_artifacts}
        contents._called = called
        contents._unnamed = [id for id in made if id not in named]
        return contents

    async def timeline(self) -> Trace:
        """When everything in it happened."""
        running = [] if self.run.status.has_come_to_all else await self.store.list_running(self.run.id)
        return trace_of(self.run, self.records, running, await self.store.list_questions(self.run.id))

    async def artifacts(self) -> AsyncIterator[tuple[str, Artifact]]:
        """Every artifact, with the path of the task of this run whose output it is.

        Those of its tasks in the order in which they ended, then what else it has made.
        """
        for record in self.final.values():
            for id in record.output_artifacts:
                if artifact := await self.artifact(id, record.task):
                    yield record.task, artifact
        for id in self._unnamed:
            path = read_artifact_id(id).task
            if artifact := await self.artifact(id, path):
                yield path, artifact

    async def artifact(self, id: str, path: str) -> Artifact | None:
        """The artifact *id*, an output of the task at *path*; None where it cannot be read."""
        where = f"{path}.{id.rpartition('~')[2]}"
        try:
            artifact = await self.store.get(id)
        except DamagedDataError as error:
            self.damage.append(Damage(where=where, message=error.message, fix=error.fix))
            return None
        if artifact is None:
            message = f"its artifact {id} is not in the store"
            self.damage.append(Damage(where=where, message=message, fix=MISSING_FIX))
        return artifact

    async def calls(self) -> AsyncIterator[Call]:
        """Every call, those of a task together."""
        for task in self._called:
            for call in await self.store.list_calls(self.run.id, task):
                yield call

    async def call_details(self) -> AsyncIterator[CallDetail]:
        """Every call with what was said in it."""
        async for call in self.calls():
            found = await call_detail(self.store, call)
            self.damage += found.damage
            yield found
