"""The page of a workflow: its graph edits the text, and says what a run would do before there is one."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.page.conftest import Open, Site, Tab, server_of, tabs_of

WRITTEN = """\
# What is written here stays as it is.
name: written   # like this
nodes:

  # the first
  first:   {agent: "local://echo",   inputs: {text: 'go'}}

  second:
    agent: local://echo   # this too
    inputs:
      given: ${first.output}

  third:
    agent: local://echo
    inputs: {text: "and this"}
# the end
"""


@pytest.fixture
def written(site: Site) -> Iterator[Path]:
    file = site.material.folder / "written.yaml"
    file.write_bytes(WRITTEN.encode())
    yield file
    file.unlink()


def handle(tab: Tab, node: str, end: str) -> Locator:
    return tab.page.locator(f'.react-flow__node[data-id="{node}"] .react-flow__handle.{end}')


def draw(tab: Tab, before: str, after: str) -> None:
    """Draw from one node to another, with the mouse."""
    places = [one.bounding_box() for one in (handle(tab, before, "source"), handle(tab, after, "target"))]
    (from_x, from_y), (to_x, to_y) = (
        (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) for box in places if box
    )
    tab.page.mouse.move(from_x, from_y)
    tab.page.mouse.down()
    tab.page.mouse.move((from_x + to_x) / 2, (from_y + to_y) / 2, steps=4)
    tab.page.mouse.move(to_x, to_y, steps=4)
    tab.page.mouse.up()


def edges(page: Page) -> Locator:
    return page.locator(".react-flow__edge")


def save(tab: Tab) -> None:
    tab.page.get_by_role("button", name="Save", exact=True).click()
    expect(tab.page.get_by_text("not saved")).to_have_count(0)


def test_drawing_from_node_to_node_writes_one_line_and_undoing_takes_it_back(open_tab: Open, written: Path) -> None:
    with open_tab("workflows/written.yaml") as tab:
        page = tab.page
        expect(edges(page)).to_have_count(1)
        draw(tab, "first", "third")
        expect(edges(page)).to_have_count(2)
        draw(tab, "third", "first")  # they would wait for each other
        expect(page.locator(".edit-said")).to_contain_text("'third' comes after 'first'")
        save(tab)
        one = WRITTEN.replace('{text: "and this"}', '{text: "and this", first: "${first.output}"}')
        assert written.read_bytes() == one.encode()
        page.get_by_label("New connections pass on what was made").uncheck()
        draw(tab, "second", "third")
        expect(edges(page)).to_have_count(3)
        expect(page.locator(".react-flow__edge.order")).to_have_count(1)
        save(tab)
        assert written.read_bytes() == one.replace("# the end", "    depends_on: [second]\n# the end").encode()
        tab.card("^third").focus()
        page.keyboard.press("Control+z")
        expect(edges(page)).to_have_count(2)
        page.get_by_label("Text of the workflow").focus()
        page.keyboard.press("Control+z")
        expect(edges(page)).to_have_count(1)
        save(tab)
        assert written.read_bytes() == WRITTEN.encode()


def test_a_connection_and_a_node_are_removed_where_nothing_is_lost_and_refused_where_something_is(
    open_tab: Open, written: Path
) -> None:
    with open_tab("workflows/written.yaml") as tab:
        page = tab.page
        tab.card("^first").click()
        page.get_by_role("button", name="Remove node").click()
        expect(page.locator(".edit-said")).to_contain_text("'second' comes after 'first'")
        box = edges(page).bounding_box()
        assert box is not None
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        expect(page.get_by_text("${first.output}", exact=True).last).to_be_visible()
        page.get_by_role("button", name="Remove connection").click()
        expect(edges(page)).to_have_count(0)
        tab.card("^third").click()
        page.keyboard.press("Delete")
        expect(page.locator(".card")).to_have_count(2)
        tab.card("^second").click()
        page.keyboard.press("Delete")
        expect(page.locator(".edit-said")).to_contain_text("A comment stands in what would be removed")
        save(tab)
        kept = WRITTEN.replace('  third:\n    agent: local://echo\n    inputs: {text: "and this"}\n', "")
        assert written.read_bytes() == kept.replace("inputs:\n      given: ${first.output}\n", "inputs: {}\n").encode()


@pytest.mark.parametrize("width", [1440, 390])
def test_nodes_are_connected_by_keyboard_alone(open_tab: Open, written: Path, width: int) -> None:
    with open_tab("workflows/written.yaml", width=width) as tab:
        page = tab.page
        if width < 1000:
            page.get_by_role("tab", name="Graph").press("Enter")
        tab.card("^third").press("Enter")
        choice = page.get_by_label("What third comes after")
        choice.focus()
        choice.select_option("second")
        page.get_by_role("button", name="Connect", exact=True).press("Enter")
        expect(edges(page)).to_have_count(2)
        assert tab.overflow() <= 0
        page.get_by_role("button", name="Remove the connection from second").press("Enter")
        expect(edges(page)).to_have_count(1)
        expect(page.get_by_text("not saved")).to_have_count(0)
        assert tab.faults() == []
        assert written.read_bytes() == WRITTEN.encode()


def test_a_finger_draws_a_connection(open_tab: Open, written: Path) -> None:
    with open_tab("workflows/written.yaml", width=390) as tab:
        page = tab.page
        page.get_by_role("tab", name="Graph").click()
        expect(edges(page)).to_have_count(1)
        start, end = handle(tab, "first", "source"), handle(tab, "third", "target")
        boxes = [one.bounding_box() for one in (start, end)]
        places = [{"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2} for box in boxes if box]
        touching = page.context.new_cdp_session(page)
        for kind, points in (
            ("touchStart", places[:1]),
            ("touchMove", [{key: (places[0][key] + places[1][key]) / 2 for key in ("x", "y")}]),
            ("touchMove", places[1:]),
            ("touchEnd", []),
        ):
            touching.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        expect(edges(page)).to_have_count(2)
        assert written.read_bytes() == WRITTEN.encode()


def test_lines_of_windows_stay_when_the_page_writes_the_file(open_tab: Open, written: Path) -> None:
    text = WRITTEN.replace("\n", "\r\n").encode()
    written.write_bytes(text)
    with open_tab("workflows/written.yaml") as tab:
        page = tab.page
        tab.card("^first").wait_for()
        expect(page.get_by_text("not saved")).to_have_count(0)
        page.get_by_label("Name of the new node").fill("more")
        page.get_by_role("button", name="Add node").click()
        tab.card("^more").wait_for()
        page.get_by_label("Text of the workflow").click()
        page.keyboard.press("Control+End")
        page.keyboard.type("# typed")
        page.keyboard.press("Enter")
        save(tab)
        more = b'\r\n  more:\r\n    agent: "local://echo"\r\n# the end'
        assert written.read_bytes() == text.replace(b"# the end", more) + b"# typed\r\n"


def test_the_plan_says_what_is_missing_and_who_does_what_in_which_wave(site: Site, open_tab: Open) -> None:
    file = site.material.folder / "asked.yaml"
    file.write_text(
        "name: asked\ninputs: {topic: {type: string}}\nnodes:\n"
        '  a: {agent: "local://echo", inputs: {t: "${user.topic}", k: "${env.BINEX_TEST_NOT_SET}"}}\n'
        '  b: {agent: "llm://openai/gpt-4o-mini", system_prompt: hi, inputs: {t: "${a.output}"}}\n'
        '  c: {agent: "local://echo", when: "${a.output} == x", inputs: {t: "${a.output}"}}\n',
        encoding="utf-8",
    )
    try:
        with open_tab("workflows/asked.yaml") as tab:
            page = tab.page
            page.get_by_role("button", name="See the plan").click()
            plan = page.get_by_role("region", name="Plan", exact=True)
            missing = plan.get_by_role("alert")
            for said in ("'topic' has no value", "BINEX_TEST_NOT_SET is not in the environment", "OPENAI_API_KEY"):
                expect(missing).to_contain_text(said)
            expect(plan).to_contain_text("3 nodes in 2 waves; 1 node of unknown cost")
            expect(plan.get_by_role("row", name=re.compile("1 a local:..echo"))).to_be_visible()
            expect(plan.get_by_role("row", name=re.compile("2 b .*a .*per million tokens.* unknown"))).to_be_visible()
            expect(plan.get_by_role("row", name=re.compile(r"2 c .*when \$\{a.output\} == x"))).to_be_visible()
            page.get_by_role("form", name="Run the workflow").get_by_role("textbox").fill("tides")
            expect(plan).to_contain_text("of what it was before the last change")
            page.get_by_role("button", name="See the plan").click()
            expect(missing).not_to_contain_text("'topic'")
            assert tab.faults() == []
    finally:
        file.unlink()


def test_a_file_is_begun_and_its_node_runs(site: Site, open_tab: Open) -> None:
    with open_tab("workflows", width=390) as tab:
        page = tab.page
        page.get_by_label("Name of the new workflow").fill("tiny")
        tab.expected.append("409")
        page.get_by_role("button", name="Begin").click()
        expect(page.get_by_role("alert")).to_contain_text("tiny.yaml")
        page.get_by_label("Name of the new workflow").fill("begun")
        page.get_by_role("button", name="Begin").click()
        expect(page.locator(".tag.good", has_text="usable")).to_be_visible()
        page.get_by_role("tab", name="Run").click()
        page.get_by_role("button", name="Run", exact=True).click()
        expect(page.locator(".run-header .mark")).to_contain_text("completed")
    (site.material.folder / "begun.yaml").unlink()


@dataclass(frozen=True)
class OneFile:
    """A folder with one workflow and no runs."""

    store: Path


async def one_file(folder: Path) -> OneFile:
    (folder / "written.yaml").write_bytes(WRITTEN.encode())
    (folder / ".binex").mkdir()
    return OneFile(folder / ".binex")


@pytest.mark.parametrize("width", [1440, 390])
def test_where_nothing_may_be_written_text_and_graph_are_shown_and_nothing_can_be_changed(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    with (
        server_of(tmp_path, one_file, is_read_only=True) as served,
        tabs_of(browser, served.url, served.base)("workflows/written.yaml", width=width) as tab,
    ):
        page = tab.page
        expect(page.locator(".tag.good", has_text="usable")).to_be_visible()
        page.get_by_label("Text of the workflow").click()
        page.keyboard.type("x")
        if width < 1000:
            page.get_by_role("tab", name="Graph").click()
        expect(edges(page)).to_have_count(1)
        tab.card("^third").click()
        page.keyboard.press("Delete")
        expect(page.locator(".react-flow__handle.connectable")).to_have_count(0)
        for name in ("Save", "Run", "See the plan", "Add node", "Connect"):
            expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        expect(page.locator(".card")).to_have_count(3)
        tab.go("workflows")
        expect(page.get_by_role("link", name="written.yaml")).to_be_visible()
        expect(page.get_by_label("Name of the new workflow")).to_have_count(0)
        assert tab.faults() == []
    assert (tmp_path / "written.yaml").read_bytes() == WRITTEN.encode()


def test_of_a_hundred_nodes_each_is_found_connected_and_shown_in_the_text(open_tab: Open, written: Path) -> None:
    nodes = [f'  n{one}: {{agent: "local://echo", inputs: {{t: "${{n{one // 3}.output}}"}}}}' for one in range(1, 100)]
    written.write_text("\n".join(["nodes:", '  n0: {agent: "local://echo"}', *nodes, ""]), encoding="utf-8")
    with open_tab("workflows/written.yaml") as tab:
        page = tab.page
        tab.card("^n0").first.wait_for()
        page.get_by_label("alike as one").uncheck()
        page.locator('.react-flow__node[data-id="n99"] .card').click()
        page.get_by_label("What n99 comes after").select_option("n50")
        page.get_by_role("button", name="Connect", exact=True).click()
        expect(page.locator(".cm-content")).to_contain_text('n50: "${n50.output}"')
        save(tab)
        assert (
            written.read_text(encoding="utf-8").splitlines()[-1].endswith('{t: "${n33.output}", n50: "${n50.output}"}}')
        )


def test_completion_offers_keys_agents_references_and_nodes(open_tab: Open, written: Path) -> None:
    with open_tab("workflows/written.yaml") as tab:
        page = tab.page
        tab.card("^first").wait_for()
        page.get_by_label("Text of the workflow").click()
        page.keyboard.press("Control+End")
        offered = page.locator(".cm-tooltip-autocomplete")
        page.keyboard.type("  more:\n  ret")
        expect(offered).to_contain_text("retry_policy")
        for typed, found in (("agent: ll", "llm://"), ("depends_on: [sec", "second"), ("when: ${fir", "first.output")):
            page.keyboard.press("Escape")
            page.keyboard.press("Enter")
            page.keyboard.type(typed)
            expect(offered).to_contain_text(found)
