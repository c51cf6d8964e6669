"""``binex schema``: the JSON Schema of the workflow file."""

import click

from binex.cli.options import directory_option


@click.command("schema")
@directory_option
def command(directory: object) -> int:
    """Print the JSON Schema of the workflow file, with which editors complete and check while you type."""
    from binex.cli.render.text import pretty_json
    from binex.cli.streams import write_result
    from binex.loader import workflow_schema

    del directory  # every command takes --dir; this one needs no store
    write_result(pretty_json(workflow_schema()))
    return 0
