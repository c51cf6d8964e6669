import { type KeyboardEvent, type RefObject, useEffect, useRef, useState } from "react";
import { HEIGHT, type Layout, type Point, WIDTH } from "./places";

type Direction = "ArrowRight" | "ArrowLeft" | "ArrowUp" | "ArrowDown";
const DIRECTIONS: Record<Direction, Point> = {
  ArrowRight: { x: 1, y: 0 },
  ArrowLeft: { x: -1, y: 0 },
  ArrowUp: { x: 0, y: -1 },
  ArrowDown: { x: 0, y: 1 },
};
/** How much more what lies beside counts than what lies ahead. */
const ASIDE = 2.5;

/** The next node from *from* in a direction: near, and rather straight ahead than aside. */
function nextTo(places: ReadonlyMap<string, Point>, from: string, direction: Direction): string | null {
  const here = places.get(from);
  if (here === undefined) return null;
  const ahead = DIRECTIONS[direction];
  let best: { id: string; far: number } | null = null;
  for (const [id, place] of places) {
    const [x, y] = [(place.x - here.x) / WIDTH, (place.y - here.y) / HEIGHT];
    const along = x * ahead.x + y * ahead.y;
    if (id === from || along < 0.3) continue;
    const far = along + ASIDE * Math.abs(x * ahead.y + y * ahead.x);
    if (best === null || far < best.far) best = { id, far };
  }
  return best?.id ?? null;
}

/**
 * One node of the graph stands in the order of Tab, and the arrows move to the others. *show* brings a place into view,
 * as a node that cannot be seen need not be there.
 */
export function useRoving(box: RefObject<HTMLElement | null>, places: Layout["places"] | null, chosen: string | null, show: (place: Point) => void) {
  const [at, setAt] = useState<string | null>(null);
  const isMoving = useRef(false);
  const first = places?.keys().next().value ?? null;
  const current = [at, chosen, first].find((id) => id !== null && places?.has(id) === true) ?? null;
  useEffect(() => {
    if (!isMoving.current || current === null) return;
    isMoving.current = false;
    let tries = 0;
    function focus(): void {
      const card = box.current?.querySelector<HTMLElement>(`[data-part="${CSS.escape(current ?? "")}"]`);
      if (card !== null && card !== undefined) card.focus({ preventScroll: true });
      else if ((tries += 1) < 30) requestAnimationFrame(focus);
    }
    focus();
  }, [current, box]);
  function onKeyDown(event: KeyboardEvent): void {
    if (places === null || current === null || event.altKey || event.ctrlKey || event.metaKey) return;
    const isInside = event.target instanceof HTMLElement && event.target.closest(".card, .graph-keys") !== null;
    if (!isInside) return;
    const ids = [...places.keys()];
    const to = event.key in DIRECTIONS ? nextTo(places, current, event.key as Direction) : event.key === "Home" ? (ids[0] ?? null) : event.key === "End" ? (ids[ids.length - 1] ?? null) : null;
    if (to === null) return;
    event.preventDefault();
    isMoving.current = true;
    setAt(to);
    const place = places.get(to);
    if (place !== undefined) show(place);
  }
  return { current, onKeyDown, setAt };
}
