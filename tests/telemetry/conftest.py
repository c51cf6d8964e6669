"""Runs of every shape, and a collector that takes their spans."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from binex.models.run import Run
from binex.runtime.forks.request import ForkRequest
from binex.runtime.session import Session, open_session
from binex.stores.run_store import RunStore
from binex.telemetry.span import Span
from binex.telemetry.stored import StoredSpans
from tests.otlp_receiver import Receiver, receiving

FLOW = """
name: shapes
inputs: {topic: {default: tides}, n: {type: array, default: [1, 2, 3]}}
nodes:
  plan: {agent: local://echo, inputs: {t: "${user.topic}"}}
  think:
    agent: llm://mock/a
    system_prompt: Be brief
    inputs: {plan: "${plan.output}"}
    config: {temperature: 0.5, answers: [{text: hi there, price: 0.25, usage: {input_tokens: 10, output_tokens: 3}}]}
  each: {foreach: "${user.n}", agent: local://odd.stamp, inputs: {value: "${item}"}}
  never: {agent: local://echo, inputs: {a: 1}, when: "${user.topic} == 'never'"}
  broken:
    agent: local://odd.refuse
    inputs: {value: "${each.output}"}
    retry_policy: {max_retries: 1, delay_ms: 1}
  after: {agent: local://echo, inputs: {v: "${broken.output}"}}
"""
ODD = """
import binex

def stamp(value):
    return [value, binex.random()]

def refuse(value):
    raise ValueError("no luck")

def fetch(url):
    import httpx
    return httpx.get(url).json()
"""


class Shapes:
    """Runs one workflow that has a bit of everything, and makes others from its runs."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.store: RunStore = session.store
        self.folder = folder
        self.file = self.write("shapes.yaml", FLOW)
        self.write("odd.py", ODD)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, "utf-8")
        return path

    async def run(self, file: Path | None = None) -> Run:
        return (await self.session.run(file or self.file)).run

    async def fork(self, parent: Run) -> Run:
        return (await self.session.fork(parent.id, ForkRequest(from_=("think",)))).run

    async def spans(self, run: Run, *, with_content: bool = False) -> list[Span]:
        return [span async for span in StoredSpans(self.store, run, with_content=with_content).read()]


@pytest.fixture
async def shapes(tmp_path: Path) -> AsyncIterator[Shapes]:
    async with open_session(tmp_path / ".binex", durability="normal") as session:
        yield Shapes(session, tmp_path)


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A collector that the environment names."""
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
        yield receiver
