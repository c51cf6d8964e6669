"""Runs that are not like most: too long, hostile, stopped, from elsewhere; and a server that goes away."""

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from tests.page.conftest import LOOKS, OddSite, Open, Scheme, tabs_of

if TYPE_CHECKING:
    from playwright.sync_api import Browser


pytestmark = pytest.mark.campaign  # minutes of a browser, which `make test` has no room for
WIDTHS = [1440, 390]
TOKEN = "a-token-that-stays-the-same"


@pytest.mark.parametrize("width", WIDTHS)
def test_an_imported_run_is_executed_only_by_somebody_who_has_seen_what_it_executes(
    odd_site: OddSite, open_odd: Open, width: int
) -> None:
    run = odd_site.material.imported
    with open_odd("runs?origin=imported", width=width) as tab:
        page = tab.page
        expect(page.locator("tr", has=page.get_by_text(run, exact=True)).locator(".tag.imported")).to_have_text(
            "imported"
        )
        expect(page.locator("tr", has_text=odd_site.material.foreign).locator(".tag.imported")).to_have_text("trace")
        posted: list[str] = []
        page.on("request", lambda one: posted.append(one.post_data or "") if one.method == "POST" else None)
        tab.go(f"runs/{run}")
        expect(page.locator(".run-header .tag.imported")).to_be_visible()
        page.get_by_role("button", name="Replay").click()
        asked = page.get_by_role("group", name="Trust")
        expect(asked).to_contain_text("local://shouting.shout")
        expect(asked).to_contain_text(str(odd_site.material.folder))
        expect(asked).to_be_focused()
        assert tab.overflow() <= 0
        page.get_by_role("button", name="Not now").click()
        expect(asked).to_have_count(0)
        assert posted == []
        tab.go(f"runs/{run}?task=draft&tab=fork")
        page.get_by_label("prompt system_prompt").fill("Write two sentences.")
        page.get_by_role("button", name="See the plan").click()
        page.get_by_role("button", name="Run it").click()
        expect(asked).to_contain_text("local://shouting.shout")
        assert all('"trust"' not in body for body in posted)
        page.get_by_role("button", name="I trust it. Run the fork").click()
        expect(page.get_by_role("heading", name="Diff", exact=True)).to_be_visible()
        expect(page.locator(".run-card").nth(1)).to_contain_text("completed")
        tab.go(f"runs/{run}")
        page.get_by_role("button", name="Replay").click()
        expect(page.locator(".run-header")).to_contain_text("replay of")


def test_the_trace_of_another_program_can_be_looked_at_and_not_executed(odd_site: OddSite, open_odd: Open) -> None:
    with open_odd(f"runs/{odd_site.material.foreign}?task=weather") as tab:
        expect(tab.page.locator(".given")).to_contain_text("rain")
        expect(tab.page.locator(".run-header .tag.imported")).to_have_text("trace")
        for name in ("Replay", "Fork here", "Resume"):
            expect(tab.page.get_by_role("button", name=name)).to_have_count(0)


def test_what_cannot_be_seen_or_turns_text_round_is_named(odd_site: OddSite, open_odd: Open) -> None:
    with open_odd(f"runs/{odd_site.material.odd}?task=hostile") as tab:
        page = tab.page
        expect(
            page.get_by_text("file ⟨U+202E⟩gnp.exe and ⟨U+2066⟩inside⟨U+2069⟩ it, zero⟨U+200B⟩width")
        ).to_be_visible()
        expect(page.get_by_text("⟨ESC⟩[31mred⟨ESC⟩[0m and a bell ⟨U+0007⟩, and back⟨U+0008⟩space")).to_be_visible()
        expect(page.get_by_text("<script>window.broken = true</script>")).to_be_visible()
        assert page.evaluate("window.broken") is None


@pytest.mark.parametrize("width", WIDTHS)
def test_values_without_end_are_shown_in_parts(odd_site: OddSite, open_odd: Open, width: int) -> None:
    with open_odd(f"runs/{odd_site.material.odd}?task=long&tab=output", width=width) as tab:
        page = tab.page
        page.get_by_role("button", name=re.compile("Show more of 2")).click()
        expect(page.locator(".long-text pre")).to_contain_text("A line of some words")
        tab.go(f"runs/{odd_site.material.odd}?task=many&tab=output")
        expect(page.locator(".json")).to_contain_text("10,000 fields")
        page.get_by_role("button", name="Show more of 10,000 fields").click()
        expect(page.locator(".json")).to_contain_text("key 1000")
        tab.go(f"runs/{odd_site.material.odd}?task=rows&tab=output")
        expect(page.get_by_role("cell", name="row 7", exact=True)).to_be_visible()
        tab.go(f"runs/{odd_site.material.odd}?task=each")
        page.get_by_role("button", name="failed 4").click()
        expect(page.locator(".task-list button")).to_have_count(4)
        assert tab.overflow() <= 0


