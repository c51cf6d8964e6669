"""A server on loopback that speaks the protocols of OpenAI, Anthropic, Google and Ollama, and misbehaves on demand.

::

    with ModelServer() as server:
        server.replies = [Wire(status=429, headers={"Retry-After": "2"}), Answer("Hello")]
        ...                                   # api_base=server.url("openai")
        assert server.requests[0].body["model"] == "m"

It runs in a thread of its own. `python -m tests.model_server SECONDS` serves until its stdin is closed, and answers
every request after that time.
"""

import asyncio
import json
import socket
import struct
import sys
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

Protocol = Literal["openai", "anthropic", "google", "ollama"]
PROTOCOLS: tuple[Protocol, ...] = ("openai", "anthropic", "google", "ollama")
MODEL = "the-model"


@dataclass(frozen=True)
class Tokens:
    """What a reply says that it cost; `read` and `written` are everything."""

    read: Any = 20
    written: Any = 9
    cached: Any = 8
    reasoned: Any = 3


@dataclass(frozen=True)
class Answer:
    """A good reply, in pieces; or, with `cut` events left out at its end, a bad one."""

    text: str | Sequence[str] = "Hello"
    calls: Sequence[tuple[str, str, str]] = ()
    """Id, name and arguments of tool calls."""
    thoughts: Sequence[str] = ()
    tokens: Tokens | None = field(default_factory=Tokens)
    finish: str = ""
    """The reason to stop in the words of the protocol; empty for the one that fits."""
    delay: float = 0.0
    cut: int = 0
    end: Literal["close", "reset", "hang"] = "close"
    """How it ends where it is cut: `close` is a well-formed end of the body."""

    @property
    def texts(self) -> Sequence[str]:
        return [self.text] if isinstance(self.text, str) else self.text


@dataclass(frozen=True)
class Wire:
    """Bytes, as they are."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"
    pause: float = 0.0
    """Between the pieces of the body."""
    end: Literal["close", "reset", "hang"] = "close"
    before_headers: bool = False
    """It ends in its way before anything is sent."""


@dataclass
class Seen:
    """A request."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any
    connection: int = 0
    """Which connection it came over."""
    left: threading.Event = field(default_factory=threading.Event)
    """The other side went away while it was served."""


