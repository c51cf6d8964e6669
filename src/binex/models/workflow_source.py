"""The text of a workflow, as it is kept with every run."""

from pydantic import Field

from binex.models.base import Model
from binex.models.change import Change


class WorkflowSource(Model):
    """The text that a workflow was read from: all that is needed to read it again on another day."""

    file: str
    """Where it was read from; only for messages and for finding local functions."""
    folder: str
    """The folder of the file: local functions and prompts are found there."""
    text: str
    prompts: dict[str, str] = Field(default_factory=dict)
    """The text of every prompt file, by the name that the workflow uses."""
    changes: tuple[Change, ...] = ()
    """What a fork has otherwise than the text, in the order in which it is applied."""
