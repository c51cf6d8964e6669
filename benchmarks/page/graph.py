"""Large graphs: how long until one is folded and laid out, and what it costs to pan it."""

from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.page.served import browser, open_tab, serving
from benchmarks.page.view import DRAWN

if TYPE_CHECKING:
    from playwright.sync_api import CDPSession, Page

_MOVES = 90
_EMPTY = """
() => {
  const box = document.querySelector(".react-flow__pane").getBoundingClientRect();
  for (let y = box.top + 8; y < box.bottom - 60; y += 12)
    for (let x = box.left + 8; x < box.right - 420; x += 12)
      if (document.elementFromPoint(x, y)?.classList.contains("react-flow__pane")) return [x, y];
  return null;
}
"""
"""A place in the graph where nothing stands, from which it can be drawn to the right."""
_COUNT = """
() => {
  window.frames_seen = 0;
  const count = () => { window.frames_seen += 1; requestAnimationFrame(count); };
  requestAnimationFrame(count);
}
"""


def measure(folder: Path) -> dict[str, float]:
    """The latest run in *folder*."""
    with serving(folder) as served, browser() as started:
        page = open_tab(started, served, "runs/latest", DRAWN)
        page.wait_for_function("() => window.seen.graph !== undefined", timeout=120_000)
        drawn: float = page.evaluate("window.seen.graph")
        parts: int = page.locator(".react-flow__node").count()
        page.wait_for_timeout(1500)  # what is still being read is not part of panning
        return {"drawn_s": drawn / 1000, "parts": float(parts), **_pan(page)}


def _pan(page: "Page") -> dict[str, float]:
    place: list[float] = page.evaluate(_EMPTY)
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.mouse.move(*place)
    page.mouse.down()
    page.evaluate(_COUNT)
    before, frames_before = _figures(session), page.evaluate("window.frames_seen")
    for number in range(_MOVES):
        page.mouse.move(place[0] + 4 * number, place[1] + number % 7)
    after, frames_after = _figures(session), page.evaluate("window.frames_seen")
    page.mouse.up()
    frames = max(1, frames_after - frames_before)
    return {
        "script_ms": 1000 * (after["ScriptDuration"] - before["ScriptDuration"]) / frames,
        "task_ms": 1000 * (after["TaskDuration"] - before["TaskDuration"]) / frames,
        "frames": float(frames),
    }


def _figures(session: "CDPSession") -> dict[str, float]:
    found = session.send("Performance.getMetrics")["metrics"]
    return {one["name"]: one["value"] for one in found}
