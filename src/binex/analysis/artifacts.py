"""What the tasks of a run made."""

from binex.analysis.find import name_of
from binex.analysis.state import as_seen
from binex.errors import DamagedDataError
from binex.models.base import Model
from binex.models.run import Run
from binex.models.task import Artifact, ArtifactInfo
from binex.stores.run_store import RunStore


class Damage(Model):
    """Something of a run that is missing, or is not what was recorded."""

    where: str
    """The piece, as in `plan.output`."""
    message: str
    """What is wrong with it."""
    fix: str | None = None
    """What to do about it."""


class ArtifactList(Model):
    """The artifacts of a run."""

    run: Run
    """The run as it is now."""
    artifacts: tuple[ArtifactInfo, ...]
    """Their envelopes, in the order in which they were made."""
    damage: tuple[Damage, ...] = ()
    """Those that can no longer be read, where they were looked at."""


async def list_artifacts(store: RunStore, run: Run, *, verify: bool = False) -> ArtifactList:
    """The artifacts of *run*; with *verify* every content is read and compared with its hash.

    Raises:
        DamagedDataError: the list itself cannot be read.
    """
    infos = await store.list_artifacts(run.id)
    damage = [found for info in infos if (found := await find_damage(store, info))] if verify else []
    return ArtifactList(run=await as_seen(store, run), artifacts=tuple(infos), damage=tuple(damage))


async def find_damage(store: RunStore, info: ArtifactInfo) -> Damage | None:
    """What is wrong with the content of an artifact."""
    try:
        await get_artifact(store, info)
    except DamagedDataError as error:
        return Damage(where=name_of(info), message=error.message, fix=error.fix)
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
