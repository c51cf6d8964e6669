"""The page shows what was spent over time, by workflow, node and model, in a chart and in tables that say the same."""

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.conftest import LOOKS, Scheme, Served, Tab, server_of, tabs_of
from tests.page.spending import DAYS, EACH_USD, MODELS, RUNS, UNPRICED, make_spending

pytestmark = pytest.mark.campaign  # minutes of a browser, which `make test` has no room for
WIDTHS = [1440, 390]


@dataclass(frozen=True)
class Spending:
    """A store of runs, most of which cost something."""

    store: Path


Spent: TypeAlias = Served[Spending]


async def spending_in(folder: Path) -> Spending:
    """Fill the store in *folder*."""
    await make_spending(folder)
    return Spending(folder / ".binex")


async def nothing_in(folder: Path) -> Spending:
    """Leave *folder* as it is."""
    return Spending(folder / ".binex")


@pytest.fixture(scope="module")
def spent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Spent]:
    """A server on runs that cost something."""
    with server_of(tmp_path_factory.mktemp("spending"), spending_in) as served:
        yield served


def health(
    browser: Browser, served: Spent, query: str = "", *, width: int = 1440, scheme: Scheme = "light"
) -> AbstractContextManager[Tab]:
    """The view in a tab of its own."""
    return tabs_of(browser, served.url, served.base)(f"health{query}", width=width, scheme=scheme)


def rows(page: Page) -> list[list[str]]:
    """The first cells of the table of what is drawn: its name, its cost and its share."""
    table = page.get_by_role("region", name="Figures")
    table.get_by_role("row").nth(1).wait_for()
    return [row.locator("th, td").all_inner_texts()[:3] for row in table.get_by_role("row").all()[1:]]


@pytest.mark.parametrize("width", WIDTHS)
def test_spending_is_shown_by_workflow_then_by_the_nodes_of_one(spent: Spent, browser: Browser, width: int) -> None:
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
def test_models_are_shown_with_what_has_no_price_and_what_failed(spent: Spent, browser: Browser, width: int) -> None:
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


def test_the_time_and_its_parts_can_be_chosen_and_stand_in_the_address(spent: Spent, browser: Browser) -> None:
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


def test_a_bar_says_what_it_is_made_of(spent: Spent, browser: Browser) -> None:
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


def test_what_cannot_be_told_is_an_error_in_words(spent: Spent, browser: Browser) -> None:
    with health(browser, spent, "?workflow=nowhere") as tab:
        tab.expected.append("404")
        expect(tab.page.get_by_role("alert")).to_contain_text("no run of a workflow 'nowhere'")
        tab.page.get_by_label("Of which workflow").select_option("triage")
        expect(tab.page.get_by_role("rowheader", name="triage")).to_be_visible()


def test_where_nothing_has_run_it_says_so(browser: Browser, tmp_path: Path) -> None:
    with server_of(tmp_path, nothing_in) as served, health(browser, served) as tab:
        expect(tab.page.get_by_text("Nothing has run in the last 30 days")).to_be_visible()
        tab.page.get_by_role("button", name="Models").click()
        tab.page.get_by_label("In which time").select_option("all time")
        expect(tab.page.get_by_text("Nothing has run here yet")).to_be_visible()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_spending_is_as_wcag_wants_it(spent: Spent, browser: Browser, width: int, scheme: Scheme) -> None:
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
