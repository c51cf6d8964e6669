"""A process that speaks MCP on its standard input and output.

Not the SDK's own client for it: that keeps no hold of what the process writes to its standard error, reads a
line however long it is, and leaves descendants of a process that ends by itself.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

from binex.errors import RemoteError
from binex.models.agent_settings import McpServer

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream
    from mcp.shared.message import SessionMessage

    Streams: TypeAlias = tuple[
        MemoryObjectReceiveStream[SessionMessage | Exception], MemoryObjectSendStream[SessionMessage]
    ]

INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "USER", "LOGNAME", "SHELL", "TERM")
"""What a server sees of our environment; all else it is given by name."""
LINE_BYTES: Final = 64 << 20
"""How long one message may be."""
_TAIL_BYTES: Final = 4_000
_TAIL_LINES: Final = 8
_GRACE_S: Final = (1.5, 1.0)
"""How long a server may take to end by itself, first when its input is closed and then when it is told to."""
_SHORT_GRACE_S: Final = (0.2, 0.1)
"""The same where we are cancelled: the whole process may be about to end."""
_DYING_S: Final = 0.5
"""How long a process may take to be gone that has closed its output."""
_POLL_S: Final = 0.01


class McpProcess:
    """One server's process, from its start to the end of its whole group."""

    def __init__(self, name: str, server: McpServer, folder: str | None) -> None:
        self.name = name
        self.exit_code: int | None = None
        """How it ended, where it did so by itself."""
        self._tail = bytearray()
        self.stray = ""
        """The first that it wrote to its standard output that is no message."""
        self._is_silent = False
        self._process = _start(name, server, folder)
        self._pipes: list[asyncio.BaseTransport] = []

    @property
    def last_words(self) -> str:
        """The last lines that it wrote to its standard error."""
        return "\n".join(self._tail.decode("utf-8", "replace").strip().splitlines()[-_TAIL_LINES:])

    @asynccontextmanager
    async def speak(self, ended: asyncio.Event) -> AsyncIterator["Streams"]:
        """Its messages, in and out; *ended* is set when no more will come. At the end of the block it is gone."""
        import anyio
        from mcp.shared.message import SessionMessage

        sent, received = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        asked, to_write = anyio.create_memory_object_stream[SessionMessage](0)
        process = self._process
        is_cancelled = True
        try:
            async with sent, received, asked, to_write:
                writer = await self._open_input()
                output = await self._open_output(process.stdout)
                errors = await self._open_output(process.stderr)
                running = [
                    asyncio.create_task(self._read(output, sent, ended)),
                    asyncio.create_task(self._write(to_write, writer, ended)),
                    asyncio.create_task(self._listen(errors)),
                ]
                try:
                    yield received, asked
                    is_cancelled = False
                finally:
                    with anyio.CancelScope(shield=True):
                        if self._is_silent and await self._has_ended(_DYING_S):
                            self.exit_code = self._process.returncode
                        writer.close()
                        await self._end(_SHORT_GRACE_S if is_cancelled else _GRACE_S)
                        for task in running:
                            task.cancel()
                        await asyncio.wait(running)
        finally:
            self._kill()
            for pipe in self._pipes:
                pipe.close()

    async def _read(
        self,
        output: asyncio.StreamReader,
        sent: "MemoryObjectSendStream[SessionMessage | Exception]",
        ended: asyncio.Event,
    ) -> None:
        """Pass on what it says, until it says no more. A line that is no message is not for us, and only noted."""
        import anyio
        from mcp.shared.message import SessionMessage
        from mcp.types import jsonrpc_message_adapter

        async with sent:
            try:
                while line := await output.readline():
                    try:
                        message = jsonrpc_message_adapter.validate_json(line, by_name=False)
                    except ValueError:
                        self.stray = self.stray or line.decode("utf-8", "replace").strip()[:200]
                    else:
                        await sent.send(SessionMessage(message))
            except ValueError:  # the line is longer than it may be
                self.stray = f"a line of more than {LINE_BYTES:,} bytes"
            except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
                pass
            self._is_silent = True  # not where we are cancelled: then it may have more to say
            ended.set()

    async def _write(
        self,
        messages: "MemoryObjectReceiveStream[SessionMessage]",
        writer: asyncio.StreamWriter,
        ended: asyncio.Event,
    ) -> None:
        async with messages:
            try:
                async for message in messages:
                    text: str = message.message.model_dump_json(by_alias=True, exclude_unset=True)
                    writer.write(text.encode() + b"\n")
                    await writer.drain()
            except OSError:
                ended.set()

    async def _listen(self, errors: asyncio.StreamReader) -> None:
        """Keep the end of what it writes to its standard error, however much that is."""
        with contextlib.suppress(OSError):
            while data := await errors.read(65_536):
                self._tail += data[-_TAIL_BYTES:]
                del self._tail[:-_TAIL_BYTES]

    async def _end(self, grace_s: tuple[float, float]) -> None:
        """Let it end, then tell it to, then make it."""
        if await self._has_ended(grace_s[0]):
            return
        self._signal(signal.SIGTERM)
        if not await self._has_ended(grace_s[1]):
            self._signal(signal.SIGKILL)
            await self._has_ended(1.0)

    async def _has_ended(self, within_s: float) -> bool:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + within_s
        while self._process.poll() is None:
            if loop.time() >= deadline:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    def _kill(self) -> None:
        """Kill what is left of its group, also where nothing can be awaited any more.

        A process that it started may outlast it; that is why this is done even when it has ended by itself.
        """
        self._signal(signal.SIGKILL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_DYING_S)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _open_input(self) -> asyncio.StreamWriter:
        loop = asyncio.get_running_loop()
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())  # which knows how to wait for room
        pipe, _ = await loop.connect_write_pipe(lambda: protocol, self._process.stdin)
        self._pipes.append(pipe)
        return asyncio.StreamWriter(pipe, protocol, None, loop)

    async def _open_output(self, file: object) -> asyncio.StreamReader:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=LINE_BYTES)
        pipe, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), file)
        self._pipes.append(pipe)
        return reader


def _start(name: str, server: McpServer, folder: str | None) -> "subprocess.Popen[bytes]":
    """Start the program of *server* in the workflow's folder, as the leader of a group of its own.

    Raises:
        RemoteError: it cannot be started.
    """
    command = server.command or ""
    environment = {key: os.environ[key] for key in INHERITED if key in os.environ} | server.env
    pipe = subprocess.PIPE
    try:
        return subprocess.Popen(
            [command, *server.args],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env=environment,
            cwd=folder,
            start_new_session=True,
            bufsize=0,
        )
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else str(error)
        raise RemoteError(
            f"the MCP server '{name}' cannot be started: {command}: {why}",
            fix=f"install '{command}', or give its path in mcp_servers.{name}.command",
            is_retryable=False,
        ) from None
