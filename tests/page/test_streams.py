"""The stream of events behind the page: what is told stands there once, also where a tab was not seen for a while."""

from playwright.sync_api import Page, expect

from tests.page.conftest import Open


def test_a_tab_that_is_seen_again_shows_once_what_was_said_meanwhile(open_tab: Open) -> None:
    with open_tab() as tab:
        page = tab.page
        made = start(page, "slow")
        page.get_by_text(made).wait_for()
        tab.go(f"runs/{made}?task=speak")
        said = page.get_by_test_id("streamed")
        expect(said).to_contain_text("two")
        show(page, is_shown=False)
        page.wait_for_timeout(700)
        show(page, is_shown=True)
        expect(said).to_contain_text("seven")
        words = str(said.text_content()).split()
        assert len(words) == len(set(words)), words
        expect(page.locator(".run-header .mark")).to_contain_text("completed")


def test_what_a_task_says_is_shown_as_it_comes_also_where_it_was_looked_at_before_it_began(open_tab: Open) -> None:
    with open_tab() as tab:
        page = tab.page
        tab.go(f"runs/{start(page, 'later')}?task=speak")
        mark = page.locator(".task-head .mark")
        expect(mark).to_contain_text("waiting")
        expect(page.get_by_test_id("streamed")).to_contain_text("two")
        expect(mark).to_contain_text("running")
        expect(page.locator(".run-header .mark")).to_contain_text("completed")


def test_a_run_that_cannot_be_followed_is_no_lost_server_once_it_is_left(open_tab: Open) -> None:
    with open_tab() as tab:
        page = tab.page
        tab.expected.append("503")
        page.route("**/api/events?run=*", lambda route: route.fulfill(status=503, body="{}"))
        tab.go("workflows/slow.yaml")
        page.get_by_role("button", name="Run", exact=True).click()
        lost = page.get_by_text("The server does not answer")
        expect(lost).to_be_visible()
        tab.go("runs")
        expect(lost).to_be_hidden()


def start(page: Page, workflow: str) -> str:
    """Run a workflow of the folder; the run's id."""
    made: str = page.evaluate(
        """async (name) => (await (await fetch(`/api/workflows/${name}.yaml/run`, {
            method: "POST", headers: {"Content-Type": "application/json"}, body: "{}",
        })).json()).run""",
        workflow,
    )
    page.get_by_text(made).wait_for()
    return made


def show(page: Page, *, is_shown: bool) -> None:
    """Have the tab seen, or no longer."""
    page.evaluate(
        """(isShown) => {
            Object.defineProperty(document, "hidden", { configurable: true, get: () => !isShown });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        is_shown,
    )
