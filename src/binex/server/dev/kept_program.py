"""A program that is there for as long as a block lasts, and of which nothing is left afterwards."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from binex.server.dev import keeper

STOPPED_WITHIN_S: Final = keeper.GRACE_S + 1.5
"""How long it may take at the most until nothing of a program is left."""
_CHUNK: Final = 65_536
_LONGEST_LINE: Final = 4_000


class KeptProgram:
    """A program under its keeper."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @property
    def pid(self) -> int:
        """The id of its process group."""
        return self._process.pid

    async def wait(self) -> int:
        """Its exit code, when it has ended."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End it, and all that it has started."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(STOPPED_WITHIN_S):
                await self._process.wait()
        self.kill()

    def kill(self) -> None:
        """End what is left of its group at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)


@asynccontextmanager
async def keeping(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], say: Callable[[str], None]
) -> AsyncIterator[KeptProgram]:
    """Start a program in *folder*; every line that it writes goes to *say*. At the end of the block it is gone.

    Raises:
        OSError: the machine does not start another process, or there is no such folder.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", keeper.__file__, *command),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        cwd=folder,
        env=dict(environment),
        start_new_session=True,
    )
    program = KeptProgram(process)
    listening = asyncio.create_task(_listen(process.stdout, say))
    try:
        yield program
    finally:
        try:
            await asyncio.shield(asyncio.ensure_future(program.stop()))
        finally:
            program.kill()
            await asyncio.wait({listening}, timeout=0.2)  # its last words
            listening.cancel()


async def _listen(output: asyncio.StreamReader | None, say: Callable[[str], None]) -> None:
    """Pass on line for line, and one that is too long in parts."""
    rest = b""
    while output is not None and (data := await output.read(_CHUNK)):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            say(line[:_LONGEST_LINE].decode("utf-8", "replace").rstrip("\r"))
        while len(rest) > _LONGEST_LINE:
            say(rest[:_LONGEST_LINE].decode("utf-8", "replace"))
            rest = rest[_LONGEST_LINE:]
    if rest:
        say(rest.decode("utf-8", "replace"))
