"""One request to a model and its reply: asked of the tape first, paid for, recorded, and shown while it comes in."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from typing import Final, cast
from urllib.parse import urlsplit

from binex.adapters.attempt import current_attempt
from binex.adapters.llm.port import (
    Connection,
    Finished,
    FinishReason,
    ModelBackend,
    ModelEvent,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCall,
    ToolCallMade,
)
from binex.adapters.llm.pricing import estimate, price, sensible
from binex.adapters.llm.providers import PROVIDERS
from binex.adapters.llm.recorded import HOST, Said, host_on_tape, note_refusal, played, written
from binex.adapters.taped_calls import JSON, REPLAYED, answer_of_tape
from binex.errors import AgentError, AuthenticationError, BadReplyError, BudgetError, RemoteError
from binex.models.call import NOT_MADE, CallKind, Usage
from binex.models.failure import encode_failure
from binex.models.settings import Rates
from binex.tape.recorder import Taping

EVENTS: Final = "application/x-ndjson"
_SHOWN: Final = 200


@dataclass(slots=True)
class Reply:
    """What a model answered."""

    host: str
    """Who answered, as errors name it."""
    text: str = ""
    calls: list[ToolCall] = field(default_factory=list)
    finished: Finished | None = None
    """None where the stream ended without saying that it is complete."""
    size: int = 0
    """How many bytes it has on the tape."""


class Voice:
    """Shows what models say in one attempt, each reply on a line of its own."""

    def __init__(self, show: Callable[[str], None]) -> None:
        self._show = show
        self._is_in_line = False

    def begin(self) -> None:
        """Another reply begins."""
        if self._is_in_line:
            self.say("\n")

    def say(self, text: str) -> None:
        """The model said this."""
        if text:
            self._is_in_line = not text.endswith("\n")
            self._show(text)


class Exchange:
    """Asks models. An answer may have *max_bytes*; *own* are the project's own prices."""

    def __init__(self, max_bytes: int, own: Mapping[str, Rates]) -> None:
        self._max_bytes = max_bytes
        self._own = own

    async def ask(self, backend: ModelBackend, request: ModelRequest, connection: Connection, voice: Voice) -> Reply:
        """The reply to *request*; the backend is only asked where the tape does not know it.

        Raises:
            RemoteError: the provider could not be reached, refused or failed; the model will not answer.
            BadReplyError: the reply is no valid one: broken off, cut, empty, or too large.
            BudgetError: the budget does not allow the request.
        """
        recorder, target = current_attempt().recorder, f"{request.provider}/{request.model}"
        body = request.model_dump_json(exclude_defaults=True).encode()
        recorded = await answer_of_tape(recorder, CallKind.MODEL, target, body)
        reply = Reply(_host_of(request.provider, connection))
        voice.begin()
        if recorded is None:
            await self._pay(reply, backend, request, connection, body, voice)
        else:
            reply.host = host_on_tape(recorded) or reply.host
            with recorder.begin(CallKind.MODEL, target, body, media_type=JSON) as taping:
                taping.price(None, 0.0, REPLAYED)
                try:
                    await self._listen(reply, played(recorded, request, reply.host), voice, taping)
                except BudgetError:
                    taping.price(None, 0.0, NOT_MADE)
                    raise
                taping.price(_usage_of(reply), 0.0, REPLAYED)
        return _checked(reply, request)

    async def _pay(
        self,
        reply: Reply,
        backend: ModelBackend,
        request: ModelRequest,
        connection: Connection,
        body: bytes,
        voice: Voice,
    ) -> None:
        """Ask the provider, where the budget allows it."""
        attempt, target = current_attempt(), f"{request.provider}/{request.model}"
        limit = estimate(backend, request, connection, len(body), self._own)
        async with AsyncExitStack() as stack:
            try:
                reservation = await stack.enter_async_context(attempt.ledger.reserve(limit, model=target))
            except BudgetError as error:
                note_refusal(attempt.recorder, target, body, error)
                raise
            taping = stack.enter_context(attempt.recorder.begin(CallKind.MODEL, target, body, media_type=JSON))
            usage, cost, priced_by = None, None, ""
            try:
                events = cast(AsyncGenerator[ModelEvent], backend.stream(request, connection))
                await self._listen(reply, written(events), voice, taping)
                usage, cost, priced_by = price(request, reply.finished, self._own)
            except AgentError as error:
                if reply.size == 0 and _is_free(error):
                    cost, priced_by = 0.0, "unanswered requests are free"
                raise
            finally:
                taping.price(usage, cost, priced_by)
                reservation.spend(cost)

    async def _listen(self, reply: Reply, said: AsyncGenerator[Said, None], voice: Voice, taping: Taping) -> None:
        """Take in what comes in; an error goes on the tape as it is."""
        taping.respond(media_type=EVENTS, headers=((HOST, reply.host),))
        try:
            async with aclosing(said):
                await self._take(reply, said, voice, taping)
        except AgentError as error:
            if isinstance(error, RemoteError):
                taping.respond(status=error.status)
            taping.chunk(encode_failure(error) + b"\n")
            raise

    async def _take(self, reply: Reply, said: AsyncGenerator[Said, None], voice: Voice, taping: Taping) -> None:
        texts: list[str] = []
        who = reply.host
        async for line, event in said:
            taping.chunk(line + b"\n")
            reply.size += len(line)
            if reply.size > self._max_bytes:
                message = f"bad reply from {who}: longer than {self._max_bytes:,} bytes"
                raise BadReplyError(message, fix="raise limits.output_bytes", host=who, is_retryable=False)
            match event:
                case TextDelta():
                    texts.append(event.text)
                    voice.say(event.text)
                case ToolCallMade():
                    reply.calls.append(event.call)
                case Finished():
                    reply.finished = event
                case ReasoningDelta():
                    pass
        reply.text = "".join(texts)
        if reply.finished is None:
            message = f"bad reply from {who}: it broke off after {reply.size:,} bytes"
            raise BadReplyError(message, host=who, body=reply.text[:_SHOWN])


