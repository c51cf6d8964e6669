"""What all models share: frozen, typed, unknown fields refused.

A field is explained by the text below it. Only the JSON Schema needs these texts, and reading the sources for
them at each start would cost more than all else, so it does that itself. For the same reason a model's validator
is built when it is first used.
"""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
