"""A conversation with a model: it may use tools before it answers, and is asked again where the answer does not do."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from pydantic import JsonValue

from binex.adapters.llm.models import Models
from binex.adapters.llm.port import Message, ToolCall, ToolSpec
from binex.adapters.llm.structured import Shape, schema_error
from binex.errors import AgentError, BadReplyError
from binex.models.agent_settings import Repair


class Toolbox(Protocol):
    """The tools that a model may use."""

    @property
    def specs(self) -> tuple[ToolSpec, ...]: ...

    async def call(self, call: ToolCall) -> str:
        """What the tool said, as text; also what went wrong with it."""
        ...


class Conversation:
    """One conversation, whichever model answers. At most *max_rounds* times tools are used in it."""

    def __init__(
        self, models: Models, messages: list[Message], shape: Shape, toolbox: Toolbox | None, max_rounds: int
    ) -> None:
        self._models = models
        self._messages = messages
        self._shape = shape
        self._toolbox = toolbox
        self._max_rounds = max_rounds
        self._rounds = 0

    async def answer(self, repair: Repair) -> JsonValue:
        """The value of the answer, after as many repairs as are allowed.

        Raises:
            SchemaError: it does not fit, whatever was tried.
            RemoteError: no model could be had.
            AgentError: the model never came to an answer.
        """
        tries = 0
        while True:
            text = await self._ask()
            tries += 1
            value, misses = self._shape.read(text)
            if not misses:
                return value
            is_last = tries == repair.max_attempts + 1
            if tries > repair.max_attempts + 1 or (is_last and repair.escalate is None):
                raise schema_error(misses, text, tries)
            if is_last and repair.escalate is not None:
                self._models.switch_to(repair.escalate)
            self._messages.append(Message(role="user", content=self._shape.repair_message(misses)))

    async def _ask(self) -> str:
        """What the model says when it has done with tools."""
        while True:
            specs = self._toolbox.specs if self._toolbox is not None else ()
            reply = await self._models.ask(self._messages, specs, self._shape)
            calls = tuple(reply.calls)
            self._messages.append(Message(role="assistant", content=reply.text, tool_calls=calls))
            if not calls:
                return reply.text
            if self._toolbox is None:
                wanted = f"it asked for the tool '{calls[0].name:.60}', and there are none"
                message = f"bad reply from {reply.host}: {wanted}"
                raise BadReplyError(message, host=reply.host)
            if self._rounds == self._max_rounds:
                wanted = ", ".join(sorted({call.name for call in calls}))
                message = (
                    f"no answer after {self._rounds} rounds of tools (config.max_tool_rounds), and it asks for more"
                )
                fix = "raise config.max_tool_rounds, or say in the prompt when to stop"
                raise AgentError(f"{message}: {wanted:.200}", fix=fix, is_retryable=False)
            self._rounds += 1
            self._messages.extend(await _use(self._toolbox, calls))


async def _use(toolbox: Toolbox, calls: Sequence[ToolCall]) -> list[Message]:
    """The results of all *calls*, which are made at the same time, in their order."""
    working = [asyncio.ensure_future(toolbox.call(call)) for call in calls]
    try:
        results = await asyncio.gather(*working)
    finally:
        for one in working:
            one.cancel()  # where one failed, nobody waits for the others any more
        await asyncio.gather(*working, return_exceptions=True)
    return [
        Message(role="tool", content=result, tool_call_id=call.id, name=call.name)
        for call, result in zip(calls, results, strict=True)
    ]
