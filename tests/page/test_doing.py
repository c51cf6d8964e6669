"""What can be done from the page: answering, forking, running and editing workflows, following what runs."""

import re

import pytest
from playwright.sync_api import expect

from tests.page.conftest import Open, Site


def test_a_gate_is_rejected_once_with_feedback_and_the_run_goes_on(site: Site, open_tab: Open) -> None:
    run = site.material.waiting
    with open_tab("gates") as tab, open_tab("gates", width=390) as late:
        for one in (tab, late):
            expect(one.page.get_by_text("May this be published?")).to_be_visible()
        late.page.get_by_role("button", name="Reject…").click()
        tab.page.get_by_role("button", name="Reject…").click()
        tab.page.get_by_label("What should be different?").fill("Say where.")
        tab.page.get_by_role("button", name="Reject it").click()
        expect(tab.page.get_by_role("status").filter(has_text="Answered")).to_be_visible()
        late.expected.append("409")
        late.page.evaluate("1")
        button = late.page.get_by_role("button", name="Reject it")
        if button.is_visible():  # it has not yet heard of the answer
            button.click()
            expect(late.page.get_by_role("alert").or_(late.page.get_by_text("Nobody is asked"))).to_be_visible()
        tab.go(f"runs/{run}")
        tab.page.get_by_role("button", name="Resume").click()
        expect(tab.page.locator(".run-header .mark")).to_contain_text("completed")
        tab.go(f"runs/{run}?task=revise&tab=input")
        expect(tab.page.get_by_role("tabpanel", name="Input")).to_contain_text("Say where.")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_fork_is_planned_run_and_compared(site: Site, open_tab: Open, width: int) -> None:
    with open_tab(f"runs/{site.material.research}?task=report", width=width) as tab:
        page = tab.page
        page.get_by_role("button", name="Fork here").click()
        page.get_by_label("prompt system_prompt").fill("Write one sentence from the findings.")
        page.get_by_role("button", name="See the plan").click()
        plan = page.get_by_role("region", name="Nodes of the plan")
        expect(plan.get_by_role("row", name=re.compile("report.*runs"))).to_be_visible()
        expect(plan.get_by_role("row", name=re.compile("search.*taken over"))).to_be_visible()
        assert tab.overflow() <= 0
        page.get_by_role("button", name="Run it").click()
        expect(page.get_by_role("heading", name="Diff", exact=True)).to_be_visible()
        expect(page.locator(".run-card").nth(1)).to_contain_text("completed")
        page.get_by_role("button", name=re.compile("^all")).click()
        expect(page.locator(".task-diff").filter(has_text="report")).to_be_visible()


def test_json_that_is_none_is_refused_before_it_is_sent(site: Site, open_tab: Open) -> None:
    with open_tab(f"runs/{site.material.research}?task=report&tab=fork") as tab:
        tab.page.get_by_label(re.compile("^setting config")).fill("{")
        expect(tab.page.get_by_text("This is no JSON")).to_be_visible()
        expect(tab.page.get_by_role("button", name="See the plan")).to_be_disabled()


def test_a_run_is_followed_live_with_every_word_as_it_comes(open_tab: Open) -> None:
    with open_tab("workflows/slow.yaml") as tab:
        page = tab.page
        expect(page.locator(".tag.good", has_text="usable")).to_be_visible()
        page.get_by_role("form", name="Run the workflow").get_by_role("textbox").fill("moons")
        page.get_by_role("button", name="Run", exact=True).click()
        tab.card("^speak, running").click()
        streamed = page.get_by_test_id("streamed")
        expect(streamed).to_contain_text("one two")
        expect(page.locator(".run-header")).to_contain_text("running")
        expect(page.locator(".message.assistant .value")).to_contain_text("nine ten")
        expect(page.locator(".run-header .mark")).to_contain_text("completed")
        expect(tab.card("^after, completed")).to_be_visible()


def test_editing_a_workflow_shows_faults_in_place_and_keeps_every_comment(site: Site, open_tab: Open) -> None:
    file = site.material.folder / "slow.yaml"
    before = file.read_text(encoding="utf-8")
    with open_tab("workflows/slow.yaml") as tab:
        page = tab.page
        expect(tab.card("^speak")).to_be_visible()
        page.get_by_label("Name of the new node").fill("more")
        page.get_by_role("button", name="Add node").click()
        tab.card("^more").click()
        page.get_by_label("What more comes after").select_option("after")
        page.get_by_role("button", name="Connect").click()
        expect(page.locator(".react-flow__edge")).to_have_count(2)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_text("not saved")).to_have_count(0)
        after = file.read_text(encoding="utf-8")
        assert after == before + '  more: {agent: "local://echo", depends_on: [after]}\n'
        page.get_by_label("Text of the workflow").click()
        page.keyboard.press("Control+End")
        page.keyboard.type("  wrong: {agnt: x}")
        expect(page.get_by_role("list", name="Faults")).to_contain_text("agnt")
        file.write_text(before, encoding="utf-8")
        tab.expected.append("409")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("button", name=re.compile("Take what the file says now"))).to_be_visible()
        assert file.read_text(encoding="utf-8") == before
