import ELK, { type ElkExtendedEdge } from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";
import type { FoldedGraph } from "../../../api/types";

export const WIDTH = 208;
export const HEIGHT = 62;
const LARGEST_WRAPPED = 60;
/** A chain of so many nodes is drawn in several rows. */
const DEEP = 7;

export interface Point {
  x: number;
  y: number;
}

export interface Layout {
  places: Map<string, Point>;
  /** The corners of each edge, by its ends. */
  routes: Map<string, Point[]>;
}

const elk = new ELK({ workerFactory: () => new Worker(workerUrl) });

export function keyOf(before: string, after: string): string {
  return `${before} ${after}`;
}

/** Where everything stands, computed in a worker. */
export async function layOut(graph: Pick<FoldedGraph, "parts" | "edges">, direction: "RIGHT" | "DOWN"): Promise<Layout> {
  const known = new Set(graph.parts.map((part) => part.id));
  const answer = await elk.layout({
    id: "root",
    layoutOptions: {
      "elk.algorithm": "layered",
      "elk.direction": direction,
      "elk.edgeRouting": "ORTHOGONAL",
      "elk.layered.spacing.nodeNodeBetweenLayers": direction === "RIGHT" ? "56" : "44",
      "elk.spacing.nodeNode": "22",
      "elk.spacing.edgeNode": "16",
      "elk.layered.nodePlacement.strategy": "NETWORK_SIMPLEX",
      "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
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
function depthOf(edges: FoldedGraph["edges"]): number {
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
