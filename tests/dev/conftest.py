"""``binex dev`` as a process of its own, in a project of the test's own."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

PROGRAM = Path(__file__).with_name("agent_program.py")
PATIENCE_S = 40.0
Event = dict[str, Any]


def is_there(pid: int) -> bool:
    """Whether a process is there, and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in ("Z", "X")


def wait_until(is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
    """Wait for something that another process does."""
    deadline = time.monotonic() + within_s
    while not is_so():
        assert time.monotonic() < deadline, "it has not happened"
        time.sleep(0.01)


class Dev:
    """One ``binex dev --json``, and what it has told so far."""

    def __init__(self, folder: Path, arguments: tuple[str, ...], environment: dict[str, str]) -> None:
        self.events: list[Event] = []
        self._seen = 0
        self._queue: queue.Queue[Event | None] = queue.Queue()
        self.notes: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "binex", "dev", "--json", *arguments],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._threads = [threading.Thread(target=self._read), threading.Thread(target=self._hear)]
        for thread in self._threads:
            thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._queue.put(json.loads(line))
        self._queue.put(None)

    def _hear(self) -> None:
        assert self.process.stderr is not None
        self.notes += self.process.stderr

    def next(self, kind: str, within_s: float = PATIENCE_S, **fields: object) -> Event:
        """The next event of that kind, with those fields; what comes before it is passed over."""
        deadline = time.monotonic() + within_s
        while True:
            try:
                event = self._queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no '{kind}': {self.told} {self.notes}") from None
            assert event is not None, f"it ended without '{kind}': {self.told} {self.notes}"
            self.events.append(event)
            if event["event"] == kind and all(event[name] == value for name, value in fields.items()):
                return event

    def wait_until(self, is_so: Callable[[], bool], within_s: float = PATIENCE_S) -> None:
        """Wait for something that it does, and no longer than it is there."""
        deadline = time.monotonic() + within_s
        while not is_so():
            is_late, has_ended = time.monotonic() > deadline, self.process.poll() is not None
            if is_late or has_ended:
                self._take_in()
                raise AssertionError(f"{'it ended' if has_ended else 'not happened'}: {self.events} {self.notes}")
            time.sleep(0.01)

    def _take_in(self) -> None:
        """Take in what it has told."""
        with suppress(queue.Empty):
            while (event := self._queue.get_nowait()) is not None:
                self.events.append(event)

    @property
    def told(self) -> list[str]:
        """The kinds of all events so far."""
        return [event["event"] for event in self.events]

    def rest(self, within_s: float = PATIENCE_S) -> int:
        """Wait for its end, and take in all that it tells until then; returns the exit code."""
        code = self.process.wait(within_s)
        while (event := self._queue.get(timeout=PATIENCE_S)) is not None:
            self.events.append(event)
        return code

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, float]:
        """Tell it to stop; the exit code, and how long that took."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.rest(), time.monotonic() - began

    def close(self) -> None:
        """End it, however it is."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(10)
        self.process.kill()
        self.process.wait()
        for thread in self._threads:
            thread.join(10)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


class Project:
    """A folder with workflows, and what works on them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pids = folder / "pids"
        self._devs: list[Dev] = []

    def write(self, name: str, text: str) -> Path:
        """Save a file as an editor does: written beside it, and put in its place."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}~")
        beside.write_text(dedent(text), "utf-8")
        beside.replace(path)
        return path

    def declare(self, **modes: str) -> None:
        """Declare an agent of each mode, by its name."""
        text = ""
        for name, mode in modes.items():
            args = [str(PROGRAM), "--port", "{port}", "--mode", mode, "--pids", str(self.pids)]
            text += f"[dev.agents.{name}]\ncommand = '{{python}}'\nargs = {json.dumps(args)}\n"
        self.write("binex.toml", text)

    def noted(self) -> list[int]:
        """The ids of the processes that agents have noted."""
        return [int(line) for line in self.pids.read_text().split()] if self.pids.exists() else []

    def dev(self, *arguments: str, page: bool = False, **environment: str) -> Dev:
        """Start ``binex dev`` here."""
        kept = {name: value for name, value in os.environ.items() if not name.endswith("_API_KEY")}
        kept |= {"PYTHONWARNINGS": "error", **environment}
        kept.pop("BINEX_DIR", None)
        wanted = arguments if page else (*arguments, "--no-page")
        dev = Dev(self.folder, wanted, kept)
        self._devs.append(dev)
        return dev

    def binex(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command, at its end."""
        command = [sys.executable, "-m", "binex", *arguments]
        return subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=PATIENCE_S, check=False)

    def close(self) -> None:
        for dev in self._devs:
            dev.close()
        for pid in self.noted():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    folder = tmp_path / "project"
    folder.mkdir()
    made = Project(folder)
    yield made
    made.close()
