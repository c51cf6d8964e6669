"""The page of a run, opened in a browser: it shows what happened, asks for nothing and executes nothing."""

import json
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.browser import opened
from tests.cli.conftest import Shell

EVIL = (
    "</pre></style></script><script>window.pwned=1</script><img src=http://127.0.0.1:9/x onerror=window.pwned=1>"
    "<svg onload=window.pwned=1><a href=javascript:window.pwned=1>x</a>]]>--><iframe src=//127.0.0.1:9></iframe>"
    "<meta http-equiv=refresh content=0><base href=//127.0.0.1:9>\x1b[31m\u202eevil"
)
FLOW = """
name: hostile
inputs: {topic: {default: tides}, n: {type: array, default: [1, 2, 3]}}
nodes:
  plan:
    agent: llm://mock/planner
    system_prompt: "Plan about ${user.topic}"
    config: {temperature: 0.5, answers: [{text: "Plan B <b>bold</b>", price: 0.0123, usage: {input_tokens: 1204}}]}
    inputs: {topic: "${user.topic}"}
  odd: {agent: local://agents.a_function_whose_name_is_much_longer_than_a_page_on_a_telephone_is_wide_and_goes_on}
  each: {foreach: "${user.n}", agent: local://agents.give, inputs: {value: "${item}"}}
  big: {agent: local://agents.big, inputs: {}, depends_on: [odd]}
  fails: {agent: local://agents.refuse, inputs: {v: "${odd.output}"}, retry_policy: {max_retries: 1, delay_ms: 20}}
  blocked: {agent: local://agents.give, inputs: {value: "${fails.output}"}}
  never: {agent: local://agents.give, inputs: {value: 1}, when: "${user.topic} == never"}
  gate: {agent: human://approve, inputs: {text: "${odd.output}"}, config: {text: "Is ${odd.output} good?"}}
  last: {agent: local://agents.give, inputs: {value: "${plan.output}", each: "${each.output}"}}
"""
AGENTS = f"""
EVIL = {EVIL!r}

def a_function_whose_name_is_much_longer_than_a_page_on_a_telephone_is_wide_and_goes_on(): return EVIL
def give(value, each=None): return value
def big(): return "large " * 30_000
def refuse(v): raise ValueError(EVIL)
"""
CONTRAST = """
() => {
  const channel = v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const light = c => 0.2126 * channel(c[0]) + 0.7152 * channel(c[1]) + 0.0722 * channel(c[2]);
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] > 0) return c;
    }
    return [255, 255, 255];
  };
  const bad = new Set();
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest("svg") || e.closest("title")) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) bad.add(`${e.tagName}.${e.className} ${ratio.toFixed(2)}`);
  }
  return [...bad];
}
"""
TRY_TO_BREAK_OUT = """
async () => {
  const blocked = new Set();
  const all = new Promise(done => document.addEventListener("securitypolicyviolation", e => {
    if (blocked.add(e.effectiveDirective).size === 4) done();
  }));
  const script = document.createElement("script");
  script.textContent = "window.pwned = 1";
  document.body.append(script);
  const style = document.createElement("style");
  style.textContent = "body { display: none }";
  document.body.append(style);
  const image = new Image();
  const failed = new Promise(done => { image.onerror = done; });
  image.src = "http://127.0.0.1:9/x";
  fetch("http://127.0.0.1:9/").catch(() => {});
  await Promise.all([failed, all]);
  return [window.pwned === undefined, getComputedStyle(document.body).display, [...blocked].sort()];
}
"""


@pytest.fixture
def page(shell: Shell) -> Path:
    """The page of a run in which agents said what would do harm."""
    (shell.folder / ".binex").mkdir(0o700)
    shell.write("hostile.yaml", FLOW)
    shell.write("agents.py", AGENTS)
    assert shell("run", "hostile.yaml", "-q", "--var", f"topic={EVIL}").code == 75
    assert shell("answer", "latest", "gate", "reject", "--feedback", EVIL.replace("\x1b", "")).code == 0
    assert shell("resume", "latest", "-q").code == 1
    assert shell("export", "--format", "html", "-o", "run.html").code == 0
    return shell.folder / "run.html"


@pytest.mark.parametrize("width", [1440, 390])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_a_word_and_can_be_read(
    chromium: Path, page: Path, width: int, scheme: Literal["light", "dark"]
) -> None:
    with opened(chromium, page, width=width, scheme=scheme) as found:
        shown = found.page
        assert shown.locator("h1").inner_text().startswith("hostile")
        assert shown.locator(".verdict").inner_text().startswith("Failed: 'fails' failed")
        shown.evaluate("document.querySelectorAll('details').forEach(e => { e.open = true; })")
        assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert shown.evaluate(CONTRAST) == []
        assert found.errors() == []


def test_what_agents_say_is_text_wherever_it_stands(chromium: Path, page: Path) -> None:
    with opened(chromium, page) as found:
        shown = found.page
        body = shown.evaluate("document.body.textContent")
        said = EVIL.replace("\x1b", "\\x1b").replace("\u202e", "\\u202e")
        assert body.count(said) >= 8  # an output, inputs, errors, a variable, a prompt, messages, a question, feedback
        assert shown.evaluate("window.pwned") is None
        odd = "script, img, iframe, object, embed, base, form, [onload], [onerror], [style], meta[http-equiv=refresh]"
        assert shown.locator(odd).count() == 0
        targets = shown.evaluate("[...document.querySelectorAll('[href], [src]')].map(e => e.getAttribute('href'))")
        assert all(target.startswith("#") or target == "data:," for target in targets)
        links = shown.evaluate("[...document.querySelectorAll('a[href]')].map(e => e.getAttribute('href'))")
        assert [link for link in links if shown.locator(link).count() != 1] == []
        assert found.errors() == []


