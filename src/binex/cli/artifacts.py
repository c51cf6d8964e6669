"""``binex artifacts``: what the tasks of a run made."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option, run_argument


@click.group("artifacts")
def command() -> None:
    """List and show what the tasks of a run made."""


@command.command("list")
@run_argument
@click.option("--items", "with_items", is_flag=True, help="Also those of every item of a foreach.")
@json_option
@directory_option
def list_command(run: str, with_items: bool, as_json: bool, directory: Path | None) -> int:
    """List the artifacts of RUN (default: latest), and check that they are what was stored.

    A fork has also those that it took over; they are named with the run that made them.
    """
    from binex.analysis.artifacts import ArtifactList, list_artifacts
    from binex.analysis.find import find_run
    from binex.cli.printing import print_json
    from binex.cli.reading import read
    from binex.cli.render.artifact_list import artifact_list
    from binex.cli.render.look import Look
    from binex.cli.streams import write_result
    from binex.errors import DamagedDataError
    from binex.stores.run_store import RunStore

    async def ask(store: RunStore) -> ArtifactList:
        return await list_artifacts(store, await find_run(store, run), verify=True)

    found, code = read(directory, ask)
    if as_json:
        print_json(found)
    else:
        write_result(artifact_list(found, Look.of(sys.stdout), with_items=with_items))
    return DamagedDataError.exit_code if found.damage else code


@command.command("show")
@click.argument("which", nargs=-1, required=True, metavar="[RUN] ARTIFACT")
@click.option("-o", "--output", "file", type=click.Path(path_type=Path), help="Write the content as it is to a file.")
@json_option
@directory_option
def show_command(which: tuple[str, ...], file: Path | None, as_json: bool, directory: Path | None) -> int:
    """Show an artifact: its id, or NODE, NODE[3], NODE.OUTPUT of RUN (default: latest).

    Text is shown as it is, with control characters escaped; anything else as JSON.
    """
    from binex.analysis.artifacts import get_artifact
    from binex.analysis.find import find_artifact, find_run
    from binex.cli.reading import read
    from binex.cli.render.text import content_text
    from binex.cli.streams import write_result
    from binex.errors import InputError
    from binex.models.task import Artifact
    from binex.stores.run_store import RunStore

    if len(which) > 2:
        raise InputError("too many arguments", fix="write binex artifacts show RUN ARTIFACT")

    async def ask(store: RunStore) -> Artifact:
        run = (
            None if len(which) == 1 and "~" in which[0] else await find_run(store, which[0] if which[1:] else "latest")
        )
        return await get_artifact(store, await find_artifact(store, which[-1], run))

    artifact, code = read(directory, ask)
    if file is not None:
        _write(file, artifact)
    elif as_json:
        _print_whole(artifact)
    else:
        write_result(content_text(artifact.content))
    return code


def _write(file: Path, artifact: "object") -> None:
    from binex.errors import InputError
    from binex.models.task import Artifact

    assert isinstance(artifact, Artifact)
    content = artifact.content
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else artifact.data
    try:
        if str(file) == "-":
            sys.stdout.buffer.write(data)
            sys.stdout.flush()
        else:
            file.write_bytes(data)
    except BrokenPipeError:
        pass
    except OSError as error:
        raise InputError(f"cannot write '{file}': {error.strerror}") from error


def _print_whole(artifact: "object") -> None:
    from binex.cli.render.text import pretty_json
    from binex.cli.streams import write_result
    from binex.models.task import Artifact

    assert isinstance(artifact, Artifact)
    write_result(pretty_json({**artifact.info.model_dump(mode="json"), "content": artifact.content}))
