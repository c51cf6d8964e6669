"""The page shows runs as they are: lists, graphs, times, what was said, what was made, and how runs differ."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Open, Site

WIDTHS = [1440, 390]


def test_the_token_is_taken_out_of_the_address_at_once_and_a_wrong_one_is_named(site: Site, open_tab: Open) -> None:
    with open_tab() as tab:
        assert "token" not in tab.page.url
        assert tab.page.evaluate("history.length") <= 3
        tab.page.context.clear_cookies()
        tab.expected.append("401")
        tab.page.goto(f"{site.base}/?again#token={'x' * 40}")
        expect(tab.page.get_by_role("alert")).to_contain_text("not the token")
        tab.page.get_by_label("Token").fill(site.url)
        tab.page.get_by_role("button", name="Open").click()
        expect(tab.page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_runs_stand_newest_first_in_pages_and_can_be_searched_and_compared(
    site: Site, open_tab: Open, width: int
) -> None:
    with open_tab("runs?workflow=tiny", width=width) as tab:
        page = tab.page
        expect(page.locator(".run-name")).to_have_count(25)
        assert tab.overflow() <= 0
        first = page.locator(".cell-name code").first.inner_text()
        page.get_by_role("link", name="Older").click()
        expect(page.locator(".run-name")).to_have_count(2)
        assert page.locator(".cell-name code").first.inner_text() < first
        tab.go("runs")
        page.get_by_label("State").select_option("failed")
        expect(page.get_by_role("link", name="gallery")).to_be_visible()
        expect(page.locator(".run-name")).to_have_count(1)
        tab.go("runs?text=Fundy&workflow=research")
        expect(page.locator("mark").first).to_have_text(re.compile("Fundy", re.IGNORECASE))
        for run in (site.material.fork, site.material.research):
            page.get_by_label(f"Choose {run} to compare").check()
        page.get_by_role("button", name="Compare").click()
        expect(page.locator(".cause.first")).to_contain_text("a person changed it by hand")
        tab.go("runs?text=nothing-says-this")
        expect(page.get_by_text("No run is like that")).to_be_visible()


def test_the_runs_made_from_one_stand_below_it(site: Site, open_tab: Open) -> None:
    with open_tab("runs?workflow=research&origin=fork") as tab:
        tab.page.get_by_role("button", name=f"fork of {site.material.research}").first.click()
        tree = tab.page.get_by_role("list", name="Related runs")
        expect(tree.get_by_role("listitem").filter(has_text=site.material.research).first).to_be_visible()
        expect(tree.locator("[data-depth='1']").filter(has_text=site.material.fork)).to_be_visible()


def test_the_graph_has_states_skipped_nodes_and_counted_items(site: Site, open_tab: Open) -> None:
    with open_tab(f"runs/{site.material.gallery}") as tab:
        page = tab.page
        expect(tab.card("^unlucky, failed")).to_be_visible()
        expect(tab.card("^never, skipped, skipped: condition not met")).to_be_visible()
        expect(tab.card("^after, skipped, skipped: unlucky failed")).to_be_visible()
        expect(tab.card("4 items: 1 failed")).to_be_visible()
        expect(page.locator(".react-flow__edge")).to_have_count(7)
        expect(page.locator(".run-details")).to_contain_text("ValueError")


@pytest.mark.parametrize("width", WIDTHS)
def test_two_thousand_nodes_are_folded_and_drawn(site: Site, open_tab: Open, width: int) -> None:
    with open_tab(width=width) as tab:
        tab.go(f"runs/{site.material.large}")
        expect(tab.page.locator(".card.stack")).to_have_count(4)
        expect(tab.page.locator(".card-id", has_text=re.compile("^498 . echo"))).to_have_count(4)
        tab.page.locator(".card.stack").first.click()
        expect(tab.page.get_by_role("heading", name="498 nodes alike")).to_be_visible()
        tab.page.get_by_label("Name or state").fill("work0_497")
        tab.page.locator(".task-list button").click()
        expect(tab.page.get_by_role("heading", name="work0_497")).to_be_visible()
        assert tab.overflow() <= 0


@pytest.mark.parametrize("width", WIDTHS)
def test_messages_tools_inputs_why_and_lineage_of_a_task_can_be_read(site: Site, open_tab: Open, width: int) -> None:
    with open_tab(f"runs/{site.material.research}?task=search%5B0%5D", width=width) as tab:
        page = tab.page
        expect(page.locator(".message.system").first).to_contain_text("Find the answer to the question")
        expect(page.locator(".message.user").first).to_contain_text("What causes the tides?")
        page.locator(".tool-use summary").first.click()
        expect(page.locator(".tool-use").first).to_contain_text("Moon pulls")
        page.get_by_role("tab", name="Input").click()
        expect(page.get_by_role("tabpanel", name="Input")).to_contain_text("${item}")
        page.get_by_role("tab", name="Attempts").click()
        page.locator(".call summary").first.click()
        expect(page.locator(".call").first).to_contain_text("sent")
        page.get_by_role("tab", name="Why").click()
        expect(page.locator(".verdict")).to_contain_text("executed")
        page.get_by_role("tab", name="Lineage").click()
        expect(page.locator(".lineage").first).to_contain_text("plan")
        assert tab.overflow() <= 0


def test_outputs_are_text_tables_and_pictures_and_never_a_part_of_the_page(site: Site, open_tab: Open) -> None:
    with open_tab(f"runs/{site.material.gallery}?task=note") as tab:
        page = tab.page
        markdown = page.locator(".markdown")
        expect(markdown.locator("strong")).to_have_text("Moon")
        expect(markdown).to_contain_text("<script>window.broken = true</script>")
        assert page.evaluate("window.broken") is None
        links = markdown.get_by_role("link")
        expect(links).to_have_count(1)
        expect(links).to_have_attribute("rel", "noopener noreferrer")
        expect(markdown.locator("img")).to_have_count(0)
        tab.go(f"runs/{site.material.gallery}?task=numbers")
        expect(page.get_by_role("cell", name="Ungava")).to_be_visible()
        tab.go(f"runs/{site.material.gallery}?task=picture")
        expect(page.locator(".picture")).to_be_visible()
        expect(page.locator(".picture")).to_have_js_property("naturalWidth", 2)


def test_a_failed_task_says_its_class_its_attempts_and_what_to_do(site: Site, open_tab: Open) -> None:
    with open_tab(f"runs/{site.material.gallery}?task=unlucky") as tab:
        panel = tab.page.get_by_role("tabpanel", name="Attempts")
        expect(panel).to_contain_text("the tables of this year are not printed yet")
        expect(panel.locator(".attempt")).to_have_count(2)
        expect(panel).to_contain_text("Tried again")
        expect(panel).to_contain_text("correct gallery.py")


def test_the_scrubber_moves_graph_timeline_and_inspector(site: Site, open_tab: Open) -> None:
    with open_tab(f"runs/{site.material.research}?task=report&tab=output") as tab:
        page = tab.page
        expect(page.get_by_role("tabpanel", name="Output")).to_contain_text("Moon")
        page.get_by_label("Moment of the run").fill("500")
        expect(tab.card("^report, waiting")).to_be_visible()
        expect(tab.card("^search, running")).to_be_visible()
        expect(page.get_by_role("tabpanel", name="Output")).to_contain_text("had made nothing yet")
        expect(page.locator(".playhead").first).to_be_visible()
        page.get_by_role("button", name="End").click()
        expect(tab.card("^report, completed")).to_be_visible()


@pytest.mark.parametrize("width", WIDTHS)
def test_a_diff_marks_the_first_cause_and_shows_words(site: Site, open_tab: Open, width: int) -> None:
    with open_tab(f"diff?run={site.material.research}&run={site.material.fork}", width=width) as tab:
        page = tab.page
        expect(page.locator(".cause.first .first-cause")).to_have_text("first cause")
        opened = page.locator(".task-diff[open]").first
        expect(opened.locator("del").first).to_have_text("pulls")
        expect(opened.locator("ins").first).to_have_text("and the Sun pull")
        assert tab.overflow() <= 0


def test_more_than_two_runs_are_a_table(site: Site, open_tab: Open) -> None:
    material = site.material
    with open_tab(f"diff?run={material.research}&run={material.fork}&run={material.gallery}") as tab:
        expect(tab.page.get_by_role("columnheader")).to_have_count(4)
        expect(tab.page.locator(".outcome.other").first).to_be_visible()


def test_what_does_not_exist_is_said_with_a_way_out(open_tab: Open) -> None:
    with open_tab("runs/nothing-like-this") as tab:
        tab.expected.append("404")
        expect(tab.page.get_by_role("alert")).to_be_visible()
        tab.go("nowhere")
        expect(tab.page.get_by_text("There is no such page")).to_be_visible()
        tab.go("diff")
        expect(tab.page.get_by_text("Which runs?")).to_be_visible()
