"""What all models share: frozen, typed, unknown fields refused."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """An immutable value."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
