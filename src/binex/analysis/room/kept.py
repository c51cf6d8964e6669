"""Runs that are kept for good, and the names that they may be meant by."""

import re
from typing import Final

from binex.analysis.find import find_run
from binex.analysis.state import as_seen
from binex.errors import InputError
from binex.models.base import Model
from binex.models.run import Run
from binex.stores.run_store import RunStore

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}\Z")
_ID: Final = re.compile(r"[0-9a-z]{12}\Z")


class KeptRun(Model):
    """A run that no cleaning removes."""

    run: Run
    """The run as it is now."""
    name: str = ""
    """What it may be called wherever a run is expected; empty where it has no name."""


class KeptRuns(Model):
    """All runs that are kept."""

    kept: tuple[KeptRun, ...]
    """Newest first."""


class KeptChange(Model):
    """What was changed about a run."""

    run: Run
    name: str = ""
    """Its name now."""
    is_kept: bool
    """Whether it is kept now."""
    moved_from: str | None = None
    """The run that had the name until now, and is still kept."""


async def list_kept(store: RunStore) -> KeptRuns:
    """The runs that are kept."""
    found = []
    for kept in await store.list_kept():
        run = await store.get_run(kept.run_id)
        if run is not None:
            found.append(KeptRun(run=await as_seen(store, run), name=kept.name))
    return KeptRuns(kept=tuple(found))


async def keep(store: RunStore, text: str, name: str = "") -> KeptChange:
    """Keep the run that *text* means, under a name; one that it has already stays where none is given.

    Raises:
        InputError: there is no such run, or it cannot have that name.
    """
    run = await find_run(store, text)
    if name:
        await require_name(store, name)
    before = await store.list_kept()
    name = name or next((kept.name for kept in before if kept.run_id == run.id), "")
    await store.keep_run(run.id, name)
    moved = next((kept.run_id for kept in before if name and kept.name == name and kept.run_id != run.id), None)
    return KeptChange(run=run, name=name, is_kept=True, moved_from=moved)


async def release(store: RunStore, text: str) -> KeptChange:
    """Keep the run that *text* means no longer.

    Raises:
        InputError: there is no such run, or it was not kept.
    """
    run = await find_run(store, text)
    if not await store.release_run(run.id):
        raise InputError(f"run {run.id} is not kept", fix="'binex keep' lists those that are")
    return KeptChange(run=run, is_kept=False)


async def require_name(store: RunStore, name: str) -> None:
    """Refuse a name that could not be told from another way to mean a run.

    Raises:
        InputError: it could not.
    """
    if not _NAME.match(name):
        raise InputError(
            f"'{name:.80}' cannot be the name of a run", fix="1 to 64 letters, digits, and the characters _ . -"
        )
    if _ID.match(name.lower()) or name == "latest":
        raise InputError(f"'{name}' looks like {'an id' if name != 'latest' else 'the newest run'}", fix="another name")
    if name.isalnum() and await store.list_runs(limit=1, prefix=name.lower()):
        raise InputError(f"the id of a run begins with '{name}'", fix="take a longer name, or one with a - in it")
    if await store.list_runs(limit=1, workflow=name):
        raise InputError(f"there is a workflow called '{name}'", fix=f"take another name, such as {name[:59]}-good")
