"""What the user wrote: the workflow file, field by field.

The docstrings under the fields are the descriptions in the JSON Schema (``binex schema``).
"""

from enum import StrEnum
from typing import Annotated, Final, Literal, Self

from pydantic import Field, JsonValue, PrivateAttr

from binex.models.agent_settings import Isolation, McpServer, Repair
from binex.models.base import Model
from binex.models.budget import Budget
from binex.models.names import NAME_PATTERN
from binex.models.workflow_source import WorkflowSource

Name = Annotated[str, Field(pattern=rf"^{NAME_PATTERN}$")]
Positive = Annotated[int, Field(ge=1, strict=True)]


class Backoff(StrEnum):
    """How the pause before a retry grows."""

    EXPONENTIAL = "exponential"
    FIXED = "fixed"


class ItemFailure(StrEnum):
    """What a failed item of a ``foreach`` means for the others."""

    CONTINUE = "continue"
    FAIL_FAST = "fail_fast"


class InputType(StrEnum):
    """The type of a workflow input."""

    STRING = "string"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    ARRAY = "array"
    OBJECT = "object"


class RetryPolicy(Model):
    """When and how often a failed attempt is repeated."""

    max_retries: Annotated[int, Field(ge=0, le=1000, strict=True)] = 0
    """How often to repeat after the first attempt."""
    backoff: Backoff = Backoff.EXPONENTIAL
    """`exponential` doubles the pause each time, `fixed` keeps it."""
    delay_ms: Annotated[int, Field(ge=0, strict=True)] = 500
    """The pause before the first repetition, in milliseconds; every pause is shortened by up to half, by chance."""
    max_delay_ms: Annotated[int, Field(ge=0, strict=True)] = 60_000
    """No pause is longer than this, in milliseconds."""


_DEFAULT_RETRIES: Final = RetryPolicy.model_construct()  # needs no check, which would build the validator right here


class InputSpec(Model):
    """One input of the workflow, used as `${user.<name>}`."""

    type: InputType | None = None
    """What a value given with `--var` is read as; without it, as text."""
    default: JsonValue = None
    """The value when none is given."""
    description: str = ""
    """What the input is for."""
    required: bool | None = None
    """Whether it must be given; by default, when there is no default."""


class Defaults(Model):
    """What nodes use that do not say otherwise."""

    deadline_ms: Positive | None = None
    """How long one attempt may take, in milliseconds."""
    retry_policy: RetryPolicy | None = None
    """When and how often a failed attempt is repeated."""


class MessageSpec(Model):
    """One message of a conversation."""

    role: Literal["system", "user", "assistant"]
    """Who says it."""
    content: str
    """What is said; references may stand in it, and `file://prompts/ask.md` reads it from a file."""


