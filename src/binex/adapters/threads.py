"""Threads for plain functions: they hold up neither the event loop nor the end of the process."""

import threading
from asyncio import AbstractEventLoop, CancelledError, Future, get_running_loop
from collections import deque
from collections.abc import Callable
from contextvars import copy_context
from typing import Generic, TypeVar, TypeVarTuple

from binex.adapters.local_failure import contained
from binex.errors import AgentError

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_IDLE_NAME = "binex-idle"
_START = 4
"""As many threads start at once, without looking whether they block."""
_PATIENCE_S = 0.001
"""Threads that do not end as many calls as there are threads, in this time, count as blocked."""


class Threads:
    """Daemon threads, started when there is work and no idle one, up to *limit*; idle ones leave after *idle_s*.

    ``concurrent.futures`` joins its threads when the process exits, so that one function that hangs would
    keep it from ending; nobody ever waits for these. A few threads that take turns serve short calls faster
    than many that compete for the interpreter, so more are started only while calls wait for functions that
    block. A thread whose caller is cancelled is left behind: it
    goes on, its answer is dropped, and it no longer counts towards the limit.
    """

    def __init__(self, limit: int = 256, *, idle_s: float = 10.0) -> None:
        self._limit = limit
        self._idle_s = idle_s
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []  # the last one in is the first one out: its memory is still warm
        self._backlog: deque[_Job] = deque()
        self._count = 0
        self._abandoned = 0
        self._finished = 0  # since it was last looked at
        self._mailbox: _Mailbox | None = None

    @property
    def abandoned(self) -> int:
        """How many threads are working now for a caller that was cancelled."""
        return self._abandoned

    async def run(self, name: str, function: Callable[[*Ts], T], *args: *Ts) -> T:
        """Call *function* in a thread called *name*, in a copy of this context.

        Raises:
            AgentError: the function raised what would end the process, or there is no thread to be had.
        """
        loop = get_running_loop()
        mailbox = self._mailbox
        if mailbox is None or mailbox.loop is not loop:
            mailbox = self._mailbox = _Mailbox(loop)
        answer: _Answer[T] = _Answer()
        context = copy_context()

        def work() -> None:
            answer.value = context.run(function, *args)

        job = _Job(name, work, loop.create_future(), mailbox)
        self._submit(job)
        try:
            await job.future
        except CancelledError:
            self._abandon(job)
            raise
        if job.error is not None:
            try:
                raise contained(job.error)
            finally:
                job.error = None  # else the error and its frames would hold each other
        return answer.value

    def _submit(self, job: "_Job") -> None:
        with self._lock:
            if self._idle:
                self._idle.pop().give(job)
            elif self._count < min(_START, self._limit):
                self._spawn(job)
            else:
                self._backlog.append(job)
                self._watch_backlog(job.mailbox)

    def _watch_backlog(self, mailbox: "_Mailbox") -> None:
        if self._count < self._limit and not mailbox.is_watching:
            mailbox.is_watching = True
            self._finished = 0
            mailbox.loop.call_later(_PATIENCE_S, self._relieve, mailbox)

    def _relieve(self, mailbox: "_Mailbox") -> None:
        """Start as many threads again as there are, if calls wait and the threads are blocked."""
        with self._lock:
            mailbox.is_watching = False
            if self._finished < self._count:
                for _ in range(min(self._count, self._limit - self._count)):
                    job = self._next_in_backlog()
                    if job is None or not self._spawn(job):
                        break
            if self._backlog:
                self._watch_backlog(mailbox)

    def _spawn(self, job: "_Job") -> bool:
        """Start a thread for *job*; where the system has none left, the job waits for one of those there are."""
        worker = _Worker(self, job)
        try:
            threading.Thread(target=worker.work, name=job.name, daemon=True).start()
        except RuntimeError as error:
            job.is_running = False
            if self._count == 0:
                fix = "allow this user more processes (ulimit -u) or more memory"
                job.error = AgentError(f"no thread can be started for {job.name}: {error}", fix=fix)
                job.is_done = True
                job.mailbox.deliver(job)
                return False
            self._backlog.appendleft(job)
            return False
        self._count += 1
        return True

    def _abandon(self, job: "_Job") -> None:
        with self._lock:
            if job.is_done:
                return
            job.is_abandoned = True
            if job.is_running:
                self._abandoned += 1
                self._count -= 1
                following = self._next_in_backlog()
                if following is not None:
                    self._spawn(following)

    def next_job(self, worker: "_Worker", done: "_Job") -> bool:
        """Give *worker* its next job, or let it wait for one; false where it must leave."""
        with self._lock:
            done.is_done = True
            self._finished += 1
            if done.is_abandoned:
                self._abandoned -= 1
                return False
            job = self._next_in_backlog()
            if job is not None:
                worker.give(job)
            else:
                self._idle.append(worker)
            return True

    def wait(self, worker: "_Worker") -> bool:
        """Wait until *worker* has a job; false where none came."""
        if worker.has_job.acquire(timeout=self._idle_s):
            return True
        with self._lock:
            if worker in self._idle:
                self._idle.remove(worker)
                self._count -= 1
                return False
        return worker.has_job.acquire()  # it was given one just now

    def _next_in_backlog(self) -> "_Job | None":
        while self._backlog:
            job = self._backlog.popleft()
            if not job.is_abandoned:
                job.is_running = True
                return job
        return None


class _Answer(Generic[T]):
    """What a function returned."""

    __slots__ = ("value",)

    value: T


class _Job:
    """One call, and who waits for it."""

    __slots__ = ("error", "future", "is_abandoned", "is_done", "is_running", "mailbox", "name", "work")

    def __init__(self, name: str, work: Callable[[], None], future: "Future[None]", mailbox: "_Mailbox") -> None:
        self.name = name
        self.work = work
        self.future = future
        self.mailbox = mailbox
        self.error: BaseException | None = None
        self.is_running = self.is_done = self.is_abandoned = False


class _Worker:
    """One thread's life."""

    def __init__(self, threads: Threads, job: _Job) -> None:
        self._threads = threads
        self.has_job = threading.Lock()
        self.has_job.acquire()
        self._job: _Job | None = job
        job.is_running = True

    def give(self, job: _Job) -> None:
        job.is_running = True
        self._job = job
        self.has_job.release()

    def work(self) -> None:
        thread = threading.current_thread()
        goes_on = True
        while goes_on:
            job, self._job = self._job, None
            assert job is not None
            thread.name = job.name
            try:
                job.work()
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is waited for
                job.error = error
            thread.name = _IDLE_NAME
            goes_on = self._threads.next_job(self, job)
            job.mailbox.deliver(job)
            del job  # an idle thread must not keep alive what it worked on
            goes_on = goes_on and self._threads.wait(self)


class _Mailbox:
    """Brings answers to the loop; those that come together wake it once."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self.is_watching = False
        self._done: deque[_Job] = deque()
        self._is_waking = False

    def deliver(self, job: _Job) -> None:
        self._done.append(job)
        if not self._is_waking:
            self._is_waking = True
            try:
                self.loop.call_soon_threadsafe(self._empty)
            except RuntimeError:  # the loop is closed: nobody waits any more
                self._done.clear()

    def _empty(self) -> None:
        self._is_waking = False  # first: what is delivered from here on wakes the loop again
        while self._done:
            job = self._done.popleft()
            if not job.future.done():
                job.future.set_result(None)
