"""What is kept of a remote task while it goes on, so that it is found again and not started twice."""

from dataclasses import asdict, dataclass, replace
from typing import Final, Self

from pydantic import JsonValue

from binex.adapters.a2a.message import Json, message_id
from binex.models.task import TaskNode

NAME: Final = "a2a"
"""Under which an attempt keeps it."""
FAILED: Final = "failed"
ANSWERED: Final = "answered"


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The ids of one remote task, and how far it came."""

    url: str
    """The agent's URI."""
    message_id: str
    """The id of the message that started it."""
    task_id: str = ""
    context_id: str = ""
    ended: str = ""
    """How an attempt saw it end; empty as long as it goes on."""
    questions: int = 0
    """How often it has asked."""
    asked_about: str = ""
    """Which message of the agent was the last question."""

    @classmethod
    def of(cls, kept: JsonValue, task: TaskNode, url: str) -> Self:
        """The bookmark of the remote task that *task* should go on with, or of a new one."""
        if not isinstance(kept, dict) or kept.get("url") != url:
            return cls(url, message_id(task))
        found = cls(**{name: value for name, value in kept.items() if name in cls.__slots__})  # type: ignore[arg-type]
        # An answer that an earlier attempt has taken can only be asked for again because it did not fit.
        is_spent = found.ended == FAILED or (found.ended == ANSWERED and task.output_schema is not None)
        return found.anew(task) if is_spent else found

    def anew(self, task: TaskNode) -> Self:
        """The bookmark of another remote task in the place of one that cannot go on."""
        return type(self)(self.url, message_id(task, is_anew=True))

    def forgotten(self) -> Self:
        """The same, to be started with the same message: the agent knows of no task."""
        return replace(self, task_id="", context_id="", questions=0, asked_about="")

    def at(self, task_id: str, context_id: str) -> Self:
        """The same, now that the ids are known."""
        return replace(self, task_id=task_id, context_id=context_id)

    def asking(self, about: str) -> Self:
        """The same, with the question *about* counted; once, where it can be told from others."""
        is_known = bool(about) and self.asked_about == about
        return self if is_known else replace(self, questions=self.questions + 1, asked_about=about)

    def ending(self, how: str) -> Self:
        """The same, ended."""
        return replace(self, ended=how)

    def as_json(self) -> Json:
        return asdict(self)
