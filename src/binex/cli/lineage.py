"""``binex lineage``: where an artifact comes from, what it became, and who first said what it says."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from binex.cli.options import directory_option, json_option

if TYPE_CHECKING:
    from binex.analysis.lineage.blame_model import Blame
    from binex.analysis.lineage.model import ArtifactLineage
    from binex.models.run import Run
    from binex.models.task import ArtifactInfo
    from binex.stores.run_store import RunStore


@click.command("lineage")
@click.argument("which", nargs=-1, required=True, metavar="[RUN] ARTIFACT")
@click.option("--up", "direction", flag_value="up", help="Only what it was made from.")
@click.option("--down", "direction", flag_value="down", help="Only what was made from it.")
@click.option("--depth", type=click.IntRange(min=1), metavar="N", help="So many steps at most. Default: all.")
@click.option(
    "--blame", "text", metavar="TEXT", help="Find who first said TEXT, a passage of the artifact; '-' means all of it."
)
@json_option
@directory_option
def command(
    which: tuple[str, ...],
    direction: str | None,
    depth: int | None,
    text: str | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Show what an artifact was made from and what it reached: its id, or NODE, NODE[3], NODE.OUTPUT of RUN
    (default: latest).

    Upwards it ends at what somebody wrote: the workflow's inputs, values and prompts. Downwards it goes on in
    forks and in runs that reused it.
    """
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError, InputError

    if len(which) > 2:
        raise InputError("too many arguments", fix="write binex lineage RUN ARTIFACT")
    if text is not None:
        if direction is not None or depth is not None:
            raise InputError("--blame goes upwards to the end", fix="leave out --up, --down and --depth")
        return _blame(which, text, as_json, directory)
    is_up, is_down = direction != "down", direction != "up"

    async def ask(store: "RunStore") -> "ArtifactLineage":
        from binex.analysis.lineage.sources import Sources
        from binex.analysis.lineage.tree import lineage
        from binex.loader import bind_source

        run, artifact = await _find(store, which)
        sources = Sources(store, bind_source)
        return await lineage(run, artifact, sources, is_up=is_up, is_down=is_down, depth=depth)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        from binex.cli.render.lineage import lineage_text

        write_result(lineage_text(found, Look.of(sys.stdout), is_up=is_up, is_down=is_down))
    return DamagedDataError.exit_code if found.damage else code


def _blame(which: tuple[str, ...], text: str, as_json: bool, directory: Path | None) -> int:
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.blame import blame_text
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError

    async def ask(store: "RunStore") -> "Blame":
        from binex.analysis.artifacts import get_artifact
        from binex.analysis.lineage.blame import blame
        from binex.analysis.lineage.sources import Sources
        from binex.loader import bind_source

        run, info = await _find(store, which)
        sources = Sources(store, bind_source)
        return await blame(run, await get_artifact(store, info), sources, None if text == "-" else text)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(blame_text(found, Look.of(sys.stdout)))
    return DamagedDataError.exit_code if found.damage else code


async def _find(store: "RunStore", which: tuple[str, ...]) -> "tuple[Run, ArtifactInfo]":
    """The artifact that is meant, and the run in which."""
    from binex.analysis.find import find_artifact, find_run

    is_id = len(which) == 1 and "~" in which[0]
    run = None if is_id else await find_run(store, which[0] if which[1:] else "latest")
    artifact = await find_artifact(store, which[-1], run)
    return run or await find_run(store, artifact.run_id), artifact