def test_the_whole_page_is_at_the_moment_that_its_address_names(odd_site: OddSite, open_odd: Open) -> None:
    with open_odd(f"runs/{odd_site.material.words}?at=0") as tab:
        page = tab.page
        header = page.locator(".run-header")
        expect(header).to_contain_text("as it was after 0 ms")
        expect(header.locator(".mark")).to_contain_text("running")
        expect(header).to_contain_text(re.compile(r"cost\W*started"))
        expect(page.get_by_test_id("then")).to_contain_text("3 waiting")
        expect(tab.card("^draft, waiting")).to_be_visible()
        tab.card("^draft").click()
        expect(page.get_by_role("heading", name="draft", exact=True)).to_be_visible()
        for name, said in (("Input", "given nothing yet"), ("Output", "made nothing yet"), ("Why", "not settled yet")):
            page.get_by_role("tab", name=name).click()
            expect(page.get_by_role("tabpanel", name=name)).to_contain_text(said)
        assert "at=0" in page.url
        page.get_by_label("Moment of the run").focus()
        page.keyboard.press("End")
        expect(header).to_contain_text("$0.0087")
        expect(header.locator(".mark")).to_contain_text("completed")
        expect(page).not_to_have_url(re.compile("at="))


def test_every_selection_has_an_address_and_the_back_button_goes_through_them(
    odd_site: OddSite, open_odd: Open
) -> None:
    run = odd_site.material.words
    with open_odd(f"runs/{run}") as tab:
        page = tab.page
        tab.card("^draft").click()
        expect(page).to_have_title(re.compile(r"^draft · words"))
        page.get_by_role("tab", name="Lineage").click()
        expect(page).to_have_url(re.compile("tab=lineage"))
        tab.card("^after").click()
        expect(page.get_by_role("heading", name="after", exact=True)).to_be_visible()
        page.go_back()
        expect(page.get_by_role("heading", name="draft", exact=True)).to_be_visible()
        expect(page.get_by_role("tab", name="Lineage")).to_have_attribute("aria-selected", "true")
        page.reload()
        expect(page.get_by_role("tab", name="Lineage")).to_have_attribute("aria-selected", "true")
        page.go_back()
        expect(page.get_by_role("heading", name="Overview")).to_be_visible()
        first, second = odd_site.material.forks
        tab.go(f"runs?chosen={first}&open={first}")
        page.get_by_label(f"Choose {second} to compare").check()
        expect(page.get_by_role("list", name="Related runs")).to_be_visible()
        page.get_by_role("link", name="Gates").click()
        page.go_back()
        expect(page.get_by_label(f"Choose {second} to compare")).to_be_checked()
        expect(page.get_by_label(f"Choose {first} to compare")).to_be_checked()


def test_the_arrow_keys_move_through_the_graph(odd_site: OddSite, open_odd: Open) -> None:
    with open_odd(f"runs/{odd_site.material.words}") as tab:
        page = tab.page
        tab.card("^draft").focus()
        page.keyboard.press("ArrowRight")
        expect(tab.card("^shout")).to_be_focused()
        page.keyboard.press("End")
        expect(tab.card("^after")).to_be_focused()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="shout", exact=True)).to_be_visible()
        assert page.locator(".card[tabindex='0']").count() == 1
        page.get_by_role("button", name="Back to the whole run").click()
        expect(page.get_by_role("region", name="Details")).to_be_focused()
    with open_odd(f"runs/{odd_site.material.wide}") as tab:
        tab.page.locator(".card").first.wait_for()
        tab.page.locator(".card[tabindex='0'], .graph-keys").first.focus()
        tab.page.keyboard.press("End")
        expect(tab.page.locator(".card:focus")).to_be_visible()


def test_more_than_two_runs_show_the_first_cause_of_each_and_any_difference(odd_site: OddSite, open_odd: Open) -> None:
    first, second = odd_site.material.forks
    with open_odd(f"diff?run={odd_site.material.words}&run={first}&run={second}") as tab:
        page = tab.page
        cell = page.locator("td.cause-cell")
        expect(cell).to_have_count(1)
        expect(cell).to_contain_text("first cause")
        cell.get_by_role("button").click()
        expect(page.locator(".task-diff del").first).to_have_text("pulls")
        page.reload()
        expect(page.locator(".task-diff ins").first).to_have_text("and the Sun pull")


