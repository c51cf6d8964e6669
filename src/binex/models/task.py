"""What happened: tasks, attempts, artifacts and how they ended."""

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Self

from pydantic import Field, JsonValue, SkipValidation

from binex.models.agent_settings import Isolation, McpServer, Repair
from binex.models.base import AnyText, Model
from binex.models.call import Spend
from binex.models.json_value import decode_json, encode_json
from binex.models.names import artifact_id, read_artifact_id


def now() -> datetime:
    """The wall clock, in UTC; for people. Durations are measured with the monotonic clock."""
    return datetime.now(UTC)


class TaskStatus(StrEnum):
    """Where a task stands."""

    WAITING = "waiting"
    READY = "ready"
    RUNNING = "running"
    WAITING_FOR_HUMAN = "waiting_for_human"
    COMPLETED = "completed"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    SKIPPED = "skipped"


class SkipReason(StrEnum):
    """Why a task was skipped."""

    WHEN = "when"
    """Its condition was false; what only depends on it runs."""
    BLOCKED = "blocked"
    """Something whose output it needs did not complete."""
    LEFT_OUT = "left_out"
    """Only another task of the fork was asked for."""
    BY_HAND = "by_hand"
    """Somebody skipped it where the run stopped before it; what depends on it gets null."""


class ErrorKind(StrEnum):
    """What sort of failure an attempt met."""

    CODE = "code"
    """The agent's code raised."""
    DEADLINE = "deadline"
    """The attempt took longer than its deadline."""
    BAD_INPUT = "bad_input"
    """The task could not be put together: a reference, a condition, a list to fan out over."""
    BAD_OUTPUT = "bad_output"
    """The answer could not be kept."""
    AGENT = "agent"
    """The agent said that it failed."""
    PROCESS = "process"
    """The agent's process died."""
    CANCELLED = "cancelled"
    """The attempt was stopped from outside."""
    ITEMS = "items"
    """Items of a foreach failed, and with them the node."""
    RATE_LIMIT = "rate_limit"
    """The other side asked for fewer requests."""
    AUTHENTICATION = "authentication"
    """The other side did not accept the key, or there was none."""
    REFUSED = "refused"
    """The other side understood the request and will not do it; asking again cannot help."""
    UNREACHABLE = "unreachable"
    """There was no connection, or it broke, or the other side failed."""
    BAD_REPLY = "bad_reply"
    """What came back was not a valid reply."""
    SCHEMA = "schema"
    """The answer does not fit `output_schema`."""
    BUDGET = "budget"
    """The budget does not allow the call."""
    HUMAN = "human"
    """Nobody answered in time."""
    OFFLINE = "offline"
    """The agent would have had to be asked, and only what is known was to count."""


class ErrorInfo(Model):
    """Why an attempt failed, in full."""

    kind: ErrorKind
    """What sort of failure it was."""
    type: AnyText
    """The class of the exception, as in `ValueError`."""
    message: AnyText = Field(min_length=1)
    """What it said; never empty."""
    fix: AnyText | None = None
    """What to do about it, where that is known."""
    traceback: AnyText | None = None
    """The stack, for local code."""
    host: AnyText | None = None
    """Who said so, for what is remote."""
    status: int | None = None
    """The HTTP status, where there was one."""
    body: AnyText | None = None
    """The beginning of what the other side said, word for word."""


class TaskNode(Model):
    """One node in one run, ready to be given to an agent.

    ``inputs``, ``config`` and ``system_prompt`` have every reference filled in, secrets included: a task
    is never written anywhere.
    """

    run_id: str
    """The run that it belongs to."""
    path: str
    """Which task of the run it is, as in `search[3]`."""
    node_id: str
    """The node in the workflow."""
    agent: str
    """The agent's URI."""
    inputs: SkipValidation[dict[str, JsonValue]]
    """What the agent gets, by name; values of its own, which it may change."""
    outputs: tuple[str, ...] = ("output",)
    """The artifacts that it must make."""
    config: SkipValidation[dict[str, JsonValue]] = Field(default_factory=dict)
    """Settings for the adapter."""
    system_prompt: str | None = None
    """The agent's instructions."""
    attempt: int = 1
    """Which try this is, from 1; a resumed task counts on."""
    deadline_ms: int | None = None
    """How long the attempt may take, in milliseconds."""
    isolation: Isolation = Isolation.THREAD
    """Where a local function runs."""
    folder: str | None = None
    """The workflow's folder, where local functions are found."""
    idempotency_key: str = ""
    """The same for every attempt at the same task with the same inputs; for effects in other systems."""
    input_artifacts: tuple[str, ...] = ()
    """The ids of the artifacts that it is given."""
    messages: SkipValidation[list[dict[str, JsonValue]]] | None = None
    """The conversation that a model is given, where the workflow says it in full."""
    output_schema: SkipValidation[dict[str, JsonValue]] | None = None
    """The JSON Schema that every output must fit."""
    tools: tuple[str, ...] = ()
    """The URIs of the tools that a model may use."""
    mcp_servers: SkipValidation[dict[str, McpServer]] = Field(default_factory=dict)
    """The MCP servers that its tools may come from, every reference filled in."""
    fallbacks: tuple[str, ...] = ()
    """The URIs of the models to ask where the agent cannot be had, in order."""
    repair: Repair = Field(default_factory=Repair)
    """What to do about an answer that does not fit the schema."""


class Lineage(Model):
    """What an artifact was made from."""

    task: str
    """The path of the task that made it."""
    agent: str
    """The agent's URI."""
    attempt: int = 1
    """The attempt that made it."""
    derived_from: tuple[str, ...] = ()
    """The ids of the artifacts that the task was given."""
    edited: bool = False
    """Whether a person put it in the place of what the agent made."""


