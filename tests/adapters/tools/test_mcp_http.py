"""Tools of MCP servers that are there already, over HTTP."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn

from binex.adapters.tools.mcp_connection import McpConnection
from binex.adapters.tools.mcp_http import MESSAGE_BYTES
from binex.errors import AuthenticationError, BadReplyError, RemoteError
from binex.models.agent_settings import McpServer
from tests.adapters.tools.bench import ToolBench
from tests.adapters.tools.real_server import server


@asynccontextmanager
async def serving(transport: str) -> AsyncIterator[str]:
    """The real server's address."""
    app = server.http_app(transport=transport)  # type: ignore[arg-type]
    config = uvicorn.Config(app, log_level="critical", ws="none", timeout_graceful_shutdown=1)
    runner = uvicorn.Server(config)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        task = asyncio.create_task(runner.serve([listening]))
        while not runner.started:
            await asyncio.sleep(0.01)
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/{'sse' if transport == 'sse' else 'mcp'}"
        finally:
            runner.should_exit = True
            await task


@asynccontextmanager
async def answering(reply: Callable[[bytes], Awaitable[bytes] | bytes]) -> AsyncIterator[str]:
    """The address of a server that answers every request with *reply*, and closes the connection."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        working.append(asyncio.ensure_future(converse(reader, writer)))

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            size = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
            said = reply(await reader.readexactly(size))
            writer.write(said if isinstance(said, bytes) else await said)
        finally:
            writer.close()

    working: list[asyncio.Future[None]] = []
    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/mcp"
    finally:
        listening.close()
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)


def refusal(status: str, body: str, headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\ncontent-length: {len(body)}\r\n{headers}connection: close\r\n\r\n{body}".encode()


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_server_is_spoken_to_as_it_speaks(bench: ToolBench, transport: str) -> None:
    async with serving(transport) as url:
        library = McpServer(url=url, headers={"X-Key": "k-1234"})
        async with bench.open("mcp://library", library=library) as box:
            assert [spec.name for spec in box.specs] == ["add", "search", "fail", "whoami"]
            told = await asyncio.gather(*(box.call(bench.call("add", a=at, b=1)) for at in range(10)))
            assert told == [str(at + 1) for at in range(10)]
            assert await box.call(bench.call("fail")) == "error: Error calling tool 'fail': the shelf is empty"
            assert await box.call(bench.call("whoami")) == "k-1234"
        await bench.servers.close()
    assert "k-1234" in bench.surroundings.hidden


async def test_a_server_that_is_not_there_is_named(bench: ToolBench) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}/mcp?key=hidden"
        with pytest.raises(RemoteError) as caught:
            async with bench.open("mcp://library", library=McpServer(url=url)):
                pass
    assert caught.value.message.startswith(f"the MCP server 'library' ({url.partition('?')[0]}) cannot be reached: ")
    assert caught.value.fix == "is it running? is the address right?"


async def test_a_key_that_is_not_accepted_is_asked_for_once(bench: ToolBench) -> None:
    asked: list[bytes] = []

    def refuse(body: bytes) -> bytes:
        asked.append(body)
        return refusal("401 Unauthorized", "who are you?")

    async with answering(refuse) as url:
        with pytest.raises(AuthenticationError) as caught:
            async with bench.open("mcp://books", books=McpServer(url=url)):
                pass
    assert caught.value.message.startswith(f"the MCP server 'books' ({url}) answered 401 Unauthorized")
    assert "mcp_servers.books.headers" in str(caught.value.fix)
    assert (caught.value.status, caught.value.is_retryable, len(asked)) == (401, False, 1)


async def test_the_wait_that_a_busy_server_asks_for_is_passed_on(bench: ToolBench) -> None:
    async with answering(lambda _: refusal("503 Service Unavailable", "", "retry-after: 7\r\n")) as url:
        with pytest.raises(RemoteError) as caught:
            async with bench.open("mcp://library", library=McpServer(url=url)):
                pass
    assert (caught.value.status, caught.value.is_retryable, caught.value.retry_after_ms) == (503, True, 7000)


@pytest.mark.parametrize("status", ["200 OK", "404 Not Found"])
async def test_a_page_is_no_mcp_server(bench: ToolBench, status: str) -> None:
    page = refusal(status, "<html>", "content-type: text/html\r\n")
    async with answering(lambda _: page) as url:
        with pytest.raises(RemoteError) as caught:
            async with bench.open("mcp://library", library=McpServer(url=url)):
                pass
    assert caught.value.message.startswith(f"the MCP server 'library' ({url}) ")


async def test_a_server_that_never_answers_is_given_up(bench: ToolBench) -> None:
    bench.allow_s(0.5)

    async def hang(_: bytes) -> bytes:
        await asyncio.sleep(600)
        return b""

    async with answering(hang) as url:
        with pytest.raises(RemoteError, match=r"did not answer initialize in 0\.5 s"):
            async with bench.open("mcp://library", library=McpServer(url=url)):
                pass


async def test_a_server_that_never_ends_its_session_is_left_behind() -> None:
    said = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "serverInfo": {"name": "x", "version": "1"},
        "tools": [],
    }

    async def answer(body: bytes) -> bytes:
        asked = json.loads(body or b"{}")
        if not body or asked["method"] == "tools/call":
            await asyncio.Event().wait()
        text = json.dumps({"jsonrpc": "2.0", "id": asked.get("id"), "result": said})
        headers = "content-type: application/json\r\nmcp-session-id: s\r\n"
        return refusal("200 OK", text, headers) if "id" in asked else refusal("202 Accepted", "")

    async with answering(answer) as url:
        connection = McpConnection("library", McpServer(url=url), None, start_s=10, close_s=0.1)
        assert await connection.list_tools() == []
        call = asyncio.create_task(connection.call_tool("slow", {}))
        await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await connection.close()
            with pytest.raises(RemoteError, match="the MCP server 'library'"):
                await call


async def test_an_answer_without_an_end_is_cut_off(bench: ToolBench) -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n\r\n"
    async with answering(lambda _: head + b"[" * (MESSAGE_BYTES + 1)) as url:
        with pytest.raises(BadReplyError, match="an answer is longer than 67,108,864 bytes"):
            async with bench.open("mcp://library", library=McpServer(url=url)):
                pass


def speaking(in_call: bytes) -> Callable[[bytes], bytes]:
    """A server with one tool, which answers its use with *in_call*."""

    def speak(body: bytes) -> bytes:
        message = json.loads(body or b"{}")
        result: dict[str, object] = {}
        match message.get("method"):
            case "initialize":
                about = {"name": "odd", "version": "1"}
                version = message["params"]["protocolVersion"]
                result = {"protocolVersion": version, "capabilities": {}, "serverInfo": about}
            case "tools/list":
                result = {"tools": [{"name": "use", "inputSchema": {"type": "object"}}]}
            case "tools/call":
                return in_call
            case _:
                return refusal("202 Accepted", "")
        answer = json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result})
        return refusal("200 OK", answer, "content-type: application/json\r\n")

    return speak


HALF = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\ndata: {\r\n"


@pytest.mark.parametrize(
    ("in_call", "said"),
    [
        (HALF, "broke off: SSE stream ended without a response"),
        (refusal("500 Internal Server Error", "oh"), "answered 500 Internal Server Error"),
        (refusal("429 Too Many Requests", ""), "answered 429 Too Many Requests"),
        (b"", "cannot be reached: Server disconnected"),
    ],
)
async def test_a_server_that_fails_in_a_call_fails_the_attempt(bench: ToolBench, in_call: bytes, said: str) -> None:
    async with answering(speaking(in_call)) as url, bench.open("mcp://odd", odd=McpServer(url=url)) as box:
        with pytest.raises(RemoteError) as caught:
            await box.call(bench.call("use"))
    assert caught.value.message.startswith(f"the MCP server 'odd' ({url}) {said}")
    await bench.servers.close()


async def test_arguments_that_the_server_refuses_are_told_to_the_model(bench: ToolBench) -> None:
    error = {"jsonrpc": "2.0", "id": None, "error": {"code": -32602, "message": "what?"}}
    refused = refusal("400 Bad Request", json.dumps(error), "content-type: application/json\r\n")
    async with answering(speaking(refused)) as url, bench.open("mcp://odd", odd=McpServer(url=url)) as box:
        assert await box.call(bench.call("use")) == "error: what?"
    await bench.servers.close()
