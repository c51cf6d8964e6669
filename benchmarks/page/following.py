"""What it costs a run that pages follow it."""

import http.client
import shutil
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.harness import HERE
from benchmarks.page.served import Served, browser, open_tab, serving, until

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_PAGES = 10
_TASKS = 2_500
_AT_A_TIME = 52
_NAP_S = 0.1
"""So many tasks at a time that await so long are about 500 a second."""
_FLOW = f"""
concurrency: {_AT_A_TIME}
inputs: {{go: {{type: string}}}}
nodes:
  begin: {{agent: local://steps.wait_for, inputs: {{file: "${{user.go}}"}}}}
  list: {{agent: local://steps.count, inputs: {{n: {_TASKS}}}, depends_on: [begin]}}
  each:
    agent: local://steps.nap
    foreach: ${{list.output}}
    max_items: {_TASKS}
    inputs: {{seconds: {_NAP_S}}}
"""


def measure(folder: Path) -> dict[str, float]:
    """The same run with nobody, with pages, and with what only hears the same; in the process that serves them."""
    here = Path(tempfile.mkdtemp(dir=folder))
    (here / "flow.yaml").write_text(_FLOW)
    shutil.copy(HERE / "steps.py", here)
    found: dict[str, float] = {}
    with browser() as started:
        for name, pages, listeners in (("alone", 0, 0), ("followed", _PAGES, 0), ("heard", 0, _PAGES)):
            taken = _run(started, here, pages, listeners)
            found |= {f"{name}_{figure}": value for figure, value in taken.items()}
    return found


def _run(started: "Browser", folder: Path, pages: int, listeners: int) -> dict[str, float]:
    """Seconds from the first task to the last, and how long the server computed for each."""
    with serving(folder) as served:
        go = folder / f"go-{pages}-{listeners}"
        run = served.post("/api/workflows/flow.yaml/run", {"vars": {"go": str(go)}})["run"]
        tabs = [open_tab(started, served, f"runs/{run}") for _ in range(pages)]
        for tab in tabs:
            tab.locator(".timeline-row").first.wait_for(timeout=60_000)
            tab.locator(".react-flow__node").first.wait_for(timeout=60_000)
            tab.wait_for_timeout(100)
        for _ in range(listeners):
            threading.Thread(target=_listen, args=(served, run), daemon=True).start()
        before = served.cpu_seconds()
        go.touch()
        until(lambda: _status(served, run) != "running", "the run does not end", 120)
        computed = served.cpu_seconds() - before
        each = next(task for task in served.get(f"/api/runs/{run}/trace")["tasks"] if task["task"] == "each")
        assert len(each["items"]) == _TASKS
        for tab in tabs:
            tab.locator(".run-header", has_text="completed").wait_for(timeout=60_000)
            tab.context.close()
    seconds = each["duration_ms"] / 1000
    return {"s": seconds, "tasks_per_s": _TASKS / seconds, "cpu_ms": 1000 * computed / _TASKS}


def _listen(served: Served, run: str) -> None:
    """Read what is told of *run* until its end, and do nothing with it."""
    connection = http.client.HTTPConnection(served.base.removeprefix("http://"))
    connection.request("GET", f"/api/events?run={run}", headers={"Cookie": served.cookie})
    answer = connection.getresponse()
    while b"event: end" not in answer.read1(1 << 16):
        pass
    connection.close()


def _status(served: Served, run: str) -> str:
    """Asked for in the list of runs, which costs little."""
    found = next(one for one in served.get("/api/runs?limit=2")["runs"] if one["id"] == run)
    return str(found["status"])