class ArtifactInfo(Model):
    """The envelope of an artifact, written by the runtime and never read out of the content."""

    id: str
    """Unique everywhere: `{run_id}~{task}~{output}`."""
    run_id: str
    """The run that made it."""
    task: str
    """The path of the task that made it."""
    output: str
    """Its name among the task's outputs."""
    size: int
    """How many bytes the content has."""
    sha256: str
    """The hash of the content's bytes, in hexadecimal."""
    created_at: datetime
    """When the runtime took it."""
    lineage: Lineage
    """What it was made from."""


class Artifact(ArtifactInfo):
    """One output of a task: an envelope, and exact bytes of JSON.

    ``data`` is never changed and never shared: :attr:`content` decodes a new value at every call.
    """

    data: bytes = Field(repr=False, exclude=True)
    """The content, as compact JSON in UTF-8."""

    @cached_property
    def _text(self) -> str | None:
        """The content where it is known to be text, which nobody can change."""
        return None

    @classmethod
    def of(cls, task: TaskNode, output: str, content: object) -> Self:
        """The artifact of *task* that holds *content*, any JSON value. Adapters make their answers with it.

        Raises:
            BadOutputError: *content* is not JSON.
        """
        data = encode_json(content)
        artifact = cls(
            id=artifact_id(task.run_id, task.path, output),
            run_id=task.run_id,
            task=task.path,
            output=output,
            size=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            created_at=now(),
            lineage=Lineage(task=task.path, agent=task.agent, attempt=task.attempt, derived_from=task.input_artifacts),
            data=data,
        )
        if type(content) is str:
            artifact.__dict__["_text"] = content
        return artifact

    def with_content(self, content: object) -> Self:
        """The same artifact with another JSON value.

        Raises:
            BadOutputError: *content* is not JSON.
        """
        return self.with_data(encode_json(content))

    def with_data(self, data: bytes) -> Self:
        """The same artifact with other content."""
        changed = self.model_copy(update={"data": data, "size": len(data), "sha256": hashlib.sha256(data).hexdigest()})
        changed.__dict__.pop("_text", None)
        return changed

    @property
    def content(self) -> JsonValue:
        """The JSON value, a new one at every call."""
        return decode_json(self.data) if self._text is None else self._text

    @property
    def info(self) -> ArtifactInfo:
        """The envelope alone."""
        return ArtifactInfo.model_construct(**{name: getattr(self, name) for name in ArtifactInfo.model_fields})


class ExecutionRecord(Model):
    """How one attempt ended; the last one of a task says how the task ended."""

    run_id: str
    """The run."""
    task: str
    """The path of the task."""
    node_id: str
    """The node in the workflow."""
    agent: str
    """The agent's URI, as written in the workflow."""
    attempt: int
    """Which try it was, from 1; 0 for a task that never started."""
    status: TaskStatus
    """How it ended."""
    is_final: bool = True
    """Whether the task ended with it; a failed attempt that is repeated is not final."""
    started_at: datetime | None = None
    """When it began."""
    ended_at: datetime
    """When it ended."""
    duration_ms: float = 0.0
    """How long it took, by the monotonic clock, in milliseconds."""
    queued_ms: float = 0.0
    """How long the task had waited since it could have run, in milliseconds."""
    input_artifacts: tuple[str, ...] = ()
    """The ids of the artifacts that it was given."""
    output_artifacts: tuple[str, ...] = ()
    """The ids of the artifacts that it made."""
    error: ErrorInfo | None = None
    """Why it failed."""
    skip_reason: SkipReason | None = None
    """Why it was skipped."""
    blocked_by: str | None = None
    """The path of the task whose failure kept it from running."""
    reused_from: str | None = None
    """The run that the outcome was taken from, where it was not executed here."""
    is_edited: bool = False
    """Whether a person changed what the task was given or what it made."""
    retry_in_ms: int | None = None
    """The pause before the next attempt, where there is one."""
    idempotency_key: str = ""
    """The key that the agent was given."""
    spend: Spend | None = None
    """What the attempt's calls of models cost together; None where it made none."""
    key: str = ""
    """The hash of all that its outcome depends on, without its name and place; empty where it had no agent."""
    key_parts: dict[str, str] = Field(default_factory=dict)
    """A short hash of each thing that the key is made of, by name: `agent`, `config.temperature`, `inputs.topic`."""

    @property
    def id(self) -> str:
        """Unique everywhere: one attempt has one record."""
        return f"{self.run_id}~{self.task}~{self.attempt}"

    @property
    def executed_as(self) -> tuple[str, str]:
        """The run and the path of the task that was executed: another one's, where the outcome was taken over."""
        if self.reused_from is None:
            return self.run_id, self.task
        for id in self.output_artifacts:  # ids say who made them, also where the task has another name here
            made = read_artifact_id(id)
            if made.run_id == self.reused_from:
                return made.run_id, made.task
        return self.reused_from, self.task


def final_records(records: Iterable[ExecutionRecord]) -> dict[str, ExecutionRecord]:
    """How each task ended, by its path and in the order in which they did: its last record, where that is final."""
    last: dict[str, ExecutionRecord] = {}
    for record in records:
        known = last.get(record.task)
        if known is None or record.attempt >= known.attempt:
            last.pop(record.task, None)
            last[record.task] = record
    return {path: record for path, record in last.items() if record.is_final}


class Outcome(Model):
    """How a task ended, together with what it made."""

    record: ExecutionRecord
    """The last record of the task."""
    artifacts: tuple[Artifact, ...] = ()
    """What it made, in the order of its outputs; empty unless it completed."""

    @property
    def path(self) -> str:
        return self.record.task

    @property
    def status(self) -> TaskStatus:
        return self.record.status
