"""The real server on a store of real runs, and a real browser on it."""

import asyncio
import os
import re
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Final, Generic, Literal, Protocol, TypeAlias, TypeVar

import pytest

from binex.server.serving import ServerOptions, serving
from tests.browser import CHROMIUM
from tests.page.material import Material, make_material
from tests.page.oddities import Oddities, make_oddities

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

Scheme = Literal["light", "dark"]
LOOKS: Final = [
    pytest.param(1440, "light"),
    pytest.param(390, "dark"),
    pytest.param(1440, "dark", marks=pytest.mark.campaign),  # each takes most of a minute
    pytest.param(390, "light", marks=pytest.mark.campaign),
]
"""Widths and schemes in which every view is checked."""
AXE = Path(str(files("axe_playwright_python") / "axe.min.js"))


class HasStore(Protocol):
    """A folder with a store in it."""

    @property
    def store(self) -> Path: ...


M = TypeVar("M", bound=HasStore)


@dataclass
class Served(Generic[M]):
    """A server that answers, and what it shows."""

    url: str
    """With the token."""
    base: str
    material: M


Site: TypeAlias = Served[Material]
OddSite: TypeAlias = Served[Oddities]


@dataclass
class Tab:
    """A page that is open and signed in, and what it did besides."""

    page: "Page"
    base: str
    foreign: list[str] = field(default_factory=list)
    """Every address on another host that it asked for."""
    complaints: list[str] = field(default_factory=list)
    """What stands in the console, and what it threw."""
    expected: list[str] = field(default_factory=list)
    """Parts of complaints that belong to the test."""

    def go(self, route: str) -> None:
        """Show the view at *route*."""
        self.page.goto(f"{self.base}/#/{route}")

    def card(self, pattern: str) -> "Locator":
        """The node of the graph that reads so."""
        return self.page.locator(".card", has_text=re.compile(pattern))

    def overflow(self) -> int:
        """How much wider the page is than its window."""
        found: int = self.page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        return found

    def faults(self) -> list[str]:
        """What axe finds against WCAG 2.2 AA."""
        self.page.evaluate(AXE.read_text(encoding="utf-8"))
        found: list[str] = self.page.evaluate(
            """async () => {
                const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
                const { violations } = await window.axe.run(document, { runOnly: { type: "tag", values: tags } });
                return violations.flatMap((one) => one.nodes.map((node) =>
                    `${one.id}: ${node.target} ${node.html.slice(0, 160)}`));
            }"""
        )
        return found


Open = Callable[..., AbstractContextManager[Tab]]


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Runs of the usual sorts."""
    with server_of(tmp_path_factory.mktemp("page"), make_material) as served:
        yield served


@pytest.fixture(scope="session")
def odd_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OddSite]:
    """Runs that are not like most."""
    with server_of(tmp_path_factory.mktemp("odd"), make_oddities) as served:
        yield served


@contextmanager
def server_of(folder: Path, make: Callable[[Path], Awaitable[M]], *, is_read_only: bool = False) -> Iterator[Served[M]]:
    """The server, in a thread of its own: the browser's driver has the loop of this one."""
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{path}"
    ready: list[Served[M]] = []
    has_begun, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        material = await make(folder)
        options = ServerOptions(directory=material.store, who="tester", is_read_only=is_read_only)
        async with serving(options) as listening:
            ready.append(Served(listening.url, f"http://127.0.0.1:{listening.port}", material))
            has_begun.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert has_begun.wait(60), "the server did not begin"
        yield ready[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()
        os.environ["PATH"] = path


@pytest.fixture(scope="module")
def browser() -> Iterator["Browser"]:
    """Debian's Chromium. Where it is missing the tests are skipped. While it is there no loop can be started."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}, so no page was opened; on Debian: apt-get install chromium")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed, so no page was opened")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_tab(browser: "Browser", site: Site) -> Open:
    """Opens signed-in tabs on the usual runs."""
    return tabs_of(browser, site.url, site.base)


@pytest.fixture
def open_odd(browser: "Browser", odd_site: OddSite) -> Open:
    """The same on the odd ones."""
    return tabs_of(browser, odd_site.url, odd_site.base)


def tabs_of(browser: "Browser", url: str, base: str) -> Open:
    """Opens signed-in tabs; at the end of each nothing may stand in its console, and no other host been asked."""

    @contextmanager
    def opened(route: str = "runs", *, width: int = 1440, scheme: Scheme = "light") -> Iterator[Tab]:
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        try:
            page = context.new_page()
            page.set_default_timeout(15_000)
            tab = Tab(page, base)
            page.on("request", lambda one: None if one.url.startswith(base) else tab.foreign.append(one.url))
            page.on("console", lambda message: tab.complaints.append(message.text))
            page.on("pageerror", lambda error: tab.complaints.append(str(error)))
            page.goto(url)
            page.get_by_role("heading", name="Runs", exact=True).wait_for()
            tab.go(route)
            yield tab
            assert tab.foreign == []
            assert [one for one in tab.complaints if not any(part in one for part in tab.expected)] == []
        finally:
            context.close()

    return opened
