"""``binex export``: a run as one file, for another machine or another person."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option, run_argument

if TYPE_CHECKING:
    from binex.models.run import Run
    from binex.stores.bundles.layout import Manifest

_STDOUT = Path("-")


@click.command("export")
@run_argument
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    help="The file to write; - for stdout. Default: the run's id with .binex, here.",
)
@click.option(
    "--format",
    "kind",
    type=click.Choice(("run",)),
    default="run",
    help="What to write. A run (the default) is all that 'binex import' needs to have it elsewhere.",
)
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@json_option
@directory_option
def command(run: str, target: Path | None, kind: str, force: bool, as_json: bool, directory: Path | None) -> int:  # noqa: ARG001 - one format so far
    """Write RUN (default: latest) to one file, with the runs that it was made from.

    It holds the workflow and its prompts, artifacts, calls with what was said in them, records, questions and
    bookmarks: what 'binex import' needs so that every command works on the run, replay included. Secrets are cut out of
    it as they are in the store. The code of local functions is not in it.
    """
    import asyncio

    from binex.analysis.find import find_run
    from binex.cli.reading import store_folder
    from binex.cli.streams import write_note
    from binex.errors import DamagedDataError
    from binex.stores.backends.sqlite import open_sqlite_store
    from binex.stores.bundles.layout import SUFFIX
    from binex.stores.bundles.writing import write_bundle

    damage: list[str] = []

    async def export() -> "tuple[Run, Path, Manifest, int]":
        async with open_sqlite_store(store_folder(directory), read_only=True, on_notice=damage.append) as store:
            found = await find_run(store, run)
            path = target or Path(f"{found.id}{SUFFIX}")
            with _stdout() if path == _STDOUT else _new_file(path, replaces=force) as file:
                manifest = await write_bundle(store, found, file)
                size = file.seek(0, 2)
                if damage:
                    raise DamagedDataError(
                        f"run {found.id} cannot be exported: {damage[0]}", fix="see all of it with: binex doctor"
                    )
            return found, path, manifest, size

    found, path, manifest, size = asyncio.run(export())
    said = _said(found, path, manifest, size, as_json=as_json)
    if path == _STDOUT:
        write_note(said)
    else:
        from binex.cli.streams import write_result

        write_result(said)
    return 0


def _said(run: "Run", path: Path, manifest: "Manifest", size: int, *, as_json: bool) -> str:
    from binex.cli.render.text import escape, pretty_json
    from binex.cli.render.units import count
    from binex.cli.render.units import size as shown_size
    from binex.stores.bundles import layout

    counts = {table.removesuffix(".jsonl"): number for table, number in manifest.counts.items()}
    if as_json:
        return pretty_json({"run": run.model_dump(mode="json"), "file": str(path), "size": size, "counts": counts})
    parts = [
        count(manifest.counts[layout.RECORDS], "record"),
        count(manifest.counts[layout.ARTIFACTS], "artifact"),
        count(manifest.counts[layout.CALLS], "call"),
    ]
    others = manifest.counts[layout.RUNS] - 1
    family = f", with {count(others, 'run')} that it was made from" if others else ""
    where = "stdout" if path == _STDOUT else escape(str(path))
    return f"run {run.id} ({escape(run.workflow)}) is in {where}{family}: {', '.join(parts)}, {shown_size(size)}"


@contextmanager
def _new_file(path: Path, *, replaces: bool) -> "Iterator[IO[bytes]]":
    """A file that has its name only once the block has ended well; its owner's alone.

    Raises:
        InputError: there is such a file already, or it cannot be written.
    """
    import os
    import tempfile

    from binex.errors import InputError

    if path.is_dir():
        raise InputError(f"'{path}' is a folder", fix="name a file in it, as in -o DIR/run.binex")
    taken = InputError(f"there is a file '{path}' already", fix="write over it with --force, or name another with -o")
    if not replaces and os.path.lexists(path):
        raise taken
    try:
        number, name = tempfile.mkstemp(prefix=".tmp-", suffix=".binex", dir=path.parent)  # mode 0600
        temporary = Path(name)
        try:
            with open(number, "w+b") as file:  # noqa: PTH123 - a descriptor
                yield file
                file.flush()
                os.fsync(number)
            if replaces:
                temporary.replace(path)
            else:
                _give_name(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except FileExistsError:
        raise taken from None
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}") from error


def _give_name(temporary: Path, path: Path) -> None:
    try:
        path.hardlink_to(temporary)  # unlike a rename, never in the place of another
    except FileExistsError:
        raise
    except OSError:  # a file system without links
        temporary.rename(path)


@contextmanager
def _stdout() -> "Iterator[IO[bytes]]":
    """A file that goes to stdout once the block has ended well.

    Raises:
        InputError: stdout is a terminal, or cannot be written.
    """
    import shutil
    import tempfile

    from binex.errors import InputError

    if sys.stdout.isatty():
        raise InputError("a bundle is nothing for a terminal", fix="redirect it (> run.binex), or name a file with -o")
    with tempfile.TemporaryFile() as file:
        yield file
        file.seek(0)
        try:
            with suppress(BrokenPipeError):
                shutil.copyfileobj(file, sys.stdout.buffer)
                sys.stdout.flush()
        except OSError as error:
            raise InputError(f"cannot write the bundle: {error.strerror}") from error
