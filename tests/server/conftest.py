"""A real server on loopback, on a store in a folder of the test's own, and a client that has the cookie."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import dedent
from typing import Any

import httpx
import pytest

from binex.models.run import RunSummary
from binex.runtime.session import open_session
from binex.server.serving import Served, ServerOptions, serving

STEPS = """
import time
from pathlib import Path

def give(value): return value

def fail(value=None): raise ValueError("no <b>luck</b>")

def touch(value=None):
    Path("touched").write_text("x")
    return 1

async def rest(seconds):
    import asyncio
    await asyncio.sleep(seconds)
    return "rested"
"""
GOOD = """
name: good
inputs: {text: {default: hello, description: What to say}}
nodes:
  a: {agent: local://steps.give, inputs: {value: "${user.text}"}}
  b: {agent: local://steps.give, inputs: {value: "${a.output}"}}
"""
BAD = """
name: bad
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: local://steps.fail, inputs: {value: "${a.output}"}}
  c: {agent: local://steps.give, inputs: {value: "${b.output}"}}
"""
LONG = """
name: long
nodes:
  a: {agent: local://steps.give, inputs: {value: 1}}
  b: {agent: local://steps.rest, inputs: {seconds: 60}, depends_on: [a]}
"""
GATE = """
name: gate
nodes:
  draft: {agent: local://steps.give, inputs: {value: words}}
  gate: {agent: human://approve, inputs: {draft: "${draft}"}, config: {text: "Is it good?"}}
  publish: {agent: local://steps.give, when: "${gate} == approved", inputs: {value: "published ${draft}"}}
"""
SPOKEN = """
name: spoken
nodes:
  say: {agent: llm://mock/writer, system_prompt: Say it., config: {answers: [{text: one two three four}]}}
"""


@dataclass
class Site:
    """A server, and what a test does with it."""

    folder: Path
    served: Served
    client: httpx.AsyncClient
    said: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.served.port}"

    @property
    def cookie(self) -> str:
        return "; ".join(f"{name}={value}" for name, value in self.client.cookies.items())

    async def json(self, path: str, **options: Any) -> Any:
        """What is there."""
        response = await self.client.get(path, **options)
        assert response.status_code == 200, response.text
        return response.json()

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        """What comes of asking for something to be done."""
        response = await self.client.post(path, json={} if body is None else body)
        assert response.status_code == status, response.text
        return response.json()

    async def ended(self, run: str, status: str = "completed") -> Any:
        """The run when it is at its end."""
        return await self.until(run, lambda found: found["run"]["status"] == status)

    async def until(self, run: str, is_so: Callable[[Any], bool]) -> Any:
        """The run as soon as something is so."""
        async with asyncio.timeout(20):
            while not is_so(found := await self.json(f"/api/runs/{run}")):
                await asyncio.sleep(0.02)
        return found

    async def question(self, run: str) -> Any:
        """What a run asks somebody, as soon as it does."""
        async with asyncio.timeout(20):
            while not (found := (await self.json(f"/api/questions?run={run}"))["questions"]):
                await asyncio.sleep(0.02)
        return found[0]

    async def run_elsewhere(self, workflow: str = "good.yaml", **variables: Any) -> RunSummary:
        """A run that the server does not know of until it looks."""
        async with open_session(self.folder / ".binex") as session:
            return await session.run(self.folder / workflow, vars=variables)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(dedent(text), encoding="utf-8")
        return path


OpenSite = Callable[..., Awaitable[Site]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with workflows."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("BINEX_DIR", raising=False)
    texts = {"steps.py": STEPS, "good.yaml": GOOD, "bad.yaml": BAD, "long.yaml": LONG, "gate.yaml": GATE}
    for name, text in {**texts, "spoken.yaml": SPOKEN}.items():
        (folder / name).write_text(dedent(text), encoding="utf-8")
    return folder


@pytest.fixture
async def open_site(folder: Path) -> AsyncIterator[OpenSite]:
    async with AsyncExitStack() as stack:

        async def open_one(**options: Any) -> Site:
            said: list[str] = []
            given = {"directory": folder / ".binex", "who": "ada@host", "say": said.append, **options}
            served = await stack.enter_async_context(serving(ServerOptions(**given)))
            client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{served.port}", timeout=20)
            await stack.enter_async_context(client)
            response = await client.post("/api/login", json={"token": served.token})
            assert response.status_code == 204, response.text
            return Site(folder, served, client, said)

        yield open_one


@pytest.fixture
async def site(open_site: OpenSite) -> Site:
    return await open_site()


@contextmanager
def raw(site: Site) -> Iterator[Any]:
    """A connection on which a test writes bytes as it likes."""
    import socket

    with socket.create_connection(("127.0.0.1", site.served.port), timeout=20) as connection:
        yield connection


def environment() -> dict[str, str]:
    """The environment of a process that a test starts."""
    odd = ("BINEX_DIR", "BINEX_DEBUG", "DISPLAY", "WAYLAND_DISPLAY", "BINEX_UI_TOKEN", "PYTHONWARNINGS")
    return {name: value for name, value in os.environ.items() if name not in odd}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "binex", *arguments]
