"""The seam between a run and whoever does the work."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from pydantic import JsonValue

from binex.errors import FieldFault
from binex.models.call import Spend
from binex.models.health import AgentHealth
from binex.models.task import Artifact, TaskNode


@runtime_checkable
class AgentAdapter(Protocol):
    """Speaks to one kind of agent.

    An adapter may also have any of the methods of :class:`ChecksNodes`, :class:`PreparesNodes`,
    :class:`KnowsItsCode`, :class:`HasVersion`, :class:`LeavesWorkBehind`, :class:`ReportsHealth`,
    :class:`ReportsHealthOfNodes` and :class:`DescribesAgents`; each is used where it is there.
    """

    async def execute(self, task: TaskNode, input_artifacts: list[Artifact], trace_id: str) -> list[Artifact]:
        """Do one attempt at *task* and return its outputs, made with :meth:`Artifact.of`.

        Raises:
            AgentError: the agent failed. Any other exception counts as a failure of the agent's code.
        """
        ...


@dataclass(frozen=True, slots=True)
class NodeUse:
    """How a workflow uses an agent: all that can be known about the node before it runs."""

    node_id: str
    agent: str
    folder: Path | None
    inputs: tuple[str, ...]
    """The names that the agent will be given."""
    config: Mapping[str, JsonValue]
    outputs: tuple[str, ...]
    is_isolated: bool = False
    are_inputs_implied: bool = False
    """Whether the node declares no inputs: the agent may then take fewer than it is given."""
    has_schema: bool = False
    """Whether its output must fit a schema."""
    has_instructions: bool = False
    """Whether there is a system prompt, or a conversation in full."""
    tools: tuple[str, ...] = ()
    """The URIs of the tools that the agent may use."""


@runtime_checkable
class ChecksNodes(Protocol):
    """Finds faults by reading alone: nothing of the user's runs, nothing is connected to."""

    def check(self, use: NodeUse) -> Sequence[FieldFault]:
        """What is wrong with the use of the agent; paths are relative to the node."""
        ...


@runtime_checkable
class PreparesNodes(Protocol):
    """Gets ready for the nodes of a run before the first one starts; may import the user's code."""

    async def prepare(self, uses: Sequence[NodeUse]) -> Mapping[str, Sequence[FieldFault]]:
        """What is wrong, by node id; paths are relative to the node."""
        ...


@runtime_checkable
class KnowsItsCode(Protocol):
    """Can tell whether the code behind an agent is still the same."""

    def fingerprint(self, use: NodeUse) -> str | None:
        """The hash of the agent's code, in hexadecimal; None where it has none of the project's."""
        ...


@runtime_checkable
class HasVersion(Protocol):
    """Says by a version that it makes something else of the same task than before."""

    version: str


@runtime_checkable
class AnsweredByTape(Protocol):
    """Needs nothing but the tape where that answers: no library, no key, no file, and so no preparation either."""

    is_answered_by_tape: bool


@runtime_checkable
class KeepsDeadlines(Protocol):
    """Keeps to ``deadline_ms`` of its tasks by itself, because it outlasts the attempt: the time to answer, say."""

    keeps_deadlines: bool


@runtime_checkable
class LeavesWorkBehind(Protocol):
    """Cannot always stop what it started, and says so."""

    @property
    def abandoned(self) -> int:
        """How much goes on at the moment although its tasks have ended."""
        ...


@runtime_checkable
class ServesRuns(Protocol):
    """Holds something for each run beyond its attempts, such as the processes of its tools."""

    async def end_run(self, run_id: str) -> None:
        """Give back what was held for a run; called when it has ended, in whatever way."""
        ...


@runtime_checkable
class HoldsResources(Protocol):
    """Holds connections or processes beyond one attempt."""

    async def close(self) -> None:
        """Give all of it back; called once, by the session, in the loop in which the attempts were executed."""
        ...


@runtime_checkable
class ReportsHealth(Protocol):
    """Can be asked whether an agent is there."""

    async def health(self, agent: str) -> AgentHealth: ...


@runtime_checkable
class ReportsHealthOfNodes(Protocol):
    """Can be asked whether an agent is there for a node, whose settings may say where that is."""

    async def health_with(self, agent: str, config: Mapping[str, JsonValue]) -> AgentHealth:
        """How the agent answers, with the node's ``config``, its references filled in."""
        ...


@dataclass(frozen=True, slots=True)
class AgentDescription:
    """What can be told about an agent by reading alone."""

    price: str = ""
    """What its work costs, in words; empty where it costs nothing that is known of."""
    key_variables: tuple[str, ...] = ()
    """The environment variables of which one must hold its key; empty where it needs none."""
    address: str = ""
    """Where it is, where the workflow says so."""


@runtime_checkable
class PricesTokens(Protocol):
    """Asks agents that are paid for by what they read and write."""

    def price_of(self, agent: str, spend: Spend) -> float | None:
        """What *agent* would take for the tokens of *spend*, in US dollars; None where no price is known."""
        ...


@runtime_checkable
class DescribesAgents(Protocol):
    """Can tell about an agent what its URI does not say."""

    def describe(self, agent: str, config: Mapping[str, JsonValue]) -> AgentDescription:
        """What is known; references in ``config`` are still in it. Nothing is connected to."""
        ...