def _checked(reply: Reply, request: ModelRequest) -> Reply:
    """The reply, if it is one that can be worked with."""
    reason = reply.finished.reason if reply.finished else ""
    who, shown = reply.host, reply.text[:_SHOWN]
    if reason == FinishReason.REFUSAL:
        message = f"{who}: {request.model} refused to answer" + (f": {shown}" if shown else "")
        raise RemoteError(message, fix="word the request differently", host=who, body=shown, is_retryable=False)
    if reason == FinishReason.LENGTH:
        message = f"bad reply from {who}: {request.model} was cut off{_length_of(reply, request)}"
        fix = "raise config.max_tokens, or ask for less"
        raise BadReplyError(message, fix=fix, host=who, body=shown, is_retryable=False)
    if not reply.text.strip() and not reply.calls:
        message = f"bad reply from {who}: {request.model} said nothing (it ended with '{reason:.40}')"
        raise BadReplyError(message, host=who)
    return reply


def _host_of(provider: str, connection: Connection) -> str:
    """Where a provider is; its name where nobody has said."""
    known = PROVIDERS.get(provider)
    address = connection.api_base or (known.base_url if known is not None else None)
    return (urlsplit(address).netloc.rpartition("@")[2] if address else "") or provider


def _is_free(error: AgentError) -> bool:
    """Whether a request that was not answered costs nothing for sure: it was never sent, or refused."""
    if not isinstance(error, RemoteError) or isinstance(error, AuthenticationError):
        return True
    return error.status is not None and error.status >= 400


def _usage_of(reply: Reply) -> Usage | None:
    return sensible(reply.finished.usage) if reply.finished else None


def _length_of(reply: Reply, request: ModelRequest) -> str:
    usage = _usage_of(reply)
    length = usage.output_tokens if usage else None
    after = "" if length is None else f" after {length:,} token{'' if length == 1 else 's'}"
    limit = request.settings.get("max_tokens")
    return after if limit is None else f"{after} (config.max_tokens: {limit})"
