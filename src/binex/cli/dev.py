"""``binex dev``: the whole development environment in one command."""

from pathlib import Path

import click

from binex.cli.options import directory_option


@click.command("dev")
@click.argument("place", type=click.Path(path_type=Path), default=".", metavar="[FILE|FOLDER]")
@click.option("-v", "--var", "variables", multiple=True, metavar="NAME=VALUE", help="Give an input of the workflow.")
@click.option(
    "--mock-models",
    "script",
    is_flag=False,
    flag_value="",
    default=None,
    metavar="[SCRIPT]",
    help="Let scripted models answer in the place of all others, without a key; from SCRIPT, read again when saved.",
)
@click.option(
    "--allow-path",
    "allow_paths",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A folder outside the workflow's own from which it may read prompts.",
)
@click.option("--once", "is_once", is_flag=True, help="Start everything, run once, stop everything; for CI.")
@click.option("--no-page", "has_no_page", is_flag=True, help="Serve no page.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The port of the page.")
@click.option("--json", "as_json", is_flag=True, help="Print a line of JSON for each thing that happens.")
@directory_option
def command(  # noqa: PLR0913 - what users may say, each by its name
    *,
    place: Path,
    variables: tuple[str, ...],
    script: str | None,
    allow_paths: tuple[Path, ...],
    is_once: bool,
    has_no_page: bool,
    port: int | None,
    as_json: bool,
    directory: Path | None,
) -> int:
    """Work on the workflow in FILE, or on those in FOLDER (default: here).

    Starts the page, the agents that dev.agents in binex.toml names, and with --mock-models scripted models. Whenever a
    file is saved, what the change reaches is executed again, and the difference to the run before is shown. Ctrl-C ends
    everything that was started.
    """
    from binex.cli.developing import Developing
    from binex.cli.reading import store_folder
    from binex.loader import parse_assignments
    from binex.server.dev.environment import DevWish

    wish = DevWish(
        place=place,
        directory=store_folder(directory),
        is_once=is_once,
        allow_paths=allow_paths,
        variables=parse_assignments(variables),
        are_models_scripted=script is not None,
        script=Path(script) if script else None,
        port=port,
    )
    return Developing(wish, named=directory, as_json=as_json, has_page=not (has_no_page or is_once)).develop()
