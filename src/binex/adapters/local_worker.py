"""The process that an isolated function runs in: ``python -P -m binex.adapters.local_worker FDS``.

There are two processes. The **guard** leads a process group of its own. It reads the request, starts the
**worker** beside it, and then only watches: when the worker ends, the guard ends in the same way, by the
same signal or with the same code; when the pipe from the parent closes, because the parent died however
that happened, it kills the whole group. It executes nothing of the user's, so nothing of the user's can
keep it from that. The worker calls the function and writes the answer.

FDS are five pipes: the request; the answer; where a crash writes its traceback; one that nobody writes to, whose
end tells the parent that the guard has ended; and replies. A message is a frame of JSON; the frames of the outputs
follow one that says that the function returned. Before the answer there may be messages about the calls that the
function makes (see ``binex.tape.transfer``). The parent cuts secrets out of them, and says what the tape answers:
that is a reply, of two frames. The pipes are between the two alone. A frame is its length in eight bytes, most
significant first, and that many bytes.
"""

import contextlib
import faulthandler
import json
import os
import resource
import select
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from binex.models.task import Artifact, TaskNode

LENGTH_BYTES: Final = 8
_PR_SET_PDEATHSIG: Final = 1
_PARENT_DIED: Final = signal.SIGUSR2


def frame(data: bytes) -> bytes:
    """*data* as it is sent."""
    return len(data).to_bytes(LENGTH_BYTES, "big") + data


def main(request_fd: int, answer_fd: int, crash_fd: int, life_fd: int, reply_fd: int) -> None:
    """Be the guard, and in the child the worker."""
    if os.getpgrp() != os.getpid():
        os.setpgid(0, 0)  # the guard kills its group, and that must never be somebody else's
    for fd in (request_fd, answer_fd, crash_fd, life_fd, reply_fd):
        os.set_inheritable(fd, False)  # programs that the function starts must not hold the pipes open
    _signal_when_parent_dies(_PARENT_DIED)
    wake_fd = _watch_signals()
    request = _read_frame(request_fd)
    worker = os.fork()
    if worker == 0:
        _forget_signals()
        _signal_when_parent_dies(signal.SIGKILL)
        for fd in (request_fd, wake_fd, life_fd):
            os.close(fd)
        faulthandler.enable(crash_fd)
        _Worker(request, answer_fd, reply_fd).work()
    for fd in (answer_fd, crash_fd, reply_fd):
        os.close(fd)
    _guard(worker, request_fd, wake_fd)


def _guard(worker: int, request_fd: int, wake_fd: int) -> None:
    """Wait for the end of the worker or of the parent, whichever comes first."""
    while True:
        readable, _, _ = select.select([request_fd, wake_fd], [], [])
        if request_fd in readable or _PARENT_DIED in os.read(wake_fd, 64):
            os.killpg(0, signal.SIGKILL)
        ended, status = os.waitpid(worker, os.WNOHANG)
        if ended:
            _end_like(status)


def _end_like(status: int) -> None:
    """End as the worker did, so that the parent sees it as if there were no guard."""
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the worker may have left a core; one is enough
        if number not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
    os._exit(os.waitstatus_to_exitcode(status))


def _watch_signals() -> int:
    """Where the numbers of signals can be read that concern the guard. It ignores those that end others."""
    wake_fd, write_fd = os.pipe()
    os.set_blocking(write_fd, False)
    signal.set_wakeup_fd(write_fd)
    for number in (signal.SIGCHLD, _PARENT_DIED):
        signal.signal(number, lambda *_: None)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    return wake_fd


def _forget_signals() -> None:
    """Back to how a Python process starts."""
    os.close(signal.set_wakeup_fd(-1))
    for number in (signal.SIGCHLD, _PARENT_DIED, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _signal_when_parent_dies(number: int) -> None:
    """Ask the kernel for a signal, where it can be asked; the pipe tells as well, a little later."""
    if sys.platform == "linux":
        import ctypes

        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(number))


def _read_frame(fd: int) -> bytes:
    """One whole frame; leaves where the parent died before it had sent it."""
    length = int.from_bytes(_read_exactly(fd, LENGTH_BYTES), "big")
    return _read_exactly(fd, length)


