"""Calls a function in a process of its own: it may hang, crash or leave children behind, and harms only its task."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
from asyncio import CancelledError, get_running_loop, shield, wait
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from functools import partial
from typing import Any, Final

from binex.adapters.local_failure import crash_report
from binex.adapters.local_worker import LENGTH_BYTES, frame
from binex.adapters.threads import Threads
from binex.errors import AgentError, BadOutputError, ProcessDiedError, RemoteCodeError
from binex.models.json_value import decode_json
from binex.models.task import Artifact, TaskNode
from binex.tape.recorder import current_recorder
from binex.tape.trace_context import is_trace_passed_on
from binex.tape.transfer import BODIES, REPLAY_ERRORS, Receiver

GRACE_S: Final = 1.0
"""How long a process that was told to stop may take before it is killed."""

_PASSED_ON: Final = frozenset(
    {
        "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH",
        "PYTHONPATH", "PYTHONHOME", "PYTHONUTF8", "PYTHONIOENCODING", "PYTHONHASHSEED", "PYTHONWARNINGS",
        "PYTHONDONTWRITEBYTECODE", "PYTHONPYCACHEPREFIX", "PYTHONNOUSERSITE", "PYTHONUSERBASE", "PYTHONSAFEPATH",
    }
)  # fmt: skip
"""What a process sees of the environment, besides LC_* and what its node lists under `config.env`."""


class ProcessCalls:
    """Starts one process for each call, and sees that nothing of it is left."""

    def __init__(self, threads: Threads, *, grace_s: float = GRACE_S) -> None:
        self._threads = threads
        self._grace_s = grace_s

    async def run(self, task: TaskNode, folder: str | None, artifacts: list[Artifact]) -> list[Artifact]:
        """What the function makes of *task*. When this is cancelled, the process and its children are ended first.

        Raises:
            RemoteCodeError: the function raised.
            ProcessDiedError: the process ended before it answered.
            BadOutputError: what the function returned cannot be kept.
            AgentError: no process could be started, or the function cannot be called.
        """
        child = _Child(task, folder, artifacts)
        loop = get_running_loop()
        work = loop.create_task(self._threads.run(task.path, child.run))
        try:
            return await shield(work)
        except CancelledError:
            child.signal(signal.SIGTERM)
            last_resort = loop.call_later(self._grace_s, child.signal, signal.SIGKILL)
            try:
                await wait([work])
            finally:
                last_resort.cancel()
                child.signal(signal.SIGKILL)  # does nothing where it has ended
                work.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise


class _Child:
    """One process, from its start to its end; ``run`` blocks, ``signal`` may be called from elsewhere meanwhile."""

    def __init__(self, task: TaskNode, folder: str | None, artifacts: list[Artifact]) -> None:
        self._task = task
        self._folder = folder
        self._artifacts = artifacts
        self._recorder = current_recorder()
        self._is_traced = is_trace_passed_on()
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._is_stopped = False

    def signal(self, number: int) -> None:
        """Send a signal to the process and all its children, or keep it from being started."""
        with self._lock:
            self._is_stopped = True
            self._signal(number)

    def run(self) -> list[Artifact]:
        """Start the process, wait for its answer and end it."""
        with ExitStack() as ours, ExitStack() as theirs:
            request_r, request_w = _pipe(theirs, ours)
            answer_r, answer_w = _pipe(ours, theirs)
            crash_r, crash_w = _pipe(ours, theirs)
            life_r, life_w = _pipe(ours, theirs)
            reply_r, reply_w = _pipe(theirs, ours)
            for fd in (crash_r, crash_w, answer_r, reply_w):
                os.set_blocking(fd, False)
            with self._lock:
                if self._is_stopped:
                    raise AgentError("stopped before it was started")
                process = self._process = self._start((request_r, answer_w, crash_w, life_w, reply_r))
            theirs.close()
            calls = None if self._recorder is None else Receiver(self._recorder)
            answer = _Answer(calls, partial(_write_while_alive, reply_w, life_r))
            try:
                with suppress(BrokenPipeError):
                    _write(request_w, frame(self._request()))
                _read_answer(answer, answer_r, life_r)
            finally:
                with self._lock:
                    self._signal(signal.SIGKILL)  # before it is waited for: until then, nobody else has its id
                    code = process.wait()
                    self._process = None
            if not answer.is_complete:
                if calls is not None and not self._is_stopped:
                    calls.give_up()
                report = _read_rest(crash_r).decode(errors="replace")
                raise ProcessDiedError(_end(code), traceback=crash_report(report))
            return self._result(answer)

    def _start(self, fds: tuple[int, ...]) -> subprocess.Popen[bytes]:
        names = self._task.config.get("env")
        command = [sys.executable, "-P", "-m", "binex.adapters.local_worker", *map(str, fds)]
        try:
            return subprocess.Popen(
                command,
                pass_fds=fds,
                stdin=subprocess.DEVNULL,
                stdout=_stderr(),
                stderr=_stderr(),
                start_new_session=True,
                env=environment(os.environ, map(str, names) if isinstance(names, list) else ()),
            )
        except OSError as error:
            raise _not_started(error) from error

    def _signal(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    def _request(self) -> bytes:
        task = {**self._task.model_dump(), "folder": self._folder}
        artifacts = [(artifact.model_dump(mode="json"), artifact.data.decode()) for artifact in self._artifacts]
        recorder = self._recorder
        taping = "" if recorder is None else "play" if recorder.is_playing else "record"
        request = {"task": task, "artifacts": artifacts, "path": sys.path, "taping": taping, "traced": self._is_traced}
        return json.dumps(request).encode()

    def _result(self, answer: "_Answer") -> list[Artifact]:
        said = answer.header
        match said.get("status"):
            case "returned":
                try:
                    values = [decode_json(data) for data in answer.bodies]
                except ValueError as error:
                    raise BadOutputError(f"not JSON: {error}") from error
                return [
                    Artifact.of(self._task, output, value)
                    for output, value in zip(said["outputs"], values, strict=True)
                ]
            case "bad_output":
                raise BadOutputError(said["message"], fix=said["fix"])
            case _:
                details = {key: said[key] for key in ("fix", "is_retryable", "retry_after_ms")}
                if said["traceback"]:
                    raise RemoteCodeError(
                        said["message"], type_name=said["type"], traceback=said["traceback"], **details
                    )
                if said["type"] in REPLAY_ERRORS:
                    raise REPLAY_ERRORS[said["type"]](said["message"], fix=said["fix"])
                raise AgentError(said["message"], **details)


class _Answer:
    """The frames of an answer, as they come in.

    Those about calls, which come before it, go to *calls* at once; what is said to them is handed to *reply*.
    """

    def __init__(self, calls: Receiver | None, reply: Callable[[bytes], None]) -> None:
        self.header: dict[str, Any] = {}
        self.bodies: list[bytes] = []
        self._calls = calls
        self._reply = reply
        self._data = bytearray()
        self._wanted = 1

    @property
    def is_complete(self) -> bool:
        return self._wanted == 0

    def take(self, data: bytes) -> None:
        """Take in some bytes, of whatever frames."""
        self._data += data
        while self._wanted and len(self._data) >= LENGTH_BYTES:
            end = LENGTH_BYTES + int.from_bytes(self._data[:LENGTH_BYTES], "big")
            if len(self._data) < end:
                return
            body = bytes(memoryview(self._data)[LENGTH_BYTES:end])
            del self._data[:end]
            self._wanted -= 1
            if self.header:
                self.bodies.append(body)
            else:
                self.header = json.loads(body)
                bodies = BODIES.get(self.header["status"])
                self._wanted = len(self.header.get("outputs", ())) if bodies is None else bodies
            if self.header["status"] in BODIES and not self._wanted:
                if self._calls is not None:
                    for message in self._calls.take(self.header, self.bodies):
                        self._reply(frame(message))
                self.header, self.bodies, self._wanted = {}, [], 1


def environment(ours: Mapping[str, str], named: Iterable[str]) -> dict[str, str]:
    """What a process may see of our environment: what programs need to start, and what is *named*."""
    passed_on = _PASSED_ON.union(named)
    return {name: value for name, value in ours.items() if name in passed_on or name.startswith("LC_")}


def _read_answer(answer: _Answer, answer_fd: int, life_fd: int) -> None:
    """Read until the answer is complete or the process has ended.

    The end of the answer's pipe says neither: a grandchild may hold it open, and the function may close it.
    """
    poll = select.poll()
    poll.register(answer_fd, select.POLLIN)
    poll.register(life_fd, select.POLLIN)
    while not answer.is_complete:
        ready = dict(poll.poll())
        if answer_fd in ready:
            data = _read_some(answer_fd)
            if data:
                answer.take(data)
                continue
            poll.unregister(answer_fd)
        if life_fd in ready:
            answer.take(_read_rest(answer_fd))
            return


def _read_some(fd: int) -> bytes:
    try:
        return os.read(fd, 1 << 20)
    except BlockingIOError:
        return b""


def _read_rest(fd: int) -> bytes:
    return b"".join(iter(lambda: _read_some(fd), b""))


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def _write_while_alive(fd: int, life_fd: int, data: bytes) -> None:
    """Write *data*, unless the process ends meanwhile: then nobody reads it."""
    poll = select.poll()
    poll.register(fd, select.POLLOUT)
    poll.register(life_fd, select.POLLIN)
    view = memoryview(data)
    with suppress(BrokenPipeError):
        while view and life_fd not in dict(poll.poll()):
            with suppress(BlockingIOError):
                view = view[os.write(fd, view) :]


def _pipe(reader: ExitStack, writer: ExitStack) -> tuple[int, int]:
    """A pipe whose ends are closed by their owners."""
    try:
        read_fd, write_fd = os.pipe()
    except OSError as error:
        raise _not_started(error) from error
    reader.callback(os.close, read_fd)
    writer.callback(os.close, write_fd)
    return read_fd, write_fd


def _stderr() -> int:
    """Where the process may print: stdout is for results, and is not the function's to write to."""
    try:
        os.fstat(2)
    except OSError:
        return subprocess.DEVNULL
    return 2


def _end(code: int) -> str:
    if code >= 0:
        return f"process exited with code {code} before it answered"
    with suppress(ValueError):
        name = "out of memory?" if -code == signal.SIGKILL else signal.Signals(-code).name
        return f"process killed by signal {-code} ({name})"
    return f"process killed by signal {-code}"


def _not_started(error: OSError) -> AgentError:
    return AgentError(
        f"no process can be started: {error.strerror or error}",
        fix="allow this user more processes (ulimit -u) and open files (ulimit -n), or fewer tasks at a time",
    )
