import ELK, { type ElkExtendedEdge } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import type { GraphEdge } from "../../../api/types";
import type { Drawing } from "./fold";
import { HEIGHT, keyOf, type Layout, type Point, WIDTH } from "./places";
import { layOutQuickly } from "./quick_layout";

/** More than this takes ELK seconds. */
const LARGEST = { parts: 80, edges: 200 };
const LARGEST_WRAPPED = 60;
/** A chain of so many nodes is drawn in several rows. */
const DEEP = 7;

const LAYERED = {
  "elk.algorithm": "layered",
  "elk.edgeRouting": "ORTHOGONAL",
  "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
};

const elk = new ELK({ workerFactory: () => new Worker(workerUrl) });
// Its first layout takes several times as long as any other: this one is done while the run is still being read.
void elk.layout({ id: "root", layoutOptions: LAYERED, children: [{ id: "a" }, { id: "b" }, { id: "c" }], edges: [{ id: "ab", sources: ["a"], targets: ["b"] }, { id: "ac", sources: ["a"], targets: ["c"] }] });

/** Where everything stands; computed in a worker, unless it is too large for that. */
export async function layOut(graph: Drawing, direction: "RIGHT" | "DOWN"): Promise<Layout> {
  if (graph.parts.length > LARGEST.parts || graph.edges.length > LARGEST.edges) {
    return layOutQuickly(graph, direction === "DOWN", { width: WIDTH, height: HEIGHT });
  }
  const known = new Set(graph.parts.map((part) => part.id));
  const answer = await elk.layout({
    id: "root",
    layoutOptions: {
      ...LAYERED,
      "elk.direction": direction,
      "elk.layered.spacing.nodeNodeBetweenLayers": direction === "RIGHT" ? "56" : "44",
      "elk.spacing.nodeNode": "22",
      "elk.spacing.edgeNode": "16",
      "elk.aspectRatio": "1.7",
      ...(graph.parts.length <= LARGEST_WRAPPED && depthOf(graph.edges) >= DEEP ? { "elk.layered.wrapping.strategy": "MULTI_EDGE", "elk.layered.wrapping.additionalEdgeSpacing": "20" } : {}),
      "elk.padding": "[top=16,left=16,bottom=16,right=16]",
    },
    children: graph.parts.map((part) => ({ id: part.id, width: WIDTH, height: HEIGHT })),
    edges: graph.edges
      .filter((edge) => known.has(edge.before) && known.has(edge.after))
      .map((edge) => ({ id: keyOf(edge.before, edge.after), sources: [edge.before], targets: [edge.after] })),
  });
  const places = new Map((answer.children ?? []).map((child) => [child.id, { x: child.x ?? 0, y: child.y ?? 0 }]));
  const routes = new Map<string, Point[]>();
  for (const edge of (answer.edges ?? []) as ElkExtendedEdge[]) {
    const section = edge.sections?.[0];
    if (section !== undefined) routes.set(edge.id, [section.startPoint, ...(section.bendPoints ?? []), section.endPoint]);
  }
  return { places, routes };
}

/** How many nodes stand in the longest chain. */
function depthOf(edges: readonly GraphEdge[]): number {
  const before = new Map<string, string[]>();
  for (const edge of edges) before.set(edge.after, [...(before.get(edge.after) ?? []), edge.before]);
  const known = new Map<string, number>();
  function depth(id: string): number {
    const found = known.get(id);
    if (found !== undefined) return found;
    const here = 1 + Math.max(0, ...(before.get(id) ?? []).map(depth));
    known.set(id, here);
    return here;
  }
  return Math.max(0, ...[...before.keys()].map(depth));
}

/** A line through *points* with round corners. */
export function pathThrough(points: readonly Point[], radius = 8): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  const parts = [`M${first.x} ${first.y}`];
  rest.forEach((point, index) => {
    const next = rest[index + 1];
    const before = index === 0 ? first : rest[index - 1];
    if (next === undefined || before === undefined) {
      parts.push(`L${point.x} ${point.y}`);
      return;
    }
    const from = towards(point, before, radius);
    const to = towards(point, next, radius);
    parts.push(`L${from.x} ${from.y}`, `Q${point.x} ${point.y} ${to.x} ${to.y}`);
  });
  return parts.join("");
}

function towards(from: Point, to: Point, most: number): Point {
  const length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
  const share = Math.min(most, length / 2) / length;
  return { x: from.x + (to.x - from.x) * share, y: from.y + (to.y - from.y) * share };
}
