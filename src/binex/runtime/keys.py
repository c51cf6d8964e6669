"""What a task is known by: all that its outcome depends on, as a hash. Neither its name nor its place counts."""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple, cast

from pydantic import JsonValue

from binex.models.agent_settings import DEFAULT_REPAIR
from binex.models.json_value import encode_json
from binex.models.run import Versions
from binex.models.task import TaskNode
from binex.tape.redaction import Redactor

_VERSION: Final = "1"
"""Changes with the meaning of any part: keys of different versions never match."""
_PART_CHARACTERS: Final = 16
"""How much of the hash of a part is kept: enough to tell two apart, and no key to what was hashed."""


class TaskKey(NamedTuple):
    """The key of a task, and what it is made of."""

    hash: str
    """64 hexadecimal characters."""
    parts: Mapping[str, str]
    """A short hash of each thing that counts, by name: `agent`, `code`, `config.temperature`, `inputs.topic`."""


class Keys:
    """Computes the keys of one run's tasks.

    *versions* has the code behind agents and tools, and the versions of adapters. Secrets count as what is kept of
    them, and values as they are given: the order of the fields of an object, and that of the inputs, is part of them.
    """

    def __init__(self, versions: Versions, redactor: Redactor) -> None:
        self._versions = versions
        self._redactor = redactor
        self._of_nodes: dict[str, dict[str, str]] = {}
        self._of_agents: dict[tuple[str, tuple[str, ...]], dict[str, str]] = {}

    def of(self, task: TaskNode) -> TaskKey:
        """The key of *task*."""
        parts = dict(self._of_node(task))
        if task.system_prompt is not None:
            parts["prompt"] = self._hash(task.system_prompt)
        if task.messages is not None:
            parts["messages"] = self._hash(task.messages)
        for name, value in task.config.items():
            parts[f"config.{name}"] = self._hash(value)
        for name, server in task.mcp_servers.items():
            parts[f"mcp_servers.{name}"] = self._hash(server.model_dump(mode="json"))
        for name, value in task.inputs.items():
            parts[f"inputs.{name}"] = self._hash(value)
        # A name may hold anything, so its length says where it ends.
        text = "".join(f"{len(name)}:{name}={parts[name]}" for name in sorted(parts))
        return TaskKey(hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(), parts)

    def _of_node(self, task: TaskNode) -> dict[str, str]:
        """The parts that are the same for all tasks of a node."""
        parts = self._of_nodes.get(task.node_id)
        if parts is None:
            said: dict[str, JsonValue] = {}
            if task.output_schema is not None:
                said["output_schema"] = task.output_schema
            if task.repair is not DEFAULT_REPAIR and task.repair != DEFAULT_REPAIR:
                said["repair"] = task.repair.model_dump()
            for name, uris in (("tools", task.tools), ("fallbacks", task.fallbacks)):
                if uris:
                    said[name] = list(uris)
            if len(task.inputs) > 1:
                said["inputs"] = list(task.inputs)
            known = self._versions.handlers
            codes: dict[str, JsonValue] = {uri: known[uri] for uri in (task.agent, *task.tools) if uri in known}
            if codes:
                said["code"] = codes
            own = {name: self._hash(value) for name, value in said.items()}
            parts = self._of_nodes[task.node_id] = self._of_agent(task) | own
        return parts

    def _of_agent(self, task: TaskNode) -> dict[str, str]:
        """The parts that are the same for all nodes that use an agent in the same way."""
        parts = self._of_agents.get((task.agent, task.outputs))
        if parts is None:
            said: dict[str, JsonValue] = {"agent": task.agent, "outputs": list(task.outputs), "key": _VERSION}
            version = self._versions.adapters.get(task.agent.partition("://")[0])
            if version:
                said["adapter"] = version
            parts = {name: self._hash(value) for name, value in said.items()}
            self._of_agents[task.agent, task.outputs] = parts
        return parts

    def _hash(self, value: object) -> str:
        data = encode_json(value)
        if self._redactor.has_values and not self._redactor.leaves(data):
            data = encode_json(self._redactor.redact_json(cast(JsonValue, value)))
        return hashlib.sha256(data).hexdigest()[:_PART_CHARACTERS]
