"""Keeps one program: starts it, and sees that nothing of it is left when it ends, or when whoever wanted it is gone.

A program of its own, run as ``python -I -S keeper.py COMMAND ARGUMENT...`` in a session of its own. Its standard input
is a pipe whose other end the parent holds: when that closes, however the parent ended, the program is told to stop, and
killed where it does not. It imports nothing but the standard library, so that it is there at once.
"""

import ctypes
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final

GRACE_S: Final = 1.0
"""How long a program may take to end by itself when it is told to."""
NOT_STARTED: Final = 127
"""The exit code where the program cannot be started."""
_KILLING_S: Final = 1.0
_POLL_S: Final = 0.02
_PR_SET_PDEATHSIG: Final = 1
_PR_SET_CHILD_SUBREAPER: Final = 36


def main() -> int:
    """Keep the program that the arguments say; returns its exit code."""
    prctl = _prctl()
    prctl(_PR_SET_CHILD_SUBREAPER, 1)  # what it leaves behind becomes ours, and is found
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
        signal.signal(number, lambda *_: None)
    program = _start(sys.argv[1:], prctl)
    if program is None:
        return NOT_STARTED
    code = _wait(program, woken)
    _end_all()
    return code if code is not None else 0


def _start(command: list[str], prctl: Callable[[int, int], object]) -> int | None:
    """The id of the program's process; None where there is no such program."""
    child = os.fork()
    if child:
        return child
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD, signal.SIGPIPE):
            signal.signal(number, signal.SIG_DFL)
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.closerange(3, 1024)
        os.execvp(command[0], command)
    except OSError as error:
        os.write(2, f"cannot be started: {command[0]}: {error.strerror}\n".encode())
    finally:
        os._exit(NOT_STARTED)


def _wait(program: int, woken: int) -> int | None:
    """Wait for the program's end, whose exit code is returned, or for a reason to end it."""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        received = os.read(woken, 512) if woken in ready else b""
        code = _reap(program)
        if code is not None:
            return code
        is_told = any(number != signal.SIGCHLD for number in received)
        if is_told or (0 in ready and not os.read(0, 512)):
            return None


def _reap(program: int) -> int | None:
    """Take note of all that have ended; the exit code of the program where it is one of them."""
    code = None
    with suppress(ChildProcessError):
        while True:
            process, status = os.waitpid(-1, os.WNOHANG)
            if not process:
                break
            if process == program:
                code = os.waitstatus_to_exitcode(status)
                code = 128 - code if code < 0 else code
    return code


def _end_all() -> None:
    """Tell all that is left to end, and kill what does not."""
    _signal_all(signal.SIGTERM)
    deadline = time.monotonic() + GRACE_S
    while _has_children() and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    deadline = time.monotonic() + _KILLING_S
    while _has_children() and time.monotonic() < deadline:
        _signal_all(signal.SIGKILL)
        time.sleep(_POLL_S)


def _has_children() -> bool:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _signal_all(number: signal.Signals) -> None:
    """Send a signal to the program and to all that descends from it; where these are unknown, to the group."""
    if not os.path.isdir("/proc/self"):  # noqa: PTH112 - pathlib takes long to load
        os.killpg(0, number)
        return
    for process in _descendants():
        with suppress(ProcessLookupError, PermissionError):
            os.kill(process, number)


def _descendants() -> Iterator[int]:
    """All processes below this one, where the system tells."""
    parents: dict[int, list[int]] = {}
    with suppress(OSError):
        for name in os.listdir("/proc"):  # noqa: PTH208 - pathlib takes long to load
            if not name.isdecimal():
                continue
            with suppress(OSError, ValueError, IndexError):
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123
                    parent = int(file.read().rpartition(b")")[2].split()[1])
                parents.setdefault(parent, []).append(int(name))
    waiting = [os.getpid()]
    while waiting:
        below = parents.get(waiting.pop(), [])
        yield from below
        waiting += below


def _prctl() -> Callable[[int, int], object]:
    """Linux's own call; elsewhere nothing, and the pipe alone has to do."""
    if not sys.platform.startswith("linux"):
        return lambda _option, _value: None
    with suppress(OSError, AttributeError):
        call = ctypes.CDLL(None).prctl
        return lambda option, value: call(option, value, 0, 0, 0)
    return lambda _option, _value: None


if __name__ == "__main__":
    sys.exit(main())
