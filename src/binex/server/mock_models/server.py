"""A server of scripted models: speaks the protocols of OpenAI and of Anthropic on the loopback interface.

It answers from a script of the same form as ``llm://mock``, to every key and to any name of a model.
"""

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from types import ModuleType
from typing import Final, cast

from binex.adapters.llm.port import Connection, ModelEvent
from binex.errors import AgentError, BadReplyError, InputError, RemoteError
from binex.server.mock_models import anthropic_messages, openai_chat
from binex.server.mock_models.anthropic_messages import AnthropicMessages
from binex.server.mock_models.form import Body, Form, Said
from binex.server.mock_models.http import Request, Response, serving
from binex.server.mock_models.openai_chat import OpenAiChat
from binex.server.mock_models.sample import sample_of
from binex.server.mock_models.script import LiveScript

RUN: Final = "x-binex-run"
TASK: Final = "x-binex-task"
ATTEMPT: Final = "x-binex-attempt"
"""Who asks, where it is a task of ours: each has the script from its beginning. All others share it."""

_MODEL: Final = "scripted"
_JSON: Final = {"content-type": "application/json"}
_EVENTS: Final = {"content-type": "text/event-stream", "cache-control": "no-store"}
_CHAT: Final = ("/v1/chat/completions", "/chat/completions")
_MESSAGES: Final = ("/v1/messages", "/messages")
_MODELS: Final = ("/v1/models", "/models")


@dataclass(frozen=True, slots=True)
class ModelServer:
    """Where the scripted models are."""

    origin: str
    script: LiveScript

    @property
    def openai_url(self) -> str:
        """The base address for clients of OpenAI."""
        return f"{self.origin}/v1"

    @property
    def anthropic_url(self) -> str:
        """The base address for clients of Anthropic."""
        return self.origin

    @property
    def variables(self) -> dict[str, str]:
        """The variables by which the vendors' own libraries find it."""
        return {
            "OPENAI_BASE_URL": self.openai_url,
            "OPENAI_API_KEY": "no-key",
            "ANTHROPIC_BASE_URL": self.anthropic_url,
            "ANTHROPIC_API_KEY": "no-key",
        }


@asynccontextmanager
async def open_model_server(script: LiveScript, port: int = 0) -> AsyncIterator[ModelServer]:
    """Serve scripted models until the block ends."""
    answering = _Answering(script)
    async with serving(answering.answer, port) as taken:
        yield ModelServer(f"http://127.0.0.1:{taken}", script)


class _Answering:
    """Answers requests; what it was asked for is what it has."""

    def __init__(self, script: LiveScript) -> None:
        self._script = script
        self._names = {_MODEL: None}

    async def answer(self, request: Request, response: Response) -> None:
        """Answer one request."""
        is_anthropic = request.path in _MESSAGES or "anthropic-version" in request.headers
        words = anthropic_messages if is_anthropic else openai_chat
        match request.method, request.path:
            case "POST", path if path in _CHAT:
                await self._talk(OpenAiChat, openai_chat, request, response)
            case "POST", path if path in _MESSAGES:
                await self._talk(AnthropicMessages, anthropic_messages, request, response)
            case "POST", "/v1/messages/count_tokens":
                await self._count(request, response)
            case "GET", path if path in _MODELS:
                await _say(response, 200, words.model_list(list(self._names)))
            case "GET", path if path.startswith(_MODELS[0] + "/"):
                await _say(response, 200, words.model_entry(path.removeprefix(_MODELS[0] + "/")))
            case _:
                message = "scripted models only speak /v1/chat/completions, /v1/messages and /v1/models"
                await _say(response, 404, words.error_body(404, message))

    async def _count(self, request: Request, response: Response) -> None:
        try:
            form = AnthropicMessages(_body_of(request))
        except InputError as error:
            await _say(response, 400, anthropic_messages.error_body(400, error.message))
            return
        words = sum(len(message.content.split()) for message in form.messages())
        await _say(response, 200, {"input_tokens": words})

    async def _talk(self, kind: type[Form], words: ModuleType, request: Request, response: Response) -> None:
        try:
            form = kind(_body_of(request))
            asked = form.request()
            backend = self._script.backend()
        except InputError as error:
            await _say(response, 400, words.error_body(400, error.message))
            return
        self._names[str(form.model)] = None
        options = self._script.options(*_who(request.headers))
        if self._script.path is None and form.schema is not None:
            options["answers"] = [{"json": sample_of(form.schema)}]
        events = cast(AsyncGenerator[ModelEvent], backend.stream(asked, Connection(options=options)))
        reply = _Reply(form, words, response)
        async with aclosing(events):
            await reply.give(events)


@dataclass(slots=True)
class _Reply:
    """One reply, well or badly ended, as the script has it."""

    form: Form
    words: ModuleType
    response: Response
    has_begun: bool = False

    async def give(self, events: AsyncIterator[ModelEvent]) -> None:
        """Pass on what comes in, whole or streamed; what goes wrong goes wrong on the wire."""
        said = Said()
        try:
            async for event in events:
                if self.form.is_streamed:
                    await self._stream(event)
                said.take(event)
        except BadReplyError:
            await self._end_badly(is_anything_said=bool(said.text))
        except RemoteError as error:
            await self._refuse(error)
        except AgentError as error:
            await _say(self.response, 400, self.words.error_body(400, error.message))
        else:
            if self.form.is_streamed:
                await self.response.end()
            else:
                await _say(self.response, 200, self.form.whole(said))

    async def _stream(self, event: ModelEvent) -> None:
        if not self.has_begun:
            self.has_begun = True
            await self.response.begin(200, _EVENTS)
        for piece in self.form.pieces(event):
            await self.response.piece(piece)

    async def _end_badly(self, *, is_anything_said: bool) -> None:
        """A reply that is none, or half of one."""
        if self.has_begun:
            await self.response.end()
        elif is_anything_said:
            await self.response.whole(200, b'{"id": "half', _JSON)
        else:
            await self.response.whole(200, b"<html>Bad gateway</html>", _JSON)

    async def _refuse(self, error: RemoteError) -> None:
        if error.status is None:
            self.response.reset()
            return
        headers = dict(_JSON)
        if error.retry_after_ms is not None:
            headers["retry-after-ms"] = str(error.retry_after_ms)
            headers["retry-after"] = str(math.ceil(error.retry_after_ms / 1000))
        body = error.body.encode() if error.body else _dumped(self.words.error_body(error.status, error.message))
        await self.response.whole(error.status, body, headers)


def _who(headers: Mapping[str, str]) -> tuple[str, str, int]:
    attempt = headers.get(ATTEMPT, "1")
    number = int(attempt) if attempt.isascii() and attempt.isdecimal() and len(attempt) < 9 else 1
    return headers.get(RUN, ""), headers.get(TASK, ""), max(1, number)


def _body_of(request: Request) -> Body:
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError):
        raise InputError("the body is no JSON") from None
    if not isinstance(body, dict):
        raise InputError("the body must be a JSON object")
    return body


async def _say(response: Response, status: int, body: Body) -> None:
    await response.whole(status, _dumped(body), _JSON)


def _dumped(body: Body) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
