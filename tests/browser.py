"""A real browser for tests of pages: Debian's Chromium, without a window."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

CHROMIUM = Path("/usr/bin/chromium")


@pytest.fixture
def chromium() -> Path:
    """The program. Where it is missing the test is skipped: ``make test`` installs it where that can be done."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no {CHROMIUM}, so no page was opened; on Debian: apt-get install chromium")
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed, so no page was opened")
    return CHROMIUM


@dataclass
class Opened:
    """A page that is open, and what it did besides being shown."""

    page: "Page"
    requests: list[str] = field(default_factory=list)
    """Every address that it asked for."""
    complaints: list[str] = field(default_factory=list)
    """What stands in the console, and what it opened or threw."""

    def refuse(self, dialog: "Dialog") -> None:
        """Close a window that the page has opened."""
        self.complaints.append(dialog.message)
        dialog.dismiss()

    def errors(self) -> list[str]:
        """All that a page should not do, the request for itself left out."""
        return [*self.requests[1:], *self.complaints]


@contextmanager
def opened(
    chromium: Path, file: Path, *, width: int = 1440, scheme: Literal["light", "dark"] = "light"
) -> Iterator[Opened]:
    """*file*, opened in a window of *width*. No loop can be started in the block: the browser has one."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=str(chromium), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        found = Opened(page)
        page.on("request", lambda request: found.requests.append(request.url))
        page.on("console", lambda message: found.complaints.append(message.text))
        page.on("pageerror", lambda error: found.complaints.append(str(error)))
        page.on("dialog", found.refuse)
        page.goto(file.absolute().as_uri())
        try:
            yield found
        finally:
            browser.close()