class ModelServer:
    """Serves `replies` in turn, then `default` for ever."""

    def __init__(self, replies: Sequence[Answer | Wire] = (), *, default: Answer | Wire | None = None) -> None:
        self.replies = list(replies)
        self.default = default or Answer()
        self.requests: list[Seen] = []
        self.models = [MODEL, "another-model"]
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._is_up = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._is_up.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def url(self, protocol: str = "openai") -> str:
        """The base address for a protocol."""
        base = f"http://127.0.0.1:{self.port}"
        return f"{base}/v1" if protocol == "openai" else base

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0, backlog=2048, limit=2**24)
        self.port = server.sockets[0].getsockname()[1]
        self._is_up.set()
        await self._stop.wait()
        server.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (seen := await _read_request(reader)) is not None:
                seen.connection = writer.get_extra_info("peername")[1]
                self.requests.append(seen)
                if not await self._answer(seen, reader, writer):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side left, or the server ends
        finally:
            writer.close()

    async def _answer(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer once; false where the connection is over."""
        if seen.method == "GET":
            return await _send(_listing(seen.path, self.models), seen, reader, writer)
        reply = self.replies.pop(0) if self.replies else self.default
        if isinstance(reply, Answer):
            if reply.delay:
                await asyncio.sleep(reply.delay)
            reply = _rendered(reply, seen)
        return await _send(reply, seen, reader, writer)


async def _read_request(reader: asyncio.StreamReader) -> Seen | None:
    begin = await reader.read(1)
    if begin in (b"", b"\x16"):  # gone; or somebody speaks TLS
        return None
    head = begin + await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Seen(method, path, headers, json.loads(body) if body else None)


async def _send(wire: Wire, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
    if not wire.before_headers:
        lines = {"Content-Type": wire.media_type, "Transfer-Encoding": "chunked", **wire.headers}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {wire.status} Whatever\r\n{head}\r\n".encode())
        async for piece in _pieces(wire):
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            if writer.transport.get_write_buffer_size() > 2**16 or wire.pause:
                try:
                    await writer.drain()
                except ConnectionError:
                    seen.left.set()
                    raise
    if wire.end == "close" and not wire.before_headers:
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True
    if wire.end == "hang":
        with suppress(ConnectionError):
            await writer.drain()
            await reader.read(1)
        seen.left.set()
    elif wire.end == "reset":
        await writer.drain()
        connection: socket.socket = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    return False


async def _pieces(wire: Wire) -> AsyncIterator[bytes]:
    for piece in [wire.body] if isinstance(wire.body, bytes) else wire.body:
        if piece:
            yield piece
        if wire.pause:
            await asyncio.sleep(wire.pause)


def _rendered(answer: Answer, seen: Seen) -> Wire:
    events = list(_EVENTS[protocol_of(seen.path)](answer))
    kept = events[: len(events) - answer.cut]
    kind = "application/x-ndjson" if protocol_of(seen.path) == "ollama" else "text/event-stream"
    return Wire(body=kept, media_type=kind, end=answer.end)


def protocol_of(path: str) -> Protocol:
    """Which protocol a request speaks."""
    if "/api/" in path:
        return "ollama"
    if "GenerateContent" in path:
        return "google"
    return "anthropic" if "/messages" in path else "openai"


def _listing(path: str, names: Sequence[str]) -> Wire:
    if path.startswith("/api/tags"):
        body: Any = {"models": [{"model": name} for name in names]}
    elif path.startswith("/v1beta/models"):
        body = {"models": [{"name": f"models/{name}"} for name in names]}
    else:
        listed = [{"id": name, "object": "model", "type": "model", "created": 0, "owned_by": "us"} for name in names]
        body = {"object": "list", "data": listed, "has_more": False}
    return Wire(body=json.dumps(body).encode())


def sse(data: Any, event: str = "") -> bytes:
    """One event of a stream."""
    return (f"event: {event}\n" if event else "").encode() + b"data: " + json.dumps(data).encode() + b"\n\n"


def _openai(answer: Answer) -> Iterator[bytes]:
    def chunk(delta: Any, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return sse(
            {"id": "reply-1", "object": "chat.completion.chunk", "created": 1, "model": MODEL, "choices": [choice]}
        )

    yield chunk({"role": "assistant", "content": ""})
    for thought in answer.thoughts:
        yield chunk({"reasoning_content": thought})
    for text in answer.texts:
        yield chunk({"content": text})
    for index, (call_id, name, arguments) in enumerate(answer.calls):
        yield chunk({"tool_calls": [{"index": index, "id": call_id, "type": "function", "function": {"name": name}}]})
        for part in (arguments[:4], arguments[4:]):
            yield chunk({"tool_calls": [{"index": index, "function": {"arguments": part}}]})
    yield chunk({}, answer.finish or ("tool_calls" if answer.calls else "stop"))
    if answer.tokens is not None:
        said = answer.tokens
        usage = {
            "prompt_tokens": said.read,
            "completion_tokens": said.written,
            "total_tokens": 0,
            "prompt_tokens_details": {"cached_tokens": said.cached},
            "completion_tokens_details": {"reasoning_tokens": said.reasoned},
        }
        yield sse({"id": "reply-1", "created": 1, "model": MODEL, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _anthropic(answer: Answer) -> Iterator[bytes]:
    said, usage, late = answer.tokens, {}, {}
    if said is not None:
        fresh = said.read - said.cached - 2 if isinstance(said.read, int) and said.read > 0 else said.read
        usage = {"input_tokens": fresh, "cache_read_input_tokens": said.cached, "cache_creation_input_tokens": 2}
        usage["output_tokens"] = 1
        late = {"output_tokens": said.written, "output_tokens_details": {"thinking_tokens": said.reasoned}}
    message = {"id": "reply-1", "type": "message", "role": "assistant", "model": MODEL, "content": [], "usage": usage}
    yield sse({"type": "message_start", "message": message}, "message_start")
    blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
    if answer.thoughts:
        deltas = [{"type": "thinking_delta", "thinking": thought} for thought in answer.thoughts]
        blocks.append(({"type": "thinking", "thinking": "", "signature": ""}, deltas))
    if answer.texts:
        blocks.append(({"type": "text", "text": ""}, [{"type": "text_delta", "text": text} for text in answer.texts]))
    for call_id, name, arguments in answer.calls:
        parts = [{"type": "input_json_delta", "partial_json": part} for part in (arguments[:4], arguments[4:])]
        blocks.append(({"type": "tool_use", "id": call_id, "name": name, "input": {}}, parts))
    for index, (block, deltas) in enumerate(blocks):
        start = {"type": "content_block_start", "index": index, "content_block": block}
        yield sse(start, "content_block_start")
        for delta in deltas:
            yield sse({"type": "content_block_delta", "index": index, "delta": delta}, "content_block_delta")
        yield sse({"type": "content_block_stop", "index": index}, "content_block_stop")
    reason = answer.finish or ("tool_use" if answer.calls else "end_turn")
    delta = {"stop_reason": reason, "stop_sequence": None}
    yield sse({"type": "message_delta", "delta": delta, "usage": late}, "message_delta")
    yield sse({"type": "message_stop"}, "message_stop")


def _google(answer: Answer) -> Iterator[bytes]:
    def chunk(parts: list[Any], finish: str | None = None, usage: Any = None) -> bytes:
        candidate = {"index": 0, "content": {"role": "model", "parts": parts}}
        body = {"candidates": [candidate], "modelVersion": MODEL, "responseId": "reply-1"}
        if finish:
            candidate["finishReason"] = finish
        if usage:
            body["usageMetadata"] = usage
        return sse(body)

    for thought in answer.thoughts:
        yield chunk([{"text": thought, "thought": True}])
    for text in answer.texts:
        yield chunk([{"text": text}])
    for call_id, name, arguments in answer.calls:
        yield chunk([{"functionCall": {"id": call_id, "name": name, "args": json.loads(arguments)}}])
    said, usage = answer.tokens, {}
    if said is not None:
        aloud = said.written - said.reasoned if isinstance(said.written, int) else said.written
        usage = {"promptTokenCount": said.read, "candidatesTokenCount": aloud}
        usage |= {"cachedContentTokenCount": said.cached, "thoughtsTokenCount": said.reasoned}
    yield chunk([{"text": ""}], answer.finish or "STOP", usage)


def _ollama(answer: Answer) -> Iterator[bytes]:
    def line(message: dict[str, Any], **more: Any) -> bytes:
        said = {"role": "assistant", "content": "", **message}
        return json.dumps({"model": MODEL, "message": said, "done": False, **more}).encode() + b"\n"

    for thought in answer.thoughts:
        yield line({"thinking": thought})
    for text in answer.texts:
        yield line({"content": text})
    for _, name, arguments in answer.calls:
        yield line({"tool_calls": [{"function": {"name": name, "arguments": json.loads(arguments)}}]})
    said = answer.tokens
    usage = {} if said is None else {"prompt_eval_count": said.read, "eval_count": said.written}
    yield line({}, done=True, done_reason=answer.finish or "stop", **usage)


_EVENTS = {"openai": _openai, "anthropic": _anthropic, "google": _google, "ollama": _ollama}


def main() -> None:
    """Serve until stdin is closed."""
    with ModelServer(default=Answer(["Hello", " there"], delay=float(sys.argv[1]))) as server:
        print(server.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
