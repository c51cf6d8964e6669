"""How long after a save under `binex dev` its new output is shown."""

import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.page.served import browser, developing, open_tab, served_by

_SAVES = 8
_FLOW = """
nodes:
  first: {agent: local://work.first}
  say: {agent: local://work.say, inputs: {before: "${first.output}"}}
  last: {agent: local://work.last, inputs: {said: "${say.output}"}}
"""
_CODE = """
def first():
    return "begin"


def say(before):
    return before + " {number}"


def last(said):
    return said
"""
_ROWS = """
(() => {
  window.rows = {};
  const read = () => {
    const now = performance.timeOrigin + performance.now();
    for (const row of document.querySelectorAll("tr")) {
      const id = row.querySelector("a.run-name")?.getAttribute("href").slice("#/runs/".length);
      if (id !== undefined && row.textContent.includes("completed")) window.rows[id] ??= now;
    }
  };
  const all = { childList: true, subtree: true, characterData: true, attributes: true };
  new MutationObserver(read).observe(document, all);
})();
"""
"""Notes when runs stand in the list as completed."""


def measure(folder: Path) -> dict[str, float]:
    """Edits of a function in the middle of three; the page shows the list of runs."""
    here = Path(tempfile.mkdtemp(dir=folder))
    (here / "flow.yaml").write_text(_FLOW)
    (here / "work.py").write_text(_CODE.format(number=0))
    shown, listed = [], []
    with developing(here) as process, browser() as started:
        served = served_by(process, process.stdout)
        _next_done(process)
        page = open_tab(started, served, "runs", _ROWS)
        page.locator("a.run-name").first.wait_for(timeout=60_000)
        page.wait_for_timeout(1000)
        for number in range(1, _SAVES + 1):
            saved = time.time()
            (here / "work.py.new").write_text(_CODE.format(number=number))
            (here / "work.py.new").replace(here / "work.py")  # at once, as editors do
            done = _next_done(process)
            shown.append(time.time() - saved)
            summary = done["summary"]
            assert f"begin {number}" in json.dumps(summary), (number, summary["run"]["status"], summary["outputs"])
            run = _run_of(done)
            page.wait_for_function("(id) => window.rows[id] !== undefined", arg=run, timeout=60_000)
            listed.append(page.evaluate("(id) => window.rows[id]", run) / 1000 - saved)
            page.wait_for_timeout(300)
    return {
        "shown_s": statistics.median(shown),
        "shown_slowest_s": max(shown),
        "listed_s": statistics.median(listed),
        "listed_slowest_s": max(listed),
    }


def _next_done(process: "subprocess.Popen[str]") -> Any:
    """What is said when a run has come to its end."""
    for line in process.stdout or ():
        if (said := json.loads(line)).get("event") == "run_done":
            return said
    raise RuntimeError("`binex dev` has ended")


def _run_of(done: Any) -> str:
    return str(done["summary"]["run"]["id"])
