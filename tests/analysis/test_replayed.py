"""What is said about a replay that came out otherwise."""

import sqlite3
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest

from binex.analysis.replayed import ReplayVerdict, compare_replay
from binex.errors import DamagedDataError
from binex.models.breakpoint import read_breakpoint
from binex.models.question import Answer, Question
from binex.models.run import RunSummary
from binex.models.task import now
from binex.runtime.assembly import People
from binex.runtime.session import Session, open_session
from binex.runtime.stops.stops import Stops
from binex.tape.faults import read_fault
from tests.model_server import ModelServer

FLOW = """
    inputs: {url: {default: ""}}
    nodes:
      ask: {agent: local://steps.ask, inputs: {url: "${user.url}"}}
      tell: {agent: local://echo, inputs: {text: "${ask.output}"}}
"""
CODE = """
    def ask(url):
        if not url:
            return "nobody"
        import httpx
        return "busy" if httpx.get(url).status_code == 429 else "at work"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "flow.yaml").write_text(dedent(FLOW))
    (tmp_path / "steps.py").write_text(dedent(CODE))
    return tmp_path / "flow.yaml"


async def compare(session: Session, run: RunSummary, again: RunSummary) -> ReplayVerdict:
    parent = await session.store.get_run(run.run_id)
    assert parent is not None
    return await compare_replay(session.store, again.run, parent)


async def test_a_fault_that_was_asked_for_is_what_led_to_it(file: Path) -> None:
    async with open_session(file.parent / ".binex") as session:
        with ModelServer() as server:
            run = await session.run(file, vars={"url": f"{server.url()}/models"})
        again = await session.replay(run.run_id, faults=[read_fault("ask=429")])
        verdict = await compare(session, run, again)
    assert verdict.first is not None
    assert (verdict.first.before, verdict.first.after) == ('"at work"', '"busy"')
    assert verdict.first.led_to_it == ("its calls were to meet 429:1",)


async def test_what_somebody_changed_at_a_stop_is_not_called_chance(file: Path) -> None:
    async def answer(question: Question) -> Answer:
        return Answer(value={"edit": "somebody"}, by="a test", at=now())

    async with open_session(file.parent / ".binex", people=People(asker=answer)) as session:
        run = await session.run(file)
        again = await session.replay(run.run_id, stops=Stops([read_breakpoint("ask:after")]))
        verdict = await compare(session, run, again)
    assert verdict.first is not None
    assert verdict.first.led_to_it == ("somebody changed it by hand",)


async def test_an_artifact_that_is_gone_is_damage_and_no_difference(file: Path) -> None:
    async with open_session(file.parent / ".binex") as session:
        run = await session.run(file)
    with closing(sqlite3.connect(file.parent / ".binex" / "binex.db")) as database, database:
        database.execute("DELETE FROM artifacts WHERE name LIKE 'ask~%'")
    async with open_session(file.parent / ".binex") as session:
        again = await session.replay(run.run_id)
        with pytest.raises(DamagedDataError, match=f"artifact {run.run_id}~ask~output is missing"):
            await compare(session, run, again)
