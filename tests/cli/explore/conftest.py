"""The explorer without a terminal, on a store with runs whose truth is known."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from textwrap import dedent
from typing import TypeVar

import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widgets import Button, Static

from binex.cli.explore_screen.app import Explorer
from binex.cli.explore_screen.listing import Listing
from binex.cli.explore_screen.page import Page
from binex.cli.explore_screen.place import Place
from binex.cli.explore_screen.task_tree import TaskTree
from binex.cli.render.look import Look
from binex.models.run import Run
from binex.runtime.session import open_session
from binex.stores.backends.sqlite import open_sqlite_store

WAIT_S = 10
STEPS = """
import time, pathlib

def give(value): return value

def rest(value):
    time.sleep(60)
    return value

def count(value):
    file = pathlib.Path("counted")
    file.write_text((file.read_text() if file.exists() else "") + "x")
    return f"{value} {len(file.read_text())}"

def fail(value): raise ValueError("no luck")
"""
GOOD = """
name: good
inputs: {topic: {default: tides}}
nodes:
  plan: {agent: local://steps.give, inputs: {value: "${user.topic}"}}
  think:
    agent: llm://mock/a
    inputs: {plan: "${plan.output}"}
    config: {answers: [{text: "The moon pulls the water.", price: 0.25}]}
  count: {agent: local://steps.count, inputs: {value: "${think.output}"}}
"""
BAD = """
name: bad
inputs: {n: {type: array, default: [1, 2, 3]}}
nodes:
  each: {foreach: "${user.n}", agent: local://steps.give, inputs: {value: "${item}"}}
  broken: {agent: local://steps.fail, inputs: {value: "${each.output}"}}
  after: {agent: local://steps.give, inputs: {value: "${broken.output}"}}
"""

_Screen = TypeVar("_Screen", bound=Screen[None])
_Size = tuple[int, int]


class Looker:
    """Somebody at the screen."""

    def __init__(self, app: Explorer, pilot: Pilot[int]) -> None:
        self.app = app
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def fill(self, text: str) -> None:
        await self.press(*("space" if key == " " else "colon" if key == ":" else key for key in text))

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so."""
        async with asyncio.timeout(WAIT_S):
            while not is_so():
                await self.pilot.pause(0.01)

    async def sees(self, *texts: str) -> None:
        """Wait until all of these can be read on the screen."""
        try:
            await self.until(lambda: all(text in self.text for text in texts))
        except TimeoutError:
            raise AssertionError(f"not all of {texts} in:\n{self.text}") from None

    async def on(self, kind: type[_Screen]) -> _Screen:
        """Wait for a screen."""
        await self.until(lambda: isinstance(self.app.screen, kind))
        screen = self.app.screen
        assert isinstance(screen, kind)
        return screen

    @property
    def text(self) -> str:
        """What can be read or scrolled to on the screen that is shown."""
        screen = self.app.screen
        parts = [_plain(one) for one in screen.query(Static) if one.display]
        parts += [one.plain for kind in (Listing, Page, TaskTree) for one in screen.query(kind) if _is_shown(one)]
        parts += [str(button.label) for button in screen.query(Button)]
        return "\n".join(parts + [note.message for note in self.app._notifications])

    @property
    def picture(self) -> list[str]:
        """The lines of the screen as they stand there."""
        width, height = self.app.size
        lines = self.app.screen._compositor.render_strips()
        assert len(lines) == height
        assert all(strip.cell_length == width for strip in lines)
        return [strip.text for strip in lines]


def _plain(widget: Static) -> str:
    return str(widget.visual)


def _is_shown(widget: Listing | Page | TaskTree) -> bool:
    return all(one.display for one in widget.ancestors_with_self if not isinstance(one, App))


class Lab:
    """A folder with workflows, and the explorer of its store."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = folder / ".binex"
        for name, text in (("steps.py", STEPS), ("good.yaml", GOOD), ("bad.yaml", BAD)):
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(dedent(text), "utf-8")
        return path

    async def run(self, name: str = "good.yaml", **variables: object) -> Run:
        async with open_session(self.store, durability="normal") as session:
            return (await session.run(self.folder / name, vars=variables)).run  # type: ignore[arg-type]

    def explore(self, run: Run | None = None, size: _Size = (100, 30)) -> AbstractAsyncContextManager[Looker]:
        return self._explore(run, size)

    @asynccontextmanager
    async def _explore(self, run: Run | None, size: _Size) -> AsyncIterator[Looker]:
        place: list[Place] = []

        def note(message: str) -> None:
            place[0].note_damage(message)

        async with open_sqlite_store(self.store, read_only=True, on_notice=note) as store:
            place.append(Place(store, self.store, Look(has_colour=True)))
            app = Explorer(place[0], run)
            async with app.run_test(size=size) as pilot:
                yield Looker(app, pilot)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    monkeypatch.chdir(tmp_path)
    for name in ("NO_COLOR", "BINEX_DIR", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Lab(tmp_path)
