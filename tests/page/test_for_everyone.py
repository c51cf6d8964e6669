"""Everybody can use the page: by keyboard, in both themes, at any width, and as WCAG wants it; and it is small."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests.page.conftest import LOOKS, Open, Scheme, Site

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "src" / "binex" / "server" / "static"


def views(site: Site) -> dict[str, str]:
    """Every view, by its route, with what is there once it is drawn."""
    run = site.material
    return {
        "runs": ".run-name",
        f"runs/{run.gallery}": ".card",
        f"runs/{run.research}?task=search%5B0%5D": ".message",
        f"runs/{run.gallery}?task=note": ".markdown",
        f"runs/{run.gallery}?task=unlucky&tab=attempts": ".attempt",
        f"runs/{run.research}?task=report&tab=why": ".verdict",
        f"runs/{run.research}?task=report&tab=lineage": ".lineage",
        f"runs/{run.research}?task=report&tab=fork": ".fork-field",
        f"diff?run={run.research}&run={run.fork}": ".cause",
        f"diff?run={run.research}&run={run.fork}&run={run.gallery}": ".matrix",
        "gates": "h1",
        "workflows": ".file-list",
        "workflows/slow.yaml": ".cm-content",
        "health": ".health-table",
    }


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_view_is_against_wcag_or_wider_than_its_window(
    site: Site, open_tab: Open, width: int, scheme: Scheme
) -> None:
    with open_tab(width=width, scheme=scheme) as tab:
        found = {}
        for route, drawn in views(site).items():
            tab.go(route)
            if width < 1000 and drawn == ".card":
                tab.page.get_by_role("tab", name="Graph").click()
            tab.page.locator(drawn).first.wait_for()
            expect(tab.page.locator(".loading")).to_have_count(0)
            faults = tab.faults() + ([f"{tab.overflow()} pixels too wide"] if tab.overflow() > 0 else [])
            if faults:
                found[route] = faults
        assert found == {}


def test_everything_can_be_reached_by_keyboard(site: Site, open_tab: Open) -> None:
    with open_tab(f"runs/{site.material.research}?task=search%5B0%5D") as tab:
        page = tab.page
        page.locator(".message").first.wait_for()
        page.reload()
        page.locator(".message").first.wait_for()
        page.keyboard.press("Tab")
        expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("main")).to_be_focused()
        page.get_by_role("tab", name="Messages").focus()
        page.keyboard.press("ArrowRight")
        expect(page.get_by_role("tab", name="Input")).to_be_focused()
        expect(page.get_by_role("tab", name="Input")).to_have_attribute("aria-selected", "true")
        tab.card("^plan, completed").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="plan", exact=True)).to_be_visible()


def test_the_theme_can_be_chosen_and_is_remembered(open_tab: Open) -> None:
    with open_tab(scheme="light") as tab:
        page = tab.page
        ground = "getComputedStyle(document.body).backgroundColor"
        light = page.evaluate(ground)
        for _ in range(2):
            page.get_by_role("button", name=re.compile("^Theme:")).click()
        dark = page.evaluate(ground)
        assert dark != light
        page.reload()
        expect(page.get_by_role("button", name=re.compile("^Theme: dark"))).to_be_visible()
        assert page.evaluate(ground) == dark


def test_the_built_page_is_small_whole_and_without_inline_script() -> None:
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    sizes = {
        file.relative_to(STATIC).as_posix(): len(gzip.compress(file.read_bytes(), 9))
        for file in STATIC.rglob("*")
        if file.is_file()
    }
    assert sum(size for name, size in sizes.items() if name == "index.html" or name in html) <= 350_000
    assert sum(sizes.values()) <= 1_100_000
    assert re.findall(r"<script(?![^>]*\bsrc=)", html) == []
    assert "<style" not in html
    assert set(re.findall(r"https?://[\w.]+", html)) == set()


def test_the_lock_file_names_no_registry() -> None:
    lock = json.loads((ROOT / "ui" / "package-lock.json").read_text(encoding="utf-8"))
    assert [name for name, package in lock["packages"].items() if "resolved" in package] == []


def test_the_types_of_the_page_are_those_of_the_server() -> None:
    script = ROOT / "ui" / "scripts" / "write_types.py"
    assert subprocess.run([sys.executable, str(script), "--check"], check=False).returncode == 0


@pytest.fixture
def tools() -> Path:
    """The programs that the page is built with."""
    found = ROOT / "ui" / "node_modules" / ".bin"
    if not found.exists():
        pytest.skip("what the page is built with is not there: npm ci in ui/")
    return found


def test_the_page_that_is_served_is_built_from_what_stands_in_ui(tools: Path, tmp_path: Path) -> None:
    subprocess.run([str(tools / "tsc"), "--noEmit"], check=True, cwd=ROOT / "ui")
    build = [str(tools / "vite"), "build", "--logLevel", "error", "--outDir", str(tmp_path), "--emptyOutDir"]
    subprocess.run(build, check=True, cwd=ROOT / "ui")
    built = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    assert {file.relative_to(STATIC): file.read_bytes() for file in STATIC.rglob("*") if file.is_file()} == built
