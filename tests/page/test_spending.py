"""The page shows what was spent over time, by workflow, node and model, in a chart and in tables that say the same."""

import asyncio
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from binex.server.serving import ServerOptions, serving
from tests.page.conftest import Scheme, Tab
from tests.page.spending import DAYS, EACH_USD, MODELS, RUNS, UNPRICED, make_spending

WIDTHS = [1440, 390]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address, with its token, of a server on the store in *folder*."""
    urls: list[str] = []
    has_begun, loop, stop = threading.Event(), asyncio.new_event_loop(), asyncio.Event()

    async def serve() -> None:
        async with serving(ServerOptions(directory=folder / ".binex", who="tester")) as found:
            urls.append(found.url)
            has_begun.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    try:
        assert has_begun.wait(60), "the server did not begin"
        yield urls[0]
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server on runs that cost something. Made before there is a browser, whose driver has a loop."""
    folder = tmp_path_factory.mktemp("spending")
    made = threading.Thread(target=lambda: asyncio.run(make_spending(folder)))
    made.start()
    made.join()
    with served(folder) as url:
        yield url


@contextmanager
def health(
    browser: Browser, url: str, query: str = "", *, width: int = 1440, scheme: Scheme = "light"
) -> Iterator[Tab]:
    """The view in a tab of its own; nothing may stand in its console, and no other host be asked."""
    base = url.partition("/#")[0].rstrip("/")
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
        tab.go(f"health{query}")
        yield tab
        assert tab.foreign == []
        assert [one for one in tab.complaints if not any(part in one for part in tab.expected)] == []
    finally:
        context.close()


def rows(page: Page) -> list[list[str]]:
    """The first cells of the table of what is drawn: its name, its cost and its share."""
    table = page.get_by_role("region", name="Figures")
    table.get_by_role("row").nth(1).wait_for()
    return [row.locator("th, td").all_inner_texts()[:3] for row in table.get_by_role("row").all()[1:]]


@pytest.mark.parametrize("width", WIDTHS)
def test_spending_is_shown_by_workflow_then_by_the_nodes_of_one(spent: str, browser: Browser, width: int) -> None:
    with health(browser, spent, width=width) as tab:
        page = tab.page
        found = rows(page)
        assert found[0][:2] == ["writer", f"${(RUNS * EACH_USD + 0.08):.4f}"], "a fork counts with what it executed"
        assert [row[0] for row in found[1:]] == ["summaries", "support", "triage", "together"]
        assert found[2][1].endswith("+")
        assert found[-1][1:] == ["$1.30 +", "100 %"]
        expect(page.locator(".totals")).to_contain_text("$1.30 +")
        expect(page.locator(".note.warn")).to_contain_text("8 calls have no known price")
        expect(page.locator(".chart svg")).to_have_attribute(
            "aria-label", re.compile(r"What was spent by day: \$1\.30 together, at most \$0\.5800 in one day")
        )
        expect(page.locator(".chart svg path")).to_have_count(4)
        page.get_by_text("Every day in numbers").click()
        every_day = page.get_by_role("region", name="Every day")
        expect(every_day.get_by_role("row")).to_have_count(DAYS + 2)
        expect(every_day.get_by_role("row").nth(1)).to_contain_text("$0.5800")
        assert tab.overflow() <= 0
        page.get_by_role("link", name="writer").click()
        expect(page.get_by_role("button", name="Nodes")).to_have_attribute("aria-pressed", "true")
        expect(page.get_by_label("Of which workflow")).to_have_value("writer")
        page.get_by_role("rowheader", name="polish").wait_for()
        found = rows(page)
        assert [row[:2] for row in found] == [
            ["polish", "$0.4800"],
            ["draft", "$0.1000"],
            ["keep", "$0"],
            ["together", "$0.5800"],
        ]
        assert tab.overflow() <= 0


