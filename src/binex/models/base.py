"""What all models share: frozen, typed, unknown fields refused.

A field is explained by the text below it. Only the JSON Schema needs these texts, and reading the sources for
them at each start would cost more than all else, so it does that itself. For the same reason a model's validator
is built when it is first used.
"""

from typing import Annotated, Final, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict

UNNOTED: Final[set[str]] = set()
"""Stands in models for the names of the fields that they were given, where nobody asks for those: a set for each of
ten thousand models takes more memory than the model."""


class Model(BaseModel):
    """An immutable value."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


M = TypeVar("M", bound=BaseModel)


def slimmed(model: M) -> M:
    """*model* and the models in it, all with :data:`UNNOTED`."""
    object.__setattr__(model, "__pydantic_fields_set__", UNNOTED)
    for value in model.__dict__.values():
        if isinstance(value, BaseModel):
            slimmed(value)
    return model


def _writable(text: object) -> object:
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


AnyText = Annotated[str, BeforeValidator(_writable)]
"""Text from anywhere: lone surrogates, which UTF-8 has no form for, stand as escapes."""