def test_a_stop_at_a_breakpoint_is_seen_in_the_graph_and_its_values_are_edited(
    odd_site: OddSite, open_odd: Open
) -> None:
    run = odd_site.material.stopped
    with open_odd(f"runs/{run}") as tab:
        expect(tab.card("^shout, waits for a person")).to_be_visible()
        tab.go("gates")
        stop = tab.page.locator(".question", has_text=run)
        expect(stop.get_by_role("button", name="Edit the values…")).to_have_count(1)
        stop.get_by_role("button", name="Edit the values…").click()
        stop.get_by_role("textbox").fill('{"text": "said otherwise"}')
        stop.get_by_role("button", name="Answer").click()
        stop.get_by_role("button", name="Resume the run").click()
        expect(stop).to_contain_text("goes on")
        tab.go(f"runs/{run}?task=after&tab=output")
        expect(tab.page.get_by_role("tabpanel", name="Output")).to_contain_text("SAID OTHERWISE")


def test_a_round_that_is_over_is_not_said_a_second_time(open_odd: Open) -> None:
    with open_odd("workflows/talk.yaml") as tab:
        page = tab.page
        page.get_by_role("button", name="Run", exact=True).click()
        tab.card("^speak").click()
        streamed = page.get_by_test_id("streamed")
        expect(page.locator(".message.assistant .tool-use").first).to_be_visible()
        expect(streamed).to_contain_text("there", timeout=20_000)
        expect(streamed).not_to_contain_text("count the words")
        page.get_by_role("button", name="Cancel").click()
        expect(page.locator(".run-header .mark")).to_contain_text("cancelled")


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_no_odd_view_is_against_wcag_or_too_wide(odd_site: OddSite, open_odd: Open, width: int, scheme: Scheme) -> None:
    odd = odd_site.material
    first, second = odd.forks
    views = {
        f"runs?chosen={odd.words}&open={first}": ".family",
        f"runs/{odd.odd}?at=200&pane=details": ".verdict",
        f"runs/{odd.odd}?task=hostile": ".given",
        f"runs/{odd.odd}?task=flaky&tab=attempts": ".attempt",
        f"runs/{odd.odd}?task=each": ".task-list",
        f"runs/{odd.wide}?pane=graph": ".card",
        f"runs/{odd.imported}?task=draft&tab=fork": ".fork-field",
        f"runs/{odd.foreign}?task=weather": ".given",
        f"diff?run={odd.words}&run={first}&run={second}&task=draft&with={first}": ".task-diff",
        "gates": ".question",
    }
    with open_odd(width=width, scheme=scheme) as tab:
        found = {}
        for route, drawn in views.items():
            tab.go(route)
            tab.page.locator(drawn).first.wait_for()
            expect(tab.page.locator(".loading")).to_have_count(0)
            faults = tab.faults() + ([f"{tab.overflow()} pixels too wide"] if tab.overflow() > 0 else [])
            if faults:
                found[route] = faults
        assert found == {}


def test_moments_are_in_the_zone_of_the_machine_and_in_utc_beside(odd_site: OddSite, open_odd: Open) -> None:
    with open_odd(f"runs/{odd_site.material.words}") as tab:
        time = tab.page.locator(".run-header time")
        expect(time).to_have_attribute("title", re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC$"))


def test_a_page_comes_back_to_life_with_its_server(browser: "Browser", odd_site: OddSite) -> None:
    store = odd_site.material.store
    with ui(store) as (process, base), tabs_of(browser, f"{base}/#token={TOKEN}", base)("runs") as tab:
        tab.expected += ["ERR_", "Failed to load resource"]
        page = tab.page
        expect(page.locator(".run-name").first).to_be_visible()
        expect(page.locator(".live-note")).to_have_text("live")
        process.kill()
        process.wait(10)
        expect(page.locator(".lost")).to_contain_text("The server does not answer")
        expect(page.locator(".live-note")).to_have_text("not connected")
        expect(page.locator(".run-name").first).to_be_visible()
        with ui(store, int(base.rpartition(":")[2])):
            expect(page.locator(".lost")).to_be_empty(timeout=30_000)
            expect(page.locator(".live-note")).to_have_text("live")
            tab.go(f"runs/{odd_site.material.words}")
            expect(tab.card("^draft, completed")).to_be_visible()


@contextmanager
def ui(store: Path, port: int = 0) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """`binex ui`, as somebody starts it, and its address."""
    options = ["--no-open", "--dir", str(store), "--port", str(port), "--token", TOKEN]
    command = [sys.executable, "-m", "binex", "ui", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().partition("/#")[0].strip()
        finally:
            process.kill()