def test_the_policy_of_the_page_holds(chromium: Path, page: Path) -> None:
    with opened(chromium, page) as found:
        is_safe, display, blocked = found.page.evaluate(TRY_TO_BREAK_OUT)
        assert is_safe
        assert display == "block"
        assert blocked == ["connect-src", "img-src", "script-src-elem", "style-src-elem"]


def test_the_page_says_what_became_of_every_task(chromium: Path, page: Path) -> None:
    with opened(chromium, page) as found:
        shown = found.page
        assert [shown.locator(f"#{id}").count() for id in ("failed", "timeline", "graph", "tasks", "inputs")] == [1] * 5
        names = shown.locator(".task h3").all_inner_texts()
        assert {"plan", "odd", "each", "fails", "blocked", "never", "gate", "last"} <= set(names)
        assert shown.locator(".task[open] > summary h3").all_inner_texts() == ["fails"]

        plan = shown.locator("details.task:has(> summary h3:text-is('plan'))")
        plan.locator("> summary").click()
        text = plan.inner_text()
        for part in ("1,204 in", "$0.0123", "mock/planner", "temperature 0.5", "Plan B <b>bold</b>", "plan:1.1"):
            assert part in text
        roles = plan.locator(".message .role").all_inner_texts()
        assert roles == ["system", "user", "reply"]

        fails = shown.locator("details.task:has(> summary h3:text-is('fails'))")
        assert "agents.py" in fails.inner_text()
        assert fails.locator("tbody tr").count() == 2
        assert fails.get_by_role("link", name="odd").first.get_attribute("href") is not None

        assert shown.locator(".timeline li:not(.scale-row)").count() == 10  # what ran, items too
        assert shown.locator(".graph svg g").count() == 9
        edges = shown.locator(".graph path.edge title").evaluate_all("all => all.map(e => e.textContent)")
        assert "odd to fails: ${odd.output}" in edges
        assert shown.locator(".graph path.edge.order title").evaluate_all("all => all.map(e => e.textContent)") == [
            "odd to big"
        ]


def test_a_link_opens_the_task_that_it_leads_to(chromium: Path, page: Path) -> None:
    with opened(chromium, page) as found:
        item = found.page.locator("details.task h3:text-is('each[1]')")
        assert not item.is_visible()
        found.page.locator(".timeline a:text-is('each[1]')").click()
        item.wait_for(state="visible")


def test_what_is_too_long_is_cut_with_the_command_that_shows_it(chromium: Path, page: Path) -> None:
    with opened(chromium, page) as found:
        big = found.page.locator("details.task:has(> summary h3:text-is('big'))")
        text = big.evaluate("e => e.textContent")
        assert "Cut here: the first 65,536 of 180,000 characters." in text
        assert "big.output" in text
        assert len(text) < 80_000
        assert (
            "1 value cut: at most 65,536 characters of each, 20 MiB in all" in found.page.locator("footer").inner_text()
        )


def test_a_page_can_be_printed(chromium: Path, page: Path) -> None:
    with opened(chromium, page) as found:
        assert found.page.pdf().startswith(b"%PDF")


def test_a_run_of_2000_tasks_opens_folded(chromium: Path, shell: Shell) -> None:
    (shell.folder / ".binex").mkdir(0o700)
    shell.write(
        "many.yaml",
        """
        name: many
        inputs: {n: {type: array}}
        nodes:
          each: {foreach: "${user.n}", max_items: 5000, agent: local://agents.some, inputs: {value: "${item}"}}
        """,
    )
    shell.write("agents.py", "def some(value):\n    if value % 500 == 7: raise ValueError('seven')\n    return value\n")
    numbers = json.dumps(list(range(2000)))
    assert shell("run", "many.yaml", "-q", "--durability", "normal", "--var", f"n={numbers}").code in (0, 1)
    assert shell("export", "--format", "html", "-o", "many.html").code == 0
    assert (shell.folder / "many.html").stat().st_size < 4_000_000
    with opened(chromium, shell.folder / "many.html") as found:
        shown = found.page
        assert shown.locator(".task").count() == 2001
        assert shown.locator(".task[open] > summary h3").all_inner_texts() == [
            f"each[{n}]" for n in (7, 507, 1007, 1507)
        ]
        assert "each[7], each[507], each[1007] and 1 more" in shown.locator("#failed").inner_text()
        assert "1,501 tasks above stand only with how they ended" in shown.locator("#tasks").inner_text()
        assert found.errors() == []


def test_what_was_taken_over_says_from_where(chromium: Path, shell: Shell) -> None:
    (shell.folder / ".binex").mkdir(0o700)
    shell("run", "good.yaml", "-q")
    shell("replay", "latest", "--from", "b", "-q")
    fork: Any = shell("runs", "--json").json()["runs"][0]
    assert shell("export", "--format", "html", "-o", "fork.html").code == 0
    with opened(chromium, shell.folder / "fork.html") as found:
        parent = fork["origin"]["parent"]
        a = found.page.locator("details.task:has(> summary h3:text-is('a'))")
        assert f"run {parent}, as a" in a.evaluate("e => e.textContent")
        assert f"a fork of run {parent} at b" in found.page.locator("#inputs").inner_text()
