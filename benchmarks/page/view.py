"""How long it takes until a run is seen: its graph, its timeline and what became of it."""

from pathlib import Path

from benchmarks.page.served import browser, open_tab, serving

DRAWN = """
(() => {
  const seen = (window.seen = {});
  const isSeen = (element) => {
    return element.getBoundingClientRect().width > 0 && element.checkVisibility({ visibilityProperty: true });
  };
  const parts = { graph: ".react-flow__node .card", timeline: ".timeline-row", details: ".run-details .panel-body" };
  const look = () => {
    for (const [part, selector] of Object.entries(parts)) {
      if (seen[part] === undefined && [...document.querySelectorAll(selector)].some(isSeen)) {
        seen[part] = performance.now();
      }
    }
    if (Object.keys(seen).length < 3) requestAnimationFrame(look);
  };
  look();
})();
"""
"""Notes when the parts of a run are seen, in milliseconds since its address was entered."""
ALL = "() => Object.keys(window.seen).length === 3"


def measure(folder: Path) -> dict[str, float]:
    """The first view after the server has started, and another one by a browser that has kept nothing."""
    with serving(folder) as served, browser() as started:
        found = {}
        for name in ("first", "again"):
            page = open_tab(started, served, "runs/latest", DRAWN)
            page.wait_for_function(ALL, timeout=60_000)
            seen: dict[str, float] = page.evaluate("window.seen")
            found[f"{name}_s"] = max(seen.values()) / 1000
            found |= {f"{name}_{part}_s": since / 1000 for part, since in seen.items()}
            page.context.close()
    return found
