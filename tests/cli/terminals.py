"""Commands on a terminal of their own."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable

from tests.cli.conftest import TIMEOUT_S, Shell, environment


def on_a_terminal(
    shell: Shell, columns: int, *arguments: str, upon: Callable[[str], object] = len, **environ: str
) -> tuple[int, str]:
    """The exit code of a command on a terminal, and everything that it wrote there, which *upon* sees as it comes."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(
        shell.command(*arguments),
        cwd=shell.folder,
        env=environment(TERM="xterm", **environ),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    ) as process:
        os.close(slave)
        seen = b""
        try:
            while piece := os.read(master, 65536):
                seen += piece
                upon(seen.decode(errors="replace"))
        except OSError:  # nobody has it open any more
            pass
        code = process.wait(TIMEOUT_S)
    os.close(master)
    return code, seen.decode()
