"""Models printed whole, as JSON that is valid and safe to show."""

from pydantic import BaseModel

from binex.cli.render.text import escape_json, pretty_json
from binex.cli.streams import write_result


def print_json(model: BaseModel) -> None:
    """Print *model* on stdout."""
    write_result(json_of(model))


def json_of(model: BaseModel) -> str:
    """*model* as JSON."""
    try:
        return escape_json(model.model_dump_json(indent=2))
    except ValueError:  # text with lone surrogates, which UTF-8 has no form for
        return pretty_json(model.model_dump(mode="json"))
