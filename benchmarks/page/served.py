"""A real server of the page, in a process of its own, and a real browser on it."""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = "/usr/bin/chromium"
BINEX = str(Path(sys.executable).with_name("binex"))
_ADDRESS = re.compile(r"(http://[^/\s]+)/#token=([\w-]+)")
_END_WITHIN_S = 10


@dataclass(frozen=True)
class Served:
    """A server that answers."""

    base: str
    cookie: str
    process: "subprocess.Popen[str]"

    def get(self, path: str) -> Any:
        """The answer to a question."""
        return self._ask(path, None)

    def post(self, path: str, body: object) -> Any:
        """The answer to a request."""
        return self._ask(path, json.dumps(body).encode())

    def cpu_seconds(self) -> float:
        """How long the process has computed."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _ask(self, path: str, data: bytes | None) -> Any:
        headers = {"Content-Type": "application/json", "Cookie": self.cookie}
        with urllib.request.urlopen(urllib.request.Request(self.base + path, data, headers), timeout=60) as answer:
            return json.loads(answer.read())


@contextmanager
def serving(folder: Path) -> Iterator[Served]:
    """`binex ui` on the store in *folder*, and on its workflows."""
    command = [BINEX, "ui", "--no-open", "--dir", ".binex"]
    with _process(command, folder) as process:
        yield served_by(process, process.stdout)


@contextmanager
def developing(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """`binex dev` in *folder*; it says a line of JSON for each thing that happens."""
    with _process([BINEX, "dev", "flow.yaml", "--json", "--dir", ".binex"], folder) as process:
        yield process


@contextmanager
def _process(command: Sequence[str], folder: Path) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.communicate(timeout=_END_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()


def served_by(process: "subprocess.Popen[str]", lines: IO[str] | None) -> Served:
    """The server whose address stands in one of the next *lines*, and the cookie that it gives for its token."""
    for line in lines or ():
        if found := _ADDRESS.search(line):
            base, token = found.groups()
            body = json.dumps({"token": token}).encode()
            request = urllib.request.Request(f"{base}/api/login", body, {"Content-Type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                return Served(base, answer.headers["Set-Cookie"].partition(";")[0], process)
    raise RuntimeError("the server has ended before it told its address")


@contextmanager
def browser() -> Iterator["Browser"]:
    """Debian's Chromium, without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        try:
            yield started
        finally:
            started.close()


def open_tab(started: "Browser", served: Served, route: str, script: str = "") -> "Page":
    """The page at *route*, signed in and with nothing kept from before; *script* runs before anything of it."""
    context = started.new_context(viewport={"width": 1440, "height": 900})
    name, _, value = served.cookie.partition("=")
    context.add_cookies([{"name": name, "value": value, "url": served.base}])
    page = context.new_page()
    if script:
        page.add_init_script(script)
    page.goto(f"{served.base}/#/{route}", wait_until="commit")
    return page


def until(found: Callable[[], bool], what: str, within_s: float = 60) -> None:
    """Wait for something that this process does not wait for otherwise."""
    end = time.monotonic() + within_s
    while not found():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.02)
