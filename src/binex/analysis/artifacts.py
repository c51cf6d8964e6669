"""What the tasks of a run made, or took over from another run."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from binex.analysis.state import as_seen
from binex.errors import DamagedDataError
from binex.models.base import UNNOTED, Model
from binex.models.names import artifact_id
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo, ExecutionRecord, final_records
from binex.stores.run_store import RunStore


class Damage(Model):
    """Something of a run that is missing, or is not what was recorded."""

    where: str
    """The piece, as in `plan.output`."""
    message: str
    """What is wrong with it."""
    fix: str | None = None
    """What to do about it."""


class RunArtifact(ArtifactInfo):
    """An artifact as one run has it: its envelope, and whose output it is there."""

    path: str
    """The task of this run whose output it is; `task` made it, and may have another name in the run where it did."""
    taken_from: str | None = None
    """The run that made it, where that is another one."""

    @property
    def name(self) -> str:
        """What it is called within the run: ``node.output``, ``node[3].output``."""
        return f"{self.path}.{self.output}"


class ArtifactList(Model):
    """The artifacts of a run."""

    run: Run
    """The run as it is now."""
    artifacts: tuple[RunArtifact, ...]
    """Their envelopes, in the order in which their tasks ended."""
    damage: tuple[Damage, ...] = ()
    """Those that are not there, and those that can no longer be read, where they were looked at."""


class Made(NamedTuple):
    """What there is of the artifacts of a run."""

    artifacts: list[RunArtifact]
    missing: list[Damage]


async def list_artifacts(store: RunStore, run: Run, *, verify: bool = False) -> ArtifactList:
    """The artifacts of *run*; with *verify* every content is read and compared with its hash.

    Raises:
        DamagedDataError: the list itself cannot be read.
    """
    made = await artifacts_of(store, run, await store.list_records(run.id))
    damage = list(made.missing)
    if verify:
        damage += await find_all_damage(store, made.artifacts)
    return ArtifactList(run=await as_seen(store, run), artifacts=tuple(made.artifacts), damage=tuple(damage))


async def artifacts_of(store: RunStore, run: Run, records: Sequence[ExecutionRecord]) -> Made:
    """The outputs of the tasks of *run*, as their final *records* name them, and what else it has made.

    Raises:
        DamagedDataError: a list of artifacts cannot be read.
    """
    own = await store.list_artifacts(run.id)
    envelopes = {run.id: {info.id: info for info in own}}
    found: dict[str, RunArtifact] = {}
    missing: list[Damage] = []
    for record in final_records(records).values():
        for id in record.output_artifacts:
            made_by, _, rest = id.partition("~")
            if made_by not in envelopes:
                envelopes[made_by] = {info.id: info for info in await store.list_artifacts(made_by)}
            info = envelopes[made_by].get(id)
            if info is not None:
                found[artifact_id(run.id, record.task, info.output)] = _in_run(info, run, record.task)
                continue
            where = f"{record.task}.{rest.rpartition('~')[2]}"
            missing.append(Damage(where=where, message=f"its artifact {id} is not in the store", fix="binex doctor"))
    for info in own:
        found.setdefault(info.id, _in_run(info, run, info.task))
    return Made(list(found.values()), missing)


async def find_all_damage(store: RunStore, artifacts: Iterable[RunArtifact]) -> list[Damage]:
    """What is wrong with the contents of artifacts."""
    return [damage for artifact in artifacts if (damage := await find_damage(store, artifact))]


async def find_damage(store: RunStore, artifact: RunArtifact) -> Damage | None:
    """What is wrong with the content of an artifact."""
    try:
        await get_artifact(store, artifact)
    except DamagedDataError as error:
        return Damage(where=artifact.name, message=error.message, fix=error.fix)
    return None


async def get_artifact(store: RunStore, info: ArtifactInfo) -> Artifact:
    """The artifact, its content verified.

    Raises:
        DamagedDataError: its content is missing or is not what was stored.
    """
    artifact = await store.get(info.id)
    if artifact is None:
        raise DamagedDataError(f"artifact {info.id} is listed and is not there", fix="binex doctor")
    return artifact


def _in_run(info: ArtifactInfo, run: Run, path: str) -> RunArtifact:
    envelope = {name: getattr(info, name) for name in ArtifactInfo.model_fields}
    taken_from = None if info.run_id == run.id else info.run_id
    return RunArtifact.model_construct(UNNOTED, **envelope, path=path, taken_from=taken_from)