def _read_exactly(fd: int, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        piece = os.read(fd, min(count - len(data), 1 << 20))
        if not piece:
            os._exit(1)
        data += piece
    return bytes(data)


class _Worker:
    """Calls one function once, and ends."""

    def __init__(self, request: bytes, answer_fd: int, reply_fd: int) -> None:
        self._request = request
        self._answer_fd = answer_fd
        self._reply_fd = reply_fd
        self._lock = threading.Lock()
        self._asking = threading.Lock()
        self._process = os.getpid()

    def work(self) -> None:
        """Answer the request and leave, whatever threads and exit handlers the function has left."""
        from binex.errors import BadOutputError

        try:
            made = self._call()
        except BadOutputError as error:
            self._send({"status": "bad_output", "message": error.message, "fix": error.fix})
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
            self._send(_description(error))
        else:
            outputs = [artifact.output for artifact in made]
            self._send({"status": "returned", "outputs": outputs}, *(artifact.data for artifact in made))
        os._exit(0)

    def _call(self) -> "list[Artifact]":
        from binex.adapters.local_call import artifacts_of, load
        from binex.adapters.local_finding import LocalName
        from binex.adapters.local_source import Sources
        from binex.errors import AgentError, FieldFault
        from binex.models.task import Artifact, TaskNode

        request: dict[str, Any] = json.loads(self._request)
        sys.path[:] = request["path"]
        taping, is_traced = request["taping"], request["traced"]
        given = {key: request["task"].pop(key) for key in ("inputs", "config")}
        task = TaskNode.model_validate({**request["task"], "inputs": {}}).model_copy(update=given)
        artifacts = [
            Artifact.model_validate({**envelope, "data": data.encode()}) for envelope, data in request["artifacts"]
        ]
        del self._request, request
        handler = load(LocalName.of(task.agent), task.folder, Sources())
        if isinstance(handler, FieldFault):
            raise AgentError(handler.message, fix=handler.fix, is_retryable=False)
        with self._recording(task, taping, is_traced=is_traced):
            answer = handler.answer(task, artifacts)
            if isinstance(answer, list):
                return answer
            import asyncio

            async def wait() -> object:
                return await answer

            return artifacts_of(task, asyncio.run(wait()))

    @contextlib.contextmanager
    def _recording(self, task: "TaskNode", taping: str, *, is_traced: bool) -> Iterator[None]:
        """Send the calls that are made in the block to the parent, where it records them, and may answer them."""
        if not taping:
            yield
            return
        from binex.tape.hooks import install_hooks
        from binex.tape.recorder import recording
        from binex.tape.refusal import refusing_network
        from binex.tape.trace_context import passing_on_trace
        from binex.tape.transfer import ProcessRecorder

        install_hooks()
        is_playing = taping == "play"
        ask = self._ask if is_playing else None
        recorder = ProcessRecorder(task.run_id, task.path, task.attempt, ask=ask, send=self._write)
        try:
            refusing = refusing_network(recorder.refuse) if is_playing else contextlib.nullcontext()
            with recording(recorder), passing_on_trace(is_wanted=is_traced), refusing:
                yield
        finally:
            recorder.close()

    def _send(self, message: dict[str, Any], *bodies: bytes) -> None:
        if os.getpid() != self._process:
            return  # a process that the function has forked came back from it as well; the answer is not its to give
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()  # the group is killed as soon as the answer is there
        self._write((json.dumps(message).encode(), *bodies))

    def _ask(self, messages: Sequence[bytes]) -> Sequence[bytes]:
        """Send a message, and wait for the reply."""
        with self._asking:
            self._write(messages)
            return _read_frame(self._reply_fd), _read_frame(self._reply_fd)

    def _write(self, messages: Sequence[bytes]) -> None:
        with self._lock:  # threads that the function has left may still be making calls
            for message in messages:
                view = memoryview(frame(message))
                while view:
                    view = view[os.write(self._answer_fd, view) :]


def _description(error: BaseException) -> dict[str, Any]:
    """An exception, as far as it can leave its process."""
    from binex.adapters.local_failure import contained, traceback_of
    from binex.errors import AgentError

    raised = contained(error)
    is_ours = isinstance(raised, AgentError)
    try:
        message = str(raised)
    except Exception:  # noqa: BLE001 - the text is made by the user's code
        message = ""
    return {
        "status": "raised",
        "type": type(raised).__name__,
        "message": message or f"{type(raised).__name__} without a message",
        "traceback": "" if is_ours and error.__cause__ is None and error is raised else traceback_of(error),
        "fix": raised.fix if isinstance(raised, AgentError) else None,
        "is_retryable": raised.is_retryable if isinstance(raised, AgentError) else True,
        "retry_after_ms": raised.retry_after_ms if isinstance(raised, AgentError) else None,
        "is_ours": is_ours,
    }


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
