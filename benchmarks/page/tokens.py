"""How long after a model has said a word it is read on the page."""

import shutil
import statistics
import tempfile
from pathlib import Path

from benchmarks.harness import HERE
from benchmarks.page.models import speaking_server
from benchmarks.page.served import browser, open_tab, serving

_WORDS = 60
_PAUSE_S = 0.05
_LEFT_OUT = 5
"""The first ones, which are on their way while the page still asks what the task is doing."""
_FLOW = """
inputs: {{go: {{type: string}}}}
nodes:
  begin: {{agent: local://steps.wait_for, inputs: {{file: "${{user.go}}"}}}}
  speak:
    agent: llm://openai/gpt-4o-mini
    depends_on: [begin]
    inputs: {{question: "Hello?"}}
    config: {{api_base: "{base}", api_key: key}}
"""
_LISTEN = r"""
(() => {
  window.delays = {};
  const read = () => {
    const now = performance.timeOrigin + performance.now();
    const text = document.querySelector("main")?.textContent ?? "";
    for (const [, stamp] of text.matchAll(/<([\d.]+)>/g)) window.delays[stamp] ??= now - Number(stamp);
  };
  new MutationObserver(read).observe(document, { childList: true, subtree: true, characterData: true });
})();
"""
"""Every word is the time at which it was sent; the last ones may come with the whole answer."""


def measure(folder: Path) -> dict[str, float]:
    """A run that is executed by the process that serves the page; words come every 50 ms."""
    here = Path(tempfile.mkdtemp(dir=folder))
    shutil.copy(HERE / "steps.py", here)
    go = here / "go"
    with speaking_server(_WORDS, _PAUSE_S) as base, serving(here) as served, browser() as started:
        (here / "flow.yaml").write_text(_FLOW.format(base=base))
        run = served.post("/api/workflows/flow.yaml/run", {"vars": {"go": str(go)}})["run"]
        page = open_tab(started, served, f"runs/{run}?task=speak&tab=talk", _LISTEN)
        page.locator(".timeline-row").first.wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        go.touch()
        page.wait_for_function("(words) => Object.keys(window.delays).length >= words", arg=_WORDS, timeout=60_000)
        found: dict[str, float] = page.evaluate("window.delays")
    delays = [found[stamp] for stamp in sorted(found)]
    late = sorted(delays[_LEFT_OUT:])
    return {
        "seen": float(len(delays)),
        "median_ms": statistics.median(late),
        "most_ms": late[int(len(late) * 0.95)],
        "slowest_ms": late[-1],
        "first_ms": max(delays[:_LEFT_OUT]),
    }
