"""Runs Binex as a process of its own, ends it in every way there is, and tells what was left."""

import asyncio
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, TypeVar

from binex.models.run import Run
from binex.models.task import ExecutionRecord, TaskStatus
from binex.runtime.session import open_session
from binex.stores.doctor import Severity, examine

TIMEOUT_S: Final = 60.0
"""Nothing here may take longer; what does is ended, and the test fails."""

_ACKNOWLEDGED = re.compile(r"^ *\d+\.\d\d s  (\S+)  completed", re.MULTILINE)
_RUN = re.compile(r"^run (\S+) of ", re.MULTILINE)


def environment(**extra: str) -> dict[str, str]:
    """The environment of every process: this one's, without what would change what Binex does."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("BINEX_", "PYTEST_"))}
    return {**kept, "PYTHONDONTWRITEBYTECODE": "1", "PYTHONWARNINGS": "error", **extra}


def prepared_by(code: str) -> list[str]:
    """The command that executes *code* and then becomes the command behind it."""
    return [sys.executable, "-c", f"import os, sys\n{code}\nos.execvp(sys.argv[1], sys.argv[1:])"]


@dataclass(frozen=True)
class Finished:
    """How a process ended, and all that it said."""

    code: int
    out: str
    err: str

    def __str__(self) -> str:
        return f"exit {self.code}\n--- stdout\n{self.out[-3000:]}\n--- stderr\n{self.err[-6000:]}"

    @property
    def acknowledged(self) -> set[str]:
        """The tasks whose completion was told on stderr."""
        return set(_ACKNOWLEDGED.findall(self.err))

    @property
    def run_id(self) -> str:
        """The run that stderr names."""
        found = _RUN.search(self.err)
        assert found, self.err
        return found[1]


class Process:
    """A process in a group of its own, whose output is read while it runs."""

    def __init__(
        self,
        command: Sequence[str],
        *,
        cwd: Path,
        env: Mapping[str, str] | None = None,
        stdin: int = subprocess.DEVNULL,
    ) -> None:
        self.popen = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(env) if env is not None else environment(),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._changed = threading.Condition()
        self._text = {"out": bytearray(), "err": bytearray()}
        self._open = 2
        self._readers = [
            threading.Thread(target=self._read, args=(name, pipe), daemon=True)
            for name, pipe in (("out", self.popen.stdout), ("err", self.popen.stderr))
        ]
        self._has_ended = threading.Event()
        self._is_reaped = False
        self._waiter = threading.Thread(target=self._await_end, daemon=True)
        for thread in (*self._readers, self._waiter):
            thread.start()

    @property
    def pid(self) -> int:
        return self.popen.pid

    @property
    def err(self) -> str:
        with self._changed:
            return self._text["err"].decode(errors="replace")

    @property
    def out(self) -> str:
        with self._changed:
            return self._text["out"].decode(errors="replace")

    def _read(self, name: str, pipe: Any) -> None:
        while data := os.read(pipe.fileno(), 65536):
            with self._changed:
                self._text[name] += data
                self._changed.notify_all()
        with self._changed:
            self._open -= 1
            self._changed.notify_all()

    def wait_for_text(self, pattern: str, timeout: float = TIMEOUT_S, *, count: int = 1) -> None:
        """Return as soon as stderr holds *pattern* that many times."""
        expression = re.compile(pattern.encode(), re.MULTILINE)

        def is_there() -> bool:
            return len(expression.findall(self._text["err"])) >= count

        with self._changed:
            self._changed.wait_for(lambda: is_there() or self._open == 0, timeout)
            found = is_there()
        assert found, f"no {pattern!r} on stderr:\n{self.err}\n--- stdout\n{self.out}"

    def _await_end(self) -> None:
        # Without reaping: until that, nobody else can get the id that signals are sent to.
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        self._has_ended.set()

    def signal(self, number: int) -> None:
        """Send a signal to the process itself."""
        if not self._is_reaped:
            os.kill(self.pid, number)

    def signal_group(self, number: int) -> None:
        """Send a signal to the process and its whole group, as a terminal does."""
        if not self._is_reaped:
            os.killpg(self.pid, number)

    def kill_all(self) -> None:
        """Kill the process and its group."""
        self.signal_group(signal.SIGKILL)

    def wait(self, timeout: float = TIMEOUT_S) -> Finished:
        """Wait for its end; past *timeout* it is killed and the test fails. What it leaves in its group is killed."""
        in_time = self.ends_within(timeout)
        self.close()
        assert in_time, f"still running after {timeout} s:\n{self.err}\n{self.out}"
        return Finished(self.popen.returncode, self.out, self.err)

    def ends_within(self, seconds: float) -> bool:
        """Wait for its end for a while."""
        return self._has_ended.wait(seconds)

    def close(self) -> None:
        """End what is left and give the pipes back."""
        if self._is_reaped:
            return
        self.kill_all()
        self._waiter.join(10)
        self._is_reaped = True
        self.popen.wait(10)
        for reader in self._readers:
            reader.join(10)
        for pipe in (self.popen.stdin, self.popen.stdout, self.popen.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@dataclass
class Kept:
    """What a store holds of one run."""

    run: Run | None
    records: list[ExecutionRecord] = field(default_factory=list)
    is_owned: bool = False

    @property
    def settled(self) -> set[str]:
        """The tasks that ended for good and need not run again."""
        return {record.task for record in self.records if record.is_final}

    @property
    def completed(self) -> set[str]:
        return {record.task for record in self.records if record.status is TaskStatus.COMPLETED}


class Project:
    """A folder with a workflow and a store of its own; a fixture closes those that a test made."""

    made: ClassVar[list["Project"]] = []

    def __init__(self, folder: Path, file: str = "flow.yaml") -> None:
        self.made.append(self)
        self.folder = folder
        self.file = file
        self.store = folder / ".binex"
        self._processes: list[Process] = []

    # --- processes ------------------------------------------------------------------------------------------

    def start(
        self,
        *arguments: str,
        before: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Process:
        """Start ``binex ARGUMENTS --dir STORE``, behind the command *before* where there is one."""
        command = [*before, sys.executable, "-m", "binex", *arguments, "--dir", str(self.store)]
        process = Process(command, cwd=cwd or self.folder, env=env)
        self._processes.append(process)
        return process

    def binex(self, *arguments: str, timeout: float = TIMEOUT_S, **options: Any) -> Finished:
        """The same, and wait for its end."""
        return self.start(*arguments, **options).wait(timeout)

    def run(self, *arguments: str, **options: Any) -> Finished:
        """``binex run`` of the workflow, to its end."""
        return self.binex("run", self.file, *arguments, **options)

    def close(self) -> None:
        for process in self._processes:
            process.close()

    # --- what is left ---------------------------------------------------------------------------------------

    def effects(self) -> list[str]:
        """Every execution, as the functions themselves noted it: ``path attempt``."""
        try:
            return (self.folder / "effects.log").read_text().splitlines()
        except FileNotFoundError:
            return []

    def temporaries(self) -> list[Path]:
        """Files that are being written, or were when somebody was killed."""
        return [*(self.store / "tmp").iterdir(), *(self.store / "artifacts").rglob(".tmp-*")]

    def executed(self) -> Counter[str]:
        """How often each task was executed."""
        return Counter(line.split()[0] for line in self.effects())

    def kept(self, run: str | None = None) -> Kept:
        """What the store holds of a run, the newest where none is named; everything is read and verified."""
        return asyncio.run(self._kept(run))

    async def _kept(self, run_id: str | None) -> Kept:
        if not (self.store / "binex.db").exists():
            return Kept(None)
        async with open_session(self.store, read_only=True) as session:
            store = session.store
            runs = await store.list_runs(limit=1)
            run = await store.get_run(run_id) if run_id is not None else (runs[0] if runs else None)
            if run is None:
                return Kept(None)
            records = await store.list_records(run.id)
            for record in records:
                for artifact_id in record.output_artifacts:
                    artifact = await store.get(artifact_id)  # raises where it is missing or altered
                    assert artifact is not None, f"{record.task} is recorded without {artifact_id}"
            return Kept(run, records, await store.is_owned(run.id))

    def outputs(self, run: str = "latest") -> Any:
        """What the last nodes of a completed run made, read from its artifacts."""
        kept = self.kept(None if run == "latest" else run)
        return asyncio.run(self._contents(kept, "end"))

    async def _contents(self, kept: Kept, node: str) -> Any:
        async with open_session(self.store, read_only=True) as session:
            record = next(record for record in kept.records if record.task == node)
            artifacts = [await session.store.get(artifact_id) for artifact_id in record.output_artifacts]
            return [artifact.content for artifact in artifacts if artifact is not None]

    def json(self, *arguments: str) -> Any:
        """What a command prints with ``--json``."""
        finished = self.binex(*arguments, "--json")
        assert finished.code == 0, finished
        return json.loads(finished.out)


@dataclass(frozen=True)
class Left:
    """What was claimed and recorded when a process ended."""

    acknowledged: set[str]
    kept: Kept
    effects: int
    """How many executions had been noted."""

    @classmethod
    def by(cls, project: Project, *ended: Finished) -> "Left":
        """What is there now that *ended*, and earlier processes, are gone."""
        acknowledged: set[str] = set().union(*(finished.acknowledged for finished in ended))
        kept = project.kept()
        lost = acknowledged - kept.completed
        assert not lost, f"told as completed and not recorded: {sorted(lost)}"
        told = [finished.run_id for finished in ended if _RUN.search(finished.err)]
        assert not told or kept.run is not None, f"run {told} was told and is not recorded"
        return cls(acknowledged, kept, len(project.effects()))


def check_resumed(project: Project, before: Left, expected: Any, *options: str) -> Finished:
    """Resume without a flag, and find that nothing was lost, done twice, or changed."""
    kept = before.kept
    command = ("resume", *options) if kept.run is not None else ("run", project.file, *options)
    finished = project.binex(*command)
    assert finished.code == 0, finished
    assert "Traceback" not in finished.err, finished
    check_complete(project, before, expected)
    return finished


def check_complete(project: Project, before: Left, expected: Any) -> None:
    """The run is completed, nothing that was settled at *before* ran again, and the store is sound."""
    after = project.kept()
    assert after.run is not None
    assert after.run.status == "completed", after.run
    if before.kept.run is not None:
        assert after.run.id == before.kept.run.id
        ran = {line.split()[0] for line in project.effects()[before.effects :]}
        again = ran & (before.kept.settled | before.acknowledged)
        assert not again, f"executed again: {sorted(again)}"
        assert before.kept.settled <= after.settled
    finals = Counter(record.task for record in after.records if record.is_final)
    assert max(finals.values()) == 1, f"ended more than once: {finals.most_common(3)}"
    assert project.temporaries() == [], "temporary files are left"
    assert project.outputs() == expected
    check_sound(project)


def check_sound(project: Project) -> None:
    """What ``doctor`` looks at is without damage; its command is tried where damage was done."""
    damage = [finding for finding in examine(project.store) if finding.severity is Severity.DAMAGE]
    assert not damage, damage


_Value = TypeVar("_Value")


def at_once(work: Callable[[_Value], None], values: Iterable[_Value], *, workers: int = 2) -> None:
    """Do *work* for every value, some at a time; whatever fails, all are done, and the failures are told together."""
    values = list(values)

    def caught(value: _Value) -> str | None:
        try:
            work(value)
        except AssertionError as error:
            return f"{value}: {error}"
        return None

    with ThreadPoolExecutor(workers) as pool:
        failures = [failure for failure in pool.map(caught, values) if failure is not None]
    assert not failures, f"{len(failures)} of {len(values)} failed\n\n" + "\n\n".join(failures)


def check_commands(project: Project, *commands: Sequence[str]) -> None:
    """All these commands, none of which writes, end well."""

    def work(command: Sequence[str]) -> None:
        finished = project.binex(*command)
        assert finished.code == 0, finished

    at_once(work, commands)
