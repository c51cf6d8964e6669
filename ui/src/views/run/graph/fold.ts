import type { FoldedGraph, GraphEdge, GraphNode, NodeGroup, RunGraph } from "../../../api/types";

const LEAST = 3;

export function isGroup(part: GraphNode | NodeGroup): part is NodeGroup {
  return "nodes" in part;
}

/** The graph without any group. */
export function unfolded(graph: Pick<RunGraph, "nodes" | "edges">): FoldedGraph {
  return { parts: graph.nodes, edges: graph.edges };
}

/** Nodes with the same agent, the same dependencies and the same dependents as one, as `analysis/graph_fold.py` does. */
export function fold(graph: Pick<RunGraph, "nodes" | "edges">): FoldedGraph {
  const before = new Map(graph.nodes.map((node) => [node.id, new Set<string>()]));
  const after = new Map(graph.nodes.map((node) => [node.id, new Set<string>()]));
  for (const edge of graph.edges) {
    before.get(edge.after)?.add(edge.before);
    after.get(edge.before)?.add(edge.after);
  }
  const alike = new Map<string, GraphNode[]>();
  for (const node of graph.nodes) {
    const key = JSON.stringify([node.agent, sorted(before.get(node.id)), sorted(after.get(node.id))]);
    const kept = alike.get(key);
    if (kept === undefined) alike.set(key, [node]);
    else kept.push(node);
  }
  const standsFor = new Map<string, string>();
  const place = new Map(graph.nodes.map((node, index) => [node.id, index]));
  const parts: (GraphNode | NodeGroup)[] = [];
  for (const nodes of alike.values()) {
    const first = nodes[0];
    if (first === undefined) continue;
    if (nodes.length < LEAST) {
      parts.push(...nodes);
      continue;
    }
    parts.push({ id: first.id, agent: first.agent, nodes });
    nodes.forEach((node) => standsFor.set(node.id, first.id));
  }
  parts.sort((one, other) => (place.get(one.id) ?? 0) - (place.get(other.id) ?? 0));
  return { parts, edges: edgesBetween(graph.edges, standsFor) };
}

function edgesBetween(edges: readonly GraphEdge[], standsFor: ReadonlyMap<string, string>): GraphEdge[] {
  const found = new Map<string, GraphEdge>();
  for (const edge of edges) {
    const before = standsFor.get(edge.before) ?? edge.before;
    const after = standsFor.get(edge.after) ?? edge.after;
    const key = `${before} ${after}`;
    const known = found.get(key);
    found.set(key, {
      before,
      after,
      kinds: [...new Set([...(known?.kinds ?? []), ...edge.kinds])],
      references: known === undefined ? edge.references : known.references,
    });
  }
  return [...found.values()];
}

function sorted(names: ReadonlySet<string> | undefined): string[] {
  return [...(names ?? [])].sort();
}
