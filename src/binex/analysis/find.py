"""What somebody means by what they typed: a run, a task of it, an artifact of it."""

import difflib
import re
from collections.abc import Iterable
from typing import Final

from binex.analysis.artifacts import RunArtifact, artifacts_of
from binex.analysis.state import as_seen
from binex.errors import InputError, suggest
from binex.models.run import Run, RunMode
from binex.models.task import ArtifactInfo
from binex.stores.run_store import RunStore

_LATEST = re.compile(r"latest(?:~(\d{1,9}))?\Z")
_PREFIX = re.compile(r"[0-9A-Za-z]{1,64}\Z")
_ID = re.compile(r"[A-Za-z0-9_.+~#\[\]-]{1,1024}\Z")
_LONGEST_NAME: Final = 300
_CANDIDATES: Final = 6
_MAKE_ONE: Final = "'binex run FILE' makes one, and 'binex hello' runs a demo"


async def find_run(store: RunStore, text: str) -> Run:
    """The run that *text* means: an id, a unique beginning of one, ``latest``, ``latest~2``, a name, or a workflow's.

    The first of these that fits counts. A name is one that a kept run was given; a workflow's means its newest run.

    Raises:
        InputError: nothing is meant by it, or more than one run is.
    """
    latest = _LATEST.match(text)
    if latest is not None:
        return await _nth_newest(store, int(latest[1] or 0), text)
    if _PREFIX.match(text):
        run = await store.get_run(text) or await store.get_run(text.lower())
        if run is not None:
            return await as_seen(store, run)
        found = await store.list_runs(limit=_CANDIDATES, prefix=text.lower())
        named = await _named(store, text) if found else None
        if len(found) == 1 and named in (None, found[0].id):
            return await as_seen(store, found[0])
        if found:
            raise _ambiguous(text, found, named)
    named = await _named(store, text)
    if named is not None and (run := await store.get_run(named)) is not None:
        return await as_seen(store, run)
    if text and len(text) <= _LONGEST_NAME and text.isprintable():
        newest = await store.list_runs(limit=1, workflow=text)
        if newest:
            return await as_seen(store, newest[0])
    raise await _no_run(store, text)


async def find_original(store: RunStore, text: str, *, is_sample_meant: bool = False) -> Run:
    """The run that *text* means where it is to be executed again: of a replay that is not named by its id, its parent.

    The same holds for a sample of one node, unless one may be meant. So ``latest`` means the same run, however often
    it is replayed. A kept run that is named by its name is that run, whatever it is.

    Raises:
        InputError: nothing is meant by it, or more than one run is.
    """
    run = await find_run(store, text)
    is_named = await _named(store, text) == run.id
    while not is_named and (origin := run.origin) is not None and not run.id.startswith(text.lower()):
        is_copy = origin.mode is RunMode.REPLAY or (origin.is_alone and not is_sample_meant)
        parent = await store.get_run(origin.parent) if is_copy else None
        if parent is None:
            break
        run = await as_seen(store, parent)
    return run


async def find_artifact(store: RunStore, text: str, run: Run | None = None) -> ArtifactInfo:
    """The artifact that *text* means.

    Without *run* it is an artifact's id; with one also ``node``, ``node[3]``, ``node.output`` or
    ``node[3].output`` in that run, wherever it was made.

    Raises:
        InputError: nothing is meant by it, or more than one artifact is.
    """
    run_id = text.partition("~")[0]
    if "~" in text and _ID.match(text) and await store.get_run(run_id) is not None:
        wanted = next((info for info in await store.list_artifacts(run_id) if info.id == text), None)
        if wanted is not None:
            return wanted
    if run is None:
        raise InputError(f"no artifact {_quoted(text)}", fix="'binex artifacts list RUN' shows those of a run")
    found = (await artifacts_of(store, run, await store.list_records(run.id))).artifacts
    of_task = [artifact for artifact in found if artifact.path == text]
    if len(of_task) == 1:
        return of_task[0]
    if of_task:
        names = ", ".join(artifact.name for artifact in of_task)
        raise InputError(f"task {_quoted(text)} made {len(of_task)} artifacts", fix=f"name one of them: {names}")
    named = [artifact for artifact in found if artifact.name == text]
    if not named:
        raise _no_artifact(text, run, found)
    return named[0]


def find_task(run: Run, text: str, tasks: Iterable[str]) -> str:
    """The path among *tasks* that *text* names.

    Raises:
        InputError: there is none.
    """
    known = list(tasks)
    if text in known:
        return text
    raise InputError(f"no task {_quoted(text)} in run {run.id}", fix=suggest(text[:_LONGEST_NAME], known, "tasks"))


async def _nth_newest(store: RunStore, number: int, text: str) -> Run:
    found = await store.list_runs(limit=1, offset=number)
    if found:
        return await as_seen(store, found[0])
    if number and await store.list_runs(limit=1):
        raise InputError(f"no run {_quoted(text)}: there are not that many", fix="'binex runs' lists them")
    raise InputError(f"no run {_quoted(text)}: there are no runs yet", fix=_MAKE_ONE)


async def _no_run(store: RunStore, text: str) -> InputError:
    runs = await store.list_runs(limit=50)
    if not runs:
        return InputError(f"no run {_quoted(text)}: there are no runs yet", fix=_MAKE_ONE)
    names = {run.workflow for run in runs} | {run.id for run in runs} | {kept.name for kept in await store.list_kept()}
    near = difflib.get_close_matches(text[:_LONGEST_NAME], names, n=1, cutoff=0.7)
    newest = ", ".join(f"{run.id} ({run.workflow})" for run in runs[:3])
    return InputError(
        f"no run {_quoted(text)}", fix=(f"did you mean '{near[0]}'? " if near else "") + f"The newest are {newest}"
    )


async def _named(store: RunStore, text: str) -> str | None:
    """The id of the kept run that has a name."""
    return next((kept.run_id for kept in await store.list_kept() if kept.name == text), None) if text else None


def _ambiguous(text: str, found: list[Run], named: str | None) -> InputError:
    shown = ", ".join(run.id for run in found[: _CANDIDATES - 1]) + (", …" if len(found) == _CANDIDATES else "")
    if named is not None:
        what = f"{_quoted(text)} is the name of run {named}, and other ids begin with it"
        return InputError(what, fix=f"type its whole id, or more of another one: {shown}")
    return InputError(f"more than one run begins with {_quoted(text)}", fix=f"type more of the id: {shown}")


def _no_artifact(text: str, run: Run, found: list[RunArtifact]) -> InputError:
    return InputError(
        f"no artifact {_quoted(text)} in run {run.id}",
        fix=suggest(text[:_LONGEST_NAME], [artifact.name for artifact in found], "artifacts"),
    )


def _quoted(text: str) -> str:
    return f"'{text}'" if len(text) <= 60 else f"'{text[:60]}…' ({len(text):,} characters)"
