"""Real A2A agents on the loopback interface, made with the official library, and servers that get it wrong."""

import asyncio
import json
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes.agent_card_routes import create_agent_card_routes
from a2a.server.routes.jsonrpc_routes import create_jsonrpc_routes
from a2a.server.routes.rest_routes import create_rest_routes
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types.a2a_pb2 import (
    AgentCapabilities,
    AgentCard,
    AgentInterface,
    AgentSkill,
    Message,
    Part,
    Role,
    Task,
    TaskState,
    TaskStatus,
)
from starlette.applications import Starlette

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[..., Awaitable[None]]

Body = bytes | str | dict[str, Any]


class Turn:
    """One call of an agent's code: what it was told, and how it speaks."""

    def __init__(self, context: RequestContext, queue: EventQueue) -> None:
        self.context = context
        self.queue = queue
        self.message: Message = context.message or Message()
        self.text = "\n".join(part.text for part in self.message.parts if part.text)
        self.is_new = context.current_task is None
        self.updater = TaskUpdater(queue, context.task_id or "", context.context_id or "")

    async def accept(self) -> None:
        """Make the message a task, unless it belongs to one."""
        if self.is_new:
            await self.queue.enqueue_event(
                Task(
                    id=self.context.task_id,
                    context_id=self.context.context_id,
                    status=TaskStatus(state=TaskState.TASK_STATE_SUBMITTED),
                    history=[self.message],
                )
            )

    def says(self, text: str) -> Message:
        return self.updater.new_agent_message([Part(text=text)])

    async def reply(self, text: str) -> None:
        """Answer with a message instead of a task."""
        await self.queue.enqueue_event(Message(message_id="reply", role=Role.ROLE_AGENT, parts=[Part(text=text)]))


Act = Callable[[Turn], Awaitable[None]]


async def hello(turn: Turn) -> None:
    """The hello-world agent of the library's samples."""
    await turn.accept()
    await turn.updater.start_work(turn.says("thinking"))
    await turn.updater.add_artifact([Part(text=f"hello {turn.text}")], name="greeting", last_chunk=True)
    await turn.updater.complete()


class _Executor(AgentExecutor):
    def __init__(self, server: "AgentServer") -> None:
        self.server = server

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        turn = Turn(context, event_queue)
        self.server.turns.append(turn)
        await self.server.act(turn)

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        self.server.cancelled.append(context.task_id or "")
        await TaskUpdater(event_queue, context.task_id or "", context.context_id or "").cancel()