class NodeSpec(Model):
    """One step of the workflow."""

    agent: str
    """Who does the work, as a URI: `local://module.function`, `local://echo`."""
    system_prompt: str | None = None
    """The agent's instructions; `file://prompts/plan.md` reads them from a file inside the workflow's folder."""
    inputs: dict[str, JsonValue] | None = None
    """What the agent gets, by name. References such as `${plan.output}` may stand in any string."""
    outputs: Annotated[tuple[Name, ...], Field(min_length=1)] = ("output",)
    """The names of the artifacts that the node makes."""
    depends_on: tuple[Name, ...] = ()
    """Nodes that must come first; a reference in `inputs` needs no entry here."""
    config: dict[str, JsonValue] = Field(default_factory=dict)
    """Settings for the adapter."""
    when: str | None = None
    """A condition; where it is false the node is skipped, which is no failure."""
    deadline_ms: Positive | None = None
    """How long one attempt may take, in milliseconds."""
    retry_policy: RetryPolicy | None = None
    """When and how often a failed attempt is repeated."""
    foreach: str | None = None
    """Run once for each item of a list: a reference to one, or the id of a node whose only output is one."""
    max_parallel: Positive | None = None
    """How many items may run at a time."""
    max_items: Positive = 100
    """More items than this are refused before the first one runs."""
    on_item_failure: ItemFailure = ItemFailure.CONTINUE
    """`continue` puts null in a failed item's place; `fail_fast` stops the other items and fails the node."""
    isolation: Isolation = Isolation.THREAD
    """`process` runs a local function in a process of its own, for code that may hang or crash."""
    messages: tuple[MessageSpec, ...] | None = None
    """For a model: the whole conversation, instead of `system_prompt` and the inputs."""
    output_schema: dict[str, JsonValue] | None = None
    """The JSON Schema that every output must fit; a miss is retried with the reason."""
    tools: tuple[str, ...] = ()
    """For a model: what it may use, `python://module.function`, `mcp://server/tool` or `mcp://server` for all."""
    fallbacks: tuple[str, ...] = ()
    """For a model: others to ask where it cannot be had, in order, as URIs."""
    repair: Repair | None = None
    """For a model: what to do about an answer that does not fit `output_schema`."""
    budget: Budget | None = None
    """What the node's calls of models may cost together: a number of US dollars, or `{max_cost: 0.50}`."""
    cache: Annotated[bool, Field(strict=True)] | None = None
    """Whether an outcome of an earlier run may stand for the node's: `true` always, `false` never."""


class WorkflowSpec(Model):
    """A workflow: nodes that delegate to agents, and what each needs from the others."""

    version: Annotated[int, Field(ge=1, strict=True)] = 1
    """The version of the file format."""
    name: str = "workflow"
    """What the workflow is called in lists."""
    description: str = ""
    """What it is for."""
    inputs: dict[Name, InputSpec] = Field(default_factory=dict)
    """The variables that a run takes, used as `${user.<name>}`."""
    defaults: Defaults = Field(default_factory=Defaults)
    """What nodes use that do not say otherwise."""
    concurrency: Positive | dict[str, Positive] | None = None
    """How many tasks may run at a time: a number, or `{default: 8, openai: 2}` by provider or scheme."""
    budget: Budget | None = None
    """What all calls of models may cost together."""
    mcp_servers: dict[Name, McpServer] = Field(default_factory=dict)
    """Servers whose tools models may use, by name."""
    nodes: Annotated[dict[Name, NodeSpec], Field(min_length=1)]
    """The steps, by id."""

    _source: WorkflowSource | None = PrivateAttr(default=None)

    @property
    def source(self) -> WorkflowSource | None:
        """The text this was read from, where it was read from text."""
        return self._source

    def read_from(self, source: WorkflowSource) -> Self:
        """The same workflow, knowing its source."""
        spec = self.model_copy()
        spec._source = source
        return spec

    def system_prompt_of(self, node_id: str) -> str | None:
        """The text of a node's prompt, read from its file where it names one; references still in it."""
        prompt = self.nodes[node_id].system_prompt
        if prompt is not None and self._source is not None:
            return self._source.prompts.get(prompt, prompt)
        return prompt

    def messages_of(self, node_id: str) -> list[JsonValue] | None:
        """The conversation of a node, texts read from their files where it names them; references still in it."""
        messages = self.nodes[node_id].messages
        if messages is None:
            return None
        prompts = self._source.prompts if self._source is not None else {}
        return [{"role": said.role, "content": prompts.get(said.content, said.content)} for said in messages]

    def deadline_ms_of(self, node_id: str) -> int | None:
        """How long one attempt of a node may take, in milliseconds."""
        own = self.nodes[node_id].deadline_ms
        return self.defaults.deadline_ms if own is None else own

    def retry_policy_of(self, node_id: str) -> RetryPolicy:
        """When and how often a failed attempt of a node is repeated: what the node says, and else the defaults."""
        default, own = self.defaults.retry_policy or _DEFAULT_RETRIES, self.nodes[node_id].retry_policy
        return default if own is None else default.model_copy(update=own.model_dump(exclude_unset=True))
