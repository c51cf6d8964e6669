"""The models that an attempt may ask: the node's own, and those that stand in for it, one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pydantic import JsonValue

from binex.adapters.attempt import current_attempt
from binex.adapters.llm.backends import Backends
from binex.adapters.llm.exchange import Exchange, Reply, Voice
from binex.adapters.llm.messages import with_instruction
from binex.adapters.llm.naming import ModelName
from binex.adapters.llm.port import Connection, Message, ModelBackend, ModelRequest, ToolSpec
from binex.adapters.llm.settings import SCRIPT, NodeSettings, usable_settings
from binex.adapters.llm.structured import Shape
from binex.errors import AgentError, CheaperModelError, InputError, RemoteError
from binex.models.task import TaskNode

_WRONG_REQUEST: Final = frozenset({400, 422})
"""Statuses that say that the request is wrong, so that no other model would take it either."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model, and how this node asks it."""

    name: ModelName
    backend: ModelBackend
    settings: Mapping[str, JsonValue]
    connection: Connection


class Models:
    """Asks the first model; where that cannot be had, the next one, and stays with it.

    What belongs to the connection goes to the provider of the node's own model alone: a key never reaches another.
    """

    def __init__(self, task: TaskNode, settings: NodeSettings, backends: Backends, exchange: Exchange) -> None:
        self._task = task
        self._settings = settings
        self._backends = backends
        self._exchange = exchange
        self._voice = Voice(current_attempt().stream)
        self._own = backends.name_of(task.agent)
        self._current = self._candidate(task.agent)
        self._next = list(task.fallbacks)
        self._failed: list[tuple[ModelName, RemoteError]] = []
        self._cheaper: set[str] = set()

    @property
    def key_variables(self) -> frozenset[str]:
        """Where the keys of all models that may be asked can be, also where none is needed."""
        task = self._task
        return self._backends.key_variables((task.agent, *task.fallbacks, *filter(None, [task.repair.escalate])))

    async def ask(self, messages: Sequence[Message], tools: tuple[ToolSpec, ...], shape: Shape) -> Reply:
        """The reply of the first model that can be had.

        Raises:
            RemoteError: no model can; it names all that were asked.
            BudgetError: the budget does not allow the request.
        """
        while True:
            candidate = self._current
            request = _request(candidate, messages, tools, shape)
            try:
                return await self._exchange.ask(candidate.backend, request, candidate.connection, self._voice)
            except CheaperModelError as error:
                if not error.model or error.model in self._cheaper:
                    raise
                self._cheaper.add(error.model)
                self._current = self._candidate(error.model)
            except RemoteError as error:
                self._failed.append((candidate.name, error))
                if error.status in _WRONG_REQUEST or not self._next:
                    raise self._failure() from None
                self._current = self._candidate(self._next.pop(0))

    def switch_to(self, agent: str) -> None:
        """Ask this model from now on, and no other one."""
        self._current = self._candidate(agent)
        self._next.clear()

    def _candidate(self, agent: str) -> Candidate:
        try:
            name = self._backends.name_of(agent)
        except InputError as error:
            raise AgentError(error.message, fix=error.fix, is_retryable=False) from None
        backend = self._backends.backend_for(name.provider)
        settings = self._settings.generation
        if agent != self._task.agent:
            settings = usable_settings(settings, backend, name.provider, name.model)
        return Candidate(name, backend, settings, self._connection(name.provider))

    def _connection(self, provider: str) -> Connection:
        if provider != self._own.provider:
            return Connection(options=self._place())
        settings = self._settings
        script = {key: value for key, value in self._task.config.items() if key in SCRIPT}
        return Connection(settings.api_base, settings.api_key, settings.headers, {**self._place(), **script})

    def _place(self) -> dict[str, JsonValue]:
        """Which attempt asks: a scripted model goes by it."""
        task = self._task
        return {"run": task.run_id, "task": task.path, "attempt": task.attempt, "folder": task.folder}

    def _failure(self) -> RemoteError:
        """The last error; where several models were asked, with what each of them said."""
        _, last = self._failed[-1]
        if len(self._failed) == 1:
            return last
        told = "; ".join(f"{name.target}: {error.message}" for name, error in self._failed)
        return type(last)(
            f"none of {len(self._failed)} models could be had: {told}",
            fix=last.fix,
            host=last.host,
            status=last.status,
            body=last.body,
            is_retryable=any(error.is_retryable for _, error in self._failed),
            retry_after_ms=max((error.retry_after_ms or 0 for _, error in self._failed), default=0) or None,
        )


def _request(
    candidate: Candidate, messages: Sequence[Message], tools: tuple[ToolSpec, ...], shape: Shape
) -> ModelRequest:
    name = candidate.name
    is_kept_to = shape.schema is not None and candidate.backend.has_structured_output(name.provider, name.model)
    if shape.schema is not None and not is_kept_to:
        messages = with_instruction(list(messages), shape.instruction)
    settings = dict(candidate.settings)
    if any(message.role == "tool" for message in messages):
        settings.pop("tool_choice", None)  # it was obeyed; a model that must use a tool each time never answers
    return ModelRequest(
        provider=name.provider,
        model=name.model,
        messages=tuple(messages),
        settings=settings,
        tools=tools,
        output_schema=shape.schema if is_kept_to else None,
    )
