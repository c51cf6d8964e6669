"""Holds the events of a reply to what a reply must be."""

from collections.abc import AsyncGenerator, AsyncIterator

from binex.adapters.llm.failures import bad_reply
from binex.adapters.llm.port import Finished, FinishReason, ModelEvent, ReasoningDelta, TextDelta, ToolCallMade
from binex.adapters.llm.providers import Endpoint
from binex.adapters.llm.reply import MAX_TEXT, Reply, TooLongError


async def checked(
    events: AsyncIterator[ModelEvent], endpoint: Endpoint, reply: Reply
) -> AsyncGenerator[ModelEvent, None]:
    """The same events.

    Raises:
        BadReplyError: there is nothing in the reply, or it ends before it is complete.
        TooLongError: it says too much.
    """
    size, is_empty = 0, True
    async for event in events:
        if isinstance(event, TextDelta | ReasoningDelta):
            size += len(event.text)
            if size > MAX_TEXT:
                raise TooLongError(f"longer than {MAX_TEXT:,} characters")
        is_empty = is_empty and not isinstance(event, TextDelta | ToolCallMade)
        if isinstance(event, Finished):
            if is_empty and event.reason in (FinishReason.STOP, FinishReason.TOOL_CALLS):
                raise bad_reply(endpoint, reply, "there is nothing in it")
            yield event
            return
        yield event
    raise bad_reply(endpoint, reply, _shortfall(reply))


def _shortfall(reply: Reply) -> str:
    if not reply.size:
        return "it is empty"
    if reply.media_type not in ("text/event-stream", "application/x-ndjson", "application/json", ""):
        return f"it is {reply.media_type}, not a stream of events"
    return f"it ended after {reply.size:,} bytes without being complete"