@pytest.mark.parametrize("width", WIDTHS)
def test_models_are_shown_with_what_has_no_price_and_what_failed(spent: str, browser: Browser, width: int) -> None:
    with health(browser, spent, width=width) as tab:
        page = tab.page
        page.get_by_role("link", name="Which models they asked").click()
        page.get_by_role("rowheader", name="mock/careful").wait_for()
        found = {row[0]: row[1] for row in rows(page)}
        assert {f"openai/{model}" for model in MODELS} < found.keys()
        assert (found[f"openai/{UNPRICED}"], found["mock/careful"], found["together"]) == ("$0 +", "$0.4800", "$1.30 +")
        page.get_by_role("button", name="failed").click()
        expect(page.locator(".chart .legend li")).to_have_text([f"openai/{UNPRICED}"])
        page.get_by_role("button", name="calls").click()
        expect(page.locator(".chart .legend li")).to_have_count(6)
        page.get_by_label("Of which workflow").select_option("writer")
        expect(page.get_by_role("rowheader", name=f"openai/{UNPRICED}")).to_have_count(0)
        assert [row[0] for row in rows(page)] == ["mock/careful", "mock/quick", "together"]
        assert tab.overflow() <= 0


def test_the_time_and_its_parts_can_be_chosen_and_stand_in_the_address(spent: str, browser: Browser) -> None:
    with health(browser, spent, "?workflow=summaries") as tab:
        page = tab.page
        assert rows(page)[0][:2] == ["summaries", "$0.4000"]
        page.get_by_label("In which time").select_option("7 days")
        expect(page.get_by_role("heading", name="What was spent by day")).to_be_visible()
        page.get_by_label("How long a part of the time is").select_option("week")
        expect(page.get_by_role("heading", name="What was spent by week")).to_be_visible()
        assert "days=7" in page.url
        assert "by=week" in page.url
        page.reload()
        expect(page.get_by_label("In which time")).to_have_value("7")
        expect(page.get_by_role("heading", name="What was spent by week")).to_be_visible()
        page.get_by_label("In which time").select_option("24 hours")
        expect(page.get_by_text("Nothing has run in the last 24 hours")).to_be_visible()
        page.get_by_role("link", name="Look at all time").click()
        expect(page.get_by_role("option", name="hour", exact=True)).to_be_disabled()
        assert rows(page)[0][:2] == ["summaries", "$0.4000"]


def test_a_bar_says_what_it_is_made_of(spent: str, browser: Browser) -> None:
    with health(browser, spent, "?group=model") as tab:
        chart = tab.page.locator(".chart svg")
        box = chart.bounding_box()
        assert box is not None
        chart.hover(position={"x": box["width"] - 30, "y": 60})
        told = tab.page.locator(".chart-told")
        expect(told).to_contain_text("mock/careful")
        expect(told).to_contain_text("$0.5800")
        tab.page.mouse.move(5, 5)
        expect(told).to_have_count(0)


def test_what_cannot_be_told_is_an_error_in_words(spent: str, browser: Browser) -> None:
    with health(browser, spent, "?workflow=nowhere") as tab:
        tab.expected.append("404")
        expect(tab.page.get_by_role("alert")).to_contain_text("no run of a workflow 'nowhere'")
        tab.page.get_by_label("Of which workflow").select_option("triage")
        expect(tab.page.get_by_role("rowheader", name="triage")).to_be_visible()


def test_where_nothing_has_run_it_says_so(browser: Browser, tmp_path: Path) -> None:
    with served(tmp_path) as url, health(browser, url) as tab:
        expect(tab.page.get_by_text("Nothing has run in the last 30 days")).to_be_visible()
        tab.page.get_by_role("button", name="Models").click()
        tab.page.get_by_label("In which time").select_option("all time")
        expect(tab.page.get_by_text("Nothing has run here yet")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_spending_is_as_wcag_wants_it(spent: str, browser: Browser, width: int, scheme: Scheme) -> None:
    for query in (
        "",
        "?group=model&figure=tokens",
        "?group=node&workflow=writer",
        "?group=model&days=1&workflow=triage",
    ):
        with health(browser, spent, query, width=width, scheme=scheme) as tab:
            tab.page.locator(".chart svg, .empty").first.wait_for()
            expect(tab.page.locator(".loading")).to_have_count(0)
            if tab.page.locator(".time-table").count():
                tab.page.locator(".time-table summary").click()
            assert tab.faults() == []
            assert tab.overflow() <= 0
