"""What all models share: frozen, typed, unknown fields refused.

A field is explained by the text below it. Only the JSON Schema needs these texts, and reading the sources for
them at each start would cost more than all else, so it does that itself. For the same reason a model's validator
is built when it is first used.
"""

from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Model(BaseModel):
    """An immutable value."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


def _writable(text: object) -> object:
    return text.encode("utf-8", "backslashreplace").decode() if isinstance(text, str) else text


AnyText = Annotated[str, BeforeValidator(_writable)]
"""Text from anywhere: lone surrogates, which UTF-8 has no form for, stand as escapes."""
