"""``binex validate``: check workflow files without running anything."""

import sys
from pathlib import Path

import click

from binex.cli.options import directory_option, json_option


@click.command("validate")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--limit", "limits", multiple=True, metavar="NAME=VALUE", help="A limit, as in file_bytes=2MiB.")
@click.option("--allow-path", "allow_paths", multiple=True, type=click.Path(path_type=Path), help="See 'binex run'.")
@json_option
@directory_option
def command(
    files: tuple[Path, ...],
    limits: tuple[str, ...],
    allow_paths: tuple[Path, ...],
    as_json: bool,
    directory: Path | None,
) -> int:
    """Check workflow FILES; nothing is run, imported or connected to."""
    from binex.cli.checking import CheckedFiles, check
    from binex.cli.limits import read_limits
    from binex.cli.printing import print_json
    from binex.cli.render.checked import checked_files
    from binex.cli.render.look import Look
    from binex.cli.streams import write_note, write_result

    del directory  # every command takes --dir; this one needs no store
    bounds = read_limits(limits)
    found = CheckedFiles(files=tuple(check(file, bounds, allow_paths) for file in files))
    if as_json:
        print_json(found)
    else:
        good, bad = checked_files(found, Look.of(sys.stdout), Look.of(sys.stderr))
        if bad:
            write_note(bad)
        if good:
            write_result(good)
    return 0 if all(file.is_usable for file in found.files) else 2
