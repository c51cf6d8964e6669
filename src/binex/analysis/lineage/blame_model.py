"""The model of who first said what an artifact says."""

from enum import StrEnum

from binex.analysis.artifacts import Damage
from binex.analysis.lineage.passages import Likeness
from binex.models.base import AnyText, Model
from binex.models.run import Run


class SpeakerKind(StrEnum):
    """What sort of source first said something."""

    INPUT = "input"
    """An input of the workflow."""
    VALUE = "value"
    """A value that the workflow says."""
    PROMPT = "prompt"
    """The instructions or the conversation that the workflow says."""
    MODEL = "model"
    """A model, in its own words."""
    CODE = "code"
    """A local function."""
    AGENT = "agent"
    """A remote agent."""
    TOOL = "tool"
    """A tool that a model used."""
    HTTP = "http"
    """A server that was asked over HTTP."""
    HUMAN = "human"
    """A person who was asked."""
    HAND = "hand"
    """A person who put something else in the place of what was made."""
    LOST = "lost"
    """Nobody can say: something that it was made from cannot be read."""


class Hop(Model):
    """One place that says the sentence."""

    source: str
    """An artifact's id; a call's, as in `plan:1.2`; or a name, as in `user.topic`."""
    run_id: str
    """The run that it belongs to."""
    path: AnyText = "$"
    """Where in the JSON value the text stands."""
    start: int
    """Where in the text the passage begins, in characters."""
    end: int
    """Where it ends."""
    quote: AnyText
    """The passage."""
    score: float = 1.0
    """How alike it is to the passage before, from 0 to 1."""
    likeness: Likeness = Likeness.EXACT
    """The same in words."""
    also_in: tuple[str, ...] = ()
    """Other sources that carry it just as well."""


class SentenceBlame(Model):
    """One sentence, from the artifact back to who first said it."""

    text: AnyText
    """The sentence."""
    hops: tuple[Hop, ...]
    """The artifact first; each further one was given to the task that made the one before."""
    speaker: SpeakerKind
    """What sort of source first said it."""
    said_by: AnyText
    """Who that was: an agent's URI, a target of a call, the name of an input."""
    task: str = ""
    """The path of the task in which it was said."""
    attempt: int = 0
    """The attempt in which it was said."""
    run_id: str
    """The run in which it was said."""

    @property
    def is_new(self) -> bool:
        """Whether nothing that the artifact was made from carries it."""
        return len(self.hops) == 1


class Blame(Model):
    """Who first said what an artifact says, sentence by sentence."""

    run: Run
    """The run in which it was asked for."""
    artifact: str
    """The artifact's id."""
    sentences: tuple[SentenceBlame, ...]
    """In the order in which they stand in the artifact."""
    skipped: tuple[str, ...] = ()
    """What was not looked at since there is too much of it, in words."""
    damage: tuple[Damage, ...] = ()
    """What could not be read."""