@dataclass(frozen=True)
class Request:
    """What a server was asked."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def rpc(self) -> str:
        """The method of JSON-RPC."""
        found = json.loads(self.body).get("method", "") if self.body else ""
        return str(found)


@dataclass
class AgentServer:
    """An agent that does *act* whenever it is told something, and remembers everything it was asked."""

    act: Act = hello
    bindings: Sequence[str] = ("JSONRPC",)
    version: str = "1.0"
    is_streaming: bool = True
    tenant: str = ""
    scheme: str = "http"
    cache_control: str | None = None
    change: Callable[[AgentCard], None] = lambda _: None
    guard: Callable[[Request], bool] = lambda _: True
    """Whether a request other than for the card is let in."""
    turns: list[Turn] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    port: int = 0

    @property
    def uri(self) -> str:
        return f"a2a://127.0.0.1:{self.port}"

    @property
    def rpcs(self) -> list[str]:
        return [request.rpc for request in self.requests if request.path == "/rpc"]

    @property
    def card_requests(self) -> list[Request]:
        return [request for request in self.requests if ".well-known" in request.path]

    def card(self) -> AgentCard:
        paths = {"JSONRPC": "/rpc", "HTTP+JSON": "/rest"}
        card = AgentCard(
            name="Greeter",
            description="says hello",
            version="2.1",
            supported_interfaces=[
                AgentInterface(
                    url=f"{self.scheme}://127.0.0.1:{self.port}{paths[binding]}",
                    protocol_binding=binding,
                    protocol_version=self.version,
                    tenant=self.tenant,
                )
                for binding in self.bindings
            ],
            capabilities=AgentCapabilities(streaming=self.is_streaming),
            default_input_modes=["text/plain"],
            default_output_modes=["text/plain"],
            skills=[AgentSkill(id="greet", name="Greet", description="greets", tags=["hello"])],
        )
        self.change(card)
        return card

    def app(self) -> Callable[..., Awaitable[None]]:
        card = self.card()
        is_old = self.version.startswith("0.")
        handler = DefaultRequestHandler(_Executor(self), InMemoryTaskStore(), card)
        routes = [
            *create_agent_card_routes(card, cache_control=self.cache_control),
            *create_jsonrpc_routes(handler, "/rpc", enable_v0_3_compat=is_old),
            *create_rest_routes(
                handler, enable_v0_3_compat=is_old, path_prefix=f"/rest/{self.tenant}" if self.tenant else "/rest"
            ),
        ]
        inner = Starlette(routes=routes)

        async def app(
            scope: Scope, receive: Callable[[], Awaitable[Any]], send: Callable[..., Awaitable[None]]
        ) -> None:
            if scope["type"] != "http":
                await inner(scope, receive, send)
                return
            first = await receive()
            body = first.get("body", b"")
            while first.get("more_body"):
                first = await receive()
                body += first.get("body", b"")
            request = Request(
                scope["method"],
                scope["path"],
                scope["query_string"].decode(),
                {name.decode().lower(): value.decode() for name, value in scope["headers"]},
                body,
            )
            self.requests.append(request)
            if ".well-known" not in request.path and not self.guard(request):
                await send({"type": "http.response.start", "status": 401, "headers": []})
                await send({"type": "http.response.body", "body": b'{"error": {"message": "who are you?"}}'})
                return
            is_told = False

            async def again() -> Any:
                nonlocal is_told
                if is_told:
                    return await receive()
                is_told = True
                return {"type": "http.request", "body": body, "more_body": False}

            await inner(scope, again, send)

        return app


@contextmanager
def serving(server: AgentServer, certificate: Path | None = None) -> Iterator[AgentServer]:
    """Run *server* in a thread with a loop of its own, on a free port; with a *certificate* and its key, over TLS."""
    listener = socket.create_server(("127.0.0.1", 0))
    server.port = listener.getsockname()[1]
    config = uvicorn.Config(
        server.app(),
        log_level="critical",
        timeout_graceful_shutdown=1,
        lifespan="off",
        ws="none",
        ssl_certfile=certificate,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield server
    finally:
        running.should_exit = True
        thread.join(10)
        listener.close()


@dataclass
class RawServer:
    """Answers by hand: *answer* gets each request and gives the bytes of the whole HTTP response, in pieces.

    After an empty piece there is a short pause.
    """

    answer: Callable[["RawServer", Request], Iterator[bytes]]
    host: str = "127.0.0.1"
    port: int = 0
    requests: list[Request] = field(default_factory=list)

    @property
    def uri(self) -> str:
        return f"a2a://{self.host}:{self.port}"

    @property
    def rpcs(self) -> list[str]:
        return [request.rpc for request in self.requests if request.method == "POST"]


def http(
    body: bytes | str | dict[str, Any], status: int = 200, *, kind: str = "application/json", **headers: str
) -> bytes:
    """A whole HTTP response."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body.encode() if isinstance(body, str) else body
    more = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {status} Status\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n{more}Connection: close"
    return head.encode() + b"\r\n\r\n" + data


def raw_card(server: RawServer, *, streaming: bool = False, **changes: Any) -> dict[str, Any]:
    """A card for a server that answers by hand."""
    return {
        "name": "Raw",
        "version": "1",
        "capabilities": {"streaming": streaming},
        "supportedInterfaces": [
            {"url": f"http://{server.host}:{server.port}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "1.0"}
        ],
        **changes,
    }


def rpc_result(request: Request, result: Any) -> dict[str, Any]:
    """A response of JSON-RPC to *request*."""
    return {"jsonrpc": "2.0", "id": json.loads(request.body)["id"], "result": result}


def event_stream(request: Request, *events: dict[str, Any]) -> bytes:
    """A whole response with *events* as a stream."""
    lines = "".join(f"data: {json.dumps(rpc_result(request, event))}\n\n" for event in events)
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    return (head + lines).encode()


@contextmanager
def serving_raw(server: RawServer) -> Iterator[RawServer]:
    """Run *server* in a thread with a loop of its own, on a free port."""
    started = threading.Event()
    loops: list[asyncio.AbstractEventLoop] = []
    stopped = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            first, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            method, target, _ = first.split(" ", 2)
            path, _, query = target.partition("?")
            request = Request(method, path, query, headers, body)
            server.requests.append(request)
            for piece in server.answer(server, request):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0 if piece else 0.01)
        except (OSError, asyncio.IncompleteReadError):
            pass  # the other side has gone
        finally:
            writer.close()

    async def run() -> None:
        listening = await asyncio.start_server(handle, server.host, 0)
        server.port = listening.sockets[0].getsockname()[1]
        loops.append(asyncio.get_running_loop())
        started.set()
        async with listening:
            await stopped.wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    started.wait(10)
    try:
        yield server
    finally:
        loops[0].call_soon_threadsafe(stopped.set)
        thread.join(10)
