"""What a remote agent has said about one message, put together from its events: state, artifacts, or a plain reply.

Events are plain JSON in the form of the protocol's version 1.0, so that a tape can be read without its library.
"""

from typing import Final

from pydantic import JsonValue

from binex.adapters.a2a.message import Json
from binex.errors import BadReplyError

_PREFIX: Final = "TASK_STATE_"
COMPLETED: Final = "COMPLETED"
FAILURES: Final = frozenset({"FAILED", "CANCELED", "REJECTED"})
INTERRUPTIONS: Final = frozenset({"INPUT_REQUIRED", "AUTH_REQUIRED"})
_STATES: Final = frozenset({"SUBMITTED", "WORKING", COMPLETED}) | FAILURES | INTERRUPTIONS


class TaskReading:
    """Takes events, in order, until the task is over or wants to know something. The first final state wins."""

    def __init__(self, host: str, before: "TaskReading | None" = None) -> None:
        """*before* is what was read until the agent asked something that has been answered now."""
        self.host = host
        self.task_id: str = before.task_id if before else ""
        self.context_id: str = before.context_id if before else ""
        self.state = ""
        self.status_message: Json | None = None
        self.artifacts: dict[str, Json] = dict(before.artifacts) if before else {}
        self._status_at = ""
        self._answered = before.question_id if before else ""
        self.reply: Json | None = None
        """The message that was answered instead of a task."""

    @property
    def is_final(self) -> bool:
        """Whether nothing more will come."""
        return self.reply is not None or self.state == COMPLETED or self.state in FAILURES

    @property
    def is_interrupted(self) -> bool:
        """Whether the agent waits for an answer."""
        return self.state in INTERRUPTIONS

    @property
    def is_settled(self) -> bool:
        """Whether there is no sense in listening on."""
        return self.is_final or self.is_interrupted

    @property
    def is_unmoved(self) -> bool:
        """Whether the agent has not looked at the answer to its question yet."""
        return not self.state

    def take(self, event: Json) -> str:
        """Take in the next event; what may be shown of it at once.

        Raises:
            BadReplyError: no agent that keeps to the protocol says this, or not now.
        """
        if self.is_settled:
            return ""
        match event:
            case {"task": dict(task)}:
                return self._take_task(task)
            case {"statusUpdate": dict(update)}:
                self._expect(update, "taskId")
                return self._take_status(update.get("status"))
            case {"artifactUpdate": dict(update)}:
                self._expect(update, "taskId")
                return self._take_artifact(update)
            case {"message": dict(message)}:
                if self.task_id and message.get("taskId", self.task_id) != self.task_id:
                    raise self._bad(f"a reply for the task '{message['taskId']:.80}', not for '{self.task_id:.80}'")
                self.context_id = _text(message.get("contextId")) or self.context_id
                self.reply = message
                return ""
        raise self._bad("an event that is neither a task nor a message, a status or an artifact")

    @property
    def question_id(self) -> str:
        """Which question the agent asks, if it does; empty where it gives nothing to tell it from others by."""
        given = _text((self.status_message or {}).get("messageId"))
        return given or (f"{self._status_at} {self.reason:.100}" if self._status_at else "")

    @property
    def reason(self) -> str:
        """What the agent said with its last state."""
        return text_of(self.status_message)

    def _take_task(self, task: Json) -> str:
        self._expect(task, "id")
        artifacts = task.get("artifacts")
        if isinstance(artifacts, list):
            self.artifacts = {self._id_of(artifact): artifact for artifact in artifacts if isinstance(artifact, dict)}
        return self._take_status(task.get("status"))

    def _take_status(self, status: JsonValue) -> str:
        status = status if isinstance(status, dict) else {}
        state = _text(status.get("state")).removeprefix(_PREFIX)
        if state not in _STATES:
            raise self._bad(f"the task's state is {status.get('state', 'missing')!r:.80}")
        if state == "SUBMITTED" and self.state not in ("", "SUBMITTED"):
            raise self._bad(f"the task's state went back from {self.state.lower()} to submitted")
        self.state = state
        message = status.get("message")
        before, self.status_message = self.status_message, message if isinstance(message, dict) else None
        self._status_at = _text(status.get("timestamp"))
        if self.is_interrupted and self._answered and self.question_id == self._answered:
            self.state = ""  # the agent has not looked at the answer yet
            return ""
        said = self.reason
        return f"{said}\n" if said and self.status_message != before and not self.is_settled else ""

    def _take_artifact(self, update: Json) -> str:
        artifact = update.get("artifact")
        if not isinstance(artifact, dict):
            raise self._bad("an artifact update without an artifact")
        artifact_id = self._id_of(artifact)
        known = self.artifacts.get(artifact_id)
        if update.get("append") and known is not None:
            self.artifacts[artifact_id] = {**known, **artifact, "parts": [*parts_of(known), *parts_of(artifact)]}
        else:
            self.artifacts[artifact_id] = artifact
        return text_of(artifact)

    def _id_of(self, artifact: Json) -> str:
        found = _text(artifact.get("artifactId"))
        if not found:
            raise self._bad("an artifact without an id")
        return found

    def _expect(self, event: Json, key: str) -> None:
        found = _text(event.get(key))
        if not found:
            raise self._bad("an event without a task id")
        if self.task_id and found != self.task_id:
            raise self._bad(f"an event of the task '{found:.80}', not of '{self.task_id:.80}'")
        self.task_id = found
        self.context_id = _text(event.get("contextId")) or self.context_id

    def _bad(self, why: str) -> BadReplyError:
        return bad_reply(self.host, why)


def bad_reply(host: str, why: str, *, body: str = "", is_retryable: bool | None = None) -> BadReplyError:
    """What *host* answered is no A2A."""
    return BadReplyError(
        f"not a valid A2A reply from {host} ({why})",
        fix="is it an A2A agent that answers at this address?",
        host=host,
        body=body,
        is_retryable=is_retryable,
    )


def parts_of(holder: Json | None) -> list[JsonValue]:
    """The parts of a message or an artifact."""
    parts = (holder or {}).get("parts", [])
    return parts if isinstance(parts, list) else []


def text_of(holder: Json | None) -> str:
    """The text in a message or an artifact."""
    return "".join(_text(part.get("text")) for part in parts_of(holder) if isinstance(part, dict))


def _text(value: JsonValue) -> str:
    return value if isinstance(value, str) else ""
