"""Models printed whole, as JSON that is valid and safe to show."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final

from pydantic import BaseModel

from binex.cli.render.text import escape_json, pretty_json
from binex.cli.streams import write_result

_MANY: Final = 100
"""Longer lists and objects are written an element at a time: the text of ten thousand tasks takes more memory than they
do."""


def print_json(model: BaseModel) -> None:
    """Print *model* on stdout."""
    write_result(json_pieces(model))


def json_of(model: BaseModel) -> str:
    """*model* as JSON."""
    try:
        return escape_json(model.model_dump_json(indent=2, warnings=False))
    except ValueError:  # text with lone surrogates, which UTF-8 has no form for
        return pretty_json(model.model_dump(mode="json", warnings=False))


def json_pieces(model: BaseModel) -> Iterator[str]:
    """The text that :func:`json_of` makes, in pieces where *model* is large."""
    large = {name: value for name, value in model.__dict__.items() if _is_large(value)}
    rest = json_of(model.model_copy(update=dict.fromkeys(large)) if large else model)
    for name, value in large.items():
        start = f'\n  "{name}": '  # as only this member of the outermost object is written
        before, _, rest = rest.partition(f"{start}null")
        yield before + start
        yield from _indented(_pieces(value))
    yield rest


def _is_large(value: object) -> bool:
    if isinstance(value, BaseModel):
        return any(_is_large(part) for part in value.__dict__.values())
    if not isinstance(value, tuple | dict):
        return False
    parts = value.values() if isinstance(value, dict) else value
    first = next(iter(parts), None)
    if isinstance(first, BaseModel):
        return len(value) > _MANY or any(_is_large(part) for part in parts)
    return len(value) > _MANY and _is_made_of_models(first)


def _is_made_of_models(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(part, BaseModel) for part in value)


def _pieces(value: object) -> Iterator[str]:
    match value:
        case BaseModel():
            yield from json_pieces(value)
        case Mapping():
            yield from _members("{", (chain((f"{pretty_json(key)}: ",), _pieces(of)) for key, of in value.items()), "}")
        case tuple():
            yield from _members("[", (_pieces(part) for part in value), "]")
        case _:
            raise TypeError(f"not a part of a model that is large: {type(value).__name__}")


def _members(opening: str, members: Iterable[Iterable[str]], closing: str) -> Iterator[str]:
    yield opening
    is_any = False
    for member in members:
        yield ",\n  " if is_any else "\n  "
        is_any = True
        yield from _indented(member)
    yield f"\n{closing}" if is_any else closing


def _indented(pieces: Iterable[str]) -> Iterator[str]:
    """A line's end is never a part of a text in JSON."""
    return (piece.replace("\n", "\n  ") for piece in pieces)
